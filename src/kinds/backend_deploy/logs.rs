//! `bouncer_deploy_logs`: the log of a deploy's build.

use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::time::Time;
use crate::kinds::stack::run::BackendRun;
use crate::requests::app::App;
use crate::requests::find::find_deploy;
use crate::requests::stack_services::Backend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lines of one answer.
const MAX_LINES: i32 = 1_000;

/// Arguments of `bouncer_deploy_logs`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WhichLog {
    /// The deploy's id.
    pub deploy_id: String,
    /// `next` of an earlier answer: only what came after it.
    pub next: Option<String>,
}

/// The answer of `bouncer_deploy_logs`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct LogView {
    /// The deploy.
    pub deploy_id: String,
    /// Oldest first.
    pub lines: Vec<LineView>,
    /// Pass it to read on from here; absent while there is no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the build has ended, so that the log is complete.
    pub complete: bool,
}

/// A line of a log.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct LineView {
    /// When it was written.
    pub at: Time,
    /// Its text.
    pub text: String,
}

/// Reads a build's log onwards from where an earlier answer ended.
///
/// # Errors
/// Answers `not_found` for a deploy that the caller may not see; fails when the log cannot be read.
pub async fn logs(app: &App, caller: &Caller, args: WhichLog) -> Result<LogView, UserError> {
    let request = find_deploy(app, caller, &args.deploy_id).await?;
    let none = |complete| LogView { deploy_id: args.deploy_id.clone(), lines: vec![], next: None, complete };
    let Some(build) = request.checkpoint_as::<BackendRun>().and_then(|run| run.build) else {
        return Ok(none(request.status.has_ended()));
    };
    let complete = request.status.has_ended() || build.status != "IN_PROGRESS";
    let Some(place) = &build.log else { return Ok(none(complete)) };
    let page = match Backend::of(app)?.logs.get_page(place, args.next.clone(), MAX_LINES).await {
        Ok(page) => page,
        // The stream is created with the build's first line.
        Err(error) if error.is_not_found() => return Ok(none(complete)),
        Err(error) => {
            tracing::warn!(%error, "a log cannot be read");
            return Err(UserError::new(
                ErrorCode::UpstreamError,
                "The build's log cannot be read.",
                "Try again in a moment; bouncer_deploy_status names the cause of a failure.",
            ));
        }
    };
    let lines = page.lines.into_iter().map(|line| LineView { at: Time::from_millis(line.at_ms), text: line.text });
    Ok(LogView { deploy_id: args.deploy_id, lines: lines.collect(), next: page.next, complete })
}
