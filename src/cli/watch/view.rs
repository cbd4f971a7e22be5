//! Where a request or deploy stands, as people are shown it.

use super::backend::BackendPart;
use super::result::ResultView;
use crate::cli::exit::Exit;
use crate::cli::output::{Render, count, duration, remaining, visible, write_field};
use crate::domain::ids::DeployId;
use crate::domain::request::Status;
use crate::domain::time::Time;
use anstyle::{AnsiColor, Style};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::{self, Write};

/// The answer of `bouncer_status` and `bouncer_deploy_status`, as far as people are shown it.
#[derive(Debug, Clone, Deserialize)]
pub struct StatusView {
    status: String,
    action: Option<String>,
    request_id: Option<String>,
    deploy_id: Option<String>,
    #[serde(alias = "project_id")]
    project: Option<String>,
    reason: Option<String>,
    decided_by: Option<Value>,
    expires_at: Option<Time>,
    progress_hint: Option<String>,
    pub(super) progress: Option<Steps>,
    pub(super) elapsed_seconds: Option<u64>,
    duration_seconds: Option<u64>,
    error_summary: Option<String>,
    result: Option<ResultView>,
    request_status: Option<String>,
    infrastructure_request_status: Option<String>,
    #[serde(flatten)]
    pub(super) backend: Option<BackendPart>,
}

/// Progress in numbers.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Steps {
    pub step_name: Option<String>,
    #[serde(default)]
    pub done: u64,
    #[serde(default)]
    pub total: u64,
    #[serde(default)]
    files_done: u64,
    #[serde(default)]
    files_total: u64,
    #[serde(default)]
    pub in_progress: Vec<ResourceLine>,
    #[serde(default)]
    failed: Vec<ResourceLine>,
}

/// A resource of a stack that is worked on, or that failed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ResourceLine {
    resource: String,
    #[serde(rename = "type", default)]
    resource_type: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    reason: String,
}

impl fmt::Display for ResourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}", visible(&self.resource), visible(&self.resource_type), visible(&self.status))?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", visible(&self.reason)) }
    }
}

impl StatusView {
    /// The state in one vocabulary; the deploy tools have their own words for some. `None`: unknown to this version.
    pub fn state(&self) -> Option<Status> {
        match self.status.to_ascii_lowercase().as_str() {
            "success" => Some(Status::Completed),
            "pending" => Some(Status::Approved),
            // The deploy tools have one word for both.
            "cancelled" if self.request_status.as_deref() == Some(Status::Denied.as_str()) => Some(Status::Denied),
            word => serde_json::from_value(json!(word)).ok(),
        }
    }

    /// How the program ends, once the deploy has.
    pub fn exit(&self) -> Exit {
        let deploy_status = self.result.as_ref().and_then(|result| result.deploy_status.as_deref());
        let question = self.infrastructure_request_status.as_deref();
        match (self.state(), question) {
            (Some(Status::Cancelled), Some("denied")) => Exit::Denied,
            (Some(Status::Cancelled), Some("expired")) => Exit::Unfinished,
            (Some(state), _) => Exit::of_deploy(state, deploy_status),
            (None, _) => Exit::Failed,
        }
    }

    /// Whether it is a site's maintenance, which nobody approves.
    fn is_maintenance(&self) -> bool {
        matches!(self.action.as_deref(), Some("frontend_adopt" | "frontend_prune"))
    }

    /// Whether the server does not know what was asked for.
    pub fn is_unknown(&self) -> bool {
        self.status == "not_found"
    }

    /// Whether it was stopped, or turned down on its way.
    pub fn is_cancelled(&self) -> bool {
        self.state() == Some(Status::Cancelled)
    }

    /// Whether it is between the decision and the end.
    pub fn is_at_work(&self) -> bool {
        matches!(self.state(), Some(Status::Approved | Status::Running))
    }

    /// The deploy it is about.
    pub fn deploy(&self) -> Option<&str> {
        self.deploy_id.as_deref()
    }

    /// The same, if it is a backend's.
    pub fn backend_deploy(&self) -> Option<&str> {
        self.deploy().filter(|id| is_of_backend(id))
    }

    /// Files that are written, and files to write.
    pub(super) fn files(&self) -> (u64, u64) {
        self.progress.as_ref().map_or((0, 0), |steps| (steps.files_done, steps.files_total))
    }

    /// A line for each resource that has failed so far.
    pub(super) fn failures(&self) -> impl Iterator<Item = String> {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        let failed = self.progress.iter().flat_map(|steps| &steps.failed);
        failed.map(move |line| format!("{red}failed{red:#}: {line}"))
    }

    /// The addresses where the site is live.
    pub fn urls(&self) -> Vec<&str> {
        match self.result.as_ref().map(|result| &result.urls) {
            Some(Value::Array(urls)) => urls.iter().filter_map(Value::as_str).collect(),
            Some(Value::Object(urls)) => urls.values().filter_map(Value::as_str).collect(),
            Some(Value::String(url)) => vec![url],
            _ => vec![],
        }
    }

    fn id(&self) -> &str {
        self.backend_deploy().or(self.request_id.as_deref()).or(self.deploy_id.as_deref()).unwrap_or_default()
    }

    fn headline(&self) -> (AnsiColor, &'static str) {
        let (done, not_done) = match self.action.as_deref() {
            Some("frontend_adopt") if self.result.as_ref().is_some_and(|result| result.dry_run) => {
                ("Looked at; nothing was done", "Not looked at")
            }
            Some("frontend_adopt") => ("Adopted", "Not adopted"),
            Some("frontend_prune") => ("Pruned", "Not pruned"),
            _ => ("Deployed", "Not deployed"),
        };
        match (self.state(), self.exit()) {
            (Some(Status::Completed), Exit::Done) => (AnsiColor::Green, done),
            (_, Exit::Partial) => (AnsiColor::Yellow, "Partly deployed"),
            (Some(Status::Ready), _) => (AnsiColor::Cyan, "Waits for its files"),
            (Some(Status::PendingApproval), _) => (AnsiColor::Cyan, "Waits for an approval"),
            (Some(Status::Approved), _) if self.is_maintenance() => (AnsiColor::Cyan, "About to start"),
            (Some(Status::Approved), _) => (AnsiColor::Cyan, "Approved, about to start"),
            (Some(Status::Running), _) => (AnsiColor::Cyan, "Running"),
            (Some(Status::Denied), _) | (Some(Status::Cancelled), Exit::Denied) => (AnsiColor::Red, "Denied"),
            (Some(Status::Expired), _) | (Some(Status::Cancelled), Exit::Unfinished) => {
                (AnsiColor::Yellow, "Expired: nobody decided in time")
            }
            (Some(Status::Cancelled), _) => (AnsiColor::Yellow, "Cancelled"),
            (Some(Status::Failed | Status::Completed), _) => (AnsiColor::Red, not_done),
            (None, _) => (AnsiColor::Yellow, "In a state that this version does not know"),
        }
    }

    /// What changes from one look to the next, apart from counts.
    pub(super) fn moment(&self) -> (String, Option<String>) {
        let step = self.progress.as_ref().and_then(|progress| progress.step_name.clone());
        // A backend's sentence changes seldom enough to be a line each time.
        let hint = self.backend.as_ref().and(self.progress_hint.clone());
        (self.status.clone(), hint.or(step))
    }

    /// What it does at this moment.
    pub(super) fn sentence(&self) -> String {
        match (self.state(), &self.progress_hint, self.expires_at) {
            (Some(Status::Running), Some(hint), _) => match self.question() {
                Some(id) => format!("{}: look at it with `bouncer request show {}`", visible(hint), visible(id)),
                None => visible(hint),
            },
            (Some(Status::PendingApproval), _, Some(end)) => {
                format!("{}; expires {}", self.headline().1, time_left(end))
            }
            _ => self.headline().1.to_owned(),
        }
    }

    /// The request about the infrastructure changes, while the deploy waits for its decision.
    pub(super) fn question(&self) -> Option<&str> {
        let step = self.progress.as_ref().and_then(|steps| steps.step_name.as_deref());
        let waits = self.state() == Some(Status::Running) && step == Some("awaiting_approval");
        self.backend.as_ref().filter(|_| waits)?.infrastructure_request_id.as_deref()
    }
}

impl Render for StatusView {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let (color, headline) = self.headline();
        let bold = Style::new().bold().fg_color(Some(color.into()));
        writeln!(out, "{bold}{headline}{bold:#}: {}", visible(self.id()))?;
        write_field(out, "project", self.project.as_deref())?;
        write_field(out, "reason", self.reason.as_deref())?;
        write_field(out, "decided by", self.decided_by.as_ref().and_then(decider).as_deref())?;
        if self.state() == Some(Status::PendingApproval) {
            write_field(out, "expires", self.expires_at.map(time_left).as_deref())?;
        }
        if self.state().is_some_and(|state| !state.has_ended()) {
            write_field(out, "now", self.progress_hint.as_deref())?;
            write_field(out, "running", self.elapsed_seconds.map(duration).as_deref())?;
        }
        if let Some(backend) = &self.backend {
            return self.render_backend(backend, out);
        }
        if let Some(result) = &self.result {
            result.render(out)?;
        }
        if matches!(self.exit(), Exit::Done | Exit::Partial) {
            for url in self.urls() {
                write_field(out, "live at", Some(url))?;
            }
        }
        let told = self.result.as_ref().is_some_and(|result| result.error_summary.is_some());
        write_field(out, "why", self.error_summary.as_deref().filter(|_| !told))?;
        write_field(out, "took", self.duration_seconds.map(duration).as_deref())
    }
}

impl StatusView {
    /// The rest of a backend's description.
    fn render_backend(&self, backend: &BackendPart, out: &mut dyn Write) -> fmt::Result {
        backend.render_commit(out)?;
        let is_pending = self.state() == Some(Status::PendingApproval);
        write_field(out, "look", self.request_id.as_deref().filter(|_| is_pending).map(show_command).as_deref())?;
        write_field(out, "look", self.question().map(show_command).as_deref())?;
        if let Some(result) = self.result.as_ref().filter(|_| self.exit() == Exit::Done) {
            let told = match result.deploy_status.as_deref() {
                Some("no_changes") => "nothing to change".to_owned(),
                _ => format!("{} changed", count(result.changed_resources, "resource")),
            };
            write_field(out, "stack", Some(&told))?;
        }
        write_field(out, "why", self.error_summary.as_deref())?;
        write_field(out, "to do", backend.suggestion.as_deref())?;
        write_field(out, "took", self.duration_seconds.map(duration).as_deref())?;
        backend.render_failure(self.backend_deploy(), out)
    }
}

fn show_command(request: &str) -> String {
    format!("bouncer request show {request}")
}

/// Whether a deploy's id is that of a backend.
pub(super) fn is_of_backend(id: &str) -> bool {
    DeployId::parse(id).is_ok_and(|id| id.request_id().backend_deploy_id() == id)
}

/// The decider's name, whether the answer gives it alone or with more about it.
pub fn decider(by: &Value) -> Option<String> {
    let name = by.as_str().or_else(|| by["name"].as_str()).or_else(|| by["by_name"].as_str());
    name.map(str::to_owned)
}

/// What is left until a point in time.
pub fn time_left(end: Time) -> String {
    remaining(end, Time::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::text_of;

    fn view(answer: Value) -> StatusView {
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn a_deploy_that_is_live() {
        let view = view(json!({
            "status": "completed", "request_id": "req-0123456789abcdef", "project": "shop", "reason": "New page",
            "decided_by": "alice", "expires_at": "2026-01-01T00:00:00Z",
            "result": {
                "deploy_status": "deployed", "deployed_count": 3, "failed_count": 0, "failed_files": [],
                "unchanged_count": 9, "removed_count": 1, "release_id": "rel-0123456789ab", "cf_invalidation": "skipped",
                "urls": ["http://127.0.0.1:8420/sites/shop/"],
            },
        }));
        assert_eq!(view.exit(), Exit::Done);
        insta::assert_snapshot!(text_of(&view));
    }

    #[test]
    fn a_deploy_that_is_partly_live() {
        let view = view(json!({
            "status": "failed", "request_id": "req-0123456789abcdef", "project": "shop",
            "result": {
                "deploy_status": "partial_deploy", "deployed_count": 1, "failed_count": 1, "unchanged_count": 0,
                "failed_files": [{"filename": "assets/app.js", "reason": "storage refused it: AccessDenied"}],
            },
        }));
        assert_eq!(view.exit(), Exit::Partial);
        insta::assert_snapshot!(text_of(&view));
    }

    #[test]
    fn a_bucket_that_was_adopted_and_one_that_was_not() {
        let adopted = view(json!({
            "status": "completed", "action": "frontend_adopt", "request_id": "req-0123456789abcdef", "project": "shop",
            "duration_seconds": 3, "result": {
                "adopted_count": 12, "adopted_bytes": 345_678, "release_id": "rel-0123456789ab", "not_adopted_count": 51,
                "not_adopted": [{"filename": "pages/", "reason": "is the mark of a folder, not a file"}],
            },
        }));
        assert_eq!(adopted.exit(), Exit::Done);
        let failed = view(json!({
            "status": "failed", "action": "frontend_adopt", "request_id": "req-0123456789abcdef", "project": "shop",
            "result": {
                "adopted_count": 0, "adopted_bytes": 0, "not_adopted_count": 0,
                "error_summary": "The bucket holds more than 20000 files, which is more than a release may have. Nothing was changed.",
            },
        }));
        assert_eq!(failed.exit(), Exit::Failed);
        insta::assert_snapshot!(format!("{}\n{}", text_of(&adopted), text_of(&failed)));
    }

    #[test]
    fn a_site_that_was_pruned() {
        let view = view(json!({
            "status": "completed", "action": "frontend_prune", "request_id": "req-0123456789abcdef", "project": "shop",
            "result": {
                "removed_count": 3, "not_removed_count": 1, "not_removed": [
                    {"filename": "assets/old.js", "reason": "it is not the file that was published, so it was left alone"},
                ],
            },
        }));
        insta::assert_snapshot!(text_of(&view));
    }

    #[test]
    fn every_state_has_its_words() {
        let text: String = Status::ALL
            .into_iter()
            .map(|status| status.as_str())
            .chain(["PENDING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED", "hibernating"])
            .map(|status| {
                let view = view(json!({ "status": status, "request_id": "req-0123456789abcdef" }));
                format!("{status} -> {} ({:?})\n", view.headline().1, view.exit())
            })
            .collect();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_running_deploy_says_what_it_does() {
        let view = view(json!({
            "status": "running", "request_id": "req-0123456789abcdef", "project": "shop",
            "progress_hint": "Publishing assets: 3 of 10 files",
            "progress": {"step": 2, "steps": 4, "step_name": "publishing_assets", "files_done": 3, "files_total": 10,
                         "bytes_done": 1, "bytes_total": 2},
        }));
        insta::assert_snapshot!(text_of(&view));
    }
}
