//! `bouncer-keys`: API keys by the hash of their secret. The secret itself is stored nowhere.

use super::items::Condition;
use super::{Store, StoreError, Table};
use crate::domain::caller::{ApiKey, Caller, Role};
use crate::domain::digest::Sha256;
use crate::domain::ids::KeyId;
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};

/// A key's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The hash of the secret.
    pub key_hash: Sha256,
    /// The key's id, and so its holder's.
    pub key_id: KeyId,
    /// For people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Time,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
}

impl KeyRecord {
    /// Who holds it; nobody once it is revoked.
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

    /// Who holds a key; `None` when it is unknown or revoked.
    pub async fn caller(&self, key: &ApiKey) -> Result<Option<Caller>, StoreError> {
        self.holder(key.hash()).await
    }

    /// All keys, oldest first; those of one moment by name.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = self.scan_items(Table::Keys).await?;
        // Passes have a kind, keys have none.
        let rows = rows.into_iter().filter(|row| !row.contains_key("kind"));
        let mut keys: Vec<KeyRecord> = rows.filter_map(|row| self.decode_listed(Table::Keys, row)).collect();
        keys.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
        Ok(keys)
    }

    /// Revokes a key for good.
    pub async fn revoke_key(&self, record: &KeyRecord, at: Time) -> Result<(), StoreError> {
        let revoked = KeyRecord { revoked_at: Some(at), ..record.clone() };
        let live = Condition::new("attribute_exists(key_hash)");
        self.update(Table::Keys, ("key_hash", &record.key_hash.to_string()), record, &revoked, live).await
    }
}
