//! Answers listings of objects.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, ETag, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object, ObjectStorageClass,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Objects;
use super::listing::{Entry, Listing, Page};
use super::service::{page_size, signed};

/// What `encoding-type=url` leaves alone.
const LISTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

impl Objects {
    pub(super) async fn list_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
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

    pub(super) async fn list_v1(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
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

    async fn page(
        &self,
        bucket: &str,
        prefix: String,
        delimiter: Option<String>,
        after: String,
        max_keys: Option<i32>,
    ) -> S3Result<(i32, Page)> {
        let limit = page_size(max_keys)?;
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
