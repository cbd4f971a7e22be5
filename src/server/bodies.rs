//! Takes a request's body in before anything is done with it: bounded in size, in time, and in how many large ones are
//! in memory at once.

use super::guard::refusal;
use crate::model::error::UserError;
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

/// The largest body: 50 MB of files as base64, and room for their names.
pub(super) const MAX_BODY_BYTES: usize = 72 << 20;
/// Bodies above this share a few places, so that many large calls at once cannot fill the memory.
const LARGE_BODY_BYTES: u64 = 1 << 20;
const LARGE_BODIES_AT_ONCE: usize = 4;
/// How long a caller may pause within a body.
const PAUSE: Duration = Duration::from_secs(20);
/// How long a body may take beside what its bytes take at the slowest rate.
const GRACE: Duration = Duration::from_secs(40);
/// The slowest rate at which a body is waited for, in bytes a second.
const SLOWEST_RATE: u64 = 256 << 10;

/// Lets a few large bodies in at a time.
#[derive(Clone)]
pub(super) struct LargeBodies(Arc<Semaphore>);

impl LargeBodies {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_BODIES_AT_ONCE)))
    }
}

/// Reads the body to its end, then lets the request go on. A large one, or one of unknown length, waits for its place
/// first and keeps it until the answer.
pub(super) async fn take_in(State(places): State<LargeBodies>, request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > MAX_BODY_BYTES as u64) {
        return Refused::TooLarge.into_response();
    }
    let (parts, body) = request.into_parts();
    let large = !body.is_end_stream() && length.is_none_or(|length| length > LARGE_BODY_BYTES);
    // The semaphore is never closed, so the place is always given.
    let _place = if large { places.0.acquire().await.ok() } else { None };
    match collect(body, length.unwrap_or(MAX_BODY_BYTES as u64)).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(refused) => refused.into_response(),
    }
}

async fn collect(body: Body, length: u64) -> Result<Bytes, Refused> {
    let end = Instant::now() + GRACE + Duration::from_secs(length / SLOWEST_RATE);
    let mut pieces = body.into_data_stream();
    let mut bytes = BytesMut::new();
    loop {
        let patience = end.min(Instant::now() + PAUSE);
        let piece = match timeout_at(patience, pieces.next()).await.map_err(|_| Refused::TooSlow)? {
            Some(piece) => piece.map_err(|_| Refused::BrokeOff)?,
            None => return Ok(bytes.freeze()),
        };
        if bytes.len() + piece.len() > MAX_BODY_BYTES {
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
        assert_eq!(collect(whole, 7).await.ok().unwrap(), "one two");
        assert_eq!(collect(Body::empty(), 0).await.ok().unwrap(), "");
        let broken = pieces(vec![Ok(Bytes::from("one")), Err(io::Error::other("gone"))]);
        assert!(matches!(collect(broken, 7).await, Err(Refused::BrokeOff)));
        let piece = Bytes::from(vec![0; MAX_BODY_BYTES / 2 + 1]);
        assert!(matches!(collect(pieces(vec![Ok(piece.clone()), Ok(piece)]), 0).await, Err(Refused::TooLarge)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_or_drips_is_given_up() {
        let start = Instant::now();
        let stalls = pieces(vec![Ok(Bytes::from("{"))]).into_data_stream().chain(stream::pending());
        assert!(matches!(collect(Body::from_stream(stalls), 100).await, Err(Refused::TooSlow)));
        assert_eq!(start.elapsed(), PAUSE);

        let start = Instant::now();
        let drips = stream::unfold((), |()| async {
            tokio::time::sleep(PAUSE / 2).await;
            Some((Ok::<_, io::Error>(Bytes::from(" ")), ()))
        });
        assert!(matches!(collect(Body::from_stream(drips), 100).await, Err(Refused::TooSlow)));
        assert!(start.elapsed() <= GRACE + PAUSE);
    }
}
