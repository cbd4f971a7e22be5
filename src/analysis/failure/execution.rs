//! The cause of a failed workflow execution, from its history.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Members of a cause in JSON that tell of the failure behind it, of functions, executions, containers and builds.
const INNER_MEMBERS: &[&str] =
    &["errorType", "errorMessage", "Error", "Cause", "StoppedReason", "StatusReason", "ErrorMessage", "JobRunState"];

/// What `DescribeExecution` says of how an execution ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Execution {
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`, `PENDING_REDRIVE`.
    pub status: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// What it says.
    pub cause: Option<String>,
}

/// One event of `GetExecutionHistory`, as far as failures need it. Read from AWS's JSON, in which the details lie in a
/// member named after the type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "RawEvent")]
pub struct HistoryEvent {
    /// Its number; the first is 1.
    pub id: i64,
    /// The event it follows from; 0 for the first ones.
    pub previous_event_id: i64,
    /// Such as `TaskFailed`.
    pub event_type: String,
    /// The state entered or left, for events that say it.
    pub state: Option<String>,
    /// The error's name, for events of failure.
    pub error: Option<String>,
    /// What it says.
    pub cause: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEvent {
    #[serde(default)]
    id: i64,
    #[serde(default)]
    previous_event_id: i64,
    #[serde(default, rename = "type")]
    event_type: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl From<RawEvent> for HistoryEvent {
    fn from(raw: RawEvent) -> Self {
        let details = raw.rest.iter().find(|(name, _)| name.ends_with("EventDetails")).map(|(_, details)| details);
        let member = |name: &str| details.and_then(|all| all.get(name)).and_then(Value::as_str).map(str::to_owned);
        let names_state = raw.event_type.ends_with("StateEntered") || raw.event_type.ends_with("StateExited");
        let state = if names_state { member("name") } else { member("state") };
        let (error, cause) = (member("error"), member("cause"));
        Self { id: raw.id, previous_event_id: raw.previous_event_id, event_type: raw.event_type, state, error, cause }
    }
}

/// Why an execution failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutionFailure {
    /// How the execution ended: `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: String,
    /// The type of the event that tells the cause, such as `LambdaFunctionFailed`.
    pub error_in: String,
    /// That event's number; 0 when only the execution's description is known.
    pub event_id: i64,
    /// The error's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it says, as AWS gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How often it was tried; retries of one state are one cause.
    pub attempts: u64,
    /// The state that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What a cause in JSON holds: the function's error, or the error of the execution that was called.
    pub inner: BTreeMap<String, String>,
}

/// The cause of a failed execution, from its history in order. `described` helps where the history does not show the
/// end. `None` for an execution that runs or has succeeded.
pub fn execution_failure(described: Option<&Execution>, events: &[HistoryEvent]) -> Option<ExecutionFailure> {
    let Some(end) = events.iter().rev().find(|event| ends_execution(event)) else {
        return described.and_then(only_described);
    };
    let status = match end.event_type.as_str() {
        "ExecutionFailed" => "FAILED",
        "ExecutionTimedOut" => "TIMED_OUT",
        "ExecutionAborted" => "ABORTED",
        _ => return None,
    };
    let history = History { events };
    let task = history.failed_task(end);
    let event = task.map_or(end, |(first, _)| first);
    let error = event.error.clone().or_else(|| described.and_then(|execution| execution.error.clone()));
    let cause = event.cause.clone().or_else(|| described.filter(|_| task.is_none()).and_then(|it| it.cause.clone()));
    let state = event.state.clone().or_else(|| history.state_of(event)).or_else(|| state_in_text(cause.as_deref()));
    Some(ExecutionFailure {
        status: status.to_owned(),
        error_in: event.event_type.clone(),
        event_id: event.id,
        error,
        inner: cause.as_deref().map(inner).unwrap_or_default(),
        cause,
        attempts: task.map_or(1, |(_, attempts)| attempts),
        state,
    })
}

fn ends_execution(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type.as_str(),
        "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted" | "ExecutionSucceeded"
    )
}

fn only_described(execution: &Execution) -> Option<ExecutionFailure> {
    let status =
        execution.status.clone().filter(|status| matches!(status.as_str(), "FAILED" | "TIMED_OUT" | "ABORTED"))?;
    let error_in = match status.as_str() {
        "TIMED_OUT" => "ExecutionTimedOut",
        "ABORTED" => "ExecutionAborted",
        _ => "ExecutionFailed",
    };
    Some(ExecutionFailure {
        status,
        error_in: error_in.into(),
        event_id: 0,
        error: execution.error.clone(),
        inner: execution.cause.as_deref().map(inner).unwrap_or_default(),
        cause: execution.cause.clone(),
        attempts: 1,
        state: state_in_text(execution.cause.as_deref()),
    })
}

struct History<'a> {
    events: &'a [HistoryEvent],
}

impl<'a> History<'a> {
    /// The events an event follows from, nearest first. Numbers only go down, so this ends.
    fn causes_of(&self, event: &'a HistoryEvent) -> impl Iterator<Item = &'a HistoryEvent> + use<'a> {
        let events = self.events;
        std::iter::successors(Some(event), move |event| {
            let previous = event.previous_event_id;
            events.iter().find(|other| other.id == previous && previous > 0 && previous < event.id)
        })
        .skip(1)
    }

    /// The first failure of the task that ended the execution, and how often the task failed. A failure that was caught
    /// counts when the Fail state after it passes the same error on.
    fn failed_task(&self, end: &'a HistoryEvent) -> Option<(&'a HistoryEvent, u64)> {
        if end.event_type != "ExecutionFailed" {
            return None;
        }
        let same_error = |event: &HistoryEvent| end.error.is_none() || event.error == end.error;
        let mut passed_on = false;
        for event in self.causes_of(end) {
            if event.event_type.ends_with("StateEntered") {
                passed_on = true;
            }
            if is_task_failure(event) {
                let told_again = !passed_on || (event.error == end.error && event.cause == end.cause);
                return (told_again && same_error(event)).then(|| self.first_attempt(event));
            }
        }
        None
    }

    fn first_attempt(&self, last: &'a HistoryEvent) -> (&'a HistoryEvent, u64) {
        let (mut first, mut attempts) = (last, 1);
        for event in self.causes_of(last).take_while(|event| !event.event_type.ends_with("StateEntered")) {
            if is_task_failure(event) {
                attempts += 1;
                if event.error == last.error {
                    first = event;
                }
            }
        }
        (first, attempts)
    }

    /// The state an event happened in.
    fn state_of(&self, event: &'a HistoryEvent) -> Option<String> {
        self.causes_of(event).find(|event| event.event_type.ends_with("StateEntered"))?.state.clone()
    }
}

/// A task, function, activity, expression or map run that failed; not what is only told of it further out.
fn is_task_failure(event: &HistoryEvent) -> bool {
    let name = event.event_type.as_str();
    let of_task =
        ["Task", "LambdaFunction", "Activity", "Evaluation", "MapRun"].iter().any(|kind| name.starts_with(kind));
    of_task && !name.contains("State") && (name.ends_with("Failed") || name.ends_with("TimedOut"))
}

/// The state that a cause's text names: "An error occurred while executing the state 'X' (entered at …".
fn state_in_text(cause: Option<&str>) -> Option<String> {
    let (_, rest) = cause?.split_once("the state '")?;
    rest.split_once('\'').map(|(name, _)| name.to_owned())
}

/// What a cause in JSON says of the failure behind it. A cause within the cause is followed inwards, and what lies
/// deeper is nearer to the truth.
fn inner(cause: &str) -> BTreeMap<String, String> {
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(cause) else {
        return BTreeMap::new();
    };
    let known = members.iter().filter(|(name, _)| INNER_MEMBERS.contains(&name.as_str()));
    let mut told: BTreeMap<String, String> =
        known.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    told.extend(members.get("Cause").and_then(Value::as_str).map(inner).unwrap_or_default());
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A history from (type, previous event, details); the numbers count from 1.
    fn history(events: &[(&str, i64, Value)]) -> Vec<HistoryEvent> {
        let event = |(at, (kind, previous, details)): (usize, &(&str, i64, Value))| {
            let mut letters = kind.chars();
            let first = letters.next().unwrap().to_ascii_lowercase();
            let member = match kind.strip_suffix("StateEntered") {
                Some(_) => "stateEnteredEventDetails".to_owned(),
                None => format!("{first}{}EventDetails", letters.as_str()),
            };
            serde_json::from_value(
                json!({"id": at + 1, "previousEventId": previous, "type": kind, "timestamp": "t", member: details}),
            )
            .unwrap()
        };
        events.iter().enumerate().map(event).collect()
    }

    fn failed(error: &str, cause: &str) -> Value {
        json!({"error": error, "cause": cause})
    }

    #[test]
    fn every_kind_of_task_failure_is_found() {
        for kind in [
            "TaskFailed",
            "TaskTimedOut",
            "TaskSubmitFailed",
            "TaskStartFailed",
            "LambdaFunctionFailed",
            "LambdaFunctionTimedOut",
            "LambdaFunctionScheduleFailed",
            "LambdaFunctionStartFailed",
            "ActivityFailed",
            "ActivityTimedOut",
            "ActivityScheduleFailed",
            "EvaluationFailed",
            "MapRunFailed",
        ] {
            let events = history(&[
                ("ExecutionStarted", 0, json!({})),
                ("TaskStateEntered", 0, json!({"name": "Work"})),
                (kind, 2, failed("Bad", "it broke")),
                ("ExecutionFailed", 3, failed("Bad", "it broke")),
            ]);
            let failure = execution_failure(None, &events).unwrap();
            assert_eq!((failure.error_in.as_str(), failure.event_id, failure.attempts), (kind, 3, 1));
            assert_eq!(failure.state.as_deref(), Some("Work"));
            assert_eq!(failure.status, "FAILED");
        }
    }

    #[test]
    fn what_is_told_further_out_is_not_the_cause() {
        let parallel = history(&[
            ("ParallelStateEntered", 0, json!({"name": "Both"})),
            ("ParallelStateStarted", 1, json!({})),
            ("TaskStateEntered", 2, json!({"name": "Left"})),
            ("TaskStateEntered", 2, json!({"name": "Right"})),
            ("TaskFailed", 4, failed("Bad", "right broke")),
            ("TaskStateAborted", 3, json!({})),
            ("ParallelStateFailed", 5, json!({})),
            ("ExecutionFailed", 7, failed("Bad", "right broke")),
        ]);
        let failure = execution_failure(None, &parallel).unwrap();
        assert_eq!((failure.event_id, failure.state.as_deref()), (5, Some("Right")));
    }

    #[test]
    fn retries_are_one_cause_counted() {
        let events = history(&[
            ("TaskStateEntered", 0, json!({"name": "Work"})),
            ("TaskFailed", 1, failed("Throttled", "slow down")),
            ("TaskScheduled", 2, json!({})),
            ("TaskFailed", 3, failed("Bad", "first")),
            ("TaskScheduled", 4, json!({})),
            ("TaskFailed", 5, failed("Bad", "second")),
            ("ExecutionFailed", 6, failed("Bad", "second")),
        ]);
        let failure = execution_failure(None, &events).unwrap();
        assert_eq!((failure.event_id, failure.attempts, failure.cause.as_deref()), (4, 3, Some("first")));
    }

    #[test]
    fn a_caught_failure_is_the_cause_only_if_it_is_passed_on() {
        let caught = |error: &str, cause: &str| {
            history(&[
                ("TaskStateEntered", 0, json!({"name": "Work"})),
                ("TaskFailed", 1, failed("Bad", "it broke")),
                ("TaskStateExited", 2, json!({"name": "Work"})),
                ("FailStateEntered", 3, json!({"name": "GiveUp"})),
                ("ExecutionFailed", 4, failed(error, cause)),
            ])
        };
        let passed = execution_failure(None, &caught("Bad", "it broke")).unwrap();
        assert_eq!((passed.error_in.as_str(), passed.state.as_deref()), ("TaskFailed", Some("Work")));
        let own = execution_failure(None, &caught("GaveUp", "no")).unwrap();
        assert_eq!((own.error_in.as_str(), own.state.as_deref()), ("ExecutionFailed", Some("GiveUp")));
    }

    #[test]
    fn other_ends_are_told() {
        let end = |kind: &str| {
            history(&[("WaitStateEntered", 0, json!({"name": "Wait"})), (kind, 1, json!({"cause": "stop"}))])
        };
        let aborted = execution_failure(None, &end("ExecutionAborted")).unwrap();
        assert_eq!((aborted.status.as_str(), aborted.error_in.as_str()), ("ABORTED", "ExecutionAborted"));
        assert_eq!(aborted.cause.as_deref(), Some("stop"));
        let timed_out = execution_failure(None, &end("ExecutionTimedOut")).unwrap();
        assert_eq!((timed_out.status.as_str(), timed_out.state.as_deref()), ("TIMED_OUT", Some("Wait")));
        assert_eq!(execution_failure(None, &end("ExecutionSucceeded")), None);
        assert_eq!(execution_failure(None, &end("WaitStateExited")), None);
    }

    #[test]
    fn a_description_alone_is_enough() {
        let described = |status: &str| Execution {
            status: Some(status.into()),
            error: Some("States.Runtime".into()),
            cause: Some("An error occurred while executing the state 'Work' (entered at the event id #2).".into()),
        };
        let failure = execution_failure(Some(&described("FAILED")), &[]).unwrap();
        assert_eq!((failure.event_id, failure.state.as_deref()), (0, Some("Work")));
        assert_eq!(execution_failure(Some(&described("SUCCEEDED")), &[]), None);
        assert_eq!(execution_failure(Some(&described("RUNNING")), &[]), None);
    }

    #[test]
    fn causes_within_causes_are_opened() {
        let function = json!({"errorType": "KeyError", "errorMessage": "'name'"}).to_string();
        let child = json!({"Error": "KeyError", "Cause": function}).to_string();
        let told = inner(&child);
        assert_eq!(told["errorMessage"], "'name'");
        assert_eq!(told["Error"], "KeyError");
        assert!(inner("plain text").is_empty() && inner("[1]").is_empty());
    }

    #[test]
    fn a_history_that_points_in_circles_ends() {
        let mut events = history(&[("TaskFailed", 2, failed("Bad", "x")), ("ExecutionFailed", 1, failed("Bad", "x"))]);
        events[0].previous_event_id = 1;
        assert_eq!(execution_failure(None, &events).unwrap().event_id, 1);
        events[1].previous_event_id = 9;
        assert_eq!(execution_failure(None, &events).unwrap().error_in, "ExecutionFailed");
    }
}
