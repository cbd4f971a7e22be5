//! Finds the cause of a failed build from CodeBuild's phases and the end of its log.

use crate::analysis::null_as_default::null_as_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most log lines kept.
const ERROR_LINES: usize = 5;

/// The longest line kept, in characters.
const LINE_LENGTH: usize = 500;

/// A build as `BatchGetBuilds` returns it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Build {
    /// The build's id, `project:uuid`.
    pub id: Option<String>,
    /// `SUCCEEDED`, `FAILED`, `FAULT`, `TIMED_OUT`, `IN_PROGRESS`, `STOPPED`.
    pub build_status: Option<String>,
    /// The current phase.
    pub current_phase: Option<String>,
    /// The phases so far, in order.
    #[serde(deserialize_with = "null_as_default")]
    pub phases: Vec<Phase>,
}

/// One phase of a build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Phase {
    /// `SUBMITTED`, `QUEUED`, `PROVISIONING`, `DOWNLOAD_SOURCE`, `INSTALL`, `PRE_BUILD`, `BUILD`, `POST_BUILD`,
    /// `UPLOAD_ARTIFACTS`, `FINALIZING`, `COMPLETED`.
    pub phase_type: Option<String>,
    /// The phase's result; absent while it runs and for `COMPLETED`.
    pub phase_status: Option<String>,
    /// Messages about the phase.
    #[serde(deserialize_with = "null_as_default")]
    pub contexts: Vec<PhaseContext>,
    /// The duration in seconds.
    pub duration_in_seconds: Option<u64>,
}

/// A message about a phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PhaseContext {
    /// A code such as `COMMAND_EXECUTION_ERROR`.
    pub status_code: Option<String>,
    /// The text of the message.
    pub message: Option<String>,
}

/// The cause of a failed build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildFailure {
    /// The first phase that failed; the current phase when none did.
    pub failed_phase: String,
    /// The phase's result: `FAILED`, `FAULT`, `TIMED_OUT`, `STOPPED`.
    pub phase_status: String,
    /// CodeBuild's code, such as `COMMAND_EXECUTION_ERROR`; empty when it gives none.
    pub status_code: String,
    /// CodeBuild's message, or Bouncer's where CodeBuild gives none.
    pub message: String,
    /// Later phases that failed because of this one.
    pub cascades: Vec<String>,
    /// The last distinct error lines of the log, oldest first, at most five.
    pub error_lines: Vec<String>,
}

/// Finds the cause of a failed build. Returns `None` for a build that is running or has succeeded.
pub fn build_failure(build: &Build, log_tail: &[String]) -> Option<BuildFailure> {
    let status = build.build_status.as_deref();
    if matches!(status, Some("SUCCEEDED" | "IN_PROGRESS")) {
        return None;
    }
    let mut failed = build.phases.iter().filter(|phase| has_failed(phase));
    let Some(first) = failed.next() else {
        return status.map(|status| without_failed_phase(build, status, log_tail));
    };
    let context = told(first).unwrap_or_default();
    let phase_status = text(&first.phase_status);
    Some(BuildFailure {
        failed_phase: text(&first.phase_type),
        status_code: text(&context.status_code),
        message: or_default_message(text(&context.message), &phase_status),
        phase_status,
        cascades: failed.map(|phase| text(&phase.phase_type)).collect(),
        error_lines: error_lines(log_tail),
    })
}

fn has_failed(phase: &Phase) -> bool {
    phase.phase_status.as_deref().is_some_and(|status| !matches!(status, "SUCCEEDED" | "IN_PROGRESS" | ""))
}

/// Returns the first context with a code or message; CodeBuild also writes empty ones.
fn told(phase: &Phase) -> Option<PhaseContext> {
    let says = |value: &Option<String>| value.as_deref().is_some_and(|text| !text.trim().is_empty());
    phase.contexts.iter().find(|context| says(&context.message) || says(&context.status_code)).cloned()
}

/// Describes a build that failed without a failed phase: stopped while queued, or a fault of CodeBuild.
fn without_failed_phase(build: &Build, status: &str, log_tail: &[String]) -> BuildFailure {
    let context = build.phases.iter().rev().find_map(told).unwrap_or_default();
    let last = build.phases.iter().rev().find_map(|phase| phase.phase_type.clone().filter(|name| name != "COMPLETED"));
    let current = build.current_phase.clone().filter(|phase| phase != "COMPLETED");
    BuildFailure {
        failed_phase: current.or(last).unwrap_or_default(),
        phase_status: status.to_owned(),
        status_code: text(&context.status_code),
        message: or_default_message(text(&context.message), status),
        cascades: vec![],
        error_lines: error_lines(log_tail),
    }
}

fn or_default_message(message: String, status: &str) -> String {
    if !message.trim().is_empty() {
        return message;
    }
    match status {
        "STOPPED" => "The build was stopped.",
        "TIMED_OUT" => "The build timed out.",
        "FAULT" => "CodeBuild had an internal fault.",
        _ => "CodeBuild gave no reason.",
    }
    .into()
}

/// Picks the last distinct error lines. Falls back to the last lines of any kind; a short log is kept whole.
fn error_lines(log_tail: &[String]) -> Vec<String> {
    let lines: Vec<&str> =
        log_tail.iter().map(|line| line.trim_end()).filter(|line| !line.trim().is_empty() && !is_frame(line)).collect();
    let errors = last_unique(lines.iter().copied().filter(|line| is_error(line)));
    let few = lines.len() <= ERROR_LINES;
    if few || errors.is_empty() { last_unique(lines.into_iter()) } else { errors }
}

fn last_unique<'a>(lines: impl DoubleEndedIterator<Item = &'a str>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in lines.rev() {
        let line: String = line.chars().take(LINE_LENGTH).collect();
        if kept.len() < ERROR_LINES && !kept.contains(&line) {
            kept.push(line);
        }
    }
    kept.reverse();
    kept
}

/// Recognizes what CodeBuild's container writes about phases and commands.
fn is_frame(line: &str) -> bool {
    let Some(words) = line.strip_prefix("[Container] ") else {
        return false;
    };
    let plain = [
        "Running command",
        "Entering phase",
        "Phase complete",
        "Phase context status code:  Message:",
        "Expanding",
        "Waiting for",
        "Registering with",
        "CODEBUILD_SRC_DIR",
    ];
    plain.iter().any(|frame| words.contains(frame))
}

fn is_error(line: &str) -> bool {
    const SIGNS: &[&str] = &[
        "error",
        "fail",
        "fatal",
        "exception",
        "traceback",
        "panic",
        "denied",
        "unauthorized",
        "forbidden",
        "refused",
        "not found",
        "no such",
        "cannot",
        "can't",
        "could not",
        "couldn't",
        "unable",
        "invalid",
        "missing",
        "limit",
        "toomanyrequests",
        "timed out",
        "timeout",
        "killed",
        "out of memory",
        "exit status",
        "exit code",
        "undefined",
        "unresolved",
        "does not exist",
        "not supported",
        "unexpected",
        "✗",
        "✘",
    ];
    // Tools that count their errors write this when all is well.
    const CALM: &[&str] = &["0 errors", "0 failed", "0 failures", "no errors", "error: 0", "errors: 0", "failed: 0"];
    let words = line.to_lowercase();
    let calm = CALM.iter().any(|word| {
        words.match_indices(word).any(|(at, _)| !words[..at].ends_with(|letter: char| letter.is_ascii_digit()))
    });
    !calm && SIGNS.iter().any(|sign| words.contains(sign))
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn failure(build: Value, log: &[&str]) -> Option<BuildFailure> {
        let build: Build = serde_json::from_value(build).unwrap();
        build_failure(&build, &log.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_failed_phase_is_the_cause() {
        let phase = |name: &str, status: &str, code: &str, message: &str| json!({"phaseType": name, "phaseStatus": status, "contexts": [{"statusCode": code, "message": message}]});
        let cases = [
            (json!([phase("QUEUED", "TIMED_OUT", "", "")]), "QUEUED", "", "The build timed out."),
            (
                json!([phase("PROVISIONING", "FAILED", "VPC_CLIENT_ERROR", "no route")]),
                "PROVISIONING",
                "VPC_CLIENT_ERROR",
                "no route",
            ),
            (json!([phase("SUBMITTED", "FAULT", "", "")]), "SUBMITTED", "", "CodeBuild had an internal fault."),
            (
                json!([phase("BUILD", "TIMED_OUT", "BUILD_TIMED_OUT", "Build has timed out. ")]),
                "BUILD",
                "BUILD_TIMED_OUT",
                "Build has timed out. ",
            ),
            (json!([phase("BUILD", "STOPPED", "", "")]), "BUILD", "", "The build was stopped."),
            (
                json!([
                    phase("INSTALL", "SUCCEEDED", "", ""),
                    phase("PRE_BUILD", "FAILED", "X", "y"),
                    phase("FINALIZING", "FAILED", "Z", "z")
                ]),
                "PRE_BUILD",
                "X",
                "y",
            ),
            (
                json!([{"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": null}]),
                "BUILD",
                "",
                "CodeBuild gave no reason.",
            ),
            (
                json!([{"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"statusCode": "", "message": ""}, {"statusCode": "A", "message": "b"}]}]),
                "BUILD",
                "A",
                "b",
            ),
        ];
        for (phases, phase, code, message) in cases {
            let failure = failure(json!({"buildStatus": "FAILED", "phases": phases}), &[]).unwrap();
            assert_eq!(
                (failure.failed_phase.as_str(), failure.status_code.as_str(), failure.message.as_str()),
                (phase, code, message)
            );
        }
    }

    #[test]
    fn a_build_without_a_failed_phase_still_says_how_it_ended() {
        assert_eq!(
            failure(
                json!({"buildStatus": "SUCCEEDED", "phases": [{"phaseType": "BUILD", "phaseStatus": "FAILED"}]}),
                &[]
            ),
            None
        );
        assert_eq!(failure(json!({"buildStatus": "IN_PROGRESS"}), &[]), None);
        assert_eq!(failure(json!({}), &[]), None);
        let stopped = failure(json!({"buildStatus": "STOPPED", "currentPhase": "COMPLETED", "phases": [
            {"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED"}, {"phaseType": "QUEUED"}, {"phaseType": "COMPLETED"}]}), &[]).unwrap();
        assert_eq!((stopped.failed_phase.as_str(), stopped.phase_status.as_str()), ("QUEUED", "STOPPED"));
        assert_eq!(stopped.message, "The build was stopped.");
    }

    #[test]
    fn the_lines_that_tell_are_kept() {
        let log = [
            "[Container] 2024/01/01 Running command npm run fail",
            "up to date, found 0 errors",
            "ERR! missing script: build",
            "ERR! missing script: build",
            "done in 1s",
            "[Container] 2024/01/01 Command did not exit successfully npm run x exit status 1",
            "[Container] 2024/01/01 Phase complete: BUILD State: FAILED",
        ];
        let failed = failure(json!({"buildStatus": "FAILED"}), &[&log[..], &["bye", "so long"]].concat()).unwrap();
        assert_eq!(failed.error_lines, [log[2], log[5]]);
        assert_eq!(failure(json!({"buildStatus": "FAILED"}), &["one", "", "two"]).unwrap().error_lines, ["one", "two"]);
        let ten = ["10 errors"; 1];
        assert_eq!(failure(json!({"buildStatus": "FAILED"}), &ten).unwrap().error_lines, ["10 errors"]);
    }

    proptest! {
        #[test]
        fn lines_are_few_unique_and_from_the_log(log in proptest::collection::vec("(error )?[a-c]{0,3}", 0..20)) {
            let lines = error_lines(&log);
            prop_assert!(lines.len() <= ERROR_LINES);
            for (at, line) in lines.iter().enumerate() {
                prop_assert!(log.iter().any(|given| given.trim_end() == line));
                prop_assert!(!lines[..at].contains(line));
            }
            prop_assert_eq!(lines.is_empty(), log.iter().all(|line| line.trim().is_empty()));
        }
    }
}
