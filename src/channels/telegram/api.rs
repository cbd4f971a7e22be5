//! Calling the Bot API: teloxide's methods and types over the HTTP client of the rest, bounded in time and size, with
//! what is worth repeating repeated. The token stands in every address, so no error may show one.

use crate::domain::error::chain;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use teloxide_core::requests::Payload;
use tokio::time::{Instant, sleep, timeout};

/// The public Bot API.
pub const PUBLIC_API: &str = "https://api.telegram.org";

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 2 << 20;
/// How long is waited before a call is repeated the first time; twice as long each further time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Why Telegram did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// It could not be reached, or wants to be left alone; the same call may succeed later.
    Later {
        /// What happened.
        reason: String,
        /// How long it wants to be left alone.
        after: Option<Duration>,
    },
    /// It refuses, and would again: its own words.
    Refused(String),
}

/// How long a call may take, and how often it is tried.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For one attempt.
    pub each: Duration,
    /// For all attempts and the pauses between them.
    pub whole: Duration,
    /// At most so many attempts.
    pub attempts: u32,
}

impl Patience {
    /// For what must arrive if at all possible.
    pub const FIRM: Self = Self { each: Duration::from_secs(5), whole: Duration::from_secs(14), attempts: 4 };
    /// For what another call will soon replace.
    pub const LIGHT: Self = Self { each: Duration::from_secs(4), whole: Duration::from_secs(4), attempts: 1 };
}

/// Telegram, as one bot.
pub struct Api {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// How the Bot API answers every call.
#[derive(Deserialize)]
struct Envelope<T> {
    ok: bool,
    result: Option<T>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Api {
    /// For an address such as [`PUBLIC_API`], and a bot's token.
    pub fn new(url: &str, token: &str) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("bouncer/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    /// Calls a method and reads what this program needs of its result.
    pub async fn call<P, T>(&self, payload: &P, patience: Patience) -> Result<T, ApiError>
    where
        P: Payload + Serialize + Sync,
        T: DeserializeOwned,
    {
        let end = Instant::now() + patience.whole;
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let time = patience.each.min(end.saturating_duration_since(Instant::now()));
            let outcome = timeout(time, self.attempt(payload)).await;
            let outcome = outcome.unwrap_or_else(|_| {
                Err(ApiError::Later { reason: format!("no answer within {} seconds", time.as_secs_f32()), after: None })
            });
            let Err(ApiError::Later { after, .. }) = &outcome else { return outcome };
            let wait = after.unwrap_or(pause);
            if attempt >= patience.attempts || Instant::now() + wait >= end {
                return outcome;
            }
            sleep(wait).await;
            pause *= 2;
            attempt += 1;
        }
    }

    async fn attempt<P: Payload + Serialize, T: DeserializeOwned>(&self, payload: &P) -> Result<T, ApiError> {
        let url = format!("{}/bot{}/{}", self.url, self.token, P::NAME);
        let later = |reason: String| ApiError::Later { reason: self.without_token(&reason), after: None };
        let failed = |error: reqwest::Error| later(chain(&error.without_url()));
        let mut answer = self.http.post(url).json(payload).send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > MAX_ANSWER {
                return Err(ApiError::Refused(format!("its answer has more than {MAX_ANSWER} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        let not_understood = || later(format!("HTTP {status}, and no answer of a Bot API"));
        let envelope: Envelope<T> = serde_json::from_slice(&body).map_err(|_| not_understood())?;
        match envelope.result.filter(|_| envelope.ok) {
            Some(result) => Ok(result),
            None => Err(self.refusal(status, envelope.description, envelope.parameters)),
        }
    }

    fn refusal(
        &self,
        status: reqwest::StatusCode,
        description: Option<String>,
        parameters: Option<Parameters>,
    ) -> ApiError {
        let said = self.without_token(&description.unwrap_or_else(|| format!("HTTP {status}")));
        let (after, moved) =
            parameters.map_or((None, None), |parameters| (parameters.retry_after, parameters.migrate_to_chat_id));
        if let Some(chat) = moved {
            return ApiError::Refused(format!("{said} (its id is now {chat})"));
        }
        if after.is_some() || status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS {
            return ApiError::Later { reason: said, after: after.map(Duration::from_secs) };
        }
        match status.as_u16() {
            401 | 404 => ApiError::Refused(format!("it does not know the bot's token ({said})")),
            _ => ApiError::Refused(said),
        }
    }

    fn without_token(&self, text: &str) -> String {
        text.replace(&self.token, "…").chars().take(300).collect()
    }
}
