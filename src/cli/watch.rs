//! Waiting for the end of a request or deploy, and showing meanwhile what it does.

mod backend;
mod board;
mod result;
mod tree;
mod view;

pub use view::{StatusView, decider, time_left};

use super::client::Client;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Answer, duration};
use super::progress::Progress;
use crate::domain::error::ErrorCode;
use crate::domain::ids::DeployId;
use crate::domain::request::Status;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause between two questions; it grows by half up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a server may be away, restarting for example, before waiting is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said meanwhile.
pub const AWAY: &str = "The server does not answer; trying again";

/// Asks where a request (`req-…`) or deploy (`deploy-…`, `frontend-…`) stands. A request that is about a backend stands
/// where its deploy stands.
pub async fn look(client: &Client, id: &str) -> Result<Answer<StatusView>, CliError> {
    if id.starts_with("req-") || id.starts_with("batch-") {
        let request: Answer<StatusView> = client.call("bouncer_status", &json!({ "request_id": id })).await?;
        match request.view.backend_deploy() {
            Some(deploy) => look_at_deploy(client, deploy).await,
            None => Ok(request),
        }
    } else {
        look_at_deploy(client, id).await
    }
}

/// The deploy that an id is about: itself, or the deploy of a request.
pub async fn deploy_of(client: &Client, id: &str) -> Result<String, CliError> {
    if !id.starts_with("req-") {
        return Ok(id.to_owned());
    }
    let request: Answer<StatusView> = client.call("bouncer_status", &json!({ "request_id": id })).await?;
    request.view.deploy().map(str::to_owned).ok_or_else(|| {
        CliError::new(Exit::Failed, ErrorCode::NotFound, format!("The request {id} is not about a deploy."))
            .hint("`bouncer deploy history PROJECT` lists the deploys of a project.")
    })
}

async fn look_at_deploy(client: &Client, id: &str) -> Result<Answer<StatusView>, CliError> {
    let answer: Answer<StatusView> = client.call("bouncer_deploy_status", &json!({ "deploy_id": id })).await?;
    if answer.view.is_unknown() {
        return Err(CliError::new(Exit::Failed, ErrorCode::NotFound, format!("There is no deploy {id}."))
            .hint("`bouncer deploy history PROJECT` lists the deploys of a project."));
    }
    if answer.view.backend_deploy().is_some() && !answer.view.is_at_work() {
        return with_request(client, answer).await;
    }
    Ok(answer)
}

/// What only the requests of a backend's deploy tell: until when they wait, who decided, and whether someone said no.
async fn with_request(client: &Client, answer: Answer<StatusView>) -> Result<Answer<StatusView>, CliError> {
    let mut raw = answer.raw;
    if let Some(id) = raw["request_id"].as_str() {
        let request: Answer<Value> = client.call("bouncer_status", &json!({ "request_id": id })).await?;
        for name in ["decided_by", "decided_at", "expires_at", "result"] {
            if let Some(value) = request.raw.get(name) {
                raw[name] = value.clone();
            }
        }
        raw["request_status"] = request.raw["status"].clone();
    }
    if let (true, Some(id)) = (answer.view.is_cancelled(), raw["infrastructure_request_id"].as_str()) {
        let question: Answer<Value> = client.call("bouncer_status", &json!({ "request_id": id })).await?;
        raw["infrastructure_request_status"] = question.raw["status"].clone();
    }
    let view = serde_json::from_value(raw.clone())
        .map_err(|error| CliError::failed(format!("The server's answers do not fit together: {error}.")))?;
    Ok(Answer { raw, view })
}

/// Waits until a deploy has ended, showing what it does. A server that is away for a while is waited for as well.
/// Errors: given up by `timeout` or by Ctrl-C, which both leave the deploy alone.
pub async fn until_ended(
    client: &Client,
    progress: &Progress,
    id: &str,
    timeout: Option<Duration>,
) -> Result<Answer<StatusView>, CliError> {
    let id = best_id(id);
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

/// A site's request tells more than its deploy: what was published, and how it ended. A backend's deploy tells more than
/// its request.
fn best_id(id: &str) -> String {
    match DeployId::parse(id) {
        Ok(deploy) if !view::is_of_backend(id) => deploy.request_id().to_string(),
        _ => id.to_owned(),
    }
}

fn gave_up(id: &str, what: &str) -> CliError {
    let name = if id.starts_with("req-") { "request_id" } else { "deploy_id" };
    CliError::new(Exit::Unfinished, ErrorCode::UpstreamError, format!("{what}; {id} goes on without this command."))
        .hint(format!("Come back with `bouncer deploy status {id} --watch`."))
        .with(name, json!(id))
}

async fn follow(
    client: &Client,
    progress: &Progress,
    bar: &ProgressBar,
    id: &str,
) -> Result<Answer<StatusView>, CliError> {
    let mut id = id.to_owned();
    let mut pause = FIRST_PAUSE;
    let mut last_moment = None;
    let mut told = HashSet::new();
    let mut patience = Patience::default();
    loop {
        match look(client, &id).await {
            Ok(answer) if answer.view.state().is_none_or(Status::has_ended) => return Ok(answer),
            Ok(answer) => {
                patience.restore();
                show(progress, bar, &answer.view);
                for failure in answer.view.failures().filter(|failure| told.insert(failure.clone())) {
                    progress.above(bar, &failure);
                }
                let moment = Some(answer.view.moment());
                if moment != last_moment {
                    progress.line(&answer.view.sentence());
                    last_moment = moment;
                    pause = FIRST_PAUSE;
                }
                if let Some(deploy) = answer.view.backend_deploy() {
                    id = deploy.to_owned();
                }
            }
            Err(error) => {
                if patience.bear(error)? {
                    progress.line(AWAY);
                }
                bar.set_message(AWAY);
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn show(progress: &Progress, bar: &ProgressBar, view: &StatusView) {
    match board::board(view) {
        Some(board) => bar.set_message(progress.styled(&board)),
        None => {
            let (done, total) = view.files();
            Progress::count(bar, done, total);
            bar.set_message(view.sentence());
        }
    }
}

/// Bears with a server that is away, restarting for example, for [`PATIENCE`].
#[derive(Debug, Default)]
pub struct Patience {
    away_since: Option<Instant>,
}

impl Patience {
    /// It has answered.
    pub fn restore(&mut self) {
        self.away_since = None;
    }

    /// It has not. `true` the first time; the error when it is of another kind, or once patience is at its end.
    pub fn bear(&mut self, error: CliError) -> Result<bool, CliError> {
        if error.code != ErrorCode::UpstreamError {
            return Err(error);
        }
        let is_first = self.away_since.is_none();
        let since = *self.away_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= PATIENCE { Err(error) } else { Ok(is_first) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_id_is_followed_where_it_tells_most() {
        assert_eq!(best_id("frontend-0123456789abcdef"), "req-0123456789abcdef");
        assert_eq!(best_id("deploy-0123456789abcdef"), "deploy-0123456789abcdef");
        assert_eq!(best_id("req-0123456789abcdef"), "req-0123456789abcdef");
    }

    #[test]
    fn patience_ends() {
        let away = || CliError::new(Exit::Failed, ErrorCode::UpstreamError, "away");
        let mut patience = Patience::default();
        assert!(patience.bear(away()).unwrap());
        assert!(!patience.bear(away()).unwrap());
        patience.away_since = patience.away_since.and_then(|since| since.checked_sub(PATIENCE));
        assert!(patience.bear(away()).is_err());
        patience.restore();
        assert!(patience.bear(away()).unwrap());
        assert!(patience.bear(CliError::failed("another kind")).is_err());
    }

    #[test]
    fn giving_up_says_how_to_come_back() {
        let error = gave_up("deploy-0123456789abcdef", "Stopped waiting");
        assert_eq!(error.exit, Exit::Unfinished);
        insta::assert_snapshot!(crate::cli::output::text_of(&error), @r"
        error: Stopped waiting; deploy-0123456789abcdef goes on without this command.
          deploy id: deploy-0123456789abcdef
        hint: Come back with `bouncer deploy status deploy-0123456789abcdef --watch`.
        ");
    }
}
