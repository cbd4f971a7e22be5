//! Reads the file of `bouncer project import`: the projects in it, or every fault with its line.

use crate::admin::projects::{AddProject, changed};
use crate::domain::ids::ProjectId;
use crate::domain::project::{DEFAULT_REGION, FRONTEND_FIELDS};
use crate::domain::site::headers::CacheRule;
use serde::Serialize;
use std::collections::HashMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A project of the file.
#[derive(Debug, Clone)]
pub struct FileProject {
    /// The arguments that make the stored project agree with the file.
    pub row: AddProject,
    /// Where the project begins.
    header: usize,
    /// Where each of its fields is.
    lines: HashMap<String, usize>,
}

impl FileProject {
    /// Returns the line of a field, or that of the project when the file leaves the field out.
    pub fn line_of(&self, field: &str) -> usize {
        // The tools call this field by a shorter name.
        let field = if field == "bucket" { "frontend_bucket" } else { field };
        self.lines.get(field).copied().unwrap_or(self.header)
    }
}

/// Something in the file that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// One sentence.
    pub message: String,
}

/// Reads the text of the file.
///
/// # Errors
///
/// Lists every fault, by line. A file that is not TOML has only faults of syntax.
pub fn parse(text: &str) -> Result<Vec<FileProject>, Vec<Fault>> {
    let lines = Lines::of(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let fault = |error: &toml::de::Error| Fault {
            line: lines.at(error.span().unwrap_or_default()),
            message: format!("This is not TOML: {}.", error.message().trim_end_matches('.')),
        };
        return Err(in_order(errors.iter().map(fault).collect()));
    }
    let mut reader = Reader { lines, faults: Vec::new(), buckets: Vec::new() };
    let projects = reader.document(document.get_ref());
    reader.refuse_shared_buckets();
    if reader.faults.is_empty() { Ok(projects) } else { Err(in_order(reader.faults)) }
}

fn in_order(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|fault| fault.line);
    faults
}

/// Where the lines start.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line in which a span begins, counted from 1.
    fn at(&self, span: Range<usize>) -> usize {
        self.0.partition_point(|start| *start <= span.start)
    }
}

struct Reader {
    lines: Lines,
    faults: Vec<Fault>,
    buckets: Vec<BucketUse>,
}

struct BucketUse {
    line: usize,
    project: String,
    bucket: String,
}

impl Reader {
    fn fault(&mut self, line: usize, message: impl Into<String>) {
        self.faults.push(Fault { line, message: message.into() });
    }

    fn document(&mut self, document: &DeTable<'_>) -> Vec<FileProject> {
        let mut found = Vec::new();
        for (key, value) in document {
            let line = self.lines.at(key.span());
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("projects", DeValue::Table(projects)) => {
                    found.extend(projects.iter().filter_map(|(id, row)| self.project(id, row)));
                }
                ("projects", _) => self.fault(line, "'projects' is not a table: write one [projects.NAME] a project."),
                (other, _) => {
                    self.fault(line, format!("Unknown key '{other}': only [projects.NAME] tables are known here."));
                }
            }
        }
        found
    }

    fn project(&mut self, id: &Spanned<toml::de::DeString<'_>>, row: &Spanned<DeValue<'_>>) -> Option<FileProject> {
        let (name, header) = (id.get_ref().as_ref(), self.lines.at(id.span()));
        let faults_before = self.faults.len();
        let project_id = ProjectId::parse(name).map_err(|error| self.fault(header, format!("The {error}."))).ok();
        let DeValue::Table(row) = row.get_ref() else {
            self.fault(header, format!("'{name}' is not a table: write [projects.{name}] and its fields below."));
            return None;
        };
        let mut fields = Fields::read(self, name, row);
        let bucket = fields.texts.remove("frontend_bucket");
        match (&bucket, fields.lines.get("frontend_bucket")) {
            (Some(bucket), Some(line)) => {
                self.buckets.push(BucketUse { line: *line, project: name.to_owned(), bucket: bucket.clone() });
            }
            (_, None) => self.fault(header, format!("The project '{name}' has no frontend_bucket.")),
            // It has the wrong type, which is a fault already.
            (None, Some(_)) => {}
        }
        let has_bucket = bucket.is_some();
        let (project, rule_lines) = fields.into_project(name, header, bucket.unwrap_or_default());
        if let Some(id) = &project_id {
            for fault in changed(id, None, project.row.clone()).faults() {
                if fault.field == "frontend_bucket" && !has_bucket {
                    continue;
                }
                let item = fault.item.filter(|_| fault.field == "frontend_cache_rules");
                let item = item.and_then(|item| rule_lines.get(item)).copied();
                let line = item.unwrap_or_else(|| project.line_of(fault.field));
                self.fault(line, format!("The project '{name}': {fault}."));
            }
        }
        (self.faults.len() == faults_before).then_some(project)
    }

    fn refuse_shared_buckets(&mut self) {
        let mut uses = std::mem::take(&mut self.buckets);
        uses.sort_by_key(|bucket_use| bucket_use.line);
        let mut owners: HashMap<&str, &BucketUse> = HashMap::new();
        for later in &uses {
            let BucketUse { line, project, bucket } = later;
            let Some(first) = owners.get(bucket.as_str()) else {
                owners.insert(bucket, later);
                continue;
            };
            let (owner, place) = (&first.project, first.line);
            let message = format!(
                "The project '{project}': the bucket '{bucket}' is already that of '{owner}' (line {place}); give each \
                 project its own."
            );
            self.fault(*line, message);
        }
    }
}

/// The fields of one project that have the right type, and where they are.
#[derive(Default)]
struct Fields {
    texts: HashMap<&'static str, String>,
    enabled: Option<bool>,
    approvers: Option<Vec<String>>,
    numbers: HashMap<&'static str, u32>,
    rules: Vec<(usize, CacheRule)>,
    lines: HashMap<String, usize>,
}

impl Fields {
    fn read(reader: &mut Reader, project: &str, table: &DeTable<'_>) -> Self {
        let mut row = Fields::default();
        for (key, value) in table {
            let (line, key) = (reader.lines.at(key.span()), key.get_ref().as_ref());
            row.lines.insert(key.to_owned(), line);
            let Some(field) = FRONTEND_FIELDS.into_iter().find(|field| *field == key) else {
                let known = FRONTEND_FIELDS.join(", ");
                reader.fault(line, format!("The project '{project}': unknown key '{key}'; known are {known}."));
                continue;
            };
            match (field, value.get_ref()) {
                ("enabled", DeValue::Boolean(enabled)) => row.enabled = Some(*enabled),
                ("enabled", _) => {
                    reader.fault(line, format!("The project '{project}': {field} must be true or false."))
                }
                ("approvers", DeValue::Array(approvers)) => match approvers.iter().map(text_of).collect() {
                    Some(texts) => row.approvers = Some(texts),
                    None => reader.fault(line, format!("The project '{project}': {field} must be a list of texts.")),
                },
                ("approvers", _) => {
                    reader.fault(line, format!("The project '{project}': {field} must be a list of texts."));
                }
                ("retain_releases" | "asset_grace_hours" | "approvals_required", DeValue::Integer(number))
                    if whole(number).is_some() =>
                {
                    row.numbers.extend(whole(number).map(|number| (field, number)));
                }
                ("retain_releases" | "asset_grace_hours" | "approvals_required", _) => {
                    reader.fault(line, format!("The project '{project}': {field} must be a whole number."));
                }
                ("frontend_cache_rules", DeValue::Array(rules)) => {
                    row.rules = rules.iter().filter_map(|rule| cache_rule(reader, project, rule)).collect();
                }
                ("frontend_cache_rules", _) => reader.fault(
                    line,
                    format!("The project '{project}': {field} must be a list of {{ pattern, cache_control }}."),
                ),
                (_, DeValue::String(text)) => drop(row.texts.insert(field, text.to_string())),
                _ => reader.fault(line, format!("The project '{project}': {field} must be a text in quotes.")),
            }
        }
        row
    }

    /// Makes the arguments of the import, and returns with them the line of each cache rule.
    ///
    /// Fields of the frontend that the file leaves out are cleared; the others stay as they are stored.
    fn into_project(mut self, name: &str, header: usize, bucket: String) -> (FileProject, Vec<usize>) {
        let mut text_or =
            |field: &str, absent: &str| Some(self.texts.remove(field).unwrap_or_else(|| absent.to_owned()));
        let (rule_lines, rules): (Vec<usize>, Vec<CacheRule>) = self.rules.into_iter().unzip();
        let row = AddProject {
            project: name.to_owned(),
            bucket,
            distribution: text_or("frontend_distribution_id", ""),
            region: text_or("frontend_region", DEFAULT_REGION),
            role: text_or("frontend_deploy_role_arn", ""),
            name: self.texts.remove("name"),
            cache_rules: Some(rules),
            approvers: self.approvers,
            approvals_required: self.numbers.remove("approvals_required"),
            retain_releases: self.numbers.remove("retain_releases"),
            asset_grace_hours: self.numbers.remove("asset_grace_hours"),
            enabled: self.enabled,
        };
        (FileProject { row, header, lines: self.lines }, rule_lines)
    }
}

fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    }
}

fn whole(number: &toml::de::DeInteger<'_>) -> Option<u32> {
    u32::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Reads a cache rule, with its line.
fn cache_rule(reader: &mut Reader, project: &str, rule: &Spanned<DeValue<'_>>) -> Option<(usize, CacheRule)> {
    let line = reader.lines.at(rule.span());
    let DeValue::Table(table) = rule.get_ref() else {
        reader.fault(line, format!("The project '{project}': a cache rule is {{ pattern, cache_control }}."));
        return None;
    };
    let mut members: HashMap<&str, String> = HashMap::new();
    for (key, value) in table {
        let (line, key) = (reader.lines.at(key.span()), key.get_ref().as_ref());
        match (key, value.get_ref()) {
            ("pattern" | "cache_control", DeValue::String(text)) => drop(members.insert(key, text.to_string())),
            ("pattern" | "cache_control", _) => {
                reader.fault(line, format!("The project '{project}': a cache rule's {key} must be a text in quotes."));
            }
            _ => reader.fault(
                line,
                format!(
                    "The project '{project}': unknown key '{key}' in a cache rule; known are pattern, cache_control."
                ),
            ),
        }
    }
    for member in ["pattern", "cache_control"] {
        if !table.keys().any(|key| key.get_ref() == member) {
            reader.fault(line, format!("The project '{project}': a cache rule has no {member}."));
        }
    }
    Some((line, CacheRule { pattern: members.remove("pattern")?, cache_control: members.remove("cache_control")? }))
}

#[cfg(test)]
mod tests;
