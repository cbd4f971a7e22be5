//! Passes: rows of `bouncer-keys` beside the keys they stand for, told apart by `kind`.

use super::items::{Condition, text};
use super::keys::KeyRecord;
use super::{Store, StoreError, Table};
use crate::domain::caller::Caller;
use crate::domain::digest::Sha256;
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::pass::PassKind;
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};

const KEY: &str = "key_hash";

/// A pass's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRecord {
    /// The hash of its secret.
    pub key_hash: Sha256,
    /// What it opens.
    pub kind: PassKind,
    /// The hash of the API key it stands for.
    pub of: Sha256,
    /// Of a preview: the session it was opened in, with which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Sha256>,
    /// Of a preview: what it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<StagedSite>,
    /// When it was made.
    pub created_at: Time,
    /// Until when it is good.
    pub expires_at: Time,
    /// When the row may be forgotten: seconds since 1970.
    pub ttl: i64,
    /// When it was used up or signed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

/// A site that is stored and not published: the request's as it was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedSite {
    /// The request.
    pub request_id: RequestId,
    /// The project, whose blobs it is made of.
    pub project: ProjectId,
    /// The hash of its manifest.
    pub manifest: Sha256,
}

impl PassRecord {
    /// Whether it is of a kind and good at a time.
    pub fn is_good(&self, kind: PassKind, now: Time) -> bool {
        self.kind == kind && self.ended_at.is_none() && now < self.expires_at
    }
}

impl Store {
    /// Stores a new pass.
    pub async fn create_pass(&self, record: &PassRecord) -> Result<(), StoreError> {
        self.put(Table::Keys, record, Condition::new("attribute_not_exists(key_hash)")).await
    }

    /// Reads a pass as it is now, good or not.
    pub async fn pass(&self, hash: Sha256) -> Result<Option<PassRecord>, StoreError> {
        self.get(Table::Keys, (KEY, &hash.to_string())).await
    }

    /// Ends a pass for good. A conflict means that it had ended, so of several users of one that opens once, one gets in.
    pub async fn end_pass(&self, hash: Sha256, at: Time) -> Result<(), StoreError> {
        let ended = text(at.to_string());
        let open = Condition::new("attribute_exists(key_hash) AND attribute_not_exists(ended_at)");
        self.set(Table::Keys, (KEY, &hash.to_string()), &[(&"ended_at".to_owned(), Some(&ended))], open).await
    }

    /// Who holds the key of a hash; `None` when it is unknown or revoked.
    pub async fn holder(&self, key_hash: Sha256) -> Result<Option<Caller>, StoreError> {
        let record: Option<KeyRecord> = self.get(Table::Keys, (KEY, &key_hash.to_string())).await?;
        Ok(record.and_then(KeyRecord::holder))
    }
}
