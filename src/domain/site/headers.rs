//! Chooses the headers of a published file: `Cache-Control` and `Content-Type`.

use super::paths::SitePath;
use globset::{GlobBuilder, GlobSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For pages: never cached, so that a deploy shows at once.
pub const NO_STORE: &str = "no-cache, no-store, must-revalidate";
/// For files whose name changes with their content.
pub const IMMUTABLE: &str = "max-age=31536000, immutable";
/// For everything else: cached, but revalidated before use.
pub const NO_CACHE: &str = "no-cache";

/// A project's own rule: files that match the pattern get this `Cache-Control`. The first match wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheRule {
    /// A glob over the path, such as `fonts/**` or `*.json`; `*` does not cross a `/` unless it is `**`.
    pub pattern: String,
    /// The value of the header.
    pub cache_control: String,
}

/// Compiled rules in order; the built-in ones follow the project's own.
#[derive(Debug, Default)]
pub struct CacheRules(Vec<(GlobSet, String)>);

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cache rule '{pattern}' is not valid: expected {expected}")]
pub struct InvalidRule {
    /// The index of the rule in the list, from 0.
    pub index: usize,
    /// The pattern of the rule.
    pub pattern: String,
    /// What was expected.
    pub expected: String,
}

impl CacheRules {
    /// Compiles a project's rules.
    ///
    /// # Errors
    ///
    /// Fails on the first rule that cannot be used.
    pub fn compile(rules: &[CacheRule]) -> Result<Self, InvalidRule> {
        rules.iter().enumerate().map(|(index, rule)| compile(index, rule)).collect::<Result<_, _>>().map(Self)
    }

    /// Returns every rule that cannot be used.
    pub fn faults(rules: &[CacheRule]) -> Vec<InvalidRule> {
        rules.iter().enumerate().filter_map(|(index, rule)| compile(index, rule).err()).collect()
    }

    /// Tells whether a value promises that the bytes behind a name never change.
    pub fn is_immutable(cache_control: &str) -> bool {
        cache_control.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("immutable"))
    }

    /// Tells whether a value lets a cache answer without revalidation.
    pub fn may_be_kept(cache_control: &str) -> bool {
        let mut directives = cache_control.split(',').map(str::trim);
        !directives.any(|it| it.eq_ignore_ascii_case("no-store") || it.eq_ignore_ascii_case("no-cache"))
    }

    /// Returns the `Cache-Control` of a file.
    pub fn cache_control(&self, path: &SitePath) -> &str {
        match self.0.iter().find(|(glob, _)| glob.is_match(path.as_str())) {
            Some((_, value)) => value,
            None if path.is_page() => NO_STORE,
            None if path.as_str().starts_with("assets/") => IMMUTABLE,
            None => NO_CACHE,
        }
    }
}

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 512;

fn compile(index: usize, rule: &CacheRule) -> Result<(GlobSet, String), InvalidRule> {
    let invalid = |expected: String| InvalidRule { index, pattern: rule.pattern.clone(), expected };
    if rule.pattern.is_empty() {
        return Err(invalid("a pattern such as fonts/** or *.json".into()));
    }
    if rule.pattern.len() > MAX_PATTERN {
        let shown: String = rule.pattern.chars().take(40).collect();
        let expected = format!("a pattern of at most {MAX_PATTERN} bytes");
        return Err(InvalidRule { index, pattern: format!("{shown}…"), expected });
    }
    // As a set of one: unlike a matcher, it refuses a pattern that is too much for a regular expression.
    let glob = GlobBuilder::new(&rule.pattern)
        .literal_separator(true)
        .build()
        .and_then(|glob| GlobSet::builder().add(glob).build())
        .map_err(|error| invalid(format!("a glob ({})", sentence(error.kind()))))?;
    if !is_header_value(&rule.cache_control) {
        return Err(invalid("its cache_control to be a header value: printable ASCII, not blank".into()));
    }
    Ok((glob, rule.cache_control.clone()))
}

/// Describes a glob's fault without mentioning the regular expression behind it.
fn sentence(kind: &globset::ErrorKind) -> String {
    match kind {
        globset::ErrorKind::Regex(_) => "it is too complex".to_owned(),
        other => other.to_string(),
    }
}

/// Returns the `Content-Type` for a file's extension; text types get a UTF-8 charset.
pub fn content_type(path: &SitePath) -> String {
    match mime_guess::from_path(path.as_str()).first() {
        Some(mime) if mime.type_() == mime_guess::mime::TEXT => format!("{}; charset=utf-8", mime.essence_str()),
        Some(mime) => mime.essence_str().to_owned(),
        None => "application/octet-stream".to_owned(),
    }
}

/// Tells whether a content type has the form `type/subtype`, with optional parameters, and is a valid header value.
pub fn is_content_type(text: &str) -> bool {
    text.len() <= 255 && is_header_value(text) && text.parse::<mime_guess::Mime>().is_ok()
}

fn is_header_value(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= 1024 && text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> SitePath {
        SitePath::parse(text).unwrap()
    }

    #[test]
    fn built_in_rules() {
        let rules = CacheRules::default();
        for (name, expected) in [
            ("index.html", NO_STORE),
            ("docs/a.html", NO_STORE),
            ("assets/x.html", NO_STORE),
            ("assets/app.js", IMMUTABLE),
            ("assets/deep/x.png", IMMUTABLE),
            ("robots.txt", NO_CACHE),
            ("static/assets/x.js", NO_CACHE),
        ] {
            assert_eq!(rules.cache_control(&path(name)), expected, "{name}");
        }
    }

    #[test]
    fn own_rules_come_first_and_in_order() {
        let rule = |pattern: &str, value: &str| CacheRule { pattern: pattern.into(), cache_control: value.into() };
        let rules =
            CacheRules::compile(&[rule("fonts/**", "max-age=60"), rule("*.json", "max-age=5"), rule("**", "no-store")])
                .unwrap();
        assert_eq!(rules.cache_control(&path("fonts/a/b.woff2")), "max-age=60");
        assert_eq!(rules.cache_control(&path("data.json")), "max-age=5");
        assert_eq!(rules.cache_control(&path("index.html")), "no-store");
    }

    #[test]
    fn every_rule_that_cannot_be_used_is_named() {
        let rule = |pattern: &str, value: &str| CacheRule { pattern: pattern.into(), cache_control: value.into() };
        let rules = [rule("a[", "x"), rule("*.json", "no-cache"), rule("a", "x\r\nSet-Cookie: y"), rule("", "x")];
        assert_eq!(CacheRules::compile(&rules).unwrap_err().index, 0);
        let places: Vec<usize> = CacheRules::faults(&rules).into_iter().map(|fault| fault.index).collect();
        assert_eq!(places, [0, 2, 3]);
    }

    #[test]
    fn content_types() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.woff2", "font/woff2"),
            ("a.unknown-thing", "application/octet-stream"),
            ("LICENSE", "application/octet-stream"),
        ] {
            assert_eq!(content_type(&path(name)), expected, "{name}");
        }
        assert!(is_content_type("text/html; charset=utf-8"));
        assert!(!is_content_type("text/html\r\nX: y"));
        assert!(!is_content_type("nonsense"));
    }
}
