//! What is refused, before anything is written.

use serde_json::json;

use super::{World, ends_with, json_of, row};
use crate::support::{Cli, Role};

#[tokio::test]
async fn one_bad_row_writes_nothing() {
    let world = World::start().await;
    world.put(row(&[("project_id", "shop"), ("frontend_bucket", "old-site")])).await;
    let before = world.rows().await;
    world.state(
        "[projects.shop]\nfrontend_bucket = \"shop-site\"\n\n[projects.blog]\nfrontend_bucket = \"Blog Site\"\n\
         frontend_buckets = \"x\"\nfrontend_region = \"mars\"\n",
    );
    let file = world.file().display().to_string();
    for options in [&[][..], &["--dry-run"], &["--check"], &["--project", "shop"]] {
        let refused = ends_with(world.import(options).await, 2);
        assert_eq!(refused.stdout, "");
        let lines: Vec<&str> = refused.stderr.lines().map(str::trim).collect();
        assert_eq!(lines.len(), 6, "{refused:#?}");
        assert_eq!(lines[0], format!("error: 3 faults in {file}; nothing was written."));
        for (line, start) in [
            (lines[2], "5: The project 'blog': frontend_bucket 'Blog Site'"),
            (lines[3], "6: The project 'blog': unknown key 'frontend_buckets'"),
            (lines[4], "7: The project 'blog': frontend_region 'mars'"),
        ] {
            assert!(line.starts_with(&format!("{file}:{start}")), "{line}");
        }
        assert_eq!(lines[5], "hint: Correct the file, then import it again.");
        assert_eq!(world.rows().await, before);
    }
}

#[tokio::test]
async fn faults_that_only_the_server_sees_have_their_line_too() {
    let world = World::start().await;
    world.put(row(&[("project_id", "old"), ("frontend_bucket", "site")])).await;
    world.put(row(&[("project_id", "broken"), ("enabled", "yes")])).await;
    let before = world.rows().await;
    world.state(
        "[projects.blog]\nfrontend_bucket = \"blog\"\n[projects.shop]\nfrontend_bucket = \"site\"\n\
         [projects.stage]\nfrontend_bucket = \"bouncer-uploads-000000000000\"\n\
         [projects.broken]\nfrontend_bucket = \"broken-site\"\n",
    );
    let file = world.file().display().to_string();
    let refused = ends_with(world.import(&[]).await, 2);
    for words in [
        "4: The project 'shop': the bucket 'site' is already that of the project 'old'. Give each project its own.",
        "6: The project 'stage': a site cannot be published to Bouncer's own staging bucket.",
        "7: The project 'broken': the stored row of this project cannot be read.",
    ] {
        assert!(refused.stderr.contains(&format!("{file}:{words}")), "{words}: {refused:#?}");
    }
    assert_eq!(world.rows().await, before);
    let refused = json_of(&ends_with(world.import(&["--json", "--dry-run"]).await, 2));
    assert_eq!((&refused["status"], &refused["faults"][0]["line"]), (&json!("invalid"), &json!(4)), "{refused:#}");
}

#[tokio::test]
async fn a_bucket_may_change_hands_within_a_file() {
    let world = World::start().await;
    world.put(row(&[("project_id", "old"), ("frontend_bucket", "site")])).await;
    world.state("[projects.new]\nfrontend_bucket = \"site\"\n[projects.old]\nfrontend_bucket = \"old-site\"\n");
    ends_with(world.import(&[]).await, 0);
    ends_with(world.import(&["--check"]).await, 0);
    let buckets: Vec<_> = world.rows().await.iter().map(|row| row["frontend_bucket"].as_s().unwrap().clone()).collect();
    assert_eq!(buckets, ["site", "old-site"]);
}

#[tokio::test]
async fn an_import_is_an_admins() {
    let world = World::start().await;
    world.state("[projects.shop]\nfrontend_bucket = \"shop-site\"\n");
    let file = world.file();
    for options in [&[][..], &["--dry-run"]] {
        let arguments = [&["project", "import", file.to_str().unwrap()], options].concat();
        let run = Cli::on(&world.server, &arguments).key(&world.server, Role::Approver).run().await;
        let refused = ends_with(run, 1);
        assert!(refused.stderr.contains("a key of the role 'admin'"), "{refused:#?}");
    }
    assert!(world.rows().await.is_empty());
}

#[tokio::test]
async fn a_program_that_calls_the_tool_gets_every_fault() {
    let world = World::start().await;
    let shop = json!({ "project": "shop", "bucket": "shop-site" });
    let rows = json!({ "projects": [
        shop, shop, { "project": "blog", "bucket": "shop-site" }, { "project": "Docs", "bucket": "docs-site" },
        { "project": "wiki", "bucket": "wiki-site", "region": "mars" },
    ] });
    let (status, refused) = world.server.tool(Role::Admin, "bouncer_project_import", rows).await;
    assert_eq!((status, &refused["error_code"]), (400, &json!("VALIDATION_ERROR")), "{refused:#}");
    let faults = refused["faults"].as_array().unwrap();
    let places: Vec<_> =
        faults.iter().map(|fault| (&fault["project"], &fault["field"])).map(|(a, b)| json!([a, b])).collect();
    let expected = [["shop", "project"], ["Docs", "project"], ["wiki", "frontend_region"], ["blog", "bucket"]];
    assert_eq!(places, expected.map(|place| json!(place)), "{refused:#}");
    assert!(world.rows().await.is_empty());
}

#[tokio::test]
async fn wrong_command_lines_and_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.toml"), "").unwrap();
    std::fs::write(folder.path().join("bad.toml"), [0xff, 0xfe]).unwrap();
    for (arguments, words) in [
        (&["good.toml", "--check", "--dry-run"][..], "cannot be used with"),
        (&[], "<FILE>"),
        (&["nowhere.toml"], "The file nowhere.toml cannot be read"),
        (&["bad.toml"], "The file bad.toml cannot be read"),
        (&["good.toml", "--project", "shop"], "It has no project at all"),
        (&["good.toml", "--data-dir", "data"], "bouncer serve"),
    ] {
        let arguments = [&["project", "import"], arguments].concat();
        let refused = Cli::new(folder.path(), &arguments).run().await;
        assert_ne!(refused.code, Some(0), "{refused:#?}");
        assert!(refused.stderr.contains(words), "{words}: {refused:#?}");
        assert_eq!(refused.stdout, "");
    }
}
