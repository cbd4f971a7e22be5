//! `storage.json`: the credentials of the local storage and the port of its object endpoint.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};

use super::{LocalError, private_file};

/// The file's name in the data folder.
const FILE: &str = "storage.json";

/// An AWS access key pair that only this data folder knows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageCredentials {
    /// Names the key. Not secret: every presigned URL carries it.
    pub access_key_id: String,
    /// Signs requests (256 random bits). Never log it.
    pub secret_access_key: String,
}

impl fmt::Debug for StorageCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl StorageCredentials {
    /// Reads the credentials of a data folder; `None` when no server has been started on it.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn load(data_dir: &Path) -> Result<Option<Self>, LocalError> {
        Ok(Settings::load(data_dir)?.map(|settings| settings.content.credentials))
    }

    fn random() -> io::Result<Self> {
        let mut bytes = [0_u8; 48];
        OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
        let (id, secret) = bytes.split_at(16);
        Ok(Self { access_key_id: hex::encode_upper(id), secret_access_key: hex::encode(secret) })
    }
}

#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    credentials: StorageCredentials,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    objects_port: Option<u16>,
}

/// What a data folder remembers about its endpoints.
pub(super) struct Settings {
    path: PathBuf,
    content: Content,
    saved: bool,
}

impl Settings {
    /// Reads the file, or makes new credentials when the folder is new. Nothing is written before [`Self::keep`].
    pub(super) fn load_or_create(data_dir: &Path) -> Result<Self, LocalError> {
        if let Some(settings) = Self::load(data_dir)? {
            return Ok(settings);
        }
        let path = data_dir.join(FILE);
        let credentials = StorageCredentials::random().map_err(LocalError::file(&path))?;
        Ok(Self { path, content: Content { credentials, objects_port: None }, saved: false })
    }

    /// Reads the file; `None` when it is not there.
    fn load(data_dir: &Path) -> Result<Option<Self>, LocalError> {
        let path = data_dir.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(content) => Ok(Some(Self { path, content, saved: true })),
                // Only the place: the text of the error may quote the value, which may be the secret.
                Err(error) => {
                    let reason = format!("line {}, column {}", error.line(), error.column());
                    Err(LocalError::Settings { path, reason })
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LocalError::File { path, source: error }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn credentials(&self) -> &StorageCredentials {
        &self.content.credentials
    }

    pub(super) fn objects_port(&self) -> Option<u16> {
        self.content.objects_port
    }

    /// Remembers the port of the object endpoint; the file is replaced as a whole, and only when something changed.
    pub(super) fn keep(&mut self, objects_port: u16) -> Result<(), LocalError> {
        if self.saved && self.content.objects_port == Some(objects_port) {
            return Ok(());
        }
        self.content.objects_port = Some(objects_port);
        self.save().map_err(LocalError::file(&self.path))?;
        self.saved = true;
        Ok(())
    }

    fn save(&self) -> io::Result<()> {
        let new = self.path.with_extension("json.new");
        let mut file = private_file(&new)?;
        file.set_len(0)?;
        file.write_all(&serde_json::to_vec_pretty(&self.content)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }
}
