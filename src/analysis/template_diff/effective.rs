//! Expands a template to its effect: parameters and mappings replaced by their values, conditions by their
//! expressions, SAM globals merged into resources, JSON texts parsed.

use crate::analysis::template::substitution::text_of;
use crate::analysis::template::{Template, json};
use crate::domain::backend::parameters::StackParameters;
use crate::domain::canonical;
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Stands for one of several possible values. No template can use this name.
pub const ANY_OF: &str = "Bouncer::AnyOf";
/// The most bytes that an expansion may produce.
const BUDGET: usize = 32 << 20;
/// The cost of a value besides its text, in bytes.
const VALUE_COST: usize = 64;
/// The cost of a mapping besides its members, in bytes: the first entry of a map allocates several.
const MAP_COST: usize = 512;
/// The deepest nesting of JSON texts in JSON texts.
const MAX_EMBEDDED: usize = 3;
/// The deepest nesting inside such a text.
const MAX_EMBEDDED_DEPTH: usize = 32;

/// A template with the parameters that it is deployed with.
#[derive(Debug, Clone, Copy)]
pub struct Deployed<'a> {
    /// The template as committed.
    pub template: &'a Template,
    /// The values from the project; other parameters have their defaults.
    pub parameters: &'a StackParameters,
}

/// An expanded resource.
#[derive(Debug)]
pub struct Resource {
    /// The type; empty if it is not text.
    pub kind: String,
    /// The fingerprint of its condition; empty without one.
    pub condition: String,
    /// The expanded body.
    pub body: Value,
}

/// An expanded template.
#[derive(Debug)]
pub struct Effective {
    /// The resources by logical id.
    pub resources: BTreeMap<String, Resource>,
    /// The other sections.
    pub sections: Map<String, Value>,
    /// The names of the declared parameters.
    pub parameters: BTreeSet<String>,
    /// Whether the expansion stayed within its budget.
    pub complete: bool,
}

impl Effective {
    /// Expands a template.
    pub fn of(deployed: Deployed<'_>) -> Self {
        let expander = Expander::new(deployed);
        let resources =
            deployed.template.resources().map(|(id, body)| (id.to_owned(), expander.resource(body))).collect();
        let others = deployed.template.sections().iter().filter(|(name, _)| *name != "Resources");
        let sections = others.map(|(name, section)| (name.clone(), expander.expand(section, 0))).collect();
        Self {
            resources,
            sections,
            parameters: expander.lists.keys().cloned().collect(),
            complete: expander.budget.get() > 0,
        }
    }

    /// Returns the type of a resource.
    pub fn kind(&self, logical_id: &str) -> Option<&str> {
        self.resources.get(logical_id).map(|resource| resource.kind.as_str())
    }
}

struct Expander<'a> {
    template: &'a Template,
    known: BTreeMap<String, String>,
    /// Whether each parameter is a list.
    lists: BTreeMap<String, bool>,
    /// The fingerprints of the conditions by name.
    conditions: BTreeMap<String, String>,
    budget: Cell<usize>,
}

impl<'a> Expander<'a> {
    fn new(deployed: Deployed<'a>) -> Self {
        let is_list = |kind: &str| kind.starts_with("List<") || kind == "CommaDelimitedList";
        let declared = deployed.template.parameters().into_iter();
        let mut expander = Self {
            template: deployed.template,
            known: deployed.template.known_values(deployed.parameters),
            lists: declared.map(|(name, declaration)| (name, is_list(&declaration.kind))).collect(),
            conditions: BTreeMap::new(),
            budget: Cell::new(BUDGET),
        };
        expander.read_conditions();
        expander
    }

    /// Computes the fingerprint of each condition: its name and the hash of its expression, including the conditions
    /// it builds on. Works upwards from conditions without dependencies, so that a long chain needs no deep stack.
    fn read_conditions(&mut self) {
        let declared = self.template.sections().get("Conditions").and_then(Value::as_object);
        let mut waiting = BTreeMap::new();
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut ready = Vec::new();
        for (name, expression) in declared.into_iter().flatten() {
            let expression = self.expand(expression, 0);
            let mut bases = BTreeSet::new();
            conditions_in(&expression, &mut bases);
            bases.retain(|base| self.template.member("Conditions", base).is_some());
            if bases.is_empty() {
                ready.push(name.clone());
            }
            for base in &bases {
                users.entry(base.clone()).or_default().push(name.clone());
            }
            waiting.insert(name.clone(), (expression, bases.len()));
        }
        while let Some(name) = ready.pop() {
            let Some((expression, _)) = waiting.remove(&name) else { continue };
            let hash = canonical::hash(&self.with_conditions(&expression)).map(|hash| hash.to_string());
            let word = format!("{name}#{}", hash.unwrap_or_default().get(..16).unwrap_or_default());
            self.conditions.insert(name.clone(), word);
            for user in users.remove(&name).unwrap_or_default() {
                if let Some((_, bases)) = waiting.get_mut(&user) {
                    *bases -= 1;
                    if *bases == 0 {
                        ready.push(user);
                    }
                }
            }
        }
        if !waiting.is_empty() {
            // What is left builds on itself.
            self.budget.set(0);
        }
    }

    fn resource(&self, body: &Value) -> Resource {
        let kind = body.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut body = self.expand(&self.with_globals(&kind, body), 0);
        let condition = match body.get("Condition") {
            Some(Value::String(name)) => self.condition(name),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        if let Some(slot) = body.get_mut("Condition") {
            *slot = Value::String(condition.clone());
        }
        Resource { kind, condition, body }
    }

    /// Merges SAM globals into a resource of a SAM type.
    fn with_globals(&self, kind: &str, body: &Value) -> Value {
        let global = kind.strip_prefix("AWS::Serverless::").and_then(|name| self.template.member("Globals", name));
        match (global, body) {
            (Some(global), Value::Object(own)) => {
                let mut merged = own.clone();
                let properties = own.get("Properties").unwrap_or(&Value::Null);
                merged.insert("Properties".to_owned(), merge(global, properties));
                Value::Object(merged)
            }
            _ => body.clone(),
        }
    }

    /// Charges the budget. Returns `false` once it is exhausted.
    fn spend(&self, amount: usize) -> bool {
        self.budget.set(self.budget.get().saturating_sub(amount));
        self.budget.get() > 0
    }

    fn expand(&self, value: &Value, embedded: usize) -> Value {
        if !self.spend(if value.is_object() { MAP_COST } else { VALUE_COST }) {
            return Value::Null;
        }
        match value {
            Value::String(text) => self.text(text, embedded),
            Value::Array(items) => Value::Array(
                items.iter().filter(|item| !is_nothing(item)).map(|item| self.expand(item, embedded)).collect(),
            ),
            Value::Object(map) => match map.iter().next() {
                Some((name, argument)) if map.len() == 1 && is_function(name) => {
                    self.function(name, argument, embedded)
                }
                _ => {
                    let members = map.iter().filter(|(_, item)| !is_nothing(item));
                    Value::Object(members.map(|(name, item)| (name.clone(), self.expand(item, embedded))).collect())
                }
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Expands a text: JSON is parsed and expanded in turn. Nothing inside is a function any more.
    fn text(&self, text: &str, embedded: usize) -> Value {
        if !self.spend(VALUE_COST + text.len()) {
            return Value::Null;
        }
        if embedded < MAX_EMBEDDED
            && text.trim_start().starts_with(['{', '['])
            && let Ok(held) = json::read(text, MAX_EMBEDDED_DEPTH)
        {
            return self.expand(&held, embedded + 1);
        }
        Value::String(text.to_owned())
    }

    fn function(&self, name: &str, argument: &Value, embedded: usize) -> Value {
        match (name, argument) {
            ("Ref", Value::String(target)) => self.reference(target, embedded),
            ("Fn::If", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(condition), yes, no] => {
                    let condition = self.condition(condition);
                    json!({ name: [condition, self.expand(yes, embedded), self.expand(no, embedded)] })
                }
                _ => json!({ name: self.expand(argument, embedded) }),
            },
            ("Fn::FindInMap", Value::Array(parts)) => self.find_in_map(parts, embedded),
            ("Fn::Sub", Value::String(_)) => self.assemble(json!({ name: argument }), embedded),
            ("Fn::Sub", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(text), own] => {
                    self.assemble(json!({ name: [text, self.expand(own, embedded)] }), embedded)
                }
                _ => json!({ name: self.expand(argument, embedded) }),
            },
            ("Fn::Join", _) => self.assemble(json!({ name: self.expand(argument, embedded) }), embedded),
            ("Fn::Select", _) => select(self.expand(argument, embedded)),
            ("Fn::Split", _) => split(self.expand(argument, embedded)),
            _ => json!({ name: self.expand(argument, embedded) }),
        }
    }

    fn reference(&self, target: &str, embedded: usize) -> Value {
        let Some(value) = self.known.get(target) else { return json!({ "Ref": target }) };
        if self.lists.get(target) == Some(&true) {
            return Value::Array(value.split(',').map(|item| self.text(item.trim(), embedded)).collect());
        }
        self.text(value, embedded)
    }

    /// Evaluates `Fn::Sub` or `Fn::Join` if every part is text.
    fn assemble(&self, call: Value, embedded: usize) -> Value {
        let own = call.get("Fn::Sub").and_then(|argument| argument.get(1)).and_then(Value::as_object);
        if own.is_some_and(|own| own.values().any(|value| text_of(value, &self.known).is_none())) {
            return call;
        }
        let Some(text) = text_of(&call, &self.known) else { return call };
        match self.text(&text, embedded) {
            Value::String(text) if text.contains("${") => json!({ "Fn::Sub": text }),
            other => other,
        }
    }

    /// Looks up a mapping. With unknown keys, returns all values they may lead to.
    fn find_in_map(&self, parts: &[Value], embedded: usize) -> Value {
        let parts: Vec<Value> = parts.iter().map(|part| self.expand(part, embedded)).collect();
        let [Value::String(name), first, second, rest @ ..] = parts.as_slice() else {
            return json!({ "Fn::FindInMap": parts });
        };
        let Some(Value::Object(mapping)) = self.template.member("Mappings", name) else {
            return json!({ "Fn::FindInMap": parts });
        };
        if self.budget.get() == 0 {
            return Value::Null;
        }
        let rows = mapping.iter().filter(|(key, _)| first.as_str().is_none_or(|wanted| wanted == *key));
        let cells = rows.filter_map(|(_, row)| row.as_object()).flatten();
        let wanted = cells.filter(|(key, _)| second.as_str().is_none_or(|wanted| wanted == *key));
        let mut values: Vec<Value> = wanted.map(|(_, value)| self.cell(value, embedded)).collect();
        values.extend(rest.iter().filter_map(|options| options.get("DefaultValue")).cloned());
        match (values.as_slice(), first.is_string() && second.is_string()) {
            ([value], true) => value.clone(),
            // The keys stay: which of the values is meant is part of what the template says.
            _ => json!({ ANY_OF: [values, {"Fn::FindInMap": parts}] }),
        }
    }

    /// Expands a value of a mapping. CloudFormation allows no functions there, and following one could loop.
    fn cell(&self, value: &Value, embedded: usize) -> Value {
        match value {
            Value::String(text) => self.text(text, embedded),
            Value::Array(items) => items.iter().map(|item| self.cell(item, embedded)).collect(),
            other => {
                self.spend(VALUE_COST);
                other.clone()
            }
        }
    }

    /// Returns the fingerprint of a condition.
    fn condition(&self, name: &str) -> String {
        self.conditions.get(name).cloned().unwrap_or_else(|| format!("{name}#none"))
    }

    /// Replaces the conditions in an expression by their fingerprints.
    fn with_conditions(&self, expression: &Value) -> Value {
        match expression {
            Value::Object(map) => map
                .iter()
                .map(|(name, value)| match value {
                    Value::String(base) if name == "Condition" => (name.clone(), self.condition(base).into()),
                    other => (name.clone(), self.with_conditions(other)),
                })
                .collect(),
            Value::Array(items) => items.iter().map(|item| self.with_conditions(item)).collect(),
            scalar => scalar.clone(),
        }
    }
}

/// Collects the names of the conditions in an expression.
fn conditions_in(expression: &Value, names: &mut BTreeSet<String>) {
    match expression {
        Value::Object(map) => map.iter().for_each(|(name, value)| match value {
            Value::String(base) if name == "Condition" => {
                names.insert(base.clone());
            }
            other => conditions_in(other, names),
        }),
        Value::Array(items) => items.iter().for_each(|item| conditions_in(item, names)),
        _ => {}
    }
}

/// Tells whether an object with this only member is a function call.
pub fn is_function(name: &str) -> bool {
    name == "Ref" || name == ANY_OF || name.starts_with("Fn::")
}

/// Tells whether a value is `AWS::NoValue`, which removes its member.
fn is_nothing(value: &Value) -> bool {
    value.get("Ref").and_then(Value::as_str) == Some("AWS::NoValue")
}

/// Merges as SAM does: mappings are merged, lists are concatenated, other values are replaced.
fn merge(global: &Value, own: &Value) -> Value {
    match (global, own) {
        (global, Value::Null) => global.clone(),
        (Value::Object(global), Value::Object(own)) => {
            let mut merged = global.clone();
            for (name, value) in own {
                let value = global.get(name).map_or_else(|| value.clone(), |base| merge(base, value));
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(global), Value::Array(own)) => Value::Array(global.iter().chain(own).cloned().collect()),
        (_, own) => own.clone(),
    }
}

fn select(argument: Value) -> Value {
    let chosen = argument.as_array().and_then(|parts| match parts.as_slice() {
        [index, Value::Array(items)] => {
            let index = index.as_u64().or_else(|| index.as_str()?.parse().ok())?;
            items.get(usize::try_from(index).ok()?)
        }
        _ => None,
    });
    match chosen {
        Some(item) => item.clone(),
        None => json!({ "Fn::Select": argument }),
    }
}

fn split(argument: Value) -> Value {
    match argument.as_array().map(Vec::as_slice) {
        Some([Value::String(delimiter), Value::String(text)]) if !delimiter.is_empty() => {
            text.split(delimiter.as_str()).collect()
        }
        _ => json!({ "Fn::Split": argument }),
    }
}
