//! A request moves on: the record first, then what approvers see of it.

use super::app::App;
use super::prompts::refresh;
use crate::domain::audit::Actor;
use crate::domain::request::{Event, Request};
use crate::storage::requests::TransitionError;

/// Moves a request on, if it is still in the state it was read in, and writes what `edit` changes with it.
pub(crate) async fn transition(
    app: &App,
    request: &Request,
    event: Event,
    by: Actor,
    edit: impl FnOnce(&mut Request),
) -> Result<Request, TransitionError> {
    let after = app.store.transition(request, event, by, edit).await?;
    refresh(app, &after).await;
    Ok(after)
}
