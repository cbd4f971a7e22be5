//! Answers requests about multipart uploads.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Checksum, ChecksumType, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, ListPartsInput,
    ListPartsOutput, Part, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Objects;
use super::bodies::Bodies;
use super::digests::Declared;
use super::index::Index;
use super::object::{Headers, Millis, WriteCondition};
use super::receive::Received;
use super::service::{page_size, signed};
use super::uploads;
use super::uploads::{UploadId, Wanted};

/// As S3.
const MAX_PART_NUMBER: i32 = 10_000;

impl Objects {
    pub(super) async fn begin_upload(
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

    pub(super) async fn put_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
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

    pub(super) async fn complete_upload(
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

    pub(super) async fn abort_upload(
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

    pub(super) async fn parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let upload = UploadId { bucket: input.bucket, key: input.key, id: input.upload_id };
        let named = upload.clone();
        let (parts, _) = self.blocking(move |index, _| index.upload(&upload)).await?;
        let (after, limit) = (input.part_number_marker.unwrap_or(0), page_size(input.max_parts)?);
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
