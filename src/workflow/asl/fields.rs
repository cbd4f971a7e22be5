//! Reads the members of a JSON object one by one and refuses what is left, so that nothing in a file goes unseen.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Why a state machine's file is not accepted: where, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} {reason}")]
pub struct Refusal {
    /// The state and field, or "the state machine".
    pub place: String,
    /// What is wrong, as a sentence's predicate.
    pub reason: String,
}

/// An object of the file, and where in the file it is.
pub struct Fields<'a> {
    state: Option<&'a str>,
    prefix: String,
    rest: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Fields<'a> {
    /// The members of the whole file.
    pub fn of_machine(map: &'a Map<String, Value>) -> Self {
        Self::new(None, String::new(), map)
    }

    /// The members of a state.
    pub fn of_state(name: &'a str, value: &'a Value) -> Result<Self, Refusal> {
        let map = value
            .as_object()
            .ok_or_else(|| Refusal { place: format!("state '{name}'"), reason: "is not an object".into() })?;
        Ok(Self::new(Some(name), String::new(), map))
    }

    fn new(state: Option<&'a str>, prefix: String, map: &'a Map<String, Value>) -> Self {
        Self { state, prefix, rest: map.iter().map(|(name, value)| (name.as_str(), value)).collect() }
    }

    /// The members of an object that is in `field` of this one.
    pub fn inner(&self, field: &str, value: &'a Value) -> Result<Self, Refusal> {
        let map = value.as_object().ok_or_else(|| self.refuse(field, "is not an object"))?;
        Ok(Self::new(self.state, format!("{}{field}.", self.prefix), map))
    }

    /// A refusal of one field.
    pub fn refuse(&self, field: &str, reason: impl Into<String>) -> Refusal {
        let place = match self.state {
            Some(state) => format!("state '{state}', field '{}{field}'", self.prefix),
            None => format!("the state machine, field '{}{field}'", self.prefix),
        };
        Refusal { place, reason: reason.into() }
    }

    /// Takes a field, if it is there.
    pub fn take(&mut self, field: &str) -> Option<&'a Value> {
        self.rest.remove(field)
    }

    /// Takes a field that must be there.
    pub fn require(&mut self, field: &str) -> Result<&'a Value, Refusal> {
        self.take(field).ok_or_else(|| self.refuse(field, "is missing"))
    }

    /// Takes a text, if the field is there.
    pub fn text(&mut self, field: &str) -> Result<Option<&'a str>, Refusal> {
        self.take(field).map(|value| value.as_str().ok_or_else(|| self.refuse(field, "is not a text"))).transpose()
    }

    /// Takes a text that must be there.
    pub fn required_text(&mut self, field: &str) -> Result<&'a str, Refusal> {
        self.text(field)?.ok_or_else(|| self.refuse(field, "is missing"))
    }

    /// Takes a whole number within a range, if the field is there.
    pub fn whole_number(&mut self, field: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|n| range.contains(n));
        let reason = || format!("is not a whole number from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| self.refuse(field, reason()))
    }

    /// Takes a non-empty list of objects; an absent field is an empty list.
    pub fn objects(&mut self, field: &str) -> Result<Vec<Fields<'a>>, Refusal> {
        let Some(value) = self.take(field) else { return Ok(Vec::new()) };
        let items = value.as_array().filter(|items| !items.is_empty());
        let items = items.ok_or_else(|| self.refuse(field, "is not a list with at least one entry"))?;
        items.iter().enumerate().map(|(index, item)| self.inner(&format!("{field}[{index}]"), item)).collect()
    }

    /// The fields nobody took yet.
    pub fn remaining(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.rest.keys().copied()
    }

    /// Refuses the first field nobody took.
    pub fn finish(self) -> Result<(), Refusal> {
        match self.remaining().next() {
            Some(field) => Err(self.refuse(field, "is not supported by the local engine")),
            None => Ok(()),
        }
    }
}
