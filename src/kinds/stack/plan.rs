//! The plans that change a stack, and the facts that status answers show of them.

use crate::domain::backend::commit::CommitSha;
use crate::domain::backend::parameters::StackParameters;
use crate::domain::backend::target::BackendTarget;
use crate::domain::digest::Sha256;
use crate::domain::ids::{DeployId, ProjectId, RequestId};
use crate::domain::sealed::Sealable;
use serde::{Deserialize, Serialize};

/// The plan of a backend deploy: one commit becomes one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendPlan {
    /// The project.
    pub project: ProjectId,
    /// Repository, stack, roles and all else, as they were at submission.
    pub target: BackendTarget,
    /// The branch that was named.
    pub branch: String,
    /// The commit it pointed to.
    pub commit: CommitSha,
    /// The commit's title.
    pub commit_message: String,
    /// Hash of the template's text at the commit.
    pub template: Sha256,
    /// The stack's parameters.
    pub parameters: StackParameters,
    /// The commit that the stack was last made of, which the shown changes are against.
    pub base: Option<CommitSha>,
}

impl Sealable for BackendPlan {
    const TYPE: &'static str = "backend_plan";
    const VERSION: u32 = 1;
}

/// What lists, status answers and the history show of a backend deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendFacts {
    /// The branch that was named.
    pub branch: String,
    /// The commit that is deployed.
    pub commit_sha: CommitSha,
    /// The commit's title.
    pub commit_message: String,
}

impl Sealable for BackendFacts {
    const TYPE: &'static str = "backend_facts";
    const VERSION: u32 = 1;
}

impl From<&BackendPlan> for BackendFacts {
    fn from(plan: &BackendPlan) -> Self {
        Self {
            branch: plan.branch.clone(),
            commit_sha: plan.commit.clone(),
            commit_message: plan.commit_message.clone(),
        }
    }
}

/// The plan of an infrastructure change: one change set, as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfrastructurePlan {
    /// The project.
    pub project: ProjectId,
    /// The deploy that waits for the decision.
    pub deploy_id: DeployId,
    /// The request that led to that deploy.
    pub parent: RequestId,
    /// The stack.
    pub stack_name: String,
    /// The stack's region; Bouncer's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_region: Option<String>,
    /// The role that changes the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<String>,
    /// The branch that is deployed.
    pub branch: String,
    /// The commit that is deployed.
    pub commit: CommitSha,
    /// The commit's title.
    pub commit_message: String,
    /// ARN of the change set.
    pub change_set_id: String,
    /// Hash of all its changes as they were assessed and shown.
    pub changes: Sha256,
}

impl Sealable for InfrastructurePlan {
    const TYPE: &'static str = "infrastructure_plan";
    const VERSION: u32 = 1;
}
