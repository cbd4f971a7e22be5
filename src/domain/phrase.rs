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
        // The template is split once: a `{}` inside a value is text.
        let filled = |text: &str| {
            let mut values = values.iter();
            let mut parts = text.split("{}");
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |text, part| text + values.next().unwrap_or(&"{}") + part)
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_never_filled_in_again() {
        let template = Phrase::new("{} is replaced: {}.", "{} 將被取代：{}。");
        let filled = template.fill(&["{}{}", "a {} b"]);
        assert_eq!(filled.of(Language::English), "{}{} is replaced: a {} b.");
        assert_eq!(filled.of(Language::TraditionalChinese), "{}{} 將被取代：a {} b。");
        assert_eq!(template.fill(&["x"]).of(Language::English), "x is replaced: {}.");
    }
}
