//! CodeBuild: starts, describes and stops the build of one commit.

use super::error::{AwsError, Resource};
use crate::analysis::failure::{Build, Phase, PhaseContext};
use crate::domain::backend::build_log::LogPlace;
use aws_config::SdkConfig;
use aws_sdk_codebuild::Client;
use aws_sdk_codebuild::types::{self, EnvironmentVariable, SourceType};
use std::collections::BTreeMap;

/// Bounds the search for a build whose start was not recorded. CodeBuild lists the newest builds first.
const RECENT: usize = 100;

/// Describes a build to start.
#[derive(Debug, Clone)]
pub struct BuildOrder {
    /// The source: "bucket/key" of a zip file.
    pub source: String,
    /// The idempotency token: a repeated start within minutes returns the same build.
    pub token: String,
    /// Environment variables of the build. They hold no secrets.
    pub variables: BTreeMap<&'static str, String>,
}

/// Describes a build at the moment of the call.
#[derive(Debug, Clone)]
pub struct BuildSnapshot {
    /// Its state and phases.
    pub build: Build,
    /// Where its log is, once it has one.
    pub log: Option<LogPlace>,
}

/// CodeBuild, bound to one project.
#[derive(Clone)]
pub struct Builds {
    client: Client,
    project: String,
}

impl Builds {
    pub(super) fn new(shared: &SdkConfig, project: String) -> Self {
        Self { client: Client::new(shared), project }
    }

    /// Starts a build and returns its id.
    pub async fn start_build(&self, order: &BuildOrder) -> Result<String, AwsError> {
        let mut request = self
            .client
            .start_build()
            .project_name(&self.project)
            .source_type_override(SourceType::S3)
            .source_location_override(&order.source)
            .idempotency_token(&order.token);
        for (name, value) in &order.variables {
            let variable = EnvironmentVariable::builder().name(*name).value(value).build();
            let variable = variable.map_err(|error| AwsError::invalid_request(self.resource(), error))?;
            request = request.environment_variables_override(variable);
        }
        let response = request.send().await.map_err(|error| AwsError::from_sdk(self.resource(), error))?;
        response.build_value.and_then(|build| build.id).ok_or_else(|| AwsError::incomplete(self.resource()))
    }

    /// Finds a recent build of a source, for a task that died before it recorded the id.
    pub async fn find_build(&self, source: &str) -> Result<Option<String>, AwsError> {
        let listed = self.client.list_builds_for_project().project_name(&self.project).send().await;
        let listed = listed.map_err(|error| AwsError::from_sdk(self.resource(), error))?;
        let mut ids = listed.ids.unwrap_or_default();
        ids.truncate(RECENT);
        if ids.is_empty() {
            return Ok(None);
        }
        let response = self.client.batch_get_builds().set_ids(Some(ids)).send().await;
        let builds = response.map_err(|error| AwsError::from_sdk(self.resource(), error))?.builds.unwrap_or_default();
        Ok(builds
            .into_iter()
            .find(|build| build.source.as_ref().and_then(|known| known.location.as_deref()) == Some(source))
            .and_then(|build| build.id))
    }

    /// Describes a build.
    pub async fn get_build(&self, id: &str) -> Result<BuildSnapshot, AwsError> {
        let response = self.client.batch_get_builds().ids(id).send().await;
        let response = response.map_err(|error| AwsError::from_sdk(build(id), error))?;
        let found = response.builds.unwrap_or_default().into_iter().next();
        found.map(snapshot).ok_or_else(|| AwsError::not_found(build(id)))
    }

    /// Stops a build. One that has ended or no longer exists is not an error.
    pub async fn stop_build(&self, id: &str) -> Result<(), AwsError> {
        let sent = self.client.stop_build().id(id).send().await;
        match sent.map_err(|error| AwsError::from_sdk(build(id), error)) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    fn resource(&self) -> Resource {
        Resource::named(format!("the CodeBuild project {}", self.project))
    }
}

fn build(id: &str) -> Resource {
    Resource::named(format!("the build {id}"))
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
