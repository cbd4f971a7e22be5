//! Sites to ship: the same seed, the same bytes, on every machine.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A static site, in memory and in a temporary folder.
pub struct Site {
    folder: TempDir,
    files: Vec<SiteFile>,
}

/// One file of a site.
#[derive(Clone)]
pub struct SiteFile {
    /// Relative, with `/` between the parts.
    pub path: String,
    pub bytes: Vec<u8>,
}

impl Site {
    /// `index.html`, `pages` more pages and `assets` files under `assets/`, sorted by path.
    pub fn new(seed: u64, pages: usize, assets: usize) -> Self {
        let mut files = vec![page("index.html", seed)];
        files.extend((1..=pages).map(|n| page(&format!("pages/page-{n:04}.html"), seed)));
        files.extend((1..=assets).map(|n| asset(n, seed)));
        files.sort_by(|a, b| a.path.cmp(&b.path));

        let folder = TempDir::with_prefix("bouncer-test-site-").expect("a temporary folder");
        for file in &files {
            write(folder.path(), file);
        }
        Self { folder, files }
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub fn files(&self) -> &[SiteFile] {
        &self.files
    }

    /// The file at `path`.
    pub fn file(&self, path: &str) -> &SiteFile {
        self.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("the site has no {path}"))
    }

    /// Replaces or adds one file.
    pub fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        let file = SiteFile { path: path.to_owned(), bytes: bytes.into() };
        write(self.folder.path(), &file);
        self.files.retain(|other| other.path != path);
        self.files.push(file);
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
    }

    pub fn remove(&mut self, path: &str) {
        std::fs::remove_file(self.folder.path().join(path)).expect("the file was there");
        self.files.retain(|other| other.path != path);
    }

    pub fn total_size(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }

    /// The `files` argument of `bouncer_deploy_frontend`.
    pub fn inline(&self) -> Value {
        self.files.iter().map(|file| json!({ "filename": file.path, "content": file.base64() })).collect()
    }

    /// The `files` argument of the presigned frontend tools, every hash declared.
    pub fn declared(&self) -> Value {
        let declare =
            |file: &SiteFile| json!({ "filename": file.path, "size": file.bytes.len(), "sha256": file.sha256() });
        self.files.iter().map(declare).collect()
    }
}

impl SiteFile {
    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.bytes)
    }

    /// Lower-case hex.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }
}

fn page(path: &str, seed: u64) -> SiteFile {
    let body = hex::encode(noise(path, seed, 700));
    let html = format!("<!doctype html>\n<title>{path}</title>\n<p>{body}</p>\n");
    SiteFile { path: path.to_owned(), bytes: html.into_bytes() }
}

/// Text and binary kinds in turn, 1 to 8 KiB, the content's hash in the name as bundlers do.
fn asset(n: usize, seed: u64) -> SiteFile {
    const KINDS: [&str; 8] = ["js", "css", "svg", "json", "png", "jpg", "webp", "woff2"];
    let kind = n % KINDS.len();
    let label = format!("asset-{n}");
    let length = 1024 + usize::from(noise(&label, seed, 1)[0]) * 28;
    let raw = noise(&label, seed, length);
    let bytes = if kind < 4 { hex::encode(&raw[..length / 2]).into_bytes() } else { raw };
    let hash = &hex::encode(Sha256::digest(&bytes))[..8];
    SiteFile { path: format!("assets/{label}-{hash}.{}", KINDS[kind]), bytes }
}

/// `length` bytes that follow from `label` and `seed` alone: SHA-256 over a counter.
fn noise(label: &str, seed: u64, length: usize) -> Vec<u8> {
    let block = |counter: u64| Sha256::digest(format!("{seed}/{label}/{counter}").as_bytes());
    (0..).flat_map(block).take(length).collect()
}

fn write(folder: &Path, file: &SiteFile) {
    let path = folder.join(&file.path);
    std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder");
    std::fs::write(path, &file.bytes).expect("the file");
}
