//! Defines the limits of a template and the reasons to refuse one.

/// The largest template in bytes: CloudFormation's limit for one in S3.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting.
pub const MAX_DEPTH: usize = 64;
/// The most values, with aliases expanded.
pub const MAX_VALUES: usize = 100_000;
/// The most text in bytes, with aliases expanded.
pub const MAX_EXPANDED_BYTES: usize = 4 << 20;

/// The reason why a text is not a template, as a sentence that names the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // Each message says what its name means.
pub enum TemplateError {
    #[error("The template has {0} bytes; CloudFormation accepts at most {MAX_BYTES}.")]
    TooLarge(usize),
    #[error("The template is nested more than {MAX_DEPTH} levels deep at line {0}.")]
    TooDeep(usize),
    #[error(
        "With its aliases expanded, the template exceeds {MAX_VALUES} values or {MAX_EXPANDED_BYTES} bytes of text at line {0}."
    )]
    QuotaExceeded(usize),
    #[error("The template cannot be parsed at line {line}: {reason}.")]
    Syntax { line: usize, reason: String },
    #[error("The template has a duplicate key '{key}' at line {line}.")]
    DuplicateKey { line: usize, key: String },
    #[error("The template has a key that is not text at line {0}.")]
    Key(usize),
    #[error("The template has the unknown tag '{tag}' at line {line}.")]
    Tag { line: usize, tag: String },
    #[error("The template has an alias that contains itself at line {0}.")]
    EndlessAlias(usize),
    #[error("The template merges ('<<') a value that is not a mapping at line {0}.")]
    Merge(usize),
    #[error("The template has more than one YAML document; the second starts at line {0}.")]
    Documents(usize),
    #[error("The template is empty.")]
    Blank,
    #[error("The template is not a mapping of sections such as 'Resources'.")]
    NotAMapping,
    #[error("The template has no 'Resources' section, or it is not a mapping.")]
    NoResources,
}
