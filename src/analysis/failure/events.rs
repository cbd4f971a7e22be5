//! Reads stack events as `DescribeStackEvents` returns them, and selects those of one operation.

use crate::domain::time::Time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A row of `DescribeStackEvents`. Rows come newest first; rows with equal times keep the order of the answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(missing_docs)] // The names are AWS's own words.
pub struct StackEvent {
    pub event_id: Option<String>,
    pub stack_id: Option<String>,
    pub stack_name: Option<String>,
    pub logical_resource_id: Option<String>,
    pub physical_resource_id: Option<String>,
    pub resource_type: Option<String>,
    pub timestamp: Option<String>,
    pub resource_status: Option<String>,
    pub resource_status_reason: Option<String>,
    pub client_request_token: Option<String>,
    pub operation_id: Option<String>,
    pub hook_type: Option<String>,
    pub hook_status: Option<String>,
    pub hook_status_reason: Option<String>,
    pub hook_invocation_point: Option<String>,
    pub hook_failure_mode: Option<String>,
    pub resource_properties: Option<String>,
}

/// The resource type of stacks, nested or not.
pub const STACK_TYPE: &str = "AWS::CloudFormation::Stack";

impl StackEvent {
    /// Parses the timestamp. Returns `None` where the text is not a time, as in tests and old tables.
    pub fn time(&self) -> Option<Timestamp> {
        self.timestamp.as_deref()?.parse().ok()
    }

    /// Returns the row's status, or an empty text.
    pub fn status(&self) -> &str {
        self.resource_status.as_deref().unwrap_or_default()
    }

    /// Returns the resource's name in the template; for a stack's own row, the stack's name.
    pub fn logical_id(&self) -> &str {
        self.logical_resource_id.as_deref().unwrap_or_default()
    }

    /// Identifies the row's stack: its ARN, or its name where rows carry no ARN.
    pub fn stack_key(&self) -> &str {
        self.stack_id.as_deref().or(self.stack_name.as_deref()).unwrap_or_default()
    }

    /// Returns the name of the row's stack.
    pub fn stack_label(&self) -> &str {
        self.stack_name.as_deref().or_else(|| self.stack_id.as_deref().map(stack_name_of)).unwrap_or_default()
    }

    /// Returns the resource's name in the account; `None` before it is created.
    pub fn physical_id(&self) -> Option<&str> {
        self.physical_resource_id.as_deref().filter(|id| !id.is_empty())
    }

    /// Tells whether the row may be about a stack, its own or a nested one. A row without a type may be.
    pub(super) fn may_be_stack(&self) -> bool {
        self.resource_type.as_deref().is_none_or(|kind| kind.is_empty() || kind == STACK_TYPE)
    }

    /// Tells whether this is the stack's row about itself.
    pub fn is_own_row(&self) -> bool {
        if !self.may_be_stack() {
            return false;
        }
        match (self.stack_id.as_deref(), self.physical_id()) {
            (Some(stack), Some(physical)) => stack == physical,
            _ => !self.logical_id().is_empty() && self.logical_id() == self.stack_label(),
        }
    }

    /// Tells whether this is a row about a nested stack.
    pub fn is_nested_stack(&self) -> bool {
        self.resource_type.as_deref() == Some(STACK_TYPE) && !self.is_own_row()
    }

    /// Tells whether the status reports a failure.
    pub(super) fn has_failed(&self) -> bool {
        self.status().ends_with("_FAILED")
    }

    /// Tells whether the status ends the operation on the resource.
    pub(in crate::analysis) fn is_final(&self) -> bool {
        self.has_failed() || self.status().ends_with("_COMPLETE")
    }

    /// Tells whether this row starts an operation on the stack. The deletion after a failed creation does not.
    fn starts_operation(&self) -> bool {
        let after_failure =
            self.resource_status_reason.as_deref().is_some_and(|reason| reason.contains("requested by user"));
        let starts = ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"];
        self.is_own_row() && starts.contains(&self.status()) && !after_failure
    }
}

/// Extracts the stack's name from its ARN. A text that is no ARN is returned as it is.
pub(super) fn stack_name_of(arn: &str) -> &str {
    match arn.split_once(":stack/") {
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => arn,
    }
}

/// Selects the rows of one operation, in the order given.
///
/// Rows with a client request token are matched by it; rows without one by time, from the start of the operation.
/// Without token and time, the rows since the latest start of the first row's stack are taken, since that is the
/// stack operated on.
///
/// `since` should be slightly earlier than the call that started the operation: it is compared with AWS's clock.
pub fn of_operation(events: &[StackEvent], client_request_token: Option<&str>, since: Option<Time>) -> Vec<StackEvent> {
    let has_token = |event: &&StackEvent| {
        client_request_token.is_some() && event.client_request_token.as_deref() == client_request_token
    };
    let root = events.first().map(StackEvent::stack_key).unwrap_or_default();
    let start = events.iter().position(|event| event.stack_key() == root && event.starts_operation());
    let told =
        since.map(Time::timestamp).or_else(|| events.iter().filter(has_token).filter_map(StackEvent::time).min());
    let began = told.or_else(|| start.and_then(|at| events[at].time()));
    let is_mine = |at: usize, event: &StackEvent| match (client_request_token, event.client_request_token.as_deref()) {
        (Some(wanted), Some(token)) => token == wanted,
        _ if told.is_none() && event.stack_key() == root => start.is_none_or(|start| at <= start),
        _ => match (began, event.time()) {
            (Some(began), Some(time)) => time >= began,
            _ => true,
        },
    };
    let rows = events.iter().enumerate().filter(|(_, event)| event.status() != "REVIEW_IN_PROGRESS");
    rows.filter(|(at, event)| is_mine(*at, event)).map(|(_, event)| event.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(list: &[(&str, &str, Option<&str>, &str)]) -> Vec<StackEvent> {
        list.iter()
            .map(|(id, status, token, time)| {
                serde_json::from_value(json!({
                    "StackName": "Shop", "LogicalResourceId": id, "ResourceStatus": status,
                    "ClientRequestToken": token, "Timestamp": time,
                }))
                .unwrap()
            })
            .collect()
    }

    fn history() -> Vec<StackEvent> {
        rows(&[
            ("Shop", "UPDATE_ROLLBACK_COMPLETE", Some("new"), "2026-01-02T00:00:04Z"),
            ("Table", "UPDATE_FAILED", None, "2026-01-02T00:00:03Z"),
            ("Shop", "UPDATE_IN_PROGRESS", Some("new"), "2026-01-02T00:00:02Z"),
            ("Shop", "UPDATE_ROLLBACK_COMPLETE", Some("old"), "2026-01-02T00:00:02Z"),
            ("Queue", "UPDATE_FAILED", None, "2026-01-01T00:00:01Z"),
            ("Shop", "UPDATE_IN_PROGRESS", Some("old"), "2026-01-01T00:00:00Z"),
            ("Shop", "REVIEW_IN_PROGRESS", None, "2026-01-01T00:00:00Z"),
        ])
    }

    fn ids(events: &[StackEvent]) -> Vec<&str> {
        events.iter().map(StackEvent::logical_id).collect()
    }

    #[test]
    fn a_token_cuts_out_the_operation() {
        assert_eq!(ids(&of_operation(&history(), Some("new"), None)), ["Shop", "Table", "Shop"]);
        assert_eq!(of_operation(&history(), Some("old"), None).len(), 4, "rows without a token since it began");
        assert!(
            of_operation(&history()[..2], Some("other"), None).iter().all(|row| row.client_request_token.is_none())
        );
    }

    #[test]
    fn a_time_cuts_where_there_is_no_token() {
        let since = Time::try_from("2026-01-02T00:00:03Z".to_owned()).unwrap();
        assert_eq!(ids(&of_operation(&history(), None, Some(since))), ["Shop", "Table"]);
        assert_eq!(ids(&of_operation(&history(), Some("new"), Some(since))), ["Shop", "Table", "Shop"]);
    }

    #[test]
    fn without_either_the_latest_start_cuts() {
        assert_eq!(ids(&of_operation(&history(), None, None)), ["Shop", "Table", "Shop"]);
        assert_eq!(of_operation(&[], None, None), []);
        let mut on_failure_delete = rows(&[
            ("Shop", "DELETE_IN_PROGRESS", None, ""),
            ("Table", "CREATE_FAILED", None, ""),
            ("Shop", "CREATE_IN_PROGRESS", None, ""),
        ]);
        on_failure_delete[0].resource_status_reason = Some("The following ... . Delete requested by user.".into());
        assert_eq!(of_operation(&on_failure_delete, None, None).len(), 3, "this deletion is part of the creation");
    }

    #[test]
    fn a_nested_stack_that_is_deleted_again_keeps_its_rows() {
        let mut child = rows(&[
            ("Child", "DELETE_IN_PROGRESS", None, "2026-01-02T00:00:09Z"),
            ("Table", "CREATE_FAILED", None, "2026-01-02T00:00:03Z"),
            ("Child", "CREATE_IN_PROGRESS", None, "2026-01-02T00:00:02Z"),
            ("Older", "CREATE_FAILED", None, "2026-01-01T00:00:00Z"),
        ]);
        child.iter_mut().for_each(|row| row.stack_name = Some("Child".into()));
        let both = [history(), child].concat();
        assert_eq!(ids(&of_operation(&both, None, None)), ["Shop", "Table", "Shop", "Child", "Table", "Child"]);
    }

    #[test]
    fn own_rows_and_nested_stacks_are_told_apart() {
        let row = |value| serde_json::from_value::<StackEvent>(value).unwrap();
        let arn = "arn:aws:cloudformation:eu-west-1:1:stack/Shop/1";
        let child = "arn:aws:cloudformation:eu-west-1:1:stack/Shop-Child-X/2";
        let own = row(
            json!({"StackId": arn, "LogicalResourceId": "Shop", "PhysicalResourceId": arn, "ResourceType": STACK_TYPE}),
        );
        assert!(own.is_own_row() && !own.is_nested_stack());
        assert_eq!(own.stack_label(), "Shop");
        let nested = row(
            json!({"StackId": arn, "LogicalResourceId": "Shop", "PhysicalResourceId": child, "ResourceType": STACK_TYPE}),
        );
        assert!(nested.is_nested_stack(), "a nested stack may have its parent's name");
        let unmade = row(
            json!({"StackName": "Shop", "LogicalResourceId": "Child", "PhysicalResourceId": "", "ResourceType": STACK_TYPE}),
        );
        assert!(unmade.is_nested_stack());
        let bucket = row(json!({"StackName": "Shop", "LogicalResourceId": "Shop", "ResourceType": "AWS::S3::Bucket"}));
        assert!(!bucket.is_own_row());
        let table = row(json!({"StackName": "Shop", "LogicalResourceId": "Shop"}));
        assert!(table.is_own_row(), "tables without a type column");
    }
}
