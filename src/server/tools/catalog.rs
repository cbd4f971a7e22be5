//! The table of tools.

use super::{Context, Tool, answer, help, parse, schema};
use crate::admin::{audit, keys, project_backend, projects};
use crate::domain::caller::Role;
use crate::kinds::{backend_deploy as backend, frontend_deploy as frontend, frontend_maintenance, upload};
use crate::requests::status;

/// One row: its name, the role it is offered to, argument and answer types, the use case, and what clients are told.
macro_rules! tool {
    ($name:literal, $role:ident, $input:ty => $output:ty, |$app:ident, $cx:ident, $args:ident| $run:expr, $about:literal) => {
        Tool {
            name: $name,
            about: $about,
            role: Role::$role,
            input: schema::input::<$input>(),
            output: schema::output::<$output>(),
            run: |$app, $cx: Context, arguments| {
                Box::pin(async move {
                    let $args: $input = parse(arguments)?;
                    answer($run?)
                })
            },
        }
    };
}

/// Every tool, in the order in which help lists them.
#[rustfmt::skip]
pub(super) fn tools() -> Vec<Tool> {
    vec![
        tool!("bouncer_help", Agent, help::HelpArguments => help::Help,
            |app, cx, args| help::help(&app, &cx, args),
            "Explains how to deploy with Bouncer, step by step, and lists the tools and limits that apply to you. Call it first."),
        tool!("bouncer_project_list", Agent, projects::NoArguments => projects::ProjectList,
            |app, cx, args| projects::list(&app, &cx.caller, args).await,
            "Lists the projects that can be deployed, with their ids, buckets and current releases."),
        tool!("bouncer_project_show", Agent, projects::ShowProject => projects::OneProject,
            |app, cx, args| projects::show(&app, &cx.caller, args).await,
            "Shows one project: its bucket, distribution, region, role, cache rules and current release."),
        tool!("bouncer_deploy", Agent, backend::request::DeployBackend => backend::request::DeployAnswer,
            |app, cx, args| backend::request::deploy(&app, &cx.caller, args).await,
            "Asks for the deploy of a project's backend: the newest commit of a branch is built and becomes its CloudFormation stack. Answers at once with pending_approval (a human then decides) or started, and a deploy_id. Poll bouncer_deploy_status. Infrastructure changes wait for a second approval."),
        tool!("bouncer_deploy_frontend", Agent, frontend::inline::DeployFrontend => frontend::PendingAnswer,
            |app, cx, args| frontend::inline::deploy(&app, &cx.caller, args).await,
            "Asks for the deploy of a small static site whose files travel in this call as base64. Answers at once with pending_approval and a request_id; a human then decides. Poll bouncer_status. For more than 200 files or large ones use bouncer_request_frontend_presigned."),
        tool!("bouncer_request_frontend_presigned", Agent, frontend::presigned::RequestPresigned => frontend::presigned::UploadsReady,
            |app, cx, args| frontend::presigned::request(&app, &cx.caller, args, cx.host.as_deref()).await,
            "First step of a larger site's deploy: give every file's name, and size and sha256 if you know them; get one upload URL a file. Content that is stored already is skipped. An answer with next does not name all files: call again with the same arguments and those of next. PUT each file with the headers given, then call bouncer_confirm_frontend_deploy."),
        tool!("bouncer_confirm_frontend_deploy", Agent, frontend::confirm::ConfirmDeploy => frontend::PendingAnswer,
            |app, cx, args| frontend::confirm::confirm(&app, &cx.caller, args).await,
            "Second step: says that the files of bouncer_request_frontend_presigned are uploaded, with the same list. Checks that all have arrived and asks for a decision; files that have not are listed in missing."),
        tool!("bouncer_frontend_diff", Agent, frontend::diff::DiffFrontend => frontend::diff::Difference,
            |app, cx, args| frontend::diff::diff(&app, &cx.caller, args).await,
            "Compares a list of files with a project's current release and tells what a deploy would add, change and remove. Changes nothing and asks nobody."),
        tool!("bouncer_frontend_releases", Agent, frontend::releases::WhichReleases => frontend::releases::ReleaseList,
            |app, cx, args| frontend::releases::releases(&app, &cx.caller, args).await,
            "Lists a project's releases that are kept, newest first, the current one marked: when each went live, who asked, why, and what it changed."),
        tool!("bouncer_frontend_rollback", Agent, frontend::rollback::RollbackFrontend => frontend::PendingAnswer,
            |app, cx, args| frontend::rollback::rollback(&app, &cx.caller, args).await,
            "Asks for a site to go back to an earlier release: the one before the current one, or the one named. Nothing is uploaded. Answers at once with pending_approval; a human then decides. Poll bouncer_status."),
        tool!("bouncer_frontend_adopt", Admin, frontend_maintenance::request::AdoptFrontend => frontend_maintenance::request::MaintenanceAnswer,
            |app, cx, args| frontend_maintenance::request::start_adoption(&app, &cx.caller, args).await,
            "Makes what a project's bucket holds its first release, so that a bucket that was filled without Bouncer can be deployed to without writing everything again, and gone back to. Reads every file once; nothing in the bucket changes, and nobody is asked. Poll bouncer_status. Admins only."),
        tool!("bouncer_frontend_prune", Admin, frontend_maintenance::request::PruneFrontend => frontend_maintenance::request::MaintenanceAnswer,
            |app, cx, args| frontend_maintenance::request::start_prune(&app, &cx.caller, args).await,
            "Removes what a project's earlier releases left in its bucket and nothing needs any more, as the end of a deploy does, without a deploy: when a grace is over, for example. Nobody is asked. Poll bouncer_status. Admins only."),
        tool!("bouncer_request_presigned", Agent, upload::RequestUpload => upload::UploadReady,
            |app, cx, args| upload::request(&app, &cx.caller, args, cx.host.as_deref()).await,
            "Gives a URL to PUT one file into the staging bucket, under a dated key. Needs no approval and publishes nothing."),
        tool!("bouncer_request_presigned_batch", Agent, upload::RequestBatch => upload::BatchReady,
            |app, cx, args| upload::request_batch(&app, &cx.caller, args, cx.host.as_deref()).await,
            "Gives URLs to PUT 1 to 50 files into the staging bucket under one batch. Needs no approval and publishes nothing. Confirm with bouncer_confirm_upload."),
        tool!("bouncer_confirm_upload", Agent, upload::ConfirmUpload => upload::BatchArrival,
            |app, cx, args| upload::confirm(&app, &cx.caller, args).await,
            "Tells which files of a batch from bouncer_request_presigned_batch have arrived, with size and sha256, and which are missing."),
        tool!("bouncer_status", Agent, status::WhichRequest => status::RequestStatus,
            |app, cx, args| status::status(&app, &cx.caller, args).await,
            "Tells where a request stands: pending_approval, approved, running with progress_hint, or how it ended, with result. Poll it with the request_id."),
        tool!("bouncer_list_pending", Agent, status::ListPending => status::PendingList,
            |app, cx, args| status::list_pending(&app, &cx.caller, args).await,
            "Lists requests that wait for a decision, soonest expiry first: your own, or all of them for an approver."),
        tool!("bouncer_deploy_status", Agent, status::WhichDeploy => status::DeployView,
            |app, cx, args| status::deploy_status(&app, &cx.caller, args).await,
            "Tells where a deploy is and, when it failed, why. Reads records only. An unknown id gives status not_found."),
        tool!("bouncer_deploy_cancel", Agent, backend::cancel::CancelDeploy => backend::cancel::Cancelled,
            |app, cx, args| backend::cancel::cancel(&app, &cx.caller, args).await,
            "Cancels a deploy that waits or runs: withdraws it, or stops its build or rolls its stack's update back. Answers once it has stopped."),
        tool!("bouncer_deploy_logs", Agent, backend::logs::WhichLog => backend::logs::LogView,
            |app, cx, args| backend::logs::logs(&app, &cx.caller, args).await,
            "Reads the log of a backend deploy's build, onwards from where an earlier answer ended."),
        tool!("bouncer_deploy_history", Agent, status::WhichHistory => status::DeployHistory,
            |app, cx, args| status::history(&app, &cx.caller, args).await,
            "Lists a project's deploys, newest first, with who asked, why, how long they took and how they ended."),
        tool!("bouncer_history", Agent, status::RequestHistory => status::PastRequests,
            |app, cx, args| status::past(&app, &cx.caller, args).await,
            "Lists requests and how they ended, newest first, by project, status, action or caller: your own, or all of them for an approver."),
        tool!("bouncer_stats", Agent, status::WhichStats => status::Stats,
            |app, cx, args| status::stats(&app, &cx.caller, args).await,
            "Counts the requests of the last hours by outcome and project, and tells how long decisions took: your own, or all of them for an approver."),
        tool!("bouncer_request_show", Agent, status::WhichRequest => status::RequestDetails,
            |app, cx, args| status::show(&app, &cx.caller, args).await,
            "Shows what a request would do, file by file, as its approver sees it before deciding."),
        tool!("bouncer_audit_list", Approver, audit::ListAudit => audit::AuditList,
            |app, cx, args| audit::list(&app, &cx.caller, args).await,
            "Lists what is recorded of requests, newest first: who asked, decided, was refused, and how it ended. Approvers and admins only."),
        tool!("bouncer_audit_verify", Approver, audit::VerifyAudit => audit::AuditVerdict,
            |app, cx, args| audit::verify(&app, &cx.caller, args).await,
            "Checks that no recorded event is missing, altered or in another one's place, and names the first break. Approvers and admins only."),
        tool!("bouncer_project_add", Admin, projects::AddProject => projects::OneProject,
            |app, cx, args| projects::add(&app, &cx.caller, args).await,
            "Adds a project, or changes the frontend of one. In the local profile it also makes the bucket. Admins only."),
        tool!("bouncer_project_backend", Admin, project_backend::SetBackend => projects::OneProject,
            |app, cx, args| project_backend::set(&app, &cx.caller, args).await,
            "Says where a project's backend comes from (repository, branch, template) and goes to (stack, roles, parameters), making the project if there is none. What is not said stays as it is. Admins only."),
        tool!("bouncer_key_create", Admin, keys::CreateKey => keys::CreatedKey,
            |app, cx, args| keys::create(&app, &cx.caller, args).await,
            "Makes an API key for an agent, an approver or an admin. The secret is shown this once. Admins only."),
        tool!("bouncer_key_list", Admin, projects::NoArguments => keys::KeyList,
            |app, cx, args| keys::list(&app, &cx.caller, args).await,
            "Lists the API keys with their names and roles, without their secrets. Admins only."),
        tool!("bouncer_key_revoke", Admin, keys::RevokeKey => keys::RevokedKey,
            |app, cx, args| keys::revoke(&app, &cx.caller, args).await,
            "Revokes an API key for good, by its key_id. Admins only."),
    ]
}
