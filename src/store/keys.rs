//! `bouncer-keys`: API keys by the hash of their secret. The secret itself is stored nowhere.

use super::items::Condition;
use super::{Store, StoreError, Table};
use crate::model::caller::{ApiKey, Caller, Role};
use crate::model::digest::Sha256;
use crate::model::ids::KeyId;
use crate::model::time::Time;
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

impl Store {
    /// Stores a new key.
    pub async fn create_key(&self, record: &KeyRecord) -> Result<(), StoreError> {
        self.put(Table::Keys, record, Condition::new("attribute_not_exists(key_hash)")).await
    }

    /// Who holds a key; `None` when it is unknown or revoked.
    pub async fn caller(&self, key: &ApiKey) -> Result<Option<Caller>, StoreError> {
        let record: Option<KeyRecord> = self.get(Table::Keys, ("key_hash", &key.hash().to_string())).await?;
        Ok(record.filter(|record| record.revoked_at.is_none()).map(|record| Caller {
            id: record.key_id,
            name: record.name,
            role: record.role,
        }))
    }

    /// All keys, oldest first; those of one moment by name.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let mut keys: Vec<KeyRecord> = self.scan(Table::Keys).await?;
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
