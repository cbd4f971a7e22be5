//! What only an installation in an AWS account has: its tables, buckets, secrets and state machines.

use super::error::Problem;
use super::parse::{arn, bucket, name};
use super::reader::Reader;
use super::variables::{
    ACCOUNT, BOOTSTRAP_SECRET_ARN, EXTERNAL_ID, STAGING_BUCKET, STATE_MACHINE_DEPLOY, STATE_MACHINE_FRONTEND_DEPLOY,
    STATE_MACHINE_REQUEST, TABLE_PREFIX, Variable,
};
use std::collections::BTreeMap;

/// Why an installation needs its state machines.
const WHY_MACHINES: &str = "the aws profile runs its work there (infra/template.yaml sets it for its functions)";

/// Tables, buckets and secrets. What is `None` has a default that depends on the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageConfig {
    /// The account: 12 digits; `None` to ask STS.
    pub account: Option<String>,
    /// The start of every table's name.
    pub table_prefix: Option<String>,
    /// The bucket that holds blobs, manifests and uploads.
    pub staging_bucket: Option<String>,
    /// The secret with the first admin key.
    pub bootstrap_secret: Option<String>,
}

impl StorageConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            account: reader.read(&ACCOUNT, account),
            table_prefix: reader.read(&TABLE_PREFIX, name(1..=200, b"_.-")),
            staging_bucket: reader.read(&STAGING_BUCKET, bucket),
            bootstrap_secret: reader.read(&BOOTSTRAP_SECRET_ARN, arn("secretsmanager", "secret:")),
        }
    }
}

/// The ARNs of the state machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachines(BTreeMap<&'static str, String>);

/// The machines by name, with the variables of their ARNs.
const MACHINES: [(&str, &Variable); 3] = [
    ("frontend_deploy", &STATE_MACHINE_FRONTEND_DEPLOY),
    ("deploy", &STATE_MACHINE_DEPLOY),
    ("request", &STATE_MACHINE_REQUEST),
];

impl StateMachines {
    /// Reads the area. Where the machines are needed, a missing one is a problem.
    pub(super) fn read(reader: &mut Reader<'_>, are_needed: bool) -> Option<Self> {
        let mut arns = BTreeMap::new();
        for (machine, variable) in MACHINES {
            if let Some(arn) = reader.read(variable, arn("states", "stateMachine:")) {
                arns.insert(machine, arn);
            }
            if are_needed {
                reader.require(variable, WHY_MACHINES);
            }
        }
        (arns.len() == MACHINES.len()).then_some(Self(arns))
    }

    /// Returns the ARN of a machine.
    pub fn arn(&self, machine: &str) -> Option<&str> {
        self.0.get(machine).map(String::as_str)
    }
}

/// Reads what Bouncer presents when it assumes a project's role.
pub(super) fn external_id(reader: &mut Reader<'_>) -> Option<String> {
    reader.read(&EXTERNAL_ID, name(2..=1224, b"+=,.@:/_-"))
}

/// The problem of a machine that is not set.
pub(super) fn missing(machine: &'static Variable) -> Problem {
    Problem::Missing { name: machine.name, why: WHY_MACHINES, form: machine.form }
}

fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("is not an account's number".to_owned()) }
}
