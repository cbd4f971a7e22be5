//! What users write: a few commands, answered to approvers, and not where others read along.

use super::Bot;
use crate::channel::telegram::{IncomingMessage, Message, Text, fill};
use crate::flow::status::waiting;
use crate::model::request::Request;

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
        let words = self.telegram.renderer().0;
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
                _ => plain(words.help),
            }
        };
        if let Err(error) = self.telegram.say(message.chat.id, answer).await {
            tracing::warn!(%error, "a command could not be answered");
        }
    }

    async fn pending(&self) -> Message {
        let words = self.telegram.renderer().0;
        match waiting(&self.app).await {
            Ok(requests) if requests.is_empty() => plain(words.nothing_pending),
            Ok(requests) => Message::of(self.list(&requests)),
            Err(error) => {
                tracing::warn!(%error, "what is pending could not be listed");
                plain(words.unavailable)
            }
        }
    }

    fn list(&self, requests: &[Request]) -> Text {
        let renderer = self.telegram.renderer();
        let words = renderer.0;
        let title = Text::default().bold(&fill(words.pending, &[&requests.len().to_string()]));
        let mut list = requests.iter().take(LISTED).fold(title, |list, request| {
            let mut line = list.plain("\n\n").plain(renderer.action(request.action)).plain(" ");
            if let Some(project) = &request.project {
                line = line.foreign(project.as_str(), SHOWN).plain(" ");
            }
            line = line.foreign(request.request_id.as_str(), SHOWN).plain("\n");
            line.foreign(&request.summary, SHOWN).plain("\n").plain(&renderer.expiry(request.expires_at))
        });
        if requests.len() > LISTED {
            list = list.plain("\n\n").plain(&fill(words.more, &[&(requests.len() - LISTED).to_string()]));
        }
        list
    }
}

fn plain(words: &str) -> Message {
    Message::of(Text::default().plain(words))
}
