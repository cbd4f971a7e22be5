//! What is written, and what is left alone.

use std::path::Path;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use super::{BLOG, SHOP, World, ends_with, json_of, row};
use crate::support::{Cli, Role, Server, run_program};

#[tokio::test]
async fn only_differences_are_written_and_the_rest_of_the_row_stays() {
    let world = World::start().await;
    let mut before = row(&[
        ("project_id", "shop"),
        ("name", "Old shop"),
        ("enabled", "false"),
        ("git_repo", "acme/shop"),
        ("current_release", "rel-0123456789ab"),
        ("frontend_bucket", "shop-site"),
        ("frontend_deploy_role_arn", "arn:aws:iam::123456789012:role/old"),
    ]);
    before.insert("unsettled_releases".into(), AttributeValue::Ss(vec!["rel-0123456789ac".into()]));
    before.insert("seal".into(), AttributeValue::B(Blob::new([0, 255])));
    world.put(before.clone()).await;
    let backend_only = row(&[("project_id", "api"), ("stack_name", "api-prod")]);
    world.put(backend_only.clone()).await;

    world.state(&format!("{SHOP}{BLOG}"));
    let first = ends_with(world.import(&[]).await, 0);
    assert_eq!(
        first.stdout,
        "+ blog\n    enabled: (none) -> true\n    frontend_bucket: (none) -> \"blog-site\"\n    \
         frontend_region: (none) -> \"us-east-1\"\n    retain_releases: (none) -> 5\n    \
         asset_grace_hours: (none) -> 24\n\
         ~ shop\n    name: \"Old shop\" -> \"Shop\"\n    frontend_region: \"us-east-1\" -> \"eu-west-1\"\n    \
         frontend_deploy_role_arn: \"arn:aws:iam::123456789012:role/old\" -> (none)\n    \
         frontend_cache_rules: (none) -> [{\"cache_control\":\"no-cache\",\"pattern\":\"*.json\"}]\n\
         1 added, 1 changed, 0 kept.\n"
    );

    let mut after = before;
    after.insert("name".into(), AttributeValue::S("Shop".into()));
    after.insert("frontend_region".into(), AttributeValue::S("eu-west-1".into()));
    after.remove("frontend_deploy_role_arn");
    let rule = AttributeValue::M(row(&[("pattern", "*.json"), ("cache_control", "no-cache")]));
    after.insert("frontend_cache_rules".into(), AttributeValue::L(vec![rule]));
    let mut blog = row(&[
        ("project_id", "blog"),
        ("enabled", "true"),
        ("frontend_bucket", "blog-site"),
        ("frontend_region", "us-east-1"),
    ]);
    blog.insert("retain_releases".into(), AttributeValue::N("5".into()));
    blog.insert("asset_grace_hours".into(), AttributeValue::N("24".into()));
    let rows = world.rows().await;
    assert_eq!(rows, [backend_only, blog, after]);

    let second = ends_with(world.import(&[]).await, 0);
    assert_eq!(second.stdout, "= blog\n= shop\nNothing to do: the projects are as the file says.\n");
    assert_eq!(world.rows().await, rows);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_a_run_makes_the_buckets() {
    let world = World::start().await;
    ends_with(Cli::on(&world.server, &["project", "add", "shop", "--bucket", "old-site"]).run().await, 0);
    let before = world.rows().await;
    world.state(&format!("{SHOP}{BLOG}"));
    let dry = ends_with(world.import(&["--dry-run"]).await, 0);
    assert!(dry.stdout.starts_with("+ blog\n"), "{dry:#?}");
    assert!(dry.stdout.contains("~ shop\n    name: (none) -> \"Shop\"\n"), "{dry:#?}");
    assert!(dry.stdout.contains("    frontend_bucket: \"old-site\" -> \"shop-site\"\n"), "{dry:#?}");
    assert!(dry.stdout.ends_with("1 to add, 1 to change, 0 to keep. Nothing was written.\n"), "{dry:#?}");
    assert_eq!(world.rows().await, before);
    assert!(!has_bucket(&world.server, "blog-site").await);

    ends_with(world.import(&[]).await, 0);
    assert!(has_bucket(&world.server, "blog-site").await && has_bucket(&world.server, "shop-site").await);
    let shown = ends_with(Cli::on(&world.server, &["--json", "project", "show", "shop"]).run().await, 0);
    assert_eq!(json_of(&shown)["project"]["frontend_bucket"], "shop-site");
}

/// Whether the bucket can be listed.
async fn has_bucket(server: &Server, bucket: &'static str) -> bool {
    let storage = server.storage();
    tokio::spawn(async move { storage.list(bucket, "").await }).await.is_ok()
}

#[tokio::test]
async fn a_check_fails_on_drift_alone() {
    let world = World::start().await;
    world.state(SHOP);
    let drift = ends_with(world.import(&["--check"]).await, 1);
    assert!(drift.stdout.starts_with("+ shop\n"), "{drift:#?}");
    assert!(
        drift
            .stdout
            .ends_with("The projects differ from the file: 1 to add, 0 to change, 0 to keep. Nothing was written.\n"),
        "{drift:#?}"
    );
    assert!(world.rows().await.is_empty());

    ends_with(world.import(&[]).await, 0);
    ends_with(world.import(&["--check"]).await, 0);

    ends_with(Cli::on(&world.server, &["project", "add", "shop", "--bucket", "elsewhere"]).run().await, 0);
    let drift = ends_with(world.import(&["--check"]).await, 1);
    assert!(drift.stdout.contains("frontend_bucket: \"elsewhere\" -> \"shop-site\""), "{drift:#?}");
}

#[tokio::test]
async fn an_import_can_be_kept_to_some_projects() {
    let world = World::start().await;
    world.state(&format!("{SHOP}{BLOG}[projects.docs]\nfrontend_bucket = \"docs-site\"\n"));
    ends_with(world.import(&["--project", "shop,blog"]).await, 0);
    let projects: Vec<_> = world.rows().await.iter().map(|row| row["project_id"].as_s().unwrap().clone()).collect();
    assert_eq!(projects, ["blog", "shop"]);
    ends_with(world.import(&["--check", "--project", "shop", "--project", "blog"]).await, 0);
    ends_with(world.import(&["--check"]).await, 1);

    let unknown = ends_with(world.import(&["--project", "shpo"]).await, 2);
    assert!(
        unknown.stderr.contains("no project 'shpo'") && unknown.stderr.contains("blog, docs, shop"),
        "{unknown:#?}"
    );
}

#[tokio::test]
async fn programs_get_json() {
    let world = World::start().await;
    world.put(row(&[("project_id", "shop"), ("frontend_bucket", "old-site"), ("frontend_region", "eu-west-1")])).await;
    world.state("[projects.shop]\nfrontend_bucket = \"shop-site\"\nfrontend_region = \"eu-west-1\"\n");
    let change = |status: &str, outcome: &str, exit_code: u8| {
        json!({
            "status": status, "exit_code": exit_code,
            "projects": [{
                "project": "shop", "new": false, "outcome": outcome,
                "fields": [{ "field": "frontend_bucket", "old": "old-site", "new": "shop-site" }],
            }],
        })
    };
    let planned = ends_with(world.import(&["--json", "--dry-run"]).await, 0);
    assert_eq!(json_of(&planned), change("planned", "planned", 0));
    let drift = ends_with(world.import(&["--json", "--check"]).await, 1);
    assert_eq!(json_of(&drift), change("drift", "planned", 1));
    let written = ends_with(world.import(&["--json"]).await, 0);
    assert_eq!(json_of(&written), change("written", "written", 0));
    let unchanged = ends_with(world.import(&["--json"]).await, 0);
    assert_eq!(
        json_of(&unchanged),
        json!({
            "status": "unchanged", "exit_code": 0,
            "projects": [{ "project": "shop", "new": false, "outcome": "unchanged", "fields": [] }],
        })
    );
    world.state("[projects.shop]\nbuckets = 1\n");
    let invalid = ends_with(world.import(&["--json"]).await, 2);
    let invalid = json_of(&invalid);
    assert_eq!((&invalid["status"], &invalid["exit_code"]), (&json!("invalid"), &json!(2)), "{invalid:#}");
    assert_eq!(invalid["faults"][1]["line"], 2, "{invalid:#}");
}

#[tokio::test]
async fn a_row_without_a_bucket_keeps_nothing_of_an_earlier_frontend() {
    let world = World::start().await;
    world
        .put(row(&[("project_id", "shop"), ("frontend_deploy_role_arn", "arn:aws:iam::123456789012:role/forgotten")]))
        .await;
    world.state("[projects.shop]\nfrontend_bucket = \"shop-site\"\n");
    ends_with(world.import(&[]).await, 0);
    assert_eq!(world.row("shop").await.unwrap().get("frontend_deploy_role_arn"), None);
    ends_with(world.import(&["--check"]).await, 0);
}

#[tokio::test]
async fn the_script_of_the_repository_imports_its_file() {
    let world = World::start().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("scripts/seed_frontend_configs/seed");
    let (script, program) = (script.to_str().unwrap(), env!("CARGO_BIN_EXE_bouncer"));
    let (url, key) = (world.server.url(), world.server.key(Role::Admin));
    let options = ["--server", url, "--key", key];
    let program = format!("BOUNCER={program}");
    let run = async |more: &[&str]| {
        let arguments = [&[program.as_str(), script][..], &options, more].concat();
        run_program("env", world.server.scratch(), &arguments, b"").await
    };
    ends_with(run(&["--dry-run"]).await, 0);
    assert!(world.rows().await.is_empty());
    ends_with(run(&[]).await, 0);
    ends_with(run(&["--check"]).await, 0);
    let rows = world.rows().await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["enabled"].as_bool() == Ok(&false)), "examples take no requests: {rows:#?}");
}
