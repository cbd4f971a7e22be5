//! stub
use serde::{Serialize, Deserialize};
use crate::model::failure::{FailedResource, StackEvent};
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackProgress { pub total: u64, pub done: u64, pub in_progress: Vec<String>, pub failed: Vec<FailedResource> }
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StackOutcome { Succeeded, Failed }
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StackOperation { Create, Update }
impl StackProgress {
    pub fn of(_: StackOperation, total: u64, _: &str, _: &[StackEvent]) -> Self { Self { total, done: 0, in_progress: vec![], failed: vec![] } }
    pub fn outcome(&self) -> Option<StackOutcome> { None }
    pub fn hint(&self) -> String { String::new() }
}
