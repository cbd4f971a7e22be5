//! Passes: rows of `bouncer-keys` that stand for a key for a while. Only they have a `kind`.

use super::error::StoreError;
use super::items::{Condition, text};
use super::keys::KeyRecord;
use super::store::Store;
use super::tables::Table;
use crate::domain::caller::Caller;
use crate::domain::digest::Sha256;
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::pass::PassKind;
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};

const KEY: &str = "key_hash";

/// The row of a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRecord {
    /// The hash of the secret.
    pub key_hash: Sha256,
    /// What it gives access to.
    pub kind: PassKind,
    /// The hash of the API key that it stands for.
    pub of: Sha256,
    /// For a preview: the session that opened it, and with which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Sha256>,
    /// For a preview: the site that it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<StagedSite>,
    /// When it was created.
    pub created_at: Time,
    /// When it expires.
    pub expires_at: Time,
    /// When the row expires: seconds since 1970.
    pub ttl: i64,
    /// When it was used, or its holder signed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

/// A site that is stored but not published, as its request planned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedSite {
    /// The request that plans it.
    pub request_id: RequestId,
    /// The project that owns its blobs.
    pub project: ProjectId,
    /// The hash of its manifest.
    pub manifest: Sha256,
}

impl PassRecord {
    /// Returns whether it is valid at a time, and of a kind.
    pub fn is_good(&self, kind: PassKind, now: Time) -> bool {
        self.kind == kind && self.ended_at.is_none() && now < self.expires_at
    }
}

impl Store {
    /// Stores a new pass.
    pub async fn create_pass(&self, record: &PassRecord) -> Result<(), StoreError> {
        self.put(Table::Keys, record, Condition::new("attribute_not_exists(key_hash)")).await
    }

    /// Reads a pass, consistently, whether it is valid or not.
    pub async fn pass(&self, hash: Sha256) -> Result<Option<PassRecord>, StoreError> {
        self.get(Table::Keys, (KEY, &hash.to_string())).await
    }

    /// Ends a pass permanently.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when it had ended: of several users of a single-use pass, one succeeds.
    pub async fn end_pass(&self, hash: Sha256, at: Time) -> Result<(), StoreError> {
        let ended = text(at.to_string());
        let open = Condition::new("attribute_exists(key_hash) AND attribute_not_exists(ended_at)");
        self.set(Table::Keys, (KEY, &hash.to_string()), &[(&"ended_at".to_owned(), Some(&ended))], open).await
    }

    /// Returns the holder of the key with a hash; `None` when it is unknown or revoked.
    pub async fn holder(&self, key_hash: Sha256) -> Result<Option<Caller>, StoreError> {
        let record: Option<KeyRecord> = self.get(Table::Keys, (KEY, &key_hash.to_string())).await?;
        Ok(record.and_then(KeyRecord::holder))
    }
}
