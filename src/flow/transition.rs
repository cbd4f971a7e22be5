//! A request moves on: the record first, then what approvers see of it.

use super::app::App;
use super::prompts::refresh;
use crate::model::request::{Event, Request};
use crate::store::requests::TransitionError;

/// Moves a request on, if it is still in the state it was read in, and writes what `edit` changes with it.
pub(super) async fn transition(
    app: &App,
    request: &Request,
    event: Event,
    edit: impl FnOnce(&mut Request),
) -> Result<Request, TransitionError> {
    let after = app.store.transition(request, event, edit).await?;
    refresh(app, &after).await;
    Ok(after)
}
