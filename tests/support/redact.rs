//! Making answers of two runs equal, for snapshots.

use std::path::Path;

/// What differs from run to run, and what stands for it. Order matters: longer forms first.
const CHANGING: &[(&str, &str)] = &[
    (r"bncr_[A-Za-z0-9_-]+", "[key]"),
    (r#"\?[^\s"]*X-Amz-Signature=[^\s"]*"#, "?[signature]"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?(Z|UTC|[+-]\d\d:?\d\d))?", "[time]"),
    (r"\b\d{4}-\d\d-\d\d\b", "[date]"),
    (r"[^\s\x22]*/bouncer-test-[A-Za-z0-9]+", "[folder]"),
    (r"(127\.0\.0\.1|localhost):\d+", "$1:[port]"),
    (r"\b[0-9a-f]{64}\b", "[sha256]"),
    (r"\b[0-9a-f]{40}\b", "[commit]"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "[id]"),
    (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "[id]"),
    (r"\b[0-9a-f]{12,32}\b", "[id]"),
    (r#"("expires_in": ")\d+ seconds"#, "${1}[n] seconds"),
    (r#"("(?:[a-z]+_)?(?:seconds|ms)": )\d+(\.\d+)?"#, "$1[duration]"),
    (r"\b\d+ min( \d+ s)?\b|\b\d+ s\b", "[duration]"),
    (r"\b\d+(\.\d+)?(ms|µs| ms|s)\b", "[duration]"),
];

/// Answers or screens for one snapshot, each under a title.
#[derive(Default)]
pub struct Sheet(String);

impl Sheet {
    /// Adds a screen.
    pub fn add(&mut self, title: &str, text: &str) {
        self.0.push_str(&format!("=== {title} ===\n{}\n\n", text.trim_end()));
    }

    /// Adds an answer.
    pub fn add_answer(&mut self, title: &str, (status, body): &(u16, serde_json::Value)) {
        self.add(&format!("{title}: HTTP {status}"), &format!("{body:#}"));
    }

    /// Compares with `tests/snapshots/{path}.snap`.
    pub fn check(self, path: &str) {
        let (folder, name) = path.rsplit_once('/').expect("a folder and a name");
        let mut settings = redact();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(folder));
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.0.trim_end()));
    }
}

/// Settings that replace ids, hashes, times, ports and durations: `redact().bind(|| insta::assert_snapshot!(text))`.
pub fn redact() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(true);
    for (pattern, placeholder) in CHANGING {
        settings.add_filter(pattern, *placeholder);
    }
    settings
}
