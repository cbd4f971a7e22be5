//! Where approvers are asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bouncer::channels::{Channel, ChannelError};
use bouncer::domain::channel::ChannelName;
use bouncer::domain::prompt::{Delivery, Prompt, Stage};

use super::gate::{Fate, Gate};

/// What everybody can read, whichever process wrote it.
#[derive(Default)]
pub struct Board {
    said: Mutex<Vec<(&'static str, Stage)>>,
}

impl Board {
    pub fn count(&self, what: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|(said, _)| *said == what).count()
    }

    /// What the prompt says. A reminder is a message of its own, without buttons.
    pub fn prompt(&self) -> Option<Stage> {
        let said = self.said.lock().unwrap();
        said.iter().rev().find(|(what, _)| *what != "remind").map(|(_, stage)| stage.clone())
    }
}

/// The way of one process to the board.
pub struct Pen {
    pub process: usize,
    pub gate: Arc<Gate>,
    pub board: Arc<Board>,
}

impl Pen {
    async fn write(&self, what: &'static str, prompt: &Prompt) -> Result<(), ChannelError> {
        let crossing = self.gate.cross(self.process, what).await;
        if crossing.fate != Fate::Lost {
            self.board.said.lock().unwrap().push((what, prompt.stage.clone()));
        }
        match crossing.fate {
            Fate::Made => Ok(()),
            _ => Err(ChannelError::Unavailable { channel: ChannelName::Telegram, reason: "out of ink".to_owned() }),
        }
    }
}

#[async_trait]
impl Channel for Pen {
    fn name(&self) -> ChannelName {
        ChannelName::Telegram
    }

    async fn check(&self) -> Result<String, ChannelError> {
        Ok("hangs on the wall".to_owned())
    }

    async fn deliver(&self, prompt: &Prompt) -> Result<Vec<Delivery>, ChannelError> {
        self.write("ask", prompt).await?;
        Ok(vec![Delivery { channel: ChannelName::Telegram, message: prompt.request_id.to_string() }])
    }

    async fn update(&self, _delivery: &Delivery, prompt: &Prompt) -> Result<(), ChannelError> {
        self.write("change", prompt).await
    }

    async fn remind(&self, _delivery: &Delivery, prompt: &Prompt) -> Result<(), ChannelError> {
        self.write("remind", prompt).await
    }
}
