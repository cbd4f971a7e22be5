//! Finding a request, for a caller or for a task.

use super::app::App;
use super::engine::{ErrorName, TaskError};
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::{DeployId, RequestId};
use crate::domain::request::Request;

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
