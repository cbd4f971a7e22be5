//! What is written, and what is left alone.

use super::support::{World, create_table, row};
use crate::on_both;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

on_both!(
    only_differences_are_written_and_the_rest_of_the_row_stays,
    a_dry_run_changes_nothing,
    a_check_fails_on_drift_alone,
    a_run_can_be_kept_to_some_projects,
    programs_get_json,
    a_field_of_the_wrong_type_is_put_right,
    a_table_of_another_name_is_used_alone,
    credentials_come_from_a_developers_profile,
);

const SHOP: &str = r#"
[projects.shop]
name = "Shop"
frontend_bucket = "shop-site"
frontend_region = "eu-west-1"
frontend_cache_rules = [{ pattern = "*.json", cache_control = "no-cache" }]
"#;
const BLOG: &str = "\n[projects.blog]\nfrontend_bucket = \"blog-site\"\n";

async fn credentials_come_from_a_developers_profile(world: World) {
    world.state(SHOP);
    world.seed_by_profile(&[]).await.ends_with(0);
    assert!(world.row("shop").await.is_some());
}

async fn only_differences_are_written_and_the_rest_of_the_row_stays(world: World) {
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
    let first = world.seed(&[]).await.ends_with(0);
    assert_eq!(
        first.stdout,
        "+ blog\n    enabled: (none) -> true\n    frontend_bucket: (none) -> \"blog-site\"\n    \
         frontend_region: (none) -> \"us-east-1\"\n    retain_releases: (none) -> 5\n    \
         asset_grace_hours: (none) -> 24\n\
         ~ shop\n    name: \"Old shop\" -> \"Shop\"\n    frontend_region: (none) -> \"eu-west-1\"\n    \
         frontend_deploy_role_arn: \"arn:aws:iam::123456789012:role/old\" -> (none)\n    \
         frontend_cache_rules: (none) -> [{\"cache_control\":\"no-cache\",\"pattern\":\"*.json\"}]\n\
         Changed 2 projects, 9 fields in bouncer-projects.\n"
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
    assert_eq!(rows["shop"], after);
    assert_eq!(rows["blog"], blog);
    assert_eq!(rows["api"], backend_only);

    let second = world.seed(&[]).await.ends_with(0);
    assert_eq!(second.stdout, "Nothing to do: bouncer-projects is as the file states.\n");
    assert_eq!(world.rows().await, rows);
}

async fn a_dry_run_changes_nothing(world: World) {
    world.put(row(&[("project_id", "shop"), ("frontend_bucket", "old-site")])).await;
    let before = world.rows().await;
    world.state(&format!("{SHOP}{BLOG}"));
    let dry = world.seed(&["--dry-run"]).await.ends_with(0);
    assert!(dry.stdout.contains("+ blog\n"), "{dry:#?}");
    assert!(dry.stdout.contains("~ shop\n    name: (none) -> \"Shop\"\n"), "{dry:#?}");
    assert!(dry.stdout.contains("    frontend_bucket: \"old-site\" -> \"shop-site\"\n"), "{dry:#?}");
    assert!(
        dry.stdout.ends_with("Would change 2 projects, 9 fields in bouncer-projects. Nothing was written.\n"),
        "{dry:#?}"
    );
    assert_eq!(world.rows().await, before);
}

async fn a_check_fails_on_drift_alone(world: World) {
    world.state(SHOP);
    let drift = world.seed(&["--check"]).await.ends_with(1);
    assert!(drift.stdout.contains("+ shop\n"), "{drift:#?}");
    assert!(drift.stdout.ends_with("bouncer-projects differs from the file: 1 project, 7 fields.\n"), "{drift:#?}");
    assert!(world.rows().await.is_empty());

    world.seed(&[]).await.ends_with(0);
    world.seed(&["--check"]).await.ends_with(0);

    let mut changed = world.row("shop").await.unwrap();
    changed.insert("frontend_bucket".into(), AttributeValue::S("elsewhere".into()));
    world.put(changed).await;
    let drift = world.seed(&["--check"]).await.ends_with(1);
    assert!(drift.stdout.contains("frontend_bucket: \"elsewhere\" -> \"shop-site\""), "{drift:#?}");
}

async fn a_run_can_be_kept_to_some_projects(world: World) {
    world.state(&format!("{SHOP}{BLOG}[projects.docs]\nfrontend_bucket = \"docs-site\"\n"));
    world.seed(&["--project", "shop", "blog"]).await.ends_with(0);
    let mut projects: Vec<String> = world.rows().await.into_keys().collect();
    projects.sort();
    assert_eq!(projects, ["blog", "shop"]);
    world.seed(&["--check", "--project", "shop", "--project", "blog"]).await.ends_with(0);
    world.seed(&["--check"]).await.ends_with(1);

    let unknown = world.seed(&["--project", "shpo"]).await.ends_with(2);
    assert!(
        unknown.stderr.contains("no project 'shpo'") && unknown.stderr.contains("blog, docs, shop"),
        "{unknown:#?}"
    );
}

async fn programs_get_json(world: World) {
    world.put(row(&[("project_id", "shop"), ("frontend_bucket", "old-site"), ("frontend_region", "eu-west-1")])).await;
    world.state("[projects.shop]\nfrontend_bucket = \"shop-site\"\nfrontend_region = \"eu-west-1\"\n");
    let change = |status: &str, outcome: &str, exit_code: u8| {
        json!({
            "status": status, "table": "bouncer-projects", "exit_code": exit_code,
            "projects": [{
                "project": "shop", "new": false, "outcome": outcome,
                "fields": [{ "field": "frontend_bucket", "old": "old-site", "new": "shop-site" }],
            }],
        })
    };
    assert_eq!(world.seed(&["--json", "--dry-run"]).await.ends_with(0).json(), change("planned", "planned", 0));
    assert_eq!(world.seed(&["--json", "--check"]).await.ends_with(1).json(), change("drift", "planned", 1));
    assert_eq!(world.seed(&["--json"]).await.ends_with(0).json(), change("written", "written", 0));
    assert_eq!(
        world.seed(&["--json"]).await.ends_with(0).json(),
        json!({
            "status": "unchanged", "table": "bouncer-projects", "exit_code": 0,
            "projects": [{ "project": "shop", "new": false, "outcome": "unchanged", "fields": [] }],
        })
    );
    world.state("[projects.shop]\nbuckets = 1\n");
    let invalid = world.seed(&["--json"]).await.ends_with(2).json();
    assert_eq!(invalid["status"], "invalid");
    assert_eq!(invalid["faults"][1]["line"], 2, "{invalid:#}");
}

async fn a_field_of_the_wrong_type_is_put_right(world: World) {
    let mut broken = row(&[("project_id", "shop"), ("enabled", "yes"), ("frontend_bucket", "shop-site")]);
    broken.insert("name".into(), AttributeValue::Ss(vec!["a".into(), "b".into()]));
    broken.insert("frontend_region".into(), AttributeValue::B(Blob::new([1])));
    world.put(broken).await;
    world.state("[projects.shop]\nname = \"Shop\"\nenabled = true\nfrontend_bucket = \"shop-site\"\n");
    let fixed = world.seed(&[]).await.ends_with(0);
    assert!(fixed.stdout.contains("enabled: \"yes\" -> true"), "{fixed:#?}");
    let expected = row(&[
        ("project_id", "shop"),
        ("name", "Shop"),
        ("enabled", "true"),
        ("frontend_bucket", "shop-site"),
        ("frontend_region", "us-east-1"),
    ]);
    assert_eq!(world.row("shop").await.unwrap(), expected);
}

async fn a_table_of_another_name_is_used_alone(world: World) {
    create_table(&world.dynamodb(), "Acme-Sites").await;
    world.state(SHOP);
    let done = world.seed(&["--table", "Acme-Sites"]).await.ends_with(0);
    assert!(done.stdout.ends_with("Changed 1 project, 7 fields in Acme-Sites.\n"), "{done:#?}");
    world.seed(&["--table", "Acme-Sites", "--check"]).await.ends_with(0);
    assert!(world.rows().await.is_empty());
}
