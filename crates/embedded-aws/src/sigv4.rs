//! Verifies the AWS signature (version 4) of a request to the record endpoint.
//!
//! Only what a DynamoDB client sends is understood: `POST /` without a query, signed in the `Authorization` header.
//! The key derivation and the MAC are those of `aws-sigv4`. See "Create a signed AWS API request" in the IAM User Guide.

use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::StorageCredentials;

/// How far the clock of a client may be off, and so how long a recorded request could be replayed.
const MAX_SKEW: Duration = Duration::from_secs(15 * 60);

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Request is missing Authentication Token")]
    Missing,
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    #[error("The request signature we calculated does not match the signature you provided.")]
    Invalid,
    #[error("Signature expired, or its time is too far from the time of this server.")]
    Expired,
}

/// The parts of `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
pub(super) struct Authorization<'a> {
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header, and refuses a key that is not ours before anything else of the request is read.
    pub(super) fn read(headers: &'a HeaderMap, credentials: &StorageCredentials) -> Result<Self, Refusal> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok()).ok_or(Refusal::Missing)?;
        let fields = header.strip_prefix("AWS4-HMAC-SHA256").ok_or(Refusal::Missing)?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in fields.split(',') {
            match field.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => return Err(Refusal::Missing),
            }
        }
        let mut scope = credential.ok_or(Refusal::Missing)?.split('/');
        let mut part = || scope.next().ok_or(Refusal::Missing);
        let (key_id, date, region, service, end) = (part()?, part()?, part()?, part()?, part()?);
        if end != "aws4_request" {
            return Err(Refusal::Missing);
        }
        if key_id != credentials.access_key_id {
            return Err(Refusal::UnknownKey);
        }
        Ok(Self {
            date,
            region,
            service,
            signed_headers: signed_headers.ok_or(Refusal::Missing)?,
            signature: signature.ok_or(Refusal::Missing)?,
        })
    }

    /// Checks that the owner of the secret signed exactly this `POST /` with this body, a moment ago.
    pub(super) fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        credentials: &StorageCredentials,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let stamp = headers.get("x-amz-date").and_then(|value| value.to_str().ok()).ok_or(Refusal::Missing)?;
        let time = parse_stamp(stamp).ok_or(Refusal::Missing)?;
        let skew = now.duration_since(time).unwrap_or_else(|early| early.duration());
        if skew > MAX_SKEW {
            return Err(Refusal::Expired);
        }
        // What is not signed could be changed on the way, so the target operation and the time must be.
        for needed in ["host", "x-amz-date", "x-amz-target"] {
            if !self.signed_headers.split(';').any(|name| name == needed) {
                return Err(Refusal::Invalid);
            }
        }
        if self.service != "dynamodb" || !stamp.starts_with(self.date) {
            return Err(Refusal::Invalid);
        }
        let request = self.canonical_request(headers, body).ok_or(Refusal::Invalid)?;
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex::encode(Sha256::digest(request)));
        let key =
            aws_sigv4::sign::v4::generate_signing_key(&credentials.secret_access_key, time, self.region, self.service);
        let expected = aws_sigv4::sign::v4::calculate_signature(key, to_sign.as_bytes());
        if bool::from(expected.as_bytes().ct_eq(self.signature.as_bytes())) { Ok(()) } else { Err(Refusal::Invalid) }
    }

    fn canonical_request(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let mut request = String::from("POST\n/\n\n");
        for name in self.signed_headers.split(';') {
            let mut values = headers.get_all(name).iter();
            let value = values.next()?.to_str().ok()?;
            if values.next().is_some() {
                return None;
            }
            request.push_str(name);
            request.push(':');
            request.push_str(value.trim());
            request.push('\n');
        }
        request.push('\n');
        request.push_str(self.signed_headers);
        request.push('\n');
        request.push_str(&hex::encode(Sha256::digest(body)));
        Some(request)
    }
}

/// Reads `20260131T235959Z`.
fn parse_stamp(stamp: &str) -> Option<SystemTime> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().into())
}
