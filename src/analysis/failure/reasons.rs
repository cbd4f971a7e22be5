//! Classifies the reason of a row: a cause of its own, or a consequence of another failure.

/// The start of the sentence in which a stack lists its failed resources.
const LISTING: &str = "The following resource(s) failed to";

/// Reasons that accompany any operation and say nothing about a failure.
const ROUTINE: &[&str] = &[
    "",
    "user initiated",
    "initiated by parent stack",
    "rollback requested by user",
    "delete requested by user",
    "transformation succeeded",
    "resource creation initiated",
    "eventual consistency check initiated",
];

/// The meaning of a failed row's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// The row gives no reason.
    Silent,
    /// The row gives its own reason.
    Cause,
    /// The row is a consequence of another failure.
    Cascade,
    /// The row relays the failure of a nested stack, whose own events hold the cause.
    Relay {
        /// The ARN of the nested stack, where the text names it.
        arn: Option<&'a str>,
    },
}

/// Classifies the reason of a failed row.
pub(super) fn meaning(reason: &str) -> Meaning<'_> {
    let relayed = reason.trim().strip_prefix("Embedded stack ");
    if let Some((arn, outcome)) = relayed.and_then(|rest| rest.split_once(" was not successfully ")) {
        let inner = outcome.split_once(" with reason: ").or_else(|| outcome.split_once(": ")).map(|(_, text)| text);
        return match inner {
            Some(inner) if !is_listing(inner) && is_cascade(inner) => Meaning::Cascade,
            _ => Meaning::Relay { arn: Some(arn.trim()).filter(|arn| !arn.is_empty()) },
        };
    }
    match own_words(reason) {
        "" if reason.trim().is_empty() => Meaning::Silent,
        words if is_cascade(words) => Meaning::Cascade,
        _ => Meaning::Cause,
    }
}

/// Tells whether a reason only says that something else failed first.
pub fn only_follows(reason: &str) -> bool {
    match meaning(reason) {
        Meaning::Cascade => true,
        // A nested stack's row about what failed in it; one that failed by itself has a reason of its own.
        Meaning::Relay { .. } => reason.contains(LISTING),
        Meaning::Cause | Meaning::Silent => false,
    }
}

/// Tells whether a reason only lists the failed resources of a stack.
pub(super) fn is_listing(reason: &str) -> bool {
    reason.trim_start().starts_with(LISTING)
}

/// Tells whether a reason accompanies any operation.
pub(super) fn is_routine(reason: &str) -> bool {
    let words = own_words(reason).to_ascii_lowercase();
    ROUTINE.contains(&words.as_str()) || words.starts_with("requested update require")
}

/// Tells whether a reason reports a consequence: the resource was cancelled, or failed resources are listed.
fn is_cascade(reason: &str) -> bool {
    let words = own_words(reason).to_ascii_lowercase();
    let cancelled = words.ends_with("cancelled") || words.ends_with("canceled");
    (cancelled && words.split_whitespace().count() <= 4) || is_listing(reason) || is_routine(reason)
}

/// Strips what CloudFormation appends about the rollback that follows.
pub(super) fn own_words(reason: &str) -> &str {
    let mut words = reason.trim();
    loop {
        let shorter = ["Rollback requested by user.", "Delete requested by user."]
            .iter()
            .find_map(|addition| words.strip_suffix(addition))
            .unwrap_or(words)
            .trim_end_matches([' ', '.']);
        if shorter == words {
            return words;
        }
        words = shorter;
    }
}

/// Extracts the names from every "failed to …: [A, B]" of a reason.
pub(super) fn listed(reason: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in reason.split(LISTING).skip(1) {
        let inside = part.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(inside, _)| inside);
        names.extend(inside.unwrap_or_default().split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned));
    }
    names
}

/// Extracts the log stream that a custom resource names in its reason.
pub(super) fn log_stream(reason: &str) -> Option<String> {
    let at = reason.to_ascii_lowercase().find("log stream")?;
    let rest = reason.get(at + "log stream".len()..)?;
    let rest =
        rest.trim_start_matches(|letter: char| matches!(letter, ':' | '=' | '\'' | '"') || letter.is_whitespace());
    let end = rest
        .find(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | ')' | ','))
        .unwrap_or(rest.len());
    let name = rest[..end].trim_end_matches('.');
    // A stream's name is a date and an id: a word of the sentence is not one.
    name.contains(['/', '$', '-']).then(|| name.to_owned())
}

/// Tells whether the reason of a resource in progress reports a problem, such as a failure signal.
pub(super) fn tells_of_trouble(reason: &str) -> bool {
    let words = reason.to_ascii_lowercase();
    let trouble = ["fail", "error", "timeout", "timed out", "time out", "unhealthy", "unable", "denied", "exceeded"];
    !is_routine(reason) && trouble.iter().any(|word| words.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cascades_are_told_from_causes() {
        let arn = "arn:aws:cloudformation:eu-west-1:1:stack/Shop-Child/2";
        let relay = |text: &str| format!("Embedded stack {arn} was not successfully {text}");
        for cascade in [
            "Resource creation cancelled",
            "Resource creation canceled.",
            "Resource update cancelled",
            "Resource creation cancelled. Rollback requested by user.",
            "The following resource(s) failed to create: [A, B]. ",
            "The following resource(s) failed to create: [A]. . Rollback requested by user.",
            "The following resource(s) failed to create: [A]. The following resource(s) failed to update: [B].",
            "Initiated by parent stack",
            "User Initiated",
            "Rollback requested by user.",
            &relay("updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: Resource update cancelled"),
            &relay("deleted: User Initiated"),
        ] {
            assert_eq!(meaning(cascade), Meaning::Cascade, "{cascade}");
        }
        for cause in [
            "Internal Failure",
            "Requires capabilities : [CAPABILITY_NAMED_IAM]",
            "Output 'X' not found in stack 'arn'",
            "Parameters: [X] do not exist in the template",
            "Export X cannot be deleted as it is in use by Y",
            "Export with name X is already exported by stack Y. Rollback requested by user.",
            "The subscription was cancelled by the owner of the account",
            "Custom resource update cancelled the order 12 of the shop",
        ] {
            assert_eq!(meaning(cause), Meaning::Cause, "{cause}");
        }
        for text in [
            "created: The following resource(s) failed to create: [A]. ",
            "updated. Currently in X with reason: Y",
            "created",
        ] {
            assert_eq!(meaning(&relay(text)), Meaning::Relay { arn: Some(arn) }, "{text}");
        }
        assert_eq!(meaning(" "), Meaning::Silent);
    }

    #[test]
    fn names_and_streams_are_read() {
        let two =
            "The following resource(s) failed to create: [A, B]. The following resource(s) failed to update: [C].";
        assert_eq!(listed(two), ["A", "B", "C"]);
        assert_eq!(listed("The following resource(s) failed to create"), Vec::<String>::new());
        let stream = "2024/05/06/[$LATEST]0123456789abcdef0123456789abcdef";
        for text in [
            format!("See the details in CloudWatch Log Stream: {stream}"),
            format!(
                "Received response status [FAILED] from custom resource. Message returned: See the details in CloudWatch Log Stream: {stream} (RequestId: 1-2)"
            ),
            format!("Error. Log stream '{stream}'."),
        ] {
            assert_eq!(log_stream(&text).as_deref(), Some(stream), "{text}");
        }
        assert_eq!(log_stream("the log stream is missing"), None);
        assert_eq!(log_stream("log stream"), None);
    }
}
