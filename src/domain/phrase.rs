//! Phrase for people in every language that Bouncer speaks.

use super::language::Language;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// One piece of text in every language. JSON holds the English one.
#[derive(Clone, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Phrase {
    en: Cow<'static, str>,
    zh: Cow<'static, str>,
}

impl Phrase {
    /// Makes a text of its English and its Traditional Chinese form.
    pub const fn new(en: &'static str, zh: &'static str) -> Self {
        Self { en: Cow::Borrowed(en), zh: Cow::Borrowed(zh) }
    }

    /// Makes a text of which there is one form only, such as a sentence that AWS wrote.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { zh: Cow::Owned(text.clone()), en: Cow::Owned(text) }
    }

    /// Returns the text in a language.
    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::TraditionalChinese => &self.zh,
        }
    }

    /// Replaces `{}` in every language, once for each value in order.
    #[must_use]
    pub fn fill(&self, values: &[&str]) -> Self {
        let filled = |text: &str| values.iter().fold(text.to_owned(), |text, value| text.replacen("{}", value, 1));
        Self { en: Cow::Owned(filled(&self.en)), zh: Cow::Owned(filled(&self.zh)) }
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.en, f)
    }
}

impl Serialize for Phrase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.en)
    }
}

impl<'de> Deserialize<'de> for Phrase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Phrase::same)
    }
}
