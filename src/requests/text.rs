//! What a caller says for the people who decide: checked before anything is done.

use super::app::App;
use crate::domain::error::UserError;

/// What a caller says beside what is asked.
#[derive(Debug, Clone)]
pub(crate) struct RequestText {
    pub reason: String,
    pub source: Option<String>,
    pub trust_scope: Option<String>,
    pub context: Option<String>,
    pub approval_window: Option<u64>,
}

impl RequestText {
    /// Checks lengths and the window.
    pub(crate) fn check(&self, app: &App) -> Result<(), UserError> {
        let limit = app.settings.limits.text_chars;
        for (name, text) in [
            ("reason", Some(&self.reason)),
            ("source", self.source.as_ref()),
            ("trust_scope", self.trust_scope.as_ref()),
            ("context", self.context.as_ref()),
        ] {
            if text.is_some_and(|text| text.chars().count() > limit) {
                return Err(UserError::invalid(
                    name,
                    format!("The argument '{name}' has more than {limit} characters."),
                    "Say it shorter.",
                ));
            }
        }
        match self.approval_window {
            Some(seconds) if !(60..=3600).contains(&seconds) => Err(UserError::invalid(
                "approval_window",
                format!("An approval window of {seconds} seconds is not accepted."),
                "Ask for 60 to 3600 seconds, or omit approval_window.",
            )),
            _ => Ok(()),
        }
    }
}
