//! Checks what protects data: public access of buckets, encryption, deletion protection.

use super::values::{call, is_off, is_on, leaves, text};
use super::walker::{Object, Walker, Watch, hash};
use crate::analysis::template_diff::report::Rule;
use serde_json::Value;

/// The four settings that block public access to a bucket.
const SWITCHES: [&str; 4] = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
/// Members that configure encryption.
const ENCRYPTION: [&str; 7] = [
    "BucketEncryption",
    "Encrypted",
    "EncryptionAtRestOptions",
    "EncryptionConfiguration",
    "EncryptionSpecification",
    "SSESpecification",
    "StorageEncrypted",
];
/// Members that protect a resource from deletion.
const PROTECTION: [&str; 4] =
    ["DeletionProtection", "DeletionProtectionEnabled", "EnableTerminationProtection", "DisableApiTermination"];

pub fn check(walker: &mut Walker<'_>, object: &Object<'_>) {
    for (name, value) in object.map {
        if name == "PublicAccessBlockConfiguration" {
            for configuration in leaves(value) {
                missing_switches(walker, configuration);
            }
        }
        if SWITCHES.contains(&name.as_str()) {
            switch(walker, object, name, value);
        }
        if matches!(name.as_str(), "AccessControl" | "Acl" | "ACL") {
            let is_public = |leaf: &Value| {
                text(leaf).is_some_and(|text| {
                    text.to_ascii_lowercase().contains("public") || text.starts_with("Authenticated")
                })
            };
            if leaves(value).into_iter().any(is_public) {
                let says = format!("{} has a public ACL", walker.subject());
                walker.note(Rule::PublicBucket, Watch::Presence, name, &hash(value), says);
            } else if walker.is_unknown(value) {
                walker.note_unknown(name, &hash(value));
            }
        }
        if name.to_ascii_lowercase().contains("kms") {
            let says = format!("The KMS setting {name} of {}", walker.subject());
            walker.note(Rule::Kms, Watch::AnyChange, name, &hash(value), says);
        } else if ENCRYPTION.contains(&name.as_str()) {
            let says = format!("The encryption setting {name} of {}", walker.subject());
            walker.note(Rule::Kms, Watch::Loss, name, &hash(value), says);
        }
        if PROTECTION.contains(&name.as_str()) && leaves(value).into_iter().all(is_on) {
            let says = format!("The deletion protection {name} of {}", walker.subject());
            walker.note(Rule::RetainRemoved, Watch::Loss, name, "on", says);
        }
    }
}

fn switch(walker: &mut Walker<'_>, object: &Object<'_>, name: &str, value: &Value) {
    let leaves = leaves(value);
    if leaves.iter().any(|leaf| is_off(leaf)) {
        let says = format!("{} may become public: {name} is off", walker.subject());
        walker.note(Rule::PublicBucket, Watch::Presence, name, &hash(value), says);
    } else if leaves.iter().all(|leaf| is_on(leaf)) {
        let says = format!("The public-access block {name} of {}", walker.subject());
        walker.note(Rule::PublicBucket, Watch::Loss, name, "on", says);
    } else {
        walker.note_unknown(name, object.unit());
    }
}

/// Checks for missing settings: one that is left out is off.
fn missing_switches(walker: &mut Walker<'_>, configuration: &Value) {
    let Some(map) = configuration.as_object().filter(|_| call(configuration).is_none()) else {
        if !configuration.is_null() {
            walker.note_unknown("PublicAccessBlockConfiguration", &hash(configuration));
        }
        return;
    };
    for name in SWITCHES.into_iter().filter(|name| !map.contains_key(*name)) {
        let says = format!("{} may become public: {name} is missing, so it is off", walker.subject());
        let member = format!("PublicAccessBlockConfiguration.{name}");
        walker.note(Rule::PublicBucket, Watch::Presence, &member, "left out", says);
    }
}
