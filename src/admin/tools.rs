//! The tools that configure an installation and read its audit chain.

use super::{audit, keys, project_backend, project_import, projects};
use crate::requests::tool::Tool;
use crate::tool;

/// Lists the tools of administration.
#[rustfmt::skip]
pub fn tools() -> Vec<Tool> {
    vec![
        tool!("bouncer_project_list", Agent, projects::NoArguments => projects::ProjectList,
            |app, cx, args| projects::list(&app, &cx.caller, args).await,
            "Lists the projects that can be deployed, with their ids, buckets and current releases."),
        tool!("bouncer_project_show", Agent, projects::ShowProject => projects::OneProject,
            |app, cx, args| projects::show(&app, &cx.caller, args).await,
            "Shows one project: its bucket, distribution, region, role, cache rules and current release."),
        tool!("bouncer_project_add", Admin, projects::AddProject => projects::OneProject,
            |app, cx, args| projects::add(&app, &cx.caller, args).await,
            "Adds a project, or changes the frontend of one. In the local profile it also makes the bucket. Admins only."),
        tool!("bouncer_project_import", Admin, project_import::ImportProjects => project_import::ImportedProjects,
            |app, cx, args| project_import::import(&app, &cx.caller, args).await,
            "Adds and changes many projects at once, as `bouncer project import` reads them from a file. All are checked before any is written; what does not differ is not written. Admins only."),
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
        tool!("bouncer_audit_list", Approver, audit::ListAudit => audit::AuditList,
            |app, cx, args| audit::list(&app, &cx.caller, args).await,
            "Lists what is recorded of requests, newest first: who asked, decided, was refused, and how it ended. Approvers and admins only."),
        tool!("bouncer_audit_verify", Approver, audit::VerifyAudit => audit::AuditVerdict,
            |app, cx, args| audit::verify(&app, &cx.caller, args).await,
            "Checks that no recorded event is missing, altered or in another one's place, and names the first break. Approvers and admins only."),
    ]
}
