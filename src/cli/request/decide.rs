//! Lists the risks of a request before an approval, and asks an approver at a terminal to confirm them.

use super::RequestView;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{shorten, visible};
use crate::cli::prompt;
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr, stdin};

/// How many risks are named.
const NAMED: usize = 10;
/// How many characters of one.
const LENGTH: usize = 300;

/// Lists the risks of a request that waits, and returns whether they are acknowledged: by `yes`, or at the terminal.
/// A request without risks needs no acknowledgement.
///
/// # Errors
/// Fails when the risks are not acknowledged. Nothing is decided then.
pub async fn confirm(context: &Context, request: &RequestView, yes: bool) -> Result<bool, CliError> {
    let Some(warning) = warning(request) else { return Ok(false) };
    context.progress.note(&warning);
    if yes {
        return Ok(true);
    }
    let id = visible(&request.request_id);
    if context.printer.json || !stdin().is_terminal() || !stderr().is_terminal() {
        return Err(CliError::failed(format!(
            "{id} has high risks that were not acknowledged, so nothing was decided."
        ))
        .hint(format!("Review them with `bouncer request show {id}`, then approve with `--yes`.")));
    }
    if prompt::ask("Approve with these risks?").await? {
        return Ok(true);
    }
    Err(CliError::failed(format!("Nothing was decided; {id} still waits."))
        .hint(format!("Deny it with `bouncer request deny {id}`.")))
}

/// Renders the risks; `None` when there are none, or the request no longer waits.
fn warning(request: &RequestView) -> Option<String> {
    let risks: Vec<String> = request.card.risks.iter().map(ToString::to_string).collect();
    if !request.waits() || risks.is_empty() {
        return None;
    }
    let bold = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let what = if risks.len() == 1 { "a high risk" } else { "high risks" };
    let mut text = format!("{bold}This has {what}{bold:#}:");
    for risk in risks.iter().take(NAMED) {
        // A String takes everything.
        let _ = write!(text, "\n  {}", visible(&shorten(risk, LENGTH)));
    }
    if risks.len() > NAMED {
        let more = risks.len() - NAMED;
        let _ = write!(text, "\n  … and {more} more: bouncer request show {}", visible(&request.request_id));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn warned(status: &str, risks: &[String]) -> Option<String> {
        let request = json!({
            "request_id": "req-0123456789abcdef", "status": status,
            "caller": {"key_id": "key-0123456789ab", "name": "agent"},
            "card": {"title": "Change the infrastructure", "facts": [], "risks": risks, "sections": []},
        });
        let text = warning(&serde_json::from_value(request).unwrap())?;
        Some(anstream::adapter::strip_str(&text).to_string())
    }

    #[test]
    fn risks_are_listed_while_a_request_waits() {
        let risks = ["Orders is replaced, and its data is lost.\u{1b}[2J".to_owned(), "A role changes.".to_owned()];
        insta::assert_snapshot!(warned("pending_approval", &risks).unwrap(), @r"
        This has high risks:
          Orders is replaced, and its data is lost.\u{1b}[2J
          A role changes.
        ");
        assert_eq!(warned("approved", &risks), None, "it is too late for a warning");
        assert_eq!(warned("pending_approval", &[]), None);
    }

    #[test]
    fn many_risks_are_counted() {
        let risks: Vec<String> = (0..12).map(|n| format!("Table {n} is replaced.")).collect();
        let text = warned("pending_approval", &risks).unwrap();
        assert!(text.ends_with("\n  … and 2 more: bouncer request show req-0123456789abcdef"), "{text}");
    }
}
