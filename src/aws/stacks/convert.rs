//! Converts CloudFormation's types into Bouncer's own.

use crate::analysis::changeset::{Change, ChangeSet, Detail, ModuleInfo, ResourceChange, Target};
use crate::analysis::failure::StackEvent;
use crate::domain::time::Time;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types;

/// Converts one page of a change set.
pub(super) fn change_set(page: DescribeChangeSetOutput) -> ChangeSet {
    ChangeSet {
        change_set_id: page.change_set_id,
        change_set_name: page.change_set_name,
        stack_id: page.stack_id,
        stack_name: page.stack_name,
        status: page.status.map(|value| value.as_str().to_owned()),
        status_reason: page.status_reason,
        execution_status: page.execution_status.map(|value| value.as_str().to_owned()),
        include_nested_stacks: page.include_nested_stacks,
        next_token: page.next_token.filter(|token| !token.is_empty()),
        changes: page.changes.unwrap_or_default().into_iter().map(change).collect(),
        nested: vec![],
    }
}

fn change(change: types::Change) -> Change {
    Change {
        type_: change.r#type.map(|value| value.as_str().to_owned()),
        hook_invocation_count: change.hook_invocation_count.and_then(|count| u64::try_from(count).ok()),
        resource_change: change.resource_change.map(resource_change),
    }
}

fn resource_change(change: types::ResourceChange) -> ResourceChange {
    ResourceChange {
        policy_action: change.policy_action.map(|value| value.as_str().to_owned()),
        action: change.action.map(|value| value.as_str().to_owned()),
        logical_resource_id: change.logical_resource_id,
        physical_resource_id: change.physical_resource_id,
        resource_type: change.resource_type,
        replacement: change.replacement.map(|value| value.as_str().to_owned()),
        scope: change.scope.unwrap_or_default().into_iter().map(|value| value.as_str().to_owned()).collect(),
        details: change.details.unwrap_or_default().into_iter().map(detail).collect(),
        change_set_id: change.change_set_id,
        before_context: change.before_context,
        after_context: change.after_context,
        module_info: change.module_info.map(|module| ModuleInfo {
            type_hierarchy: module.type_hierarchy,
            logical_id_hierarchy: module.logical_id_hierarchy,
        }),
    }
}

fn detail(detail: types::ResourceChangeDetail) -> Detail {
    Detail {
        target: detail.target.map(target).unwrap_or_default(),
        evaluation: detail.evaluation.map(|value| value.as_str().to_owned()),
        change_source: detail.change_source.map(|value| value.as_str().to_owned()),
        causing_entity: detail.causing_entity,
    }
}

fn target(target: types::ResourceTargetDefinition) -> Target {
    Target {
        attribute: target.attribute.map(|value| value.as_str().to_owned()),
        name: target.name,
        requires_recreation: target.requires_recreation.map(|value| value.as_str().to_owned()),
        path: target.path,
        before_value: target.before_value,
        after_value: target.after_value,
        attribute_change_type: target.attribute_change_type.map(|value| value.as_str().to_owned()),
    }
}

/// Converts one event of a stack.
pub(super) fn event(event: types::StackEvent) -> StackEvent {
    let at = event.timestamp.and_then(|at| at.to_millis().ok()).map(|ms| Time::from_millis(ms).to_string());
    StackEvent {
        event_id: event.event_id,
        stack_id: event.stack_id,
        stack_name: event.stack_name,
        logical_resource_id: event.logical_resource_id,
        physical_resource_id: event.physical_resource_id,
        resource_type: event.resource_type,
        timestamp: at,
        resource_status: event.resource_status.map(|value| value.as_str().to_owned()),
        resource_status_reason: event.resource_status_reason,
        client_request_token: event.client_request_token,
        operation_id: event.operation_id,
        hook_type: event.hook_type,
        hook_status: event.hook_status.map(|value| value.as_str().to_owned()),
        hook_status_reason: event.hook_status_reason,
        hook_invocation_point: event.hook_invocation_point.map(|value| value.as_str().to_owned()),
        hook_failure_mode: event.hook_failure_mode.map(|value| value.as_str().to_owned()),
        // Left out: they may hold secret values, and no rule needs them.
        resource_properties: None,
    }
}
