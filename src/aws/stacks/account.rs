//! The calls for one stack, with the credentials of its project.

use super::convert;
use crate::analysis::changeset::ChangeSet;
use crate::analysis::failure::StackEvent;
use crate::aws::error::{AwsError, Resource};
use crate::aws::roles::Roles;
use crate::domain::backend::change_set::ChangeSetKind;
use crate::domain::backend::parameters::StackParameters;
use crate::domain::backend::target::BackendTarget;
use crate::domain::ids::DeployId;
use aws_config::{Region, SdkConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::retry::RetryPartition;
use aws_sdk_cloudformation::types::{Capability, ChangeSetType, Parameter, Tag};
use aws_sdk_secretsmanager::Client as SecretsClient;

/// Bounds the pages of one response: a stack has at most 500 resources, with some events each.
const MAX_PAGES: usize = 200;
/// Bounds the depth of nested stacks.
const MAX_DEPTH: usize = 5;

/// Opens the accounts of projects.
#[derive(Clone)]
pub struct Stacks {
    shared: SdkConfig,
    roles: Roles,
}

/// Describes a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Stack {
    /// The ARN.
    pub id: String,
    /// CREATE_COMPLETE, UPDATE_ROLLBACK_FAILED and so on.
    pub status: String,
    pub reason: Option<String>,
}

/// Describes a change set to create.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct ChangeSetOrder<'a> {
    /// Also the change set's name.
    pub deploy_id: &'a DeployId,
    pub kind: ChangeSetKind,
    /// The URL of the packaged template.
    pub template_url: String,
    pub parameters: &'a StackParameters,
    /// The project, which becomes a tag of a new stack.
    pub project: String,
    /// Shown in the console.
    pub description: String,
}

/// CloudFormation and Secrets Manager in a stack's account, bound to the stack.
#[derive(Clone)]
pub struct StackAccount {
    client: Client,
    secrets: SecretsClient,
    name: String,
    role: Option<String>,
}

impl Stacks {
    pub(in crate::aws) fn new(shared: SdkConfig, roles: Roles) -> Self {
        Self { shared, roles }
    }

    /// Opens the account and region of a project's stack. CloudTrail shows `session` in the name of the role's session.
    pub async fn open(&self, target: &BackendTarget, session: &str) -> Result<StackAccount, AwsError> {
        let mut config = match &target.target_role_arn {
            Some(role) => self.roles.assume(role, &format!("bouncer-{session}")).await?,
            None => self.shared.clone(),
        };
        if let Some(region) = &target.stack_region {
            config = config.to_builder().region(Region::new(region.clone())).build();
        }
        // The SDK counts retries per partition: an account that throttles does not use up those of the others.
        let partition =
            format!("stacks/{}/{}", target.target_role_arn.as_deref().unwrap_or_default(), region_of(&config));
        let paced =
            aws_sdk_cloudformation::config::Builder::from(&config).retry_partition(RetryPartition::new(partition));
        Ok(StackAccount {
            client: Client::from_conf(paced.build()),
            secrets: SecretsClient::new(&config),
            name: target.stack_name.clone(),
            role: target.cloudformation_role_arn.clone(),
        })
    }
}

impl StackAccount {
    /// Describes the stack; `None` when it does not exist.
    pub async fn describe_stack(&self) -> Result<Option<Stack>, AwsError> {
        let sent = self.client.describe_stacks().stack_name(&self.name).send().await;
        let response = match sent.map_err(|error| AwsError::from_sdk(self.resource(), error)) {
            Ok(response) => response,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let found = response.stacks.unwrap_or_default().into_iter().next();
        Ok(found.map(|stack| Stack {
            id: stack.stack_id.unwrap_or_default(),
            status: stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: stack.stack_status_reason,
        }))
    }

    /// Creates a change set.
    ///
    /// # Errors
    ///
    /// Conflict when the stack has one of this name already.
    pub async fn create_change_set(&self, order: &ChangeSetOrder<'_>) -> Result<(), AwsError> {
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
            // Tags of a stack apply to all its resources, and a change set that names any replaces them all. So an
            // update names none, and what differs between deploys goes into the description.
            request = request.tags(Tag::builder().key("bouncer:project").value(&order.project).build());
        }
        request.send().await.map(|_| ()).map_err(|error| AwsError::from_sdk(self.resource(), error))
    }

    /// Describes a change set of this stack by its name or ARN: all pages, and the change sets of nested stacks.
    pub async fn describe_change_set(&self, id: &str) -> Result<ChangeSet, AwsError> {
        self.describe_nested(id, 0).await
    }

    fn describe_nested<'a>(
        &'a self,
        id: &'a str,
        depth: usize,
    ) -> futures::future::BoxFuture<'a, Result<ChangeSet, AwsError>> {
        Box::pin(async move {
            let mut whole: Option<ChangeSet> = None;
            let mut token = None;
            for _ in 0..MAX_PAGES {
                let mut request = self.client.describe_change_set().change_set_name(id).set_next_token(token);
                // IAM policies name stacks, so the stack is named even where the change set's ARN would do.
                if depth == 0 {
                    request = request.stack_name(&self.name);
                }
                let page = request.include_property_values(true).send().await;
                let page = page.map_err(|error| AwsError::from_sdk(change_set(id), error))?;
                token = page.next_token.clone().filter(|token| !token.is_empty());
                let page = convert::change_set(page);
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
            let mut whole = whole.ok_or_else(|| AwsError::incomplete(change_set(id)))?;
            if depth < MAX_DEPTH {
                let nested: Vec<String> = whole
                    .changes
                    .iter()
                    .filter_map(|change| change.resource_change.as_ref()?.change_set_id.clone())
                    .collect();
                for id in nested {
                    match self.describe_nested(&id, depth + 1).await {
                        Ok(found) => whole.nested.push(found),
                        Err(error) if error.is_transient() => return Err(error),
                        // The assessment says that the changes inside are unknown.
                        Err(error) => tracing::warn!(%error, "a nested change set cannot be described"),
                    }
                }
            }
            Ok(whole)
        })
    }

    /// Executes a change set. The token marks the events of the execution.
    pub async fn execute_change_set(&self, change_set_id: &str, token: &DeployId) -> Result<(), AwsError> {
        self.client
            .execute_change_set()
            .stack_name(&self.name)
            .change_set_name(change_set_id)
            .client_request_token(token.as_str())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::from_sdk(Resource::named(format!("the change set of {token}")), error))
    }

    /// Deletes a change set. One that no longer exists is not an error.
    pub async fn delete_change_set(&self, change_set_id: &str) -> Result<(), AwsError> {
        let request = self.client.delete_change_set().stack_name(&self.name).change_set_name(change_set_id);
        match request.send().await.map_err(|error| AwsError::from_sdk(self.resource(), error)) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Cancels a running update, which rolls the stack back.
    pub async fn cancel_update(&self, token: &DeployId) -> Result<(), AwsError> {
        let request = self.client.cancel_update_stack().stack_name(&self.name);
        let request = request.client_request_token(format!("cancel-{token}"));
        request.send().await.map(|_| ()).map_err(|error| AwsError::from_sdk(self.resource(), error))
    }

    /// Lists the events of a stack or nested stack, newest first, up to the first page that `is_enough` accepts.
    pub async fn list_events(
        &self,
        stack: &str,
        is_enough: impl Fn(&[StackEvent]) -> bool + Send,
    ) -> Result<Vec<StackEvent>, AwsError> {
        let mut events = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let request = self.client.describe_stack_events().stack_name(stack).set_next_token(token);
            let page = request.send().await;
            let page =
                page.map_err(|error| AwsError::from_sdk(Resource::named(format!("the events of {stack}")), error))?;
            let found: Vec<StackEvent> =
                page.stack_events.unwrap_or_default().into_iter().map(convert::event).collect();
            let enough = is_enough(&found);
            events.extend(found);
            token = page.next_token.filter(|token| !token.is_empty());
            if enough || token.is_none() {
                break;
            }
        }
        Ok(events)
    }

    /// Returns whether a secret of the stack's account has a current value, without reading it.
    pub async fn has_current_secret(&self, id: &str) -> Result<bool, AwsError> {
        let sent = self.secrets.describe_secret().secret_id(id).send().await;
        match sent.map_err(|error| AwsError::from_sdk(Resource::named(format!("the secret {id}")), error)) {
            Ok(response) => {
                let stages = response.version_ids_to_stages.unwrap_or_default();
                let is_current = stages.values().flatten().any(|stage| stage == "AWSCURRENT");
                Ok(is_current && response.deleted_date.is_none())
            }
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn resource(&self) -> Resource {
        Resource::named(format!("the stack {}", self.name))
    }
}

fn change_set(id: &str) -> Resource {
    Resource::named(format!("the change set {id}"))
}

fn region_of(config: &SdkConfig) -> &str {
    config.region().map(Region::as_ref).unwrap_or_default()
}
