//! What an approver is shown of a backend: the commit, what changed since the last deploy, and what to look at first.

use super::infrastructure;
use super::infrastructure::ChangeView;
use crate::cli::output::{count, shorten, table, visible, write_field, write_table};
use anstyle::{AnsiColor, Style};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// How many files, and how many resources of a template, are shown.
const SHOWN: usize = 20;
/// How many characters of a text.
const LENGTH: usize = 300;

/// Where a backend comes from and goes to, as the tools tell of it.
#[derive(Debug, Deserialize)]
pub struct BackendView {
    deploy_id: Option<String>,
    commit_sha: String,
    change_set_id: Option<String>,
    git_repo: Option<String>,
    branch: Option<String>,
    commit_message: Option<String>,
    deployed_commit: Option<String>,
    stack_name: Option<String>,
    target_role_arn: Option<String>,
}

/// What to look at before deciding, as the tools tell of it.
#[derive(Debug, Deserialize)]
pub struct ReviewView {
    author: Option<String>,
    url: Option<String>,
    context: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    files: Listed<FileView>,
    #[serde(default)]
    resources: Listed<ResourceView>,
    #[serde(default)]
    findings: Listed<FindingView>,
    #[serde(default)]
    changes: Listed<ChangeView>,
}

/// The first items of a list, and how many there are.
#[derive(Debug, Deserialize)]
struct Listed<T> {
    #[serde(default = "Vec::new")]
    items: Vec<T>,
    #[serde(default)]
    total: usize,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { items: vec![], total: 0 }
    }
}

#[derive(Debug, Deserialize)]
struct FileView {
    filename: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    additions: u64,
    #[serde(default)]
    deletions: u64,
}

#[derive(Debug, Deserialize)]
struct ResourceView {
    logical_id: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    change: String,
    #[serde(default)]
    properties: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct FindingView {
    #[serde(default)]
    rule: String,
    logical_id: Option<String>,
    #[serde(default)]
    path: String,
    sentence: String,
}

impl BackendView {
    /// Writes it as fields.
    pub fn render(&self, review: Option<&ReviewView>, out: &mut dyn Write) -> fmt::Result {
        let short = |sha: &str| sha.chars().take(7).collect::<String>();
        let (author, url, context) = review.map_or((None, None, None), |review| {
            (review.author.as_deref(), review.url.as_deref(), review.context.as_deref())
        });
        write_field(out, "context", context)?;
        write_field(out, "deploy", self.deploy_id.as_deref())?;
        write_field(out, "repository", self.git_repo.as_deref())?;
        write_field(out, "branch", self.branch.as_deref())?;
        let title = self.commit_message.as_deref().unwrap_or_default();
        write_field(out, "commit", Some(format!("{} {title}", self.commit_sha).trim_end()))?;
        write_field(out, "author", author)?;
        write_field(out, "deployed", self.deployed_commit.as_deref().map(short).as_deref())?;
        write_field(out, "compare", url)?;
        write_field(out, "stack", self.stack_name.as_deref())?;
        write_field(out, "role", self.target_role_arn.as_deref())?;
        write_field(out, "change set", self.change_set_id.as_deref())
    }
}

impl ReviewView {
    /// What a person must see before saying yes, a sentence each.
    pub fn risks(&self) -> Vec<String> {
        let changes = self.changes.items.iter().filter(|change| change.is_grave()).map(ChangeView::sentence);
        changes
            .chain(self.findings.items.iter().map(|finding| format!("In the template: {}", finding.sentence)))
            .collect()
    }

    /// Writes the lists, the gravest first.
    pub fn render(&self, out: &mut dyn Write) -> fmt::Result {
        self.render_notes(out)?;
        self.render_findings(out)?;
        infrastructure::render(&self.changes.items, self.changes.total, out)?;
        self.render_resources(out)?;
        self.render_files(out)?;
        self.render_parameters(out)
    }

    fn render_notes(&self, out: &mut dyn Write) -> fmt::Result {
        if self.notes.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
        self.notes.iter().try_for_each(|note| writeln!(out, "{yellow}note{yellow:#}: {}", text(note)))
    }

    fn render_findings(&self, out: &mut dyn Write) -> fmt::Result {
        let Listed { items, total } = &self.findings;
        if items.is_empty() {
            return Ok(());
        }
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let what = if *total == 1 { "1 thing".to_owned() } else { format!("{total} things") };
        writeln!(out, "\n{red}{what} in the template to look at{red:#}")?;
        for finding in items {
            let place = [finding.logical_id.as_deref().unwrap_or_default(), finding.path.as_str()];
            let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
            writeln!(out, "  {red}!{red:#} {}", text(&finding.sentence))?;
            writeln!(out, "    {} ({})", text(&place.join(" ")), text(&finding.rule.replace('_', " ")))?;
        }
        more(out, items.len(), *total)
    }

    fn render_resources(&self, out: &mut dyn Write) -> fmt::Result {
        let Listed { items, total } = &self.resources;
        if items.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{} of the template differ", count(*total, "resource"))?;
        let mut rows = table(&["", "RESOURCE", "TYPE", "WHAT"]);
        for resource in items.iter().take(SHOWN) {
            let what = resource.properties.join(", ");
            rows.add_row([
                symbol(&resource.change).into(),
                text(&resource.logical_id),
                text(&resource.kind),
                text(&what),
            ]);
        }
        write_table(out, &rows)?;
        more(out, items.len().min(SHOWN), *total)
    }

    fn render_files(&self, out: &mut dyn Write) -> fmt::Result {
        let Listed { items, total } = &self.files;
        if items.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{} changed since the last deploy", count(*total, "file"))?;
        let mut rows = table(&["", "FILE", "LINES"]);
        for file in items.iter().take(SHOWN) {
            let lines = format!("+{} -{}", file.additions, file.deletions);
            rows.add_row([symbol(&file.status).into(), text(&file.filename), lines]);
        }
        write_table(out, &rows)?;
        more(out, items.len().min(SHOWN), *total)
    }

    fn render_parameters(&self, out: &mut dyn Write) -> fmt::Result {
        if self.parameters.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nParameters")?;
        self.parameters.iter().try_for_each(|(name, value)| writeln!(out, "  {} = {}", text(name), text(value)))
    }
}

fn more(out: &mut dyn Write, shown: usize, total: usize) -> fmt::Result {
    match total.saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(out, "   … and {more} more"),
    }
}

/// One character for how something differs.
fn symbol(change: &str) -> &'static str {
    match change {
        "added" => "+",
        "removed" => "-",
        "renamed" => ">",
        _ => "~",
    }
}

fn text(text: &str) -> String {
    visible(&shorten(text, LENGTH))
}

#[cfg(test)]
mod tests {
    use super::super::RequestView;
    use crate::cli::output::text_of;
    use serde_json::{Value, json};

    fn screen(answer: Value) -> String {
        text_of(&serde_json::from_value::<RequestView>(answer).unwrap())
    }

    #[test]
    fn a_commit() {
        insta::assert_snapshot!(screen(json!({
            "request_id": "req-0123456789abcdef", "action": "backend_deploy", "status": "approved", "project": "shop",
            "target": null, "source": "ci", "caller": {"key_id": "key-0123456789ab", "name": "agent"},
            "reason": "Orders by post", "changes": null, "files": [], "files_total": 0, "removed": [],
            "backend": {"deploy_id": "deploy-0123456789abcdef", "commit_sha": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
                        "git_repo": "acme/shop", "branch": "main", "commit_message": "Take orders by post \u{1b}[2J",
                        "deployed_commit": "0f9e8d7c6b5a49382716051423f4e3d2c1b0a998", "stack_name": "shop-prod",
                        "target_role_arn": "arn:aws:iam::123456789012:role/shop-deploy"},
            "review": {
                "author": "Ann Author", "url": "https://github.com/acme/shop/compare/0f9e8d7...1a2b3c4",
                "context": "Tested on staging", "parameters": {"Stage": "prod", "Token": "****"},
                "notes": ["The secret 'shop/x' is known only once the stack runs, so it was not checked."],
                "files": {"items": [
                    {"filename": "src/orders.py", "status": "modified", "additions": 10, "deletions": 2},
                    {"filename": "src/post.py", "status": "added", "additions": 80, "deletions": 0},
                    {"filename": "a\nb\u{202e}", "status": "removed", "additions": 0, "deletions": 1}], "total": 53},
                "resources": {"items": [
                    {"logical_id": "Orders", "type": "AWS::Serverless::Function", "change": "changed",
                     "properties": ["Properties.MemorySize", "Properties.Policies[0]"]},
                    {"logical_id": "Post", "type": "AWS::SQS::Queue", "change": "added"}], "total": 2},
                "findings": {"items": [
                    {"rule": "iam", "logical_id": "Orders", "path": "Properties.Policies[0]",
                     "sentence": "The policies of Orders change: its role gets other rights."}], "total": 1},
            },
            "plan_hash": "ab".repeat(32), "created_at": "2026-01-02T03:04:05Z", "expires_at": "2026-01-02T03:14:05Z",
            "decided_by": "alice",
        })));
    }

    #[test]
    fn a_change_of_the_infrastructure() {
        let change = |id: &str, kind: &str, action: &str, replacement: &str, risk: &str, why: &str| {
            json!({"stack": "shop-prod", "logical_id": id, "resource_type": kind, "action": action, "properties": ["X"],
                   "replacement": replacement, "risk": risk, "needs_human": risk != "low", "why": why})
        };
        let nested = json!({"stack": "shop-prod-Data-1", "logical_id": "Rows\u{1b}[2J", "resource_type": "AWS::SQS::Queue",
                            "action": "Add", "replacement": "none", "properties": [], "risk": "review",
                            "needs_human": true, "why": "A new queue."});
        insta::assert_snapshot!(screen(json!({
            "request_id": "req-fedcba9876543210", "action": "infrastructure_change", "status": "expired", "project": "shop",
            "target": null, "source": "ci", "caller": {"key_id": "key-0123456789ab", "name": "agent"},
            "reason": "Orders by post", "changes": null, "files": [], "files_total": 0, "removed": [],
            "backend": {"deploy_id": "deploy-0123456789abcdef", "commit_sha": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
                        "change_set_id": "arn:aws:cloudformation:us-east-1:123456789012:changeSet/deploy-0123456789abcdef/1"},
            "review": {"changes": {"total": 61, "items": [
                change("Orders", "AWS::DynamoDB::Table", "Modify", "true", "high", "The table is replaced, and its data is lost."),
                change("Carts", "AWS::DynamoDB::Table", "Remove", "none", "high", "The table is removed with its data."),
                change("Api", "AWS::ApiGateway::RestApi", "Modify", "conditional", "review", "It may be replaced."),
                change("Role", "AWS::IAM::Role", "Modify", "none", "review", "Rights change."),
                nested,
                change("Handler", "AWS::Lambda::Function", "Modify", "none", "low", "Only its code changes."),
            ]}},
            "plan_hash": "cd".repeat(32), "created_at": "2026-01-02T03:04:05Z", "expires_at": "2026-01-03T03:04:05Z",
        })));
    }
}
