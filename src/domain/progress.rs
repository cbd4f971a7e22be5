//! How far running work is, in numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Progress in numbers, as status answers give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressView {
    /// Number of the step, from 1.
    pub step: u32,
    /// How many steps there are.
    pub steps: u32,
    /// Name of the step, in the words of its kind.
    pub step_name: String,
    /// Of the step: files written, or resources changed.
    pub done: u64,
    /// Of the step: files to write, or resources to change; 0 while that is not known.
    pub total: u64,
    /// Files written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_done: Option<u64>,
    /// Files to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_total: Option<u64>,
    /// Bytes written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_done: Option<u64>,
    /// Bytes to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
    /// Resources that are being changed at this moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_progress: Vec<ResourceLine>,
    /// Resources that have failed so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<ResourceLine>,
}

/// A resource of a stack that is being changed, or that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceLine {
    /// Its name in the template.
    pub resource: String,
    /// Such as `AWS::S3::Bucket`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The stack it belongs to.
    pub stack: String,
    /// CloudFormation's status.
    pub status: String,
    /// CloudFormation's words, shortened.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl ProgressView {
    /// Makes the view of a step of which nothing is counted.
    pub fn of_step(step: u32, steps: u32, step_name: &str) -> Self {
        Self {
            step,
            steps,
            step_name: step_name.to_owned(),
            done: 0,
            total: 0,
            files_done: None,
            files_total: None,
            bytes_done: None,
            bytes_total: None,
            in_progress: vec![],
            failed: vec![],
        }
    }
}
