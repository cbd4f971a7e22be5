use super::*;
use proptest::prelude::*;
use serde_json::json;

fn faults(text: &str) -> Vec<(usize, String)> {
    parse(text).expect_err("the file is wrong").into_iter().map(|fault| (fault.line, fault.message)).collect()
}

/// Line and a part of the message of each fault.
fn expect(text: &str, expected: &[(usize, &str)]) {
    let found = faults(text);
    let same = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.0 == expected.0 && found.1.contains(expected.1));
    assert!(same, "expected {expected:#?}\nfound {found:#?}");
}

#[test]
fn a_whole_row() {
    let projects = parse(
        r#"
        [projects.shop]
        name = "Shop"
        enabled = false
        frontend_bucket = "shop-site"
        frontend_distribution_id = "E2EXAMPLE1ABC"
        frontend_region = "eu-west-1"
        frontend_deploy_role_arn = "arn:aws:iam::123456789012:role/deploy"
        frontend_cache_rules = [{ pattern = "*.json", cache_control = "no-cache" }]
        approvers = ["anna", "telegram:42"]
        approvals_required = 2
        retain_releases = 3
        asset_grace_hours = 0
        "#,
    )
    .unwrap();
    let [shop] = &projects[..] else { panic!("{projects:?}") };
    assert_eq!(
        json!(shop.row),
        json!({
            "project": "shop", "bucket": "shop-site", "name": "Shop", "enabled": false,
            "distribution": "E2EXAMPLE1ABC", "region": "eu-west-1", "role": "arn:aws:iam::123456789012:role/deploy",
            "cache_rules": [{ "pattern": "*.json", "cache_control": "no-cache" }],
            "approvers": ["anna", "telegram:42"], "approvals_required": 2, "retain_releases": 3, "asset_grace_hours": 0,
        })
    );
    assert_eq!((shop.line_of("name"), shop.line_of("bucket"), shop.line_of("project")), (3, 5, 2));
}

#[test]
fn fields_that_are_left_out_are_cleared_or_kept() {
    let projects = parse("[projects.shop]\nfrontend_bucket = \"shop-site\"\n").unwrap();
    let cleared = json!({ "distribution": "", "region": "us-east-1", "role": "", "cache_rules": [] });
    let row = json!(projects[0].row);
    for (field, value) in row.as_object().unwrap() {
        match field.as_str() {
            "project" => assert_eq!(value, "shop"),
            "bucket" => assert_eq!(value, "shop-site"),
            field => assert_eq!(value, cleared.get(field).unwrap_or(&json!(null)), "{field}"),
        }
    }
}

#[test]
fn every_fault_has_its_line() {
    expect(
        r#"# a comment
title = "x"
[projects.shop]
name = ""
frontend_bucket = "Shop_Site"
frontend_distribution_id = "e2"
frontend_region = "useast1"
frontend_deploy_role_arn = "arn:aws:iam::123456789012:user/x"
bucket = "shop-site"
frontend_cache_rules = [
    { pattern = "*.json", cache_control = "no-cache" },
    { pattern = "a[", cache_control = "no-cache" },
    { pattern = "x", cache-control = "no-cache" },
    "*.css",
]

[projects."Bad Id"]
frontend_bucket = "good-bucket"
enabled = "yes"

[projects.none]
"#,
        &[
            (2, "Unknown key 'title'"),
            (4, "name '' is not valid"),
            (5, "frontend_bucket 'Shop_Site' is not valid: expected an S3 bucket name"),
            (6, "frontend_distribution_id 'e2'"),
            (7, "frontend_region 'useast1'"),
            (8, "frontend_deploy_role_arn 'arn:aws:iam::123456789012:user/x'"),
            (9, "'shop': unknown key 'bucket'; known are name, enabled, frontend_bucket"),
            (12, "frontend_cache_rules 'a[' is not valid: expected a glob"),
            (13, "unknown key 'cache-control' in a cache rule"),
            (13, "a cache rule has no cache_control"),
            (14, "a cache rule is { pattern, cache_control }"),
            (17, "project id 'Bad Id' is not valid"),
            (19, "enabled must be true or false"),
            (21, "The project 'none' has no frontend_bucket"),
        ],
    );
}

#[test]
fn wrong_types_are_named_once() {
    expect(
        "[projects.a]\nfrontend_bucket = 7\nfrontend_cache_rules = \"x\"\n[projects]\nb = 1\n",
        &[(2, "frontend_bucket must be a text"), (3, "must be a list"), (5, "'b' is not a table")],
    );
    expect("projects = 1", &[(1, "'projects' is not a table")]);
    expect(
        "[projects.a]\nfrontend_bucket = \"aaa\"\nfrontend_cache_rules = [{ pattern = 1, cache_control = \"x\" }]\n",
        &[(3, "a cache rule's pattern must be a text")],
    );
}

#[test]
fn projects_do_not_share_a_bucket() {
    expect(
        "[projects.b]\nfrontend_bucket = \"site\"\n[projects.a]\nfrontend_bucket = \"site\"\nname = \"\"\n",
        &[(4, "The project 'a': the bucket 'site' is already that of 'b' (line 2)"), (5, "name ''")],
    );
}

#[test]
fn syntax_faults_come_together() {
    let found = faults("[projects.a]\nfrontend_bucket = \nname = \"x\n\n[projects.a]\n");
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert!(lines.contains(&2) && lines.contains(&3), "{found:?}");
    assert!(found.iter().all(|(_, message)| message.starts_with("This is not TOML: ")), "{found:?}");
    expect("[projects.a]\nname = \"x\"\nname = \"y\"\n", &[(3, "duplicate key")]);
}

#[test]
fn an_empty_file_wants_nothing() {
    assert!(parse("").unwrap().is_empty());
    assert!(parse("# only words\n[projects]\n").unwrap().is_empty());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_lines_of_it(text in r#"(\[projects(\.[a-c])?\]|[a-c_="'\[\]{},0-9.\n é]){0,60}"#) {
        if let Err(faults) = parse(&text) {
            prop_assert!(!faults.is_empty());
            let lines = text.split('\n').count();
            prop_assert!(faults.iter().all(|fault| (1..=lines).contains(&fault.line)), "{faults:?}");
        }
    }
}
