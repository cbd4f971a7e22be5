//! The shape of files and folders: one concept a file, said in its first line.

use std::collections::BTreeSet;

use super::assert_none;
use super::source::sources;

const MOST_LINES: usize = 600;

#[test]
fn no_file_is_too_long() {
    let long = sources().into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > MOST_LINES).then(|| format!("src/{} has {lines} lines", source.path))
    });
    assert_none("A file has at most 600 lines:", long.collect());
}

#[test]
fn every_file_says_what_it_is() {
    // A file of tests belongs to the file it tests.
    let code = sources().into_iter().filter(|source| !source.tokens.is_empty());
    let mute = code.filter(|source| !source.text.starts_with("//! "));
    assert_none("A file begins with its documentation:", mute.map(|source| format!("src/{}", source.path)).collect());
}

#[test]
fn every_folder_is_a_module_of_its_own() {
    let sources = sources();
    let paths: BTreeSet<&str> = sources.iter().map(|source| source.path.as_str()).collect();
    let folders: BTreeSet<&str> = paths.iter().filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
    let headless = folders.into_iter().filter(|folder| {
        !paths.contains(format!("{folder}/mod.rs").as_str()) && !paths.contains(format!("{folder}.rs").as_str())
    });
    assert_none("A folder has a module file:", headless.map(|folder| format!("src/{folder}/")).collect());
}
