//! The roles may do what the program calls, and nothing else: a right that is missing and one that is not used are both
//! named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use bouncer::storage::Table;
use serde_json::{Value, json};

use super::calls::{Call, Calls, Program, Ways};
use super::{PREFIX, allowing, named, resources, role, statements, template, texts};

/// The actions that IAM asks for when the program makes a call.
fn actions(call: &Call) -> Vec<String> {
    let (service, operation) = (call.0.as_str(), call.1.as_str());
    let own = match (service, operation) {
        // Answered to whoever asks.
        ("sts", "get_caller_identity") => &[][..],
        ("s3", "head_object") => &["s3:GetObject"],
        // A transaction needs the rights of what is in it.
        ("dynamodb", "transact_write_items") => {
            &["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        }
        ("s3", "copy_object") => &["s3:GetObject", "s3:PutObject"],
        ("s3", "create_multipart_upload" | "upload_part" | "complete_multipart_upload") => &["s3:PutObject"],
        ("s3", "list_objects_v2" | "head_bucket") => &["s3:ListBucket"],
        // It reads the template, hands over a role, and gives a new stack a tag.
        ("cloudformation", "create_change_set") => {
            &["cloudformation:CreateChangeSet", "cloudformation:TagResource", "iam:PassRole", "s3:GetObject"]
        }
        _ => return vec![format!("{}:{}", prefix(service), in_camel_case(operation))],
    };
    own.iter().map(|action| (*action).to_owned()).collect()
}

fn prefix(service: &str) -> &str {
    match service {
        "sfn" => "states",
        "cloudwatchlogs" => "logs",
        other => other,
    }
}

fn in_camel_case(operation: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    operation.split('_').map(word).collect()
}

/// What only the local profile calls: on AWS, tables and buckets are made by templates.
const LOCAL: [&str; 3] = ["dynamodb:CreateTable", "dynamodb:UpdateTimeToLive", "s3:CreateBucket"];
/// What AWS does in the name of a function.
const RUNTIME: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];

/// What the tasks of the state machines call, and what answering a request does.
static CALLS: LazyLock<(Calls, Calls)> = LazyLock::new(|| {
    let program = Program::read();
    // What makes the runner registers the tasks; it then calls them by their names.
    let tasks = program.calls_from(|path| path == "workflow/tasks.rs::new");
    (tasks, program.calls_from(|path| path.starts_with("server/")))
});

/// The actions that calls need, and the way to one that needs it.
fn needed(calls: &Ways) -> BTreeMap<String, String> {
    let all = calls.iter().flat_map(|(call, way)| actions(call).into_iter().map(|action| (action, way.clone())));
    all.filter(|(action, _)| !LOCAL.contains(&action.as_str())).collect()
}

fn granted(path: &str, id: &str) -> BTreeSet<String> {
    let template = template(path);
    let actions = allowing(role(&template, id)).into_iter().flat_map(|statement| texts(&statement["Action"]));
    actions.filter(|action| !RUNTIME.contains(action)).map(str::to_owned).collect()
}

/// Compares, and names every difference.
fn compare(role: &str, needed: &BTreeMap<String, String>, granted: &BTreeSet<String>) {
    let missing = needed.iter().filter(|(action, _)| !granted.contains(*action));
    let missing = missing.map(|(action, way)| format!("{role} lacks {action}: {way}"));
    let unused = granted.iter().filter(|action| !needed.contains_key(*action));
    let unused = unused.map(|action| format!("{role} has {action}, and nothing calls it"));
    let faults: Vec<String> = missing.chain(unused).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_task_role_has_what_the_tasks_call() {
    let (tasks, _) = &*CALLS;
    assert!(tasks.own.len() > 15, "the tasks were not followed: {tasks:?}");
    compare("TaskRole", &needed(&tasks.own), &granted("infra/template.yaml", "TaskRole"));
}

#[test]
fn the_api_role_has_what_answering_a_call_takes() {
    let (_, asking) = &*CALLS;
    assert!(asking.own.len() > 10, "the tools were not followed: {asking:?}");
    assert!(asking.site.is_empty(), "a site is reached by tasks alone: {:?}", asking.site);
    compare("ApiRole", &needed(&asking.own), &granted("infra/template.yaml", "ApiRole"));
}

#[test]
fn a_deploy_role_has_what_a_publish_calls() {
    let (tasks, _) = &*CALLS;
    let mut granted = granted("infra/deploy-role.yaml", "DeployRole");
    // S3 asks for them where a bucket encrypts with a key of its owner's.
    assert!(granted.remove("kms:GenerateDataKey") && granted.remove("kms:Decrypt"));
    compare("DeployRole", &needed(&tasks.site), &granted);
}

#[test]
fn a_target_role_has_what_a_deploy_calls() {
    let (tasks, asking) = &*CALLS;
    let all: Ways = tasks.target.clone().into_iter().chain(asking.target.clone()).collect();
    compare("TargetRole", &needed(&all), &granted("infra/target-account.yaml", "TargetRole"));

    let template = template("infra/target-account.yaml");
    let limits =
        statements(role(&template, "TargetRole")).into_iter().filter(|statement| statement["Effect"] == "Deny");
    let limits: BTreeSet<String> =
        limits.flat_map(|statement| texts(&statement["NotAction"])).map(str::to_owned).collect();
    compare("A session that asks", &needed(&asking.target), &limits);
}

/// The table's resource in the template.
fn id_of(template: &Value, name: &str) -> String {
    let table = Table::ALL.into_iter().find(|table| format!("{table:?}") == name).expect("a table of the program");
    let wanted = format!("{PREFIX}{}", table.suffix());
    let tables = resources(template, "AWS::DynamoDB::Table");
    let found = tables.into_iter().find(|(_, resource)| named(&resource["Properties"]["TableName"]) == wanted);
    found.unwrap_or_else(|| panic!("{wanted} is not installed")).0.to_owned()
}

/// Whether a statement is about this resource.
fn is_about(statement: &Value, resource: &Value) -> bool {
    match &statement["Resource"] {
        Value::Array(all) => all.contains(resource),
        one => one == resource,
    }
}

/// Names every use of a table that no statement of the role allows.
fn missing_on_tables(template: &Value, id: &str, calls: &Calls) -> Vec<String> {
    let statements = allowing(role(template, id));
    let mut missing = Vec::new();
    for ((name, operation), way) in &calls.tables {
        let table = id_of(template, name);
        let action = match operation.as_str() {
            "query_index" => "dynamodb:Query".to_owned(),
            // What is in it is looked at by itself.
            "transact_write_items" => continue,
            operation => format!("dynamodb:{}", in_camel_case(operation)),
        };
        let resource = match (operation.as_str(), Table::ALL.into_iter().find(|table| format!("{table:?}") == *name)) {
            ("query_index", Some(of)) => {
                let (index, ..) = of.index().unwrap_or_else(|| panic!("{name} has no index"));
                json!({ "Fn::Sub": format!("${{{table}.Arn}}/index/{index}") })
            }
            _ => json!({ "Fn::GetAtt": format!("{table}.Arn") }),
        };
        let allows = |statement: &&Value| {
            texts(&statement["Action"]).contains(&action.as_str()) && is_about(statement, &resource)
        };
        if !statements.iter().any(allows) {
            missing.push(format!("{id} lacks {action} on {table}: {way}"));
        }
    }
    missing
}

#[test]
fn the_roles_have_every_right_on_the_very_table_that_needs_it() {
    let template = template("infra/template.yaml");
    let (tasks, asking) = &*CALLS;
    let used = |calls: &Calls, table: &str, operation: &str| {
        assert!(calls.tables.contains_key(&(table.to_owned(), operation.to_owned())), "{:?}", calls.tables.keys());
    };
    // The tables are told apart, and all ways of using one are followed.
    used(asking, "History", "get_item");
    used(asking, "History", "query_index");
    used(asking, "Coordination", "put_item");
    used(asking, "Keys", "scan");
    used(tasks, "Projects", "update_item");
    used(tasks, "Coordination", "delete_item");
    let mut missing = missing_on_tables(&template, "ApiRole", asking);
    missing.extend(missing_on_tables(&template, "TaskRole", tasks));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn rows_beside_the_leases_are_allowed_by_one_statement() {
    let template = template("infra/template.yaml");
    let locks = json!({ "Fn::GetAtt": "DeployLocksTable.Arn" });
    let writes = allowing(role(&template, "ApiRole"))
        .into_iter()
        .filter(|statement| is_about(statement, &locks) && texts(&statement["Action"]).contains(&"dynamodb:PutItem"));
    let [write] = &writes.collect::<Vec<_>>()[..] else { panic!("a transaction's keys are split over statements") };
    assert_eq!(
        write["Condition"],
        json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["/buckets", "*#asked#*", "/asks/*"] } })
    );
}
