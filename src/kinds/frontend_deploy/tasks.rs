//! The tasks of the state machine that are about publishing.

use super::{invalidate, publish};
use crate::domain::ids::RequestId;
use crate::kinds::site::{prune, sweep};
use crate::requests::task::Task;
use crate::task;
use serde::Deserialize;
use serde_json::Value;

/// The payload of a task that works in slices.
#[derive(Deserialize)]
struct OfSlice {
    request_id: RequestId,
    cursor: Value,
}

/// The payload of a task about the invalidation.
#[derive(Deserialize)]
struct OfInvalidation {
    request_id: RequestId,
    #[serde(default)]
    checks: u32,
}

pub(super) fn tasks() -> Vec<Task> {
    vec![
        task!("frontend.publish", ["again", "deployed", "failed"], |app, deadline, args: OfSlice| publish::publish(
            app,
            &args.request_id,
            args.cursor,
            deadline
        )),
        task!("frontend.withdraw", ["again", "done"], |app, deadline, args: OfSlice| prune::withdraw(
            app,
            &args.request_id,
            args.cursor,
            deadline
        )),
        task!("frontend.prune", ["again", "done"], |app, deadline, args: OfSlice| prune::prune(
            app,
            &args.request_id,
            args.cursor,
            deadline
        )),
        task!("frontend.sweep", ["again", "done"], |app, deadline, args: OfSlice| sweep::sweep(
            app,
            &args.request_id,
            args.cursor,
            deadline
        )),
        task!("frontend.invalidate", ["waiting", "done"], |app, deadline, args: OfInvalidation| {
            invalidate::invalidate(app, &args.request_id)
        }),
        task!("frontend.check_invalidation", ["waiting", "done"], |app, deadline, args: OfInvalidation| {
            invalidate::check_invalidation(app, &args.request_id, args.checks)
        }),
    ]
}
