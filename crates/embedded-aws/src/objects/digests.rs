//! What a client declares about a body, and what the body turns out to be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5, Sha256};
use s3s::dto::Checksum;
use s3s::{S3Result, s3_error};

/// The declarations of one request. Every one of them is checked before anything changes.
#[derive(Debug, Default)]
pub(super) struct Declared {
    length: Option<u64>,
    content_md5: Option<String>,
    checksums: Checksum,
    /// Algorithms whose value comes after the body (`x-amz-trailer`).
    trailing: Vec<String>,
    /// The hash that the signature covers, checked by `s3s` while the body passes.
    signed_sha256: Option<[u8; 32]>,
}

/// The names of the checksum headers, each with the field that holds its value.
macro_rules! each_checksum {
    ($do:ident) => {
        $do!("x-amz-checksum-crc32", checksum_crc32, crc32);
        $do!("x-amz-checksum-crc32c", checksum_crc32c, crc32c);
        $do!("x-amz-checksum-crc64nvme", checksum_crc64nvme, crc64nvme);
        $do!("x-amz-checksum-sha1", checksum_sha1, sha1);
        $do!("x-amz-checksum-sha256", checksum_sha256, sha256);
    };
}

impl Declared {
    /// Reads the declarations of a PUT. `content_length` is that of the object, without any transfer coding.
    pub(super) fn new(
        headers: &HeaderMap,
        content_length: Option<i64>,
        content_md5: Option<String>,
        checksums: Checksum,
    ) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut signed_sha256 = [0; 32];
        let signed = text("x-amz-content-sha256").map(|hash| hex::decode_to_slice(hash, &mut signed_sha256));
        let trailing =
            text("x-amz-trailer").unwrap_or_default().split(',').map(|name| name.trim().to_ascii_lowercase());
        Self {
            length: text("x-amz-decoded-content-length")
                .and_then(|length| length.parse().ok())
                .or_else(|| content_length.and_then(|length| u64::try_from(length).ok())),
            content_md5,
            checksums,
            trailing: trailing.filter(|name| name.starts_with("x-amz-checksum-")).collect(),
            signed_sha256: matches!(signed, Some(Ok(()))).then_some(signed_sha256),
        }
    }

    /// How long the body is to be, if that was said.
    pub(super) fn length(&self) -> Option<usize> {
        self.length.and_then(|length| usize::try_from(length).ok())
    }

    /// Hashers for all that is to be known about the body.
    pub(super) fn hashers(&self) -> Hashers {
        let mut declared = ChecksumHasher::default();
        macro_rules! enable {
            ($name:literal, $value:ident, $hasher:ident) => {
                if self.checksums.$value.is_some() || self.trailing.iter().any(|name| name == $name) {
                    declared.$hasher = Some(s3s::crypto::Checksum::new());
                }
            };
        }
        each_checksum!(enable);
        // The SHA-256 of a body is always known, but never computed twice.
        declared.sha256 = None;
        let sha256 = self.signed_sha256.map_or_else(|| Sha256Source::Computed(Sha256::new()), Sha256Source::Signed);
        Hashers { length: 0, md5: Md5::new(), sha256, declared }
    }

    /// Takes in the declarations that came after the body.
    pub(super) fn take_trailers(&mut self, trailers: Option<&HeaderMap>) {
        macro_rules! take {
            ($name:literal, $value:ident, $hasher:ident) => {
                let value = trailers.and_then(|trailers| trailers.get($name)).and_then(|value| value.to_str().ok());
                if let Some(value) = value {
                    self.checksums.$value = Some(value.to_owned());
                }
            };
        }
        each_checksum!(take);
    }

    /// Compares everything that was declared with what the body turned out to be.
    pub(super) fn check(&self, found: &Digests) -> S3Result<()> {
        if let Some(length) = self.length
            && length != found.length
        {
            return Err(s3_error!(IncompleteBody, "{} bytes were declared, {} came.", length, found.length));
        }
        if let Some(declared) = &self.content_md5 {
            let declared = STANDARD.decode(declared).map_err(|error| s3_error!(error, InvalidDigest))?;
            if declared != found.md5 {
                return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
            }
        }
        let computed = &found.checksums;
        macro_rules! compare {
            ($name:literal, $value:ident, $hasher:ident) => {
                match (&self.checksums.$value, &computed.$value) {
                    (Some(declared), Some(computed)) if declared == computed => {}
                    // Announced as a trailer, or declared as a trailer that was not announced.
                    (Some(_), None) => return Err(s3_error!(InvalidRequest, "{} was not announced.", $name)),
                    (None, _) if self.trailing.iter().any(|name| name == $name) => {
                        return Err(s3_error!(InvalidRequest, "{} was announced and did not come.", $name));
                    }
                    (None, _) => {}
                    (Some(_), Some(_)) => {
                        return Err(s3_error!(
                            BadDigest,
                            "The {} you specified did not match what we received.",
                            $name
                        ));
                    }
                }
            };
        }
        each_checksum!(compare);
        Ok(())
    }
}

enum Sha256Source {
    Computed(Sha256),
    Signed([u8; 32]),
}

/// Hashes a body while it passes.
pub(super) struct Hashers {
    length: u64,
    md5: Md5,
    sha256: Sha256Source,
    declared: ChecksumHasher,
}

impl Hashers {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.md5.update(bytes);
        if let Sha256Source::Computed(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.declared.update(bytes);
    }

    pub(super) fn finish(self) -> Digests {
        let sha256 = match self.sha256 {
            Sha256Source::Computed(sha256) => sha256.finalize(),
            Sha256Source::Signed(sha256) => sha256,
        };
        let mut checksums = self.declared.finalize();
        checksums.checksum_sha256 = Some(STANDARD.encode(sha256));
        Digests { length: self.length, md5: self.md5.finalize(), sha256, checksums }
    }
}

/// What a body turned out to be.
pub(super) struct Digests {
    pub(super) length: u64,
    pub(super) md5: [u8; 16],
    pub(super) sha256: [u8; 32],
    /// SHA-256, and whatever else was declared.
    pub(super) checksums: Checksum,
}
