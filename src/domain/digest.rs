//! SHA-256, the one identity of content in Bouncer.

use base64::Engine as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use sha2::digest::common::hazmat::SerializableState as _;
use std::fmt;

/// The SHA-256 of some bytes. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
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

/// What a storage says of an object that came in parts: the SHA-256 of the SHA-256s of its parts, and how many there
/// are. Another object of which it says the same has the same bytes, but they cannot be found out from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartsDigest {
    sha256: Sha256,
    parts: usize,
}

impl PartsDigest {
    /// Of the parts in their order.
    pub fn of(parts: impl IntoIterator<Item = Sha256>) -> Self {
        let (mut all, mut count) = (sha2::Sha256::new(), 0);
        for part in parts {
            all.update(part.0);
            count += 1;
        }
        Self { sha256: Sha256(all.finalize().into()), parts: count }
    }

    /// Reads the form of the `x-amz-checksum-sha256` header.
    pub fn from_base64(text: &str) -> Result<Self, InvalidDigest> {
        let (sha256, parts) = text.rsplit_once('-').ok_or(InvalidDigest)?;
        Ok(Self { sha256: Sha256::from_base64(sha256)?, parts: parts.parse().map_err(|_| InvalidDigest)? })
    }
}

impl fmt::Display for PartsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.sha256, self.parts)
    }
}

impl TryFrom<String> for PartsDigest {
    type Error = InvalidDigest;
    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        let (sha256, parts) = text.rsplit_once('-').ok_or(InvalidDigest)?;
        Ok(Self { sha256: Sha256::parse(sha256)?, parts: parts.parse().map_err(|_| InvalidDigest)? })
    }
}

impl From<PartsDigest> for String {
    fn from(digest: PartsDigest) -> String {
        digest.to_string()
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

    /// As `openssl dgst -sha256` over the parts' digests says.
    #[test]
    fn the_digest_of_parts_has_two_forms() {
        let digest = PartsDigest::of([Sha256::of(b"one"), Sha256::of(b"two")]);
        let mut both = Sha256::of(b"one").0.to_vec();
        both.extend(Sha256::of(b"two").0);
        assert_eq!(digest.to_string(), format!("{}-2", Sha256::of(&both)));
        assert_eq!(PartsDigest::try_from(digest.to_string()), Ok(digest));
        assert_eq!(PartsDigest::from_base64(&format!("{}-2", Sha256::of(&both).to_base64())), Ok(digest));
        let whole = Sha256::of(b"one").to_base64();
        for other in [whole.as_str(), "", "-1", "x-2", &format!("{whole}-"), &format!("{whole}-x")] {
            assert_eq!(PartsDigest::from_base64(other), Err(InvalidDigest), "{other}");
        }
        assert_eq!(Sha256::from_base64(&format!("{whole}-1")), Err(InvalidDigest), "never taken for a whole");
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for state in ["", "00", "zz", &"0".repeat(64)] {
            assert!(Hasher::resume(&Unfinished { state: state.into(), size: 0 }).is_err(), "{state}");
        }
    }
}
