//! Checks exposure to the internet: open ingress and public addresses.

use super::values::{call, is_on, is_word, leaves, text};
use super::walker::{Object, Walker, Watch};
use crate::analysis::template_diff::report::Rule;
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Members that name the source of traffic.
const SOURCES: [&str; 6] =
    ["CidrIp", "CidrIpv6", "CIDRIP", "SourcePrefixListId", "PublicAccessCidrs", "IpRangeWhitelist"];
/// Members that name the destination of traffic.
const DESTINATIONS: [&str; 4] =
    ["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationCidr", "SecurityGroupEgress"];

pub fn check(walker: &mut Walker<'_>, object: &Object<'_>) {
    let is_egress = is_egress(walker, object);
    for (name, value) in object.map {
        let leaves = leaves(value);
        if !is_egress && !DESTINATIONS.contains(&name.as_str()) {
            ingress(walker, object, name, value, &leaves);
        }
        if is_public_switch(name) {
            if leaves.iter().any(|leaf| is_on(leaf)) {
                let says = format!("{} gets a public address or endpoint: {name} is on", walker.subject());
                walker.note(Rule::PublicIp, Watch::Presence, name, object.unit(), says);
            } else if leaves.iter().any(|leaf| !leaf.is_object() || call(leaf).is_some()) && walker.is_unknown(value) {
                walker.note_unknown(name, object.unit());
            }
        }
    }
}

fn ingress(walker: &mut Walker<'_>, object: &Object<'_>, name: &str, value: &Value, leaves: &[&Value]) {
    if let Some(source) = leaves.iter().find_map(|leaf| text(leaf).filter(|text| is_open_range(text))) {
        let says = format!("{} allows traffic from {}: {name}", walker.subject(), source.trim());
        walker.note(Rule::OpenIngress, Watch::Presence, name, object.unit(), says);
        return;
    }
    let names_list = name == "SourcePrefixListId" && leaves.iter().any(|leaf| leaf.is_string());
    if SOURCES.contains(&name) && (names_list || walker.is_unknown(value)) {
        walker.note_unknown(name, object.unit());
    }
}

/// Tells whether an object is about egress, or denies traffic.
fn is_egress(walker: &Walker<'_>, object: &Object<'_>) -> bool {
    let leaves_the_network = object.map.get("Egress").is_some_and(|value| leaves(value).into_iter().all(is_on));
    let denies = object
        .map
        .get("RuleAction")
        .is_some_and(|value| leaves(value).into_iter().all(|leaf| is_word(leaf, &["deny"])));
    walker.kind().ends_with("SecurityGroupEgress")
        || walker.is_below("SecurityGroupEgress")
        || leaves_the_network
        || denies
}

/// Tells whether a text is an address range that covers much of the internet: everything, or one of the halves and
/// quarters that add up to it.
fn is_open_range(text: &str) -> bool {
    let Some((address, length)) = text.trim().split_once('/') else { return false };
    let Ok(length) = length.trim().parse::<u8>() else { return false };
    let address = address.trim();
    if address.parse::<Ipv4Addr>().is_ok() {
        return length < 8;
    }
    if address.parse::<Ipv6Addr>().is_ok() {
        return length < 16;
    }
    length == 0 && (address.contains("${") || address.starts_with(|c: char| c.is_ascii_digit()))
}

/// Recognizes settings that make something public, but not those that prevent it.
fn is_public_switch(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let keeps_out = ["block", "ignore", "restrict", "deny", "disable"].iter().any(|word| name.starts_with(word));
    (name.contains("public") && !keeps_out && !name.contains("publickey") && !name.starts_with("publicaccessblock"))
        || ["assignipv6addressoncreation", "allowunauthenticatedidentities"].contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::is_open_range;

    #[test]
    fn ranges_of_the_whole_internet() {
        for open in [
            "0.0.0.0/0",
            " 0.0.0.0/0 ",
            "0.0.0.0/00",
            "1.2.3.4/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "::/0",
            "::0/0",
            "0:0:0:0:0:0:0:0/0",
            "2000::/3",
            "${Ip}/0",
            "000.0.0.0/0",
        ] {
            assert!(is_open_range(open), "{open}");
        }
        for closed in [
            "10.0.0.0/8",
            "192.168.0.0/16",
            "fd00::/16",
            "0.0.0.0",
            "a/0",
            "1.2.3.4/32",
            "/0",
            "0.0.0.0/x",
            "${Ip}/32",
            "text/1",
            "arn:aws:x/0",
        ] {
            assert!(!is_open_range(closed), "{closed}");
        }
    }
}
