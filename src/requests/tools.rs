//! The tools that read and cancel requests of every kind.

use super::cancel;
use super::status;
use super::tool::Tool;
use crate::tool;

/// Lists the tools of the core.
#[rustfmt::skip]
pub fn tools() -> Vec<Tool> {
    vec![
        tool!("bouncer_status", Agent, status::WhichRequest => status::RequestStatus,
            |app, cx, args| status::status(&app, &cx.caller, args).await,
            "Tells where a request stands: pending_approval, approved, running with progress_hint, or how it ended, with result. Poll it with the request_id."),
        tool!("bouncer_list_pending", Agent, status::ListPending => status::PendingList,
            |app, cx, args| status::list_pending(&app, &cx.caller, args).await,
            "Lists requests that wait for a decision, soonest expiry first: your own, or all of them for an approver."),
        tool!("bouncer_deploy_status", Agent, status::WhichDeploy => status::DeployView,
            |app, cx, args| status::deploy_status(&app, &cx.caller, args).await,
            "Tells where a deploy is and, when it failed, why. Reads records only. An unknown id gives status not_found."),
        tool!("bouncer_deploy_cancel", Agent, cancel::CancelDeploy => cancel::Cancelled,
            |app, cx, args| cancel::cancel(&app, &cx.caller, args).await,
            "Cancels a deploy that waits or runs: withdraws it, or stops its build or rolls its stack's update back. Answers once it has stopped."),
        tool!("bouncer_deploy_history", Agent, status::WhichHistory => status::DeployHistory,
            |app, cx, args| status::history(&app, &cx.caller, args).await,
            "Lists a project's deploys, newest first, with who asked, why, how long they took and how they ended."),
        tool!("bouncer_history", Agent, status::RequestHistory => status::PastRequests,
            |app, cx, args| status::past(&app, &cx.caller, args).await,
            "Lists requests and how they ended, newest first, by project, status, action or caller: your own, or all of them for an approver."),
        tool!("bouncer_stats", Agent, status::WhichStats => status::Stats,
            |app, cx, args| status::stats(&app, &cx.caller, args).await,
            "Counts the requests of the last hours by outcome and project, and tells how long decisions took: your own, or all of them for an approver."),
        tool!("bouncer_request_show", Agent, status::ShowRequest => status::RequestDetails,
            |app, cx, args| status::show(&app, &cx.caller, args).await,
            "Shows what a request would do, file by file, as its approver sees it before deciding."),
    ]
}
