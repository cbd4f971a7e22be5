//! What users write: a few commands, answered to approvers, and not where others read along.

use super::Bot;
use crate::channels::telegram::{IncomingMessage, Message, Text, Words, fill};
use crate::domain::error::ErrorCode;
use crate::domain::request::{Request, Status};
use crate::domain::text::number;
use crate::requests::kind::labels;
use crate::requests::status::{Stats, WhichStats, count, waiting};
use std::collections::BTreeMap;

/// Requests that `/pending` lists.
const LISTED: usize = 20;
/// Units of a foreign text in a list.
const SHOWN: usize = 60;

impl Bot {
    /// Somebody wrote. What is no command is not for us, but for an approver who may not know the commands.
    pub(super) async fn wrote(&self, message: IncomingMessage) {
        let (Some(user), Some(text)) = (message.from, message.text) else { return };
        let is_private = message.chat.kind == "private";
        let mut parts = text.split_whitespace();
        let command = parts.next().filter(|first| first.starts_with('/'));
        // In groups a command may name the bot it is for: /pending@bouncer_bot.
        let command = command.and_then(|command| command.split('@').next());
        if command.is_none() && !is_private {
            return;
        }
        let words = self.telegram.renderer().words;
        let is_approver = self.approvers.find(user.id).is_some();
        let answer = if !is_approver {
            // Nobody makes this program write again and again.
            if !self.refused.is_new(user.id) {
                return;
            }
            plain(&fill(words.stranger, &[&user.id.to_string()]))
        } else if !is_private && !self.telegram.asks_in(message.chat.id) {
            plain(words.only_private)
        } else {
            match command {
                Some("/pending") => self.pending().await,
                Some("/stats") => self.stats(parts.next()).await,
                _ => plain(words.help),
            }
        };
        if let Err(error) = self.telegram.say(message.chat.id, answer).await {
            tracing::warn!(%error, "a command could not be answered");
        }
    }

    async fn pending(&self) -> Message {
        let words = self.telegram.renderer().words;
        match waiting(&self.app).await {
            Ok(requests) if requests.is_empty() => plain(words.nothing_pending),
            Ok(requests) => Message::of(self.list(&requests)),
            Err(error) => {
                tracing::warn!(%error, "what is pending could not be listed");
                plain(words.unavailable)
            }
        }
    }

    /// What `bouncer_stats` counts for the same span.
    async fn stats(&self, hours: Option<&str>) -> Message {
        let words = self.telegram.renderer().words;
        let Ok(hours) = hours.map(str::parse).transpose() else { return plain(words.hours_wanted) };
        match count(&self.app, WhichStats { hours, project: None }, None).await {
            Ok(stats) => Message::of(numbers(words, &stats)),
            Err(error) if error.code == ErrorCode::InvalidParam => plain(words.hours_wanted),
            Err(error) => {
                tracing::warn!(%error, "requests could not be counted");
                plain(words.unavailable)
            }
        }
    }

    fn list(&self, requests: &[Request]) -> Text {
        let renderer = self.telegram.renderer();
        let words = renderer.words;
        let title = Text::default().bold(&fill(words.pending, &[&number(requests.len())]));
        let mut list = requests.iter().take(LISTED).fold(title, |list, request| {
            let title = labels(self.app.kinds, &request.action).title;
            let mut line = list.plain("\n\n").plain(renderer.phrase(&title)).plain(" ");
            if let Some(project) = &request.project {
                line = line.foreign(project.as_str(), SHOWN).plain(" ");
            }
            line = line.foreign(request.request_id.as_str(), SHOWN).plain("\n");
            line.foreign(&request.summary, SHOWN).plain("\n").plain(&renderer.expiry(request.expires_at))
        });
        if requests.len() > LISTED {
            list = list.plain("\n\n").plain(&fill(words.more, &[&number(requests.len() - LISTED)]));
        }
        list
    }
}

fn numbers(words: &'static Words, stats: &Stats) -> Text {
    let title = fill(words.asked_lately, &[&number(stats.hours), &number(stats.total)]);
    let mut text = Text::default().bold(&title);
    for status in Status::ALL {
        if let Some(requests) = stats.by_status.get(status.as_str()) {
            text = text.plain(&format!("\n{}: {}", stands(words, status), number(*requests)));
        }
    }
    if let (Some(median), Some(p95)) = (stats.decision_seconds_median, stats.decision_seconds_p95) {
        let values = [number(stats.decided), words.duration(median), words.duration(p95)];
        text = text.plain("\n").plain(&fill(words.decided_after, &values.each_ref().map(String::as_str)));
    }
    let total = |of: &BTreeMap<&str, u64>| of.values().sum::<u64>();
    let projects = stats.by_project.iter().take(LISTED);
    text = projects.fold(text, |text, (project, of)| {
        text.plain("\n• ").foreign(project, SHOWN).plain(&format!(": {}", number(total(of))))
    });
    match stats.by_project.len().saturating_sub(LISTED) {
        0 => text,
        more => text.plain("\n").plain(&fill(words.more, &[&number(more)])),
    }
}

fn stands(words: &'static Words, status: Status) -> &'static str {
    match status {
        Status::Ready => words.stands_ready,
        Status::PendingApproval => words.stands_pending,
        Status::Approved => words.stands_approved,
        Status::Running => words.stands_running,
        Status::Completed => words.stands_completed,
        Status::Failed => words.stands_failed,
        Status::Denied => words.stands_denied,
        Status::Expired => words.stands_expired,
        Status::Cancelled => words.stands_cancelled,
    }
}

fn plain(words: &str) -> Message {
    Message::of(Text::default().plain(words))
}
