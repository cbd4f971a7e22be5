//! The S3 operations that are served, each handed to where it is done.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::Objects;
use super::bodies::Bodies;
use super::digests::Declared;
use super::index::{Index, require_bucket};
use super::listing::{Entry, Listing, Page};
use super::object::{Headers, Millis, WriteCondition};
use super::receive::Received;
use super::uploads::{self, UploadId, Wanted};

/// As S3.
const MAX_KEYS: i32 = 1000;
const MAX_PART_NUMBER: i32 = 10_000;

/// What `encoding-type=url` leaves alone.
const LISTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A size as the protocol has it.
pub(super) fn signed(size: u64) -> S3Result<i64> {
    i64::try_from(size).map_err(|error| s3_error!(error, InternalError))
}

/// Objects have no versions here, which S3 calls the version `null`.
pub(super) fn refuse_versions(version: Option<&str>) -> S3Result<()> {
    match version {
        None | Some("null") => Ok(()),
        Some(_) => Err(s3_error!(NotImplemented, "This store keeps no versions.")),
    }
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = req.input.bucket;
        let location = Some(format!("/{bucket}"));
        self.blocking(move |index, _| index.create_bucket(&bucket)).await?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.require_bucket(req.input.bucket).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.require_bucket(req.input.bucket).await?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.blocking(move |index, _| index.delete_bucket(&req.input.bucket)).await?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    async fn list_buckets(&self, req: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let prefix = req.input.prefix.clone().unwrap_or_default();
        let buckets = self.blocking(|index, _| index.buckets()).await?;
        let buckets = buckets.into_iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(name, created)| Bucket {
            name: Some(name),
            creation_date: Some(created.timestamp()),
            ..Default::default()
        });
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            prefix: req.input.prefix,
            ..Default::default()
        }))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.put(req).await
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.get(req).await
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.head(req).await
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        self.copy(req).await
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.delete(req).await
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.delete_many(req).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let after = match &input.continuation_token {
            Some(token) => entry_after(token)?,
            None => input.start_after.clone().unwrap_or_default(),
        };
        let delimiter = input.delimiter.clone().filter(|delimiter| !delimiter.is_empty());
        let prefix = input.prefix.clone().unwrap_or_default();
        let (limit, page) = self.page(&input.bucket, prefix, delimiter, after, input.max_keys).await?;
        let token = page.entries.last().filter(|_| page.truncated).map(|last| URL_SAFE_NO_PAD.encode(last.name()));
        let encode = encoder(input.encoding_type.as_ref())?;
        let key_count = i32::try_from(page.entries.len()).ok();
        let is_truncated = Some(page.truncated);
        let (contents, common_prefixes) = lines(page, encode)?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix.map(encode),
            delimiter: input.delimiter.map(encode),
            start_after: input.start_after.map(encode),
            max_keys: Some(limit),
            key_count,
            is_truncated,
            contents,
            common_prefixes,
            continuation_token: input.continuation_token,
            next_continuation_token: token,
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let after = input.marker.clone().unwrap_or_default();
        let delimiter = input.delimiter.clone().filter(|delimiter| !delimiter.is_empty());
        let prefix = input.prefix.clone().unwrap_or_default();
        let (limit, page) = self.page(&input.bucket, prefix, delimiter, after, input.max_keys).await?;
        let encode = encoder(input.encoding_type.as_ref())?;
        let next_marker = page.entries.last().filter(|_| page.truncated).map(|last| encode(last.name().to_owned()));
        let is_truncated = Some(page.truncated);
        let (contents, common_prefixes) = lines(page, encode)?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix.map(encode),
            delimiter: input.delimiter.map(encode),
            marker: input.marker.map(encode),
            max_keys: Some(limit),
            is_truncated,
            contents,
            common_prefixes,
            next_marker,
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut input = req.input;
        let headers = Headers::try_from(&mut input)?;
        let (bucket, key) = (input.bucket, input.key);
        let upload = self.blocking(move |index, _| index.create_upload(&bucket, &key, &headers)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(upload.bucket),
            key: Some(upload.key),
            upload_id: Some(upload.id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..Default::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let S3Request { input, headers, trailing_headers, .. } = req;
        let number = input.part_number;
        if !(1..=MAX_PART_NUMBER).contains(&number) {
            return Err(s3_error!(InvalidArgument, "Parts are numbered from 1 to {}.", MAX_PART_NUMBER));
        }
        let checksums = Checksum {
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..Default::default()
        };
        let upload = UploadId { bucket: input.bucket, key: input.key, id: input.upload_id };
        let mut declared = Declared::new(&headers, input.content_length, input.content_md5, checksums);
        let received = Received::read(&self.bodies, input.body, &declared).await?;
        declared.take_trailers(trailing_headers.and_then(|trailers| trailers.take()).as_ref());

        let put_part = move |index: &Index, bodies: &Arc<Bodies>| {
            let (body, digests) = received.finish(&declared)?;
            let part = uploads::Part {
                number,
                body: body.id().to_owned(),
                size: digests.length,
                etag: hex::encode(digests.md5),
                sha256: digests.sha256,
                modified: Millis::now(),
            };
            let replaced = index.put_part(&upload, &part)?;
            body.keep();
            if let Some(replaced) = replaced {
                bodies.remove(&replaced);
            }
            Ok((part.etag, digests.checksums))
        };
        let (etag, checksums) = self.blocking(put_part).await?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc32: checksums.checksum_crc32,
            checksum_crc32c: checksums.checksum_crc32c,
            checksum_crc64nvme: checksums.checksum_crc64nvme,
            checksum_sha1: checksums.checksum_sha1,
            checksum_sha256: checksums.checksum_sha256,
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let of_the_whole = [
            &input.checksum_crc32,
            &input.checksum_crc32c,
            &input.checksum_crc64nvme,
            &input.checksum_sha1,
            &input.checksum_sha256,
        ];
        if of_the_whole.iter().any(|checksum| checksum.is_some()) {
            return Err(s3_error!(NotImplemented, "Checksums are taken with the parts, not with their completion."));
        }
        let condition = WriteCondition::new(input.if_match, input.if_none_match)?;
        let upload = UploadId { bucket: input.bucket, key: input.key, id: input.upload_id };
        let listed = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let wanted = listed.into_iter().map(|part| match (part.part_number, part.e_tag) {
            (Some(number), Some(etag)) => Ok(Wanted { number, etag, sha256: part.checksum_sha256 }),
            _ => Err(s3_error!(MalformedXML, "Every part is listed with its number and its ETag.")),
        });
        let wanted = wanted.collect::<S3Result<Vec<_>>>()?;
        let named = upload.clone();
        let complete =
            move |index: &Index, bodies: &Arc<Bodies>| uploads::complete(index, bodies, &upload, &wanted, &condition);
        let object = self.blocking(complete).await?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", named.bucket, named.key)),
            bucket: Some(named.bucket),
            key: Some(named.key),
            e_tag: Some(ETag::Strong(object.etag)),
            checksum_sha256: Some(STANDARD.encode(object.sha256)),
            checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        let upload = UploadId { bucket: input.bucket, key: input.key, id: input.upload_id };
        let abort = move |index: &Index, bodies: &Arc<Bodies>| {
            for body in index.abort_upload(&upload)? {
                bodies.remove(&body);
            }
            Ok(())
        };
        self.blocking(abort).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let upload = UploadId { bucket: input.bucket, key: input.key, id: input.upload_id };
        let named = upload.clone();
        let (parts, _) = self.blocking(move |index, _| index.upload(&upload)).await?;
        let (after, limit) = (input.part_number_marker.unwrap_or(0), limit(input.max_parts)?);
        let mut parts = parts.into_iter().filter(|part| part.number > after).peekable();
        let mut page = Vec::new();
        for part in parts.by_ref().take(usize::try_from(limit).unwrap_or_default()) {
            page.push(Part {
                part_number: Some(part.number),
                e_tag: Some(ETag::Strong(part.etag)),
                size: Some(signed(part.size)?),
                checksum_sha256: Some(STANDARD.encode(part.sha256)),
                last_modified: Some(part.modified.timestamp()),
                ..Default::default()
            });
        }
        let truncated = parts.peek().is_some() && limit > 0;
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(named.bucket),
            key: Some(named.key),
            upload_id: Some(named.id),
            part_number_marker: Some(after),
            next_part_number_marker: page.last().filter(|_| truncated).and_then(|last| last.part_number),
            max_parts: Some(limit),
            is_truncated: Some(truncated),
            parts: Some(page),
            ..Default::default()
        }))
    }
}

impl Objects {
    async fn require_bucket(&self, bucket: String) -> S3Result<()> {
        Ok(self.blocking(move |index, _| require_bucket(&index.read(), &bucket)).await?)
    }

    async fn page(
        &self,
        bucket: &str,
        prefix: String,
        delimiter: Option<String>,
        after: String,
        max_keys: Option<i32>,
    ) -> S3Result<(i32, Page)> {
        let limit = limit(max_keys)?;
        let listing = Listing {
            bucket: bucket.to_owned(),
            prefix,
            delimiter,
            after,
            limit: usize::try_from(limit).unwrap_or_default(),
        };
        Ok((limit, self.blocking(move |index, _| index.list(&listing)).await?))
    }
}

fn limit(asked: Option<i32>) -> S3Result<i32> {
    match asked {
        Some(asked) if asked < 0 => Err(s3_error!(InvalidArgument, "A page cannot have {} entries.", asked)),
        asked => Ok(asked.unwrap_or(MAX_KEYS).min(MAX_KEYS)),
    }
}

/// The name of the entry that a page ended with.
fn entry_after(token: &str) -> S3Result<String> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

fn encoder(encoding: Option<&EncodingType>) -> S3Result<fn(String) -> String> {
    match encoding.map(EncodingType::as_str) {
        None => Ok(|name| name),
        Some(EncodingType::URL) => Ok(|name| utf8_percent_encode(&name, LISTED).to_string()),
        Some(_) => Err(s3_error!(InvalidArgument, "The only encoding type is url.")),
    }
}

type Lines = (Option<Vec<Object>>, Option<Vec<CommonPrefix>>);

fn lines(page: Page, encode: fn(String) -> String) -> S3Result<Lines> {
    let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
    for entry in page.entries {
        match entry {
            Entry::CommonPrefix(prefix) => prefixes.push(CommonPrefix { prefix: Some(encode(prefix)) }),
            Entry::Object { key, size, etag, modified } => objects.push(Object {
                key: Some(encode(key)),
                size: Some(signed(size)?),
                e_tag: Some(ETag::Strong(etag)),
                last_modified: Some(modified.timestamp()),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                ..Default::default()
            }),
        }
    }
    Ok((Some(objects), Some(prefixes)))
}
