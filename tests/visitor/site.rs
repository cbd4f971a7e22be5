//! The releases of a site as a bundler would write them: the same seed, the same bytes. Each page names its release; names
//! under `assets/` hold the content's hash, but for the few that show what happens without one.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::Stored;

const PAGE_RULE: &str = "no-cache, no-store, must-revalidate";
const ASSET_RULE: &str = "max-age=31536000, immutable";
/// The project's own rule for `data/**`: what a CDN keeps although its name stays.
pub const DATA_RULE: &str = "max-age=300";

/// One release: each file as visitors are to get it.
pub struct Release {
    pub number: usize,
    pub files: BTreeMap<String, Stored>,
    /// What the entry page loads later, when somebody uses it.
    pub lazy: Vec<String>,
}

impl Release {
    /// The release of this number. Some parts change with every number, some seldom, and some come and go.
    pub fn new(seed: u64, number: usize) -> Self {
        let mut build = Build { seed, number, files: BTreeMap::new() };
        let lazy = build.all();
        Self { number, files: build.files, lazy }
    }

    /// The `files` argument of `bouncer_deploy_frontend`.
    pub fn inline(&self) -> Value {
        let file = |(path, file): (&String, &Stored)| json!({ "filename": path, "content": BASE64_STANDARD.encode(&file.bytes) });
        self.files.iter().map(file).collect()
    }

    /// Whether a name promises that the bytes behind it are always the same.
    pub fn promises_bytes(path: &str) -> bool {
        hash_in(path).is_some()
    }

    /// Whether it promises other bytes than these.
    pub fn is_false_name(path: &str, bytes: &[u8]) -> bool {
        hash_in(path).is_some_and(|hash| hash != hash_of(bytes))
    }
}

fn hash_in(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    let (_, hash) = name.split_once('.')?.0.rsplit_once('-')?;
    (hash.len() == HASH).then_some(hash)
}

fn hash_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))[..HASH].to_owned()
}

/// Digits of a hash in a name.
const HASH: usize = 10;

struct Build {
    seed: u64,
    number: usize,
    files: BTreeMap<String, Stored>,
}

impl Build {
    /// Every file; the paths of what is loaded later.
    fn all(&mut self) -> Vec<String> {
        let picture = self.hashed("img/picture", "png", self.noise("picture", 2, 900));
        let wide = self.hashed("img/picture-wide", "webp", self.noise("wide", 3, 1500));
        let font = self.hashed("fonts/text", "woff2", self.noise("font", 50, 700));
        let base = format!("@font-face {{ src: url(fonts/{}) }}\n/* {} */\n", name(&font), self.age("base", 5));
        let base = self.hashed("base", "css", base.into_bytes());
        let main = format!(
            "@import \"./{}\";\nbody {{ background: url('img/{}') /* {} */ }}\n",
            name(&base),
            name(&picture),
            self.age("main", 1)
        );
        let main = self.hashed("main", "css", main.into_bytes());
        let chunks: Vec<String> =
            (1..=3).map(|n| self.hashed(&format!("chunk{n}"), "js", self.script(&format!("chunk{n}"), n))).collect();
        let lazy: Vec<String> =
            (1..=2).map(|n| self.hashed(&format!("lazy{n}"), "js", self.script(&format!("lazy{n}"), n))).collect();
        let mut app: String = chunks.iter().map(|chunk| format!("import \"./{}\";\n", name(chunk))).collect();
        app.extend(lazy.iter().map(|lazy| format!("export const go = () => import('./{}');\n", name(lazy))));
        let app = self.hashed("app", "js", app.into_bytes());

        self.put("style.css", format!("p {{ color: #{} }}\n", self.age("style", 2)).into_bytes());
        self.put("data/news.json", format!("{{\"news\":\"{}\"}}", self.age("news", 1)).into_bytes());
        self.put("assets/logo.svg", format!("<svg><!-- {} --></svg>", self.age("logo", 4)).into_bytes());
        self.put("robots.txt", b"User-agent: *\n".to_vec());
        self.put("files/na\u{ef}ve +1 100%.txt", self.age("odd", 3).into_bytes());
        self.put("assets/empty.css", Vec::new());
        // These are not in every release, and are others when they come back.
        if self.number.is_multiple_of(2) {
            self.put("data/extra.json", format!("{{\"extra\":{}}}", self.number).into_bytes());
            self.put("assets/badge.svg", format!("<svg><!-- {} --></svg>", self.number).into_bytes());
        }

        let guides: Vec<String> = (0..3).map(|n| format!("docs/guide/{}.html", (self.number + n) % 7)).collect();
        for (n, path) in guides.iter().enumerate() {
            let chunk = &chunks[n % chunks.len()];
            self.page(path, "../..", &[format!("<script type=module src=../../{chunk}></script>")]);
        }
        let links: Vec<String> =
            guides.iter().map(|path| format!("<a href='{}'>guide</a>", &path["docs/".len()..])).collect();
        self.page("docs/index.html", "..", &links);
        self.page("\u{fc}ber uns.html", ".", &[format!("<img alt='' src=\"/{picture}\">")]);
        let mut entry = vec![
            format!("<link rel=stylesheet href=\"/{main}\">"),
            format!("<script type=\"module\" src=\"./{app}\"></script>"),
            format!("<img src=\"{picture}\" srcset=\"{picture} 1x, {wide} 2x\">"),
            "<a href=\"docs/index.html\">docs</a> <a href=\"%C3%BCber%20uns.html\">us</a> <a href=#top>top</a>"
                .to_owned(),
            "<link rel=preload href=data/news.json> <a href=\"files/na%C3%AFve%20+1%20100%25.txt\">file</a>".to_owned(),
            "<link rel=stylesheet href=assets/empty.css> <a href=https://example.com/>elsewhere</a>".to_owned(),
        ];
        entry.extend(guides.iter().map(|path| format!("<a href=/{path}>guide</a>")));
        if self.files.contains_key("data/extra.json") {
            entry.push("<link rel=preload href=data/extra.json><img src=assets/badge.svg>".to_owned());
        }
        self.page("index.html", ".", &entry);
        lazy
    }

    fn page(&mut self, path: &str, up: &str, body: &[String]) {
        let text = format!(
            "<!doctype html>\n<meta name=\"release\" content=\"{:06}\">\n<title>{path}</title>\n\
             <link rel=\"stylesheet\" href=\"{up}/style.css\"><link rel=icon href='{up}/assets/logo.svg'>\n{}\n",
            self.number,
            body.join("\n")
        );
        self.put(path, text.into_bytes());
    }

    /// Adds an asset whose name holds the hash of its content; its path.
    fn hashed(&mut self, stem: &str, kind: &str, bytes: Vec<u8>) -> String {
        let path = format!("assets/{stem}-{}.{kind}", hash_of(&bytes));
        self.put(&path, bytes);
        path
    }

    fn put(&mut self, path: &str, bytes: Vec<u8>) {
        let content_type = match path.rsplit('.').next().unwrap_or_default() {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "txt" => "text/plain; charset=utf-8",
            "json" => "application/json",
            "svg" => "image/svg+xml",
            "webp" => "image/webp",
            "woff2" => "font/woff2",
            _ => "image/png",
        };
        let cache_control = match path {
            _ if path.ends_with(".html") => PAGE_RULE,
            _ if path.starts_with("assets/") => ASSET_RULE,
            _ if path.starts_with("data/") => DATA_RULE,
            _ => "no-cache",
        };
        let file = Stored { bytes, content_type: content_type.into(), cache_control: cache_control.into() };
        self.files.insert(path.to_owned(), file);
    }

    /// A script that is another every so many releases.
    fn script(&self, label: &str, every: usize) -> Vec<u8> {
        format!("export default \"{label} {}\";\n", hex::encode(self.noise(label, every, 150))).into_bytes()
    }

    /// A text that is another every so many releases, always as long.
    fn age(&self, label: &str, every: usize) -> String {
        hex::encode(self.noise(label, every, 3))
    }

    fn noise(&self, label: &str, every: usize, length: usize) -> Vec<u8> {
        let digest = Sha256::digest(format!("{}/{label}/{}", self.seed, self.number / every));
        let mut random = StdRng::from_seed(digest.into());
        (0..length).map(|_| random.random()).collect()
    }
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
