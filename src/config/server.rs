//! The server's addresses and the size of its answers.

use super::parse::{host_name, hosts, number, web_address};
use super::reader::Reader;
use super::variables::{ALLOWED_HOSTS, ANSWER_BYTES, PREVIEW_DOMAIN, PROFILE, PUBLIC_URL};
use crate::domain::profile::Profile;

/// The largest answer with upload addresses that can be configured, in bytes.
const MAX_ANSWER_BYTES: usize = 1 << 30;

/// The server's addresses and the size of its answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerConfig {
    /// Host names under which the server is reached besides its own address; `None` when none are set.
    pub allowed_hosts: Option<Vec<String>>,
    /// Where approvers reach the page, without a `/` at the end.
    pub public_url: Option<String>,
    /// The domain whose names all lead to this server, for previews.
    pub preview_domain: Option<String>,
    /// How many bytes of upload addresses one answer may hold; `None` for the profile's default.
    pub answer_bytes: Option<usize>,
}

impl ServerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            allowed_hosts: reader.read(&ALLOWED_HOSTS, hosts),
            public_url: reader.read(&PUBLIC_URL, web_address),
            preview_domain: reader.read(&PREVIEW_DOMAIN, host_name),
            answer_bytes: reader.read(&ANSWER_BYTES, number(1..=MAX_ANSWER_BYTES)),
        }
    }
}

/// Reads which profile the environment names.
pub(super) fn profile(reader: &mut Reader<'_>) -> Option<Profile> {
    reader.read(&PROFILE, |text| Profile::parse(text).ok_or_else(|| "is not a profile".to_owned()))
}
