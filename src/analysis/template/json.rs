//! Reads JSON templates as serde_json does, but refuses duplicate keys.

use super::error::TemplateError;
use super::functions::settle;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Reads one JSON document of limited depth.
///
/// # Errors
///
/// Fails on a syntax error, a duplicate key, or too deep nesting.
pub fn read(text: &str, max_depth: usize) -> Result<Value, TemplateError> {
    let fault = std::cell::RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = Seed { depth_left: max_depth, fault: &fault };
    let read = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| {
        let line = error.line();
        match fault.take() {
            Some(Fault::Duplicate(key)) => TemplateError::DuplicateKey { line, key },
            Some(Fault::Deep) => TemplateError::TooDeep(line),
            None => {
                let text = error.to_string();
                let reason = text.split(" at line ").next().unwrap_or_default().to_owned();
                TemplateError::Syntax { line, reason }
            }
        }
    })
}

enum Fault {
    Duplicate(String),
    Deep,
}

/// The remaining depth, and a slot for the reason of a refusal.
#[derive(Clone, Copy)]
struct Seed<'a> {
    depth_left: usize,
    fault: &'a std::cell::RefCell<Option<Fault>>,
}

impl Seed<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let Some(depth_left) = self.depth_left.checked_sub(1) else {
            self.fault.replace(Some(Fault::Deep));
            return Err(E::custom("nested too deep"));
        };
        Ok(Self { depth_left, fault: self.fault })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                self.fault.replace(Some(Fault::Duplicate(key)));
                return Err(A::Error::custom("duplicate key"));
            }
            let value = access.next_value_seed(inner)?;
            map.insert(key, value);
        }
        Ok(settle(map))
    }
}
