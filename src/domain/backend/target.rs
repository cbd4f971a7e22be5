//! A backend's target: the repository it comes from, the stack it becomes, and what that stack was last made of.

use super::commit::CommitSha;
use super::parameters::StackParameters;
use crate::domain::ids::DeployId;
use crate::domain::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The branch of a project whose row names none.
const DEFAULT_BRANCH: &str = "main";
/// The template of a project whose row names none.
const DEFAULT_TEMPLATE: &str = "template.yaml";

/// When a human is asked before a deploy begins. In every mode, infrastructure changes wait for an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployMode {
    /// Always.
    #[default]
    Manual,
    /// Unless the template is as it was deployed last, or has changed without a finding.
    AutoCode,
    /// Never.
    AutoAll,
}

impl<'de> Deserialize<'de> for DeployMode {
    /// Reads an unknown word as the mode that asks a human.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)?.as_str() {
            Some("auto_code") => DeployMode::AutoCode,
            Some("auto_all") => DeployMode::AutoAll,
            _ => DeployMode::Manual,
        })
    }
}

/// The attributes of a project's row that say where its backend comes from and goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackendTarget {
    /// The repository: "owner/name".
    pub git_repo: String,
    /// The branch that is deployed unless a call names another.
    #[serde(default = "default_branch")]
    pub default_branch: String,
    /// The CloudFormation stack.
    pub stack_name: String,
    /// The stack's region; Bouncer's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_region: Option<String>,
    /// The role that Bouncer assumes to change the stack, in the stack's account. A server with credentials of its own
    /// can do without; an installation on AWS cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<String>,
    /// The role that CloudFormation works with; that of the caller when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudformation_role_arn: Option<String>,
    /// The template's path in the repository.
    #[serde(default = "default_template")]
    pub sam_template_path: String,
    /// The stack's parameters: an object, or text as `sam deploy --parameter-overrides` takes it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub sam_params: Value,
    /// A secret that the backend needs; it must have a current value before a deploy is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets_id: Option<String>,
    /// The secret that holds the GitHub token, when it is not the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_pat_secret: Option<String>,
    /// When a human is asked.
    #[serde(default)]
    pub deploy_mode: DeployMode,
    /// The ids or names of the keys that may ask for a deploy; every key may when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_deployers: Vec<String>,
    /// Whether GitHub is told of deploys: a commit status and a deployment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub github_status: bool,
}

impl BackendTarget {
    /// Makes a target with the defaults for everything else.
    pub fn new(git_repo: &str, stack_name: &str) -> Self {
        Self {
            git_repo: git_repo.to_owned(),
            default_branch: default_branch(),
            stack_name: stack_name.to_owned(),
            stack_region: None,
            target_role_arn: None,
            cloudformation_role_arn: None,
            sam_template_path: default_template(),
            sam_params: Value::Null,
            secrets_id: None,
            github_pat_secret: None,
            deploy_mode: DeployMode::Manual,
            allowed_deployers: vec![],
            github_status: false,
        }
    }
}

fn default_branch() -> String {
    DEFAULT_BRANCH.to_owned()
}

fn default_template() -> String {
    DEFAULT_TEMPLATE.to_owned()
}

/// What a project's stack was last made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deployed {
    /// The repository.
    pub git_repo: String,
    /// The stack.
    pub stack_name: String,
    /// The stack's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_region: Option<String>,
    /// The role that changed it, which says in whose account it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<String>,
    /// The template's path in the repository.
    pub sam_template_path: String,
    /// The commit.
    pub commit: CommitSha,
    /// The stack's parameters at the time.
    pub parameters: StackParameters,
    /// The deploy that brought it.
    pub deploy_id: DeployId,
    /// When that ended.
    pub at: Time,
}

impl Deployed {
    /// Tells whether this describes a target: the same stack, from the same template of the same repository.
    pub fn is_of(&self, target: &BackendTarget) -> bool {
        self.git_repo == target.git_repo
            && self.stack_name == target.stack_name
            && self.stack_region == target.stack_region
            && self.target_role_arn == target.target_role_arn
            && self.sam_template_path == target.sam_template_path
    }
}
