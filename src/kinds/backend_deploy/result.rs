//! `result` of a backend deploy, bounded so that the request's row has room for it.

use crate::analysis::failure::{FailedResource, StackEvent};
use crate::kinds::stack::budget::{RESULT_BYTES, bytes_of, cut};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `result` of a backend deploy in `bouncer_status`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct BackendResult {
    /// How the deploy ended.
    pub deploy_status: DeployOutcome,
    /// How many resources were changed.
    #[serde(default)]
    pub changed_resources: u64,
    /// Why it failed, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The lines that explain the cause, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_lines: Vec<String>,
    /// The resources that failed, the root cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_resources: Vec<FailedResource>,
    /// The stack's failure events in CloudFormation's own words, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cfn_failure_events: Vec<FailureEvent>,
    /// What the record had no room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl BackendResult {
    /// Makes the result of a deploy that was cancelled, or whose infrastructure changes were not approved.
    pub(crate) fn cancelled(why: String) -> Self {
        Self { deploy_status: DeployOutcome::Cancelled, error_summary: Some(why), ..Self::default() }
    }

    /// Shortens the result so that the request's row has room for it: the cause stays, and what followed from it goes first.
    pub(crate) fn within_budget(self) -> Self {
        self.within(RESULT_BYTES)
    }

    fn within(mut self, bytes: usize) -> Self {
        const REASON: usize = 2_000;
        self.error_summary.iter_mut().chain(&mut self.error_lines).for_each(|text| cut(text, REASON));
        self.failed_resources.iter_mut().for_each(|one| cut(&mut one.reason, REASON));
        self.cfn_failure_events.iter_mut().for_each(|one| cut(&mut one.resource_status_reason, REASON));
        let (events, resources) = (self.cfn_failure_events.len(), self.failed_resources.len());
        while bytes_of(&self) > bytes {
            let left_out =
                self.cfn_failure_events.pop().map(|_| ()).or_else(|| self.failed_resources.pop().map(|_| ()));
            if left_out.is_none() {
                break;
            }
            let (events, resources) = (events - self.cfn_failure_events.len(), resources - self.failed_resources.len());
            self.note = Some(format!(
                "{events} events and {resources} failed resources are left out because the record has no room for them."
            ));
        }
        self
    }
}

/// How a backend deploy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployOutcome {
    /// The stack runs the commit.
    Deployed,
    /// The stack ran it already.
    NoChanges,
    /// It failed.
    #[default]
    DeployFailed,
    /// It was cancelled, or its infrastructure changes were not approved.
    Cancelled,
}

/// A failure event in CloudFormation's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)] // The names are CloudFormation's own.
pub struct FailureEvent {
    pub stack_name: String,
    pub logical_resource_id: String,
    pub resource_type: String,
    pub resource_status: String,
    pub resource_status_reason: String,
    pub timestamp: String,
}

impl From<StackEvent> for FailureEvent {
    fn from(event: StackEvent) -> Self {
        Self {
            stack_name: event.stack_label().to_owned(),
            logical_resource_id: event.logical_id().to_owned(),
            resource_type: event.resource_type.unwrap_or_default(),
            resource_status: event.resource_status.unwrap_or_default(),
            resource_status_reason: event.resource_status_reason.unwrap_or_default(),
            timestamp: event.timestamp.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resource(reason: String) -> FailedResource {
        FailedResource {
            resource: "Orders".into(),
            resource_type: "AWS::SQS::Queue".into(),
            status: "CREATE_FAILED".into(),
            reason,
            stack: "shop-prod".into(),
            timestamp: "2026-01-01T00:00:00Z".into(),
            cascade: false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_result_fits_and_keeps_its_cause(reasons in proptest::collection::vec("[a-zé\"]{0,300}", 1..20)) {
            let event = |reason: &String| FailureEvent {
                stack_name: "shop-prod".into(),
                logical_resource_id: "Orders".into(),
                resource_type: "AWS::SQS::Queue".into(),
                resource_status: "CREATE_FAILED".into(),
                resource_status_reason: reason.clone(),
                timestamp: "2026-01-01T00:00:00Z".into(),
            };
            let whole = BackendResult {
                error_summary: Some(reasons[0].clone()),
                failed_resources: reasons.iter().cloned().map(resource).collect(),
                cfn_failure_events: reasons.iter().map(event).collect(),
                ..BackendResult::default()
            };
            let fitted = whole.clone().within(6_000);
            prop_assert!(bytes_of(&fitted) <= 6_000);
            prop_assert_eq!(&fitted.failed_resources[0].resource, "Orders");
            let is_whole = fitted.cfn_failure_events.len() + fitted.failed_resources.len() == 2 * reasons.len();
            prop_assert_eq!(is_whole, fitted.note.is_none());
        }
    }
}
