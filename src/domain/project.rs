//! A project: where a site or a stack goes. Projects are rows, so adding one never needs a redeploy.

use super::approver::Approver;
use super::backend::target::{BackendTarget, Deployed};
use super::ids::{ApproverId, KeyId, ProjectId, ReleaseId};
use super::site::headers::{CacheRule, CacheRules};
use super::site::release::{LiveRelease, Retention};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The region a project's bucket is in when its row names none.
pub const DEFAULT_REGION: &str = "us-east-1";
/// The most approvers of a project.
const MAX_APPROVERS: usize = 50;
/// The longest name of a project, in characters.
const MAX_NAME: usize = 100;
/// The attributes of a row that say what a project is called, where its frontend goes and who decides.
pub const FRONTEND_FIELDS: [&str; 11] = [
    "name",
    "enabled",
    "frontend_bucket",
    "frontend_distribution_id",
    "frontend_region",
    "frontend_deploy_role_arn",
    "frontend_cache_rules",
    "approvers",
    "approvals_required",
    "retain_releases",
    "asset_grace_hours",
];

/// What a row says that lacks one of [`FRONTEND_FIELDS`]; `None` where absence is a value of its own.
pub fn meaning_of_absence(field: &str) -> Option<Value> {
    match field {
        "enabled" => Some(json!(enabled())),
        "frontend_region" => Some(json!(DEFAULT_REGION)),
        "frontend_cache_rules" | "approvers" => Some(json!([])),
        "approvals_required" => Some(json!(one())),
        "retain_releases" => Some(json!(retain_releases())),
        "asset_grace_hours" => Some(json!(asset_grace_hours())),
        _ => None,
    }
}

/// A row of `bouncer-projects`, as far as deploys need it. Other attributes of the row stay untouched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The project's id.
    pub project_id: ProjectId,
    /// The name people see; the id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A disabled project takes no requests.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Where a frontend is published.
    #[serde(flatten)]
    pub frontend: Option<FrontendTarget>,
    /// The project's own cache rules, before the built-in ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frontend_cache_rules: Vec<CacheRule>,
    /// Who decides about it: ids or names of keys, and users of channels; every approver when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How many different people must approve: 1 or 2.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals_required: u32,
    /// How many releases are kept, the current one among them.
    #[serde(default = "retain_releases")]
    pub retain_releases: u32,
    /// For how many hours files stay that a release has dropped.
    #[serde(default = "asset_grace_hours")]
    pub asset_grace_hours: u32,
    /// The release a visitor gets now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_release: Option<ReleaseId>,
    /// The releases that were live and are kept, oldest first, and the current one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<LiveRelease>,
    /// Where a backend comes from and goes to.
    #[serde(flatten)]
    pub backend: Option<BackendTarget>,
    /// What the stack was last made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
}

/// The bucket and what stands before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrontendTarget {
    /// The bucket that is served.
    #[serde(rename = "frontend_bucket")]
    pub bucket: String,
    /// The CloudFront distribution before it.
    #[serde(rename = "frontend_distribution_id", default, skip_serializing_if = "Option::is_none")]
    pub distribution_id: Option<String>,
    /// The bucket's region.
    #[serde(rename = "frontend_region", default = "default_region")]
    pub region: String,
    /// The role that writes the bucket; Bouncer's own when absent.
    #[serde(rename = "frontend_deploy_role_arn", default, skip_serializing_if = "Option::is_none")]
    pub deploy_role_arn: Option<String>,
}

fn one() -> u32 {
    1
}

fn is_one(required: &u32) -> bool {
    *required == 1
}

fn enabled() -> bool {
    true
}

/// The number of releases that a project keeps whose row says nothing.
pub fn retain_releases() -> u32 {
    Retention::DEFAULT.releases
}

/// The grace of a project whose row says nothing.
pub fn asset_grace_hours() -> u32 {
    Retention::DEFAULT.grace_hours
}

/// The region of a project whose row names none.
pub fn default_region() -> String {
    DEFAULT_REGION.to_owned()
}

impl Project {
    /// What people call it.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.project_id.as_str())
    }

    /// The bucket that is served; `None` without a frontend.
    pub fn bucket(&self) -> Option<&str> {
        self.frontend.as_ref().map(|target| target.bucket.as_str())
    }

    /// What of its earlier releases stays.
    pub fn retention(&self) -> Retention {
        Retention { releases: self.retain_releases, grace_hours: self.asset_grace_hours }
    }

    /// Checks every field; the answer lists each fault with its field.
    pub fn faults(&self) -> Vec<FieldFault> {
        let mut faults = field_faults(self.name.as_deref(), self.frontend.as_ref(), &self.frontend_cache_rules);
        faults.extend(approval_faults(&self.approvers, self.approvals_required));
        faults.extend(retention_faults(self.retention()));
        faults
    }

    /// Whether this approver is among those who decide about the project.
    pub fn is_decided_by(&self, approver: &Approver) -> bool {
        let key = approver.key.as_ref().map(KeyId::as_str);
        // Only an admin names a key; what a channel calls its users is theirs to choose.
        let name = (key == Some(approver.id.as_str())).then_some(approver.name.as_str());
        self.approvers.is_empty()
            || self
                .approvers
                .iter()
                .any(|one| one == approver.id.as_str() || Some(one.as_str()) == key || Some(one.as_str()) == name)
    }
}

/// Checks what is said of how long releases are kept.
pub fn retention_faults(retention: Retention) -> Vec<FieldFault> {
    let fault = |field, value: u32, expected| FieldFault { field, item: None, value: value.to_string(), expected };
    let Retention { releases, grace_hours } = retention;
    let mut faults = Vec::new();
    if !Retention::accepts_releases(releases) {
        faults.push(fault("retain_releases", releases, Retention::expected_releases()));
    }
    if !Retention::accepts_grace(grace_hours) {
        faults.push(fault("asset_grace_hours", grace_hours, Retention::expected_grace()));
    }
    faults
}

/// Checks the fields of a project that is still being put together.
pub fn field_faults(name: Option<&str>, target: Option<&FrontendTarget>, rules: &[CacheRule]) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    let mut check = |field: &'static str, value: &str, good: bool, expected: &'static str| {
        if !good {
            faults.push(FieldFault { field, item: None, value: value.to_owned(), expected: expected.to_owned() });
        }
    };
    if let Some(name) = name {
        check("name", name, is_name(name), "1 to 100 characters in one line, not all of them blank");
    }
    if let Some(target) = target {
        check(
            "frontend_bucket",
            &target.bucket,
            is_bucket_name(&target.bucket),
            "an S3 bucket name: 3 to 63 characters of a-z, 0-9, '-' and '.', starting and ending with a letter or digit",
        );
        check("frontend_region", &target.region, is_region(&target.region), "an AWS region such as us-east-1");
        if let Some(id) = &target.distribution_id {
            check(
                "frontend_distribution_id",
                id,
                is_distribution_id(id),
                "a CloudFront distribution id such as E2EXAMPLE1ABC: 'E' and 8 to 20 capital letters or digits",
            );
        }
        if let Some(arn) = &target.deploy_role_arn {
            check(
                "frontend_deploy_role_arn",
                arn,
                is_role_arn(arn),
                "the ARN of an IAM role: arn:aws:iam::<12 digits>:role/<name>",
            );
        }
    }
    faults.extend(CacheRules::faults(rules).into_iter().map(|rule| FieldFault {
        field: "frontend_cache_rules",
        item: Some(rule.index),
        value: rule.pattern,
        expected: rule.expected,
    }));
    faults
}

/// Checks who decides.
pub fn approval_faults(approvers: &[String], required: u32) -> Vec<FieldFault> {
    let is_good =
        |approver: &String| is_name(approver) && (!approver.contains(':') || ApproverId::parse(approver).is_ok());
    let mut faults: Vec<FieldFault> = approvers
        .iter()
        .enumerate()
        .filter(|(_, approver)| !is_good(approver))
        .map(|(index, approver)| FieldFault {
            field: "approvers",
            item: Some(index),
            value: approver.clone(),
            expected: "the id or name of a key, or a channel's user such as telegram:123456".to_owned(),
        })
        .collect();
    if approvers.len() > MAX_APPROVERS || (approvers.len() == 1 && required == 2) {
        faults.push(FieldFault {
            field: "approvers",
            item: None,
            value: approvers.join(", "),
            expected: format!("at most {MAX_APPROVERS}, and not fewer than must approve"),
        });
    }
    if !(1..=2).contains(&required) {
        faults.push(FieldFault {
            field: "approvals_required",
            item: None,
            value: required.to_string(),
            expected: "1 or 2".to_owned(),
        });
    }
    faults
}

/// A field whose value cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, JsonSchema, Serialize)]
#[error("{field} '{value}' is not valid: expected {expected}")]
pub struct FieldFault {
    /// The row's attribute.
    pub field: &'static str,
    /// In a list, which item of it, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
    /// What it holds.
    pub value: String,
    /// What it should hold.
    pub expected: String,
}

/// A name that fits on a line wherever a project is shown.
pub fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control)
}

/// The naming rules of S3 for general purpose buckets.
pub fn is_bucket_name(name: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    let looks_like_ip = name.split('.').count() == 4 && name.split('.').all(|part| part.parse::<u8>().is_ok());
    (3..=63).contains(&bytes.len())
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
        && !name.contains("..")
        && !looks_like_ip
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix))
}

/// The form of a region's name: `us-east-1`, `ap-southeast-3`, `us-gov-west-1`.
pub fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    (3..=5).contains(&parts.len())
        && parts[..parts.len() - 1].iter().all(letters)
        && (1..=2).contains(&parts[parts.len() - 1].len())
        && parts[parts.len() - 1].bytes().all(|b| b.is_ascii_digit())
}

/// The form of a CloudFront distribution's id.
pub fn is_distribution_id(id: &str) -> bool {
    (9..=21).contains(&id.len())
        && id.starts_with('E')
        && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The form of a role's ARN, in any partition.
pub fn is_role_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [prefix, partition, "iam", "", account, resource] = parts[..] else { return false };
    let name = resource.strip_prefix("role/").unwrap_or_default();
    prefix == "arn"
        && partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && (1..=576).contains(&name.len())
        && !name.ends_with('/')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names() {
        for good in ["abc", "my-site.example.com", "0numbers9"] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in ["ab", "Abc", "a_b_c", "-abc", "abc-", "a..b", "192.168.1.1", "xn--abc", &"a".repeat(64), "abc/def"]
        {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert!(is_name("Shop") && is_name("Größe 日本") && is_name(&"ä".repeat(100)));
        for bad in ["", "  ", "two\nlines", "\u{1b}[31mred", &"a".repeat(101)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    fn whole_project() -> Project {
        Project {
            project_id: ProjectId::parse("shop").unwrap(),
            name: Some("Shop".into()),
            enabled: false,
            frontend: Some(FrontendTarget {
                bucket: "shop-site".into(),
                distribution_id: Some("E2EXAMPLE1ABC".into()),
                region: "eu-west-1".into(),
                deploy_role_arn: Some("arn:aws:iam::123456789012:role/deploy".into()),
            }),
            frontend_cache_rules: vec![CacheRule { pattern: "*.json".into(), cache_control: "no-cache".into() }],
            approvers: vec!["anna".into(), "telegram:42".into()],
            approvals_required: 2,
            retain_releases: 3,
            asset_grace_hours: 0,
            current_release: None,
            releases: vec![],
            backend: None,
            deployed: None,
        }
    }

    #[test]
    fn the_list_of_fields_is_the_row() {
        let Value::Object(row) = serde_json::to_value(whole_project()).unwrap() else { panic!("no object") };
        let mut fields: Vec<&str> = FRONTEND_FIELDS.into_iter().chain(["project_id"]).collect();
        fields.sort_unstable();
        let mut attributes: Vec<&str> = row.keys().map(String::as_str).collect();
        attributes.sort_unstable();
        assert_eq!(fields, attributes);
    }

    #[test]
    fn an_absent_field_means_what_reading_makes_of_it() {
        let row = json!({"project_id": "shop", "frontend_bucket": "shop-site"});
        let read: Project = serde_json::from_value(row).unwrap();
        let full = FRONTEND_FIELDS.into_iter().fold(
            json!({"project_id": "shop", "frontend_bucket": "shop-site"}),
            |mut row, field| {
                if let Some(value) = meaning_of_absence(field) {
                    row[field] = value;
                }
                row
            },
        );
        assert_eq!(read, serde_json::from_value(full).unwrap());
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        assert_eq!(whole_project().faults(), []);
        let mut project = whole_project();
        project.name = Some("\t".into());
        project.frontend.as_mut().unwrap().bucket = "Shop".into();
        project.frontend_cache_rules.push(CacheRule { pattern: "a[".into(), cache_control: "x".into() });
        project.approvers = vec!["anna".into(), "telegram:".into()];
        project.approvals_required = 3;
        (project.retain_releases, project.asset_grace_hours) = (0, 100_000);
        let places: Vec<_> = project.faults().into_iter().map(|fault| (fault.field, fault.item)).collect();
        let expected = [
            ("name", None),
            ("frontend_bucket", None),
            ("frontend_cache_rules", Some(1)),
            ("approvers", Some(1)),
            ("approvals_required", None),
            ("retain_releases", None),
            ("asset_grace_hours", None),
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn regions_distributions_and_roles() {
        assert!(is_region("us-east-1") && is_region("us-gov-west-1") && is_region("ap-southeast-3"));
        assert!(!is_region("useast1") && !is_region("us-east-") && !is_region("US-EAST-1") && !is_region(""));
        assert!(is_distribution_id("E2EXAMPLE1ABC") && !is_distribution_id("e2example") && !is_distribution_id("E1"));
        assert!(is_role_arn("arn:aws:iam::123456789012:role/path/deploy-role"));
        assert!(is_role_arn("arn:aws-cn:iam::123456789012:role/x"));
        for bad in
            ["", "arn:aws:iam::123:role/x", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/"]
        {
            assert!(!is_role_arn(bad), "{bad}");
        }
    }
}
