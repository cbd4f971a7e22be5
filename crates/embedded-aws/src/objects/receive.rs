//! Takes the body of a request in: hashed and written in pieces, never collected.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, StdError, s3_error};

use super::bodies::{Bodies, NewBody};
use super::digests::{Declared, Digests, Hashers};
use super::fault::{Fault, Outcome};

/// How much of a body is in memory at once. Smaller bodies are written in one go, together with their index entry.
const PIECE: usize = 256 * 1024;
/// How long a client may pause within a body.
const PAUSE: Duration = Duration::from_secs(60);

/// A body that has come in; what has not been written yet is in `tail`.
pub(super) struct Received {
    written: Writing,
    tail: Vec<u8>,
}

struct Writing {
    bodies: Arc<Bodies>,
    file: Option<NewBody>,
    hashers: Hashers,
}

impl Writing {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(self.bodies.create()?),
        };
        file.write(piece)
    }
}

impl Received {
    /// Reads the body to its end.
    pub(super) async fn read(bodies: &Arc<Bodies>, body: Option<StreamingBlob>, declared: &Declared) -> Outcome<Self> {
        let mut written = Writing { bodies: Arc::clone(bodies), file: None, hashers: declared.hashers() };
        // As large as it will be, because growing it would take the double.
        let mut tail = Vec::with_capacity(declared.length().unwrap_or(0).min(PIECE));
        let Some(mut body) = body else {
            return Ok(Self { written, tail });
        };
        loop {
            let next = tokio::time::timeout(PAUSE, body.next()).await;
            let Some(chunk) = next.map_err(|_| s3_error!(RequestTimeout, "The body stopped coming."))? else {
                return Ok(Self { written, tail });
            };
            let chunk = chunk.map_err(|error| broken(&error))?;
            tail.extend_from_slice(&chunk);
            if tail.len() >= PIECE {
                let work = move || -> io::Result<_> {
                    written.hashers.update(&tail);
                    written.write(&tail)?;
                    tail.clear();
                    Ok((written, tail))
                };
                let done = tokio::task::spawn_blocking(work).await;
                (written, tail) = done.map_err(|error| Fault::Panicked(error.to_string()))??;
            }
        }
    }

    /// Checks the declarations, then completes the file. To be called where blocking is allowed.
    pub(super) fn finish(self, declared: &Declared) -> Outcome<(NewBody, Digests)> {
        let Self { written: Writing { bodies, file, mut hashers }, tail } = self;
        hashers.update(&tail);
        let digests = hashers.finish();
        declared.check(&digests)?;
        let mut file = match file {
            Some(file) => file,
            None => bodies.create()?,
        };
        file.write(&tail)?;
        Ok((file, digests))
    }
}

/// What `s3s` found while it decoded and verified the transfer. Its error types are private; their texts are not.
fn broken(error: &StdError) -> S3Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        let code = S3ErrorCode::from_bytes(b"XAmzContentSHA256Mismatch").unwrap_or(S3ErrorCode::BadDigest);
        let mut error = S3Error::with_message(code, "The provided 'x-amz-content-sha256' does not match the body.");
        error.set_status_code(hyper::StatusCode::BAD_REQUEST);
        error
    } else if text.contains("SignatureMismatch") {
        s3_error!(SignatureDoesNotMatch, "A chunk of the body is not signed as it should be.")
    } else {
        s3_error!(IncompleteBody, "The body ended early or is not encoded as it should be.")
    }
}
