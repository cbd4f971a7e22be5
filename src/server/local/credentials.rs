//! The first keys of a local data folder: made at the first start, and written where the command line finds them.

use crate::admin::keys::new_key;
use crate::domain::caller::{ApiKey, Role};
use crate::storage::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// `credentials.json`: one key for each role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// Manages projects and keys.
    pub admin: ApiKey,
    /// Decides requests.
    pub approver: ApiKey,
    /// Asks for deploys.
    pub agent: ApiKey,
}

/// Why the keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file is there but not what Bouncer wrote.
    #[error("{} is not understood ({reason}); restore it, or remove it to have new keys made", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What did not fit.
        reason: String,
    },
    /// The file could not be read or written.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The keys could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Credentials {
    /// The file's place in a data folder.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("credentials.json")
    }

    /// Reads the file of a data folder.
    pub fn load(data_dir: &Path) -> Result<Option<Self>, CredentialsError> {
        let path = Self::path(data_dir);
        match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(credentials) => Ok(Some(credentials)),
                Err(error) => Err(CredentialsError::Unreadable { path, reason: error.to_string() }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(CredentialsError::File { path, source }),
        }
    }

    /// Reads the file, or makes three keys and writes it.
    pub(super) async fn load_or_create(data_dir: &Path, store: &Store) -> Result<Self, CredentialsError> {
        if let Some(credentials) = Self::load(data_dir)? {
            return Ok(credentials);
        }
        let (admin, admin_key) = new_key("local admin", Role::Admin);
        let (approver, approver_key) = new_key("local approver", Role::Approver);
        let (agent, agent_key) = new_key("local agent", Role::Agent);
        // Rows first: a file whose keys do not work would be worse than rows that nobody knows the keys of.
        for record in [&admin, &approver, &agent] {
            store.create_key(record).await?;
        }
        let credentials = Self { admin: admin_key, approver: approver_key, agent: agent_key };
        let path = Self::path(data_dir);
        let bytes = serde_json::to_vec_pretty(&credentials)
            .map_err(|error| CredentialsError::Unreadable { path: path.clone(), reason: error.to_string() })?;
        super::files::write_private(&path, &bytes).map_err(|source| CredentialsError::File { path, source })?;
        Ok(credentials)
    }
}
