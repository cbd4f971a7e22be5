//! `POST /telegram/webhook`: Telegram's calls, told from everybody else's by a secret before anything of them is read.

use super::Bot;
use crate::channels::telegram::{Intake, Update};
use crate::domain::error::{ErrorCode, UserError};
use crate::server::bodies;
use crate::server::guard::refusal;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use tower::limit::GlobalConcurrencyLimitLayer;

const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";
/// The largest update: a text has at most 4096 characters.
const MAX_BODY_BYTES: usize = 256 << 10;
/// Updates worked on at once; more wait.
const UPDATES_AT_ONCE: usize = 32;

/// The route, for a bot that Telegram calls.
pub(in crate::server) fn routes<S: Clone + Send + Sync + 'static>(bot: Arc<Bot>) -> Router<S> {
    let secret = bot.secret.as_ref().filter(|_| bot.intake == Intake::Webhook);
    let Some(secret) = secret.map(|secret| Arc::<str>::from(secret.expose())) else { return Router::new() };
    Router::new()
        .route("/telegram/webhook", routing::post(take))
        .layer(GlobalConcurrencyLimitLayer::new(UPDATES_AT_ONCE))
        .layer(middleware::from_fn_with_state(bodies::Bodies::up_to(MAX_BODY_BYTES), bodies::take_in))
        .layer(middleware::from_fn_with_state(secret, known))
        .with_state(bot)
}

/// Lets Telegram's own calls through. Comparing takes the same time whatever is wrong.
async fn known(State(secret): State<Arc<str>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(SECRET_HEADER).map(|value| value.as_bytes()).unwrap_or_default();
    if bool::from(given.ct_eq(secret.as_bytes())) {
        return next.run(request).await;
    }
    tracing::warn!("a call of the webhook did not know its secret");
    let error = UserError::new(
        ErrorCode::Forbidden,
        "This is not a call of Telegram.",
        "Register the webhook with the secret that the server has: bouncer telegram set-webhook.",
    );
    refusal(StatusCode::UNAUTHORIZED, &error)
}

async fn take(State(bot): State<Arc<Bot>>, body: Bytes) -> Response {
    let Ok(update) = serde_json::from_slice::<Update>(&body) else {
        let error = UserError::invalid("body", "The body is not an update of Telegram.", "Send one update as JSON.");
        return refusal(StatusCode::BAD_REQUEST, &error);
    };
    // Whoever calls may hang up; what was pressed is dealt with all the same.
    let dealt_with = tokio::spawn(async move { bot.take(update).await });
    match dealt_with.await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(%error, "an update could not be dealt with");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, &UserError::system())
        }
    }
}
