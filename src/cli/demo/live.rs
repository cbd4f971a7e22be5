//! Looks at the published site as a visitor's browser does.

use crate::cli::client::{http_client, root_cause};
use crate::cli::connection::base_url;
use crate::cli::error::CliError;
use crate::cli::output::{Render, size, visible};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::Path;
use std::time::Duration;

/// How long a page may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A page as it came.
#[derive(Debug, Serialize)]
pub struct Page {
    url: String,
    status: u16,
    headers: BTreeMap<String, String>,
    size: u64,
}

/// Fetches a file of the site and compares its bytes with those of the folder that was deployed.
pub async fn fetch(root: &str, name: &str, site: &Path) -> Result<Page, CliError> {
    let root = base_url(&format!("{}/", root.trim_end_matches('/')))?;
    let url = root.join(name).map_err(|_| CliError::failed(format!("'{name}' is no part of an address.")))?;
    let broken =
        |error: reqwest::Error| CliError::failed(format!("{url} could not be fetched: {}.", root_cause(&error)));
    let response = http_client(&url, Some(TIMEOUT))?.get(url.clone()).send().await.map_err(broken)?;
    let status = response.status();
    let headers = response
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str() != "date")
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body = response.bytes().await.map_err(broken)?;
    let deployed = std::fs::read(site.join(name)).map_err(|error| CliError::failed(format!("{name}: {error}.")))?;
    if !status.is_success() || body != deployed {
        return Err(CliError::failed(format!("{url} is not what was deployed: HTTP status {status}.")));
    }
    Ok(Page { url: url.to_string(), status: status.as_u16(), headers, size: body.len() as u64 })
}

impl Render for Page {
    fn render(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "GET {} -> {}, {}, the very bytes that were approved", self.url, self.status, size(self.size))?;
        self.headers.iter().try_for_each(|(name, value)| writeln!(out, "  {name}: {}", visible(value)))
    }
}
