//! A stand-in for GitHub's API: one repository whose branches and commits a test sets, behind one token. It answers in
//! GitHub's words, and misbehaves on request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::http::listen;

/// The repository that exists.
pub const REPOSITORY: &str = "acme/shop";
/// The token that may read it.
pub const TOKEN: &str = "ghp_stand_in_0123456789abcdef";

/// A running stand-in. It ends with the test's runtime.
#[derive(Clone)]
pub struct Github {
    url: String,
    state: Arc<Mutex<Repository>>,
}

#[derive(Default)]
struct Repository {
    branches: BTreeMap<String, String>,
    commits: BTreeMap<String, Commit>,
    statuses: Vec<Value>,
    deployments: Vec<Value>,
    deployment_states: Vec<String>,
    fault: Option<(u16, &'static [(&'static str, &'static str)])>,
}

#[derive(Clone)]
struct Commit {
    title: String,
    files: BTreeMap<String, String>,
}

type Shared = State<Arc<Mutex<Repository>>>;

impl Github {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(Repository::default()));
        let repository = Router::new()
            .route("/commits/heads/{*branch}", get(commit_of))
            .route("/contents/{*path}", get(contents))
            .route("/compare/{range}", get(compare))
            .route("/zipball/{sha}", get(zipball))
            .route("/statuses/{sha}", post(set_status))
            .route("/deployments", post(create_deployment))
            .route("/deployments/{id}/statuses", post(set_deployment_state));
        let router = Router::new()
            .nest(&format!("/repos/{REPOSITORY}"), repository)
            .route("/archives/{sha}", get(archive))
            .fallback(async || not_found())
            .with_state(state.clone());
        let url = listen(router).await;
        Self { url, state }
    }

    /// Its API's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a commit of these files and points the branch to it; gives its id.
    pub fn push(&self, branch: &str, title: &str, files: &[(&str, &str)]) -> String {
        let files: BTreeMap<String, String> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let mut state = self.state.lock().expect("no handler panicked");
        let seed = format!("{branch}{title}{files:?}{}", state.commits.len());
        let sha = hex::encode(Sha256::digest(seed))[..40].to_owned();
        state.commits.insert(sha.clone(), Commit { title: title.to_owned(), files });
        state.branches.insert(branch.to_owned(), sha.clone());
        sha
    }

    /// A file of a commit.
    pub fn file(&self, sha: &str, path: &str) -> Option<String> {
        self.state.lock().expect("no handler panicked").commits.get(sha)?.files.get(path).cloned()
    }

    /// What the archive of a commit holds.
    pub fn archive_of(sha: &str) -> Vec<u8> {
        format!("PK\u{3}\u{4} the files of {sha}").into_bytes()
    }

    /// Answers everything with this status and headers from now on; `None` ends it.
    pub fn fail_with(&self, fault: Option<(u16, &'static [(&'static str, &'static str)])>) {
        self.state.lock().expect("no handler panicked").fault = fault;
    }

    /// The states of commits that were set, in order: "pending", "success", "failure".
    pub fn statuses(&self) -> Vec<String> {
        let state = self.state.lock().expect("no handler panicked");
        state.statuses.iter().map(|status| status["state"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// How many deployments were made, and the states they were given.
    pub fn deployments(&self) -> (usize, Vec<String>) {
        let state = self.state.lock().expect("no handler panicked");
        (state.deployments.len(), state.deployment_states.clone())
    }
}

/// What GitHub asks of every call: a token that it knows and a name of the program.
fn refusal(state: &Repository, headers: &HeaderMap) -> Option<Response> {
    if let Some((status, headers)) = state.fault {
        let status = StatusCode::from_u16(status).expect("a status");
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect();
        return Some((status, headers, Json(json!({ "message": "The stand-in fails as told." }))).into_response());
    }
    if !headers.contains_key(header::USER_AGENT) {
        let message =
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return Some((StatusCode::FORBIDDEN, Json(json!({ "message": message }))).into_response());
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = given == format!("Bearer {TOKEN}") || given == format!("token {TOKEN}");
    (!is_known).then(|| (StatusCode::UNAUTHORIZED, Json(json!({ "message": "Bad credentials" }))).into_response())
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "message": "Not Found" }))).into_response()
}

async fn commit_of(State(state): Shared, Path(branch): Path<String>, headers: HeaderMap) -> Response {
    let state = state.lock().expect("no handler panicked");
    if let Some(refusal) = refusal(&state, &headers) {
        return refusal;
    }
    let Some((sha, commit)) = state.branches.get(&branch).and_then(|sha| Some((sha, state.commits.get(sha)?))) else {
        let message = format!("No commit found for SHA: heads/{branch}");
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "message": message }))).into_response();
    };
    let answer = json!({
        "sha": sha,
        "html_url": format!("https://github.com/{REPOSITORY}/commit/{sha}"),
        "commit": { "message": format!("{}\n\nMore words.", commit.title), "author": { "name": "Ada", "date": "2026-01-02T03:04:05Z" } },
        "files": [],
    });
    Json(answer).into_response()
}

async fn contents(
    State(state): Shared,
    Path(path): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let state = state.lock().expect("no handler panicked");
    if let Some(refusal) = refusal(&state, &headers) {
        return refusal;
    }
    let file = query.get("ref").and_then(|sha| state.commits.get(sha)?.files.get(&path));
    match file {
        Some(text) => ([(header::CONTENT_TYPE, "application/vnd.github.v3.raw")], text.clone()).into_response(),
        None => not_found(),
    }
}

async fn compare(State(state): Shared, Path(range): Path<String>, headers: HeaderMap) -> Response {
    let state = state.lock().expect("no handler panicked");
    if let Some(refusal) = refusal(&state, &headers) {
        return refusal;
    }
    let commits =
        range.split_once("...").and_then(|(base, head)| Some((state.commits.get(base)?, state.commits.get(head)?)));
    let Some((base, head)) = commits else { return not_found() };
    let names: std::collections::BTreeSet<&String> = base.files.keys().chain(head.files.keys()).collect();
    let files: Vec<Value> = names
        .into_iter()
        .filter(|name| base.files.get(*name) != head.files.get(*name))
        .map(|name| {
            let status = match (base.files.contains_key(name), head.files.contains_key(name)) {
                (false, _) => "added",
                (_, false) => "removed",
                _ => "modified",
            };
            json!({ "filename": name, "status": status, "additions": 1, "deletions": 1, "changes": 2 })
        })
        .collect();
    Json(json!({ "html_url": format!("https://github.com/{REPOSITORY}/compare/{range}"), "files": files }))
        .into_response()
}

async fn zipball(State(state): Shared, Path(sha): Path<String>, headers: HeaderMap) -> Response {
    let state = state.lock().expect("no handler panicked");
    if let Some(refusal) = refusal(&state, &headers) {
        return refusal;
    }
    match state.commits.contains_key(&sha) {
        true => (StatusCode::FOUND, [(header::LOCATION, format!("/archives/{sha}"))]).into_response(),
        false => not_found(),
    }
}

async fn archive(Path(sha): Path<String>) -> Response {
    ([(header::CONTENT_TYPE, "application/zip")], Github::archive_of(&sha)).into_response()
}

async fn set_status(
    State(state): Shared,
    Path(sha): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut state = state.lock().expect("no handler panicked");
    if let Some(refusal) = refusal(&state, &headers) {
        return refusal;
    }
    if !state.commits.contains_key(&sha) || body["description"].as_str().is_some_and(|text| text.chars().count() > 140)
    {
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "message": "Validation Failed" }))).into_response();
    }
    state.statuses.push(body);
    (StatusCode::CREATED, Json(json!({ "id": state.statuses.len() }))).into_response()
}

async fn create_deployment(State(state): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let mut state = state.lock().expect("no handler panicked");
    if let Some(refusal) = refusal(&state, &headers) {
        return refusal;
    }
    state.deployments.push(body);
    (StatusCode::CREATED, Json(json!({ "id": state.deployments.len() }))).into_response()
}

async fn set_deployment_state(State(state): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let mut state = state.lock().expect("no handler panicked");
    if let Some(refusal) = refusal(&state, &headers) {
        return refusal;
    }
    state.deployment_states.push(body["state"].as_str().unwrap_or_default().to_owned());
    (StatusCode::CREATED, Json(json!({ "id": 1 }))).into_response()
}
