//! The host names under which staged sites are previewed.

use super::words::Host;
use crate::domain::ids::RequestId;
use std::net::IpAddr;

/// The name below which previews are on the approver's own machine: browsers lead all of it to that machine.
pub const LOCAL_PREVIEWS: &str = "preview.localhost";

/// Names below which each request's staged site has a name of its own.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct PreviewHosts {
    domains: Vec<String>,
}

impl PreviewHosts {
    /// The approver's own machine, and the domain whose names all lead to this server, if the operator has one.
    pub(in crate::server) fn new(is_on_loopback: bool, domain: Option<String>) -> Self {
        let local = is_on_loopback.then(|| LOCAL_PREVIEWS.to_owned());
        Self { domains: domain.map(|name| name.to_ascii_lowercase()).into_iter().chain(local).collect() }
    }

    /// The request whose preview has this name.
    pub(in crate::server) fn request_of(&self, host: &str) -> Option<RequestId> {
        let host = host.to_ascii_lowercase();
        let label = self.domains.iter().find_map(|domain| host.strip_suffix(domain.as_str())?.strip_suffix('.'))?;
        RequestId::parse(label).ok()
    }

    /// The name of a request's preview for somebody who reached the page as `host`.
    pub(super) fn name_for(&self, request: &RequestId, host: &Host) -> Option<String> {
        let is_local = matches!(host.name(), "localhost") || is_number_of_loopback(host.name());
        let fits = |domain: &&String| (domain.as_str() == LOCAL_PREVIEWS) == is_local;
        let domain = self.domains.iter().find(fits)?;
        Some(format!("{request}.{domain}"))
    }
}

/// Returns whether a name is the loopback address in numbers.
pub(in crate::server) fn is_number_of_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_has_exactly_its_own_name() {
        let hosts = PreviewHosts::new(true, Some("Preview.Example.com".into()));
        let id = RequestId::parse("req-0123456789abcdef").unwrap();
        for good in ["req-0123456789abcdef.preview.localhost", "REQ-0123456789abcdef.preview.example.com"] {
            assert_eq!(hosts.request_of(good).as_ref(), Some(&id), "{good}");
        }
        for bad in [
            "preview.localhost",
            "localhost",
            "x.preview.localhost",
            "req-0123456789abcdefpreview.localhost",
            "a.req-0123456789abcdef.preview.localhost",
            "req-0123456789abcdef.preview.localhost.evil.example",
        ] {
            assert_eq!(hosts.request_of(bad), None, "{bad}");
        }
        assert_eq!(PreviewHosts::default().request_of("req-0123456789abcdef.preview.localhost"), None);
    }

    #[test]
    fn where_it_is_shown_follows_from_where_it_was_asked_for() {
        let id = RequestId::parse("req-0123456789abcdef").unwrap();
        let host = |authority: &str| Host { authority: authority.into(), is_https: false };
        let both = PreviewHosts::new(true, Some("preview.example.com".into()));
        let name = |hosts: &PreviewHosts, authority: &str| hosts.name_for(&id, &host(authority));
        assert_eq!(name(&both, "localhost:8420").unwrap(), "req-0123456789abcdef.preview.localhost");
        assert_eq!(name(&both, "bouncer.example.com").unwrap(), "req-0123456789abcdef.preview.example.com");
        assert_eq!(name(&PreviewHosts::new(true, None), "bouncer.example.com"), None);
        assert_eq!(name(&PreviewHosts::new(false, None), "localhost:8420"), None);
    }
}
