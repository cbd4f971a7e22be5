//! `bouncer-keys`: API keys by the hash of their secret. The secret itself is not stored.

use super::error::StoreError;
use super::items::Condition;
use super::store::Store;
use super::tables::Table;
use crate::domain::caller::{ApiKey, Caller, Role};
use crate::domain::digest::Sha256;
use crate::domain::ids::KeyId;
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};

/// The row of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The hash of the secret.
    pub key_hash: Sha256,
    /// The id of the key, and thereby of its holder.
    pub key_id: KeyId,
    /// A name for people.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// When it was created.
    pub created_at: Time,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
}

impl KeyRecord {
    /// Returns the holder, unless the key is revoked.
    pub(super) fn holder(self) -> Option<Caller> {
        let is_live = self.revoked_at.is_none();
        is_live.then_some(Caller { id: self.key_id, name: self.name, role: self.role })
    }
}

impl Store {
    /// Stores a new key.
    pub async fn create_key(&self, record: &KeyRecord) -> Result<(), StoreError> {
        self.put(Table::Keys, record, Condition::new("attribute_not_exists(key_hash)")).await
    }

    /// Returns the holder of a key; `None` when it is unknown or revoked.
    pub async fn caller(&self, key: &ApiKey) -> Result<Option<Caller>, StoreError> {
        self.holder(key.hash()).await
    }

    /// Returns all keys, oldest first, then by name.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = self.scan_items(Table::Keys).await?;
        // Passes share the table. Only they have a kind.
        let rows = rows.into_iter().filter(|row| !row.contains_key("kind"));
        let mut keys: Vec<KeyRecord> = rows.filter_map(|row| self.decode_listed(Table::Keys, row)).collect();
        keys.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
        Ok(keys)
    }

    /// Revokes a key permanently.
    pub async fn revoke_key(&self, record: &KeyRecord, at: Time) -> Result<(), StoreError> {
        let revoked = KeyRecord { revoked_at: Some(at), ..record.clone() };
        let live = Condition::new("attribute_exists(key_hash)");
        self.update(Table::Keys, ("key_hash", &record.key_hash.to_string()), record, &revoked, live).await
    }
}
