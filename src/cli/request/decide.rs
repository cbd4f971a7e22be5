//! What an approver is told, and in a terminal asked, before a yes to something risky counts.

use super::RequestView;
use super::review::ReviewView;
use crate::cli::error::CliError;
use crate::cli::output::{shorten, visible};
use crate::cli::{Context, prompt};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr, stdin};

/// How many risks are named.
const NAMED: usize = 10;
/// How many characters of one.
const LENGTH: usize = 300;

/// Tells the risks of a request that waits. In a terminal they must be confirmed, unless `yes` says so already.
pub async fn confirm(context: &Context, request: &RequestView, yes: bool) -> Result<(), CliError> {
    let Some(warning) = warning(request) else { return Ok(()) };
    context.progress.note(&warning);
    let asks = !yes && !context.printer.json && stdin().is_terminal() && stderr().is_terminal();
    if !asks || prompt::ask("Approve it all the same?").await? {
        return Ok(());
    }
    let id = visible(&request.request_id);
    Err(CliError::failed(format!("Nothing was decided; {id} goes on waiting."))
        .hint(format!("Refuse it with `bouncer request deny {id}`.")))
}

/// The risks in words; `None` when there is nothing to warn of.
fn warning(request: &RequestView) -> Option<String> {
    let mut risks = request.review.as_ref().map(ReviewView::risks).unwrap_or_default();
    risks.extend(request.warning.clone());
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
    use serde_json::{Value, json};

    fn warned(status: &str, review: Value) -> Option<String> {
        let request = json!({"request_id": "req-0123456789abcdef", "status": status, "review": review});
        let text = warning(&serde_json::from_value(request).unwrap())?;
        Some(anstream::adapter::strip_str(&text).to_string())
    }

    fn change(id: &str, risk: &str) -> Value {
        json!({"stack": "shop", "logical_id": id, "resource_type": "AWS::DynamoDB::Table", "action": "Modify",
               "replacement": "true", "properties": ["KeySchema"], "risk": risk, "needs_human": true,
               "why": "A table is replaced, and its data is lost.\u{1b}[2J"})
    }

    #[test]
    fn high_risks_and_findings_are_told() {
        let review = json!({
            "changes": {"items": [change("Orders", "high"), change("Carts", "review")], "total": 2},
            "findings": {"items": [{"rule": "iam", "path": "Properties", "sentence": "A role changes."}], "total": 1},
        });
        insta::assert_snapshot!(warned("pending_approval", review.clone()).unwrap(), @r"
        This has high risks:
          Orders (AWS::DynamoDB::Table) is replaced: A table is replaced, and its data is lost.\u{1b}[2J
          In the template: A role changes.
        ");
        assert_eq!(warned("approved", review), None, "it is too late for a warning");
    }

    #[test]
    fn a_site_that_loses_most_of_itself_is_told() {
        let request = json!({"request_id": "req-0123456789abcdef", "status": "pending_approval",
                             "warning": "More than half of the site would be gone."});
        let text = warning(&serde_json::from_value(request).unwrap()).unwrap();
        assert!(text.ends_with(":\n  More than half of the site would be gone."), "{text}");
    }

    #[test]
    fn what_is_harmless_is_no_warning() {
        let review = json!({"changes": {"items": [change("Carts", "review")], "total": 1}});
        assert_eq!(warned("pending_approval", review), None);
        assert_eq!(warned("pending_approval", Value::Null), None);
    }

    #[test]
    fn many_risks_are_counted() {
        let items: Vec<Value> = (0..12).map(|n| change(&format!("Table{n}"), "high")).collect();
        let text = warned("pending_approval", json!({"changes": {"items": items, "total": 12}})).unwrap();
        assert!(text.ends_with("\n  … and 2 more: bouncer request show req-0123456789abcdef"), "{text}");
    }
}
