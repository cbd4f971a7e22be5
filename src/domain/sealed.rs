//! Typed, tagged, versioned documents: how a request carries what only its kind understands.

use super::canonical;
use super::digest::Sha256;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A type that is stored in a request under its own tag.
pub trait Sealable: Serialize + DeserializeOwned {
    /// Tag of the type, unique in the program: `site_plan`.
    const TYPE: &'static str;
    /// Version of its form; raised when a field changes its meaning.
    const VERSION: u32;
}

/// A stored document: its type, its version, and its fields beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    #[serde(rename = "type")]
    kind: String,
    version: u32,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl Sealed {
    /// Writes a document with its tag.
    ///
    /// # Errors
    /// Fails when the document is no JSON object.
    pub fn of<D: Sealable>(document: &D) -> Result<Self, serde_json::Error> {
        let fields = match serde_json::to_value(document)? {
            Value::Object(fields) => fields,
            other => return Err(serde::ser::Error::custom(format!("{} is no object: {other}", D::TYPE))),
        };
        Ok(Self { kind: D::TYPE.to_owned(), version: D::VERSION, fields })
    }

    /// Reads the document, if it is of this type and version.
    pub fn open<D: Sealable>(&self) -> Option<D> {
        if self.kind != D::TYPE || self.version != D::VERSION {
            return None;
        }
        serde_json::from_value(Value::Object(self.fields.clone())).ok()
    }

    /// Hashes the canonical JSON of document and tag.
    ///
    /// # Errors
    /// Fails when the document cannot be written as canonical JSON.
    pub fn hash(&self) -> Result<Sha256, serde_json::Error> {
        canonical::hash(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        text: String,
    }

    impl Sealable for Note {
        const TYPE: &'static str = "note";
        const VERSION: u32 = 2;
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Letter {
        text: String,
    }

    impl Sealable for Letter {
        const TYPE: &'static str = "letter";
        const VERSION: u32 = 2;
    }

    #[test]
    fn a_document_opens_as_its_own_type_and_version_only() {
        let sealed = Sealed::of(&Note { text: "a".into() }).unwrap();
        assert_eq!(sealed.open::<Note>(), Some(Note { text: "a".into() }));
        assert_eq!(sealed.open::<Letter>(), None, "same fields, another type");
        let older: Sealed =
            serde_json::from_value(serde_json::json!({"type": "note", "version": 1, "text": "a"})).unwrap();
        assert_eq!(older.open::<Note>(), None, "same type, another version");
    }

    #[test]
    fn the_hash_covers_type_version_and_fields() {
        let hash = |value: Value| serde_json::from_value::<Sealed>(value).unwrap().hash().unwrap();
        let note = hash(serde_json::json!({"type": "note", "version": 2, "text": "a"}));
        assert_eq!(note, Sealed::of(&Note { text: "a".into() }).unwrap().hash().unwrap());
        for other in [
            serde_json::json!({"type": "letter", "version": 2, "text": "a"}),
            serde_json::json!({"type": "note", "version": 3, "text": "a"}),
            serde_json::json!({"type": "note", "version": 2, "text": "b"}),
        ] {
            assert_ne!(note, hash(other));
        }
    }
}
