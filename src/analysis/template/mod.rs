//! A CloudFormation or SAM template, read from YAML or JSON into one form: the long form of every function, so that
//! two ways of writing the same thing compare equal.
//!
//! Scalars mean what they mean to CloudFormation and to the tools that package a template, which read YAML 1.1:
//! `yes`, `no`, `on` and `off` are booleans (`y` and `n` are not), a leading zero makes an octal number, dates stay text.
//! Aliases and merge keys are followed, as those tools follow them. A key that stands twice in one mapping is refused,
//! because readers differ on which one counts.

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
