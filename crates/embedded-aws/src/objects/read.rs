//! GET and HEAD.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::ops::Range;

use bytes::Bytes;
use futures::stream;
use s3s::dto::{ChecksumMode, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, StreamingBlob};
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use base64::Engine as _;

use super::bodies::Bodies;
use super::fault::{Fault, Outcome};
use super::index::Index;
use super::object::{Object, ReadCondition, Slice, Unmet};
use super::{Objects, service};

/// Answers up to this size are read at once; others are streamed in pieces of this size.
const PIECE: usize = 256 * 1024;

/// An object together with an open file of exactly its body.
struct Opened {
    object: Object,
    slice: Slice,
    content: Content,
}

enum Content {
    Whole(Bytes),
    Streamed(File),
}

/// Looks the key up and opens its body. The object may be replaced between the two; then the key is looked up again.
fn open(index: &Index, bodies: &Bodies, input: &GetObjectInput, condition: &ReadCondition) -> Outcome<Opened> {
    let mut missing = None;
    loop {
        let object = index.object(&input.bucket, &input.key)?;
        condition.check(&object).map_err(|unmet| refusal(unmet, &object))?;
        let slice = Slice::of(&object, input.range)?;
        match bodies.open(&object.body) {
            Ok(file) => {
                let content = read_or_stream(file, &object, &slice.range)?;
                return Ok(Opened { object, slice, content });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing.as_ref() != Some(&object.body) => {
                missing = Some(object.body);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn read_or_stream(mut file: File, object: &Object, range: &Range<u64>) -> Outcome<Content> {
    if file.metadata()?.len() != object.size {
        return Err(Fault::Damaged(format!("the body {} has not the size it was written with", object.body)));
    }
    if range.start > 0 {
        file.seek(io::SeekFrom::Start(range.start))?;
    }
    match usize::try_from(range.end - range.start) {
        Ok(length) if length <= PIECE => {
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes)?;
            Ok(Content::Whole(bytes.into()))
        }
        _ => Ok(Content::Streamed(file)),
    }
}

fn refusal(unmet: Unmet, object: &Object) -> S3Error {
    match unmet {
        Unmet::Changed => s3_error!(PreconditionFailed, "The object is not the one that was asked for."),
        Unmet::Unchanged => {
            let mut error = S3Error::new(S3ErrorCode::NotModified);
            let mut headers = hyper::HeaderMap::new();
            if let Ok(etag) = format!("\"{}\"", object.etag).parse() {
                headers.insert(hyper::header::ETAG, etag);
            }
            error.set_headers(headers);
            error
        }
    }
}

/// Reads a file piece by piece, each on a thread that may block.
fn stream(file: File, length: u64) -> StreamingBlob {
    let pieces = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || -> io::Result<_> {
            let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
            file.read_exact(&mut piece)?;
            Ok((piece, file))
        });
        let (piece, file) = read.await.map_err(io::Error::other)??;
        let left = left - piece.len() as u64;
        Ok::<_, io::Error>(Some((Bytes::from(piece), (file, left))))
    });
    StreamingBlob::wrap(pieces)
}

/// SHA-256 is told when it is asked for, and only with the whole body it belongs to.
fn checksum(object: &Object, mode: Option<&ChecksumMode>, slice: &Slice) -> Option<String> {
    let asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    let sha256 = || base64::engine::general_purpose::STANDARD.encode(object.sha256);
    (asked && slice.content_range.is_none()).then(sha256)
}

/// Both answers say the same of the object; only their types differ.
macro_rules! describe {
    ($output:ident, $object:ident, $slice:ident, $mode:expr) => {
        $output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: $object.headers.cache_control.clone(),
            checksum_sha256: checksum(&$object, $mode, &$slice),
            content_disposition: $object.headers.content_disposition.clone(),
            content_encoding: $object.headers.content_encoding.clone(),
            content_language: $object.headers.content_language.clone(),
            content_length: Some(service::signed($slice.len())?),
            content_range: $slice.content_range.clone(),
            // What S3 says of an object that was put without a type.
            content_type: Some(
                $object.headers.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned()),
            ),
            e_tag: Some(ETag::Strong($object.etag.clone())),
            expires: $object.headers.expires.clone(),
            last_modified: Some($object.modified.timestamp()),
            metadata: Some($object.headers.metadata.clone().into_iter().collect()),
            website_redirect_location: $object.headers.website_redirect_location.clone(),
            ..Default::default()
        }
    };
}

impl Objects {
    pub(super) async fn get(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let mut input = request.input;
        service::refuse_versions(input.version_id.as_deref())?;
        if input.part_number.is_some() {
            return Err(s3_error!(NotImplemented, "Objects cannot be read part by part."));
        }
        let condition = ReadCondition {
            if_match: input.if_match.take(),
            if_none_match: input.if_none_match.take(),
            if_modified_since: input.if_modified_since.take(),
            if_unmodified_since: input.if_unmodified_since.take(),
        };
        let mode = input.checksum_mode.take();
        let opened = self.blocking(move |index, bodies| open(index, bodies, &input, &condition)).await?;
        let Opened { object, slice, content } = opened;
        let mut output = describe!(GetObjectOutput, object, slice, mode.as_ref());
        output.body = Some(match content {
            Content::Whole(bytes) => StreamingBlob::from(Body::from(bytes)),
            Content::Streamed(file) => stream(file, slice.len()),
        });
        Ok(S3Response::new(output))
    }

    pub(super) async fn head(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        service::refuse_versions(input.version_id.as_deref())?;
        if input.part_number.is_some() {
            return Err(s3_error!(NotImplemented, "Objects cannot be read part by part."));
        }
        let condition = ReadCondition {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let (bucket, key) = (input.bucket, input.key);
        let object = self.blocking(move |index, _| index.object(&bucket, &key)).await?;
        condition.check(&object).map_err(|unmet| refusal(unmet, &object))?;
        let slice = Slice::of(&object, input.range)?;
        Ok(S3Response::new(describe!(HeadObjectOutput, object, slice, input.checksum_mode.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::object::{Headers, Millis, WriteCondition};
    use super::*;

    fn replace(index: &Index, bodies: &Arc<Bodies>, content: &[u8]) {
        let mut body = bodies.create().unwrap();
        body.write(content).unwrap();
        let object = Object {
            body: body.id().to_owned(),
            size: content.len() as u64,
            etag: String::new(),
            sha256: [0; 32],
            headers: Headers::default(),
            modified: Millis::now(),
        };
        let replaced = index.put("bucket", "key", &object, &WriteCondition::Always);
        body.keep();
        if let Some(replaced) = replaced.unwrap() {
            bodies.remove(&replaced);
        }
    }

    fn store(folder: &Path) -> (Index, Arc<Bodies>) {
        let index = Index::open(&folder.join("index.db")).unwrap();
        index.create_bucket("bucket").unwrap();
        (index, Arc::new(Bodies::new(folder.join("data"))))
    }

    fn input() -> GetObjectInput {
        let input = GetObjectInput::builder().bucket("bucket".to_owned());
        input.key("key".to_owned()).build().unwrap()
    }

    /// A body is removed right after its key points to another one, so many a reader comes too late for it.
    #[test]
    fn a_reader_that_comes_too_late_looks_again() {
        let folder = tempfile::tempdir().unwrap();
        let (index, bodies) = store(folder.path());
        replace(&index, &bodies, b"first");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    replace(&index, &bodies, b"another");
                }
            });
            let read = || open(&index, &bodies, &input(), &ReadCondition::default()).map(|_| ());
            let failed = (0..20_000).map(|_| read()).find(Result::is_err);
            done.store(true, Ordering::Relaxed);
            assert!(failed.is_none(), "{failed:?}");
        });
    }

    #[test]
    fn a_body_that_is_gone_for_good_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (index, bodies) = store(folder.path());
        replace(&index, &bodies, b"content");
        bodies.remove(&index.object("bucket", "key").unwrap().body);
        let opened = open(&index, &bodies, &input(), &ReadCondition::default());
        assert!(matches!(opened.map(|_| ()), Err(Fault::File(_))));
    }
}
