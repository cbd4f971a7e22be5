//! What a template changes against another, and which of the changes a person must see first. Pure and cautious: what
//! cannot be understood is a finding.
//!
//! Templates are compared by effect: parameters count with their values, conditions with their expressions, SAM's
//! globals with the resources that inherit them, policies in JSON texts as policies. A finding is about what is new or
//! changed; what the old template had already is none, unless it moved to another resource.

mod changes;
mod compare;
mod effective;
mod report;
mod rules;

pub use compare::{diff_deployed, diff_texts};
pub use effective::Deployed;
pub use report::{Change, Finding, MAX_FINDINGS, ResourceDiff, Rule, SectionDiff, TemplateDiff};

#[cfg(test)]
mod bad_things;
#[cfg(test)]
mod tests;
