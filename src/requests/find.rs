//! Finding a request, for a caller or for a task.

use super::app::App;
use super::engine::{ErrorName, TaskError};
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::ids::{DeployId, ProjectId, RequestId};
use crate::domain::project::Project;
use crate::domain::request::Request;
use serde_json::json;

/// Finds a request that a caller may see.
///
/// # Errors
/// Answers NOT_FOUND for one that does not exist or that the caller may not see.
pub async fn find(app: &App, caller: &Caller, text: &str) -> Result<Request, UserError> {
    let request = find_any(app, text).await?;
    if request.is_visible_to(caller) { Ok(request) } else { Err(unknown(text)) }
}

/// Finds a request, whoever asks.
///
/// # Errors
/// Answers NOT_FOUND for one that does not exist.
pub async fn find_any(app: &App, text: &str) -> Result<Request, UserError> {
    let id = RequestId::parse(text).map_err(|_| unknown(text))?;
    app.store.request(&id).await?.ok_or_else(|| unknown(text))
}

/// Finds a deploy that a caller may see.
///
/// # Errors
/// Answers `not_found` for one that does not exist or that the caller may not see.
pub async fn find_deploy(app: &App, caller: &Caller, text: &str) -> Result<Request, UserError> {
    let request = match DeployId::parse(text) {
        Ok(id) => app.store.request(&id.request_id()).await?.filter(|request| is_for(request, &id, caller)),
        Err(_) => None,
    };
    request.ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        UserError::not_found(
            format!("There is no deploy '{shown}' that you may see."),
            "List a project's deploys with bouncer_deploy_history.",
        )
        .with_status("not_found")
    })
}

/// Tells whether a request leads to a deploy that a caller may see.
pub fn is_for(request: &Request, deploy: &DeployId, caller: &Caller) -> bool {
    request.deploy_id.as_ref() == Some(deploy) && request.is_visible_to(caller)
}

/// Makes the answer about a request that does not exist, or that a caller may not see.
pub fn unknown(text: &str) -> UserError {
    let shown: String = text.chars().take(80).collect();
    UserError::not_found(
        format!("There is no request '{shown}' that you may see."),
        "Check the id; bouncer_list_pending lists what waits.",
    )
}

/// Reads the request of a task.
///
/// # Errors
/// Fails when there is none, or it cannot be read.
pub async fn load(app: &App, id: &RequestId) -> Result<Request, TaskError> {
    app.store
        .request(id)
        .await?
        .ok_or_else(|| TaskError { name: ErrorName::NoRequest, cause: format!("The request {id} does not exist.") })
}

/// Parses a project's id.
///
/// # Errors
/// Answers INVALID_PARAM for a text that is none.
pub fn parse_project_id(text: &str) -> Result<ProjectId, UserError> {
    ProjectId::parse(text)
        .map_err(|error| UserError::invalid("project", format!("The {error}."), "Correct the id; nothing was changed."))
}

/// Finds a project by the text a caller sent.
///
/// # Errors
/// Answers UNKNOWN_PROJECT with the projects that there are.
pub async fn find_project(app: &App, text: &str) -> Result<Project, UserError> {
    let found = match ProjectId::parse(text) {
        Ok(id) => app.store.project(&id).await?,
        Err(_) => None,
    };
    if let Some(project) = found {
        return Ok(project);
    }
    let available: Vec<String> = app.store.projects().await?.into_iter().map(|p| p.project_id.into()).collect();
    let shown: String = text.chars().take(80).collect();
    Err(UserError::new(
        ErrorCode::UnknownProject,
        format!("Unknown project: {shown}"),
        "Use one of available_projects, or have an admin add the project.",
    )
    .with("available_projects", json!(available)))
}
