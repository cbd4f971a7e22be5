//! Decides which file names a site may contain.
//!
//! A name becomes an object key, a URL path, and a line that an approver reads. It must mean the same in all three,
//! in any encoding.

use crate::domain::text::{Class, classify};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;

/// The longest name in bytes of UTF-8: the limit of an S3 key.
pub const MAX_PATH_BYTES: usize = 1024;

/// Extensions that a static site has no use for, and that a server or visitor might execute.
pub const REFUSED_EXTENSIONS: [&str; 27] = [
    "sh", "bash", "exe", "dll", "bat", "cmd", "ps1", "vbs", "msi", "com", "scr", "py", "rb", "pl", "php", "asp",
    "aspx", "jsp", "cgi", "jar", "war", "zip", "tar", "gz", "7z", "bin", "elf",
];

/// A checked path of a site's file: relative, with `/` between its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SitePath(String);

/// The reason why a name is refused, as the end of a sentence that begins with the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // Each message says what its name means.
pub enum PathProblem {
    #[error("is blank")]
    Empty,
    #[error("is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
    #[error("is an absolute path")]
    Absolute,
    #[error("contains a '..' part")]
    ParentDirectory,
    #[error("contains a '.' or empty part")]
    EmptyPart,
    #[error("contains a backslash")]
    Backslash,
    #[error("contains a NUL or another control character")]
    ControlCharacter,
    #[error("contains characters that change the direction of text")]
    BidiControl,
    #[error("hides one of these in an encoded form: an absolute path, a '..' part, a backslash or a control character")]
    Disguised,
    #[error("has the extension .{0}, which is never published")]
    RefusedExtension(String),
}

impl SitePath {
    /// Checks a name. Nothing is repaired: it is accepted as it is or refused.
    ///
    /// # Errors
    ///
    /// Fails with the rule that the name breaks in any of its readings.
    pub fn parse(text: impl Into<String>) -> Result<Self, PathProblem> {
        let text = text.into();
        if text.len() > MAX_PATH_BYTES {
            return Err(PathProblem::TooLong);
        }
        check_structure(&text)?;
        for reading in other_readings(&text) {
            let reading = reading.ok_or(PathProblem::Disguised)?;
            match check_structure(&reading) {
                Ok(()) | Err(PathProblem::EmptyPart | PathProblem::Empty) => {}
                Err(_) => return Err(PathProblem::Disguised),
            }
            check_extension(&reading)?;
        }
        check_extension(&text)?;
        Ok(Self(text))
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether the file is a page. Pages are published after everything they refer to.
    pub fn is_page(&self) -> bool {
        extension(&self.0).is_some_and(|e| e.eq_ignore_ascii_case("html"))
    }

    /// Tells whether this is the entry page, which is published last.
    pub fn is_index(&self) -> bool {
        self.0 == "index.html"
    }

    /// Returns the form in which equal names compare equal.
    pub fn folded(&self) -> String {
        if self.0.is_ascii() { self.0.clone() } else { self.0.nfc().collect() }
    }
}

impl TryFrom<String> for SitePath {
    type Error = PathProblem;
    fn try_from(text: String) -> Result<Self, PathProblem> {
        Self::parse(text)
    }
}

impl From<SitePath> for String {
    fn from(path: SitePath) -> String {
        path.0
    }
}

impl fmt::Display for SitePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_structure(text: &str) -> Result<(), PathProblem> {
    if text.trim().is_empty() {
        return Err(PathProblem::Empty);
    }
    if text.chars().any(|c| c.is_control()) {
        return Err(PathProblem::ControlCharacter);
    }
    if text.chars().any(|c| classify(c) == Class::Bidi) {
        return Err(PathProblem::BidiControl);
    }
    if text.contains('\\') {
        return Err(PathProblem::Backslash);
    }
    let mut letters = text.chars();
    let drive = letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.next() == Some(':');
    if text.starts_with('/') || drive {
        return Err(PathProblem::Absolute);
    }
    if text.split('/').any(|part| part == "..") {
        return Err(PathProblem::ParentDirectory);
    }
    if text.split('/').any(|part| part.trim().is_empty() || part == ".") {
        return Err(PathProblem::EmptyPart);
    }
    Ok(())
}

/// Lists the texts that a URL parser, proxy or reader could take this name for: percent-decoded and with look-alike
/// characters folded, in any order, repeatedly. `None` stands for bytes that are not text.
fn other_readings(text: &str) -> Vec<Option<String>> {
    const DEPTH: usize = 6;
    let mut readings = vec![Some(text.to_owned())];
    let mut fresh = vec![text.to_owned()];
    for _ in 0..DEPTH {
        let next: Vec<Option<String>> =
            fresh.iter().flat_map(|reading| [decode(reading), Some(fold_lookalikes(reading))]).collect();
        fresh.clear();
        for reading in next {
            if !readings.contains(&reading) {
                fresh.extend(reading.clone());
                readings.push(reading);
            }
        }
    }
    readings
}

/// Percent-decodes once. Returns `None` for encodings that only an attacker writes.
fn decode(text: &str) -> Option<String> {
    // `%u002e` is a form that some servers decode; it never occurs in an honest name.
    if text.to_ascii_lowercase().contains("%u00") {
        return None;
    }
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    // 0xC0 and 0xC1 start overlong encodings of ASCII and are never valid.
    let overlong = bytes.iter().any(|b| matches!(b, 0xC0 | 0xC1));
    (!overlong).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Tells whether some reader could take a part of a path for `.`, `..` or nothing.
pub fn is_traversal(part: &str) -> bool {
    other_readings(part).iter().flatten().any(|reading| matches!(reading.trim(), "" | "." | ".."))
}

/// Applies compatibility normalization (full-width forms, the two-dot leader, …), folds the slashes it leaves alone,
/// and drops invisible characters.
fn fold_lookalikes(text: &str) -> String {
    // ASCII is read in one way, and most names are nothing else.
    if text.is_ascii() {
        return text.to_owned();
    }
    text.chars()
        .filter(|c| !matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}'))
        .collect::<String>()
        .nfkc()
        .map(|c| match c {
            '\u{2044}' | '\u{2215}' | '\u{29F8}' => '/',
            '\u{2216}' | '\u{29F5}' | '\u{29F9}' => '\\',
            other => other,
        })
        .collect()
}

fn extension(text: &str) -> Option<&str> {
    let name = text.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}

fn check_extension(text: &str) -> Result<(), PathProblem> {
    // Windows and some servers drop trailing dots and spaces, so they do not hide an extension.
    let Some(found) = extension(text.trim_end_matches(['.', ' '])) else { return Ok(()) };
    let found = found.to_ascii_lowercase();
    if REFUSED_EXTENSIONS.contains(&found.as_str()) { Err(PathProblem::RefusedExtension(found)) } else { Ok(()) }
}

/// Encodes a path for a URL, except its slashes.
pub fn url_path(path: &str) -> String {
    const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(path, PATH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_what_sites_hold() {
        for name in [
            "index.html",
            "assets/app-1a2b.js",
            ".well-known/security.txt",
            "with space/ü.html",
            "100%.html",
            "a+b&c=d.txt",
            "日本語/ページ.html",
            "no-extension",
            "a%2fb.txt",
            "...html",
        ] {
            assert!(SitePath::parse(name).is_ok(), "{name}: {:?}", SitePath::parse(name));
        }
    }

    #[test]
    fn refuses_what_leaves_the_site_in_any_encoding() {
        for name in [
            "",
            "/etc/passwd",
            "C:/x",
            "c:x",
            "../x",
            "a/../b",
            "a/..",
            "a//b",
            "a/./b",
            "a/",
            "a\\b",
            "a\0b",
            "a\nb",
            "%2e%2e/x",
            "%2E%2e%2fx",
            "%252e%252e/x",
            "%25252e%25252e/x",
            "%2fetc/passwd",
            "a%5c..%5cb",
            "a%00.html",
            "..%c0%af",
            "%c0%ae%c0%ae/x",
            "%u002e%u002e/x",
            "．．/x",
            "‥/x",
            "..⁄x",
            "a＼b",
            "％2e％2e/x",
            "%EF%BC%852e./x",
            " ",
            "a/ /b",
            ".\u{200b}./x",
            "a\u{202e}lmth.exe",
        ] {
            assert!(SitePath::parse(name).is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn refuses_extensions_in_any_case_and_disguise() {
        for extension in REFUSED_EXTENSIONS {
            for name in [
                format!("a.{extension}"),
                format!("d/a.{}", extension.to_uppercase()),
                format!("a.{extension}."),
                format!("a.{extension} "),
                format!("a%2e{extension}"),
                format!("a．{extension}"),
            ] {
                assert!(SitePath::parse(name.as_str()).is_err(), "{name}");
            }
        }
        assert!(SitePath::parse("archive.tar.gz").is_err());
        assert!(SitePath::parse("python.html").is_ok());
    }

    /// Where a path leads when `/`, `\`, `.` and `..` are resolved; `None` when it leaves the root.
    fn resolve(text: &str) -> Option<usize> {
        let mut depth = 0usize;
        if text.starts_with(['/', '\\']) {
            return None;
        }
        for part in text.split(['/', '\\']) {
            match part {
                "" | "." => {}
                ".." => depth = depth.checked_sub(1)?,
                _ => depth += 1,
            }
        }
        Some(depth)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn no_accepted_path_leaves_the_root(
            parts in proptest::collection::vec(
                prop_oneof![
                    "[a-z.%/\\\\]{0,6}", "%2e%2e", "%2f", "%5c", "%252e", "\\.\\.", "/", "．．", "⁄", "\\PC{0,4}", "%c0%ae"
                ],
                0..8,
            )
        ) {
            let text = parts.concat();
            if let Ok(path) = SitePath::parse(text) {
                let mut reading = path.as_str().to_owned();
                for _ in 0..4 {
                    prop_assert!(resolve(&reading).is_some(), "{:?} as {reading:?}", path);
                    let folded: String = reading.nfkc().collect();
                    prop_assert!(resolve(&folded).is_some(), "{:?} as {folded:?}", path);
                    reading = percent_decode_str(&reading).decode_utf8_lossy().into_owned();
                }
            }
        }
    }
}
