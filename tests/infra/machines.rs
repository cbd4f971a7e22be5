//! Every state machine of the program is installed, watched and reachable. A new one shows here as what the template lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bouncer::kinds::KINDS;
use bouncer::requests::engine::{ErrorName, Machine};
use serde_json::{Value, json};

use super::{allowed, file, resources, role, template};

const METRICS: [&str; 3] = ["ExecutionThrottled", "ExecutionsFailed", "ExecutionsTimedOut"];

fn path(machine: Machine) -> String {
    format!("statemachines/{}.asl.json", machine.name)
}

/// Returns the variable in which the program looks for the ARN.
fn variable(machine: Machine) -> String {
    format!("BOUNCER_STATE_MACHINE_{}", machine.name.to_uppercase())
}

/// Returns the name in AWS, as the template writes it.
fn name(machine: Machine) -> String {
    format!("${{Prefix}}{}", machine.name.replace('_', "-"))
}

/// Returns the ARN of a machine or of its executions, as the template writes it.
fn arn(kind: &str, name: &str) -> String {
    format!("arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:{kind}:{name}")
}

/// Pairs each machine of the program with the id of its resource.
fn installed(template: &Value) -> Vec<(Machine, &str)> {
    let resources = resources(template, "AWS::Serverless::StateMachine");
    let machines: Vec<_> = KINDS
        .machines()
        .into_iter()
        .map(|machine| {
            let uri = format!("../{}", path(machine));
            let found = resources.iter().find(|(_, resource)| resource["Properties"]["DefinitionUri"] == uri);
            (machine, found.unwrap_or_else(|| panic!("{uri} is not installed")).0)
        })
        .collect();
    assert_eq!(machines.len(), resources.len(), "the template has a state machine that the program does not know");
    machines
}

#[test]
fn every_state_machine_is_installed_with_all_it_asks_for() {
    let template = template("infra/template.yaml");
    for (machine, id) in installed(&template) {
        let properties = &template["Resources"][id]["Properties"];
        let definition = file(&path(machine));
        assert_eq!(definition, machine.definition, "{id}");
        let asked: BTreeSet<&str> =
            definition.split("${").skip(1).map(|rest| rest.split_once('}').expect("a closed placeholder").0).collect();
        let given = properties["DefinitionSubstitutions"].as_object().unwrap();
        assert_eq!(given.keys().map(String::as_str).collect::<BTreeSet<_>>(), asked, "{id}");
        assert_eq!(given["TaskFunctionArn"], json!({ "Fn::GetAtt": "TaskFunction.Arn" }), "{id}");
        assert_eq!(properties["Name"], json!({ "Fn::Sub": name(machine) }), "{id}");
        assert_eq!(properties["Type"], "STANDARD", "{id}");
        assert_eq!(properties["Role"], json!({ "Fn::GetAtt": "StateMachineRole.Arn" }), "{id}");
    }
    assert_eq!(allowed(role(&template, "StateMachineRole"), "lambda:InvokeFunction"), ["TaskFunction.Arn"]);

    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("statemachines");
    let files: BTreeSet<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let known = KINDS.machines().into_iter().map(|machine| format!("{}.asl.json", machine.name)).collect();
    assert_eq!(files, known);
}

#[test]
fn every_state_machine_has_a_log_of_its_own_without_task_tokens() {
    let template = template("infra/template.yaml");
    for (machine, id) in installed(&template) {
        let logging = &template["Resources"][id]["Properties"]["Logging"];
        assert_eq!(logging["Level"], "ERROR", "{id}");
        // The data of an execution holds task tokens.
        assert_eq!(logging["IncludeExecutionData"], false, "{id}");
        let group = logging.pointer("/Destinations/0/CloudWatchLogsLogGroup/LogGroupArn/Fn::GetAtt").unwrap();
        let group = &template["Resources"][group.as_str().unwrap().strip_suffix(".Arn").unwrap()];
        assert_eq!(group["Type"], "AWS::Logs::LogGroup", "{id}");
        let properties = &group["Properties"];
        let expected = format!("/aws/vendedlogs/states/{}", name(machine));
        assert_eq!(properties["LogGroupName"], json!({ "Fn::Sub": expected }), "{id}");
        assert_eq!(properties["RetentionInDays"], json!({ "Ref": "LogRetentionDays" }), "{id}");
    }
}

#[test]
fn an_alarm_watches_every_way_in_which_an_execution_goes_wrong() {
    let template = template("infra/template.yaml");
    let alarms = resources(&template, "AWS::CloudWatch::Alarm");
    let mut watched: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for (id, alarm) in &alarms {
        let properties = &alarm["Properties"];
        assert!(names.insert(properties["AlarmName"].to_string()), "{id} has the name of another alarm");
        let topic = json!([{ "Fn::If": ["HasAlarmEmail", { "Ref": "AlarmTopic" }, { "Ref": "AWS::NoValue" }] }]);
        assert_eq!(properties["AlarmActions"], topic, "{id}");
        if properties["Namespace"] == "AWS/States" {
            let [dimension] = &properties["Dimensions"].as_array().unwrap()[..] else { panic!("{id}") };
            assert_eq!(dimension["Name"], "StateMachineArn", "{id}");
            assert_eq!((&properties["Statistic"], &properties["Threshold"]), (&json!("Sum"), &json!(1)), "{id}");
            let machine = dimension["Value"]["Ref"].as_str().unwrap().to_owned();
            watched.entry(machine).or_default().push(properties["MetricName"].as_str().unwrap());
        }
    }
    for (_, id) in installed(&template) {
        let mut metrics = watched.remove(id).unwrap_or_default();
        metrics.sort_unstable();
        assert_eq!(metrics, METRICS, "{id}");
    }
}

#[test]
fn the_functions_reach_every_state_machine_and_its_executions() {
    let template = template("infra/template.yaml");
    let all = |of: &dyn Fn(Machine) -> String| -> BTreeSet<String> { KINDS.machines().into_iter().map(of).collect() };
    let machines = all(&|machine| arn("stateMachine", &name(machine)));
    let executions = all(&|machine| arn("execution", &format!("{}:*", name(machine))));
    let reached =
        |id: &str, action: &str| -> BTreeSet<String> { allowed(role(&template, id), action).into_iter().collect() };
    assert_eq!(reached("ApiRole", "states:StartExecution"), machines);
    assert_eq!(reached("ApiRole", "states:DescribeExecution"), executions);
    assert_eq!(reached("ApiRole", "states:StopExecution"), executions);
    assert_eq!(reached("TaskRole", "states:DescribeExecution"), executions);
}

#[test]
fn an_execution_that_ends_by_force_is_settled_whatever_its_state_machine() {
    let template = template("infra/template.yaml");
    let rule = &template["Resources"]["EndedByForce"]["Properties"];
    let watched = rule["EventPattern"]["detail"]["stateMachineArn"].as_array().unwrap();
    let watched: BTreeSet<&str> = watched.iter().map(|arn| arn["Ref"].as_str().unwrap()).collect();
    assert_eq!(watched, installed(&template).into_iter().map(|(_, id)| id).collect());
    assert_eq!(rule["EventPattern"]["detail"]["status"], json!(["FAILED", "TIMED_OUT", "ABORTED"]));
    assert_eq!(rule["Targets"][0]["Arn"], json!({ "Fn::GetAtt": "TaskFunction.Arn" }));
}

#[test]
fn every_state_machine_is_named_where_the_program_or_an_operator_looks_for_it() {
    let template = template("infra/template.yaml");
    let environment = template.pointer("/Globals/Function/Environment/Variables").unwrap().as_object().unwrap();
    let given: BTreeSet<&str> =
        environment.keys().map(String::as_str).filter(|name| name.starts_with("BOUNCER_STATE_MACHINE_")).collect();
    let variables: Vec<String> = KINDS.machines().into_iter().map(variable).collect();
    assert_eq!(given, variables.iter().map(String::as_str).collect());

    let outputs = template["Outputs"].as_object().unwrap();
    let (guide, measuring) = (file("docs/INSTALL.md"), file("scripts/measure-lambda"));
    for (machine, id) in installed(&template) {
        // The functions cannot refer to the machine, which refers to them: both write its name.
        assert_eq!(environment[&variable(machine)], json!({ "Fn::Sub": arn("stateMachine", &name(machine)) }), "{id}");
        let output = outputs.iter().find(|(_, output)| output["Value"] == json!({ "Ref": id }));
        let (output, _) = output.unwrap_or_else(|| panic!("{id} is not among the outputs"));
        for named in [variable(machine), name(machine).replace("${Prefix}", super::PREFIX), output.clone()] {
            assert!(guide.contains(&format!("`{named}`")), "docs/INSTALL.md does not mention {named}");
        }
        assert!(measuring.contains(&variable(machine)), "scripts/measure-lambda does not set {}", variable(machine));
    }
}

#[test]
fn an_execution_fails_with_an_error_of_its_own() {
    let of_tasks: BTreeSet<&str> = ErrorName::ALL.into_iter().map(ErrorName::as_str).collect();
    assert_eq!(of_tasks.len(), ErrorName::ALL.len(), "two errors share a name");
    for machine in KINDS.machines() {
        let definition: Value = serde_json::from_str(machine.definition).unwrap();
        let states = definition["States"].as_object().unwrap();
        let failing: Vec<_> = states.iter().filter(|(_, state)| state["Type"] == "Fail").collect();
        assert!(!failing.is_empty(), "{} cannot fail", machine.name);
        for (state, definition) in failing {
            let error = definition["Error"].as_str().unwrap();
            assert!(error.starts_with("Bouncer.") && error.ends_with("Failed"), "{}/{state}: {error}", machine.name);
            assert!(!of_tasks.contains(error), "{}/{state} fails with {error}, the error of a task", machine.name);
        }
    }
}
