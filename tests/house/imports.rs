//! Imports between the folders of `src/` run downwards.

use super::assert_none;
use super::modules::Modules;
use super::source::sources;

/// The folders, and which others their files may import.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("config", &["domain"]),
    ("policy", &["domain"]),
    ("analysis", &["domain"]),
    ("aws", &["analysis", "config", "domain", "policy"]),
    ("github", &["analysis", "config", "domain", "policy"]),
    ("storage", &["analysis", "aws", "config", "domain", "policy"]),
    ("channels", &["analysis", "config", "domain", "policy"]),
    ("requests", &["analysis", "aws", "channels", "config", "domain", "github", "policy", "storage"]),
    ("admin", &["analysis", "aws", "channels", "config", "domain", "github", "policy", "requests", "storage"]),
    ("kinds", &["admin", "analysis", "aws", "channels", "config", "domain", "github", "policy", "requests", "storage"]),
    (
        "workflow",
        &[
            "admin", "analysis", "aws", "channels", "config", "domain", "github", "kinds", "policy", "requests",
            "storage",
        ],
    ),
    (
        "server",
        &[
            "admin", "analysis", "aws", "channels", "config", "domain", "github", "kinds", "policy", "requests",
            "storage", "workflow",
        ],
    ),
];

/// The folder above all others.
const TOP: &str = "cli";

/// Imports that still run upwards: (file, folder). The list may only get shorter.
const KNOWN_UPWARD: &[(&str, &str)] = &[];

#[test]
fn imports_run_downwards() {
    let sources = sources();
    let imports = Modules::new(&sources).imports();
    let mut known = KNOWN_UPWARD.to_vec();
    let mut faults = Vec::new();
    for ((from, to), place) in &imports {
        let (layer, below) = (layer(from), layer(to));
        // The macros that declare tools and tasks are at the top of the crate.
        if layer == below || layer == TOP || below == "lib" {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(folder, _)| *folder == layer) else {
            faults.push(format!("src/{layer} has no place in the order of imports"));
            continue;
        };
        if allowed.contains(&below) {
            continue;
        }
        if KNOWN_UPWARD.contains(&(from, below)) {
            known.retain(|entry| *entry != (from, below));
        } else {
            faults.push(format!("{place} imports {to}: (\"{from}\", \"{below}\")"));
        }
    }
    faults.extend(
        known.iter().map(|(from, to)| format!("KNOWN_UPWARD: src/{from} no longer imports {to}; remove the entry")),
    );
    assert_none("A folder imports only what is below it (docs/ARCHITECTURE.md, \"The house\"):", faults);
}

/// The folder a file is in, or the name of a file at the top.
fn layer(path: &str) -> &str {
    path.split_once('/').map_or_else(|| path.trim_end_matches(".rs"), |(folder, _)| folder)
}

#[test]
fn the_order_has_no_circle() {
    for (index, (folder, allowed)) in MAY_IMPORT.iter().enumerate() {
        for other in *allowed {
            assert!(MAY_IMPORT[..index].iter().any(|(below, _)| below == other), "{folder} may import {other}");
        }
    }
}
