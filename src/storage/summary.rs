//! Reads the fields of a request that status polling needs; omits the plan and the details, which are the bulk of a row.

use super::error::StoreError;
use super::store::Store;
use super::tables::Table;
use crate::domain::ids::RequestId;
use crate::domain::request::Request;
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The attributes that are not read.
const OMITTED: [&str; 2] = ["plan", "details"];

/// A request without its plan and details: good for saying where it stands, not for carrying it out.
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
    let names: Vec<&str> = fields_of::<Request>().iter().copied().filter(|name| !OMITTED.contains(name)).collect();
    // Many names are words that DynamoDB reserves.
    Projection {
        expression: names.iter().map(|name| format!("#{name}")).collect::<Vec<_>>().join(", "),
        names: names.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect(),
    }
});

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
    fn everything_is_read_but_the_bulk() {
        let read: Vec<&str> = PROJECTION.names.values().map(String::as_str).collect();
        for name in ["status", "facts", "checkpoint", "outcome", "followers", "cancellation"] {
            assert!(read.contains(&name), "{name}: {read:?}");
        }
        for name in OMITTED {
            assert!(!read.contains(&name) && fields_of::<Request>().contains(&name), "{name}");
        }
    }
}
