//! Parsers of values that several areas use. An error completes the sentence "… is 'VALUE', which …".

use http::Uri;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Parses a whole number within bounds.
pub(super) fn number<T: FromStr + PartialOrd>(range: RangeInclusive<T>) -> impl FnOnce(&str) -> Result<T, String> {
    move |text| {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits || text.is_empty() {
            return Err("is not a whole number".to_owned());
        }
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| "is out of range".to_owned())
    }
}

/// Parses an `http` or `https` address, and drops the `/` at its end.
pub(super) fn web_address(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|_| "is not an address".to_owned())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("does not begin with http:// or https://".to_owned());
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("has no host".to_owned());
    }
    if uri.query().is_some() {
        return Err("has a query".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Parses a host name without scheme and port.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    let is_name = text.len() <= 253 && text.split('.').all(is_label);
    if is_name { Ok(text.to_owned()) } else { Err("is not a host name".to_owned()) }
}

/// Parses a list of host names, with commas; `*.example.com` and `[::1]` are names too.
pub(super) fn hosts(text: &str) -> Result<Vec<String>, String> {
    let hosts: Vec<&str> = items(text).collect();
    if hosts.is_empty() {
        return Err("names no host".to_owned());
    }
    let parsed = hosts.into_iter().map(|host| {
        let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_known = match address {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => host_name(host.strip_prefix("*.").unwrap_or(host)).is_ok(),
        };
        if is_known { Ok(host.to_owned()) } else { Err(format!("contains '{host}', which is not a host name")) }
    });
    parsed.collect()
}

/// Parses an ARN of a service whose resource begins in a certain way.
pub(super) fn arn(service: &'static str, resource: &'static str) -> impl FnOnce(&str) -> Result<String, String> {
    move |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", partition, of, _, _, named]
                if !partition.is_empty()
                    && *of == service
                    && named.len() > resource.len()
                    && named.starts_with(resource)
                    && !text.contains(char::is_whitespace) =>
            {
                Ok(text.to_owned())
            }
            _ => Err("is not such an ARN".to_owned()),
        }
    }
}

/// Parses a name of some characters, as AWS bounds names.
pub(super) fn name(length: RangeInclusive<usize>, signs: &'static [u8]) -> impl FnOnce(&str) -> Result<String, String> {
    move |text| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || signs.contains(&byte);
        if !text.bytes().all(fits) {
            return Err("has characters that such a name may not have".to_owned());
        }
        if length.contains(&text.len()) { Ok(text.to_owned()) } else { Err("is too short or too long".to_owned()) }
    }
}

/// Parses the name of a bucket.
pub(super) fn bucket(text: &str) -> Result<String, String> {
    let bucket = name(3..=63, b".-")(text)?;
    match bucket.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Err("has capital letters".to_owned()),
        false => Ok(bucket),
    }
}

/// The items of a list with commas.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}
