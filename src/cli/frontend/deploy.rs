//! `bouncer frontend deploy`: from a folder to a request, and on to the end.

use super::hash::{HashedFile, hash_all};
use super::upload::{Issued, Sent, unfit_address, upload_missing};
use super::walk::{looks_private, walk};
use crate::cli::changes;
use crate::cli::client::Client;
use crate::cli::context::{Context, default_source};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Answer, Render, count, number, size, text_of, visible, write_field};
use crate::cli::progress::Progress;
use crate::cli::watch;
use crate::cli::watch::StatusView;
use crate::domain::caller::Role;
use crate::domain::digest::Sha256;
use crate::domain::site::manifest::ChangeCounts;
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  bouncer frontend deploy dist --project shop --reason 'New checkout page'
  bouncer frontend deploy dist --project shop --reason 'Fix the footer' --wait --timeout 600
  bouncer frontend deploy dist --project shop --dry-run";

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct DeployArgs {
    /// The folder that holds index.html
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The project to publish to
    #[arg(long, short)]
    project: String,
    /// Why; the approver reads this
    #[arg(long, short, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Who asks and for what task, as the approver reads it
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Wait until the deploy has ended
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
    /// Give up waiting after this many seconds; the deploy goes on
    #[arg(long, value_name = "SECS", requires = "wait")]
    timeout: Option<u64>,
    /// Show what would change; nothing is uploaded and nobody is asked
    #[arg(long)]
    dry_run: bool,
    /// Ask even if more than half of the site would go
    #[arg(long, conflicts_with = "dry_run")]
    allow_mass_delete: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// The folder.
    pub dir: &'a Path,
    /// The project.
    pub project: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Who asks, for people.
    pub source: &'a str,
    /// Whether more than half of the site may go.
    pub allow_mass_delete: bool,
}

/// Runs the command.
pub async fn run(context: &Context, args: DeployArgs) -> Result<Exit, CliError> {
    let client = context.connection.client(Role::Agent)?;
    if args.dry_run {
        context.printer.show(&preview(&client, &context.progress, &args.dir, &args.project).await?)?;
        return Ok(Exit::Done);
    }
    let source = args.source.unwrap_or_else(default_source);
    let reason = args.reason.unwrap_or_default();
    let proposal = Proposal {
        dir: &args.dir,
        project: &args.project,
        reason: &reason,
        source: &source,
        allow_mass_delete: args.allow_mass_delete,
    };
    let submitted = submit(&client, &context.progress, proposal).await?;
    finish(context, &client, submitted, args.wait, args.timeout).await
}

/// Shows a request that waits for an approver, and waits for its end if that is wanted.
pub async fn finish(
    context: &Context,
    client: &Client,
    submitted: Submitted,
    wait: bool,
    timeout: Option<u64>,
) -> Result<Exit, CliError> {
    if !wait {
        context.printer.show(&submitted)?;
        return Ok(Exit::Done);
    }
    // Whoever is to decide needs the id now, not when everything is over.
    context.progress.note(text_of(&submitted).trim_end());
    let timeout = timeout.map(Duration::from_secs);
    let outcome = watch::until_ended(client, &context.progress, &submitted.request_id, timeout).await?;
    let exit = outcome.view.exit();
    context.printer.show(&Finished { submitted, outcome })?;
    Ok(exit)
}

/// A file as the tools take it. Its type follows from its name, which keeps the list of a large site short.
#[derive(Debug, Serialize)]
struct FileSpec {
    filename: String,
    size: u64,
    sha256: Sha256,
}

impl From<&HashedFile> for FileSpec {
    fn from(file: &HashedFile) -> Self {
        Self { filename: file.source.path.to_string(), size: file.source.size, sha256: file.sha256 }
    }
}

#[derive(Deserialize)]
struct Addresses {
    request_id: String,
    #[serde(default)]
    files: Vec<Issued>,
    #[serde(default)]
    skipped: HashSet<String>,
    next: Option<Next>,
}

/// What to add to the same arguments to get the addresses that an answer left out.
#[derive(Deserialize)]
struct Next {
    request_id: String,
    cursor: u64,
}

/// The answer to a deploy or a rollback that was asked for.
#[derive(Deserialize)]
pub struct Confirmed {
    status: String,
    request_id: String,
    file_count: u64,
    total_size: u64,
    changes: ChangeCounts,
    restores: Option<String>,
    expires_at: Option<Time>,
    #[serde(default)]
    duplicate: bool,
}

impl Confirmed {
    /// The same with what the server does not know.
    pub fn submitted(self, project: &str, uploaded: Option<Sent>) -> Submitted {
        let Self { status, request_id, file_count, total_size, changes, restores, expires_at, duplicate } = self;
        Submitted {
            status,
            request_id,
            project: project.to_owned(),
            file_count,
            total_size,
            uploaded,
            changes,
            restores,
            expires_at,
            duplicate,
            shows_commands: true,
        }
    }
}

/// Uploads what is missing and asks for the approval.
pub async fn submit(client: &Client, progress: &Progress, proposal: Proposal<'_>) -> Result<Submitted, CliError> {
    let files = read_site(progress, proposal.dir).await?;
    let specs: Vec<FileSpec> = files.iter().map(FileSpec::from).collect();
    let arguments = json!({
        "project": proposal.project, "files": specs, "reason": proposal.reason, "source": proposal.source,
    });
    let Addresses { request_id, files: issued, skipped, .. } = addresses(client, &arguments).await?;
    let uploaded = upload_missing(&files, issued, &skipped, |total| progress.bytes("Uploading", total)).await?;
    progress.line(&format!("Uploaded {}, {}.", count(uploaded.files, "file"), size(uploaded.bytes)));
    let mut arguments = arguments;
    arguments["request_id"] = json!(request_id);
    if proposal.allow_mass_delete {
        arguments["allow_mass_delete"] = json!(true);
    }
    let confirmed: Answer<Confirmed> = client.call("bouncer_confirm_frontend_deploy", &arguments).await?;
    progress.warnings(&confirmed.raw);
    Ok(confirmed.view.submitted(proposal.project, Some(uploaded)))
}

/// The addresses of all files, in as many answers as the server gives them.
async fn addresses(client: &Client, arguments: &Value) -> Result<Addresses, CliError> {
    const TOOL: &str = "bouncer_request_frontend_presigned";
    let mut all = client.call::<Addresses>(TOOL, arguments).await?.view;
    while let Some(next) = all.next.take() {
        let mut arguments = arguments.clone();
        arguments["request_id"] = json!(next.request_id);
        arguments["cursor"] = json!(next.cursor);
        let more = client.call::<Addresses>(TOOL, &arguments).await?.view;
        if more.next.as_ref().is_some_and(|more| more.cursor <= next.cursor) {
            return Err(unfit_address());
        }
        all.files.extend(more.files);
        all.skipped.extend(more.skipped);
        all.next = more.next;
    }
    Ok(all)
}

/// Says what a deploy would change, without any effect.
pub async fn preview(
    client: &Client,
    progress: &Progress,
    dir: &Path,
    project: &str,
) -> Result<Answer<Preview>, CliError> {
    let files = read_site(progress, dir).await?;
    let specs: Vec<FileSpec> = files.iter().map(FileSpec::from).collect();
    client.call("bouncer_frontend_diff", &json!({ "project": project, "files": specs })).await
}

/// Walks and hashes.
async fn read_site(progress: &Progress, dir: &Path) -> Result<Vec<HashedFile>, CliError> {
    let (dir, shown) = (dir.to_owned(), *progress);
    let work = move || {
        let files = walk(&dir)?;
        for file in files.iter().filter(|file| looks_private(&file.path)) {
            let name = visible(file.path.as_str());
            shown.note(&format!("warning: '{name}' looks private, and everything published is public"));
        }
        let bar = shown.bytes("Hashing", files.iter().map(|file| file.size).sum());
        let hashed = hash_all(files, |read| bar.inc(read));
        bar.finish_and_clear();
        hashed
    };
    let files = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| CliError::failed("Reading the folder ended unexpectedly."))??;
    let total = files.iter().map(|file| file.source.size).sum();
    progress.line(&format!("Hashed {}, {}.", count(files.len(), "file"), size(total)));
    Ok(files)
}

/// A request that now waits for an approver.
#[derive(Debug, Clone, Serialize)]
pub struct Submitted {
    status: String,
    /// The request's id.
    pub request_id: String,
    project: String,
    /// Files of the site.
    pub file_count: u64,
    total_size: u64,
    /// What had to be sent; of a rollback there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<Sent>,
    /// What the deploy would change.
    pub changes: ChangeCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    restores: Option<String>,
    expires_at: Option<Time>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    /// Whether to say how to go on.
    #[serde(skip)]
    pub shows_commands: bool,
}

impl Render for Submitted {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let id = &self.request_id;
        let again = if self.duplicate { " (asked for before)" } else { "" };
        writeln!(out, "{} waits for an approval{again}", visible(id))?;
        write_field(out, "project", Some(&self.project))?;
        write_field(out, "files", Some(&format!("{}, {}", number(self.file_count), size(self.total_size))))?;
        write_field(out, "back to", self.restores.as_deref())?;
        let sent = self.uploaded.as_ref().map(|sent| format!("{}, {}", count(sent.files, "file"), size(sent.bytes)));
        write_field(out, "uploaded", sent.as_deref())?;
        write_field(out, "changes", Some(&changes::sentence(&self.changes)))?;
        write_field(out, "expires", self.expires_at.map(watch::time_left).as_deref())?;
        if !self.shows_commands {
            return Ok(());
        }
        write_field(out, "approve", Some(&format!("bouncer request approve {id}")))?;
        write_field(out, "follow", Some(&format!("bouncer deploy status {id} --watch")))
    }
}

/// A deploy that was waited for.
struct Finished {
    submitted: Submitted,
    outcome: Answer<StatusView>,
}

impl Serialize for Finished {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = json!(self.submitted);
        if let (Value::Object(answer), Value::Object(outcome)) = (&mut answer, &self.outcome.raw) {
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

/// What a deploy would change.
#[derive(Debug, Deserialize)]
pub struct Preview {
    project: String,
    changes: ChangeCounts,
    #[serde(default)]
    mass_delete: bool,
    files: changes::Names,
}

impl Preview {
    /// Whether it would change anything.
    pub fn has_changes(&self) -> bool {
        let ChangeCounts { added, changed, removed, .. } = self.changes;
        added + changed + removed > 0
    }
}

impl Render for Preview {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let project = visible(&self.project);
        if !self.has_changes() {
            return writeln!(out, "A deploy to {project} would change nothing");
        }
        writeln!(out, "A deploy to {project} would change this; nothing was done")?;
        write_field(out, "changes", Some(&changes::sentence(&self.changes)))?;
        if self.mass_delete {
            write_field(
                out,
                "refused",
                Some("more than half of the site would go; --allow-mass-delete asks all the same"),
            )?;
        }
        self.files.render(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submitted_request_says_how_to_go_on() {
        let submitted = Submitted {
            status: "pending_approval".into(),
            request_id: "req-0123456789abcdef".into(),
            project: "shop".into(),
            file_count: 12,
            total_size: 34_567,
            uploaded: Some(Sent { files: 2, bytes: 2048 }),
            changes: ChangeCounts { added: 1, changed: 1, removed: 0, unchanged: 10, bytes: 2048 },
            restores: None,
            expires_at: None,
            duplicate: false,
            shows_commands: true,
        };
        insta::assert_snapshot!(text_of(&submitted));
        insta::assert_json_snapshot!(submitted);
    }

    #[test]
    fn a_preview_lists_the_files() {
        let preview: Preview = serde_json::from_value(json!({
            "status": "ok", "project": "shop",
            "changes": {"added": 1, "changed": 2, "removed": 1, "unchanged": 5, "bytes": 4096},
            "files": {"added": ["assets/new.js"], "changed": ["about.html", "index.html"], "removed": ["assets/old.js"]},
        }))
        .unwrap();
        insta::assert_snapshot!(text_of(&preview));
    }
}
