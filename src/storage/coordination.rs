//! `bouncer-deploy-locks`: the rows by which writers coordinate. Their keys are built here and nowhere else.
//!
//! | row | key | lifetime |
//! | --- | --- | --- |
//! | lease on a project's stack | `PROJECT` | until released, or expired |
//! | lease on a project's bucket | `PROJECT#frontend` | until released, or expired |
//! | lock on the list of buckets | `/buckets` | until released, or expired |
//! | quota of a caller | `/asks/KEY` | an hour after its last request expires |
//! | claim on a commit | `PROJECT#asked#COMMIT` | until its request expires |
//!
//! Project ids hold neither `#` nor `/`, so no two kinds of rows collide.

use super::items::{Condition, text};
use crate::domain::backend::commit::CommitSha;
use crate::domain::ids::{KeyId, ProjectId};
use crate::domain::time::Time;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The table's key attribute. Its name is older than the rows that are not about a project.
pub(super) const KEY: &str = "project_id";

/// The part of a project that a lease covers. A site and a stack do not affect each other, so neither waits for the
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Its bucket.
    Frontend,
    /// Its stack.
    Backend,
}

/// The key of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoordinationKey<'a> {
    /// The lease of the deploy that runs.
    Lease(&'a ProjectId, Lane),
    /// The lock on the list of the projects' buckets.
    BucketList,
    /// What a caller has requested lately.
    CallerQuota(&'a KeyId),
    /// The latest request for a commit.
    CommitClaim(&'a ProjectId, &'a CommitSha),
}

impl fmt::Display for CoordinationKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CoordinationKey::Lease(project, Lane::Backend) => write!(f, "{project}"),
            CoordinationKey::Lease(project, Lane::Frontend) => write!(f, "{project}#frontend"),
            CoordinationKey::BucketList => f.write_str("/buckets"),
            CoordinationKey::CallerQuota(caller) => write!(f, "/asks/{caller}"),
            CoordinationKey::CommitClaim(project, commit) => write!(f, "{project}#asked#{commit}"),
        }
    }
}

/// A row that names an owner: a lease, a lock or a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OwnedRow<Owner> {
    #[serde(rename = "project_id")]
    pub key: String,
    #[serde(rename = "lock_id")]
    pub owner: Owner,
    /// When it was taken or last renewed.
    #[serde(rename = "locked_at")]
    pub taken_at: Time,
    /// When it expires unless renewed: seconds since 1970.
    pub ttl: i64,
}

impl<Owner> OwnedRow<Owner> {
    pub(super) fn new(key: CoordinationKey<'_>, owner: Owner, taken_at: Time, expires_at: Time) -> Self {
        Self { key: key.to_string(), owner, taken_at, ttl: expires_at.epoch_seconds() }
    }
}

/// Requires that a row is free, expired, or its owner's already.
pub(super) fn is_free_or_owned_by(owner: &str, now: Time) -> Condition {
    Condition::new("attribute_not_exists(project_id) OR lock_id = :owner OR #ttl < :now")
        .name("#ttl", "ttl")
        .value(":owner", text(owner))
        .value(":now", AttributeValue::N(now.epoch_seconds().to_string()))
}

/// Requires that a row is its owner's.
pub(super) fn is_owned_by(owner: &str) -> Condition {
    Condition::new("lock_id = :owner").value(":owner", text(owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored rows and the permissions in `infra/template.yaml` depend on these.
    #[test]
    fn keys_are_stable() {
        let project = ProjectId::parse("shop").unwrap();
        let commit = CommitSha::parse("0123456789012345678901234567890123456789").unwrap();
        let caller = KeyId::random();
        for (key, expected) in [
            (CoordinationKey::Lease(&project, Lane::Backend), "shop".to_owned()),
            (CoordinationKey::Lease(&project, Lane::Frontend), "shop#frontend".to_owned()),
            (CoordinationKey::BucketList, "/buckets".to_owned()),
            (CoordinationKey::CallerQuota(&caller), format!("/asks/{caller}")),
            (CoordinationKey::CommitClaim(&project, &commit), format!("shop#asked#{commit}")),
        ] {
            assert_eq!(key.to_string(), expected);
        }
    }
}
