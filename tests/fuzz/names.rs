//! Readers without a server: manifests, paths, ids, cache rules.

use std::time::{Duration, Instant};

use bouncer::domain::digest::Sha256;
use bouncer::domain::ids::{ProjectId, ReleaseId, RequestId};
use bouncer::domain::site::headers;
use bouncer::domain::site::headers::{CacheRule, CacheRules};
use bouncer::domain::site::manifest::Manifest;
use bouncer::domain::site::paths::SitePath;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cases;

/// What names and patterns consist of when somebody means harm, and any other characters.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9._/-]{0,8}",
        1 => "\\PC{0,6}",
        1 => any::<char>().prop_map(String::from),
        1 => Just("/".to_owned()),
        1 => Just("..".to_owned()),
        1 => "(%25){0,5}%?[0-9a-fA-F]{0,2}",
        1 => Just(".html".to_owned()),
        1 => "[\\[\\]{}*?,!\\\\]{1,6}",
        1 => "[a-z]{60,300}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn entry() -> impl Strategy<Value = Value> {
    let sha256 = prop_oneof![3 => "[0-9a-f]{64}".prop_map(Value::from), 1 => text().prop_map(Value::from)];
    let size = prop_oneof![3 => any::<u64>().prop_map(Value::from), 1 => any::<f64>().prop_map(|it| json!(it))];
    (text(), size, sha256, text(), text(), 0..20u8).prop_map(|(path, size, sha256, content_type, cache_control, odd)| {
        let mut entry = json!({
            "path": path, "size": size, "sha256": sha256, "content_type": content_type, "cache_control": cache_control,
        });
        match odd {
            0 => entry["more"] = json!([]),
            1 => entry["size"] = Value::Null,
            2 => drop(entry.as_object_mut().map(|members| members.remove("path"))),
            _ => {}
        }
        entry
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(2048), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_manifest_is_read_or_refused(entries in vec(entry(), 0..6), cut in any::<prop::sample::Index>()) {
        let text = Value::from(entries).to_string();
        if let Ok(manifest) = serde_json::from_str::<Manifest>(&text) {
            let paths: Vec<&SitePath> = manifest.entries().iter().map(|entry| &entry.path).collect();
            prop_assert!(paths.windows(2).all(|pair| pair[0] < pair[1]), "{paths:?}");
            let again = serde_json::to_string(&manifest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Manifest>(&again).unwrap(), manifest);
        }
        // What a reader gets of a document that was cut off is no shorter manifest.
        let mut end = cut.index(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        prop_assert!(serde_json::from_str::<Manifest>(&text[..end]).is_err());
    }

    #[test]
    fn a_path_is_taken_as_it_is_or_refused(text in text()) {
        let start = Instant::now();
        let parsed = SitePath::parse(text.as_str());
        prop_assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
        if let Ok(path) = parsed {
            prop_assert_eq!(path.as_str(), &text);
            prop_assert!(text.len() <= 1024 && !text.chars().any(char::is_control));
            let address = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(percent_decode_str(&address).decode_utf8().unwrap(), text.as_str());
            prop_assert!(headers::is_content_type(&headers::content_type(&path)));
            prop_assert!(!CacheRules::default().cache_control(&path).is_empty());
        }
    }

    #[test]
    fn ids_are_read_or_refused(text in prop_oneof![text(), "(req|rel|batch|frontend)-[0-9a-f]{10,18}", "[0-9a-fA-F]{63,65}"]) {
        if let Ok(id) = RequestId::parse(text.as_str()) {
            prop_assert_eq!(id.as_str(), &text);
        }
        if let Ok(id) = ProjectId::parse(text.as_str()) {
            prop_assert!(id.as_str().len() <= 63);
        }
        if let Ok(id) = ReleaseId::parse(text.as_str()) {
            prop_assert_eq!(id.to_string(), text.clone());
        }
        if let Ok(hash) = Sha256::parse(&text) {
            prop_assert_eq!(hash.to_string(), text.to_ascii_lowercase());
        }
    }

    #[test]
    fn cache_rules_are_ready_or_named(patterns in vec((text(), text()), 0..4), path in text()) {
        let rules: Vec<CacheRule> =
            patterns.into_iter().map(|(pattern, cache_control)| CacheRule { pattern, cache_control }).collect();
        let faults = CacheRules::faults(&rules);
        match CacheRules::compile(&rules) {
            Ok(compiled) => {
                prop_assert!(faults.is_empty());
                if let Ok(path) = SitePath::parse(path) {
                    prop_assert!(!compiled.cache_control(&path).trim().is_empty());
                }
            }
            Err(fault) => prop_assert_eq!(Some(&fault), faults.first()),
        }
    }
}

/// Patterns that are short to write and large to match with.
#[test]
fn an_overwhelming_pattern_is_refused_like_any_other() {
    let nested = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
    let patterns = [
        nested(200),
        nested(255),
        nested(20_000),
        "[!\u{1f389}]".repeat(73),
        "{a,b}".repeat(102),
        "**/".repeat(170),
        "[!\u{1f389}]".repeat(2_000),
        "[a-\u{10ffff}]".repeat(2_000),
        "{a,b}".repeat(20_000),
        "**/".repeat(5_000),
        "a".repeat(1_000_000),
    ];
    for pattern in patterns {
        let shown: String = pattern.chars().take(20).collect();
        let start = Instant::now();
        let rules = [CacheRule { pattern, cache_control: "no-cache".into() }];
        let fault = CacheRules::compile(&rules).err();
        assert_eq!(CacheRules::faults(&rules).into_iter().next(), fault, "{shown}");
        assert!(start.elapsed() < Duration::from_secs(2), "{shown}… took {:?}", start.elapsed());
    }
}
