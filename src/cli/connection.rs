//! Which server a command talks to, and with which key.

use super::client::Client;
use super::error::CliError;
use crate::domain::caller::{ApiKey, Role};
use crate::domain::error::ErrorCode;
use etcetera::BaseStrategy as _;
use reqwest::Url;
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};

/// The options that every command has for finding its server.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct Connection {
    /// The folder where a local server keeps everything; its address and keys are read from there
    ///
    /// Default: `bouncer` in the platform's folder for application data, or the environment variable
    /// BOUNCER_DATA_DIR.
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The server's address, instead of the one in the data folder
    #[arg(long, global = true, value_name = "URL", env = "BOUNCER_URL", hide_env_values = true)]
    pub server: Option<String>,
    /// The API key, instead of the one in the data folder
    #[arg(long, global = true, value_name = "KEY", env = "BOUNCER_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// The data folder that the environment names; not an option, because the demo must not use it.
    #[arg(skip)]
    pub environment_data_dir: Option<PathBuf>,
}

/// `server.json`: where the server of a data folder listens.
#[derive(Debug, Deserialize)]
pub struct ServerFile {
    /// The base URL.
    pub url: String,
}

/// `credentials.json`: the keys made on a data folder's first start.
#[derive(Deserialize)]
pub struct CredentialsFile {
    admin: ApiKey,
    approver: ApiKey,
    agent: ApiKey,
}

impl CredentialsFile {
    /// The key for a role.
    pub fn key(&self, role: Role) -> &ApiKey {
        match role {
            Role::Admin => &self.admin,
            Role::Approver => &self.approver,
            Role::Agent => &self.agent,
        }
    }
}

impl Connection {
    /// The data folder: as given, else the environment's, else the platform's.
    pub fn data_dir(&self) -> Result<PathBuf, CliError> {
        if let Some(dir) = self.explicit_data_dir() {
            return Ok(dir);
        }
        let base = etcetera::base_strategy::choose_native_strategy().map_err(|_| {
            CliError::usage("There is no home folder to keep data in.").hint("Name a folder with --data-dir.")
        })?;
        Ok(base.data_dir().join("bouncer"))
    }

    fn explicit_data_dir(&self) -> Option<PathBuf> {
        self.data_dir.clone().or_else(|| self.environment_data_dir.clone())
    }

    /// The server's base URL.
    pub fn url(&self) -> Result<Url, CliError> {
        match &self.server {
            Some(text) => base_url(text),
            None => {
                let dir = self.data_dir()?;
                let file: ServerFile = read_json(&dir.join("server.json"))?.ok_or_else(|| no_server_in(&dir))?;
                base_url(&file.url)
            }
        }
    }

    /// A client that calls as `role`, unless a key is given.
    pub fn client(&self, role: Role) -> Result<Client, CliError> {
        let url = self.url()?;
        let key = self.key(role, &url)?;
        Client::new(url, key)
    }

    /// The key to present to the server at `url`.
    pub fn key(&self, role: Role, url: &Url) -> Result<ApiKey, CliError> {
        if let Some(text) = &self.key {
            return ApiKey::from_text(text.trim())
                .filter(|key| key.expose().bytes().all(|b| b.is_ascii_graphic()))
                .ok_or_else(|| CliError::usage("This is no API key: one starts with bncr_."));
        }
        let dir = self.data_dir()?;
        // A data folder's keys belong to its own server; another one gets them only when both were named.
        if self.server.is_some() && self.explicit_data_dir().is_none() && !is_server_of(&dir, url) {
            return Err(CliError::usage(format!("No key is given for the server at {url}."))
                .hint("Pass --key or set BOUNCER_KEY."));
        }
        let file = dir.join("credentials.json");
        let keys: CredentialsFile = read_json(&file)?.ok_or_else(|| {
            CliError::usage(format!("There is no API key: {} does not exist.", file.display()))
                .hint("Pass --key or set BOUNCER_KEY, or name the server's data folder with --data-dir.")
        })?;
        Ok(keys.key(role).clone())
    }
}

fn is_server_of(dir: &Path, url: &Url) -> bool {
    let file: Option<ServerFile> = read_json(&dir.join("server.json")).ok().flatten();
    file.and_then(|file| base_url(&file.url).ok()).is_some_and(|own| &own == url)
}

fn no_server_in(dir: &Path) -> CliError {
    CliError::new(
        super::exit::Exit::Failed,
        ErrorCode::UpstreamError,
        format!("No Bouncer has been started on the data folder {}.", dir.display()),
    )
    .hint("Start one with `bouncer serve`, or name another with --server or --data-dir.")
}

/// Checks a server's address.
pub fn base_url(text: &str) -> Result<Url, CliError> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(|| {
        CliError::usage(format!("'{text}' is no server address.")).hint("Use a form such as http://127.0.0.1:8420.")
    })
}

/// Reads a file of the data folder; `None` when it is not there.
pub fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, CliError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CliError::failed(format!("{} cannot be read: {error}.", path.display()))),
    };
    // The parser's message could quote a key, so it is not passed on.
    serde_json::from_slice(&text).map(Some).map_err(|_| {
        CliError::failed(format!("{} does not hold what Bouncer writes there.", path.display()))
            .hint("Stop the server, move the file away, and start the server again.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("server.json"), r#"{"url":"http://127.0.0.1:9","pid":1}"#).unwrap();
        std::fs::write(
            dir.path().join("credentials.json"),
            r#"{"admin":"bncr_admin","approver":"bncr_approver","agent":"bncr_agent"}"#,
        )
        .unwrap();
        dir
    }

    fn connection(dir: &tempfile::TempDir) -> Connection {
        Connection { data_dir: Some(dir.path().to_owned()), ..Connection::default() }
    }

    #[test]
    fn a_data_folder_tells_address_and_key() {
        let dir = folder();
        let connection = connection(&dir);
        let url = connection.url().unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:9/");
        assert_eq!(connection.key(Role::Approver, &url).unwrap().expose(), "bncr_approver");
        assert_eq!(connection.key(Role::Agent, &url).unwrap().expose(), "bncr_agent");
    }

    #[test]
    fn given_values_win() {
        let dir = folder();
        let connection =
            Connection { server: Some("https://b.example".into()), key: Some("bncr_x".into()), ..connection(&dir) };
        let url = connection.url().unwrap();
        assert_eq!(url.as_str(), "https://b.example/");
        assert_eq!(connection.key(Role::Admin, &url).unwrap().expose(), "bncr_x");
    }

    #[test]
    fn bad_values_are_named() {
        let dir = folder();
        let bad_server = Connection { server: Some("localhost:80".into()), ..connection(&dir) };
        assert!(bad_server.url().unwrap_err().message.contains("localhost:80"));
        let bad_key = Connection { key: Some("secret".into()), ..connection(&dir) };
        let error = bad_key.key(Role::Admin, &bad_key.url().unwrap()).unwrap_err();
        assert!(!error.message.contains("secret"), "{error}");
        std::fs::write(dir.path().join("credentials.json"), r#"{"admin":"bncr_secret""#).unwrap();
        let error = connection(&dir).client(Role::Admin).err().unwrap();
        assert!(error.message.contains("credentials.json") && !error.message.contains("bncr_"), "{error}");
    }

    #[test]
    fn an_empty_folder_says_how_to_start() {
        let dir = tempfile::tempdir().unwrap();
        let error = connection(&dir).url().unwrap_err();
        assert!(error.hint.unwrap().contains("bouncer serve"));
    }
}
