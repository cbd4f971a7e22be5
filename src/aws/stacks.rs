//! CloudFormation in a stack's own account: change sets, their execution, and what the stack says of itself.

use super::call::CallError;
use super::roles::{RoleError, Roles};
use crate::analysis::changeset::{Change, ChangeSet, Detail, ModuleInfo, ResourceChange, Target};
use crate::analysis::failure::StackEvent;
use crate::domain::backend::change_set::ChangeSetKind;
use crate::domain::backend::parameters::StackParameters;
use crate::domain::backend::target::BackendTarget;
use crate::domain::ids::DeployId;
use crate::domain::time::Time;
use aws_config::{Region, SdkConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::retry::RetryPartition;
use aws_sdk_cloudformation::types::{self, Capability, ChangeSetType, Parameter, Tag};
use aws_sdk_secretsmanager::Client as SecretsClient;

/// Pages of one answer that are read: a stack has at most 500 resources, and an update some events for each.
const MAX_PAGES: usize = 200;
/// How deep nested stacks are followed.
const MAX_DEPTH: usize = 5;

/// Opens the accounts that projects name.
#[derive(Clone)]
pub struct Stacks {
    shared: SdkConfig,
    roles: Roles,
}

/// A stack as CloudFormation describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN.
    pub id: String,
    /// CloudFormation's word: CREATE_COMPLETE, UPDATE_ROLLBACK_FAILED and so on.
    pub status: String,
    /// Why it is so.
    pub reason: Option<String>,
}

/// A change set that is asked for.
#[derive(Debug, Clone)]
pub struct ChangeSetOrder<'a> {
    /// The deploy; also the change set's name.
    pub deploy_id: &'a DeployId,
    /// Whether it makes the stack.
    pub kind: ChangeSetKind,
    /// Where the packaged template is.
    pub template_url: String,
    /// The stack's parameters.
    pub parameters: &'a StackParameters,
    /// The project, for the tag of a new stack.
    pub project: String,
    /// For people who look at the change set.
    pub description: String,
}

/// One stack, with the credentials its project says.
#[derive(Clone)]
pub struct StackAccount {
    client: Client,
    secrets: SecretsClient,
    name: String,
    role: Option<String>,
}

impl Stacks {
    pub(super) fn new(shared: SdkConfig, roles: Roles) -> Self {
        Self { shared, roles }
    }

    /// The account and region of a project's stack. `session` names the role's session in the account's trail.
    pub async fn open(&self, target: &BackendTarget, session: &str) -> Result<StackAccount, RoleError> {
        let mut config = match &target.target_role_arn {
            Some(role) => self.roles.assume(role, &format!("bouncer-{session}")).await?,
            None => self.shared.clone(),
        };
        if let Some(region) = &target.stack_region {
            config = config.to_builder().region(Region::new(region.clone())).build();
        }
        // By its name the SDK shares between clients of one process how many attempts there may be: an account that throttles
        // leaves the others theirs.
        let place = format!("stacks/{}/{}", target.target_role_arn.as_deref().unwrap_or_default(), region_of(&config));
        let paced = aws_sdk_cloudformation::config::Builder::from(&config).retry_partition(RetryPartition::new(place));
        Ok(StackAccount {
            client: Client::from_conf(paced.build()),
            secrets: SecretsClient::new(&config),
            name: target.stack_name.clone(),
            role: target.cloudformation_role_arn.clone(),
        })
    }
}

impl StackAccount {
    /// The stack; `None` when there is none of this name.
    pub async fn stack(&self) -> Result<Option<Stack>, CallError> {
        let answer = match self.client.describe_stacks().stack_name(&self.name).send().await {
            Ok(answer) => answer,
            Err(error) => match self.classify(&error) {
                CallError::NotFound(_) => return Ok(None),
                other => return Err(other),
            },
        };
        let found = answer.stacks.unwrap_or_default().into_iter().next();
        Ok(found.map(|stack| Stack {
            id: stack.stack_id.unwrap_or_default(),
            status: stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: stack.stack_status_reason,
        }))
    }

    /// Asks for a change set. One of this name that exists already is a refusal with the code AlreadyExistsException.
    pub async fn create_change_set(&self, order: &ChangeSetOrder<'_>) -> Result<(), CallError> {
        let parameters = order
            .parameters
            .iter()
            .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build());
        let mut request = self
            .client
            .create_change_set()
            .stack_name(&self.name)
            .change_set_name(order.deploy_id.as_str())
            .change_set_type(match order.kind {
                ChangeSetKind::Create => ChangeSetType::Create,
                ChangeSetKind::Update => ChangeSetType::Update,
            })
            .template_url(&order.template_url)
            .set_parameters(Some(parameters.collect()))
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityNamedIam)
            .capabilities(Capability::CapabilityAutoExpand)
            .set_role_arn(self.role.clone())
            .include_nested_stacks(true)
            .description(&order.description)
            .client_token(order.deploy_id.as_str());
        if order.kind == ChangeSetKind::Create {
            // Tags of a stack are those of all its resources, and a change set that names any replaces all of them. So
            // what differs from deploy to deploy is in the description, and a stack keeps the tags it has.
            request = request.tags(Tag::builder().key("bouncer:project").value(&order.project).build());
        }
        request.send().await.map(|_| ()).map_err(|error| self.classify(&error))
    }

    /// A change set of this stack by its name or ARN, every page of it, and those of nested stacks within.
    pub async fn change_set(&self, id: &str) -> Result<ChangeSet, CallError> {
        self.described(id, 0).await
    }

    fn described<'a>(
        &'a self,
        id: &'a str,
        depth: usize,
    ) -> futures::future::BoxFuture<'a, Result<ChangeSet, CallError>> {
        Box::pin(async move {
            let mut whole: Option<ChangeSet> = None;
            let mut token = None;
            for _ in 0..MAX_PAGES {
                let mut request = self.client.describe_change_set().change_set_name(id).set_next_token(token);
                // Rights are given on stacks, so the stack is named even where the change set's ARN would do.
                if depth == 0 {
                    request = request.stack_name(&self.name);
                }
                let page = request.include_property_values(true).send().await;
                let page = page.map_err(|error| CallError::from_sdk(&format!("the change set {id}"), &error))?;
                token = page.next_token.clone().filter(|token| !token.is_empty());
                let page = change_set(page);
                match &mut whole {
                    None => whole = Some(page),
                    Some(whole) => {
                        whole.changes.extend(page.changes);
                        whole.next_token = page.next_token;
                    }
                }
                if token.is_none() {
                    break;
                }
            }
            let mut whole = whole.ok_or_else(|| CallError::incomplete(format!("the change set {id}")))?;
            if depth < MAX_DEPTH {
                let nested: Vec<String> = whole
                    .changes
                    .iter()
                    .filter_map(|change| change.resource_change.as_ref()?.change_set_id.clone())
                    .collect();
                for id in nested {
                    match self.described(&id, depth + 1).await {
                        Ok(found) => whole.nested.push(found),
                        Err(error @ CallError::Unavailable { .. }) => return Err(error),
                        // A human is told that it is not known what changes inside.
                        Err(error) => tracing::warn!(%error, "a nested change set cannot be described"),
                    }
                }
            }
            Ok(whole)
        })
    }

    /// Executes a change set. The token marks the events that come of it.
    pub async fn execute(&self, change_set_id: &str, token: &DeployId) -> Result<(), CallError> {
        self.client
            .execute_change_set()
            .stack_name(&self.name)
            .change_set_name(change_set_id)
            .client_request_token(token.as_str())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| CallError::from_sdk(&format!("the change set of {token}"), &error))
    }

    /// Deletes a change set that will not be executed; one that is gone is well gone.
    pub async fn delete_change_set(&self, change_set_id: &str) -> Result<(), CallError> {
        let request = self.client.delete_change_set().stack_name(&self.name).change_set_name(change_set_id);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match self.classify(&error) {
                CallError::NotFound(_) => Ok(()),
                other => Err(other),
            },
        }
    }

    /// Tells a running update to go back.
    pub async fn cancel_update(&self, token: &DeployId) -> Result<(), CallError> {
        let request = self.client.cancel_update_stack().stack_name(&self.name);
        let request = request.client_request_token(format!("cancel-{token}"));
        request.send().await.map(|_| ()).map_err(|error| self.classify(&error))
    }

    /// The newest events of a stack or nested stack, newest first, back to where `is_enough` says so of a page.
    pub async fn events(
        &self,
        stack: &str,
        is_enough: impl Fn(&[StackEvent]) -> bool + Send,
    ) -> Result<Vec<StackEvent>, CallError> {
        let mut events = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let request = self.client.describe_stack_events().stack_name(stack).set_next_token(token);
            let page = request.send().await;
            let page = page.map_err(|error| CallError::from_sdk(&format!("the events of {stack}"), &error))?;
            let found: Vec<StackEvent> = page.stack_events.unwrap_or_default().into_iter().map(event).collect();
            let enough = is_enough(&found);
            events.extend(found);
            token = page.next_token.filter(|token| !token.is_empty());
            if enough || token.is_none() {
                break;
            }
        }
        Ok(events)
    }

    /// Whether a secret of the stack's account has a current value. The value itself is not read.
    pub async fn has_current_secret(&self, id: &str) -> Result<bool, CallError> {
        match self.secrets.describe_secret().secret_id(id).send().await {
            Ok(answer) => {
                let stages = answer.version_ids_to_stages.unwrap_or_default();
                let is_current = stages.values().flatten().any(|stage| stage == "AWSCURRENT");
                Ok(is_current && answer.deleted_date.is_none())
            }
            Err(error) => match CallError::from_sdk(&format!("the secret {id}"), &error) {
                CallError::NotFound(_) => Ok(false),
                other => Err(other),
            },
        }
    }

    fn classify<E>(&self, error: &aws_sdk_cloudformation::error::SdkError<E>) -> CallError
    where
        E: aws_sdk_cloudformation::error::ProvideErrorMetadata + std::error::Error + 'static,
    {
        CallError::from_sdk(&format!("the stack {}", self.name), error)
    }
}

fn region_of(config: &SdkConfig) -> &str {
    config.region().map(Region::as_ref).unwrap_or_default()
}

fn change_set(page: aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput) -> ChangeSet {
    ChangeSet {
        change_set_id: page.change_set_id,
        change_set_name: page.change_set_name,
        stack_id: page.stack_id,
        stack_name: page.stack_name,
        status: page.status.map(|word| word.as_str().to_owned()),
        status_reason: page.status_reason,
        execution_status: page.execution_status.map(|word| word.as_str().to_owned()),
        include_nested_stacks: page.include_nested_stacks,
        next_token: page.next_token.filter(|token| !token.is_empty()),
        changes: page.changes.unwrap_or_default().into_iter().map(change).collect(),
        nested: vec![],
    }
}

fn change(change: types::Change) -> Change {
    Change {
        type_: change.r#type.map(|word| word.as_str().to_owned()),
        hook_invocation_count: change.hook_invocation_count.and_then(|count| u64::try_from(count).ok()),
        resource_change: change.resource_change.map(resource_change),
    }
}

fn resource_change(change: types::ResourceChange) -> ResourceChange {
    ResourceChange {
        policy_action: change.policy_action.map(|word| word.as_str().to_owned()),
        action: change.action.map(|word| word.as_str().to_owned()),
        logical_resource_id: change.logical_resource_id,
        physical_resource_id: change.physical_resource_id,
        resource_type: change.resource_type,
        replacement: change.replacement.map(|word| word.as_str().to_owned()),
        scope: change.scope.unwrap_or_default().into_iter().map(|word| word.as_str().to_owned()).collect(),
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
        evaluation: detail.evaluation.map(|word| word.as_str().to_owned()),
        change_source: detail.change_source.map(|word| word.as_str().to_owned()),
        causing_entity: detail.causing_entity,
    }
}

fn target(target: types::ResourceTargetDefinition) -> Target {
    Target {
        attribute: target.attribute.map(|word| word.as_str().to_owned()),
        name: target.name,
        requires_recreation: target.requires_recreation.map(|word| word.as_str().to_owned()),
        path: target.path,
        before_value: target.before_value,
        after_value: target.after_value,
        attribute_change_type: target.attribute_change_type.map(|word| word.as_str().to_owned()),
    }
}

fn event(event: types::StackEvent) -> StackEvent {
    let at = event.timestamp.and_then(|at| at.to_millis().ok()).map(|ms| Time::from_millis(ms).to_string());
    StackEvent {
        event_id: event.event_id,
        stack_id: event.stack_id,
        stack_name: event.stack_name,
        logical_resource_id: event.logical_resource_id,
        physical_resource_id: event.physical_resource_id,
        resource_type: event.resource_type,
        timestamp: at,
        resource_status: event.resource_status.map(|word| word.as_str().to_owned()),
        resource_status_reason: event.resource_status_reason,
        client_request_token: event.client_request_token,
        operation_id: event.operation_id,
        hook_type: event.hook_type,
        hook_status: event.hook_status.map(|word| word.as_str().to_owned()),
        hook_status_reason: event.hook_status_reason,
        hook_invocation_point: event.hook_invocation_point.map(|word| word.as_str().to_owned()),
        hook_failure_mode: event.hook_failure_mode.map(|word| word.as_str().to_owned()),
        // May hold values that are secret, and no rule asks for them.
        resource_properties: None,
    }
}
