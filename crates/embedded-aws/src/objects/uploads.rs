//! Multipart uploads: parts are bodies that belong to an upload until it is completed, aborted or forgotten.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use s3s::crypto::{Checksum as _, Md5, Sha256};
use s3s::dto::ETag;
use s3s::s3_error;

use super::bodies::{Bodies, BodyId, NewBody};
use super::fault::{Fault, Outcome};
use super::index::{Index, from_json, put, require_bucket, to_json};
use super::object::{Headers, Millis, Object, WriteCondition};

/// As S3.
const MIN_PART: u64 = 5 * 1024 * 1024;
/// Uploads that nobody completed are removed at a start, this long after they began.
const FORGOTTEN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Which upload a request is about; it must name the key the upload was made for.
#[derive(Debug, Clone)]
pub(super) struct UploadId {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) id: String,
}

/// One part as it was received.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) body: BodyId,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) sha256: [u8; 32],
    pub(super) modified: Millis,
}

/// One part as the client lists it to complete the upload.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) number: i32,
    pub(super) etag: ETag,
    pub(super) sha256: Option<String>,
}

impl Index {
    pub(super) fn create_upload(&self, bucket: &str, key: &str, headers: &Headers) -> Outcome<UploadId> {
        let id = format!("{:032x}", rand::random::<u128>());
        self.write(|index| {
            require_bucket(index, bucket)?;
            let insert = "INSERT INTO uploads (id, bucket, key, headers, started) VALUES (?1, ?2, ?3, ?4, ?5)";
            index.execute(insert, params![id, bucket, key.as_bytes(), to_json(headers)?, Millis::now().0])?;
            Ok(())
        })?;
        Ok(UploadId { bucket: bucket.to_owned(), key: key.to_owned(), id })
    }

    /// Adds or replaces a part; returns the body that was replaced, for removal.
    pub(super) fn put_part(&self, upload: &UploadId, part: &Part) -> Outcome<Option<BodyId>> {
        self.write(|index| {
            headers_of(index, upload)?;
            let select = "SELECT body FROM parts WHERE upload = ?1 AND number = ?2";
            let replaced = index
                .prepare_cached(select)?
                .query_row(params![upload.id, part.number], |row| row.get(0))
                .optional()?;
            let replace = "INSERT OR REPLACE INTO parts (upload, number, body, size, etag, sha256, modified)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            index.prepare_cached(replace)?.execute(params![
                upload.id,
                part.number,
                part.body,
                part.size,
                part.etag,
                part.sha256,
                part.modified.0,
            ])?;
            Ok(replaced)
        })
    }

    /// The parts in order, and the headers the object is to have.
    pub(super) fn upload(&self, upload: &UploadId) -> Outcome<(Vec<Part>, Headers)> {
        let mut index = self.read();
        let moment = index.transaction()?;
        let headers = headers_of(&moment, upload)?;
        Ok((parts_of(&moment, &upload.id)?, headers))
    }

    /// Ends the upload without an object; returns its bodies, for removal.
    pub(super) fn abort_upload(&self, upload: &UploadId) -> Outcome<Vec<BodyId>> {
        self.write(|index| {
            headers_of(index, upload)?;
            remove_upload(index, &upload.id)
        })
    }

    /// Points the key to the object and ends the upload; returns all bodies that are of no use any more.
    fn complete_upload(&self, upload: &UploadId, object: &Object, condition: &WriteCondition) -> Outcome<Vec<BodyId>> {
        self.write(|index| {
            headers_of(index, upload)?;
            let replaced = put(index, &upload.bucket, &upload.key, object, condition)?;
            let mut bodies = remove_upload(index, &upload.id)?;
            bodies.extend(replaced);
            Ok(bodies)
        })
    }

    /// Ends uploads that nobody will complete; returns their bodies, for removal.
    pub(super) fn expire_uploads(&self) -> Outcome<Vec<BodyId>> {
        self.write(|index| {
            let mut select = index.prepare("SELECT id FROM uploads WHERE started < ?1")?;
            let ids = select.query_map([Millis::now().minus(FORGOTTEN).0], |row| row.get::<_, String>(0))?;
            let mut bodies = Vec::new();
            for id in ids.collect::<Result<Vec<_>, _>>()? {
                bodies.extend(remove_upload(index, &id)?);
            }
            Ok(bodies)
        })
    }
}

fn headers_of(index: &Connection, upload: &UploadId) -> Outcome<Headers> {
    require_bucket(index, &upload.bucket)?;
    let select = "SELECT headers FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3";
    let headers: Option<String> = index
        .prepare_cached(select)?
        .query_row(params![upload.id, upload.bucket, upload.key.as_bytes()], |row| row.get(0))
        .optional()?;
    match headers {
        Some(headers) => from_json(&headers),
        None => Err(s3_error!(NoSuchUpload, "The upload was completed, aborted, or never made for this key.").into()),
    }
}

fn parts_of(index: &Connection, upload: &str) -> Outcome<Vec<Part>> {
    let select = "SELECT number, body, size, etag, sha256, modified FROM parts WHERE upload = ?1 ORDER BY number";
    let mut select = index.prepare_cached(select)?;
    let parts = select.query_map([upload], |row| {
        Ok(Part {
            number: row.get(0)?,
            body: row.get(1)?,
            size: row.get(2)?,
            etag: row.get(3)?,
            sha256: row.get(4)?,
            modified: Millis(row.get(5)?),
        })
    })?;
    Ok(parts.collect::<Result<_, _>>()?)
}

fn remove_upload(index: &Connection, upload: &str) -> Outcome<Vec<BodyId>> {
    let mut delete = index.prepare_cached("DELETE FROM parts WHERE upload = ?1 RETURNING body")?;
    let bodies = delete.query_map([upload], |row| row.get(0))?.collect::<Result<_, _>>()?;
    index.execute("DELETE FROM uploads WHERE id = ?1", [upload])?;
    Ok(bodies)
}

/// Makes one object of the parts. To be called where blocking is allowed.
///
/// A client that did not get the answer asks again; then the upload is gone and the object is there, which is a success.
pub(super) fn complete(
    index: &Index,
    bodies: &Arc<Bodies>,
    upload: &UploadId,
    wanted: &[Wanted],
    condition: &WriteCondition,
) -> Outcome<Object> {
    let etag = etag_of(wanted)?;
    match try_complete(index, bodies, upload, wanted, condition, &etag) {
        // Completed before, or by another request while this one was putting the same parts together.
        Err(Fault::Refused(error)) if index.upload(upload).is_err() => {
            match index.object(&upload.bucket, &upload.key) {
                Ok(object) if object.etag == etag => Ok(object),
                _ => Err(error.into()),
            }
        }
        completed => completed,
    }
}

fn try_complete(
    index: &Index,
    bodies: &Arc<Bodies>,
    upload: &UploadId,
    wanted: &[Wanted],
    condition: &WriteCondition,
    etag: &str,
) -> Outcome<Object> {
    let (parts, headers) = index.upload(upload)?;
    let parts = chosen(&parts, wanted)?;
    let (body, sha256) = concatenate(bodies, &parts)?;
    let object = Object {
        body: body.id().to_owned(),
        size: parts.iter().map(|part| part.size).sum(),
        etag: etag.to_owned(),
        sha256,
        headers,
        modified: Millis::now(),
    };
    let unused = index.complete_upload(upload, &object, condition)?;
    body.keep();
    for body in unused {
        bodies.remove(&body);
    }
    Ok(object)
}

/// The MD5 of the MD5s of the parts, and their number.
fn etag_of(wanted: &[Wanted]) -> Outcome<String> {
    let mut md5 = Md5::new();
    for part in wanted {
        let part = hex::decode(part.etag.value())
            .map_err(|_| s3_error!(InvalidPart, "Part {} has not the ETag it is given.", part.number))?;
        md5.update(&part);
    }
    Ok(format!("{}-{}", hex::encode(md5.finalize()), wanted.len()))
}

/// Finds the parts the client lists, and checks that they are the ones it sent.
fn chosen<'p>(parts: &'p [Part], wanted: &[Wanted]) -> Outcome<Vec<&'p Part>> {
    use base64::Engine as _;
    if wanted.is_empty() {
        return Err(s3_error!(MalformedXML, "An upload has at least one part.").into());
    }
    if !wanted.is_sorted_by(|one, next| one.number < next.number) {
        return Err(s3_error!(InvalidPartOrder, "The parts must be listed in ascending order.").into());
    }
    let mut found = Vec::with_capacity(wanted.len());
    for (place, wanted_part) in wanted.iter().enumerate() {
        let at = parts.binary_search_by_key(&wanted_part.number, |part| part.number);
        let Some(part) = at.ok().and_then(|at| parts.get(at)) else {
            return Err(s3_error!(InvalidPart, "Part {} was not uploaded.", wanted_part.number).into());
        };
        let sha256 = base64::engine::general_purpose::STANDARD.encode(part.sha256);
        if part.etag != wanted_part.etag.value() || wanted_part.sha256.as_ref().is_some_and(|it| *it != sha256) {
            return Err(s3_error!(InvalidPart, "Part {} is not the one that was uploaded.", part.number).into());
        }
        if part.size < MIN_PART && place + 1 < wanted.len() {
            return Err(s3_error!(EntityTooSmall, "Every part but the last has at least 5 MiB.").into());
        }
        found.push(part);
    }
    Ok(found)
}

fn concatenate(bodies: &Arc<Bodies>, parts: &[&Part]) -> Outcome<(NewBody, [u8; 32])> {
    let (mut whole, mut sha256) = (bodies.create()?, Sha256::new());
    let mut piece = vec![0; 256 * 1024];
    for part in parts {
        let mut file = bodies.open(&part.body).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Fault::from(s3_error!(InvalidPart, "Part {} was replaced meanwhile.", part.number))
            }
            _ => error.into(),
        })?;
        let mut size = 0;
        loop {
            let read = file.read(&mut piece)?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            sha256.update(bytes);
            whole.write(bytes)?;
            size += read as u64;
        }
        if size != part.size {
            return Err(Fault::Damaged(format!("the body {} has not the size it was written with", part.body)));
        }
    }
    Ok((whole, sha256.finalize()))
}
