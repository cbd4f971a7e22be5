//! The languages of messages to approvers.

/// A language of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Traditional Chinese, as in Taiwan.
    TraditionalChinese,
}

impl Language {
    /// Every language with its name in settings.
    pub const ALL: [(Language, &'static str); 2] = [(Language::English, "en"), (Language::TraditionalChinese, "zh-TW")];

    /// Parses the name in settings, in upper or lower case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(language, _)| language)
    }
}
