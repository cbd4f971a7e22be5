//! Builds values from the events of a YAML parser in one pass, so that every limit holds while reading.

use super::error::{MAX_DEPTH, MAX_EXPANDED_BYTES, MAX_VALUES, TemplateError};
use super::functions::settle;
use super::scalar;
use crate::domain::backend::parameters::scalar_text;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;

/// Reads one YAML document.
///
/// # Errors
///
/// Fails on a syntax error, an unsupported construct, or an exceeded limit.
pub fn read(text: &str) -> Result<Value, TemplateError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| TemplateError::Syntax { line: error.marker().line(), reason: error.info().to_owned() })?;
        builder.line = span.start.line();
        builder.take(event)?;
    }
    builder.document.ok_or(TemplateError::Blank)
}

/// A value and the cost of another copy of it.
#[derive(Clone)]
struct Node {
    value: Value,
    values: usize,
    bytes: usize,
    depth: usize,
    /// Whether it is a plain `<<`, which merges when it is a key.
    merges: bool,
}

/// An unfinished list or mapping.
struct Frame {
    anchor: usize,
    tag: Option<String>,
    content: Content,
    values: usize,
    bytes: usize,
    depth: usize,
}

enum Content {
    List(Vec<Value>),
    Mapping { map: Map<String, Value>, merged: Vec<Map<String, Value>>, key: Option<Key> },
}

enum Key {
    Name(String),
    Merge,
}

#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    document: Option<Value>,
    line: usize,
    values: usize,
    bytes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), TemplateError> {
        match event {
            Event::DocumentStart(_) if self.document.is_some() => Err(TemplateError::Documents(self.line)),
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag.as_deref()),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or(TemplateError::EndlessAlias(self.line))?;
                if self.frames.len() + node.depth > MAX_DEPTH {
                    return Err(TemplateError::TooDeep(self.line));
                }
                self.spend(node.values, node.bytes)?;
                self.attach(0, node)
            }
            Event::SequenceStart(anchor, tag) => self.open(anchor, tag.as_deref(), Content::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                self.open(anchor, tag.as_deref(), Content::Mapping { map: Map::new(), merged: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn spend(&mut self, values: usize, bytes: usize) -> Result<(), TemplateError> {
        self.values += values;
        self.bytes += bytes;
        if self.values > MAX_VALUES || self.bytes > MAX_EXPANDED_BYTES {
            return Err(TemplateError::QuotaExceeded(self.line));
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), TemplateError> {
        let bytes = text.len();
        let is_plain = style == ScalarStyle::Plain && tag.is_none();
        let merges = is_plain && text == "<<";
        let value = match tag.map(|tag| self.tag(tag)).transpose()? {
            None if is_plain => scalar::resolve(&text),
            None => Value::String(text.into_owned()),
            Some(Meaning::Function(name)) => function(name, Value::String(text.into_owned())),
            Some(Meaning::Text) => Value::String(text.into_owned()),
            Some(Meaning::Plain(kind)) => {
                let value = scalar::resolve(&text);
                let is_kind = match kind {
                    "bool" => value.is_boolean(),
                    "int" => value.is_i64() || value.is_u64(),
                    "float" => value.is_number(),
                    "null" => value.is_null(),
                    _ => false,
                };
                if !is_kind {
                    return Err(TemplateError::Tag { line: self.line, tag: format!("!!{kind}") });
                }
                value
            }
        };
        self.spend(1, bytes)?;
        self.attach(anchor, Node { value, values: 1, bytes, depth: 0, merges })
    }

    fn open(&mut self, anchor: usize, tag: Option<&Tag>, content: Content) -> Result<(), TemplateError> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(TemplateError::TooDeep(self.line));
        }
        let is_key = matches!(self.frames.last(), Some(Frame { content: Content::Mapping { key: None, .. }, .. }));
        if is_key {
            return Err(TemplateError::Key(self.line));
        }
        let tag = match tag.map(|tag| self.tag(tag)).transpose()? {
            Some(Meaning::Function(name)) => Some(name),
            Some(Meaning::Plain(kind)) if kind == (if matches!(content, Content::List(_)) { "seq" } else { "map" }) => {
                None
            }
            Some(Meaning::Plain(kind)) => return Err(TemplateError::Tag { line: self.line, tag: format!("!!{kind}") }),
            Some(Meaning::Text) | None => None,
        };
        self.spend(1, 0)?;
        self.frames.push(Frame { anchor, tag, content, values: 1, bytes: 0, depth: 1 });
        Ok(())
    }

    fn close(&mut self) -> Result<(), TemplateError> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::List(items) => Value::Array(items),
            Content::Mapping { mut map, merged, .. } => {
                // What a mapping says itself counts before what it merges, and an earlier merge before a later one.
                for (name, value) in merged.into_iter().flatten() {
                    map.entry(name).or_insert(value);
                }
                settle(map)
            }
        };
        let value = match frame.tag {
            Some(name) => function(name, value),
            None => value,
        };
        let node = Node { value, values: frame.values, bytes: frame.bytes, depth: frame.depth, merges: false };
        self.attach(frame.anchor, node)
    }

    fn attach(&mut self, anchor: usize, node: Node) -> Result<(), TemplateError> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
            // The copy that an anchor keeps is paid for, too.
            self.spend(node.values, node.bytes)?;
        }
        let line = self.line;
        let Some(frame) = self.frames.last_mut() else {
            self.document = Some(node.value);
            return Ok(());
        };
        frame.values += node.values;
        frame.bytes += node.bytes;
        frame.depth = frame.depth.max(node.depth + 1);
        match &mut frame.content {
            Content::List(items) => items.push(node.value),
            Content::Mapping { map, merged, key } => match key.take() {
                None => *key = Some(key_of(node, line)?),
                Some(Key::Merge) => merged.extend(mappings(node.value, line)?),
                Some(Key::Name(name)) => {
                    if map.contains_key(&name) {
                        return Err(TemplateError::DuplicateKey { line, key: name.chars().take(80).collect() });
                    }
                    map.insert(name, node.value);
                }
            },
        }
        Ok(())
    }

    fn tag(&self, tag: &Tag) -> Result<Meaning, TemplateError> {
        let unknown = || {
            let handle = if tag.is_yaml_core_schema() { "!!" } else { &tag.handle };
            let tag = format!("{handle}{}", tag.suffix);
            TemplateError::Tag { line: self.line, tag: tag.chars().take(80).collect() }
        };
        if tag.is_yaml_core_schema() {
            return match tag.suffix.as_str() {
                "str" => Ok(Meaning::Text),
                "bool" => Ok(Meaning::Plain("bool")),
                "int" => Ok(Meaning::Plain("int")),
                "float" => Ok(Meaning::Plain("float")),
                "null" => Ok(Meaning::Plain("null")),
                "seq" => Ok(Meaning::Plain("seq")),
                "map" => Ok(Meaning::Plain("map")),
                _ => Err(unknown()),
            };
        }
        let name = tag.suffix.as_str();
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
        match tag.handle.as_str() {
            "" if name == "!" => Ok(Meaning::Text),
            "!" if name.is_empty() => Ok(Meaning::Text),
            "!" if matches!(name, "Ref" | "Condition") => Ok(Meaning::Function(name.to_owned())),
            // Functions that are made up, too, keep their name: what compares templates says that it does not know it.
            "!" if is_name(name) => Ok(Meaning::Function(format!("Fn::{name}"))),
            _ => Err(unknown()),
        }
    }
}

/// The meaning of a tag.
enum Meaning {
    /// The short form of a function.
    Function(String),
    /// Text, whatever it looks like.
    Text,
    /// A type of YAML's own.
    Plain(&'static str),
}

fn function(name: String, argument: Value) -> Value {
    settle(Map::from_iter([(name, argument)]))
}

fn key_of(node: Node, line: usize) -> Result<Key, TemplateError> {
    if node.merges {
        return Ok(Key::Merge);
    }
    scalar_text(&node.value).map(Key::Name).ok_or(TemplateError::Key(line))
}

/// Returns the mappings that a merge key brings in, one or several.
fn mappings(value: Value, line: usize) -> Result<Vec<Map<String, Value>>, TemplateError> {
    match value {
        Value::Object(map) => Ok(vec![map]),
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::Object(map) => Ok(map),
                _ => Err(TemplateError::Merge(line)),
            })
            .collect(),
        _ => Err(TemplateError::Merge(line)),
    }
}
