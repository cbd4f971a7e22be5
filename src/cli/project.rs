//! `bouncer project …`.

mod backend;
mod import;

use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::output::{Render, count, table, visible, write_field, write_table};
use crate::domain::caller::Role;
use crate::domain::site::headers::CacheRule;
use backend::{BackendArgs, BackendView};
use import::ImportArgs;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::{self, Write};

/// What can be done with projects.
#[derive(Debug, clap::Subcommand)]
pub enum ProjectCommand {
    /// Add a project, or change one
    #[command(after_help = "\
Examples:
  bouncer project add shop --bucket shop-site
  bouncer project add shop --bucket shop-site --region eu-west-1 --distribution E2EXAMPLE1ABC \\
    --role arn:aws:iam::123456789012:role/shop-frontend-deploy
  bouncer project add shop --bucket shop-site --cache 'fonts/**=max-age=86400'")]
    Add(AddArgs),
    /// Say where a project's backend comes from and goes to
    ///
    /// The backend is a SAM or CloudFormation template in a GitHub repository; `bouncer deploy start` builds a commit of it
    /// and makes it the project's stack.
    #[command(after_help = backend::EXAMPLES)]
    Backend(BackendArgs),
    /// Add and change projects as a file says
    ///
    /// The whole file is checked before anything is written, and only fields that differ are written. A frontend_ field
    /// that the file leaves out is removed; other fields that it leaves out, and projects that it does not name, stay as
    /// they are. A second run changes nothing.
    #[command(after_help = import::EXAMPLES)]
    Import(ImportArgs),
    /// List the projects
    #[command(after_help = "Example:\n  bouncer project list --json")]
    List,
    /// Show a project
    #[command(after_help = "Example:\n  bouncer project show shop")]
    Show {
        /// The project
        name: String,
    },
}

/// The arguments of `project add`.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// The project's id: a-z, 0-9, '-', '_' and '.'
    name: String,
    /// The S3 bucket that is served
    #[arg(long)]
    bucket: String,
    /// The CloudFront distribution before it
    #[arg(long, value_name = "ID")]
    distribution: Option<String>,
    /// The IAM role that writes the bucket
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
    /// The bucket's region; us-east-1 unless given
    #[arg(long)]
    region: Option<String>,
    /// The name that people see
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Who decides about it: a key's id or name, or telegram:ID; may be repeated, '' is every approver
    #[arg(long = "approver", value_name = "WHO")]
    approvers: Vec<String>,
    /// How many different people must approve
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2))]
    approvals_required: Option<u32>,
    /// A rule of its own for Cache-Control, before the built-in ones; the first that matches wins
    #[arg(long = "cache", value_name = "PATTERN=VALUE", value_parser = cache_rule)]
    cache_rules: Vec<CacheRule>,
    /// How many releases are kept to go back to, the current one among them; 5 unless given
    #[arg(long, value_name = "COUNT")]
    retain_releases: Option<u32>,
    /// For how many hours files stay after a release without them went live; 24 unless given
    #[arg(long, value_name = "HOURS")]
    asset_grace_hours: Option<u32>,
}

fn cache_rule(text: &str) -> Result<CacheRule, String> {
    let (pattern, value) = text.split_once('=').ok_or("expected a form such as fonts/**=max-age=86400")?;
    Ok(CacheRule { pattern: pattern.to_owned(), cache_control: value.to_owned() })
}

impl AddArgs {
    /// The tool's arguments; what was not given is left out, so that changing a project keeps it.
    fn into_json(self) -> Value {
        let optional =
            [("distribution", self.distribution), ("role", self.role), ("region", self.region), ("name", self.title)];
        let mut arguments = Map::new();
        arguments.insert("project".into(), json!(self.name));
        arguments.insert("bucket".into(), json!(self.bucket));
        arguments.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))));
        if !self.approvers.is_empty() {
            let approvers: Vec<String> = self.approvers.into_iter().filter(|who| !who.trim().is_empty()).collect();
            arguments.insert("approvers".into(), json!(approvers));
        }
        if let Some(required) = self.approvals_required {
            arguments.insert("approvals_required".into(), json!(required));
        }
        let numbers = [("retain_releases", self.retain_releases), ("asset_grace_hours", self.asset_grace_hours)];
        arguments.extend(numbers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))));
        if !self.cache_rules.is_empty() {
            arguments.insert("cache_rules".into(), json!(self.cache_rules));
        }
        Value::Object(arguments)
    }
}

/// Runs a command.
pub async fn run(context: &Context, command: ProjectCommand) -> Result<Exit, CliError> {
    match command {
        ProjectCommand::Add(args) => {
            let client = context.connection.client(Role::Admin)?;
            context.printer.show(&client.call::<Added>("bouncer_project_add", &args.into_json()).await?)?;
        }
        ProjectCommand::Backend(args) => {
            let client = context.connection.client(Role::Admin)?;
            let arguments = args.into_json()?;
            let answer = client.call::<Added>("bouncer_project_backend", &arguments).await;
            context.printer.show(&answer.map_err(backend::with_options)?)?;
        }
        ProjectCommand::Import(args) => return import::run(context, args).await,
        ProjectCommand::List => {
            let client = context.connection.client(Role::Agent)?;
            context.printer.show(&client.call::<Listed>("bouncer_project_list", &json!({})).await?)?;
        }
        ProjectCommand::Show { name } => {
            let client = context.connection.client(Role::Agent)?;
            let answer = client.call::<Shown>("bouncer_project_show", &json!({ "project": name })).await?;
            context.printer.show(&answer)?;
        }
    }
    Ok(Exit::Done)
}

/// A project's row. Rows may hold more than this version knows.
#[derive(Debug, Deserialize)]
struct Row {
    project_id: String,
    name: Option<String>,
    enabled: Option<bool>,
    frontend_bucket: Option<String>,
    frontend_region: Option<String>,
    frontend_distribution_id: Option<String>,
    frontend_deploy_role_arn: Option<String>,
    retain_releases: Option<u32>,
    asset_grace_hours: Option<u32>,
    current_release: Option<String>,
    #[serde(default)]
    approvers: Vec<String>,
    #[serde(default)]
    approvals_required: u32,
    #[serde(default)]
    frontend_cache_rules: Vec<CacheRule>,
    backend: Option<BackendView>,
}

impl Row {
    fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }
}

impl Render for Row {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let state = if self.is_enabled() { "" } else { " (disabled: takes no requests)" };
        writeln!(out, "{}{state}", visible(&self.project_id))?;
        write_field(out, "name", self.name.as_deref())?;
        write_field(out, "bucket", self.frontend_bucket.as_deref())?;
        write_field(out, "region", self.frontend_region.as_deref())?;
        write_field(out, "cdn", self.frontend_distribution_id.as_deref())?;
        write_field(out, "role", self.frontend_deploy_role_arn.as_deref())?;
        if !self.approvers.is_empty() {
            write_field(out, "approvers", Some(&self.approvers.join(", ")))?;
        }
        if self.approvals_required > 1 {
            write_field(out, "approvals", Some(&format!("{} different people must approve", self.approvals_required)))?;
        }
        for rule in &self.frontend_cache_rules {
            write_field(out, "cache", Some(&format!("{}: {}", rule.pattern, rule.cache_control)))?;
        }
        if let (Some(releases), Some(hours)) = (self.retain_releases, self.asset_grace_hours) {
            let kept = format!("{}, and dropped files for {}", count(releases, "release"), count(hours, "hour"));
            write_field(out, "keeps", Some(&kept))?;
        }
        if self.frontend_bucket.is_some() {
            write_field(out, "release", Some(self.current_release.as_deref().unwrap_or("none yet")))?;
        }
        self.backend.as_ref().map_or(Ok(()), |backend| backend.render(out))
    }
}

#[derive(Debug, Deserialize)]
struct Added {
    project: Row,
    created: bool,
}

impl Render for Added {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{} ", if self.created { "Added" } else { "Changed" })?;
        self.project.render(out)
    }
}

/// A shown project, whether the answer holds the row itself or under `project`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Shown {
    Wrapped { project: Row },
    Plain(Row),
}

impl Render for Shown {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        let (Shown::Wrapped { project } | Shown::Plain(project)) = self;
        project.render(out)
    }
}

#[derive(Debug, Deserialize)]
struct Listed {
    projects: Vec<Row>,
}

impl Render for Listed {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        if self.projects.is_empty() {
            return writeln!(
                out,
                "No projects yet; `bouncer project add` adds a site, `bouncer project backend` a backend."
            );
        }
        // Most installations have projects of one kind only.
        let with_backends = self.projects.iter().any(|row| row.backend.is_some());
        let mut columns = vec!["PROJECT", "BUCKET", "REGION", "DISTRIBUTION", "RELEASE"];
        if with_backends {
            columns.extend(["REPOSITORY", "STACK", "MODE", "DEPLOYED"]);
        }
        let mut rows = table(&columns);
        for row in &self.projects {
            let id = if row.is_enabled() { row.project_id.clone() } else { format!("{} (disabled)", row.project_id) };
            let cell = |value: Option<&str>| visible(value.unwrap_or("-"));
            let mut cells = vec![
                visible(&id),
                cell(row.frontend_bucket.as_deref()),
                cell(row.frontend_region.as_deref()),
                cell(row.frontend_distribution_id.as_deref()),
                cell(row.current_release.as_deref()),
            ];
            if with_backends {
                let backend = row.backend.as_ref();
                let repository = backend.map(|backend| format!("{} ({})", backend.git_repo, backend.default_branch));
                cells.extend([
                    cell(repository.as_deref()),
                    cell(backend.map(|backend| backend.stack_name.as_str())),
                    cell(backend.map(|backend| backend.deploy_mode.as_str())),
                    cell(backend.and_then(BackendView::commit).as_deref()),
                ]);
            }
            rows.add_row(cells);
        }
        write_table(out, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::text_of;
    use super::*;

    #[test]
    fn what_is_not_given_is_not_sent() {
        let args = AddArgs {
            name: "shop".into(),
            bucket: "shop-site".into(),
            distribution: None,
            role: None,
            region: Some("eu-west-1".into()),
            title: None,
            approvers: vec![],
            approvals_required: None,
            cache_rules: vec![cache_rule("*.json=max-age=5").unwrap()],
            retain_releases: None,
            asset_grace_hours: Some(0),
        };
        assert_eq!(
            args.into_json(),
            json!({"project": "shop", "bucket": "shop-site", "region": "eu-west-1",
                   "asset_grace_hours": 0, "cache_rules": [{"pattern": "*.json", "cache_control": "max-age=5"}]})
        );
    }

    #[test]
    fn screens() {
        let row = json!({
            "project_id": "shop", "name": "The shop", "enabled": true, "frontend_bucket": "shop-site",
            "frontend_region": "us-east-1", "frontend_distribution_id": "E2EXAMPLE1ABC",
            "frontend_deploy_role_arn": "arn:aws:iam::123456789012:role/shop", "current_release": "rel-0123456789ab",
            "retain_releases": 5, "asset_grace_hours": 24,
            "frontend_cache_rules": [{"pattern": "*.json", "cache_control": "max-age=5"}], "stack_name": "unknown here",
        });
        let added: Added = serde_json::from_value(json!({"status": "ok", "project": row, "created": true})).unwrap();
        insta::assert_snapshot!("added", text_of(&added));
        let bare = json!({"project_id": "blog", "enabled": false, "frontend_bucket": "blog-site"});
        let list: Listed = serde_json::from_value(json!({"projects": [row, bare], "count": 2})).unwrap();
        insta::assert_snapshot!("listed", text_of(&list));
        let backend = json!({
            "git_repo": "acme/shop", "default_branch": "main", "sam_template_path": "template.yaml", "stack_name": "shop-prod",
            "stack_region": "eu-west-1", "target_role_arn": "arn:aws:iam::123456789012:role/shop-deploy",
            "parameters": ["Stage", "Token"], "deploy_mode": "auto_code",
            "deployed_commit": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        });
        let api = json!({"project_id": "api", "name": "api", "enabled": true, "backend": backend});
        let list: Listed = serde_json::from_value(json!({"projects": [row, api], "count": 2})).unwrap();
        insta::assert_snapshot!("listed_with_backends", text_of(&list));
        let added: Added = serde_json::from_value(json!({"status": "ok", "project": api, "created": true})).unwrap();
        insta::assert_snapshot!("backend_set", text_of(&added));
        let empty: Listed = serde_json::from_value(json!({"projects": []})).unwrap();
        insta::assert_snapshot!("none", text_of(&empty));
        let shown: Shown = serde_json::from_value(json!({"status": "ok", "project": bare})).unwrap();
        insta::assert_snapshot!("shown", text_of(&shown));
    }
}
