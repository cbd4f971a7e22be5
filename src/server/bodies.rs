//! Takes a request's body in before anything is done with it: bounded in size, in time, and in how many large ones are
//! in memory at once.

use super::guard::refusal;
use crate::domain::error::UserError;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Bodies above this share a few places, so that many large calls at once cannot fill the memory.
const LARGE_BODY_BYTES: u64 = 1 << 20;
const LARGE_BODIES_AT_ONCE: usize = 4;
/// How long a body is waited for.
const PATIENCE: Patience = Patience { pause: Duration::from_secs(20), grace: Duration::from_secs(40) };
/// The slowest rate at which a body is waited for, in bytes a second.
const SLOWEST_RATE: u64 = 256 << 10;

#[derive(Clone, Copy)]
struct Patience {
    /// Between two pieces.
    pause: Duration,
    /// In all, beside what the bytes take at the slowest rate.
    grace: Duration,
}

/// What some routes accept.
#[derive(Clone)]
pub(super) struct Bodies {
    max_bytes: u64,
    large: Arc<Semaphore>,
}

impl Bodies {
    /// Bodies of at most so many bytes, of which a few large ones come in at a time.
    pub(super) fn up_to(max_bytes: usize) -> Self {
        Self { max_bytes: max_bytes as u64, large: Arc::new(Semaphore::new(LARGE_BODIES_AT_ONCE)) }
    }
}

/// Reads the body to its end, then lets the request go on. A large one, or one of unknown length, waits for its place
/// first and keeps it until the answer. One that announces too much is refused before any of it is read.
pub(super) async fn take_in(State(bodies): State<Bodies>, request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > bodies.max_bytes) {
        return Refused::TooLarge.into_response();
    }
    let (parts, body) = request.into_parts();
    let most = length.unwrap_or(bodies.max_bytes);
    let large = !body.is_end_stream() && most > LARGE_BODY_BYTES;
    // The semaphore is never closed, so the place is always given.
    let _place = if large { bodies.large.acquire().await.ok() } else { None };
    match collect(body, most, PATIENCE).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(refused) => refused.into_response(),
    }
}

/// The whole body, of at most `most` bytes.
async fn collect(body: Body, most: u64, patience: Patience) -> Result<Bytes, Refused> {
    let end = Instant::now() + patience.grace + Duration::from_secs(most / SLOWEST_RATE);
    let mut pieces = body.into_data_stream();
    let mut bytes = BytesMut::new();
    loop {
        let moment = end.min(Instant::now() + patience.pause);
        let piece = match timeout_at(moment, pieces.next()).await.map_err(|_| Refused::TooSlow)? {
            Some(piece) => piece.map_err(|_| Refused::BrokeOff)?,
            None => return Ok(bytes.freeze()),
        };
        if (bytes.len() + piece.len()) as u64 > most {
            return Err(Refused::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
}

/// Why a body is not taken.
enum Refused {
    TooLarge,
    TooSlow,
    BrokeOff,
}

impl Refused {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Refused::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                UserError::validation(
                    "The request's body is larger than this server accepts.",
                    "Upload large files with bouncer_request_frontend_presigned.",
                ),
            ),
            Refused::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                UserError::invalid("body", "The request's body stopped coming.", "Send it again, whole."),
            ),
            Refused::BrokeOff => (
                StatusCode::BAD_REQUEST,
                UserError::invalid("body", "The request's body broke off.", "Send it again, whole."),
            ),
        };
        refusal(status, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::io;

    fn pieces(pieces: Vec<Result<Bytes, io::Error>>) -> Body {
        Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_body_is_taken_whole_or_not_at_all() {
        let whole = pieces(vec![Ok(Bytes::from("one ")), Ok(Bytes::from("two"))]);
        assert_eq!(collect(whole, 7, PATIENCE).await.ok().unwrap(), "one two");
        assert_eq!(collect(Body::empty(), 0, PATIENCE).await.ok().unwrap(), "");
        let broken = pieces(vec![Ok(Bytes::from("one")), Err(io::Error::other("gone"))]);
        assert!(matches!(collect(broken, 7, PATIENCE).await, Err(Refused::BrokeOff)));
        let more = pieces(vec![Ok(Bytes::from("one ")), Ok(Bytes::from("two"))]);
        assert!(matches!(collect(more, 6, PATIENCE).await, Err(Refused::TooLarge)));
    }

    #[tokio::test]
    async fn a_body_that_stalls_or_drips_is_given_up() {
        let patience = Patience { pause: Duration::from_millis(20), grace: Duration::from_secs(600) };
        let stalls = stream::iter([Ok::<_, io::Error>(Bytes::from("{"))]).chain(stream::pending());
        assert!(matches!(collect(Body::from_stream(stalls), 100, patience).await, Err(Refused::TooSlow)));

        let patience = Patience { pause: Duration::from_secs(600), grace: Duration::from_millis(50) };
        let drips = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((Ok::<_, io::Error>(Bytes::from(" ")), ()))
        });
        assert!(matches!(collect(Body::from_stream(drips), 100, patience).await, Err(Refused::TooSlow)));
    }
}
