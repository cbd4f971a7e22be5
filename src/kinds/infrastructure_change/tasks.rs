//! The tasks that the state machine of a deploy calls to ask about its infrastructure changes.

use super::submit::ask;
use crate::domain::ids::RequestId;
use crate::kinds::stack::task::OfRequest;
use crate::requests::engine::TaskToken;
use crate::requests::task::Task;
use crate::requests::waiting;
use crate::task;
use serde::Deserialize;

/// The payload of the task that waits for a decision.
#[derive(Debug, Deserialize)]
struct OfWaiting {
    /// The request of the deploy.
    request_id: RequestId,
    token: TaskToken,
}

/// Lists the tasks. Their payloads name the deploy, from which the question's id follows.
#[rustfmt::skip]
pub(crate) fn tasks() -> Vec<Task> {
    vec![
        task!("deploy.ask_infrastructure", [],
            |app, deadline, args: OfWaiting| ask(app, &args.request_id, &args.token)),
        task!("deploy.remind_infrastructure", ["again", "over"],
            |app, deadline, args: OfRequest| waiting::remind(app, &args.request_id.infrastructure_request())),
        task!("deploy.expire_infrastructure", ["approved", "denied", "expired", "cancelled"],
            |app, deadline, args: OfRequest| waiting::expire(app, &args.request_id.infrastructure_request())),
    ]
}
