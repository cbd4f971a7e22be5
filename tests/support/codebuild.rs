//! A stand-in for CodeBuild, which has no emulator that runs builds: it takes orders as the API does, goes through the
//! phases a look at a time, and leaves in S3 what a build of the commit would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::{Credentials, Region};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::github::Github;
use super::http::listen;

/// How builds end from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The packaged template is left where the order says.
    Succeed,
    /// As a success that forgot the packaged template.
    LeaveNothing,
    /// The command of the BUILD phase fails.
    Fail,
    /// They stay in the BUILD phase.
    Hold,
}

/// A running stand-in. It ends with the test's runtime.
#[derive(Clone)]
pub struct CodeBuild {
    url: String,
    state: Arc<Mutex<Project>>,
}

struct Project {
    outcome: Outcome,
    builds: Vec<Build>,
    github: Github,
    /// Where S3 is. The account's owner writes there, for it may ask who does.
    objects: aws_sdk_s3::Client,
}

#[derive(Clone)]
struct Build {
    id: String,
    token: String,
    source: String,
    variables: BTreeMap<String, String>,
    looks: usize,
    stopped: bool,
}

const PHASES: [&str; 4] = ["QUEUED", "PROVISIONING", "BUILD", "COMPLETED"];

impl CodeBuild {
    /// Builds commits of `github` and writes to the S3 at `objects`.
    pub async fn start(github: &Github, objects: &str) -> Self {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .region(Region::from_static("us-east-1"))
            .endpoint_url(objects)
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .force_path_style(true)
            .build();
        let objects = aws_sdk_s3::Client::from_conf(config);
        let project = Project { outcome: Outcome::Succeed, builds: vec![], github: github.clone(), objects };
        let state = Arc::new(Mutex::new(project));
        let router = Router::new().fallback(call).with_state(state.clone());
        let url = listen(router).await;
        Self { url, state }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// How builds end from now on.
    pub fn outcome(&self, outcome: Outcome) {
        self.state.lock().expect("no handler panicked").outcome = outcome;
    }

    /// How many builds were started.
    pub fn started(&self) -> usize {
        self.state.lock().expect("no handler panicked").builds.len()
    }

    /// How many builds were stopped.
    pub fn stopped(&self) -> usize {
        self.state.lock().expect("no handler panicked").builds.iter().filter(|build| build.stopped).count()
    }

    /// The environment variables of the builds, one text for all.
    pub fn environments(&self) -> String {
        let state = self.state.lock().expect("no handler panicked");
        state.builds.iter().map(|build| format!("{:?}", build.variables)).collect()
    }
}

async fn call(State(state): State<Arc<Mutex<Project>>>, headers: HeaderMap, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).expect("a call in JSON");
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match target.trim_start_matches("CodeBuild_20161006.") {
        "StartBuild" => start(&state, &body),
        "ListBuildsForProject" => {
            let state = state.lock().expect("no handler panicked");
            Json(json!({ "ids": state.builds.iter().rev().map(|build| &build.id).collect::<Vec<_>>() })).into_response()
        }
        "BatchGetBuilds" => look(&state, &body).await,
        "StopBuild" => {
            let mut state = state.lock().expect("no handler panicked");
            let Some(build) = state.builds.iter_mut().find(|build| build.id == body["id"]) else {
                return refused("ResourceNotFoundException");
            };
            build.stopped = true;
            Json(json!({ "build": { "id": build.id, "buildStatus": "STOPPED" } })).into_response()
        }
        other => refused(&format!("UnknownOperationException: {other}")),
    }
}

fn refused(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "__type": code, "message": code }))).into_response()
}

fn start(state: &Mutex<Project>, body: &Value) -> Response {
    let mut state = state.lock().expect("no handler panicked");
    let token = body["idempotencyToken"].as_str().unwrap_or_default().to_owned();
    if let Some(known) = state.builds.iter().find(|build| build.token == token) {
        return Json(json!({ "build": { "id": known.id } })).into_response();
    }
    let variables = body["environmentVariablesOverride"].as_array().into_iter().flatten().map(|variable| {
        let text = |name: &str| variable[name].as_str().unwrap_or_default().to_owned();
        (text("name"), text("value"))
    });
    let build = Build {
        id: format!("{}:{:08}", body["projectName"].as_str().unwrap_or_default(), state.builds.len() + 1),
        token,
        source: body["sourceLocationOverride"].as_str().unwrap_or_default().to_owned(),
        variables: variables.collect(),
        looks: 0,
        stopped: false,
    };
    state.builds.push(build.clone());
    Json(json!({ "build": { "id": build.id, "buildStatus": "IN_PROGRESS" } })).into_response()
}

async fn look(state: &Mutex<Project>, body: &Value) -> Response {
    let (builds, outcome, github, objects) = {
        let mut state = state.lock().expect("no handler panicked");
        let outcome = state.outcome;
        let wanted = |build: &&mut Build| body["ids"].as_array().is_some_and(|ids| ids.contains(&json!(build.id)));
        let mut builds = Vec::new();
        for build in state.builds.iter_mut().filter(wanted) {
            let last = if outcome == Outcome::Hold { 2 } else { 3 };
            build.looks = (build.looks + 1).min(last);
            builds.push(build.clone());
        }
        (builds, outcome, state.github.clone(), state.objects.clone())
    };
    let mut answers = Vec::new();
    for build in builds {
        let ended = PHASES[build.looks] == "COMPLETED";
        if ended && outcome == Outcome::Succeed {
            package(&build, &github, &objects).await;
        }
        answers.push(describe(&build, ended, outcome));
    }
    Json(json!({ "builds": answers, "buildsNotFound": [] })).into_response()
}

fn describe(build: &Build, ended: bool, outcome: Outcome) -> Value {
    let status = match (build.stopped, ended, outcome) {
        (true, ..) => "STOPPED",
        (_, false, _) => "IN_PROGRESS",
        (_, true, Outcome::Fail) => "FAILED",
        (_, true, _) => "SUCCEEDED",
    };
    let mut phases = vec![json!({ "phaseType": "QUEUED", "phaseStatus": "SUCCEEDED" })];
    if status == "FAILED" {
        phases.push(json!({
            "phaseType": "BUILD", "phaseStatus": "FAILED",
            "contexts": [{ "statusCode": "COMMAND_EXECUTION_ERROR",
                "message": "Error while executing command: sam build. Reason: exit status 1" }],
        }));
    }
    json!({
        "id": build.id, "buildStatus": status, "currentPhase": PHASES[build.looks], "phases": phases,
        "source": { "type": "S3", "location": build.source },
        "buildComplete": ended || build.stopped,
        "logs": { "groupName": "/bouncer/builds", "streamName": build.id.replace(':', "-") },
    })
}

/// What `sam package` leaves: the template with its code in the bucket.
async fn package(build: &Build, github: &Github, objects: &aws_sdk_s3::Client) {
    let variable = |name: &str| build.variables.get(name).map_or("", String::as_str);
    let (bucket, folder) = (variable("BOUNCER_ARTIFACTS_BUCKET"), variable("BOUNCER_ARTIFACTS_PREFIX"));
    let template =
        github.file(variable("BOUNCER_COMMIT"), variable("BOUNCER_TEMPLATE")).expect("the commit's template");
    let packaged = template.replace("${CODE}", &format!("s3://{bucket}/{folder}/code"));
    for (name, content) in [("code", "the code".to_owned()), ("packaged.yaml", packaged)] {
        let put = objects.put_object().bucket(bucket).key(format!("{folder}/{name}"));
        put.body(content.into_bytes().into()).send().await.expect("the build can write to S3");
    }
}
