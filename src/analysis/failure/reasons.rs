//! What a row's reason says: a cause, or only that something else failed.

/// How the sentence begins with which a stack lists what failed in it.
const LISTING: &str = "The following resource(s) failed to";

/// Sentences that accompany any operation and say nothing of a failure.
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

/// What the reason of a failed row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// The row gives no reason.
    Silent,
    /// The row's own reason.
    Cause,
    /// Something else failed first.
    Cascade,
    /// A nested stack failed; the cause is in its own events.
    Relay {
        /// The nested stack, where the text names it.
        arn: Option<&'a str>,
    },
}

/// What the reason of a failed row means.
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

/// Whether a reason only says that something else failed first.
pub fn only_follows(reason: &str) -> bool {
    match meaning(reason) {
        Meaning::Cascade => true,
        // A nested stack's row about what failed in it; one that failed by itself has a reason of its own.
        Meaning::Relay { .. } => reason.contains(LISTING),
        Meaning::Cause | Meaning::Silent => false,
    }
}

/// Whether a stack only lists what failed in it.
pub(super) fn is_listing(reason: &str) -> bool {
    reason.trim_start().starts_with(LISTING)
}

/// Whether a reason goes with any operation.
pub(super) fn is_routine(reason: &str) -> bool {
    let words = own_words(reason).to_ascii_lowercase();
    ROUTINE.contains(&words.as_str()) || words.starts_with("requested update require")
}

/// Something else failed first: this was cancelled, or only lists what failed.
fn is_cascade(reason: &str) -> bool {
    let words = own_words(reason).to_ascii_lowercase();
    let cancelled = words.ends_with("cancelled") || words.ends_with("canceled");
    (cancelled && words.split_whitespace().count() <= 4) || is_listing(reason) || is_routine(reason)
}

/// A reason without what CloudFormation adds about the rollback that follows.
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

/// The names in every "failed to …: [A, B]" of a reason.
pub(super) fn listed(reason: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in reason.split(LISTING).skip(1) {
        let inside = part.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(inside, _)| inside);
        names.extend(inside.unwrap_or_default().split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned));
    }
    names
}

/// The log stream a custom resource names in its reason.
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

/// Whether a row of a resource that is still being worked on tells of trouble, such as a failure signal.
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
