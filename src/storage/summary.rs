//! A request as far as looking at it takes. Who watches a deploy asks for it again and again, so the bulk of the row stays
//! where it is: what only approvers are shown, and the parameters of a backend.

use super::error::StoreError;
use super::store::Store;
use super::tables::Table;
use crate::domain::backend::target::{BackendPlan, BackendTarget, InfrastructurePlan};
use crate::domain::ids::RequestId;
use crate::domain::maintenance::MaintenancePlan;
use crate::domain::plan::FrontendPlan;
use crate::domain::project::FrontendTarget;
use crate::domain::request::Request;
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// What is left out, by its path.
const LEFT_OUT: [&str; 3] = ["review", "plan.parameters", "plan.target.sam_params"];

/// A request whose plan lacks its parameters, so that it is none to be carried out or hashed.
#[derive(Debug, Clone)]
pub struct RequestSummary(Request);

impl RequestSummary {
    /// For telling where it stands, and for nothing else.
    pub fn into_request(self) -> Request {
        self.0
    }
}

impl std::ops::Deref for RequestSummary {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.0
    }
}

/// A projection and what its placeholders stand for.
struct Projection {
    expression: String,
    names: HashMap<String, String>,
}

static PROJECTION: LazyLock<Projection> = LazyLock::new(|| {
    let paths = paths();
    let words: BTreeSet<&str> = paths.iter().flat_map(|path| path.split('.')).collect();
    // Many names are words that DynamoDB keeps for itself.
    let placeholder = |word: &str| format!("#{word}");
    let written = |path: &String| path.split('.').map(placeholder).collect::<Vec<_>>().join(".");
    Projection {
        expression: paths.iter().map(written).collect::<Vec<_>>().join(", "),
        names: words.into_iter().map(|word| (placeholder(word), word.to_owned())).collect(),
    }
});

/// Every path of a row but those left out. No path lies within another.
fn paths() -> Vec<String> {
    let within = |parent: &str, fields: &[&[&str]], opened: &[&str]| -> Vec<String> {
        let names: BTreeSet<&str> = fields.iter().flat_map(|fields| fields.iter().copied()).collect();
        let closed = names.into_iter().filter(|name| !opened.contains(name));
        closed.map(|name| format!("{parent}{name}")).collect()
    };
    let plans = [
        fields_of::<FrontendPlan>(),
        fields_of::<MaintenancePlan>(),
        fields_of::<InfrastructurePlan>(),
        fields_of::<BackendPlan>(),
    ];
    let targets = [fields_of::<FrontendTarget>(), fields_of::<BackendTarget>()];
    let mut paths = within("", &[fields_of::<Request>()], &["plan"]);
    paths.extend(within("plan.", &plans, &["target"]));
    paths.extend(within("plan.target.", &targets, &[]));
    paths.retain(|path| !LEFT_OUT.contains(&path.as_str()));
    paths
}

impl Store {
    /// Reads a request as it is now, as far as looking at it takes.
    pub async fn request_summary(&self, id: &RequestId) -> Result<Option<RequestSummary>, StoreError> {
        let (expression, names) = (&PROJECTION.expression, Some(PROJECTION.names.clone()));
        let item = self.get_part(Table::Requests, ("request_id", id.as_str()), expression, names).await?;
        item.map(|item| self.decode(Table::Requests, item).map(RequestSummary)).transpose()
    }
}

/// The names of a struct's fields, as serde asks for them.
fn fields_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It only says what it would read.
    drop(T::deserialize(Names(&mut names)));
    names
}

struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("nothing to read"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_read_but_the_bulk() {
        let paths = paths();
        for path in [
            "status",
            "run",
            "result",
            "followers",
            "plan.commit",
            "plan.change_set_id",
            "plan.manifest",
            "plan.maintenance",
        ] {
            assert!(paths.iter().any(|known| known == path), "{path}: {paths:?}");
        }
        for path in ["plan.target.frontend_bucket", "plan.target.stack_name", "plan.target.deploy_mode"] {
            assert!(paths.iter().any(|known| known == path), "{path}: {paths:?}");
        }
        for path in LEFT_OUT {
            assert!(!paths.iter().any(|known| known == path), "{path}");
            let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
            let fields = match parent {
                "" => fields_of::<Request>(),
                "plan" => fields_of::<BackendPlan>(),
                _ => fields_of::<BackendTarget>(),
            };
            assert!(fields.contains(&name), "there is no {path} to leave out");
        }
    }
}
