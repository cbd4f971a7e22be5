//! The rules of a diff: each looks at one object at a time and notes what it hits, in the old template and in the new.
//! What only one of them has is a finding.

mod access;
pub mod literals;
pub mod network;
mod storage;
mod values;
mod whole;

use super::effective::{Effective, Resource, is_function};
use super::{Change, Finding, Rule};
use crate::domain::canonical;
use serde_json::{Map, Value};
use std::cell::OnceCell;

/// How much of a path a finding shows, in characters.
const MAX_PATH: usize = 300;

/// When a hit becomes a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// When the new template has it and the old has not.
    Presence,
    /// When one of both has it and the other has not.
    AnyChange,
    /// When the old template has it and the new has not.
    Loss,
}

/// Something a rule looks at.
#[derive(Debug)]
pub struct Hit {
    pub rule: Rule,
    pub logical_id: Option<String>,
    /// The type of the resource.
    pub kind: String,
    /// The place for people.
    pub path: String,
    /// The place for comparing: without positions in lists, with the conditions it depends on.
    pub shape: String,
    /// The hash of all that gives the hit its meaning.
    pub unit: String,
    pub watch: Watch,
    /// A sentence without its end, or for a watched change its subject.
    pub says: String,
}

impl Hit {
    /// The finding that this hit becomes.
    pub fn finding(&self, change: Option<Change>) -> Finding {
        let verb = match change {
            None => "",
            Some(Change::Added) => " is new",
            Some(Change::Removed) => " is removed",
            Some(Change::Changed) => " is changed",
        };
        Finding {
            rule: self.rule,
            logical_id: self.logical_id.clone(),
            path: self.path.clone(),
            sentence: format!("{}{verb}.", self.says),
        }
    }
}

/// Every hit in a template.
pub fn hits(effective: &Effective) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (id, resource) in &effective.resources {
        let mut walker = Walker::new(effective, Some((id, resource)), &mut hits);
        whole::look(&mut walker, resource);
        walker.walk(&resource.body);
    }
    for (name, section) in &effective.sections {
        let mut walker = Walker::new(effective, None, &mut hits);
        walker.path.push_str(name);
        walker.shape.push_str(name);
        whole::look_at_section(&mut walker, name, section);
        literals::look_at_section(&mut walker, name, section);
    }
    hits
}

/// Where a rule is, and what it needs to judge.
pub struct Walker<'a> {
    effective: &'a Effective,
    /// The resource; `None` in another section.
    resource: Option<(&'a str, &'a Resource)>,
    path: String,
    shape: String,
    hits: &'a mut Vec<Hit>,
}

/// An object on the way, with its hash once a rule wants it.
pub struct Spot<'a> {
    map: &'a Map<String, Value>,
    unit: OnceCell<String>,
}

impl Spot<'_> {
    fn unit(&self) -> &str {
        self.unit.get_or_init(|| hash(self.map))
    }
}

/// The hash of a value.
fn hash(value: &impl serde::Serialize) -> String {
    canonical::hash(value).map(|hash| hash.to_string()).unwrap_or_default()
}

impl<'a> Walker<'a> {
    fn new(effective: &'a Effective, resource: Option<(&'a str, &'a Resource)>, hits: &'a mut Vec<Hit>) -> Self {
        Self { effective, resource, path: String::new(), shape: String::new(), hits }
    }

    fn kind(&self) -> &'a str {
        self.resource.map(|(_, resource)| resource.kind.as_str()).unwrap_or_default()
    }

    /// The resource or section as a sentence names it.
    fn subject(&self) -> String {
        match self.resource {
            Some((id, _)) => format!("'{id}'"),
            None => "The template".to_owned(),
        }
    }

    /// Goes on below a name or a position.
    fn below(&mut self, step: Step<'_>, go: impl FnOnce(&mut Self)) {
        let (path, shape) = (self.path.len(), self.shape.len());
        step.write(&mut self.path, &mut self.shape);
        go(self);
        self.path.truncate(path);
        self.shape.truncate(shape);
    }

    /// Notes a hit at the member of an object, or at the place itself.
    fn note(&mut self, rule: Rule, watch: Watch, member: &str, unit: &str, says: String) {
        let (mut path, mut shape) = (self.path.clone(), self.shape.clone());
        if !member.is_empty() {
            Step::Name(member).write(&mut path, &mut shape);
        }
        if let Some((_, resource)) = self.resource
            && watch != Watch::Loss
        {
            // A resource that comes to life by its condition brings all it says.
            shape = format!("{} {shape}", resource.condition);
        }
        if shape.len() > MAX_PATH {
            shape = hash(&shape);
        }
        self.hits.push(Hit {
            rule,
            logical_id: self.resource.map(|(id, _)| id.to_owned()),
            kind: self.kind().to_owned(),
            path: shortened(path),
            shape,
            unit: unit.to_owned(),
            watch,
            says,
        });
    }

    /// Notes a value of weight that nobody can tell before the stack runs.
    fn note_unknown(&mut self, member: &str, unit: &str) {
        let says = format!("{}: the value of {member} cannot be told from the template", self.subject());
        self.note(Rule::NotUnderstood, Watch::Presence, member, unit, says);
    }

    /// Looks at a value and all below it.
    fn walk(&mut self, value: &Value) {
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.below(Step::Item(at), |walker| walker.walk(item));
                }
            }
            Value::Object(map) => {
                match map.iter().next() {
                    Some((name, argument)) if map.len() == 1 && is_function(name) => {
                        self.look_at_function(name, argument)
                    }
                    _ => self.look(&Spot { map, unit: OnceCell::new() }),
                }
                if let Some(Value::Array(parts)) = map.get("Fn::If").filter(|_| map.len() == 1) {
                    // The branches stand below the condition that chooses.
                    let condition = parts.first().and_then(Value::as_str).unwrap_or_default();
                    for (at, part) in parts.iter().enumerate().skip(1) {
                        self.below(Step::Branch(condition, at), |walker| walker.walk(part));
                    }
                    return;
                }
                for (name, item) in map {
                    self.below(Step::Name(name), |walker| walker.walk(item));
                }
            }
            _ => {}
        }
    }

    fn look(&mut self, spot: &Spot<'_>) {
        // A macro may stand among members that it adds to.
        for (name, argument) in spot.map.iter().filter(|(name, _)| name.starts_with("Fn::")) {
            self.look_at_function(name, argument);
        }
        access::look(self, spot);
        network::look(self, spot);
        storage::look(self, spot);
        literals::look(self, spot);
    }

    fn look_at_function(&mut self, name: &str, argument: &Value) {
        let (rule, says) = match name {
            "Fn::Transform" => (Rule::Macro, format!("The macro in {}", self.subject())),
            _ if values::is_known_function(name) => return,
            _ => (Rule::NotUnderstood, format!("The function {name} in {}, which is not known here,", self.subject())),
        };
        self.note(rule, Watch::AnyChange, name, &hash(argument), says);
    }

    /// Whether the place is below a member of this name.
    fn is_below(&self, name: &str) -> bool {
        self.path.split('.').any(|part| part.split('[').next() == Some(name))
    }
}

/// One step down.
enum Step<'a> {
    Name(&'a str),
    Item(usize),
    /// A branch of `Fn::If` under a condition.
    Branch(&'a str, usize),
}

impl Step<'_> {
    fn write(&self, path: &mut String, shape: &mut String) {
        match self {
            Self::Name(name) => {
                for text in [path, shape] {
                    separate(text);
                    text.extend(name.chars().filter(|c| !c.is_control()).take(120));
                }
            }
            Self::Item(at) => {
                path.push_str(&format!("[{at}]"));
                shape.push_str("[]");
            }
            Self::Branch(condition, at) => {
                separate(path);
                path.push_str(&format!("Fn::If[{at}]"));
                separate(shape);
                shape.push_str(&format!("{condition}[{at}]"));
            }
        }
    }
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push('.');
    }
}

/// A place that is short enough to be kept for every hit.
fn shortened(path: String) -> String {
    match path.char_indices().nth(MAX_PATH) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path,
    }
}
