//! Reads a CloudFormation or SAM template from YAML or JSON into one form: the long form of every function, so that
//! two spellings of the same thing compare equal.
//!
//! Scalars follow YAML 1.1, as CloudFormation and the packaging tools read them: `yes`, `no`, `on` and `off` are
//! booleans (`y` and `n` are not), a leading zero makes an octal number, dates stay text. Aliases and merge keys are
//! followed. A duplicate key in a mapping is refused, because readers differ on which one counts.

mod document;
mod error;
mod functions;
pub mod json;
mod scalar;
mod secrets;
pub mod substitution;
mod yaml;

pub use document::{ParameterDeclaration, Template};
pub use error::{MAX_BYTES, MAX_DEPTH, MAX_EXPANDED_BYTES, MAX_VALUES, TemplateError};
pub use secrets::{SecretRef, SecretReferences, secrets_resolved};

#[cfg(test)]
mod tests;
