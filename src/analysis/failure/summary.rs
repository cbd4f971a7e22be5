//! Words a failure for a person who has to act on it.

use super::build::BuildFailure;
use super::reasons;
use super::stack::{FailedResource, StackFailure};

/// The longest summary, in characters.
const LENGTH: usize = 400;

/// The most lines that explain a failure.
const ERROR_LINES: usize = 5;

/// Marks of a parenthesis that only helps AWS Support.
const NOISE: &[&str] =
    &["Request ID:", "RequestId:", "RequestToken:", "SDK Attempt Count", "Proxy: null", "Service: ", "Status Code:"];

/// Summarizes a failed stack operation in one sentence, such as "Orders (AWS::DynamoDB::Table) failed to create: the
/// table already exists."
pub fn error_summary(failure: &StackFailure) -> String {
    let cause = &failure.root_cause;
    let what = if cause.resource == cause.stack { format!("The stack {}", cause.resource) } else { named(cause) };
    let verb = verb(cause);
    let relayed = failure.needs_child_stack.is_some() && !failure.child_failed.is_empty();
    let why = if relayed && matches!(reasons::meaning(&cause.reason), reasons::Meaning::Relay { .. }) {
        format!("inside it {} failed", list(&failure.child_failed))
    } else {
        readable(reasons::own_words(&cause.reason))
    };
    match why.as_str() {
        "" | "User Initiated" => {
            sentence(&format!("{what} {verb}: it was cancelled, or CloudFormation gave no reason"))
        }
        why => sentence(&format!("{what} {verb}: {why}")),
    }
}

/// Summarizes a failed build in one sentence.
pub fn build_summary(failure: &BuildFailure) -> String {
    let message = readable(&failure.message);
    match failure.failed_phase.as_str() {
        "" => sentence(&format!("The build failed: {message}")),
        phase => sentence(&format!("The build failed in {phase}: {message}")),
    }
}

/// Lists the lines that explain a failed stack operation, the root cause first: its reason, what the resource
/// reported before it failed, and the log stream to read.
pub fn error_lines(failure: &StackFailure) -> Vec<String> {
    let line = |resource: &FailedResource, text: &str| format!("{}: {}", resource.resource, readable(text));
    let cause = &failure.root_cause;
    let supporting = failure.supporting_event.iter().map(|event| line(cause, event));
    let log = failure.log_stream.iter().map(|stream| format!("{}: more in log stream {stream}", cause.resource));
    let others = failure.failed_resources.iter().map(|resource| line(resource, &resource.reason));
    let mut lines = Vec::new();
    for line in std::iter::once(line(cause, &cause.reason)).chain(supporting).chain(log).chain(others) {
        if lines.len() < ERROR_LINES && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Strips request ids and the like from a reason and puts it on one line of bounded length.
pub fn readable(reason: &str) -> String {
    let unwrapped = unwrap_handler(&without_noise(reason));
    let text = unwrapped.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { bounded(&reason.split_whitespace().collect::<Vec<_>>().join(" ")) } else { bounded(&text) }
}

fn named(resource: &FailedResource) -> String {
    match resource.resource_type.as_str() {
        "" => resource.resource.clone(),
        kind => format!("{} ({kind})", resource.resource),
    }
}

fn verb(cause: &FailedResource) -> &'static str {
    match cause.status.as_str() {
        "CREATE_FAILED" | "CREATE_IN_PROGRESS" => "failed to create",
        "UPDATE_FAILED" | "UPDATE_IN_PROGRESS" => "failed to update",
        "DELETE_FAILED" | "DELETE_IN_PROGRESS" => "failed to delete",
        "IMPORT_FAILED" => "failed to import",
        "ROLLBACK_FAILED" | "UPDATE_ROLLBACK_FAILED" | "IMPORT_ROLLBACK_FAILED" => "failed to roll back",
        status if status.contains("ROLLBACK") => "was rolled back",
        _ => "failed",
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

/// Removes parentheses with request ids. Quotes and parentheses inside go with them.
fn without_noise(reason: &str) -> String {
    let mut text = reason.to_owned();
    let mut from = 0;
    while let Some(open) = text[from..].find('(').map(|at| from + at) {
        let Some(close) = closing(&text, open) else {
            break;
        };
        let inside = &text[open + 1..close];
        if NOISE.iter().any(|mark| inside.contains(mark)) && !inside.contains(['"', '\n']) {
            text.replace_range(open..=close, "");
            text.truncate(text.trim_end().len());
        } else {
            from = open + 1;
        }
    }
    text
}

fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, letter) in text[open..].char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(open + at);
        }
    }
    None
}

/// Unwraps `Resource handler returned message: "…"`, which adds nothing to the message.
fn unwrap_handler(reason: &str) -> String {
    let Some(said) = reason.trim().strip_prefix("Resource handler returned message:") else {
        return reason.to_owned();
    };
    let said = said.trim();
    said.strip_prefix('"').map_or(said, |rest| rest.trim_end_matches('.').trim_end_matches('"')).to_owned()
}

fn sentence(text: &str) -> String {
    let text = bounded(text.trim());
    let text = text.trim_end_matches(['.', ' ', ':']);
    if text.ends_with(['…', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn bounded(text: &str) -> String {
    if text.chars().count() <= LENGTH {
        return text.to_owned();
    }
    let cut: String = text.chars().take(LENGTH - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::super::stack::stack_failure;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn failure(status: &str, reason: &str) -> StackFailure {
        let events = serde_json::from_value::<Vec<_>>(json!([{
            "StackName": "Shop", "LogicalResourceId": "Orders", "ResourceType": "AWS::DynamoDB::Table",
            "ResourceStatus": status, "ResourceStatusReason": reason,
        }]))
        .unwrap();
        stack_failure(&events).unwrap()
    }

    fn summary(status: &str, reason: &str) -> String {
        error_summary(&failure(status, reason))
    }

    #[test]
    fn sentences_name_the_resource_and_leave_the_noise_out() {
        for (status, reason, expected) in [
            (
                "CREATE_FAILED",
                "Resource handler returned message: \"Table already exists: Orders (Service: DynamoDb, Status Code: 400, Request ID: ABC) (SDK Attempt Count: 1)\" (RequestToken: 1-2, HandlerErrorCode: AlreadyExists)",
                "Orders (AWS::DynamoDB::Table) failed to create: Table already exists: Orders.",
            ),
            (
                "UPDATE_FAILED",
                "Size cannot be less than\n current size; requested: 5; current: 10",
                "Orders (AWS::DynamoDB::Table) failed to update: Size cannot be less than current size; requested: 5; current: 10.",
            ),
            (
                "DELETE_FAILED",
                "The bucket is not empty (Service: Amazon S3; Status Code: 409; Error Code: BucketNotEmpty; Request ID: 1; Proxy: null)",
                "Orders (AWS::DynamoDB::Table) failed to delete: The bucket is not empty.",
            ),
            (
                "CREATE_FAILED",
                "A value (see the docs) is wrong (RequestId: 1)",
                "Orders (AWS::DynamoDB::Table) failed to create: A value (see the docs) is wrong.",
            ),
            (
                "UPDATE_FAILED",
                "Embedded stack arn:aws:cloudformation:x:1:stack/Child/2 was not successfully updated. Currently in X with reason: The following resource(s) failed to update: [A, B, C].",
                "Orders (AWS::DynamoDB::Table) failed to update: inside it A, B and 1 more failed.",
            ),
            (
                "CREATE_FAILED",
                "(Service: X, Request ID: 1)",
                "Orders (AWS::DynamoDB::Table) failed to create: (Service: X, Request ID: 1).",
            ),
        ] {
            assert_eq!(summary(status, reason), expected);
        }
    }

    #[test]
    fn a_stack_speaks_for_itself() {
        let events = serde_json::from_value::<Vec<_>>(json!([{
            "StackName": "Shop", "LogicalResourceId": "Shop", "ResourceType": "AWS::CloudFormation::Stack",
            "ResourceStatus": "UPDATE_ROLLBACK_IN_PROGRESS",
            "ResourceStatusReason": "Export with name X is already exported by stack Y. Rollback requested by user.",
        }]))
        .unwrap();
        let said = error_summary(&stack_failure(&events).unwrap());
        assert_eq!(said, "The stack Shop was rolled back: Export with name X is already exported by stack Y.");
    }

    #[test]
    fn builds_get_a_sentence() {
        let build = BuildFailure {
            failed_phase: "BUILD".into(),
            phase_status: "FAILED".into(),
            status_code: "COMMAND_EXECUTION_ERROR".into(),
            message: "Error while executing command: make. Reason: exit status 2".into(),
            cascades: vec![],
            error_lines: vec![],
        };
        let expected = "The build failed in BUILD: Error while executing command: make. Reason: exit status 2.";
        assert_eq!(build_summary(&build), expected);
    }

    #[test]
    fn error_lines_name_the_supporting_event_and_the_log_stream() {
        let failure = StackFailure {
            supporting_event: Some("CREATE_IN_PROGRESS: Received FAILURE signal with UniqueId i-1".into()),
            log_stream: Some("2026/01/02/[$LATEST]ab".into()),
            ..failure("CREATE_FAILED", "Internal Failure")
        };
        let expected = [
            "Orders: Internal Failure",
            "Orders: CREATE_IN_PROGRESS: Received FAILURE signal with UniqueId i-1",
            "Orders: more in log stream 2026/01/02/[$LATEST]ab",
        ];
        assert_eq!(error_lines(&failure), expected);
    }

    proptest! {
        #[test]
        fn any_reason_gives_one_bounded_sentence(reason in "[ -~…\"()\\n]{0,900}") {
            let said = summary("CREATE_FAILED", &reason);
            prop_assert!(said.chars().count() <= LENGTH + 1);
            prop_assert!(!said.contains('\n') && said.starts_with("Orders"));
            prop_assert!(said.ends_with(['.', '…', '!', '?']), "{}", said);
        }

        #[test]
        fn noise_inside_any_text_is_found_without_harm(before in "[ -~]{0,40}", id in "[A-Z0-9]{8}") {
            prop_assume!(!before.contains('(') && !before.trim().is_empty());
            let said = readable(&format!("{before} (Service: S3, Request ID: {id})"));
            prop_assert!(!said.contains("Request ID"));
        }
    }
}
