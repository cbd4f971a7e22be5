//! Every snapshot is compared by a test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{assert_none, repository};

/// Where sources and snapshots are.
const FOLDERS: [&str; 4] = ["crates", "scripts", "src", "tests"];

#[test]
fn every_snapshot_has_a_test() {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&repository().join(folder), &mut files);
    }
    let (sources, snapshots): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| has_extension(path, "rs"));
    assert!(snapshots.len() > 20, "{} snapshots", snapshots.len());
    let sources: BTreeMap<PathBuf, String> =
        sources.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    let orphans = snapshots.iter().filter(|path| !has_test(path, &sources));
    let faults = orphans.map(|path| path.strip_prefix(repository()).unwrap().display().to_string()).collect();
    assert_none("A snapshot that no test compares is deleted:", faults);
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if has_extension(&path, "rs") || has_extension(&path, "snap") {
            files.push(path);
        }
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// `crate__module__tests__NAME.snap` lies beside the file of the module; a sheet, `tests/snapshots/FOLDER/NAME.snap`, is
/// checked as `"FOLDER/NAME"`.
fn has_test(snapshot: &Path, sources: &BTreeMap<PathBuf, String>) -> bool {
    let name = snapshot.file_stem().unwrap().to_str().unwrap();
    let folder = snapshot.parent().unwrap();
    if !name.contains("__") {
        let sheet = format!("{}/{name}", folder.file_name().unwrap().to_str().unwrap());
        return sources.values().any(|text| text.contains(&format!("\"{sheet}\"")));
    }
    let modules: Vec<&str> = name.split("__").collect();
    let [.., file, tests, name] = modules[..] else { return false };
    let file = if tests == "tests" { file } else { tests };
    let above = folder.parent().unwrap();
    let places = [
        above.join(format!("{file}.rs")),
        above.join("mod.rs"),
        above.join("tests.rs"),
        above.join(format!("{file}/tests.rs")),
        above.with_extension("rs"),
    ];
    places.iter().filter_map(|place| sources.get(place)).any(|text| compares(text, name))
}

/// Whether a source compares the snapshot of this name: named in the macro, or one of those without a name in a test.
fn compares(text: &str, name: &str) -> bool {
    if text.contains(&format!("\"{name}\"")) {
        return true;
    }
    let numbered = name.rsplit_once('-').and_then(|(test, number)| Some((test, number.parse().ok()?)));
    let (test, number): (&str, usize) = numbered.unwrap_or((name, 1));
    let Some((_, after)) = text.split_once(&format!("fn {test}(")) else { return false };
    let body = after.split("#[test]").next().unwrap_or_default();
    body.matches("_snapshot!(").count() >= number
}

#[test]
fn snapshots_without_a_test_are_seen() {
    let text = "#[test]\nfn one() { insta::assert_snapshot!(a); insta::assert_json_snapshot!(b); }\n\
                #[test]\nfn two() { insta::assert_snapshot!(\"named\", c); }";
    let source = BTreeMap::from([(PathBuf::from("/src/cli/key.rs"), text.to_owned())]);
    let seen =
        |name: &str| has_test(Path::new(&format!("/src/cli/snapshots/bouncer__cli__key__tests__{name}.snap")), &source);
    assert_eq!(["one", "one-2", "one-3", "named", "two-2", "three"].map(seen), [true, true, false, true, false, false]);
    let sheets = BTreeMap::from([(PathBuf::from("/tests/a.rs"), "sheet.check(\"tools/status\")".to_owned())]);
    let seen = |name: &str| has_test(Path::new(&format!("/tests/snapshots/tools/{name}.snap")), &sheets);
    assert_eq!(["status", "other"].map(seen), [true, false]);
}
