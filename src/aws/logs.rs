//! CloudWatch Logs: reading a build's log, from its end or onwards from where a reader was.

use super::call::CallError;
use crate::domain::backend::build_log::LogPlace;
use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;

/// A piece of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// Its lines, oldest first, without their line ends.
    pub lines: Vec<LogLine>,
    /// What to ask with for the lines that come after these.
    pub next: Option<String>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What it says.
    pub text: String,
}

/// CloudWatch Logs with Bouncer's own credentials.
#[derive(Clone)]
pub struct Logs {
    client: Client,
}

impl Logs {
    pub(super) fn new(shared: &SdkConfig) -> Self {
        Self { client: Client::new(shared) }
    }

    /// Lines from the beginning, or after the place that an earlier page named.
    pub async fn read(&self, place: &LogPlace, after: Option<String>, limit: i32) -> Result<LogPage, CallError> {
        self.page(place, after, limit, true).await
    }

    /// The last lines.
    pub async fn tail(&self, place: &LogPlace, limit: i32) -> Result<LogPage, CallError> {
        self.page(place, None, limit, false).await
    }

    async fn page(
        &self,
        place: &LogPlace,
        after: Option<String>,
        limit: i32,
        from_head: bool,
    ) -> Result<LogPage, CallError> {
        let answer = self
            .client
            .get_log_events()
            .log_group_name(&place.group)
            .log_stream_name(&place.stream)
            .set_next_token(after)
            .limit(limit)
            .start_from_head(from_head)
            .send()
            .await
            .map_err(|error| CallError::from_sdk(&format!("the log {}", place.stream), &error))?;
        let lines = answer.events.unwrap_or_default().into_iter().map(|event| LogLine {
            at_ms: event.timestamp.unwrap_or(0),
            text: event.message.unwrap_or_default().trim_end_matches(['\r', '\n']).to_owned(),
        });
        Ok(LogPage { lines: lines.collect(), next: answer.next_forward_token })
    }
}
