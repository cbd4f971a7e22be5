//! A request as its page shows it: what it is, where it stands, and the whole of what it would change.

mod deploy;
mod standing;

pub use deploy::{DeployPage, deploy, deploy_and_question};
pub use standing::{Standing, context_of, standing, standing_of};

use super::app::App;
use super::find::find;
use super::kind::CardView;
use super::prompts::prompt_of;
use crate::domain::caller::Caller;
use crate::domain::error::UserError;
use crate::domain::ids::RequestId;
use crate::domain::prompt::Prompt;
use crate::domain::request::Request;
use crate::domain::time::Time;

/// What the page of a request shows.
pub struct RequestPage {
    /// What it is and would do.
    pub prompt: Prompt,
    /// Where it stands for the reader.
    pub standing: Standing,
    /// Whether it can be previewed as a site.
    pub has_preview: bool,
}

/// Reads what the page of a request shows. `page` counts from 1; 0 means the first.
///
/// # Errors
/// Answers NOT_FOUND for one that does not exist or that the caller may not see.
pub async fn request_page(app: &App, caller: &Caller, id: &str, page: usize) -> Result<RequestPage, UserError> {
    let request = find(app, caller, id).await?;
    let view = CardView { role: caller.role, whole: true, page: page.max(1) };
    let prompt = prompt_of(app, &request, view).await?;
    let has_preview = app.kinds.of(&request)?.preview(&request).is_some();
    let context = context_of(app, &request).await?;
    Ok(RequestPage { prompt, standing: standing(app, request, &context, caller, Time::now()), has_preview })
}

/// Reads a request.
///
/// # Errors
/// Fails when the records cannot be read.
pub async fn request(app: &App, id: &RequestId) -> Result<Option<Request>, UserError> {
    Ok(app.store.request(id).await?)
}
