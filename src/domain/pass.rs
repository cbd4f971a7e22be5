//! Passes: what a browser holds in place of an API key. Each is an opaque random secret of which only the hash is stored,
//! stands for one key, and ends with it.

use super::digest::Sha256;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The prefix of every pass, so that none is ever taken for a key, nor a key for a pass.
const PASS_PREFIX: &str = "bpass_";

/// What a pass opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassKind {
    /// The pages, as the key's holder. In a cookie.
    Session,
    /// A session, once: the link that a server prints at its start.
    SignInLink,
    /// One request's staged site, once: what leads a browser from its page to the preview's own address.
    PreviewLink,
    /// One request's staged site. In a cookie of the preview's own address, or in the address itself.
    Preview,
}

impl PassKind {
    /// How long it is good for, in seconds.
    pub fn seconds(self) -> u64 {
        match self {
            PassKind::Session => 12 * 3600,
            PassKind::SignInLink => 600,
            PassKind::PreviewLink => 60,
            PassKind::Preview => 3600,
        }
    }
}

/// A pass's secret text. Handed out once, stored only as its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Pass(String);

impl Pass {
    /// A new pass from 256 random bits.
    pub fn random() -> Self {
        let mut bytes = [0u8; 32];
        rand::fill(&mut bytes);
        Self(format!("{PASS_PREFIX}{}", hex::encode(bytes)))
    }

    /// Takes a pass as a browser sent it; `None` when it cannot be one.
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PASS_PREFIX)?;
        (digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| Self(text.to_owned()))
    }

    /// What is stored and looked up. The pass has full entropy, so a plain hash is enough.
    pub fn hash(&self) -> Sha256 {
        Sha256::of(self.0.as_bytes())
    }

    /// The token that forms of a session carry. It follows from the session's secret and tells nothing of it.
    pub fn form_token(&self) -> String {
        Sha256::of(format!("form/{}", self.0).as_bytes()).to_string()
    }

    /// Whether a form carries this session's token.
    pub fn accepts_form(&self, token: &str) -> bool {
        // The hashes are compared, so that the time it takes tells nothing of the token.
        Sha256::of(token.as_bytes()) == Sha256::of(self.form_token().as_bytes())
    }

    /// The secret itself, for the one moment it is handed out.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::caller::ApiKey;
    use super::*;

    #[test]
    fn a_pass_is_no_key_and_a_key_is_no_pass() {
        let (pass, key) = (Pass::random(), ApiKey::random());
        assert_eq!(ApiKey::from_text(pass.expose()), None);
        assert_eq!(Pass::from_text(key.expose()), None);
        assert_eq!(Pass::from_text(pass.expose()), Some(pass.clone()));
        for bad in ["", "bpass_", "bpass_zz", &pass.expose()[..60], &format!("{}0", pass.expose())] {
            assert_eq!(Pass::from_text(bad), None, "{bad}");
        }
        assert_eq!(format!("{pass:?}"), "Pass(…)");
    }

    #[test]
    fn a_form_belongs_to_its_session() {
        let (mine, other) = (Pass::random(), Pass::random());
        assert!(mine.accepts_form(&mine.form_token()));
        assert!(!mine.accepts_form(&other.form_token()));
        assert!(!mine.accepts_form(""));
        assert!(!mine.form_token().contains(&mine.expose()[6..]));
    }
}
