//! CodeBuild: starting the build of one commit, looking at it, stopping it.

use super::call::CallError;
use crate::analysis::failure::{Build, Phase, PhaseContext};
use crate::domain::backend::build_log::LogPlace;
use aws_config::SdkConfig;
use aws_sdk_codebuild::Client;
use aws_sdk_codebuild::types::{self, EnvironmentVariable, SourceType};
use std::collections::BTreeMap;

/// Builds of a project that are looked through for one whose start was not recorded; CodeBuild gives them newest first.
const RECENT: usize = 100;

/// What is built, and where the result goes.
#[derive(Debug, Clone)]
pub struct BuildOrder {
    /// The source: "bucket/key" of a zip file.
    pub source: String,
    /// Names the order: a repeated start within minutes is the same build.
    pub token: String,
    /// Environment variables of the build. None of them is a secret.
    pub variables: BTreeMap<&'static str, String>,
}

/// A build as it is at the moment.
#[derive(Debug, Clone)]
pub struct BuildSnapshot {
    /// Its state and phases.
    pub build: Build,
    /// Where its log is, once it has one.
    pub log: Option<LogPlace>,
}

/// One CodeBuild project.
#[derive(Clone)]
pub struct Builds {
    client: Client,
    project: String,
}

impl Builds {
    pub(super) fn new(shared: &SdkConfig, project: String) -> Self {
        Self { client: Client::new(shared), project }
    }

    /// Starts a build and gives its id.
    pub async fn start(&self, order: &BuildOrder) -> Result<String, CallError> {
        let what = self.what();
        let mut request = self
            .client
            .start_build()
            .project_name(&self.project)
            .source_type_override(SourceType::S3)
            .source_location_override(&order.source)
            .idempotency_token(&order.token);
        for (name, value) in &order.variables {
            let variable = EnvironmentVariable::builder().name(*name).value(value).build();
            request = request.environment_variables_override(
                variable.map_err(|error| CallError::Unavailable { what: what.clone(), reason: error.to_string() })?,
            );
        }
        let answer = request.send().await.map_err(|error| CallError::from_sdk(&what, &error))?;
        answer.build_value.and_then(|build| build.id).ok_or_else(|| CallError::incomplete(what))
    }

    /// A recent build of this source: one that was started by a task which could not say so.
    pub async fn find(&self, source: &str) -> Result<Option<String>, CallError> {
        let what = self.what();
        let listed = self.client.list_builds_for_project().project_name(&self.project).send().await;
        let mut ids = listed.map_err(|error| CallError::from_sdk(&what, &error))?.ids.unwrap_or_default();
        ids.truncate(RECENT);
        if ids.is_empty() {
            return Ok(None);
        }
        let answer = self.client.batch_get_builds().set_ids(Some(ids)).send().await;
        let builds = answer.map_err(|error| CallError::from_sdk(&what, &error))?.builds.unwrap_or_default();
        Ok(builds
            .into_iter()
            .find(|build| build.source.as_ref().and_then(|known| known.location.as_deref()) == Some(source))
            .and_then(|build| build.id))
    }

    /// Looks at a build.
    pub async fn get_build(&self, id: &str) -> Result<BuildSnapshot, CallError> {
        let what = format!("the build {id}");
        let answer = self.client.batch_get_builds().ids(id).send().await;
        let builds = answer.map_err(|error| CallError::from_sdk(&what, &error))?.builds.unwrap_or_default();
        builds.into_iter().next().map(snapshot).ok_or(CallError::NotFound(what))
    }

    /// Stops a build; one that has ended, or is not known any more, is left as it is.
    pub async fn stop(&self, id: &str) -> Result<(), CallError> {
        match self.client.stop_build().id(id).send().await {
            Ok(_) => Ok(()),
            Err(error) => match CallError::from_sdk(&format!("the build {id}"), &error) {
                CallError::NotFound(_) => Ok(()),
                other => Err(other),
            },
        }
    }

    fn what(&self) -> String {
        format!("the CodeBuild project {}", self.project)
    }
}

fn snapshot(found: types::Build) -> BuildSnapshot {
    let log = found.logs.and_then(|logs| Some(LogPlace { group: logs.group_name?, stream: logs.stream_name? }));
    let build = Build {
        id: found.id,
        build_status: found.build_status.map(|status| status.as_str().to_owned()),
        current_phase: found.current_phase,
        phases: found.phases.unwrap_or_default().into_iter().map(phase).collect(),
    };
    BuildSnapshot { build, log }
}

fn phase(found: types::BuildPhase) -> Phase {
    Phase {
        phase_type: found.phase_type.map(|kind| kind.as_str().to_owned()),
        phase_status: found.phase_status.map(|status| status.as_str().to_owned()),
        contexts: found
            .contexts
            .unwrap_or_default()
            .into_iter()
            .map(|context| PhaseContext { status_code: context.status_code, message: context.message })
            .collect(),
        duration_in_seconds: found.duration_in_seconds.and_then(|seconds| u64::try_from(seconds).ok()),
    }
}
