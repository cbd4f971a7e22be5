use super::*;
use crate::file;
use proptest::prelude::*;
use serde_json::json;

fn wanted(fields: &str) -> Wanted {
    let text = format!("[projects.shop]\n{fields}\n");
    file::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}")).remove(0)
}

fn stored(row: Value) -> Stored {
    let Value::Object(row) = row else { panic!("a row is an object") };
    Stored(FRONTEND_FIELDS.into_iter().filter_map(|field| Some((field, row.get(field)?.clone()))).collect())
}

/// (field, old, new), absent as null.
fn changes(change: Option<Change>) -> Value {
    let fields = change.iter().flat_map(Change::fields);
    fields.map(|change| json!([change.field, change.old, change.new])).collect()
}

#[test]
fn what_differs_is_named_field_by_field() {
    let bucket = r#"frontend_bucket = "site""#;
    let row = json!({ "frontend_bucket": "site", "frontend_region": "us-east-1" });
    let with = |field: &str, value: Value| {
        let mut row = row.clone();
        row[field] = value;
        row
    };
    let rule = json!({ "pattern": "*.json", "cache_control": "no-cache" });
    let arn = "arn:aws:iam::123456789012:role/deploy";
    for (name, file, row, expected) in [
        ("the same", String::new(), row.clone(), json!([])),
        ("no region is us-east-1", String::new(), json!({ "frontend_bucket": "site" }), json!([])),
        ("no rules are no rules", String::new(), with("frontend_cache_rules", json!([])), json!([])),
        ("enabled unless it says otherwise", "enabled = true".into(), row.clone(), json!([])),
        ("a name that the file leaves out stays", String::new(), with("name", json!("Shop")), json!([])),
        ("so does the switch", String::new(), with("enabled", json!(false)), json!([])),
        ("a name", "name = \"New\"".into(), with("name", json!("Old")), json!([["name", "Old", "New"]])),
        ("switched off", "enabled = false".into(), row.clone(), json!([["enabled", null, false]])),
        ("switched on", "enabled = true".into(), with("enabled", json!(false)), json!([["enabled", false, true]])),
        (
            "another region",
            "frontend_region = \"eu-west-1\"".into(),
            json!({ "frontend_bucket": "site" }),
            json!([["frontend_region", null, "eu-west-1"]]),
        ),
        (
            "the region back to the default",
            String::new(),
            with("frontend_region", json!("eu-west-1")),
            json!([["frontend_region", "eu-west-1", "us-east-1"]]),
        ),
        (
            "a role that is gone",
            String::new(),
            with("frontend_deploy_role_arn", json!(arn)),
            json!([["frontend_deploy_role_arn", arn, null]]),
        ),
        (
            "rules",
            "frontend_cache_rules = [{ pattern = \"*.json\", cache_control = \"no-cache\" }]".into(),
            row.clone(),
            json!([["frontend_cache_rules", null, [rule]]]),
        ),
        (
            "rules in another order",
            "frontend_cache_rules = [{ pattern = \"a\", cache_control = \"x\" }, { pattern = \"b\", cache_control = \"x\" }]"
                .into(),
            with(
                "frontend_cache_rules",
                json!([{ "pattern": "b", "cache_control": "x" }, { "pattern": "a", "cache_control": "x" }]),
            ),
            json!([[
                "frontend_cache_rules",
                [{ "pattern": "b", "cache_control": "x" }, { "pattern": "a", "cache_control": "x" }],
                [{ "pattern": "a", "cache_control": "x" }, { "pattern": "b", "cache_control": "x" }]
            ]]),
        ),
        (
            "something else than a text",
            String::new(),
            with("frontend_bucket", json!(7)),
            json!([["frontend_bucket", 7, "site"]]),
        ),
    ] {
        let wanted = wanted(&format!("{bucket}\n{file}"));
        assert_eq!(changes(diff(&wanted, Some(&stored(row)))), expected, "{name}");
    }
}

#[test]
fn a_project_that_is_not_there_is_new_as_a_whole() {
    let change = diff(&wanted("frontend_bucket = \"site\""), None);
    assert!(matches!(change, Some(Change::Create(_))));
    assert_eq!(
        changes(change),
        json!([
            ["enabled", null, true],
            ["frontend_bucket", null, "site"],
            ["frontend_region", null, "us-east-1"],
            ["retain_releases", null, 5],
            ["asset_grace_hours", null, 24],
        ])
    );
}

#[test]
fn a_bucket_of_a_project_outside_the_file_is_refused() {
    let table = |owner: &'static str| BTreeMap::from([(owner, stored(json!({ "frontend_bucket": "site" })))]);
    let wanted = [wanted("frontend_bucket = \"site\"")];
    assert_eq!(shared_buckets(&wanted, &table("shop")), []);
    let faults = shared_buckets(&wanted, &table("blog"));
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].line, 2);
    assert!(faults[0].message.contains("'site' is already that of the project 'blog' in the table"), "{faults:?}");
}

// --- For all rows and files --------------------------------------------------------------------------------------------

fn any_value() -> impl Strategy<Value = Value> {
    let rule = json!({ "pattern": "*.json", "cache_control": "no-cache" });
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(5),
        json!(24),
        json!([]),
        json!([rule]),
        json!("us-east-1"),
        json!("eu-west-1"),
        json!("site"),
        json!("E2EXAMPLE1ABC"),
        json!({}),
    ])
}

fn any_stored() -> impl Strategy<Value = Stored> {
    prop::collection::btree_map(prop::sample::select(FRONTEND_FIELDS.to_vec()), any_value(), 0..=9).prop_map(Stored)
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    let lines = [
        "name = \"Shop\"",
        "enabled = true",
        "enabled = false",
        "frontend_distribution_id = \"E2EXAMPLE1ABC\"",
        "frontend_region = \"us-east-1\"",
        "frontend_region = \"eu-west-1\"",
        "frontend_deploy_role_arn = \"arn:aws:iam::123456789012:role/x\"",
        "retain_releases = 3",
        "asset_grace_hours = 0",
        "frontend_cache_rules = []",
        "frontend_cache_rules = [{ pattern = \"*.json\", cache_control = \"no-cache\" }]",
    ];
    prop::sample::subsequence(lines.to_vec(), 0..=lines.len()).prop_map(|mut lines| {
        lines.dedup_by_key(|line| line.split(' ').next());
        wanted(&format!("frontend_bucket = \"site\"\n{}", lines.join("\n")))
    })
}

/// What a write of the change makes of the row.
fn apply(change: &Change, stored: &Stored) -> Stored {
    let mut row = stored.clone();
    for change in change.fields() {
        assert_eq!(row.0.get(change.field), change.old.as_ref(), "the old value is the row's");
        match &change.new {
            Some(value) => drop(row.0.insert(change.field, value.clone())),
            None => drop(row.0.remove(change.field)),
        }
    }
    row
}

proptest! {
    #[test]
    fn a_written_difference_gives_what_is_wanted_and_then_nothing(
        wanted in any_wanted(),
        row in prop::option::of(any_stored()),
    ) {
        let before = row.clone().unwrap_or_default();
        let after = diff(&wanted, row.as_ref()).map_or_else(|| before.clone(), |change| apply(&change, &before));
        for field in FRONTEND_FIELDS {
            match wanted.fields.get(field) {
                Some(value) => {
                    prop_assert_eq!(meaning(field, after.0.get(field)), meaning(field, value.as_ref()), "{}", field);
                }
                None if row.is_some() => prop_assert_eq!(after.0.get(field), before.0.get(field), "{}", field),
                None => {}
            }
        }
        prop_assert_eq!(diff(&wanted, Some(&after)), None, "a second run has nothing to do");
    }
}
