//! What an approver is asked, in parts. A channel turns it into its own form; no part of it is markup.

use super::activity::Hint;
use super::backend::commit::CommitSha;
use super::ids::{DeployId, ProjectId, ReleaseId, RequestId};
use super::project::FrontendTarget;
use super::request::{Action, Verdict};
use super::review::Review;
use super::site::manifest::ChangeCounts;
use super::time::Time;
use serde::{Deserialize, Serialize};

/// What an approver is shown of a request, as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The request.
    pub request_id: RequestId,
    /// What is asked for.
    pub action: Action,
    /// Who asks, in their own words.
    pub source: Option<String>,
    /// The name of the key that asks.
    pub caller: String,
    /// The project.
    pub project: Option<ProjectId>,
    /// The deploy it leads to.
    pub deploy_id: Option<DeployId>,
    /// What would be done.
    pub content: Content,
    /// Why.
    pub reason: Option<String>,
    /// When it was asked.
    pub created_at: Time,
    /// Until when it can be decided.
    pub expires_at: Time,
    /// The address of the request's page, where there is one.
    pub page: Option<String>,
    /// Where the request stands.
    pub stage: Stage,
}

/// What would be done, by what is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A site.
    Site(SiteContent),
    /// A stack, from one commit.
    Backend(BackendContent),
    /// A change set of a deploy that goes on.
    Infrastructure(InfrastructureContent),
    /// Anything else: its one line.
    Other(String),
}

/// What would be published, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteContent {
    /// Where it would go.
    pub target: FrontendTarget,
    /// The earlier release that the site would go back to.
    pub restores: Option<ReleaseId>,
    /// Whether more than half of the site would be gone: to be said before anything else.
    pub mass_delete: bool,
    /// The changes in numbers.
    pub changes: ChangeCounts,
    /// The first files that would be written.
    pub files: Vec<FileLine>,
    /// How many would be written.
    pub files_total: usize,
    /// The first files that would be gone.
    pub removed: Vec<String>,
    /// How many would be gone.
    pub removed_total: usize,
}

/// One file that would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLine {
    /// Its path.
    pub path: String,
    /// Whether the site has no such file yet.
    pub added: bool,
    /// Bytes.
    pub size: u64,
    /// How it would be cached.
    pub cache_control: String,
    /// As what it would be served.
    pub content_type: String,
}

/// Which commit would become which stack.
#[derive(Debug, Clone, PartialEq)]
pub struct BackendContent {
    /// The repository.
    pub git_repo: String,
    /// The branch.
    pub branch: String,
    /// The commit, and no other.
    pub commit: CommitSha,
    /// Its title.
    pub commit_message: String,
    /// The commit that the stack was last made of.
    pub deployed: Option<CommitSha>,
    /// The stack.
    pub stack_name: String,
    /// The role that changes it, which also tells the account.
    pub target_role_arn: Option<String>,
    /// Changed files, findings and notes.
    pub review: Review,
}

/// Which change set would be executed.
#[derive(Debug, Clone, PartialEq)]
pub struct InfrastructureContent {
    /// The commit it was made of.
    pub commit: CommitSha,
    /// The change set.
    pub change_set_id: String,
    /// Its changes, the gravest first, and notes.
    pub review: Review,
}

/// Where a request stands, as far as a prompt tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Waits. The verdicts are the buttons.
    Asking {
        /// What can be decided; a decision that is not among these is refused.
        offered: Vec<Verdict>,
        /// Who has approved so far, where more than one must.
        approved_by: Vec<String>,
        /// How many must approve.
        approvals_required: u32,
    },
    /// Decided or running: the buttons are gone.
    Running {
        /// Who decided.
        decided_by: Option<String>,
        /// The sentence of `progress_hint`.
        hint: Option<Hint>,
    },
    /// Over.
    Ended {
        /// How.
        outcome: Outcome,
        /// Who decided, or withdrew it.
        decided_by: Option<String>,
        /// The root cause, the release, or what else there is to say, in a sentence.
        detail: Option<String>,
    },
}

/// How a request ended, for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names are those of the request's states.
pub enum Outcome {
    Completed,
    Failed,
    PartlyDeployed,
    Denied,
    Expired,
    Cancelled,
}

/// Where a prompt was delivered, so that it can be changed later. Kept with the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The channel's name.
    pub channel: String,
    /// What the channel needs to find the message again: for Telegram "CHAT/MESSAGE".
    pub message: String,
}
