//! Identifiers as newtypes: each is checked once, where it enters, and carries its meaning from there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} '{value}' is not valid: expected {expected}")]
pub struct InvalidId {
    /// What the text was meant to name ("project id", …).
    pub kind: &'static str,
    /// The text, cut to 80 characters.
    pub value: String,
    /// The form that would be accepted.
    pub expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text and keeps it.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let accepts: fn(&str) -> bool = $check;
                if accepts(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId {
                        kind: $kind,
                        value: text.chars().take(80).collect(),
                        expected: $expected,
                    })
                }
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// How the id of a frontend's deploy begins.
const FRONTEND: &str = "frontend-";
/// How the id of a backend's deploy begins. It is also a change set's name, so it starts with a letter.
const BACKEND: &str = "deploy-";

fn prefixed_hex(text: &str, prefix: &str, digits: usize) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|hex| hex.len() == digits && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn name_like(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
}

id!(
    /// A project: the key of its row in `bouncer-projects`.
    ProjectId,
    "project id",
    "1 to 63 characters of a-z, 0-9, '-', '_' and '.', starting with a letter or digit",
    |text| name_like(text, 63)
);
id!(
    /// One request for an approval, an upload or an upload batch; also the name of its workflow execution.
    RequestId,
    "request id",
    "'req-' or 'batch-' and hexadecimal digits",
    |text| prefixed_hex(text, "req-", 16) || prefixed_hex(text, "batch-", 12)
);
id!(
    /// An immutable manifest of a published site.
    ReleaseId,
    "release id",
    "'rel-' and 12 hexadecimal digits",
    |text| prefixed_hex(text, "rel-", 12)
);
id!(
    /// A deploy as its history row names it.
    DeployId,
    "deploy id",
    "'frontend-' or 'deploy-' and 16 hexadecimal digits",
    |text| prefixed_hex(text, FRONTEND, 16) || prefixed_hex(text, BACKEND, 16)
);
id!(
    /// An API key, and so the caller who holds it. Says nothing about the secret.
    KeyId,
    "key id",
    "'key-' and 12 hexadecimal digits",
    |text| prefixed_hex(text, "key-", 12)
);
id!(
    /// Who decides: a key, or a channel's user, whose number there is the identity and not the name.
    ApproverId,
    "approver id",
    "a key's id, or a channel and its user such as 'telegram:123456'",
    |text| prefixed_hex(text, "key-", 12) || is_channel_user(text)
);

fn is_channel_user(text: &str) -> bool {
    let is_user = |user: &str| (1..=40).contains(&user.len()) && user.bytes().all(|b| b.is_ascii_alphanumeric());
    text.split_once(':').is_some_and(|(channel, user)| {
        (1..=20).contains(&channel.len()) && channel.bytes().all(|b| b.is_ascii_lowercase()) && is_user(user)
    })
}

fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    rand::fill(&mut buffer[..]);
    hex::encode(buffer)
}

impl RequestId {
    /// A new id from 64 random bits.
    pub fn random() -> Self {
        Self(format!("req-{}", random_hex(8)))
    }

    /// A new id of an upload batch.
    pub fn random_batch() -> Self {
        Self(format!("batch-{}", random_hex(6)))
    }

    /// Whether this names an upload batch.
    pub fn is_batch(&self) -> bool {
        self.0.starts_with("batch-")
    }

    /// The frontend deploy this request leads to, when it is approved.
    pub fn frontend_deploy_id(&self) -> DeployId {
        DeployId(self.0.replacen("req-", FRONTEND, 1))
    }

    /// The backend deploy this request leads to, when it is approved.
    pub fn backend_deploy_id(&self) -> DeployId {
        DeployId(self.0.replacen("req-", BACKEND, 1))
    }

    /// The request for a decision about the infrastructure changes of this request's deploy. The same deploy always
    /// names the same one, so a task that runs twice asks once.
    pub fn infrastructure_request(&self) -> Self {
        let hash = super::digest::Sha256::of(format!("{self}/infrastructure").as_bytes()).to_string();
        Self(format!("req-{}", &hash[..16]))
    }
}

impl DeployId {
    /// The request that asked for this deploy.
    pub fn request_id(&self) -> RequestId {
        let digits = self.0.strip_prefix(FRONTEND).or_else(|| self.0.strip_prefix(BACKEND));
        RequestId(format!("req-{}", digits.unwrap_or(&self.0)))
    }
}

impl KeyId {
    /// A new id from 48 random bits.
    pub fn random() -> Self {
        Self(format!("key-{}", random_hex(6)))
    }
}

impl From<&KeyId> for ApproverId {
    fn from(key: &KeyId) -> Self {
        Self(key.0.clone())
    }
}

impl ReleaseId {
    /// The release of a manifest made by a request: the same request always names the same release, so a publish
    /// that runs twice makes one.
    pub fn derive(manifest: &super::digest::Sha256, request: &RequestId) -> Self {
        let hash = super::digest::Sha256::of(format!("{manifest}/{request}").as_bytes());
        Self(format!("rel-{}", &hash.to_string()[..12]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_accept_their_own_form_only() {
        assert!(ProjectId::parse("shop-web_2.0").is_ok());
        for bad in ["", "-x", "Shop", "a b", "ä", &"a".repeat(64)] {
            assert!(ProjectId::parse(bad).is_err(), "{bad}");
        }
        assert!(RequestId::parse(RequestId::random().as_str()).is_ok());
        assert!(RequestId::parse(RequestId::random_batch().as_str()).is_ok());
        assert!(RequestId::parse("batch-XYZ").is_err());
        assert!(ApproverId::parse("telegram:123456").is_ok());
        assert!(ApproverId::parse(KeyId::random().as_str()).is_ok());
        for bad in ["telegram:", ":1", "telegram:1:2", "Telegram:1", "key-1", "anna"] {
            assert!(ApproverId::parse(bad).is_err(), "{bad}");
        }
        let request = RequestId::random();
        assert_eq!(request.frontend_deploy_id().request_id(), request);
        assert_eq!(request.backend_deploy_id().request_id(), request);
        let infrastructure = request.infrastructure_request();
        assert_eq!(RequestId::parse(infrastructure.as_str()).as_ref(), Ok(&infrastructure));
        assert_ne!(infrastructure, request);
    }
}
