//! PUT, copy and delete.

use std::io;
use std::sync::Arc;

use s3s::dto::{
    Checksum, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, MetadataDirective, PutObjectInput, PutObjectOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::bodies::Bodies;
use super::digests::Declared;
use super::fault::Outcome;
use super::index::Index;
use super::object::{Headers, Millis, Object, ReadCondition, WriteCondition};
use super::receive::Received;
use super::{Objects, service};

/// As S3.
const MAX_DELETES: usize = 1000;

impl Objects {
    pub(super) async fn put(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let S3Request { mut input, headers: sent, trailing_headers, .. } = request;
        if input.write_offset_bytes.is_some() {
            return Err(s3_error!(NotImplemented, "Objects cannot be appended to."));
        }
        let condition = WriteCondition::new(input.if_match.take(), input.if_none_match.take())?;
        let headers = Headers::try_from(&mut input)?;
        let checksums = Checksum {
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..Default::default()
        };
        let mut declared = Declared::new(&sent, input.content_length, input.content_md5, checksums);
        let received = Received::read(&self.bodies, input.body, &declared).await?;
        declared.take_trailers(trailing_headers.and_then(|trailers| trailers.take()).as_ref());

        let (bucket, key) = (input.bucket, input.key);
        let put = move |index: &Index, bodies: &Arc<Bodies>| {
            let (body, digests) = received.finish(&declared)?;
            let object = Object {
                body: body.id().to_owned(),
                size: digests.length,
                etag: hex::encode(digests.md5),
                sha256: digests.sha256,
                headers,
                modified: Millis::now(),
            };
            let replaced = index.put(&bucket, &key, &object, &condition)?;
            body.keep();
            if let Some(replaced) = replaced {
                bodies.remove(&replaced);
            }
            Ok((object.etag, digests.checksums))
        };
        let (etag, checksums) = self.blocking(put).await?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc32: checksums.checksum_crc32,
            checksum_crc32c: checksums.checksum_crc32c,
            checksum_crc64nvme: checksums.checksum_crc64nvme,
            checksum_sha1: checksums.checksum_sha1,
            checksum_sha256: checksums.checksum_sha256,
            ..Default::default()
        }))
    }

    pub(super) async fn copy(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let mut input = request.input;
        let CopySource::Bucket { bucket, key, version_id } = &input.copy_source else {
            return Err(s3_error!(NotImplemented, "Only objects of this store can be copied."));
        };
        service::refuse_versions(version_id.as_deref())?;
        let source = (bucket.to_string(), key.to_string());
        let target = (input.bucket.clone(), input.key.clone());
        let condition = ReadCondition {
            if_match: input.copy_source_if_match.take(),
            if_none_match: input.copy_source_if_none_match.take(),
            if_modified_since: input.copy_source_if_modified_since.take(),
            if_unmodified_since: input.copy_source_if_unmodified_since.take(),
        };
        let replace = input.metadata_directive.as_ref().is_some_and(|to| to.as_str() == MetadataDirective::REPLACE);
        if source == target && !replace {
            return Err(s3_error!(InvalidRequest, "A copy onto itself must replace the metadata."));
        }
        let headers = Headers::try_from(&mut input)?;
        let headers = replace.then_some(headers);
        let copy =
            move |index: &Index, bodies: &Arc<Bodies>| copy(index, bodies, &source, &target, &condition, headers);
        let copied = self.blocking(copy).await?;
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(ETag::Strong(copied.etag)),
                last_modified: Some(copied.modified.timestamp()),
                ..Default::default()
            }),
            ..Default::default()
        }))
    }

    pub(super) async fn delete(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        service::refuse_versions(input.version_id.as_deref())?;
        if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
            return Err(s3_error!(NotImplemented, "Of the conditions of a delete only If-Match is known here."));
        }
        let condition = WriteCondition::new(input.if_match, None)?;
        let delete = move |index: &Index, bodies: &Arc<Bodies>| {
            if let Some(body) = index.delete(&input.bucket, &input.key, &condition)? {
                bodies.remove(&body);
            }
            Ok(())
        };
        self.blocking(delete).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    pub(super) async fn delete_many(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        if delete.objects.len() > MAX_DELETES {
            return Err(s3_error!(MalformedXML, "At most {} keys can be deleted at once.", MAX_DELETES));
        }
        let mut keys = Vec::with_capacity(delete.objects.len());
        for object in delete.objects {
            service::refuse_versions(object.version_id.as_deref())?;
            if object.e_tag.is_some() || object.size.is_some() || object.last_modified_time.is_some() {
                return Err(s3_error!(NotImplemented, "Keys that are deleted together take no conditions here."));
            }
            keys.push(object.key);
        }
        let delete_all = move |index: &Index, bodies: &Arc<Bodies>| {
            for body in index.delete_all(&bucket, &keys)? {
                bodies.remove(&body);
            }
            Ok(keys)
        };
        let keys = self.blocking(delete_all).await?;
        let deleted = keys.into_iter().map(|key| DeletedObject { key: Some(key), ..Default::default() });
        let deleted = (delete.quiet != Some(true)).then(|| deleted.collect());
        Ok(S3Response::new(DeleteObjectsOutput { deleted, ..Default::default() }))
    }
}

fn copy(
    index: &Index,
    bodies: &Arc<Bodies>,
    source: &(String, String),
    target: &(String, String),
    condition: &ReadCondition,
    headers: Option<Headers>,
) -> Outcome<Object> {
    let mut missing = None;
    let (mut object, body) = loop {
        let object = index.object(&source.0, &source.1)?;
        if condition.check(&object).is_err() {
            return Err(s3_error!(PreconditionFailed, "The object to copy is not the one that was asked for.").into());
        }
        match bodies.duplicate(&object.body) {
            Ok(body) => break (object, body),
            // Replaced since it was looked up.
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing.as_ref() != Some(&object.body) => {
                missing = Some(object.body);
            }
            Err(error) => return Err(error.into()),
        }
    };
    body.id().clone_into(&mut object.body);
    object.modified = Millis::now();
    if let Some(headers) = headers {
        object.headers = headers;
    }
    let replaced = index.put(&target.0, &target.1, &object, &WriteCondition::Always)?;
    body.keep();
    if let Some(replaced) = replaced {
        bodies.remove(&replaced);
    }
    Ok(object)
}
