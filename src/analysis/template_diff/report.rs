//! The result of a comparison: what differs, and what an approver must see first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many findings are listed; a last one counts the rest.
pub const MAX_FINDINGS: usize = 200;

/// What differs between two templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateDiff {
    /// Whether both mean the same and are deployed with the same parameters.
    pub unchanged: bool,
    /// The resources that differ, by logical id.
    pub changes: Vec<ResourceDiff>,
    /// The members of other sections that differ, and the parameters' values.
    pub sections: Vec<SectionDiff>,
    /// What a person must see first.
    pub findings: Vec<Finding>,
}

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it.
pub enum Change {
    Added,
    Removed,
    Changed,
}

/// A resource that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceDiff {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type, such as `AWS::Lambda::Function`; the new one when that differs.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it differs.
    pub change: Change,
    /// The paths of what differs in a changed resource, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<String>,
}

/// A member of a section other than `Resources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SectionDiff {
    /// The section; `sam_params` for the values that the project gives.
    pub section: String,
    /// The member, where the section is a mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// How it differs.
    pub change: Change,
}

/// The rules a change can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A policy or permission lets anybody in.
    WildcardPrincipal,
    /// A Lambda function URL takes calls without credentials.
    OpenFunctionUrl,
    /// A bucket gives up one of the four public-access switches or has a public ACL.
    PublicBucket,
    /// An IAM resource, a role in use, a trust policy, or what SAM makes into one.
    Iam,
    /// A policy at a resource, or a permission to call it.
    ResourcePolicy,
    /// What checks callers of an API differs.
    Authorization,
    /// Traffic from anywhere is let in.
    OpenIngress,
    /// A KMS key, its policy or its use; encryption that ends.
    Kms,
    /// A password, token or key stands in the template.
    LiteralSecret,
    /// A public address or endpoint is switched on.
    PublicIp,
    /// What keeps a resource's data when it is deleted or replaced is weaker.
    RetainRemoved,
    /// The physical name of a resource with data differs, which replaces it.
    NameRemoved,
    /// A resource with data is removed, or its condition differs.
    StatefulRemoved,
    /// A template within the template, which is not seen here.
    NestedStack,
    /// A transform or macro, which may rewrite everything.
    Macro,
    /// Something whose effect is not known.
    NotUnderstood,
}

/// One thing a person must see first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The resource, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_id: Option<String>,
    /// Where in the resource or template, such as `Properties.Policies[0]`; a line for a finding in text.
    pub path: String,
    /// What it means. Never shows a secret.
    pub sentence: String,
}
