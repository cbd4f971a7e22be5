//! Channels on which approvers are asked: reached or not, they say what is true and hold up nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bouncer::channels::{Channel, ChannelError};
use bouncer::domain::channel::ChannelName;
use bouncer::domain::error::ErrorCode;
use bouncer::domain::ids::RequestId;
use bouncer::domain::prompt::{Delivery, Outcome, Prompt, Stage};
use bouncer::domain::request::Status;
use bouncer::requests::waiting;

use super::world::{BUCKET, Bouncer, DEADLINE, SHOP, World, new_site, old_site, publish_settings};
use crate::support::wait_until;

/// A channel that keeps what it was told.
#[derive(Default)]
struct Board {
    is_down: AtomicBool,
    said: Mutex<Vec<(&'static str, Stage)>>,
}

impl Board {
    fn hear(&self, what: &'static str, prompt: &Prompt) -> Result<(), ChannelError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(ChannelError::Unavailable { channel: ChannelName::Telegram, reason: "it is down".to_owned() });
        }
        self.said.lock().unwrap().push((what, prompt.stage.clone()));
        Ok(())
    }

    fn count(&self, what: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|(said, _)| *said == what).count()
    }

    fn last(&self) -> Option<Stage> {
        self.said.lock().unwrap().last().map(|(_, stage)| stage.clone())
    }
}

#[async_trait]
impl Channel for Board {
    fn name(&self) -> ChannelName {
        ChannelName::Telegram
    }

    async fn check(&self) -> Result<String, ChannelError> {
        Ok("hangs on the wall".to_owned())
    }

    async fn deliver(&self, prompt: &Prompt) -> Result<Vec<Delivery>, ChannelError> {
        self.hear("asked", prompt)?;
        Ok(vec![Delivery { channel: ChannelName::Telegram, message: prompt.request_id.to_string() }])
    }

    async fn update(&self, _delivery: &Delivery, prompt: &Prompt) -> Result<(), ChannelError> {
        self.hear("changed", prompt)
    }

    async fn remind(&self, _delivery: &Delivery, prompt: &Prompt) -> Result<(), ChannelError> {
        self.hear("reminded", prompt)
    }
}

async fn with_board() -> (World, Bouncer, Arc<Board>) {
    let world = World::new().await;
    let board = Arc::new(Board::default());
    let bouncer = world.bouncer_on(publish_settings(), vec![board.clone()]).at_work().await;
    bouncer.add_project(SHOP, BUCKET).await;
    (world, bouncer, board)
}

async fn status(bouncer: &Bouncer, id: &RequestId) -> Status {
    bouncer.app.store.request(id).await.unwrap().unwrap().status
}

#[tokio::test]
async fn a_prompt_follows_its_request_to_the_outcome() {
    let (_world, bouncer, board) = with_board().await;

    let id = bouncer.ask(&old_site()).await;
    assert!(matches!(board.last(), Some(Stage::Asking { .. })), "{:?}", board.last());
    bouncer.approve(&id).await;
    bouncer.ended(&id).await.assert_completed(&old_site());

    wait_until("the prompt to tell the outcome", DEADLINE, async || {
        matches!(board.last(), Some(Stage::Ended { outcome: Outcome::Completed, .. })).then_some(())
    })
    .await;
    assert_eq!(board.count("asked"), 1, "the workflow does not ask again");
    let said = board.said.lock().unwrap();
    let running = said.iter().position(|(_, stage)| matches!(stage, Stage::Running { .. })).expect("it ran");
    assert!(said[running..].iter().all(|(_, stage)| !matches!(stage, Stage::Asking { .. })), "{said:?}");
}

#[tokio::test]
async fn what_nobody_can_be_asked_about_is_withdrawn() {
    let (_world, bouncer, board) = with_board().await;
    board.is_down.store(true, Ordering::Relaxed);

    let error = bouncer.try_ask(&old_site()).await.unwrap_err();

    assert_eq!(error.code, ErrorCode::NotificationFailed, "{error:?}");
    assert_eq!(bouncer.app.store.requests_in(Status::PendingApproval, 10).await.unwrap(), []);
    let withdrawn = bouncer.app.store.requests_in(Status::Cancelled, 10).await.unwrap();
    assert_eq!(withdrawn.len(), 1);
}

#[tokio::test]
async fn a_channel_that_fails_later_fails_no_deploy() {
    let (world, bouncer, board) = with_board().await;
    let id = bouncer.ask(&new_site()).await;
    board.is_down.store(true, Ordering::Relaxed);

    bouncer.approve(&id).await;

    bouncer.ended(&id).await.assert_completed(&new_site());
    world.assert_holds(BUCKET, &new_site()).await;
    assert_eq!(board.count("changed"), 0);
}

#[tokio::test]
async fn approvers_are_reminded_once_and_asked_if_nobody_was() {
    let (_world, bouncer, board) = with_board().await;
    let id = bouncer.ask(&old_site()).await;

    for _ in 0..3 {
        let answer = waiting::remind(&bouncer.app, &id).await.unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        assert_eq!(answer["outcome"], "again");
        assert!((590..=600).contains(&answer["window_seconds"].as_u64().unwrap()), "{answer}");
    }
    assert_eq!((board.count("reminded"), board.count("asked")), (1, 1));
    assert_eq!(status(&bouncer, &id).await, Status::PendingApproval);

    // A process that died before it noted where it asked.
    bouncer.app.store.set_deliveries(&id, &[]).await.unwrap();
    waiting::remind(&bouncer.app, &id).await.unwrap();
    assert_eq!((board.count("reminded"), board.count("asked")), (1, 2));

    bouncer.approve(&id).await;
    let answer = waiting::remind(&bouncer.app, &id).await.unwrap();
    assert_eq!(serde_json::to_value(answer).unwrap()["outcome"], "over");
}
