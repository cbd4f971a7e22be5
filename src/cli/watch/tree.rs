//! The failed resources of a deploy as a tree: the cause first, nested stacks as branches.

use crate::analysis::failure::{Branch, FailedResource, readable, tree};
use crate::cli::output::{shorten, visible};
use anstyle::{AnsiColor, Style};
use std::fmt::{self, Write};

/// How many resources are shown.
const SHOWN: usize = 50;
/// How many characters of a name or reason are shown.
const TEXT_LENGTH: usize = 400;

/// Writes the tree of a list that has the cause first.
pub(super) fn render(resources: &[FailedResource], out: &mut dyn Write) -> fmt::Result {
    let shown = &resources[..resources.len().min(SHOWN)];
    let cause = shown.first();
    for stack in tree(shown) {
        line(&stack, "  ", cause, out)?;
        reason(stack.row, "    ", out)?;
        branches(&stack.below, "  ", cause, out)?;
    }
    let more = resources.len() - shown.len();
    if more > 0 { writeln!(out, "  … and {more} more") } else { Ok(()) }
}

fn branches(nodes: &[Branch<'_>], indent: &str, cause: Option<&FailedResource>, out: &mut dyn Write) -> fmt::Result {
    for (at, node) in nodes.iter().enumerate() {
        let is_last = at + 1 == nodes.len();
        line(node, &format!("{indent}{}", if is_last { "└─ " } else { "├─ " }), cause, out)?;
        let indent = format!("{indent}{}", if is_last { "   " } else { "│  " });
        let bar = if node.below.is_empty() { "  " } else { "│ " };
        reason(node.row, &format!("{indent}{bar}"), out)?;
        branches(&node.below, &indent, cause, out)?;
    }
    Ok(())
}

fn line(node: &Branch<'_>, indent: &str, cause: Option<&FailedResource>, out: &mut dyn Write) -> fmt::Result {
    let Some(row) = node.row else {
        return writeln!(out, "{indent}{}", short(node.name));
    };
    let is_cause = cause.is_some_and(|cause| std::ptr::eq(cause, row));
    let style = match row.cascade {
        true => Style::new().dimmed(),
        false => Style::new().fg_color(Some(AnsiColor::Red.into())),
    };
    let resource_type = if row.is_own_row() { "" } else { row.resource_type.as_str() };
    let words = [row.resource.as_str(), resource_type, row.status.as_str()];
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).map(short).collect();
    let mark = if is_cause { "  ← the cause" } else { "" };
    writeln!(out, "{indent}{style}{}{style:#}{mark}", words.join("  "))
}

fn reason(row: Option<&FailedResource>, indent: &str, out: &mut dyn Write) -> fmt::Result {
    match row.filter(|row| !row.reason.is_empty()) {
        Some(row) => writeln!(out, "{indent}{}", short(&readable(&row.reason))),
        None => Ok(()),
    }
}

fn short(text: &str) -> String {
    visible(&shorten(text, TEXT_LENGTH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::failure::STACK_TYPE as STACK;
    use serde_json::{Value, json};

    fn tree(rows: Value) -> String {
        let rows: Vec<FailedResource> = serde_json::from_value(rows).unwrap();
        let mut text = String::new();
        render(&rows, &mut text).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }

    fn row(stack: &str, resource: &str, kind: &str, reason: &str, cascade: bool) -> Value {
        json!({"resource": resource, "type": kind, "status": "CREATE_FAILED", "reason": reason, "stack": stack,
               "timestamp": "2026-01-02T03:04:05Z", "cascade": cascade})
    }

    #[test]
    fn a_cause_in_a_nested_stack_comes_first() {
        insta::assert_snapshot!(tree(json!([
            row(
                "shop-Data-1ABCDEF",
                "Rows",
                "AWS::DynamoDB::Table",
                "Resource handler returned message: \"Table already exists: Rows (Request ID: X)\" (RequestToken: 1, HandlerErrorCode: AlreadyExists)",
                false
            ),
            row("shop", "Queue", "AWS::SQS::Queue", "The value of DelaySeconds is not valid", false),
            row("shop", "Api", "AWS::ApiGateway::RestApi", "Resource creation cancelled", true),
            row("shop-Data-1ABCDEF", "Index", "AWS::DynamoDB::Table", "Resource creation cancelled", true),
            row(
                "shop-Data-1ABCDEF",
                "shop-Data-1ABCDEF",
                STACK,
                "The following resource(s) failed to create: [Rows].",
                true
            ),
            row("shop", "Data", STACK, "Embedded stack was not successfully created", true),
            row("shop", "shop", STACK, "The following resource(s) failed to create: [Data, Queue].", true),
        ])));
    }

    #[test]
    fn stacks_within_stacks_and_strangers() {
        insta::assert_snapshot!(tree(json!([
            row("shop-A-1-B-2", "Leaf", "AWS::SNS::Topic", "no", false),
            row("shop-A-1", "B", STACK, "", true),
            row("shop", "A", STACK, "", true),
            row("elsewhere", "Bucket", "AWS::S3::Bucket", "The bucket is not empty", false),
        ])));
    }

    #[test]
    fn a_nested_stack_that_failed_before_it_made_anything_keeps_its_reason() {
        insta::assert_snapshot!(tree(json!([
            row("shop-A-1", "shop-A-1", STACK, "Template error: no such parameter", false),
            row("shop", "A", STACK, "Embedded stack failed", true),
        ])));
    }

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        let text = tree(json!([row("s\u{1b}[2J", "r\u{202e}x", "t\r\n", "because\u{1b}]0;x\u{7}", false)]));
        assert!(!text.chars().any(|c| c.is_control() && c != '\n') && !text.contains('\u{202e}'), "{text:?}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn long_lists_are_cut() {
        let rows: Vec<Value> = (0..60).map(|n| row("shop", &format!("R{n}"), "T", "", false)).collect();
        let text = tree(json!(rows));
        assert!(text.ends_with("  … and 10 more\n"), "{text}");
    }
}
