//! The data file: what is wanted, or every fault in it with its line.

use bouncer::domain::ids::ProjectId;
use bouncer::domain::project::{
    DEFAULT_REGION, FRONTEND_FIELDS, FrontendTarget, Project, approval_faults, asset_grace_hours, field_faults,
    retain_releases, retention_faults,
};
use bouncer::domain::site::headers::CacheRule;
use bouncer::domain::site::release::Retention;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Fields that others set too: one that the file leaves out stays as it is in the table.
const SHARED_FIELDS: [&str; 6] =
    ["name", "enabled", "approvers", "approvals_required", "retain_releases", "asset_grace_hours"];

/// A project as the file wants it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The whole row of a new project.
    pub project: Project,
    /// The fields that the file decides on; `None` is a field that must not be there.
    pub fields: BTreeMap<&'static str, Option<Value>>,
    /// Where the bucket is stated.
    pub bucket_line: usize,
}

/// Something in the file that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// One sentence.
    pub message: String,
}

/// Reads the file.
///
/// # Errors
/// Every fault, by line. A file that is no TOML has only faults of syntax.
pub fn parse(text: &str) -> Result<Vec<Wanted>, Vec<Fault>> {
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
    let wanted = reader.document(document.get_ref());
    reader.refuse_shared_buckets();
    if reader.faults.is_empty() { Ok(wanted) } else { Err(in_order(reader.faults)) }
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

    fn document(&mut self, document: &DeTable<'_>) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for (key, value) in document {
            let line = self.lines.at(key.span());
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("projects", DeValue::Table(projects)) => {
                    wanted.extend(projects.iter().filter_map(|(id, row)| self.project(id, row)));
                }
                ("projects", _) => self.fault(line, "'projects' is not a table: write one [projects.NAME] a project."),
                (other, _) => {
                    self.fault(line, format!("Unknown key '{other}': only [projects.NAME] tables are known here."));
                }
            }
        }
        wanted
    }

    fn project(&mut self, id: &Spanned<toml::de::DeString<'_>>, row: &Spanned<DeValue<'_>>) -> Option<Wanted> {
        let (name, header) = (id.get_ref().as_ref(), self.lines.at(id.span()));
        let faults_before = self.faults.len();
        let project_id = ProjectId::parse(name).map_err(|error| self.fault(header, format!("The {error}."))).ok();
        let DeValue::Table(row) = row.get_ref() else {
            self.fault(header, format!("'{name}' is not a table: write [projects.{name}] and its fields below."));
            return None;
        };
        let mut row = Row::read(self, name, row);
        let bucket = row.texts.remove("frontend_bucket");
        let bucket_line = row.lines.get("frontend_bucket").copied();
        match (&bucket, bucket_line) {
            (Some(bucket), Some(line)) => {
                self.buckets.push(BucketUse { line, project: name.to_owned(), bucket: bucket.clone() });
            }
            (_, None) => self.fault(header, format!("The project '{name}' has no frontend_bucket.")),
            // It is there, but no text, which has been said.
            (None, Some(_)) => {}
        }
        let display_name = row.texts.remove("name");
        let target = FrontendTarget {
            bucket: bucket.clone().unwrap_or_default(),
            distribution_id: row.texts.remove("frontend_distribution_id"),
            region: row.texts.remove("frontend_region").unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            deploy_role_arn: row.texts.remove("frontend_deploy_role_arn"),
        };
        let (rule_lines, rules): (Vec<usize>, Vec<CacheRule>) = row.rules.into_iter().unzip();
        let approvals_required = row.numbers.remove("approvals_required").unwrap_or(1);
        let retention = Retention {
            releases: row.numbers.remove("retain_releases").unwrap_or_else(retain_releases),
            grace_hours: row.numbers.remove("asset_grace_hours").unwrap_or_else(asset_grace_hours),
        };
        let faults = field_faults(display_name.as_deref(), Some(&target), &rules);
        let approvals = approval_faults(&row.approvers, approvals_required);
        for fault in faults.into_iter().chain(approvals).chain(retention_faults(retention)) {
            if fault.field == "frontend_bucket" && bucket.is_none() {
                continue;
            }
            let item = fault.item.filter(|_| fault.field == "frontend_cache_rules");
            let item = item.and_then(|item| rule_lines.get(item));
            let line = item.or_else(|| row.lines.get(fault.field)).copied().unwrap_or(header);
            self.fault(line, format!("The project '{name}': {fault}."));
        }
        if self.faults.len() > faults_before {
            return None;
        }
        let project = Project {
            project_id: project_id?,
            name: display_name,
            enabled: row.enabled.unwrap_or(true),
            frontend: Some(target),
            frontend_cache_rules: rules,
            approvers: row.approvers,
            approvals_required,
            retain_releases: retention.releases,
            asset_grace_hours: retention.grace_hours,
            current_release: None,
            releases: vec![],
            backend: None,
            deployed: None,
        };
        let fields = fields(&project, &row.lines);
        Some(Wanted { project, fields, bucket_line: bucket_line.unwrap_or(header) })
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

/// What the file decides on, as the row's attributes.
fn fields(project: &Project, given: &HashMap<String, usize>) -> BTreeMap<&'static str, Option<Value>> {
    let row = serde_json::to_value(project).unwrap_or_default();
    FRONTEND_FIELDS
        .into_iter()
        .filter(|field| given.contains_key(*field) || !SHARED_FIELDS.contains(field))
        .map(|field| (field, row.get(field).cloned()))
        .collect()
}

/// The fields of one project that have the right type, and where they are.
#[derive(Default)]
struct Row {
    texts: HashMap<&'static str, String>,
    enabled: Option<bool>,
    approvers: Vec<String>,
    numbers: HashMap<&'static str, u32>,
    rules: Vec<(usize, CacheRule)>,
    lines: HashMap<String, usize>,
}

impl Row {
    fn read(reader: &mut Reader, project: &str, table: &DeTable<'_>) -> Self {
        let mut row = Row::default();
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
                    Some(texts) => row.approvers = texts,
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
