//! What Telegram tells of: a pressed button, a message. Only what this program reads of it, so that what Telegram adds to
//! its messages changes nothing.

use serde::Deserialize;

/// An update. What it is about is absent when it is nothing that this program takes in.
#[derive(Debug, Clone, Deserialize)]
pub struct Update {
    /// Its number: the same update always has the same.
    pub update_id: i64,
    /// A button was pressed.
    pub callback_query: Option<CallbackQuery>,
    /// Somebody wrote.
    pub message: Option<IncomingMessage>,
}

/// A pressed button.
#[derive(Debug, Clone, Deserialize)]
pub struct CallbackQuery {
    /// By which the press is answered.
    pub id: String,
    /// Who pressed.
    pub from: User,
    /// The button's data.
    pub data: Option<String>,
    /// The message that has the button.
    pub message: Option<Pressed>,
}

/// The message that has the button.
#[derive(Debug, Clone, Deserialize)]
pub struct Pressed {
    /// Its number within the chat.
    pub message_id: i32,
    /// Its chat.
    pub chat: Chat,
}

/// A message from a user.
#[derive(Debug, Clone, Deserialize)]
pub struct IncomingMessage {
    /// Who wrote; absent in channels.
    pub from: Option<User>,
    /// Where.
    pub chat: Chat,
    /// What, when it is a text.
    pub text: Option<String>,
}

/// A user. The number is the identity; names can be chosen and changed.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// The number.
    pub id: i64,
    /// The first name.
    #[serde(default)]
    pub first_name: String,
}

/// A chat.
#[derive(Debug, Clone, Deserialize)]
pub struct Chat {
    /// The number.
    pub id: i64,
    /// "private", "group", "supergroup", "channel".
    #[serde(default, rename = "type")]
    pub kind: String,
}
