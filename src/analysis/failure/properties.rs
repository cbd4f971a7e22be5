//! What holds for every stream of events, however it is delivered.

use super::records::fixtures;
use super::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;
use std::collections::BTreeMap;

fn streams() -> impl Strategy<Value = Vec<StackEvent>> {
    let streams: Vec<Vec<StackEvent>> =
        fixtures().into_iter().map(|(_, record)| serde_json::from_value(record["events"].clone()).unwrap()).collect();
    select(streams)
}

fn any_event() -> impl Strategy<Value = StackEvent> {
    let statuses = vec![
        "CREATE_IN_PROGRESS",
        "CREATE_FAILED",
        "CREATE_COMPLETE",
        "DELETE_FAILED",
        "UPDATE_FAILED",
        "ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_FAILED",
        "ODD",
    ];
    let reasons = vec![
        "",
        "Resource creation cancelled",
        "Internal Failure",
        "User Initiated",
        "The following resource(s) failed to create: [A, B]. ",
        "Embedded stack arn:x:stack/B/1 was not successfully created: The following resource(s) failed to create: [A]. ",
    ];
    let kinds = vec!["AWS::CloudFormation::Stack", "AWS::S3::Bucket", ""];
    let times = vec!["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "seq-1", ""];
    (select(statuses), select(reasons), select(kinds), select(times), "[AB]", "[AB]").prop_map(
        |(status, reason, kind, time, stack, resource)| {
            let owned = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            StackEvent {
                resource_status: owned(status),
                resource_status_reason: owned(reason),
                resource_type: owned(kind),
                timestamp: owned(time),
                stack_id: Some(format!("arn:x:stack/{stack}/1")),
                stack_name: Some(stack),
                logical_resource_id: Some(resource),
                ..StackEvent::default()
            }
        },
    )
}

fn ids(list: &[FailedResource]) -> Vec<(String, String, String, String)> {
    list.iter().map(|one| (one.stack.clone(), one.resource.clone(), one.status.clone(), one.reason.clone())).collect()
}

proptest! {
    #[test]
    fn the_cause_comes_first_and_nothing_twice(events in proptest::collection::vec(any_event(), 0..20)) {
        let failing = |event: &StackEvent| event.has_failed() || (event.is_own_row() && event.status().contains("ROLLBACK"));
        let Some(failure) = stack_failure(&events) else {
            prop_assert!(!events.iter().any(failing));
            return Ok(());
        };
        let all = ids(&failure.failed_resources);
        prop_assert_eq!(&failure.failed_resources[0], &failure.root_cause);
        prop_assert!(!failure.root_cause.cascade);
        prop_assert!(failure.cascades.iter().chain(&failure.rollback_failures).all(|one| one.cascade));
        prop_assert!(all.iter().enumerate().all(|(at, one)| !all[..at].contains(one)));
        let parts = failure.other_causes.len() + failure.rollback_failures.len() + failure.cascades.len();
        prop_assert_eq!(all.len(), 1 + parts);
        for one in &failure.failed_resources {
            prop_assert!(events.iter().any(|event| event.logical_id() == one.resource && event.status() == one.status));
        }
        let text = serde_json::to_value(&failure.root_cause).unwrap();
        let keys: Vec<&str> = text.as_object().unwrap().keys().map(String::as_str).collect();
        prop_assert!(["resource", "type", "status", "reason", "stack", "timestamp", "cascade"].iter().all(|key| keys.contains(key)));
        prop_assert_eq!(keys.len(), 7);
        prop_assert!(error_summary(&failure).chars().count() <= 401);
    }

    #[test]
    fn rows_that_come_twice_change_nothing(events in streams(), again in proptest::collection::vec(any::<Index>(), 0..6)) {
        let mut doubled = events.clone();
        for index in again {
            let at = index.index(doubled.len());
            doubled.insert(at, doubled[at].clone());
        }
        prop_assert_eq!(stack_failure(&doubled), stack_failure(&events));
    }

    #[test]
    fn pages_of_several_stacks_may_come_in_any_order(events in streams(), child_first in any::<bool>()) {
        let mut stacks = BTreeMap::<String, Vec<StackEvent>>::new();
        for event in &events {
            stacks.entry(event.stack_key().to_owned()).or_default().push(event.clone());
        }
        let mut groups: Vec<_> = stacks.into_values().collect();
        if child_first {
            groups.reverse();
        }
        let turned = stack_failure(&groups.concat());
        let plain = stack_failure(&events);
        prop_assert_eq!(turned.as_ref().map(|it| &it.root_cause), plain.as_ref().map(|it| &it.root_cause));
        let sorted = |failure: &Option<StackFailure>| {
            let mut all = failure.as_ref().map(|it| ids(&it.failed_resources)).unwrap_or_default();
            all.sort();
            all
        };
        prop_assert_eq!(sorted(&turned), sorted(&plain));
    }

    #[test]
    fn work_that_goes_well_beside_it_changes_nothing(events in streams(), at in any::<Index>(), status in select(&["CREATE_IN_PROGRESS", "UPDATE_COMPLETE", "DELETE_COMPLETE"][..])) {
        let at = at.index(events.len());
        let beside = json!({
            "StackId": events[at].stack_id, "StackName": events[at].stack_name, "Timestamp": events[at].timestamp,
            "LogicalResourceId": "Beside", "ResourceType": "AWS::SNS::Topic", "ResourceStatus": status,
        });
        let mut more = events.clone();
        more.insert(at, serde_json::from_value(beside).unwrap());
        prop_assert_eq!(stack_failure(&more), stack_failure(&events));
    }

    #[test]
    fn an_older_operation_is_cut_away(events in streams(), older in streams()) {
        let mine: Vec<StackEvent> = events.iter().cloned().map(|event| StackEvent { client_request_token: Some("mine".into()), ..event }).collect();
        let theirs = older.into_iter().map(|event| StackEvent { client_request_token: Some("theirs".into()), ..event });
        let both: Vec<StackEvent> = mine.iter().cloned().chain(theirs).collect();
        prop_assert_eq!(of_operation(&both, Some("mine"), None), mine);
    }
}
