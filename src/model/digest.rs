//! SHA-256, the one identity of content in Bouncer.

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use sha2::digest::common::hazmat::SerializableState as _;
use std::fmt;

/// The SHA-256 of some bytes. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct InvalidDigest;

impl Sha256 {
    /// Hashes bytes already in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Reads 64 hexadecimal digits, any case.
    pub fn parse(text: &str) -> Result<Self, InvalidDigest> {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidDigest)?;
        Ok(Self(bytes))
    }

    /// Reads the form of the `x-amz-checksum-sha256` header. The checksum of an upload in parts has another form.
    pub fn from_base64(text: &str) -> Result<Self, InvalidDigest> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| InvalidDigest)?;
        bytes.try_into().map(Self).map_err(|_| InvalidDigest)
    }

    /// The form of the `x-amz-checksum-sha256` header.
    pub fn to_base64(self) -> String {
        base64::engine::general_purpose::STANDARD.encode(self.0)
    }
}

/// Hashes a stream piece by piece.
#[derive(Default)]
pub struct Hasher {
    state: sha2::Sha256,
    size: u64,
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// What came so far, for [`Hasher::resume`].
    pub fn suspend(&self) -> Unfinished {
        Unfinished { state: hex::encode(self.state.serialize()), size: self.size }
    }

    /// Goes on where another one was suspended.
    pub fn resume(unfinished: &Unfinished) -> Result<Self, InvalidDigest> {
        let bytes = hex::decode(&unfinished.state).map_err(|_| InvalidDigest)?;
        let state = bytes.as_slice().try_into().map_err(|_| InvalidDigest)?;
        Ok(Self { state: sha2::Sha256::deserialize(state).map_err(|_| InvalidDigest)?, size: unfinished.size })
    }

    /// The digest, and how many bytes went in.
    pub fn finish(self) -> (Sha256, u64) {
        (Sha256(self.state.finalize().into()), self.size)
    }
}

/// A hash that is not finished. Its form is the hash library's own: one that another version wrote may not be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    state: String,
    size: u64,
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

impl TryFrom<String> for Sha256 {
    type Error = InvalidDigest;
    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        Self::parse(&text)
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> String {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_goes_on_after_any_pause() {
        let bytes: Vec<u8> = (0..1000u32).map(|n| (n % 251) as u8).collect();
        for at in [0, 1, 63, 64, 65, 500, 1000] {
            let mut first = Hasher::default();
            first.update(&bytes[..at]);
            let stored = serde_json::to_string(&first.suspend()).unwrap();
            let mut second = Hasher::resume(&serde_json::from_str(&stored).unwrap()).unwrap();
            second.update(&bytes[at..]);
            assert_eq!(second.finish(), (Sha256::of(&bytes), 1000), "paused at {at}");
        }
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for state in ["", "00", "zz", &"0".repeat(64)] {
            assert!(Hasher::resume(&Unfinished { state: state.into(), size: 0 }).is_err(), "{state}");
        }
    }
}
