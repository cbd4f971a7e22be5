//! `bouncer demo`: the whole way of a site, twice, through the same code as every other command.

mod live;
mod script;

use super::client::Client;
use super::connection::{Connection, base_url};
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::frontend::deploy;
use super::frontend::deploy::{Proposal, Submitted};
use super::output::{Answer, Printer, Render, count, size};
use super::request;
use super::request::RequestView;
use super::watch;
use super::watch::StatusView;
use super::{prompt, serve, signals};
use crate::config::Config;
use crate::domain::caller::Role;
use crate::domain::request::Verdict;
use crate::requests::decide::Decide;
use crate::server::local::{ServeError, ServeOptions, serve};
use live::Page;
use script::{Round, Script};
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Write};
use std::io::{self, IsTerminal as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer demo
  bouncer demo --yes
  bouncer demo --yes --data-dir ./demo-data    (keeps what it made)";

/// A published example is a few files; whatever takes longer than this has gone wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Decide with the approver's key instead of asking
    #[arg(long, short)]
    yes: bool,
}

/// Runs the command.
pub async fn run(context: &Context, args: DemoArgs) -> Result<Exit, CliError> {
    if !args.yes && !io::stdin().is_terminal() {
        return Err(CliError::usage("The demo asks for a decision, and stdin is no terminal.")
            .hint("Run it in a terminal, or let it decide as the approver: `bouncer demo --yes`."));
    }
    let work = tempfile::tempdir().map_err(unwritable)?;
    let home = Home::choose(context, &work)?;
    let server = Server::start(&home.data_dir).await?;
    let outcome = tokio::select! {
        outcome = tell(context, &server, &home, work.path(), args.yes) => outcome,
        () = signals::interrupted() => Err(CliError::failed("The demo was stopped.")),
    };
    let stopped = server.stop().await;
    home.say_goodbye(context);
    let exit = outcome?;
    stopped.map(|()| exit)
}

fn unwritable(error: io::Error) -> CliError {
    CliError::failed(format!("The demo's folder cannot be written: {error}."))
        .hint("Set TMPDIR to a folder with room, or name one with --data-dir.")
}

/// Where the demo's server keeps its data.
struct Home {
    data_dir: PathBuf,
    keeps: bool,
}

impl Home {
    /// A folder that was named on the command line is kept. The environment's is not taken: it belongs to a real
    /// server.
    fn choose(context: &Context, work: &TempDir) -> Result<Self, CliError> {
        Ok(match &context.connection.data_dir {
            Some(dir) => Self { data_dir: dir.clone(), keeps: true },
            None => Self { data_dir: work.path().join("data"), keeps: false },
        })
    }

    fn say_goodbye(&self, context: &Context) {
        let dir = self.data_dir.display();
        context.progress.note(&if self.keeps {
            format!("The demo's server has stopped. See its site again with `bouncer serve --data-dir {dir}`.")
        } else {
            "The demo's server has stopped, and its data is gone.".to_owned()
        });
    }
}

/// The demo's own server, in this process.
struct Server {
    url: String,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    async fn start(data_dir: &Path) -> Result<Self, CliError> {
        let shutdown = CancellationToken::new();
        let (announce, ready) = oneshot::channel();
        let options = ServeOptions {
            data_dir: data_dir.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            // The environment's settings belong to a real server.
            config: Config::default(),
        };
        let task = tokio::spawn(serve(options, shutdown.clone(), announce));
        match ready.await {
            Ok(ready) => Ok(Self { url: ready.url, shutdown, task }),
            // The server gave up before it was ready; its own error says why.
            Err(_) => Err(finished(task).await.err().unwrap_or_else(|| CliError::failed("The server ended at once."))),
        }
    }

    async fn stop(self) -> Result<(), CliError> {
        self.shutdown.cancel();
        finished(self.task).await
    }
}

async fn finished(task: JoinHandle<Result<(), ServeError>>) -> Result<(), CliError> {
    match task.await {
        Ok(outcome) => outcome.map_err(|error| CliError::failed(serve::sentence(&error))),
        Err(_) => Err(CliError::failed("The server ended unexpectedly.")),
    }
}

/// The people of the story, as far as they are keys.
struct Cast {
    agent: Client,
    approver: Client,
    decides_alone: bool,
}

async fn tell(context: &Context, server: &Server, home: &Home, work: &Path, yes: bool) -> Result<Exit, CliError> {
    let keys = Connection { data_dir: Some(home.data_dir.clone()), ..Connection::default() };
    let url = base_url(&server.url)?;
    let client = |role| Client::new(url.clone(), keys.key(role, &url)?);
    let cast = Cast { agent: client(Role::Agent)?, approver: client(Role::Approver)?, decides_alone: yes };
    let script = Script::load()?;
    context.progress.note(&format!("Bouncer runs at {}; its data is in {}", server.url, home.data_dir.display()));
    client(Role::Admin)?.call::<Value>("bouncer_project_add", &script.project).await?;

    let site = work.join("site");
    let mut report = Report { server: server.url.clone(), rounds: vec![] };
    for (number, round) in script.rounds.iter().enumerate() {
        context.progress.note(&format!("\n== {}. {} ==\n", number + 1, round.title));
        round.lay_out(&site).map_err(unwritable)?;
        let told = play(context, &cast, &script, round, &site).await?;
        let exit = told.status.view.exit();
        report.rounds.push(told);
        if exit != Exit::Done {
            context.printer.show(&report)?;
            return Ok(exit);
        }
    }
    if context.printer.json {
        context.printer.show(&report)?;
    }
    Ok(Exit::Done)
}

/// One deploy: asked for, shown, decided, waited for, looked at.
async fn play(context: &Context, cast: &Cast, script: &Script, round: &Round, site: &Path) -> Result<Told, CliError> {
    let Context { printer, progress, .. } = context;
    let project = script.project_id();
    progress.note("The agent asks:");
    let proposal =
        Proposal { dir: site, project, reason: &round.reason, source: &round.source, allow_mass_delete: false };
    let mut submitted = deploy::submit(&cast.agent, progress, proposal).await?;
    // The reader is led on anyway.
    submitted.shows_commands = false;
    show(printer, &submitted)?;

    progress.note("\nThe approver sees:");
    let request = request::show(&cast.approver, &submitted.request_id, 1).await?;
    show(printer, &request)?;
    let is_yes = cast.decides_alone || prompt::ask("\nApprove?").await?;
    let verdict = if is_yes { Verdict::Approve } else { Verdict::Deny };
    let decision =
        Decide { decision: verdict, plan_hash: request.view.plan_hash, acknowledged_risks: Some(is_yes), reason: None };
    request::decide(&cast.approver, &submitted.request_id, &decision).await?;
    progress.note(match verdict {
        Verdict::Approve => "\nApproved, with the approver's key.",
        Verdict::Deny => "\nDenied, with the approver's key.",
    });

    let status = watch::until_ended(&cast.agent, progress, &submitted.request_id, Some(PATIENCE)).await?;
    progress.note("\nThe end of it:");
    show(printer, &status)?;
    let mut pages = vec![];
    if status.view.exit() == Exit::Done {
        let root = status
            .view
            .urls()
            .first()
            .map_or_else(|| format!("{}/sites/{project}/", cast.agent.base()), |url| (*url).to_owned());
        progress.note("\nA visitor gets:");
        for name in ["index.html", &round.asset] {
            let page = live::fetch(&root, name, site).await?;
            show(printer, &page)?;
            pages.push(page);
        }
        progress.note(&format!("\n{}", moved(&submitted)));
    }
    Ok(Told { submitted, request, status, pages })
}

/// Prints a part of the story, for people only: programs get the whole at the end.
fn show<T: Render + Serialize>(printer: &Printer, part: &T) -> Result<(), CliError> {
    if printer.json { Ok(()) } else { printer.show(part) }
}

/// How little had to travel, in one sentence.
fn moved(submitted: &Submitted) -> String {
    let (sent, all) = (submitted.uploaded.unwrap_or_default(), submitted.file_count);
    let writes = (submitted.changes.added + submitted.changes.changed) as u64;
    let (uploads, size) = (count(sent.files, "upload"), size(sent.bytes));
    let rest = if writes == all { "" } else { "; the others were there already" };
    format!("What moved: {uploads} ({size}) and {writes} of {all} files written{rest}.")
}

/// What happened in a round.
#[derive(Serialize)]
struct Told {
    submitted: Submitted,
    request: Answer<RequestView>,
    status: Answer<StatusView>,
    pages: Vec<Page>,
}

/// The whole story, for programs. People have read it by the time it ends.
#[derive(Serialize)]
struct Report {
    server: String,
    rounds: Vec<Told>,
}

impl Render for Report {
    fn render(&self, _: &mut dyn Write) -> fmt::Result {
        Ok(())
    }
}
