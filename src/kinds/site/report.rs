//! What came of a publish, in the words that the request's result is made of.

use crate::aws::error::{AwsError, AwsErrorKind};
use crate::domain::request::Request;
use crate::domain::sealed::Sealable;
use crate::domain::site::paths::SitePath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Failed files named in a report.
const FAILURES_SHOWN: usize = 20;

/// What a visitor gets after a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployOutcome {
    /// The approved site.
    Deployed,
    /// Some pages of the approved site, some of the old one.
    PartialDeploy,
    /// The old site.
    DeployFailed,
}

impl Sealable for Report {
    const TYPE: &'static str = "site_report";
    const VERSION: u32 = 1;
}

impl DeployOutcome {
    /// Of a deploy that did not go live: `visible` says whether a visitor may get something of it.
    pub(crate) fn of_failure(visible: bool) -> Self {
        if visible { DeployOutcome::PartialDeploy } else { DeployOutcome::DeployFailed }
    }
}

/// What the publish task leaves for the task that closes the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub deploy_status: DeployOutcome,
    pub deployed_count: u64,
    pub unchanged_count: u64,
    pub failed_count: usize,
    pub failed_files: Vec<FailedFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalidation: Option<InvalidationView>,
    #[serde(default)]
    pub removed: Removed,
}

/// What came of removing what the site no longer has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removed {
    /// Files removed from the bucket.
    pub count: u64,
    /// Files that stayed, and why; the first ones.
    pub kept: Vec<FailedFile>,
    /// How many stayed.
    pub kept_count: u64,
    /// Why nothing more was removed.
    pub stopped: Option<String>,
    /// Contents and lists of files removed that were kept beside the bucket.
    #[serde(default)]
    pub contents: u64,
}

impl Removed {
    /// Notes a file that stays; once, however often it is tried.
    pub(crate) fn keep(&mut self, path: &SitePath, reason: String) {
        let known = self.kept.iter().any(|file| file.filename == path.as_str());
        self.kept_count += u64::from(!known);
        if !known && self.kept.len() < FAILURES_SHOWN {
            self.kept.push(FailedFile { filename: path.to_string(), reason });
        }
    }
}

/// An invalidation of the CDN's cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvalidationView {
    /// Its id at CloudFront.
    pub id: String,
    /// "InProgress" or "Completed".
    pub status: String,
}

/// A file that could not be written, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedFile {
    /// The file.
    pub filename: String,
    /// Why, in words.
    pub reason: String,
}

/// Reads what the tasks of a request have reported so far.
pub(crate) fn report_of(request: &Request) -> Option<Report> {
    request.checkpoint_as()
}

#[allow(clippy::trivially_copy_pass_by_ref)] // What serde asks for.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// Files written and found unchanged; how it ended is said by the caller.
    pub(crate) fn new(deploy_status: DeployOutcome, deployed_count: u64, unchanged_count: u64) -> Self {
        Self {
            deploy_status,
            deployed_count,
            unchanged_count,
            failed_count: 0,
            failed_files: vec![],
            error: None,
            invalidation: None,
            removed: Removed::default(),
        }
    }

    /// Not live, for a reason that concerns no single file.
    pub(crate) fn failed(visible: bool, written: u64, error: String) -> Self {
        Self { error: Some(error), ..Self::new(DeployOutcome::of_failure(visible), written, 0) }
    }

    /// Names the files that could not be written.
    pub(crate) fn with_failures(mut self, failures: &[(SitePath, AwsError)]) -> Self {
        self.failed_count = failures.len();
        self.failed_files = failures
            .iter()
            .take(FAILURES_SHOWN)
            .map(|(path, error)| FailedFile { filename: path.to_string(), reason: reason(error) })
            .collect();
        self.error = self.failed_files.first().map(|file| format!("{}: {}", file.filename, file.reason));
        self
    }
}

/// Says why an object could not be read or written, for users.
pub(crate) fn reason(error: &AwsError) -> String {
    let bucket = error.bucket().unwrap_or_default();
    match error.kind() {
        AwsErrorKind::NotFound => "its approved content is no longer stored".into(),
        AwsErrorKind::NoSuchBucket => format!("the bucket '{bucket}' does not exist"),
        AwsErrorKind::Denied => format!("access to the bucket '{bucket}' was denied"),
        AwsErrorKind::Expired => format!("the credentials for the bucket '{bucket}' have expired"),
        AwsErrorKind::WrongBytes | AwsErrorKind::TooLarge => "the stored bytes are not the approved ones".into(),
        AwsErrorKind::Throttled => "the object storage throttled the calls".into(),
        AwsErrorKind::Unavailable => "the object storage could not be reached".into(),
        AwsErrorKind::WrongRegion => {
            format!("the bucket '{bucket}' is in another region than the project's frontend_region says")
        }
        AwsErrorKind::Conflict | AwsErrorKind::Refused => {
            format!("the object storage refused it ({})", error.code())
        }
    }
}
