//! `GET /v1/health`: what is configured and reachable, for `bouncer doctor`.

use super::CallerView;
use crate::domain::caller::Caller;
use crate::domain::error::chain;
use crate::requests::app::{App, Profile};
use crate::storage::Table;
use serde::Serialize;

/// What the server says of itself.
#[derive(Debug, Serialize)]
pub struct Health {
    /// Where it runs.
    pub profile: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it needs, one by one.
    pub checks: Vec<Check>,
    /// Who asks.
    pub caller: CheckedCaller,
}

/// Something the server needs.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it works.
    pub ok: bool,
    /// In words.
    pub detail: String,
}

/// Who asks.
#[derive(Debug, Serialize)]
pub struct CheckedCaller {
    /// The key.
    #[serde(flatten)]
    pub key: CallerView,
    /// Its role.
    pub role: &'static str,
}

/// Tries what the server needs.
pub async fn health(app: &App, caller: &Caller) -> Health {
    let mut checks = Vec::new();
    for table in Table::used(app.settings.profile == Profile::Local) {
        let name = app.store.table(table);
        let (ok, detail) = match app.store.has_table(table).await {
            Ok(true) => (true, "reachable"),
            Ok(false) => (false, "the table does not exist"),
            Err(error) => {
                tracing::warn!(error = chain(&error), "a table is not reachable");
                (false, "not reachable; the server's log says why")
            }
        };
        checks.push(Check { name: format!("table {name}"), ok, detail: detail.to_owned() });
    }
    let bucket = app.documents.bucket();
    let (ok, detail) = match app.objects.has_bucket(bucket).await {
        Ok(true) => (true, "reachable"),
        Ok(false) => (false, "the bucket does not exist"),
        Err(error) => {
            tracing::warn!(%error, "the staging bucket is not reachable");
            (false, "not reachable; the server's log says why")
        }
    };
    checks.push(Check { name: format!("staging bucket {bucket}"), ok, detail: detail.to_owned() });
    for channel in &app.channels {
        let (ok, detail) = match channel.check().await {
            Ok(detail) => (true, detail),
            Err(error) => (false, error.to_string()),
        };
        checks.push(Check { name: channel.name().to_string(), ok, detail });
    }
    Health {
        profile: app.settings.profile.as_str(),
        version: env!("CARGO_PKG_VERSION"),
        checks,
        caller: CheckedCaller {
            key: CallerView { key_id: caller.id.to_string(), name: caller.name.clone() },
            role: caller.role.as_str(),
        },
    }
}
