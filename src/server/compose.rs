//! Builds the application of an installation from its settings, on either profile.

use super::backend;
use super::telegram::{Bot, TelegramSetup, TelegramSetupError};
use crate::aws::objects::Objects;
use crate::aws::sites::Sites;
use crate::channels::Channel;
use crate::config::Config;
use crate::domain::profile::Profile;
use crate::github::GithubError;
use crate::kinds::KINDS;
use crate::requests::app::{Adapters, App, Limits, Settings};
use crate::requests::engine::Engine;
use crate::storage::{Documents, Store};
use std::sync::Arc;

/// Bytes of upload addresses in one answer on AWS: Lambda limits an answer to 6 MB, and MCP carries each address twice.
const HOSTED_ANSWER_BYTES: usize = 2 << 20;

/// Why an application could not be built from its settings.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The bot cannot be used.
    #[error(transparent)]
    Telegram(#[from] TelegramSetupError),
    /// There is no HTTP client for GitHub.
    #[error("cannot create the HTTP client for GitHub")]
    Github(#[source] GithubError),
}

/// What the two profiles provide differently.
pub(super) struct Services {
    pub store: Store,
    pub documents: Documents,
    pub objects: Objects,
    pub sites: Sites,
    pub engine: Arc<dyn Engine>,
}

/// An application, and the bot that takes Telegram's updates in for it.
pub(super) struct Composed {
    pub app: Arc<App>,
    pub bot: Option<Arc<Bot>>,
}

/// Builds an application over the services of a profile.
///
/// # Errors
/// Fails when the bot's secret cannot be read or used, or when an HTTP client cannot be created.
pub(super) async fn compose(config: &Config, services: Services, settings: Settings) -> Result<Composed, ComposeError> {
    let telegram = match &config.telegram {
        Some(telegram) => Some(TelegramSetup::new(telegram).await?),
        None => None,
    };
    let backend = match &config.backend {
        Some(backend) => {
            Some(backend::connect(backend, config.external_id.clone()).await.map_err(ComposeError::Github)?)
        }
        None => None,
    };
    let channels: Vec<Arc<dyn Channel>> = telegram.iter().map(TelegramSetup::channel).collect();
    let Services { store, documents, objects, sites, engine } = services;
    let adapters = Adapters { store, documents, objects, sites, engine, channels, backend };
    let app = Arc::new(App::assemble(KINDS, adapters, settings));
    let bot = telegram.map(|telegram| Arc::new(telegram.open(app.clone())));
    Ok(Composed { app, bot })
}

/// Returns the settings of an installation's use cases.
pub(super) fn settings(config: &Config, profile: Profile, account: &str) -> Settings {
    let default = Limits::default();
    let answer_bytes = config.server.answer_bytes.unwrap_or(match profile {
        Profile::Local => default.answer_bytes,
        Profile::Aws => HOSTED_ANSWER_BYTES,
    });
    Settings {
        approval_window: config.approvals.window,
        asking: config.approvals.quota,
        page_url: config.server.public_url.clone(),
        limits: Limits { answer_bytes, ..default },
        ..Settings::new(profile, account)
    }
}
