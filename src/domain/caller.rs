//! Who calls: the holder of an API key, and what the key's role allows.

use super::digest::Sha256;
use super::ids::KeyId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a key may do. Ordered: each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks for deploys and uploads, and sees its own requests.
    Agent,
    /// Sees every request and decides those of others.
    Approver,
    /// Also manages projects and keys.
    Admin,
}

impl Role {
    /// The word for it in answers and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Approver => "approver",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An authenticated caller. Built only from a stored key, never from a request's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key's id: the identity that approvals compare.
    pub id: KeyId,
    /// The key's name, for people.
    pub name: String,
    /// What the key may do.
    pub role: Role,
}

impl Caller {
    /// Whether this caller may see a request that `owner` made.
    pub fn may_see(&self, owner: &KeyId) -> bool {
        self.role >= Role::Approver || &self.id == owner
    }
}

/// The prefix of every API key, so that secret scanners can find a leaked one.
pub const KEY_PREFIX: &str = "bncr_";

/// An API key's secret text. Shown once, stored only as its hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKey(String);

impl ApiKey {
    /// A new key from 192 random bits.
    pub fn random() -> Self {
        let mut bytes = [0u8; 24];
        rand::fill(&mut bytes);
        Self(format!("{KEY_PREFIX}{}", hex::encode(bytes)))
    }

    /// Takes a key as a caller sent it; `None` when it cannot be one.
    pub fn from_text(text: &str) -> Option<Self> {
        text.starts_with(KEY_PREFIX).then(|| Self(text.to_owned()))
    }

    /// What is stored and looked up. The key has full entropy, so a plain hash is enough.
    pub fn hash(&self) -> Sha256 {
        Sha256::of(self.0.as_bytes())
    }

    /// The secret itself, for the one moment it is handed out.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}
