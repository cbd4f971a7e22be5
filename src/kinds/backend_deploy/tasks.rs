//! The tasks that the state machine calls for a backend deploy.

use super::begin::begin;
use super::build::{check_build, start_build};
use super::change_set::{check_change_set, create_change_set};
use super::execute::execute;
use super::failure::{not_begun, turned_down};
use super::source::fetch_source;
use super::watch::check_stack;
use crate::domain::ids::RequestId;
use crate::kinds::stack::task::OfRequest;
use crate::requests::task::Task;
use crate::task;
use serde::Deserialize;
use serde_json::Value;

/// The payload of the task that closes a deploy after a denial.
#[derive(Debug, Deserialize)]
struct OfExecution {
    request_id: RequestId,
    /// The execution's data.
    state: Value,
}

/// Lists the tasks.
#[rustfmt::skip]
pub(crate) fn tasks() -> Vec<Task> {
    vec![
        task!("deploy.begin", ["begun", "ended"],
            |app, deadline, args: OfRequest| begin(app, &args.request_id)),
        task!("deploy.fetch_source", ["fetched"],
            |app, deadline, args: OfRequest| fetch_source(app, &args.request_id)),
        task!("deploy.start_build", ["started"],
            |app, deadline, args: OfRequest| start_build(app, &args.request_id)),
        task!("deploy.check_build", ["again", "built", "failed"],
            |app, deadline, args: OfRequest| check_build(app, &args.request_id)),
        task!("deploy.create_change_set", ["asked"],
            |app, deadline, args: OfRequest| create_change_set(app, &args.request_id)),
        task!("deploy.check_change_set", ["again", "unchanged", "code_only", "infrastructure"],
            |app, deadline, args: OfRequest| check_change_set(app, &args.request_id)),
        task!("deploy.execute", ["executing"],
            |app, deadline, args: OfRequest| execute(app, &args.request_id)),
        task!("deploy.check_stack", ["again", "deployed", "failed"],
            |app, deadline, args: OfRequest| check_stack(app, &args.request_id)),
        task!("deploy.turned_down", [],
            |app, deadline, args: OfExecution| turned_down(app, &args.request_id, &args.state)),
        task!("deploy.not_begun", [],
            |app, deadline, args: OfRequest| not_begun(app, &args.request_id)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::begin::BeginOutcome;
    use super::super::build::{BuildOutcome, StartOutcome};
    use super::super::change_set::{CompareOutcome, CreateOutcome};
    use super::super::execute::ExecuteOutcome;
    use super::super::source::FetchOutcome;
    use super::super::watch::StackCheckOutcome;
    use super::*;
    use serde_json::json;

    #[test]
    fn tasks_declare_the_words_that_they_answer() {
        let declared = |name: &str| json!(tasks().iter().find(|task| task.name == name).unwrap().outcomes);
        for (name, words) in [
            ("deploy.begin", json!([BeginOutcome::Begun, BeginOutcome::Ended])),
            ("deploy.fetch_source", json!([FetchOutcome::Fetched])),
            ("deploy.start_build", json!([StartOutcome::Started])),
            ("deploy.check_build", json!([BuildOutcome::Again, BuildOutcome::Built, BuildOutcome::Failed])),
            ("deploy.create_change_set", json!([CreateOutcome::Asked])),
            (
                "deploy.check_change_set",
                json!([
                    CompareOutcome::Again,
                    CompareOutcome::Unchanged,
                    CompareOutcome::CodeOnly,
                    CompareOutcome::Infrastructure
                ]),
            ),
            ("deploy.execute", json!([ExecuteOutcome::Executing])),
            (
                "deploy.check_stack",
                json!([StackCheckOutcome::Again, StackCheckOutcome::Deployed, StackCheckOutcome::Failed]),
            ),
        ] {
            assert_eq!(declared(name), words, "{name}");
        }
    }
}
