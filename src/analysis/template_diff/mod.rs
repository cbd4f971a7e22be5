//! Compares two templates, and finds the changes that an approver must see first. Pure and conservative: what cannot
//! be understood is a finding.
//!
//! Templates are compared by effect: parameters by their values, conditions by their expressions, SAM globals as part
//! of the resources that inherit them, policies in JSON texts as policies. A finding is about something new or
//! changed; what the old template already had is none, unless it moved to another resource.

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
