//! What is done for a site without a deploy. Visitors get what they got, so nobody is asked.

use super::ids::{ProjectId, ReleaseId};
use super::project::FrontendTarget;
use super::request::Action;
use serde::{Deserialize, Serialize};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maintenance {
    /// What a bucket holds becomes the first release.
    Adopt,
    /// What nothing needs any more is removed.
    Prune,
}

impl Maintenance {
    /// The word in plans and in the input of executions.
    pub fn as_str(self) -> &'static str {
        match self {
            Maintenance::Adopt => "adopt",
            Maintenance::Prune => "prune",
        }
    }

    /// What a request for it asks.
    pub fn action(self) -> Action {
        match self {
            Maintenance::Adopt => Action::FrontendAdopt,
            Maintenance::Prune => Action::FrontendPrune,
        }
    }
}

/// The plan of a site's maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenancePlan {
    /// The form of this plan; raised when a field changes its meaning.
    pub version: u32,
    /// The project.
    pub project: ProjectId,
    /// Bucket, distribution, region and role as they were when it was asked for.
    pub target: FrontendTarget,
    /// What is done.
    pub maintenance: Maintenance,
    /// The release that visitors get; none before an adoption.
    pub release: Option<ReleaseId>,
    /// Whether it only tells what it would do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

impl MaintenancePlan {
    /// The version written by this code.
    pub const VERSION: u32 = 1;
}
