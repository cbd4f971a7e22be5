//! Presigned uploads: URLs that accept one PUT without credentials.

use super::client::Objects;
use crate::aws::error::{AwsError, Resource};
use crate::domain::digest::Sha256;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

/// Bounds the signing clients that are kept; no installation is reached by more host names.
const MAX_SIGNING_HOSTS: usize = 16;

/// A presigned URL with the headers that its PUT must send.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadUrl {
    /// A secret: never logged, never stored.
    pub url: String,
    /// Sent unchanged by the uploader. The names are in title case, as scripts look them up.
    pub headers: BTreeMap<String, String>,
}

/// Restricts what an upload URL accepts, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct UploadTerms {
    pub content_type: Option<String>,
    pub sha256: Option<Sha256>,
    pub valid_for: Duration,
}

impl Objects {
    /// Signs an upload. `host` is the name by which the uploader reaches a local endpoint, without a port.
    pub async fn presign_upload(
        &self,
        bucket: &str,
        key: &str,
        terms: &UploadTerms,
        host: Option<&str>,
    ) -> Result<UploadUrl, AwsError> {
        let resource = Resource::object(bucket, key);
        let presigning = PresigningConfig::expires_in(terms.valid_for)
            .map_err(|error| AwsError::invalid_request(resource.clone(), error))?;
        let signed = self
            .signer(host)
            .put_object()
            .bucket(bucket)
            .key(key)
            .set_content_type(terms.content_type.clone())
            .set_checksum_sha256(terms.sha256.map(Sha256::to_base64))
            .presigned(presigning)
            .await
            .map_err(|error| AwsError::from_sdk(resource, error))?;
        let headers = signed.headers().map(|(name, value)| (title_case(name), value.to_owned())).collect();
        Ok(UploadUrl { url: signed.uri().to_owned(), headers })
    }

    /// Returns the client that signs for a host: the signature covers the host, so each name needs its own.
    fn signer(&self, host: Option<&str>) -> Client {
        let (Some(host), Some(endpoint)) = (host, &self.endpoint) else { return self.client.clone() };
        let Some((_, port)) = endpoint.rsplit_once(':') else { return self.client.clone() };
        let mut signers = self.signers.lock().unwrap_or_else(PoisonError::into_inner);
        if signers.len() >= MAX_SIGNING_HOSTS && !signers.contains_key(host) {
            signers.clear();
        }
        let signer = signers.entry(host.to_owned());
        signer.or_insert_with(|| self.client_for(&format!("http://{host}:{port}"))).clone()
    }
}

/// Returns `Content-Type` for `content-type`.
fn title_case(name: &str) -> String {
    let mut starts = true;
    let letter = |letter: char| {
        let written = if starts { letter.to_ascii_uppercase() } else { letter };
        starts = letter == '-';
        written
    };
    name.chars().map(letter).collect()
}
