//! Runs every rule over a template.

use super::values::is_known_function;
use super::walker::{Hit, Object, Step, Walker, Watch, hash};
use super::{access, literals, network, storage, whole};
use crate::analysis::template_diff::effective::Effective;
use crate::analysis::template_diff::report::Rule;
use serde_json::Value;

/// Returns every hit in a template.
pub fn hits(effective: &Effective) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (id, resource) in &effective.resources {
        let mut walker = Walker::new(effective, Some((id, resource)), &mut hits);
        whole::check(&mut walker, resource);
        walker.walk(&resource.body, check_object);
    }
    for (name, section) in &effective.sections {
        let mut walker = Walker::new(effective, None, &mut hits);
        walker.below(Step::Name(name), |walker| {
            whole::check_section(walker, name, section);
            literals::check_section(walker, name, section);
        });
    }
    hits
}

/// Runs the rules on one object.
fn check_object(walker: &mut Walker<'_>, object: &Object<'_>) {
    // A macro may stand among members that it adds to.
    for (name, argument) in object.map.iter().filter(|(name, _)| name.starts_with("Fn::")) {
        check_function(walker, name, argument);
    }
    if object.is_call() {
        return;
    }
    access::check(walker, object);
    network::check(walker, object);
    storage::check(walker, object);
    literals::check(walker, object);
}

/// Notes macros, and functions whose effect is unknown.
fn check_function(walker: &mut Walker<'_>, name: &str, argument: &Value) {
    let (rule, says) = match name {
        "Fn::Transform" => (Rule::Macro, format!("The macro in {}", walker.subject())),
        _ if is_known_function(name) => return,
        _ => (Rule::NotUnderstood, format!("The unknown function {name} in {}", walker.subject())),
    };
    walker.note(rule, Watch::AnyChange, name, &hash(argument), says);
}
