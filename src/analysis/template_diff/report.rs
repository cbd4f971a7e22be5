//! Describes the result of a comparison: what differs, and what an approver must see first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most findings listed; one more counts the rest.
pub const MAX_FINDINGS: usize = 200;

/// The difference between two templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateDiff {
    /// Whether templates and parameters are equal.
    pub unchanged: bool,
    /// The resources that differ, by logical id.
    pub changes: Vec<ResourceDiff>,
    /// The members of other sections that differ, and the parameter values that differ.
    pub sections: Vec<SectionDiff>,
    /// What an approver must see first.
    pub findings: Vec<Finding>,
}

/// The kind of a difference.
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
    /// The name in the template.
    pub logical_id: String,
    /// The resource type, such as `AWS::Lambda::Function`; the new one if it changed.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of the difference.
    pub change: Change,
    /// The paths that differ in a changed resource, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<String>,
}

/// A member of a section other than `Resources` that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SectionDiff {
    /// The section; `sam_params` for the values from the project.
    pub section: String,
    /// The member, if the section is a mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The kind of the difference.
    pub change: Change,
}

/// The rules of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A policy or permission allows anyone.
    WildcardPrincipal,
    /// A Lambda function URL accepts unauthenticated calls.
    OpenFunctionUrl,
    /// A bucket loses a public-access block or has a public ACL.
    PublicBucket,
    /// An IAM resource, a role, a trust policy, or input to a role that SAM generates.
    Iam,
    /// A resource-based policy or permission.
    ResourcePolicy,
    /// The authorization of an API.
    Authorization,
    /// Ingress from anywhere.
    OpenIngress,
    /// A KMS key, its policy or its use, or disabled encryption.
    Kms,
    /// A password, token or key in the template.
    LiteralSecret,
    /// A public address or endpoint.
    PublicIp,
    /// Weaker protection of data on deletion or replacement.
    RetainRemoved,
    /// A changed physical name of a resource with data, which replaces it.
    NameRemoved,
    /// A removed resource with data, or a change of its condition.
    StatefulRemoved,
    /// A nested template, which is not examined.
    NestedStack,
    /// A transform or macro, which may rewrite everything.
    Macro,
    /// Something whose effect is unknown.
    NotUnderstood,
}

/// A change that an approver must see first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule that applies.
    pub rule: Rule,
    /// The resource, if the finding is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_id: Option<String>,
    /// The place in the resource or template, such as `Properties.Policies[0]`.
    pub path: String,
    /// The sentence for the approver. Never contains a secret.
    pub sentence: String,
}
