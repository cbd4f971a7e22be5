//! Who may ask: only requests signed with version 4, and only when the signature covers what S3 wants covered.

use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Result, s3_error};

/// Refuses anonymous requests, version 2 signatures, and `x-amz-*` headers that the signature does not cover.
///
/// `s3s` verifies the signed headers but lets others through. S3 does not: whoever holds a presigned PUT could otherwise
/// add `x-amz-copy-source` and get a copy of any object instead of an upload.
pub(super) struct SignedHeadersOnly;

#[async_trait::async_trait]
impl S3Access for SignedHeadersOnly {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        let in_query = cx.uri().query().and_then(signed_headers_of_query);
        let in_header = cx.headers().get("authorization").and_then(|value| value.to_str().ok());
        let Some(signed) = in_query.or_else(|| in_header.and_then(signed_headers_of_authorization)) else {
            return Err(s3_error!(AccessDenied, "Only AWS Signature Version 4 is accepted"));
        };
        let unsigned = cx.headers().keys().map(|name| name.as_str()).find(|name| {
            // The body hash of a presigned request is checked against the body itself.
            name.starts_with("x-amz-")
                && *name != "x-amz-content-sha256"
                && !signed.iter().any(|signed| signed.eq_ignore_ascii_case(name))
        });
        match unsigned {
            Some(name) => {
                Err(s3_error!(AccessDenied, "There were headers present in the request which were not signed: {name}"))
            }
            None => Ok(()),
        }
    }
}

/// `X-Amz-SignedHeaders=host%3Bx-amz-date` of a presigned URL.
fn signed_headers_of_query(query: &str) -> Option<Vec<String>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(name, _)| *name == "X-Amz-SignedHeaders").map(|(_, value)| value).next()?;
    let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
    Some(value.split(';').map(str::to_owned).collect())
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=host;x-amz-date, Signature=…`.
fn signed_headers_of_authorization(header: &str) -> Option<Vec<String>> {
    let fields = header.strip_prefix("AWS4-HMAC-SHA256")?;
    let value = fields.split(',').find_map(|field| field.trim().strip_prefix("SignedHeaders="))?;
    Some(value.split(';').map(str::to_owned).collect())
}
