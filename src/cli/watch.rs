//! Where a request or deploy stands, and waiting for its end.

use super::client::Client;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Answer, Render, duration, plain, write_field};
use super::progress::Progress;
use crate::model::error::ErrorCode;
use crate::model::ids::DeployId;
use crate::model::request::Status;
use crate::model::time::Time;
use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::{self, Write};
use std::time::Duration;
use tokio::time::Instant;

/// The first pause between two questions; it grows by half up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a server may be away, restarting for example, before waiting is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said meanwhile.
const AWAY: &str = "The server does not answer; trying again";

/// The answer of `bouncer_status` and `bouncer_deploy_status`, as far as people are shown it.
#[derive(Debug, Clone, Deserialize)]
pub struct StatusView {
    status: String,
    request_id: Option<String>,
    deploy_id: Option<String>,
    #[serde(alias = "project_id")]
    project: Option<String>,
    reason: Option<String>,
    decided_by: Option<Value>,
    expires_at: Option<Time>,
    progress_hint: Option<String>,
    progress: Option<Steps>,
    duration_seconds: Option<u64>,
    error_summary: Option<String>,
    result: Option<ResultView>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Steps {
    step_name: Option<String>,
    #[serde(default)]
    files_done: u64,
    #[serde(default)]
    files_total: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ResultView {
    deploy_status: Option<String>,
    #[serde(default)]
    deployed_count: u64,
    #[serde(default)]
    unchanged_count: u64,
    #[serde(default)]
    removed_count: u64,
    #[serde(default)]
    failed_files: Vec<FailedFile>,
    release_id: Option<String>,
    error_summary: Option<String>,
    cf_invalidation_error: Option<String>,
    #[serde(default)]
    urls: Value,
}

#[derive(Debug, Clone, Deserialize)]
struct FailedFile {
    filename: String,
    #[serde(default)]
    reason: String,
}

impl StatusView {
    /// The state in one vocabulary; the deploy tools have their own words for some. `None`: unknown to this version.
    pub fn state(&self) -> Option<Status> {
        match self.status.to_ascii_lowercase().as_str() {
            "success" => Some(Status::Completed),
            "pending" => Some(Status::Approved),
            word => serde_json::from_value(json!(word)).ok(),
        }
    }

    /// How the program ends, once the deploy has.
    pub fn exit(&self) -> Exit {
        let deploy_status = self.result.as_ref().and_then(|result| result.deploy_status.as_deref());
        self.state().map_or(Exit::Failed, |state| Exit::of_deploy(state, deploy_status))
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
        self.request_id.as_deref().or(self.deploy_id.as_deref()).unwrap_or_default()
    }

    fn headline(&self) -> (AnsiColor, &'static str) {
        match (self.state(), self.exit()) {
            (Some(Status::Completed), Exit::Done) => (AnsiColor::Green, "Deployed"),
            (_, Exit::Partial) => (AnsiColor::Yellow, "Partly deployed"),
            (Some(Status::Ready), _) => (AnsiColor::Cyan, "Waits for its files"),
            (Some(Status::PendingApproval), _) => (AnsiColor::Cyan, "Waits for an approval"),
            (Some(Status::Approved), _) => (AnsiColor::Cyan, "Approved, about to start"),
            (Some(Status::Running), _) => (AnsiColor::Cyan, "Running"),
            (Some(Status::Denied), _) => (AnsiColor::Red, "Denied"),
            (Some(Status::Expired), _) => (AnsiColor::Yellow, "Expired: nobody decided in time"),
            (Some(Status::Cancelled), _) => (AnsiColor::Yellow, "Cancelled"),
            (Some(Status::Failed | Status::Completed), _) => (AnsiColor::Red, "Not deployed"),
            (None, _) => (AnsiColor::Yellow, "In a state that this version does not know"),
        }
    }

    /// What changes from one look to the next, apart from counts.
    fn moment(&self) -> (String, Option<String>) {
        (self.status.clone(), self.progress.as_ref().and_then(|progress| progress.step_name.clone()))
    }
}

impl Render for StatusView {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let (color, headline) = self.headline();
        let bold = Style::new().bold().fg_color(Some(color.into()));
        writeln!(out, "{bold}{headline}{bold:#}: {}", plain(self.id()))?;
        write_field(out, "project", self.project.as_deref())?;
        write_field(out, "reason", self.reason.as_deref())?;
        write_field(out, "decided by", self.decided_by.as_ref().and_then(decider).as_deref())?;
        if self.state() == Some(Status::PendingApproval) {
            write_field(out, "expires", self.expires_at.map(time_left).as_deref())?;
        }
        if self.state().is_some_and(|state| !state.has_ended()) {
            write_field(out, "now", self.progress_hint.as_deref())?;
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

impl Render for ResultView {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.deploy_status.is_some() {
            let (deployed, removed) = (self.deployed_count, self.removed_count);
            let text = format!("{deployed} published, {} unchanged, {removed} removed", self.unchanged_count);
            write_field(out, "files", Some(&text))?;
        }
        write_field(out, "release", self.release_id.as_deref())?;
        write_field(out, "why", self.error_summary.as_deref())?;
        write_field(out, "CDN", self.cf_invalidation_error.as_deref())?;
        for failed in &self.failed_files {
            write_field(out, "failed", Some(&format!("{}: {}", failed.filename, failed.reason)))?;
        }
        Ok(())
    }
}

/// The decider's name, whether the answer gives it alone or with more about it.
pub fn decider(by: &Value) -> Option<String> {
    let name = by.as_str().or_else(|| by["name"].as_str()).or_else(|| by["by_name"].as_str());
    name.map(str::to_owned)
}

/// "in 9 min 58 s", or "over".
pub fn time_left(end: Time) -> String {
    match end.seconds_since(Time::now()) {
        0 => "over".into(),
        left => format!("in {}", duration(left)),
    }
}

/// Asks where a request (`req-…`) or deploy (`frontend-…`) stands.
pub async fn look(client: &Client, id: &str) -> Result<Answer<StatusView>, CliError> {
    if id.starts_with("req-") || id.starts_with("batch-") {
        client.call("bouncer_status", &json!({ "request_id": id })).await
    } else {
        let answer: Answer<StatusView> = client.call("bouncer_deploy_status", &json!({ "deploy_id": id })).await?;
        if answer.view.status == "not_found" {
            return Err(CliError::new(Exit::Failed, ErrorCode::NotFound, format!("There is no deploy {id}."))
                .hint("`bouncer deploy history PROJECT` lists the deploys of a project."));
        }
        Ok(answer)
    }
}

/// Waits until a deploy has ended, showing what it does. A server that is away for a while is waited for as well.
/// Errors: given up by `timeout` or by Ctrl-C, which both leave the deploy alone.
pub async fn until_ended(
    client: &Client,
    progress: &Progress,
    id: &str,
    timeout: Option<Duration>,
) -> Result<Answer<StatusView>, CliError> {
    // The request's answer tells more than the deploy's: what was published, and how it ended.
    let id = DeployId::parse(id).map_or_else(|_| id.to_owned(), |deploy| deploy.request_id().to_string());
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let expired = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let (bar, hinted) = (progress.sentence(), &id);
    let outcome = tokio::select! {
        outcome = follow(client, progress, &bar, &id) => outcome,
        () = expired => Err(gave_up(hinted, &format!("Gave up waiting after {}", duration(timeout.unwrap_or_default().as_secs())))),
        _ = tokio::signal::ctrl_c() => Err(gave_up(hinted, "Stopped waiting")),
    };
    bar.finish_and_clear();
    outcome
}

fn gave_up(id: &str, what: &str) -> CliError {
    CliError::new(Exit::Unfinished, ErrorCode::UpstreamError, format!("{what}; {id} goes on without this command."))
        .hint(format!("Come back with `bouncer deploy status {id} --watch`."))
        .with("request_id", json!(id))
}

async fn follow(
    client: &Client,
    progress: &Progress,
    bar: &ProgressBar,
    id: &str,
) -> Result<Answer<StatusView>, CliError> {
    let mut pause = FIRST_PAUSE;
    let mut last_moment = None;
    let mut away_since: Option<Instant> = None;
    loop {
        match look(client, id).await {
            Ok(answer) if answer.view.state().is_none_or(Status::has_ended) => return Ok(answer),
            Ok(answer) => {
                away_since = None;
                show(bar, &answer.view);
                let moment = Some(answer.view.moment());
                if moment != last_moment {
                    progress.line(&sentence(&answer.view));
                    last_moment = moment;
                    pause = FIRST_PAUSE;
                }
            }
            Err(error) if error.code == ErrorCode::UpstreamError => {
                let since = *away_since.get_or_insert_with(|| {
                    progress.line(AWAY);
                    Instant::now()
                });
                if since.elapsed() >= PATIENCE {
                    return Err(error);
                }
                bar.set_message(AWAY);
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn show(bar: &ProgressBar, view: &StatusView) {
    let steps = view.progress.clone().unwrap_or_default();
    Progress::count(bar, steps.files_done, steps.files_total);
    bar.set_message(sentence(view));
}

fn sentence(view: &StatusView) -> String {
    match (view.state(), &view.progress_hint, view.expires_at) {
        (Some(Status::Running), Some(hint), _) => plain(hint),
        (Some(Status::PendingApproval), _, Some(end)) => format!("{}; expires {}", view.headline().1, time_left(end)),
        _ => view.headline().1.to_owned(),
    }
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
