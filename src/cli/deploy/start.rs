//! `bouncer deploy start`: a backend is asked for, and on wish waited for.

use crate::cli::client::Client;
use crate::cli::context::{Context, default_source};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Answer, Render, count, text_of, visible, write_field};
use crate::cli::watch;
use crate::cli::watch::{StatusView, time_left};
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt::{self, Write};
use std::time::Duration;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer deploy start shop --reason 'Orders by post'
  bouncer deploy start shop --branch release --reason 'Release 7' --context 'Tested on staging' --wait
  bouncer deploy start shop --reason 'Fix the orders' --wait --timeout 3600";

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct StartArgs {
    /// The project
    project: String,
    /// The branch whose newest commit is deployed; the project's own unless given
    #[arg(long, short)]
    branch: Option<String>,
    /// Why; the approver reads this
    #[arg(long, short)]
    reason: String,
    /// Who asks and for what task, as the approver reads it
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// What else the approver should know
    #[arg(long, value_name = "TEXT")]
    context: Option<String>,
    /// Wait until the deploy has ended, its approvals included
    #[arg(long)]
    wait: bool,
    /// Give up waiting after this many seconds; the deploy goes on
    #[arg(long, value_name = "SECS", requires = "wait")]
    timeout: Option<u64>,
}

impl StartArgs {
    /// The tool's arguments; what was not given is left out.
    fn to_json(&self) -> Value {
        let source = self.source.clone().unwrap_or_else(default_source);
        let optional = [("branch", &self.branch), ("context", &self.context)];
        let mut arguments = Map::new();
        arguments.insert("project".into(), json!(self.project));
        arguments.insert("reason".into(), json!(self.reason));
        arguments.insert("source".into(), json!(source));
        arguments
            .extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))));
        Value::Object(arguments)
    }
}

/// Runs the command.
pub async fn run(context: &Context, client: &Client, args: StartArgs) -> Result<Exit, CliError> {
    let asked: Answer<Asked> = client.call("bouncer_deploy", &args.to_json()).await.map_err(with_way_out)?;
    context.progress.warnings(&asked.raw);
    if !args.wait {
        context.printer.show(&asked)?;
        return Ok(Exit::Done);
    }
    // Whoever is to decide needs the id now, not when everything is over.
    context.progress.note(text_of(&asked).trim_end());
    let timeout = args.timeout.map(Duration::from_secs);
    let outcome = watch::until_ended(client, &context.progress, &asked.view.deploy_id, timeout).await?;
    let exit = outcome.view.exit();
    context.printer.show(&Finished { asked, outcome })?;
    Ok(exit)
}

/// Of a conflict: how to watch or stop the deploy that runs, as commands.
fn with_way_out(mut error: CliError) -> CliError {
    let Some(Value::String(running)) = error.details.get("running_deploy_id") else { return error };
    let hint = format!(
        "Watch it with `bouncer deploy status {running} --watch`, or stop it with `bouncer deploy cancel {running}`."
    );
    // The tool's hint says the same in the words of the tools.
    error.details.remove("hint");
    error.hint(hint)
}

/// What was asked for, as the server tells it.
#[derive(Debug, Deserialize)]
struct Asked {
    status: String,
    request_id: String,
    deploy_id: String,
    project_id: String,
    branch: String,
    commit_short: String,
    #[serde(default)]
    commit_message: String,
    #[serde(default)]
    findings: u64,
    expires_at: Option<Time>,
    #[serde(default)]
    duplicate: bool,
}

impl Render for Asked {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let (deploy, request) = (visible(&self.deploy_id), visible(&self.request_id));
        let is_pending = self.status == "pending_approval";
        match (is_pending, self.duplicate) {
            (true, false) => writeln!(out, "{deploy} waits for an approval")?,
            (true, true) => writeln!(out, "{deploy} waits for an approval (asked for before)")?,
            (false, _) => writeln!(out, "{deploy} has started; the project's mode asks nobody")?,
        }
        write_field(out, "project", Some(&self.project_id))?;
        write_field(out, "branch", Some(&self.branch))?;
        write_field(out, "commit", Some(&format!("{} {}", self.commit_short, self.commit_message)))?;
        let findings = count(self.findings, "thing");
        let findings = format!("{findings} in the template to look at: bouncer request show {request}");
        write_field(out, "findings", Some(findings.as_str()).filter(|_| self.findings > 0))?;
        write_field(out, "request", Some(&request))?;
        write_field(out, "expires", self.expires_at.map(time_left).as_deref())?;
        write_field(
            out,
            "approve",
            Some(format!("bouncer request approve {request}").as_str()).filter(|_| is_pending),
        )?;
        write_field(out, "follow", Some(&format!("bouncer deploy status {deploy} --watch")))
    }
}

/// A deploy that was waited for.
struct Finished {
    asked: Answer<Asked>,
    outcome: Answer<StatusView>,
}

impl Serialize for Finished {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = self.asked.raw.clone();
        if let (Value::Object(answer), Value::Object(outcome)) = (&mut answer, &self.outcome.raw) {
            // What it waited for is over.
            answer.remove("message");
            answer.extend(outcome.clone());
        }
        answer.serialize(serializer)
    }
}

impl Render for Finished {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        self.outcome.render(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(members: Value) -> Value {
        let mut answer = json!({
            "status": "pending_approval", "request_id": "req-0123456789abcdef", "deploy_id": "deploy-0123456789abcdef",
            "project_id": "shop", "branch": "main", "commit_sha": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
            "commit_short": "1a2b3c4", "commit_message": "Take orders by post \u{1b}[2J", "findings": 0,
            "message": "Waiting for an approver; poll bouncer_deploy_status with the deploy_id.",
        });
        answer.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        answer
    }

    #[test]
    fn what_was_asked_for_and_how_to_go_on() {
        let screen = |members: Value| text_of(&serde_json::from_value::<Asked>(asked(members)).unwrap());
        let screens = [
            screen(json!({"findings": 2, "expires_at": "2026-01-01T00:00:00Z"})),
            screen(json!({"duplicate": true, "findings": 1})),
            screen(json!({"status": "started"})),
        ];
        insta::assert_snapshot!(screens.join("\n"));
    }

    #[test]
    fn a_conflict_names_the_deploy_that_runs_and_what_to_do() {
        let Value::Object(answer) = json!({
            "status": "conflict", "error_code": "CONFLICT", "error": "Another deploy of shop is running.",
            "suggestion": "Wait until it has ended, or cancel it with bouncer_deploy_cancel.",
            "running_deploy_id": "deploy-fedcba9876543210", "started_at": "2026-01-02T03:04:05.000Z",
            "estimated_remaining": "2 minutes", "hint": "Use bouncer_deploy_cancel to cancel the running deploy",
        }) else {
            panic!("no object")
        };
        let error = with_way_out(CliError::from_answer(answer));
        assert_eq!(error.exit, Exit::Conflict);
        insta::assert_snapshot!(text_of(&error));
        insta::assert_json_snapshot!(error);
    }

    #[test]
    fn an_answer_for_programs_has_both_halves() {
        let half = |raw: Value| Answer { view: serde_json::from_value(raw.clone()).unwrap(), raw };
        let outcome = json!({"status": "SUCCESS", "deploy_id": "deploy-0123456789abcdef", "duration_seconds": 9});
        let outcome = Answer { view: serde_json::from_value(outcome.clone()).unwrap(), raw: outcome };
        let finished = json!(Finished { asked: half(asked(json!({}))), outcome });
        assert_eq!((&finished["status"], &finished["duration_seconds"]), (&json!("SUCCESS"), &json!(9)));
        assert_eq!((&finished["branch"], &finished["message"]), (&json!("main"), &Value::Null));
    }

    #[test]
    fn what_is_not_given_is_not_sent() {
        let args = StartArgs {
            project: "shop".into(),
            branch: None,
            reason: "why".into(),
            source: Some("me".into()),
            context: Some("tested".into()),
            wait: false,
            timeout: None,
        };
        let expected = json!({"project": "shop", "reason": "why", "source": "me", "context": "tested"});
        assert_eq!(args.to_json(), expected);
    }
}
