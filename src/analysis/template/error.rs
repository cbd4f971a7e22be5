//! Limits of a template, and the reasons to refuse one.

/// The largest accepted template in bytes: CloudFormation's own limit for one that is read from S3.
pub const MAX_BYTES: usize = 1 << 20;
/// How deep values may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many values a template may have once its aliases are written out.
pub const MAX_VALUES: usize = 100_000;
/// How much text a template may have once its aliases are written out, in bytes.
pub const MAX_EXPANDED_BYTES: usize = 4 << 20;

/// Why a text is not a template. Each is one sentence that names the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // Each message says what its name means.
pub enum TemplateError {
    #[error("The template has {0} bytes; CloudFormation takes at most {MAX_BYTES}.")]
    TooLarge(usize),
    #[error("The template is nested more than {MAX_DEPTH} levels deep at line {0}.")]
    TooDeep(usize),
    #[error(
        "The template has more than {MAX_VALUES} values or {MAX_EXPANDED_BYTES} bytes of text with its aliases at line {0}."
    )]
    QuotaExceeded(usize),
    #[error("The template cannot be read at line {line}: {reason}.")]
    Syntax { line: usize, reason: String },
    #[error("The key '{key}' stands twice in one mapping of the template, the second time at line {line}.")]
    DuplicateKey { line: usize, key: String },
    #[error("A key of the template is not text at line {0}.")]
    Key(usize),
    #[error("The template has the tag '{tag}' at line {line}, which CloudFormation does not know.")]
    Tag { line: usize, tag: String },
    #[error("The template has an alias inside the very value it stands for at line {0}.")]
    EndlessAlias(usize),
    #[error("The template merges ('<<') something that is not a mapping at line {0}.")]
    Merge(usize),
    #[error("The template has more than one YAML document; the second starts at line {0}.")]
    Documents(usize),
    #[error("The template is blank.")]
    Blank,
    #[error("The template is not a mapping of sections such as 'Resources'.")]
    NotAMapping,
    #[error("The template has no section 'Resources', or it is not a mapping.")]
    NoResources,
}
