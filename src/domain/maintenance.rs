//! What is done for a site without a deploy. Visitors get what they got, so nobody is asked.

use super::ids::{ProjectId, ReleaseId};
use super::project::FrontendTarget;
use super::request::Action;
use serde::{Deserialize, Serialize};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upkeep {
    /// What a bucket holds becomes the first release.
    Adopt,
    /// What nothing needs any more is removed.
    Prune,
}

impl Upkeep {
    /// The word in plans and in the input of executions.
    pub fn as_str(self) -> &'static str {
        match self {
            Upkeep::Adopt => "adopt",
            Upkeep::Prune => "prune",
        }
    }

    /// What a request for it asks.
    pub fn action(self) -> Action {
        match self {
            Upkeep::Adopt => Action::FrontendAdopt,
            Upkeep::Prune => Action::FrontendPrune,
        }
    }
}

/// The plan of a site's upkeep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpkeepPlan {
    /// The form of this plan; raised when a field changes its meaning.
    pub version: u32,
    /// The project.
    pub project: ProjectId,
    /// Bucket, distribution, region and role as they were when it was asked for.
    pub target: FrontendTarget,
    /// What is done.
    pub upkeep: Upkeep,
    /// The release that visitors get; none before an adoption.
    pub release: Option<ReleaseId>,
    /// Whether it only tells what it would do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

impl UpkeepPlan {
    /// The version written by this code.
    pub const VERSION: u32 = 1;
}
