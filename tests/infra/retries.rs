//! How often the state machines call a task that failed. [`RETRIES`] is the source: the `Retry` fields of `statemachines/`
//! are written from it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bouncer::kinds::KINDS;
use bouncer::requests::engine::ErrorName;
use serde_json::Value;

use super::file;

/// How Lambda fails for reasons of its own, or because the function died. What the program itself answers is not among them.
const LAMBDA: [&str; 8] = [
    "Lambda.Unknown",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
    "Runtime.ExitError",
    "Sandbox.Timedout",
];

/// The errors that a retrier answers to.
#[derive(Clone, Copy)]
enum Errors {
    /// Every error. For tasks that have to get through, or whose failure changes nothing.
    All,
    /// Something could not be reached, or the function died.
    Transient,
    /// The same, or the task ran out of time. Not for a task that waits for a decision: its time is the window.
    TransientOrTimeout,
    /// One error of the task's own.
    Own(ErrorName),
}

impl Errors {
    fn names(self) -> Vec<&'static str> {
        let unavailable = ErrorName::Unavailable.as_str();
        match self {
            Errors::All => vec!["States.ALL"],
            Errors::Transient => [&[unavailable][..], &LAMBDA].concat(),
            Errors::TransientOrTimeout => [&[unavailable, "States.Timeout"][..], &LAMBDA].concat(),
            Errors::Own(name) => vec![name.as_str()],
        }
    }
}

/// One entry of a `Retry` field.
#[derive(Clone, Copy)]
struct Retry {
    errors: Errors,
    /// Seconds before the first retry.
    interval: u32,
    /// What each further wait is multiplied with.
    backoff: f32,
    /// The longest wait in seconds.
    max_delay: Option<u32>,
    attempts: u32,
}

/// Asking is over within seconds or not done: the request does not wait for it.
const ASK: Retry = Retry { errors: Errors::Transient, interval: 1, backoff: 2.0, max_delay: None, attempts: 4 };
/// What follows when nobody decided in time.
const OVERDUE: Retry = Retry { errors: Errors::All, interval: 1, backoff: 2.0, max_delay: None, attempts: 8 };
/// A record has to be closed, whatever it takes: hours.
const CLOSE: Retry = Retry { errors: Errors::All, interval: 1, backoff: 2.0, max_delay: Some(300), attempts: 50 };

/// Work, which an outage of some minutes does not end.
const fn work(attempts: u32) -> Retry {
    Retry { errors: Errors::TransientOrTimeout, interval: 1, backoff: 2.0, max_delay: Some(30), attempts }
}

/// Waits until another request gives the project back.
const fn project(interval: u32, attempts: u32) -> Retry {
    Retry { errors: Errors::Own(ErrorName::ProjectBusy), interval, backoff: 1.5, max_delay: Some(30), attempts }
}

/// Waits until someone else's change of the stack is over.
const STACK: Retry =
    Retry { errors: Errors::Own(ErrorName::StackBusy), interval: 5, backoff: 1.5, max_delay: Some(60), attempts: 20 };
/// Waits until CloudFront accepts invalidations again.
const CDN: Retry = Retry {
    errors: Errors::Own(ErrorName::TooManyInvalidations),
    interval: 15,
    backoff: 1.5,
    max_delay: Some(120),
    attempts: 10,
};
/// Looks at an invalidation. The deploy succeeds without it.
const LOOK: Retry = Retry { errors: Errors::All, interval: 2, backoff: 2.0, max_delay: Some(30), attempts: 5 };

/// Every task, and how it is retried in whichever state machine calls it.
const RETRIES: [(&str, &[Retry]); 26] = [
    ("request.ask", &[ASK]),
    ("request.remind", &[OVERDUE]),
    ("request.expire", &[OVERDUE]),
    ("request.run", &[project(2, 30), work(6)]),
    ("request.complete", &[CLOSE]),
    ("request.fail", &[CLOSE]),
    ("frontend.adopt", &[project(2, 10), work(6)]),
    ("frontend.publish", &[project(2, 30), work(6)]),
    ("frontend.withdraw", &[project(2, 4), work(6)]),
    ("frontend.invalidate", &[CDN, work(6)]),
    ("frontend.check_invalidation", &[LOOK]),
    ("frontend.prune", &[project(2, 4), work(6)]),
    ("frontend.sweep", &[project(2, 4), work(6)]),
    ("deploy.begin", &[project(5, 10), work(8)]),
    ("deploy.not_begun", &[OVERDUE]),
    ("deploy.fetch_source", &[work(8)]),
    ("deploy.start_build", &[work(8)]),
    ("deploy.check_build", &[work(20)]),
    ("deploy.create_change_set", &[STACK, work(8)]),
    ("deploy.check_change_set", &[work(20)]),
    ("deploy.ask_infrastructure", &[ASK]),
    ("deploy.remind_infrastructure", &[OVERDUE]),
    ("deploy.expire_infrastructure", &[OVERDUE]),
    ("deploy.execute", &[work(8)]),
    ("deploy.check_stack", &[work(30)]),
    ("deploy.turned_down", &[CLOSE]),
];

fn retries_of(task: &str) -> &'static [Retry] {
    let row = RETRIES.iter().find(|(name, _)| *name == task);
    row.unwrap_or_else(|| panic!("tests/infra/retries.rs does not say how '{task}' is retried")).1
}

/// Writes the value of a `Retry` field as the files lay it out: what answers to everything is one line.
fn written(retries: &[Retry]) -> String {
    let entries: Vec<String> = retries
        .iter()
        .map(|retry| {
            let errors: Vec<String> = retry.errors.names().iter().map(|name| format!("\"{name}\"")).collect();
            let delay = retry.max_delay.map(|seconds| format!("\"MaxDelaySeconds\": {seconds}"));
            let fields: Vec<String> = [
                format!("\"ErrorEquals\": [{}]", errors.join(", ")),
                format!("\"IntervalSeconds\": {}", retry.interval),
                format!("\"BackoffRate\": {}", retry.backoff),
            ]
            .into_iter()
            .chain(delay)
            .chain([format!("\"MaxAttempts\": {}", retry.attempts)])
            .collect();
            match retry.errors {
                Errors::All => format!("        {{ {} }}", fields.join(", ")),
                _ => format!("        {{\n          {}\n        }}", fields.join(",\n          ")),
            }
        })
        .collect();
    format!("[\n{}\n      ]", entries.join(",\n"))
}

/// Writes a state machine with the retries of the table. Every state names its task before its retries.
fn with_retries(definition: &str) -> String {
    const FIELD: &str = "\"Retry\": ";
    let mut parts = definition.split(FIELD);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let task = text.rsplit_once("\"task\": \"").and_then(|(_, rest)| rest.split_once('"')).expect("a task").0;
        let (_, rest) = part.split_once("\n      ]").expect("the end of a list");
        text = format!("{text}{FIELD}{}{rest}", written(retries_of(task)));
    }
    text
}

#[test]
fn the_state_machines_retry_as_the_table_says() {
    let mut called = BTreeSet::new();
    for machine in KINDS.machines() {
        let path = format!("statemachines/{}.asl.json", machine.name);
        let expected = with_retries(&file(&path));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&path), &expected).unwrap();
        }
        assert!(
            file(&path) == expected,
            "{path} does not retry as tests/infra/retries.rs says; write it with \
             UPDATE_DOCS=1 cargo test --test main the_state_machines_retry"
        );

        // The text is the meaning: each task has its field, and nothing else has one.
        let definition: Value = serde_json::from_str(&expected).unwrap();
        for (state, definition) in definition["States"].as_object().unwrap() {
            let Some(task) = definition.pointer("/Parameters/Payload/task") else {
                assert!(definition.get("Retry").is_none() && definition["Type"] != "Task", "{path}/{state}");
                continue;
            };
            let task = task.as_str().unwrap();
            let own: Value = serde_json::from_str(&written(retries_of(task))).unwrap();
            assert_eq!(definition["Retry"], own, "{path}/{state}");
            called.insert(task.to_owned());
        }
    }
    assert_eq!(called, RETRIES.iter().map(|(task, _)| (*task).to_owned()).collect());
}

#[test]
fn a_task_that_can_be_refused_is_retried_for_transient_errors_only() {
    let transient =
        [ErrorName::Unavailable, ErrorName::ProjectBusy, ErrorName::StackBusy, ErrorName::TooManyInvalidations];
    let lasting: BTreeSet<&str> =
        ErrorName::ALL.into_iter().filter(|name| !transient.contains(name)).map(ErrorName::as_str).collect();
    for (task, retries) in RETRIES {
        for name in retries.iter().flat_map(|retry| retry.errors.names()) {
            assert!(!lasting.contains(name), "{task} is tried again after {name}, which no repetition mends");
        }
        // The first entry that matches counts, so what matches everything stands alone.
        let matches_all = retries.iter().any(|retry| matches!(retry.errors, Errors::All));
        assert!(!matches_all || retries.len() == 1, "{task}");
        let names: Vec<&str> = retries.iter().flat_map(|retry| retry.errors.names()).collect();
        assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{task} answers to an error twice");
    }
}
