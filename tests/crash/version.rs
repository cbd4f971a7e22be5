//! The versions of a site that are published one after another, and what a bucket may hold of them.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::Stored;

const PAGES: usize = 6;
const ASSETS: usize = 24;
const PAGE_RULE: &str = "no-cache, no-store, must-revalidate";
const ASSET_RULE: &str = "max-age=31536000, immutable";

/// One version: each file as it is to be stored. Every page differs from version to version, but never in size; every
/// asset has another name, but for one that stays.
pub struct Version {
    pub files: BTreeMap<String, Stored>,
}

impl Version {
    pub fn new(seed: u64, number: usize) -> Self {
        let mut files = BTreeMap::new();
        let logo = add_asset(&mut files, "logo", "png", noise("logo", seed, 9000));
        let names: Vec<String> = (0..ASSETS)
            .map(|n| {
                let length = 300 + n * 173;
                let bytes = noise(&format!("{number}/{n}"), seed, length);
                match n % 3 {
                    0 => add_asset(&mut files, &format!("app{n}"), "js", hex::encode(bytes).into_bytes()),
                    1 => add_asset(&mut files, &format!("look{n}"), "css", hex::encode(bytes).into_bytes()),
                    _ => add_asset(&mut files, &format!("photo{n}"), "webp", bytes),
                }
            })
            .collect();
        let page = |title: &str, assets: &[String]| {
            let links: String = assets.iter().chain([&logo]).map(|name| format!("<link href=\"/{name}\">\n")).collect();
            let text = format!("<!doctype html>\n<title>{title} {number:06}</title>\n{links}");
            stored(text.into_bytes(), "text/html; charset=utf-8", PAGE_RULE)
        };
        for n in 0..PAGES {
            let part = &names[n * ASSETS / PAGES..(n + 1) * ASSETS / PAGES];
            files.insert(format!("pages/{n}.html"), page(&format!("page {n}"), part));
        }
        files.insert("index.html".into(), page("index", &names));
        let robots = stored(b"User-agent: *\n".to_vec(), "text/plain; charset=utf-8", "no-cache");
        files.insert("robots.txt".into(), robots);
        Self { files }
    }

    pub fn is_page(path: &str) -> bool {
        path.ends_with(".html")
    }

    /// The files of this version that are not in `earlier` as they are.
    pub fn changed_since<'a>(&'a self, earlier: &'a Version) -> impl Iterator<Item = &'a String> {
        self.files.iter().filter(|(path, file)| earlier.files.get(*path) != Some(file)).map(|(path, _)| path)
    }

    /// What a page refers to.
    pub fn references(page: &Stored) -> Vec<String> {
        let text = std::str::from_utf8(&page.bytes).expect("a page is text");
        let references = text.split("href=\"/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        references.collect()
    }

    /// The `files` argument of `bouncer_deploy_frontend`.
    pub fn inline(&self) -> Value {
        let file = |(path, file): (&String, &Stored)| json!({ "filename": path, "content": BASE64_STANDARD.encode(&file.bytes) });
        self.files.iter().map(file).collect()
    }

    /// The `files` argument of the presigned tools; every second file without its hash.
    pub fn announced(&self) -> Value {
        let file = |(n, (path, file)): (usize, (&String, &Stored))| match n % 2 {
            0 => json!({ "filename": path, "size": file.bytes.len() }),
            _ => json!({ "filename": path, "sha256": hex::encode(Sha256::digest(&file.bytes)) }),
        };
        self.files.iter().enumerate().map(file).collect()
    }
}

fn add_asset(files: &mut BTreeMap<String, Stored>, name: &str, kind: &str, bytes: Vec<u8>) -> String {
    let content_type = match kind {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "webp" => "image/webp",
        _ => "image/png",
    };
    let path = format!("assets/{name}-{}.{kind}", &hex::encode(Sha256::digest(&bytes))[..10]);
    files.insert(path.clone(), stored(bytes, content_type, ASSET_RULE));
    path
}

fn stored(bytes: Vec<u8>, content_type: &str, cache_control: &str) -> Stored {
    Stored { bytes, content_type: content_type.to_owned(), cache_control: cache_control.to_owned() }
}

fn noise(label: &str, seed: u64, length: usize) -> Vec<u8> {
    let block = |counter: u64| Sha256::digest(format!("{seed}/{label}/{counter}").as_bytes());
    (0..).flat_map(block).take(length).collect()
}
