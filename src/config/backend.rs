//! Backend deploys: who builds, where packages go, and how to reach GitHub.

use super::approvals::WINDOWS;
use super::parse::{bucket, name, number, web_address};
use super::reader::Reader;
use super::variables::{
    ARTIFACTS_BUCKET, BACKEND_WINDOW, BUILD_PROJECT, GITHUB_API_URL, GITHUB_SECRET, INFRASTRUCTURE_WINDOW, POLL_SECONDS,
};
use std::ops::RangeInclusive;

/// The accepted pauses between two looks at a build or a stack, in seconds.
const POLLS: RangeInclusive<u64> = 1..=3600;

/// How backend deploys work. What is `None` has the default of backend deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendConfig {
    /// The CodeBuild project that packages commits.
    pub build_project: String,
    /// The bucket that holds the packages.
    pub artifacts_bucket: String,
    /// GitHub's API when all repositories are on one server.
    pub github_api_url: Option<String>,
    /// The secret that holds the GitHub token.
    pub github_secret: Option<String>,
    /// Seconds between two looks at a build, a change set or a stack.
    pub poll_seconds: Option<u64>,
    /// How long a deploy can be decided, in seconds.
    pub approval_window: Option<u64>,
    /// How long a change of infrastructure can be decided, in seconds.
    pub infrastructure_window: Option<u64>,
}

impl BackendConfig {
    /// Reads the area; `None` when backend deploys are not set up.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let build_project = reader.read(&BUILD_PROJECT, name(2..=255, b"-_"));
        let artifacts_bucket = reader.read(&ARTIFACTS_BUCKET, bucket);
        let github_api_url = reader.read(&GITHUB_API_URL, web_address);
        let github_secret = reader.read(&GITHUB_SECRET, name(1..=2048, b"/_+=.@:-"));
        let poll_seconds = reader.read(&POLL_SECONDS, number(POLLS));
        let approval_window = reader.read(&BACKEND_WINDOW, number(WINDOWS));
        let infrastructure_window = reader.read(&INFRASTRUCTURE_WINDOW, number(WINDOWS));
        if reader.is_set(&BUILD_PROJECT) {
            reader.require(&ARTIFACTS_BUCKET, "BOUNCER_BUILD_PROJECT is, and backend deploys need both");
        } else if reader.is_set(&ARTIFACTS_BUCKET) {
            reader.require(&BUILD_PROJECT, "BOUNCER_ARTIFACTS_BUCKET is, and backend deploys need both");
        }
        Some(Self {
            build_project: build_project?,
            artifacts_bucket: artifacts_bucket?,
            github_api_url,
            github_secret,
            poll_seconds,
            approval_window,
            infrastructure_window,
        })
    }
}
