//! What a file may not say: refused when it is loaded, in a sentence that names state and field.

use bouncer::kinds::site::MACHINE;
use bouncer::workflow::asl::Definition;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn every_machine_of_this_version_is_accepted() {
    for machine in bouncer::kinds::KINDS.machines() {
        Definition::parse(machine.definition).unwrap_or_else(|refusal| panic!("{}: {refusal}", machine.name));
    }
}

fn base() -> Value {
    json!({
        "StartAt": "Work",
        "States": {
            "Work": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": { "FunctionName": "${TaskFunctionArn}", "Payload": { "task": "work" } },
                "Retry": [{ "ErrorEquals": ["A"] }],
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Pause" }],
                "Next": "Decide",
            },
            "Decide": { "Type": "Choice", "Choices": [{ "Variable": "$.a", "StringEquals": "x", "Next": "Pause" }], "Default": "Done" },
            "Pause": { "Type": "Wait", "Seconds": 1, "Next": "Fill" },
            "Fill": { "Type": "Pass", "Result": 1, "Next": "Done" },
            "Done": { "Type": "Succeed" },
        },
    })
}

#[test]
fn refusals_name_state_and_field() {
    let remove = Value::String("(remove)".into());
    let callback = "arn:aws:states:::lambda:invoke.waitForTaskToken";
    #[rustfmt::skip]
    let cases = [
        // Of the machine.
        ("/TimeoutSeconds", json!(5), "the state machine, field 'TimeoutSeconds' is not supported by the local engine"),
        ("/QueryLanguage", json!("JSONata"), "the state machine, field 'QueryLanguage' is 'JSONata'; only 'JSONPath' is supported"),
        ("/Version", json!("2.0"), "the state machine, field 'Version' is '2.0'; only '1.0' is supported"),
        ("/StartAt", json!("No"), "the state machine, field 'StartAt' names 'No', which is not a state"),
        ("/StartAt", remove.clone(), "the state machine, field 'StartAt' is missing"),
        ("/States", json!([]), "the state machine, field 'States' is not an object"),
        // Of any state.
        ("/States/Lost", json!({ "Type": "Succeed" }), "state 'Lost' is never reached from 'StartAt'"),
        ("/States/Done", json!("x"), "state 'Done' is not an object"),
        ("/States/Done/Type", json!("Parallel"), "state 'Done', field 'Type' is 'Parallel', which the local engine does not run"),
        ("/States/Done/Type", json!("Map"), "state 'Done', field 'Type' is 'Map', which the local engine does not run"),
        ("/States/Done/Type", remove.clone(), "state 'Done', field 'Type' is missing"),
        ("/States/Done/Next", json!("Fill"), "state 'Done', field 'Next' is not supported by the local engine"),
        ("/States/Done/Output", json!("{% 1 %}"), "state 'Done', field 'Output' is not supported by the local engine"),
        ("/States/Fill/Next", json!("No"), "state 'Fill', field 'Next' names 'No', which is not a state"),
        ("/States/Fill/End", json!(true), "state 'Fill', field 'End' is given beside 'Next'; only one of them may be"),
        ("/States/Fill/Next", remove.clone(), "state 'Fill', field 'Next' is missing, and so is 'End'"),
        ("/States/Fill/InputPath", json!("$..a"), "state 'Fill', field 'InputPath' '$..a' is not a reference path such as $.a.b, $.a[0] or $$.Execution.Name"),
        ("/States/Fill/InputPath", json!("$.a[*]"), "state 'Fill', field 'InputPath' '$.a[*]' is not a reference path such as $.a.b, $.a[0] or $$.Execution.Name"),
        ("/States/Fill/OutputPath", json!("$$.Map.Item"), "state 'Fill', field 'OutputPath' reads '$$.Map.Item', which the context object does not have here"),
        ("/States/Fill/ResultPath", json!("$.a[0]"), "state 'Fill', field 'ResultPath' is '$.a[0]'; it may only name members, as $.a.b"),
        ("/States/Fill/ResultPath", json!("$$.Execution"), "state 'Fill', field 'ResultPath' is '$$.Execution'; it may only name members, as $.a.b"),
        ("/States/Fill/Parameters", json!({}), "state 'Fill', field 'Parameters' is given beside 'Result', which would win"),
        // Of tasks.
        ("/States/Work/Resource", json!("arn:aws:states:::sqs:sendMessage"), "state 'Work', field 'Resource' is 'arn:aws:states:::sqs:sendMessage'; only arn:aws:states:::lambda:invoke, alone or with .waitForTaskToken, is supported"),
        ("/States/Work/HeartbeatSeconds", json!(5), "state 'Work', field 'HeartbeatSeconds' is not supported by the local engine"),
        ("/States/Work/Credentials", json!({}), "state 'Work', field 'Credentials' is not supported by the local engine"),
        ("/States/Work/TimeoutSeconds", json!(0), "state 'Work', field 'TimeoutSeconds' is not a whole number from 1 to 99999999"),
        ("/States/Work/TimeoutSeconds", json!(1.5), "state 'Work', field 'TimeoutSeconds' is not a whole number from 1 to 99999999"),
        ("/States/Work/TimeoutSecondsPath", json!("x"), "state 'Work', field 'TimeoutSecondsPath' 'x' is not a reference path such as $.a.b, $.a[0] or $$.Execution.Name"),
        ("/States/Work/Parameters", remove.clone(), "state 'Work', field 'Parameters' is missing"),
        ("/States/Work/Parameters/FunctionName", remove.clone(), "state 'Work', field 'Parameters.FunctionName' is missing"),
        ("/States/Work/Parameters/Payload", remove.clone(), "state 'Work', field 'Parameters.Payload' is missing"),
        ("/States/Work/Parameters/Qualifier", json!("1"), "state 'Work', field 'Parameters.Qualifier' is not supported by the local engine"),
        ("/States/Work/Parameters/Payload/x", json!("${Bucket}"), "state 'Work', field 'Parameters.Payload' has a ${…} substitution; only 'FunctionName' may have one"),
        ("/States/Work/Parameters/Payload/x.$", json!("States.UUID()"), "state 'Work', field 'Parameters.Payload' in 'x.$' uses the intrinsic function 'States.UUID()', and intrinsic functions are not supported"),
        ("/States/Work/Parameters/Payload/x.$", json!(5), "state 'Work', field 'Parameters.Payload' gives 'x.$' something else than a path"),
        ("/States/Work/Parameters/Payload/task.$", json!("$.a"), "state 'Work', field 'Parameters.Payload' gives 'task' twice, as a value and as a path"),
        ("/States/Work/Parameters/Payload/x.$", json!("$$.Task.Token"), "state 'Work', field 'Parameters.Payload' reads '$$.Task.Token', which the context object does not have here"),
        ("/States/Work/Resource", json!(callback), "state 'Work', field 'Parameters.Payload' does not hand out $$.Task.Token, so nobody could complete the task"),
        ("/States/Work/ResultSelector", json!("$.a"), "state 'Work', field 'ResultSelector' is not an object"),
        ("/States/Work/Retry", json!([]), "state 'Work', field 'Retry' is not a list with at least one entry"),
        ("/States/Work/Retry/0/JitterStrategy", json!("FULL"), "state 'Work', field 'Retry[0].JitterStrategy' is not supported by the local engine"),
        ("/States/Work/Retry/0/BackoffRate", json!(0.5), "state 'Work', field 'Retry[0].BackoffRate' is not a number from 1 to 1000"),
        ("/States/Work/Retry/0/MaxAttempts", json!(-1), "state 'Work', field 'Retry[0].MaxAttempts' is not a whole number from 0 to 99999999"),
        ("/States/Work/Retry/0/ErrorEquals", json!([]), "state 'Work', field 'Retry[0].ErrorEquals' is not a list of error names"),
        ("/States/Work/Catch/0/ErrorEquals", json!(["States.ALL", "A"]), "state 'Work', field 'Catch[0].ErrorEquals' has States.ALL, which must stand alone and come last"),
        ("/States/Work/Catch/0/Next", json!("No"), "state 'Work', field 'Catch[0].Next' names 'No', which is not a state"),
        ("/States/Work/Catch/0/Assign", json!({}), "state 'Work', field 'Catch[0].Assign' is not supported by the local engine"),
        // Of choices and waits.
        ("/States/Decide/Choices/0/StringMatches", json!("x*"), "state 'Decide', field 'Choices[0].StringMatches' is not supported by the local engine"),
        ("/States/Decide/Choices/0/StringEquals", json!(1), "state 'Decide', field 'Choices[0].StringEquals' is not a text"),
        ("/States/Decide/Choices/0/StringEquals", remove.clone(), "state 'Decide', field 'Choices[0].Variable' is compared with nothing"),
        ("/States/Decide/Choices/0/Variable", remove.clone(), "state 'Decide', field 'Choices[0].Variable' is missing"),
        ("/States/Decide/Choices/0/Next", json!("No"), "state 'Decide', field 'Choices[0].Next' names 'No', which is not a state"),
        ("/States/Decide/Choices/0/And", json!([{ "Variable": "$.a", "IsNull": true, "Next": "Done" }]), "state 'Decide', field 'Choices[0].And[0].Next' is not supported by the local engine"),
        ("/States/Decide/Default", json!("No"), "state 'Decide', field 'Default' names 'No', which is not a state"),
        ("/States/Decide/Choices", remove.clone(), "state 'Decide', field 'Choices' is missing"),
        ("/States/Pause/Seconds", json!(-1), "state 'Pause', field 'Seconds' is not a whole number from 0 to 99999999"),
        ("/States/Pause/Timestamp", json!("2030-01-01T00:00:00Z"), "state 'Pause', field 'Seconds' or exactly one of SecondsPath, Timestamp and TimestampPath must be given"),
    ];
    Definition::parse(&base().to_string()).expect("the machine that the cases change is good");
    for (place, value, expected) in cases {
        let mut machine = base();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = machine.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value == remove {
            parent.remove(name);
        } else {
            parent.insert(name.to_owned(), value);
        }
        match Definition::parse(&machine.to_string()) {
            Ok(_) => panic!("{place} is accepted"),
            Err(refusal) => assert!(refusal.to_string().starts_with(expected), "{place}: {refusal}"),
        }
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    for text in ["", "[]", "{", "\"x\""] {
        let refusal = Definition::parse(text).unwrap_err().to_string();
        assert!(refusal.starts_with("the state machine is not"), "{refusal}");
    }
}

/// Every place in a value, as a JSON pointer.
fn places(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| {
                places(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), into)
            });
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(i, value)| places(value, format!("{at}/{i}"), into)),
        _ => {}
    }
    into.push(at);
}

proptest! {
    /// Whatever one value of a good file is replaced by: it is refused, or it is a machine; the loader never dies.
    #[test]
    fn a_damaged_file_is_refused_or_still_a_machine(
        place in any::<proptest::sample::Index>(),
        damage in prop_oneof![
            Just(json!(null)), Just(json!(true)), Just(json!([])), Just(json!({})), Just(json!([{}])),
            any::<i64>().prop_map(|n| json!(n)), "[$.\\[\\]'a-z0-9 {}]{0,12}".prop_map(|text| json!(text)),
        ],
    ) {
        let mut machine: Value = serde_json::from_str(MACHINE.definition).unwrap();
        let mut all = Vec::new();
        places(&machine, String::new(), &mut all);
        let place: &String = place.get(&all);
        *machine.pointer_mut(place).unwrap() = damage;
        let _ = Definition::parse(&machine.to_string());
    }
}
