//! What a template changes against another, and which of the changes a person must see first. Pure and cautious: what
//! cannot be understood is a finding.
//!
//! Templates are compared by effect: parameters count with their values, conditions with their expressions, SAM's
//! globals with the resources that inherit them, policies in JSON texts as policies. A finding is about what is new or
//! changed; what the old template had already is none, unless it moved to another resource.

mod changes;
mod effective;
mod rules;
mod text;

pub use text::text_findings;

use super::template::Template;
use crate::domain::backend::parameters::StackParameters;
use effective::Effective;
use rules::{Hit, Watch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many findings are listed; a last one counts the rest.
pub const MAX_FINDINGS: usize = 200;

/// What differs between two templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateDiff {
    /// Whether both mean the same and are deployed with the same parameters.
    pub unchanged: bool,
    /// The resources that differ, by logical id.
    pub changes: Vec<ResourceDiff>,
    /// The members of other sections that differ, and the parameters' values.
    pub sections: Vec<SectionDiff>,
    /// What a person must see first.
    pub findings: Vec<Finding>,
}

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it.
pub enum Change {
    Added,
    Removed,
    Changed,
}

/// A resource that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceDiff {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type, such as `AWS::Lambda::Function`; the new one when that differs.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it differs.
    pub change: Change,
    /// The paths of what differs in a changed resource, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<String>,
}

/// A member of a section other than `Resources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SectionDiff {
    /// The section; `sam_params` for the values that the project gives.
    pub section: String,
    /// The member, where the section is a mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// How it differs.
    pub change: Change,
}

/// The rules a change can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A policy or permission lets anybody in.
    WildcardPrincipal,
    /// A Lambda function URL takes calls without credentials.
    OpenFunctionUrl,
    /// A bucket gives up one of the four public-access switches or has a public ACL.
    PublicBucket,
    /// An IAM resource, a role in use, a trust policy, or what SAM makes into one.
    Iam,
    /// A policy at a resource, or a permission to call it.
    ResourcePolicy,
    /// What checks callers of an API differs.
    Authorization,
    /// Traffic from anywhere is let in.
    OpenIngress,
    /// A KMS key, its policy or its use; encryption that ends.
    Kms,
    /// A password, token or key stands in the template.
    LiteralSecret,
    /// A public address or endpoint is switched on.
    PublicIp,
    /// What keeps a resource's data when it is deleted or replaced is weaker.
    RetainRemoved,
    /// The physical name of a resource with data differs, which replaces it.
    NameRemoved,
    /// A resource with data is removed, or its condition differs.
    StatefulRemoved,
    /// A template within the template, which is not seen here.
    NestedStack,
    /// A transform or macro, which may rewrite everything.
    Macro,
    /// Something whose effect is not known.
    NotUnderstood,
}

/// One thing a person must see first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The resource, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_id: Option<String>,
    /// Where in the resource or template, such as `Properties.Policies[0]`; a line for a finding in text.
    pub path: String,
    /// What it means. Never shows a secret.
    pub sentence: String,
}

/// A template with the parameters it is deployed with.
#[derive(Debug, Clone, Copy)]
pub struct Deployed<'a> {
    /// The template.
    pub template: &'a Template,
    /// What the project gives; other parameters have their defaults.
    pub parameters: &'a StackParameters,
}

/// Compares two templates with their parameters' defaults.
pub fn diff(old: &Template, new: &Template) -> TemplateDiff {
    let none = StackParameters::default();
    diff_deployed(Deployed { template: old, parameters: &none }, Deployed { template: new, parameters: &none })
}

/// Compares two templates with the parameters that each is deployed with.
pub fn diff_deployed(old: Deployed<'_>, new: Deployed<'_>) -> TemplateDiff {
    let before = Effective::of(old);
    let after = Effective::of(new);
    let mut findings = compare(rules::hits(&before), rules::hits(&after), &before, &after);
    if !before.complete || !after.complete {
        findings.insert(too_large());
    }
    TemplateDiff {
        unchanged: old.template == new.template && old.parameters == new.parameters,
        changes: changes::resources(old.template, new.template, &before, &after),
        sections: changes::sections(old, new),
        findings: listed(findings),
    }
}

/// The first findings, and one about the rest: no change set is so large, but a record must hold them.
fn listed(findings: BTreeSet<Finding>) -> Vec<Finding> {
    let rest = findings.len().saturating_sub(MAX_FINDINGS);
    let mut listed: Vec<Finding> = findings.into_iter().take(MAX_FINDINGS).collect();
    if rest > 0 {
        let sentence = format!("{rest} further findings are not listed.");
        listed.push(Finding { rule: Rule::NotUnderstood, logical_id: None, path: "Resources".to_owned(), sentence });
    }
    listed
}

/// Compares two template texts with the text rules as a second net: a rule that only they see broken counts, too. A
/// text that cannot be read is a finding.
pub fn diff_texts(old: (&str, &StackParameters), new: (&str, &StackParameters)) -> TemplateDiff {
    let mut diff = match (Template::parse(old.0), Template::parse(new.0)) {
        (Ok(before), Ok(after)) => diff_deployed(
            Deployed { template: &before, parameters: old.1 },
            Deployed { template: &after, parameters: new.1 },
        ),
        (before, after) => TemplateDiff {
            unchanged: old == new,
            changes: Vec::new(),
            sections: Vec::new(),
            findings: [("old", before), ("new", after)]
                .into_iter()
                .filter_map(|(which, read)| Some(unreadable(which, &read.err()?.to_string())))
                .collect(),
        },
    };
    let broken: BTreeSet<Rule> = diff.findings.iter().map(|finding| finding.rule).collect();
    let seen_in_text = text_findings(old.0, new.0).into_iter().filter(|finding| !broken.contains(&finding.rule));
    diff.findings.extend(seen_in_text.take(MAX_FINDINGS));
    diff
}

fn unreadable(which: &str, error: &str) -> Finding {
    Finding {
        rule: Rule::NotUnderstood,
        logical_id: None,
        path: format!("{which} template"),
        sentence: format!("The {which} template cannot be compared. {error}"),
    }
}

fn too_large() -> Finding {
    Finding {
        rule: Rule::NotUnderstood,
        logical_id: None,
        path: "Resources".to_owned(),
        sentence: "The template is too large to be checked once its parameters and mappings are put in their places."
            .to_owned(),
    }
}

/// What makes two hits the same thing: its rule, resource, type, place and content.
type Identity<'a> = (Rule, Option<&'a str>, &'a str, &'a str, &'a str);

fn identity(hit: &Hit) -> Identity<'_> {
    (hit.rule, hit.logical_id.as_deref(), &hit.kind, &hit.shape, &hit.unit)
}

/// The hits that one side has more often than the other.
fn surplus<'a>(hits: &'a [Hit], others: &'a [Hit]) -> Vec<&'a Hit> {
    let mut counts: BTreeMap<Identity<'_>, usize> = BTreeMap::new();
    for hit in others {
        *counts.entry(identity(hit)).or_default() += 1;
    }
    let mut found = Vec::new();
    for hit in hits {
        match counts.get_mut(&identity(hit)) {
            Some(count) if *count > 0 => *count -= 1,
            _ => found.push(hit),
        }
    }
    found
}

fn compare(old: Vec<Hit>, new: Vec<Hit>, before: &Effective, after: &Effective) -> BTreeSet<Finding> {
    let place = |hit: &Hit| (hit.rule, hit.logical_id.clone(), hit.path.clone());
    let old_places: BTreeSet<_> = old.iter().map(place).collect();
    let mut found: BTreeMap<_, Finding> = BTreeMap::new();
    for hit in surplus(&new, &old) {
        let change = if old_places.contains(&place(hit)) { Change::Changed } else { Change::Added };
        match hit.watch {
            Watch::Presence => found.entry(place(hit)).or_insert_with(|| hit.finding(None)),
            Watch::AnyChange => found.entry(place(hit)).or_insert_with(|| hit.finding(Some(change))),
            Watch::Loss => continue,
        };
    }
    for hit in surplus(&old, &new) {
        let stays = match &hit.logical_id {
            Some(id) => before.kind(id) == after.kind(id),
            None => true,
        };
        match hit.watch {
            Watch::Presence => continue,
            Watch::AnyChange => found.entry(place(hit)).or_insert_with(|| hit.finding(Some(Change::Removed))),
            Watch::Loss if hit.rule == Rule::StatefulRemoved && !stays => {
                found.entry(place(hit)).or_insert_with(|| hit.finding(Some(Change::Removed)))
            }
            // With the resource itself gone, what it loses is no more.
            Watch::Loss if !stays => continue,
            Watch::Loss => found.entry(place(hit)).or_insert_with(|| hit.finding(Some(Change::Changed))),
        };
    }
    found.into_values().collect()
}

#[cfg(test)]
mod bad_things;
#[cfg(test)]
mod tests;
