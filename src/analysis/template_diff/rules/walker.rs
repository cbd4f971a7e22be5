//! Walks through a template, tells each rule where it is, and collects the hits.

use crate::analysis::template_diff::effective::{Effective, Resource, is_function};
use crate::analysis::template_diff::report::{Change, Finding, Rule};
use crate::domain::canonical;
use serde_json::{Map, Value};
use std::cell::OnceCell;

/// The longest path shown in a finding, in characters.
const MAX_PATH: usize = 300;

/// Decides when a hit becomes a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Only the new template has it.
    Presence,
    /// Only one of the templates has it.
    AnyChange,
    /// Only the old template has it.
    Loss,
}

/// Something that a rule matched.
#[derive(Debug)]
pub struct Hit {
    pub rule: Rule,
    pub logical_id: Option<String>,
    /// The type of the resource.
    pub kind: String,
    /// The place as shown to people.
    pub path: String,
    /// The place for comparison: without list positions, but with the conditions it depends on.
    pub shape: String,
    /// The hash of everything that gives the hit its meaning.
    pub unit: String,
    pub watch: Watch,
    /// The sentence without its end; for [`Watch::AnyChange`] and [`Watch::Loss`], its subject.
    pub says: String,
}

impl Hit {
    /// Turns the hit into a finding.
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

/// The current position, and the context that rules need.
pub struct Walker<'a> {
    pub effective: &'a Effective,
    /// The resource; `None` in another section.
    pub resource: Option<(&'a str, &'a Resource)>,
    path: String,
    shape: String,
    hits: &'a mut Vec<Hit>,
}

/// An object under examination. Its hash is computed on demand.
pub struct Object<'a> {
    pub map: &'a Map<String, Value>,
    unit: OnceCell<String>,
}

impl Object<'_> {
    /// Tells whether the object is a function call.
    pub fn is_call(&self) -> bool {
        self.map.len() == 1 && self.map.keys().all(|name| is_function(name))
    }

    pub fn unit(&self) -> &str {
        self.unit.get_or_init(|| hash(self.map))
    }
}

/// A check of one object.
pub type Check = fn(&mut Walker<'_>, &Object<'_>);

/// Hashes a value.
pub fn hash(value: &impl serde::Serialize) -> String {
    canonical::hash(value).map(|hash| hash.to_string()).unwrap_or_default()
}

impl<'a> Walker<'a> {
    pub fn new(effective: &'a Effective, resource: Option<(&'a str, &'a Resource)>, hits: &'a mut Vec<Hit>) -> Self {
        Self { effective, resource, path: String::new(), shape: String::new(), hits }
    }

    pub fn kind(&self) -> &'a str {
        self.resource.map(|(_, resource)| resource.kind.as_str()).unwrap_or_default()
    }

    /// Names the resource or template for a sentence.
    pub fn subject(&self) -> String {
        match self.resource {
            Some((id, _)) => format!("'{id}'"),
            None => "the template".to_owned(),
        }
    }

    /// Descends to a member or item.
    pub fn below(&mut self, step: Step<'_>, go: impl FnOnce(&mut Self)) {
        let (path, shape) = (self.path.len(), self.shape.len());
        step.write(&mut self.path, &mut self.shape);
        go(self);
        self.path.truncate(path);
        self.shape.truncate(shape);
    }

    /// Notes a hit at a member of the current object, or at the object itself.
    pub fn note(&mut self, rule: Rule, watch: Watch, member: &str, unit: &str, says: String) {
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

    /// Notes a relevant value that is unknown until the stack runs.
    pub fn note_unknown(&mut self, member: &str, unit: &str) {
        let says = format!("The value of {member} in {} cannot be determined from the template", self.subject());
        self.note(Rule::NotUnderstood, Watch::Presence, member, unit, says);
    }

    /// Checks a value and everything below it.
    pub fn walk(&mut self, value: &Value, check: Check) {
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.below(Step::Item(at), |walker| walker.walk(item, check));
                }
            }
            Value::Object(map) => {
                check(self, &Object { map, unit: OnceCell::new() });
                if let Some(Value::Array(parts)) = map.get("Fn::If").filter(|_| map.len() == 1) {
                    // The branches stand below the condition that chooses.
                    let condition = parts.first().and_then(Value::as_str).unwrap_or_default();
                    for (at, part) in parts.iter().enumerate().skip(1) {
                        self.below(Step::Branch(condition, at), |walker| walker.walk(part, check));
                    }
                    return;
                }
                for (name, item) in map {
                    self.below(Step::Name(name), |walker| walker.walk(item, check));
                }
            }
            _ => {}
        }
    }

    /// Tells whether the position is below a member of this name.
    pub fn is_below(&self, name: &str) -> bool {
        self.path.split('.').any(|part| part.split('[').next() == Some(name))
    }
}

/// A step downwards.
pub enum Step<'a> {
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

/// Shortens a path so that every hit can keep one.
fn shortened(path: String) -> String {
    match path.char_indices().nth(MAX_PATH) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path,
    }
}
