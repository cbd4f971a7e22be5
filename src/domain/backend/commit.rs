//! Identifies what is deployed: repository, branch and commit. Each is checked once, where it enters.

use crate::domain::ids::InvalidId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

const SHA: (&str, &str) = ("commit", "40 hexadecimal digits in lower case");
const BRANCH: (&str, &str) = (
    "branch",
    "a git branch name of at most 255 bytes, without spaces, control characters, '..', '@{', any of ~^:?*[\\, a leading \
     '-' or '/', a part that starts with '.', or a trailing '/', '.' or '.lock'",
);
const REPO: (&str, &str) =
    ("repository", "'owner/name', 'https://github.com/owner/name' or 'git@github.com:owner/name.git'");

fn invalid((kind, expected): (&'static str, &'static str), text: &str) -> InvalidId {
    // A URL may carry a token before its host, so that part is never repeated.
    let shown = match text.rsplit_once('@') {
        Some((before, after)) if before.contains(':') => format!("…@{after}"),
        _ => text.to_owned(),
    };
    InvalidId { kind, value: shown.chars().take(80).collect(), expected }
}

macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

/// The full SHA-1 of a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct CommitSha(String);

impl CommitSha {
    /// Parses a commit. An abbreviation is refused, since it may become ambiguous.
    ///
    /// # Errors
    ///
    /// Fails unless the text has 40 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let is_sha = text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if is_sha { Ok(Self(text.to_owned())) } else { Err(invalid(SHA, text)) }
    }

    /// Returns the commit as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first seven digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(CommitSha);

/// A branch by its name below `refs/heads/`, under git's rules (git-check-ref-format).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Branch(String);

impl Branch {
    /// Parses a branch name.
    ///
    /// # Errors
    ///
    /// Fails when git would not accept the name.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if is_branch(text) { Ok(Self(text.to_owned())) } else { Err(invalid(BRANCH, text)) }
    }

    /// Returns the branch as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_branch(text: &str) -> bool {
    let has_refused_sign = text.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c));
    let part_is_fine = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    (1..=255).contains(&text.len())
        && !has_refused_sign
        && !text.contains("..")
        && !text.contains("@{")
        && text != "@"
        && text != "HEAD"
        && !text.starts_with('-')
        && !text.ends_with('.')
        && text.split('/').all(part_is_fine)
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(Branch);

/// A file that commits changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedFile {
    /// Its path.
    pub filename: String,
    /// GitHub's word: added, removed, modified, renamed.
    pub status: String,
    /// How many lines were added.
    pub additions: u64,
    /// How many lines were removed.
    pub deletions: u64,
}

/// A repository on GitHub or a GitHub Enterprise host. Its text form is `owner/name`, preceded by the host unless
/// that is github.com.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Repo {
    host: Option<String>,
    owner: String,
    name: String,
}

impl Repo {
    /// Parses `owner/name`, `host/owner/name`, an https or ssh URL, or `git@host:owner/name`, each with or without
    /// `.git`.
    ///
    /// # Errors
    ///
    /// Fails on any other form.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        read_repo(text.trim()).ok_or_else(|| invalid(REPO, text))
    }

    /// Returns the Enterprise host; `None` for github.com.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Returns the user or organization.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Returns the name of the repository.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn read_repo(text: &str) -> Option<Repo> {
    let (host, path) = if let Some(rest) = text.strip_prefix("https://") {
        let (host, path) = rest.split_once('/')?;
        (Some(host), path)
    } else if let Some(rest) = text.strip_prefix("ssh://git@") {
        let (host, path) = rest.split_once('/')?;
        (Some(host.split_once(':').map_or(host, |(name, _)| name)), path)
    } else if let Some(rest) = text.strip_prefix("git@") {
        let (host, path) = rest.split_once(':')?;
        (Some(host), path)
    } else {
        match text.split('/').count() {
            3 => text.split_once('/').map(|(host, path)| (Some(host), path))?,
            _ => (None, text),
        }
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    let (owner, name) = path.strip_suffix(".git").unwrap_or(path).split_once('/')?;
    if !is_owner(owner) || !is_repo_name(name) || !host.is_none_or(is_host) {
        return None;
    }
    let host = host.map(str::to_ascii_lowercase).filter(|host| host != "github.com" && host != "www.github.com");
    Some(Repo { host, owner: owner.to_owned(), name: name.to_owned() })
}

/// Accepts letters, digits and inner '-'; '_' as Enterprise Managed Users have it.
fn is_owner(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !text.starts_with('-')
}

fn is_repo_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && text != "."
        && text != ".."
}

/// Accepts a host name with at least one dot, and an optional port.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let label_is_fine = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(label_is_fine)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        write!(f, "{}/{}", self.owner, self.name)
    }
}

text_form!(Repo);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_commit_is_forty_digits() {
        let sha = CommitSha::parse("0123456789abcdef0123456789abcdef01234567").unwrap();
        assert_eq!(sha.short(), "0123456");
        for bad in ["", "0123456", "0123456789ABCDEF0123456789abcdef01234567", &"a".repeat(41), &"g".repeat(40)] {
            assert!(CommitSha::parse(bad).is_err(), "{bad}");
        }
        let error = CommitSha::parse("0123456").unwrap_err().to_string();
        assert_eq!(error, "commit '0123456' is not valid: expected 40 hexadecimal digits in lower case");
    }

    #[test]
    fn branches_follow_the_rules_of_git() {
        for good in ["main", "feature/x-1", "release-2.0", "a@b", "ünï", "x.locked", "#1"] {
            assert_eq!(Branch::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(256);
        for bad in [
            "", "-x", "a..b", "a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "a@{b", "a/", "/a", "a//b",
            "a.lock", "a.lock/b", ".a", "a/.b", "a.", "@", "HEAD", "a\tb", "a\u{7f}b", "a\nb", "a\u{a0}b", &long,
        ] {
            assert!(Branch::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn repositories_in_each_form() {
        for (text, shown) in [
            ("acme/shop", "acme/shop"),
            ("acme/shop.git", "acme/shop"),
            ("https://github.com/acme/shop", "acme/shop"),
            ("https://github.com/acme/shop.git", "acme/shop"),
            ("https://GitHub.com/acme/shop/", "acme/shop"),
            ("git@github.com:acme/shop.git", "acme/shop"),
            ("ssh://git@github.com/acme/shop.git", "acme/shop"),
            ("ssh://git@git.acme.example:2222/web/shop", "git.acme.example/web/shop"),
            ("https://git.acme.example:8443/web/shop.git", "git.acme.example:8443/web/shop"),
            ("git@git.acme.example:web/shop.git", "git.acme.example/web/shop"),
            ("git.acme.example/web/shop", "git.acme.example/web/shop"),
            ("acme_corp/.github", "acme_corp/.github"),
        ] {
            let repo = Repo::parse(text).unwrap();
            assert_eq!(repo.to_string(), shown, "{text}");
            assert_eq!(Repo::parse(shown).unwrap(), repo, "{text}");
        }
    }

    #[test]
    fn what_is_no_repository() {
        for bad in [
            "",
            "shop",
            "/shop",
            "acme/",
            "acme/..",
            "acme/sh op",
            "a/b/c/d",
            "http://github.com/acme/shop",
            "https://github.com/acme",
            "https://github.com/acme/shop/tree/main",
            "https://localhost/acme/shop",
            "https://user:pw@github.com/acme/shop",
            "git@github.com/acme/shop",
            "-a/b",
            "acme/shop?x=1",
            "acme/shop#x",
            "https://github.com:99999/a/b",
            "acme/%2e%2e",
            "ä/b",
        ] {
            assert!(Repo::parse(bad).is_err(), "{bad}");
        }
        let error = Repo::parse("https://oauth2:abcdef@github.com/acme/shop").unwrap_err().to_string();
        assert!(!error.contains("abcdef"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_accepted_reads_back(text in "\\PC{0,60}|[a-z/.:@-]{0,30}") {
            if let Ok(repo) = Repo::parse(&text) {
                prop_assert_eq!(Repo::parse(&repo.to_string()).unwrap(), repo);
            }
            if let Ok(branch) = Branch::parse(&text) {
                prop_assert_eq!(branch.as_str(), text.as_str());
            }
            let _ = CommitSha::parse(&text);
        }
    }
}
