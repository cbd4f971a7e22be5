//! Small words that pages have in common: times, names, and how a page was reached.

use crate::domain::phrase::Phrase;
use crate::domain::request::Status;
use crate::domain::text::absolute;
use crate::domain::time::Time;
use axum::http::{Extensions, HeaderMap, header};
use maud::{Markup, html};

/// How a browser reached this server.
#[derive(Debug, Clone)]
pub(in crate::server) struct Host {
    /// The name, and the port where it is not the usual one.
    pub authority: String,
    /// Whether it came encrypted, to here or to what stands before this server.
    pub is_https: bool,
}

impl Host {
    pub(in crate::server) fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // A function is only ever reached encrypted.
        let is_function = extensions.get::<lambda_http::request::RequestContext>().is_some();
        let is_https = is_function || text("x-forwarded-proto".parse().unwrap_or(header::FORWARDED)) == "https";
        Self { authority: text(header::HOST).to_ascii_lowercase(), is_https }
    }

    /// The name without the port.
    pub(in crate::server) fn name(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &self.authority,
        }
    }

    /// The port with its colon, where it is not the usual one.
    pub(super) fn port(&self) -> &str {
        &self.authority[self.name().len()..]
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }
}

/// A path of this server, or `/` for anything that could lead elsewhere.
pub(super) fn local_path(text: &str) -> String {
    let leads_away = text.starts_with("//") || text.contains('\\') || text.chars().any(char::is_control);
    if text.starts_with('/') && !leads_away && text.len() <= 500 { text.to_owned() } else { "/".to_owned() }
}

/// A time; the script adds how long ago it was.
pub(super) fn time(at: Time) -> Markup {
    html! { time datetime=(at) { (absolute(at)) } }
}

/// A time in the future, with its day: a window may end tomorrow. The script adds how long it is until then.
pub(super) fn until(at: Time) -> Markup {
    html! { time datetime=(at) data-until { (absolute(at)) } }
}

/// Writes what is asked for as a heading.
pub(super) fn title(what: &Phrase, project: Option<&str>) -> String {
    match project {
        Some(project) => format!("{what} of {project}"),
        None => what.to_string(),
    }
}

/// A state as a mark.
pub(super) fn pill(status: Status) -> Markup {
    let (tone, word) = match status {
        Status::Ready => ("quiet", "Waits for files"),
        Status::PendingApproval => ("wait", "Waits for a decision"),
        Status::Approved => ("go", "Approved"),
        Status::Running => ("go", "Running"),
        Status::Completed => ("good", "Completed"),
        Status::Failed => ("bad", "Failed"),
        Status::Denied => ("bad", "Denied"),
        Status::Expired => ("quiet", "Expired"),
        Status::Cancelled => ("quiet", "Cancelled"),
    };
    html! { span class={ "pill " (tone) } { (word) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_gone_back_to() {
        for good in ["/", "/requests/req-1", "/history?status=failed&page=2"] {
            assert_eq!(local_path(good), good);
        }
        for bad in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "requests"] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn a_host_has_a_name_and_perhaps_a_port() {
        let host = |authority: &str| Host { authority: authority.into(), is_https: false };
        assert_eq!((host("localhost:8420").name(), host("localhost:8420").port()), ("localhost", ":8420"));
        assert_eq!((host("[::1]").name(), host("[::1]").port()), ("[::1]", ""));
        assert_eq!((host("[::1]:80").name(), host("a.b").name()), ("[::1]", "a.b"));
    }
}
