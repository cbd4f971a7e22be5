//! Assesses one change: whether a human must approve it, how risky it is, and why.

use super::description::{Detail, ResourceChange};
use super::{exposure, resources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// The prefix of the tags that Bouncer sets on a stack and CloudFormation copies to its resources.
const OWN_TAGS: &str = "bouncer:";

/// The risk of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Known to be safe.
    Low,
    /// Needs a review.
    Review,
    /// May lose data, widen permissions, or expose something to the public.
    High,
}

/// Whether a resource is replaced by a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// Not replaced.
    None,
    /// May be replaced; CloudFormation decides during execution, or did not say.
    Conditional,
    /// Replaced.
    True,
}

/// A change as shown to an approver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssessedChange {
    /// The name of the stack.
    pub stack: String,
    /// The name in the template.
    pub logical_id: String,
    /// The name in the account; absent before it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_id: Option<String>,
    /// A type such as `AWS::Lambda::Function`.
    pub resource_type: String,
    /// The CloudFormation action: `Add`, `Modify`, `Remove`, `Import`, …
    pub action: String,
    /// Whether it is replaced.
    pub replacement: Replacement,
    /// What changes, without repetition: names of properties, and attributes such as `Tags`.
    pub properties: Vec<String>,
    /// The risk of the change.
    pub risk: Risk,
    /// Whether a human must approve it.
    pub needs_human: bool,
    /// Why it needs a human, or why it does not, in one sentence.
    pub why: String,
}

impl AssessedChange {
    /// Tells whether the existing resource is or may be removed, including by replacement.
    pub fn loses(&self) -> bool {
        self.action == "Remove" || self.replacement != Replacement::None
    }

    /// Says what happens to the resource, as the end of a sentence that begins with its name.
    pub fn happening(&self) -> String {
        match (self.action.as_str(), self.replacement) {
            ("Remove", _) => "is removed".into(),
            (_, Replacement::True) => "is replaced".into(),
            (_, Replacement::Conditional) => "may be replaced".into(),
            ("Modify", _) => "changes".into(),
            ("Add", _) => "is new".into(),
            (word, _) => format!("({})", word.to_lowercase()),
        }
    }
}

/// The verdict of a rule on a change.
struct Verdict {
    needs_human: bool,
    risk: Risk,
    why: String,
}

impl Verdict {
    fn safe(why: &str) -> Self {
        Self { needs_human: false, risk: Risk::Low, why: why.into() }
    }

    fn human(risk: Risk, why: impl Into<String>) -> Self {
        Self { needs_human: true, risk, why: why.into() }
    }
}

/// The context of a change within its change set.
pub(super) struct Surroundings<'a> {
    /// The name of the stack.
    pub stack: &'a str,
    /// The logical ids of resources whose change is code only.
    pub code_only: &'a BTreeSet<&'a str>,
    /// For a nested stack, why its own change set needs a human; `Ok` when it is code only.
    pub nested: Result<(), String>,
}

/// Assesses one change. What no rule knows to be safe needs a human.
pub(super) fn judge(change: &ResourceChange, around: &Surroundings<'_>) -> AssessedChange {
    let replacement = replacement(change);
    let mut verdict = by_rule(change, replacement, around);
    let opened = exposure::opened(change);
    if let Some(first) = opened.first() {
        let more = if opened.len() > 1 { format!(" (and {} more)", opened.len() - 1) } else { String::new() };
        let what = verdict.why.trim_end_matches('.');
        verdict = Verdict::human(Risk::High, format!("{what}, and it {first}{more}."));
    }
    AssessedChange {
        stack: around.stack.to_owned(),
        logical_id: text(&change.logical_resource_id).to_owned(),
        physical_id: change.physical_resource_id.clone().filter(|id| !id.is_empty()),
        resource_type: text(&change.resource_type).to_owned(),
        action: text(&change.action).to_owned(),
        replacement,
        properties: changed_properties(change),
        risk: verdict.risk,
        needs_human: verdict.needs_human,
        why: verdict.why,
    }
}

/// Assesses a change of an unknown kind, which names no resource.
pub(super) fn unknown_kind(stack: &str, kind: Option<&str>) -> AssessedChange {
    AssessedChange {
        stack: stack.to_owned(),
        logical_id: String::new(),
        physical_id: None,
        resource_type: kind.unwrap_or_default().to_owned(),
        action: String::new(),
        replacement: Replacement::Conditional,
        properties: vec![],
        risk: Risk::Review,
        needs_human: true,
        why: "This kind of change is unknown, so it needs a human.".into(),
    }
}

fn by_rule(change: &ResourceChange, replacement: Replacement, around: &Surroundings<'_>) -> Verdict {
    let kind = text(&change.resource_type);
    let stateful = resources::is_stateful(kind);
    let risk = if stateful { Risk::High } else { Risk::Review };
    match replacement {
        Replacement::True => return Verdict::human(risk, replaced(change, stateful)),
        Replacement::Conditional => {
            return Verdict::human(risk, "It may be replaced; CloudFormation decides that during execution.");
        }
        Replacement::None => {}
    }
    let action = text(&change.action);
    if action == "Remove" && stateful {
        return Verdict::human(Risk::High, removed(change));
    }
    if changes_only_own_tags(change) {
        return Verdict::safe("Only Bouncer's own tags change.");
    }
    if kind == "AWS::CloudFormation::Stack" {
        return nested_stack(action, &around.nested);
    }
    if let Some(safe) = code_only(change, around.code_only) {
        return safe;
    }
    if let Some(reason) = resources::guarded(kind) {
        return Verdict::human(Risk::Review, format!("{}, and {reason}.", what_happens(action)));
    }
    match action {
        "Modify" => Verdict::human(Risk::Review, modified(change)),
        "Add" | "Remove" | "Import" => {
            Verdict::human(Risk::Review, format!("{}, which is not a code change.", what_happens(action)))
        }
        _ => Verdict::human(Risk::Review, format!("{}.", what_happens(action))),
    }
}

/// Recognizes code changes. Everything else is infrastructure.
fn code_only(change: &ResourceChange, code: &BTreeSet<&str>) -> Option<Verdict> {
    let plain = matches!(text(&change.action), "Add" | "Modify" | "Remove") && has_plain_scope(change);
    match (text(&change.resource_type), text(&change.action)) {
        ("AWS::Lambda::Function", "Modify") if every_detail(change, is_function_code) => {
            Some(Verdict::safe("Only the function's code changes."))
        }
        ("AWS::Lambda::Version" | "AWS::Lambda::Alias" | "AWS::Lambda::LayerVersion", _) if plain => {
            Some(Verdict::safe("It is a code version, or points to one."))
        }
        ("AWS::Lambda::Permission", "Remove") => Some(Verdict::safe("It removes a permission.")),
        ("AWS::ApiGateway::Deployment" | "AWS::ApiGateway::Stage", "Modify")
            if every_detail(change, |detail| follows_from(detail, code)) =>
        {
            Some(Verdict::safe("It follows from the code change."))
        }
        ("AWS::Logs::LogGroup", "Add") => Some(Verdict::safe("A new log group is empty.")),
        _ => None,
    }
}

/// Tells whether a change is certainly code only, so that other changes may follow from it.
pub(super) fn is_code(change: &ResourceChange, code: &BTreeSet<&str>) -> bool {
    replacement(change) == Replacement::None && code_only(change, code).is_some()
}

fn nested_stack(action: &str, nested: &Result<(), String>) -> Verdict {
    match (action, nested) {
        ("Modify", Ok(())) => Verdict::safe("Its nested change set changes only code."),
        ("Modify", Err(why)) => Verdict::human(Risk::Review, why.clone()),
        ("Add", _) => Verdict::human(Risk::Review, "It is a new nested stack."),
        _ => Verdict::human(Risk::Review, format!("{}.", what_happens(action))),
    }
}

/// Tells whether the resource is replaced. Only an explicit "no" counts as one.
fn replacement(change: &ResourceChange) -> Replacement {
    if change.policy_action.as_deref().is_some_and(|action| action.starts_with("Replace")) {
        return Replacement::True;
    }
    let may_recreate = change
        .details
        .iter()
        .any(|detail| detail.target.requires_recreation.as_deref().is_some_and(|when| when != "Never"));
    match (change.replacement.as_deref(), text(&change.action)) {
        (Some("True"), _) => Replacement::True,
        (Some("False"), _) | (None | Some(""), "Add" | "Remove" | "Import") if !may_recreate => Replacement::None,
        _ => Replacement::Conditional,
    }
}

fn every_detail(change: &ResourceChange, rule: impl Fn(&Detail) -> bool) -> bool {
    has_plain_scope(change) && !change.details.is_empty() && change.details.iter().all(rule)
}

/// Tells whether only properties and metadata change. Update and deletion policies decide what CloudFormation does to
/// a resource.
fn has_plain_scope(change: &ResourceChange) -> bool {
    let plain = |attribute: &str| matches!(attribute, "Properties" | "Metadata");
    change.scope.iter().all(|attribute| plain(attribute))
        && change.details.iter().all(|detail| detail.target.attribute.as_deref().is_some_and(plain))
}

/// Tells whether a detail is about the function's code, its hash, its description, or metadata.
fn is_function_code(detail: &Detail) -> bool {
    let target = &detail.target;
    if target.attribute_change_type.as_deref().is_some_and(|kind| !matches!(kind, "Add" | "Modify" | "Remove")) {
        return false;
    }
    let inside_name = |name: &str| {
        target.path.as_deref().is_none_or(|path| {
            path.strip_prefix("/Properties/")
                .and_then(|rest| rest.strip_prefix(name))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    match (target.attribute.as_deref(), target.name.as_deref()) {
        (Some("Properties"), Some(name @ ("Code" | "CodeSha256" | "Description" | "VersionDescription"))) => {
            inside_name(name)
        }
        (Some("Metadata"), _) => true,
        _ => false,
    }
}

/// Tells whether a property changes because of a resource whose change is code only.
fn follows_from(detail: &Detail, code: &BTreeSet<&str>) -> bool {
    let cause = detail.causing_entity.as_deref().and_then(|entity| entity.split('.').next());
    matches!(detail.change_source.as_deref(), Some("ResourceReference" | "ResourceAttribute"))
        && cause.is_some_and(|cause| code.contains(cause))
}

/// Tells whether only Bouncer's own tags differ. Without both contexts that is unknown.
fn changes_only_own_tags(change: &ResourceChange) -> bool {
    let read = |context: &Option<String>| context.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let (Some(before), Some(after)) = (read(&change.before_context), read(&change.after_context)) else {
        return false;
    };
    let about_tags =
        |detail: &Detail| [detail.target.attribute.as_deref(), detail.target.name.as_deref()].contains(&Some("Tags"));
    text(&change.action) == "Modify"
        && !change.details.is_empty()
        && change.details.iter().all(about_tags)
        && before != after
        && without_own_tags(before) == without_own_tags(after)
}

fn without_own_tags(mut resource: Value) -> Value {
    if let Some(tags) = resource.pointer_mut("/Properties/Tags") {
        match tags {
            Value::Array(list) => {
                list.retain(|tag| !tag.get("Key").and_then(Value::as_str).is_some_and(|key| key.starts_with(OWN_TAGS)))
            }
            Value::Object(map) => map.retain(|key, _| !key.starts_with(OWN_TAGS)),
            _ => {}
        }
    }
    resource
}

/// Lists the names of what changes, without repetition: CloudFormation lists a property once for each cause.
fn changed_properties(change: &ResourceChange) -> Vec<String> {
    let mut names = Vec::new();
    for detail in &change.details {
        let name = detail.target.name.as_ref().or(detail.target.attribute.as_ref());
        if let Some(name) = name.filter(|name| !names.contains(*name)) {
            names.push(name.clone());
        }
    }
    if names.is_empty() { change.scope.clone() } else { names }
}

fn modified(change: &ResourceChange) -> String {
    let properties = changed_properties(change);
    match properties.as_slice() {
        [] => "It changes in place in a way that CloudFormation does not describe.".into(),
        [one] => format!("{one} changes in place."),
        [one, two] => format!("{one} and {two} change in place."),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more change in place.", rest.len()),
    }
}

fn replaced(change: &ResourceChange, stateful: bool) -> String {
    let old = if stateful { "the old one, with its data," } else { "the old one" };
    let then = match change.policy_action.as_deref() {
        Some("ReplaceAndRetain") => "is kept",
        Some("ReplaceAndSnapshot") => "is deleted after a snapshot",
        _ => "is deleted",
    };
    format!("It is replaced: a new one is created, and {old} {then}.")
}

fn removed(change: &ResourceChange) -> String {
    match change.policy_action.as_deref() {
        Some("Retain") => "It is removed from the stack, but the resource is kept.".into(),
        Some("Snapshot") => "It is removed after a snapshot of its data.".into(),
        _ => "It is deleted with all its data.".into(),
    }
}

fn what_happens(action: &str) -> String {
    match action {
        "Add" => "It is added".into(),
        "Modify" => "It changes".into(),
        "Remove" => "It is removed".into(),
        "Import" => "It is imported into the stack".into(),
        "Dynamic" => "CloudFormation decides during execution what happens to it".into(),
        "SyncWithActual" => "The stack takes over the differences found in the account".into(),
        other => format!("The action '{other}' is unknown"),
    }
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}
