use super::*;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

struct Site(tempfile::TempDir);

impl Site {
    fn new(files: &[&str]) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|name| site.write(name, name));
        site
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        walk(self.0.path()).unwrap().into_iter().map(|file| file.path.into()).collect()
    }

    fn refusal(&self) -> CliError {
        walk(self.0.path()).unwrap_err()
    }
}

#[test]
fn keeps_hidden_files_and_leaves_droppings() {
    let site = Site::new(&[
        "index.html",
        ".well-known/security.txt",
        ".nojekyll",
        "assets/app.js",
        ".git/config",
        "sub/.git",
        ".gitignore",
        ".hg/x",
        ".svn/x",
        ".jj/x",
        ".DS_Store",
        "assets/.DS_Store",
        "assets/._app.js",
        "Thumbs.db",
        "img/thumbs.db",
        "Desktop.ini",
        "__MACOSX/x.html",
    ]);
    assert_eq!(site.names(), [".nojekyll", ".well-known/security.txt", "assets/app.js", "index.html"]);
}

#[test]
fn a_gitignore_does_not_decide_but_bouncerignore_does() {
    let site = Site::new(&["index.html", "dist/a.js", "a.map", "keep.map", "docs/b.map", "docs/c.html"]);
    site.write(".gitignore", "dist\n*.html\n");
    site.write(".ignore", "dist\n");
    site.write(".bouncerignore", "# source maps\n*.map\n!keep.map\n/.ignore\n");
    site.write("docs/.bouncerignore", "c.html\n");
    assert_eq!(site.names(), ["dist/a.js", "index.html", "keep.map"]);
}

#[test]
fn a_bouncerignore_above_the_folder_has_no_say() {
    let site = Site::new(&["web/index.html"]);
    site.write(".bouncerignore", "*.html\n");
    assert_eq!(walk(&site.at("web")).unwrap().len(), 1);
}

#[test]
fn a_broken_pattern_is_refused_since_it_would_publish_what_it_should_hide() {
    let site = Site::new(&["index.html"]);
    site.write(".bouncerignore", "ok\n{a,b\n");
    let message = site.refusal().message;
    assert!(message.contains(".bouncerignore"), "{message}");
}

#[test]
fn links_inside_are_followed() {
    let site = Site::new(&["index.html", "real/a.js"]);
    symlink("index.html", site.at("home.html")).unwrap();
    symlink("real", site.at("alias")).unwrap();
    assert_eq!(site.names(), ["alias/a.js", "home.html", "index.html", "real/a.js"]);
}

#[test]
fn links_that_leave_lead_nowhere_or_go_round_are_refused_by_name() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.txt"), "s").unwrap();
    let site = Site::new(&["index.html", "a/b.js"]);
    symlink(outside.path().join("secret.txt"), site.at("file.txt")).unwrap();
    assert!(site.refusal().message.starts_with("'file.txt' is a link that leaves the folder: it leads to "));
    fs::remove_file(site.at("file.txt")).unwrap();

    symlink(outside.path(), site.at("folder")).unwrap();
    assert!(site.refusal().message.starts_with("'folder' is a link that leaves the folder"));
    fs::remove_file(site.at("folder")).unwrap();

    symlink("nothing", site.at("gone.txt")).unwrap();
    assert!(site.refusal().message.starts_with("'gone.txt' is a link that leads nowhere"), "{}", site.refusal());
    fs::remove_file(site.at("gone.txt")).unwrap();

    symlink("..", site.at("a/up")).unwrap();
    assert!(site.refusal().message.starts_with("'a/up' is a link to a folder that holds it"), "{}", site.refusal());
}

#[test]
fn an_ignored_link_out_is_no_problem() {
    let site = Site::new(&["index.html"]);
    symlink("/etc", site.at("etc")).unwrap();
    site.write(".bouncerignore", "etc\n");
    assert_eq!(site.names(), ["index.html"]);
}

#[test]
fn the_folder_itself_may_be_a_link() {
    let site = Site::new(&["build/index.html"]);
    symlink("build", site.at("current")).unwrap();
    assert_eq!(walk(&site.at("current")).unwrap().len(), 1);
}

#[test]
fn missing_empty_and_pageless_folders() {
    let site = Site::new(&[]);
    assert!(walk(&site.at("nowhere")).unwrap_err().message.contains("nowhere cannot be opened"));
    assert!(site.refusal().message.ends_with("holds no files to publish."));
    site.write("sub/index.html", "x");
    assert!(site.refusal().message.ends_with("has no index.html."));
    assert!(walk(&site.at("sub/index.html")).unwrap_err().message.ends_with("is not a folder."));
}

#[test]
fn every_bad_name_is_listed_at_once() {
    let site = Site::new(&["index.html", "setup.exe", "run.SH", "back\\slash.txt"]);
    fs::write(site.0.path().join(std::ffi::OsStr::from_bytes(b"bad-\xff.txt")), "x").unwrap();
    let error = site.refusal();
    assert!(error.message.starts_with("4 entries of "), "{error}");
    let problems = error.details["problems"].as_array().unwrap();
    for expected in ["setup.exe", "run.SH", "back\\slash.txt", "not UTF-8"] {
        assert!(problems.iter().any(|p| p.as_str().unwrap().contains(expected)), "{expected}: {problems:?}");
    }
}

#[test]
fn two_unicode_forms_of_a_name_are_refused() {
    let site = Site::new(&["index.html", "caf\u{e9}.html", "cafe\u{301}.html"]);
    assert!(site.refusal().message.contains("two Unicode forms"));
}

#[test]
fn what_is_no_file_is_refused() {
    let site = Site::new(&["index.html"]);
    let _socket = std::os::unix::net::UnixListener::bind(site.at("sock")).unwrap();
    assert_eq!(site.refusal().message, "'sock' is neither a file nor a folder.");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever stands in the file: the folder is walked without a part of it, or the line is named.
    #[test]
    fn any_bouncerignore_is_obeyed_or_named(
        lines in proptest::collection::vec("(!?/?(\\*\\*/)?[a-z*?.]{0,6}/?)|[\\[\\]{}!\\\\*?, a-z]{0,12}|\\PC{0,8}|\\{{300,400}", 0..6)
    ) {
        let files = ["index.html", "a/b.txt", "a/c/d.js", "x y.txt"];
        let site = Site::new(&files);
        site.write(IGNORE_FILE, &lines.join("\n"));
        match walk(site.0.path()) {
            Ok(walked) => {
                proptest::prop_assert!(walked.iter().all(|file| files.contains(&file.path.as_str())));
                proptest::prop_assert!(walked.iter().any(|file| file.path.is_index()));
            }
            Err(error) => proptest::prop_assert!(!error.to_string().trim().is_empty()),
        }
    }
}
