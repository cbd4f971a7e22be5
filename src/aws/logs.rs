//! CloudWatch Logs: reads the log of a build, forwards from a token or backwards from its end.

use super::error::{AwsError, Resource};
use crate::domain::backend::build_log::LogPlace;
use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;

/// Holds one page of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// Oldest first.
    pub lines: Vec<LogLine>,
    /// The token of the next page.
    pub next: Option<String>,
}

/// Holds one line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The text, without its line end.
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

    /// Reads lines from the beginning, or from the token of an earlier page.
    pub async fn get_page(&self, place: &LogPlace, after: Option<String>, limit: i32) -> Result<LogPage, AwsError> {
        self.get_events(place, after, limit, true).await
    }

    /// Reads the last lines.
    pub async fn get_tail(&self, place: &LogPlace, limit: i32) -> Result<LogPage, AwsError> {
        self.get_events(place, None, limit, false).await
    }

    async fn get_events(
        &self,
        place: &LogPlace,
        after: Option<String>,
        limit: i32,
        start_from_head: bool,
    ) -> Result<LogPage, AwsError> {
        let response = self
            .client
            .get_log_events()
            .log_group_name(&place.group)
            .log_stream_name(&place.stream)
            .set_next_token(after)
            .limit(limit)
            .start_from_head(start_from_head)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(Resource::named(format!("the log {}", place.stream)), error))?;
        let lines = response.events.unwrap_or_default().into_iter().map(|event| LogLine {
            at_ms: event.timestamp.unwrap_or(0),
            text: event.message.unwrap_or_default().trim_end_matches(['\r', '\n']).to_owned(),
        });
        Ok(LogPage { lines: lines.collect(), next: response.next_forward_token })
    }
}
