//! Lists what differs between two templates.

use super::effective::{Deployed, Effective};
use super::report::{Change, ResourceDiff, SectionDiff};
use crate::analysis::template::Template;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The most paths listed for a resource.
const MAX_PATHS: usize = 50;

/// Lists the resources that differ in text or effect.
pub fn resources(old: &Template, new: &Template, before: &Effective, after: &Effective) -> Vec<ResourceDiff> {
    let ids: BTreeSet<&String> = before.resources.keys().chain(after.resources.keys()).collect();
    let resource = |id: &String| {
        let (was, is) = (before.resources.get(id), after.resources.get(id));
        let (change, properties) = match (was, is) {
            (Some(was), Some(is)) => {
                let mut paths = differences(&was.body, &is.body);
                if paths.is_empty() {
                    paths = differences(old.member("Resources", id)?, new.member("Resources", id)?);
                }
                (!paths.is_empty()).then_some((Change::Changed, paths))?
            }
            (None, _) => (Change::Added, Vec::new()),
            (_, None) => (Change::Removed, Vec::new()),
        };
        let kind = is.or(was).map(|resource| resource.kind.clone()).unwrap_or_default();
        Some(ResourceDiff { logical_id: id.clone(), kind, change, properties })
    };
    ids.into_iter().filter_map(resource).collect()
}

/// Lists the members of other sections that differ, and the parameter values that differ.
pub fn sections(old: Deployed<'_>, new: Deployed<'_>) -> Vec<SectionDiff> {
    let none = Map::new();
    let (was, is) = (old.template.sections(), new.template.sections());
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).filter(|name| *name != "Resources").collect();
    let mut found = Vec::new();
    for name in names {
        let sections = (was.get(name), is.get(name));
        let maps = (sections.0.map_or(Some(&none), Value::as_object), sections.1.map_or(Some(&none), Value::as_object));
        if let (Some(was), Some(is)) = maps {
            found.extend(members(name, was, is));
        } else {
            found.extend(change(sections.0, sections.1).map(|change| SectionDiff {
                section: name.clone(),
                member: None,
                change,
            }));
        }
    }
    let values = |deployed: Deployed<'_>| {
        deployed.parameters.iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    };
    found.extend(members("sam_params", &values(old), &values(new)));
    found
}

fn members(section: &str, was: &Map<String, Value>, is: &Map<String, Value>) -> Vec<SectionDiff> {
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differs = names.into_iter().filter_map(|name| Some((name, change(was.get(name), is.get(name))?)));
    differs
        .map(|(name, change)| SectionDiff { section: section.to_owned(), member: Some(name.clone()), change })
        .collect()
}

fn change(was: Option<&Value>, is: Option<&Value>) -> Option<Change> {
    match (was, is) {
        (None, None) => None,
        (None, Some(_)) => Some(Change::Added),
        (Some(_), None) => Some(Change::Removed),
        (Some(was), Some(is)) => (was != is).then_some(Change::Changed),
    }
}

/// Lists the paths at which two values differ.
fn differences(was: &Value, is: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    descend(was, is, "", &mut paths);
    paths
}

fn descend(was: &Value, is: &Value, path: &str, paths: &mut Vec<String>) {
    if paths.len() >= MAX_PATHS || was == is {
        return;
    }
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for name in names {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                descend(was.get(name).unwrap_or(&Value::Null), is.get(name).unwrap_or(&Value::Null), &below, paths);
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (at, (was, is)) in was.iter().zip(is).enumerate() {
                descend(was, is, &format!("{path}[{at}]"), paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}
