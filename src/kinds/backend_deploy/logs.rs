//! `bouncer_deploy_logs`: the log of a deploy's build.

use super::services::Backend;
use crate::domain::caller::Caller;
use crate::domain::error::{ErrorCode, UserError};
use crate::domain::time::Time;
use crate::requests::app::App;
use crate::requests::status::find_deploy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lines of one answer.
const MAX_LINES: i32 = 1_000;

/// Arguments of `bouncer_deploy_logs`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct WhichLog {
    /// The deploy's id.
    pub deploy_id: String,
    /// From an earlier answer: only what came after it.
    pub next: Option<String>,
}

/// The answer of `bouncer_deploy_logs`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LogView {
    /// The deploy.
    pub deploy_id: String,
    /// Oldest first.
    pub lines: Vec<LineView>,
    /// To ask with for what comes later; absent while there is no log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the build has ended, so that nothing more will come.
    pub complete: bool,
}

/// A line of a log.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LineView {
    /// When.
    pub at: Time,
    /// What it says.
    pub text: String,
}

/// Reads on in a build's log.
pub async fn logs(app: &App, caller: &Caller, args: WhichLog) -> Result<LogView, UserError> {
    let request = find_deploy(app, caller, &args.deploy_id).await?;
    let none = |complete| LogView { deploy_id: args.deploy_id.clone(), lines: vec![], next: None, complete };
    let Some(build) = request.run.as_ref().and_then(|run| run.build.as_ref()) else {
        return Ok(none(request.status.has_ended()));
    };
    let complete = request.status.has_ended() || build.status != "IN_PROGRESS";
    let Some(place) = &build.log else { return Ok(none(complete)) };
    let page = match Backend::of(app)?.logs.get_page(place, args.next.clone(), MAX_LINES).await {
        Ok(page) => page,
        // The stream begins with the build's first line.
        Err(error) if error.is_not_found() => return Ok(none(complete)),
        Err(error) => {
            tracing::warn!(%error, "a log cannot be read");
            return Err(UserError::new(
                ErrorCode::UpstreamError,
                "The build's log cannot be read.",
                "Try again in a moment; the status tells the cause of a failure.",
            ));
        }
    };
    let lines = page.lines.into_iter().map(|line| LineView { at: Time::from_millis(line.at_ms), text: line.text });
    Ok(LogView { deploy_id: args.deploy_id, lines: lines.collect(), next: page.next, complete })
}
