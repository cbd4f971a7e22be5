//! Holding a project while it is deployed. A lease whose owner's execution has ended is taken over, never just dropped.

use super::app::App;
use super::engine::{ErrorName, TaskError};
use super::execution;
use crate::domain::ids::{ProjectId, RequestId};
use crate::storage::StoreError;
use crate::storage::coordination::Lane;

/// Takes or renews a lease for some seconds.
pub(crate) async fn hold(
    app: &App,
    project: &ProjectId,
    lane: Lane,
    owner: &RequestId,
    seconds: u64,
) -> Result<(), TaskError> {
    match app.store.hold(project, lane, owner, seconds).await {
        // On the heap: this is rare, and whoever holds a lease waits in here.
        Err(StoreError::Conflict) => Box::pin(take_over(app, project, lane, owner, seconds)).await,
        other => Ok(other?),
    }
}

async fn take_over(
    app: &App,
    project: &ProjectId,
    lane: Lane,
    owner: &RequestId,
    seconds: u64,
) -> Result<(), TaskError> {
    let busy = || TaskError { name: ErrorName::ProjectBusy, cause: format!("Another deploy of {project} is running.") };
    let Some(holder) = app.store.lease_owner(project, lane).await? else { return Err(busy()) };
    if is_alive(app, &holder).await? {
        return Err(busy());
    }
    let Some(request) = app.store.request(owner).await? else { return Err(busy()) };
    match app.store.take_over(project, lane, &holder, &request, seconds).await {
        Ok(()) => {
            tracing::warn!(
                request_id = %owner, project = %project, phase = "lease", from = %holder,
                "took over the lease of a deploy whose execution has ended"
            );
            Ok(())
        }
        Err(StoreError::Conflict) => Err(busy()),
        Err(error) => Err(error.into()),
    }
}

/// Who holds a project and is carried out at this moment.
pub(crate) async fn holder(app: &App, project: &ProjectId, lane: Lane) -> Result<Option<RequestId>, TaskError> {
    let Some(holder) = app.store.lease_owner(project, lane).await? else { return Ok(None) };
    Ok(is_alive(app, &holder).await?.then_some(holder))
}

async fn is_alive(app: &App, owner: &RequestId) -> Result<bool, TaskError> {
    match app.store.request(owner).await? {
        // Its effects are over; what is left of it are words.
        Some(request) if request.status.has_ended() => Ok(false),
        Some(request) => Ok(execution::is_running(app, &request).await?),
        // Nothing is known of this owner, so nothing says that it has ended; the lease itself will.
        None => Ok(true),
    }
}
