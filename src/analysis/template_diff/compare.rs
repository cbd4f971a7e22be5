//! Compares two templates: runs the rules over both and reports what only one of them has.

use super::changes;
use super::effective::{Deployed, Effective};
use super::report::{Change, Finding, MAX_FINDINGS, Rule, TemplateDiff};
use super::rules::{Hit, Watch, hits};
use crate::analysis::template::Template;
use crate::domain::backend::parameters::StackParameters;
use std::collections::{BTreeMap, BTreeSet};

/// Compares two templates with the parameters that each is deployed with.
pub fn diff_deployed(old: Deployed<'_>, new: Deployed<'_>) -> TemplateDiff {
    let before = Effective::of(old);
    let after = Effective::of(new);
    let mut findings = compare(hits(&before), hits(&after), &before, &after);
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

/// Keeps the first findings and one that counts the rest, so that a record has room for them.
fn listed(findings: BTreeSet<Finding>) -> Vec<Finding> {
    let rest = findings.len().saturating_sub(MAX_FINDINGS);
    let mut listed: Vec<Finding> = findings.into_iter().take(MAX_FINDINGS).collect();
    if rest > 0 {
        let sentence = format!("{rest} further findings are not listed.");
        listed.push(Finding { rule: Rule::NotUnderstood, logical_id: None, path: "Resources".to_owned(), sentence });
    }
    listed
}

/// Compares two template texts. A text that cannot be parsed is a finding.
pub fn diff_texts(old: (&str, &StackParameters), new: (&str, &StackParameters)) -> TemplateDiff {
    match (Template::parse(old.0), Template::parse(new.0)) {
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
    }
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
        sentence: "The template is too large to check once its parameters and mappings are expanded.".to_owned(),
    }
}

/// Identifies equal hits: rule, resource, type, place and content.
type Identity<'a> = (Rule, Option<&'a str>, &'a str, &'a str, &'a str);

fn identity(hit: &Hit) -> Identity<'_> {
    (hit.rule, hit.logical_id.as_deref(), &hit.kind, &hit.shape, &hit.unit)
}

/// Returns the hits that occur more often in `hits` than in `others`.
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
