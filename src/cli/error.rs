//! The one error of the command line: a sentence, the way out, and the exit code.

use super::exit::Exit;
use super::output;
use super::output::Render;
use crate::config::ConfigError;
use crate::domain::error::ErrorCode;
use anstyle::{AnsiColor, Style};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::fmt::{self, Write};

/// Why a command did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// How the program ends.
    pub exit: Exit,
    /// The kind, in the words of the tools' contract.
    pub code: ErrorCode,
    /// One sentence that names the thing.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// Further members: what the server added, or what a program should know.
    pub details: Map<String, Value>,
}

impl CliError {
    /// An error of a kind.
    pub fn new(exit: Exit, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hint: None, details: Map::new() }
    }

    /// Something that was tried and did not work.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, ErrorCode::SystemError, message)
    }

    /// Content on this machine that breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, ErrorCode::ValidationError, message)
    }

    /// A wrong argument.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, ErrorCode::InvalidParam, message)
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a member for programs; people see it as a line of its own.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    /// The error object of the tools' contract.
    pub fn answer(&self) -> Value {
        let mut answer = self.details.clone();
        answer.entry("status").or_insert(json!("error"));
        answer.insert("error_code".into(), json!(self.code));
        answer.insert("error".into(), json!(self.message));
        answer.insert("suggestion".into(), json!(self.hint));
        Value::Object(answer)
    }

    /// Reads an error object of the server.
    pub fn from_answer(answer: Map<String, Value>) -> Self {
        let mut answer = answer;
        let mut text = |name: &str| answer.remove(name).and_then(|value| value.as_str().map(str::to_owned));
        let status = text("status");
        let message = text("error").or_else(|| text("message"));
        let hint = text("suggestion").or_else(|| text("hint"));
        let code = answer.remove("error_code").and_then(|code| serde_json::from_value(code).ok());
        let code = code.unwrap_or(match status.as_deref() {
            Some("conflict") => ErrorCode::Conflict,
            Some("not_found") => ErrorCode::NotFound,
            _ => ErrorCode::UpstreamError,
        });
        let exit = match code {
            ErrorCode::Conflict => Exit::Conflict,
            ErrorCode::MissingParam | ErrorCode::InvalidParam => Exit::Usage,
            _ => Exit::Failed,
        };
        // Where the contract has a word of its own for a failure, it stays.
        if let Some(word) = status.filter(|word| word != "error") {
            answer.insert("status".into(), json!(word));
        }
        let message = message.unwrap_or_else(|| "The server refused this without a reason.".into());
        Self { exit, code, message, hint, details: answer }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let problems: Vec<String> = error.problems().iter().map(|problem| format!("{problem}.")).collect();
        let refused = match problems.as_slice() {
            [only] => Self::usage(only),
            _ => Self::usage(format!("The environment has {} problems.", problems.len()))
                .with("problems", json!(problems)),
        };
        refused.hint("docs/INSTALL.md lists every variable under \"Environment variables\".")
    }
}

impl Serialize for CliError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = self.answer();
        answer["exit_code"] = json!(self.exit as u8);
        answer.serialize(serializer)
    }
}

impl Render for CliError {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        writeln!(out, "{red}error{red:#}: {}", output::visible(&self.message))?;
        for (name, value) in self.details.iter().filter(|(name, _)| *name != "status") {
            write_detail(out, name, value)?;
        }
        if let Some(hint) = &self.hint {
            writeln!(out, "{cyan}hint{cyan:#}: {}", output::visible(hint))?;
        }
        Ok(())
    }
}

/// How many items of a list a person is shown.
const SHOWN_ITEMS: usize = 20;

fn write_detail(out: &mut dyn Write, name: &str, value: &Value) -> fmt::Result {
    let name = name.replace('_', " ");
    match value {
        Value::Null => Ok(()),
        Value::Array(items) if items.is_empty() => Ok(()),
        Value::Array(items) => {
            writeln!(out, "  {name}:")?;
            for item in items.iter().take(SHOWN_ITEMS) {
                writeln!(out, "    {}", output::visible(&one_line(item)))?;
            }
            if items.len() > SHOWN_ITEMS {
                writeln!(out, "    … and {} more", output::number(items.len() - SHOWN_ITEMS))?;
            }
            Ok(())
        }
        value => writeln!(out, "  {name}: {}", output::visible(&one_line(value))),
    }
}

/// A value in a line; objects as `member: value` pairs without the JSON around them.
fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name}: {}", one_line(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(error: &CliError) -> String {
        let mut text = String::new();
        error.render(&mut text).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_servers_error_keeps_its_words_and_members() {
        let Value::Object(answer) = json!({
            "status": "error", "error_code": "UNKNOWN_PROJECT", "error": "Unknown project: shp",
            "suggestion": "Use one of available_projects.", "available_projects": ["shop", "blog"],
        }) else {
            panic!("no object")
        };
        let error = CliError::from_answer(answer);
        assert_eq!(error.exit, Exit::Failed);
        insta::assert_snapshot!(screen(&error), @r"
        error: Unknown project: shp
          available projects:
            shop
            blog
        hint: Use one of available_projects.
        ");
        insta::assert_json_snapshot!(error, @r#"
        {
          "available_projects": [
            "shop",
            "blog"
          ],
          "error": "Unknown project: shp",
          "error_code": "UNKNOWN_PROJECT",
          "exit_code": 1,
          "status": "error",
          "suggestion": "Use one of available_projects."
        }
        "#);
    }

    #[test]
    fn the_code_decides_the_exit() {
        let exit = |answer: Value| CliError::from_answer(answer.as_object().unwrap().clone()).exit;
        assert_eq!(exit(json!({"error_code": "CONFLICT", "error": "already handled"})), Exit::Conflict);
        assert_eq!(exit(json!({"status": "conflict", "hint": "x"})), Exit::Conflict);
        assert_eq!(exit(json!({"error_code": "MISSING_PARAM"})), Exit::Usage);
        assert_eq!(exit(json!({"error_code": "A_NEW_ONE"})), Exit::Failed);
    }

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        let error = CliError::failed("bad \u{1b}[2Jname").with("file", json!("a\nerror: forged"));
        insta::assert_snapshot!(screen(&error), @r"
        error: bad \u{1b}[2Jname
          file: a\nerror: forged
        ");
    }
}
