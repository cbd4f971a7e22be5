//! What the States Language says, rule by rule.

use super::script::Script;
use super::simulator::{Simulator, Trace, failure};
use bouncer::requests::engine::TaskToken;
use bouncer::workflow::asl::execution::Failure;
use bouncer::workflow::asl::{Clock, Definition, Ending, Event, Execution, advance};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A machine of one state with its fields, and what else it leads to.
fn machine(states: Value) -> String {
    let first = states.as_object().unwrap().keys().next().unwrap().clone();
    json!({ "StartAt": first, "States": states }).to_string()
}

fn call(extra: Value) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "${TaskFunctionArn}", "Payload": { "task": "work" } },
        "End": true,
    });
    merge(&mut state, extra);
    state
}

fn merge(state: &mut Value, extra: Value) {
    for (name, value) in extra.as_object().unwrap() {
        state[name] = value.clone();
    }
}

fn run(states: Value, input: Value, script: Value) -> Trace {
    Simulator::new(&machine(states), input, Script::parse(script)).run()
}

fn output(states: Value, input: Value) -> Value {
    match run(states, input, json!({ "work": [{ "return": { "n": 7 } }] })).ending {
        Ending::Succeeded(output) => output,
        other => panic!("{other:?}"),
    }
}

fn error(trace: &Trace) -> &str {
    match &trace.ending {
        Ending::Failed { failure, .. } => &failure.error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lambda_result_has_the_shape_of_the_integration() {
    let result = output(json!({ "A": call(json!({})) }), json!({ "k": 1 }));
    assert_eq!(result, json!({ "ExecutedVersion": "$LATEST", "Payload": { "n": 7 }, "StatusCode": 200 }));
}

#[test]
fn data_flows_through_a_state_as_the_language_says() {
    let input = json!({ "k": { "x": 1 }, "list": [10, 20] });
    let cases = [
        (json!({ "ResultPath": null }), json!({ "k": { "x": 1 }, "list": [10, 20] })),
        (
            json!({ "ResultSelector": { "got.$": "$.Payload.n" }, "ResultPath": "$.k.y.z" }),
            json!({ "k": { "x": 1, "y": { "z": { "got": 7 } } }, "list": [10, 20] }),
        ),
        (
            json!({ "ResultSelector": { "a": [{ "b.$": "$.Payload" }, "$.no"] } }),
            json!({ "a": [{ "b": { "n": 7 } }, "$.no"] }),
        ),
        (json!({ "ResultPath": "$.r", "OutputPath": "$.r.Payload.n" }), json!(7)),
        (json!({ "ResultPath": "$.r", "OutputPath": null }), json!({})),
        // The result goes into the raw input, not into what InputPath left of it.
        (
            json!({ "InputPath": "$.k", "ResultPath": "$.list" }),
            json!({ "k": { "x": 1 }, "list": {
            "ExecutedVersion": "$LATEST", "Payload": { "n": 7 }, "StatusCode": 200 } }),
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(output(json!({ "A": call(fields.clone()) }), input.clone()), expected, "{fields}");
    }
    let cases = [
        (json!({ "InputPath": "$.k" }), json!({ "x": 1 })),
        (json!({ "InputPath": null }), json!({})),
        (json!({ "InputPath": "$.list[1]" }), json!(20)),
        (json!({ "InputPath": "$['k']['x']" }), json!(1)),
        (json!({ "InputPath": "$$.Execution.Name" }), json!("run-1")),
        (
            json!({ "Result": { "a.$": "$.k" }, "ResultPath": "$.r" }),
            json!({ "k": { "x": 1 }, "list": [10, 20], "r": { "a.$": "$.k" } }),
        ),
        (json!({ "Parameters": { "a.$": "$.x" }, "InputPath": "$.k" }), json!({ "a": 1 })),
    ];
    for (fields, expected) in cases {
        let mut state = json!({ "Type": "Pass", "End": true });
        merge(&mut state, fields.clone());
        assert_eq!(output(json!({ "A": state }), input.clone()), expected, "{fields}");
    }
}

#[test]
fn the_context_object_names_the_execution() {
    let mut context =
        output(json!({ "A": { "Type": "Pass", "Parameters": { "c.$": "$$" }, "End": true } }), json!({ "i": 1 }));
    let entered = context["c"]["State"]["EnteredTime"].take();
    assert!(entered.as_str().unwrap().starts_with("2030-01-01T00:00:00"), "{entered}");
    assert_eq!(
        context["c"],
        json!({
            "Execution": { "Id": "machine:run-1", "Name": "run-1", "StartTime": "2030-01-01T00:00:00Z", "Input": { "i": 1 } },
            "State": { "Name": "A", "EnteredTime": null, "RetryCount": 0 },
            "StateMachine": { "Id": "machine", "Name": "machine" },
        })
    );
}

#[test]
fn a_path_that_names_nothing_ends_the_execution_whatever_is_caught() {
    let caught = json!({
        "Retry": [{ "ErrorEquals": ["States.ALL"] }],
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "B" }],
    });
    let broken = [
        json!({ "InputPath": "$.nothing" }),
        json!({ "OutputPath": "$.nothing" }),
        json!({ "ResultSelector": { "a.$": "$.nothing" } }),
        json!({ "TimeoutSecondsPath": "$.nothing" }),
        json!({ "TimeoutSecondsPath": "$.text" }),
        json!({ "Parameters": { "FunctionName": "f", "Payload": { "a.$": "$.list[9]" } } }),
    ];
    for fields in broken {
        let mut state = call(caught.clone());
        merge(&mut state, fields.clone());
        let trace =
            run(json!({ "A": state, "B": { "Type": "Succeed" } }), json!({ "text": "x", "list": [1] }), json!({}));
        assert_eq!(error(&trace), Failure::RUNTIME, "{fields}");
    }
}

#[test]
fn a_result_without_a_place_can_be_caught() {
    let fields =
        json!({ "ResultPath": "$.a.b", "Catch": [{ "ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "B" }] });
    let trace = run(json!({ "A": call(fields), "B": { "Type": "Succeed" } }), json!({ "a": 1 }), json!({}));
    assert_eq!(trace.visits.last().unwrap().0, "B");
}

#[test]
fn each_retrier_counts_for_itself_and_the_first_that_matches_decides() {
    let fields = json!({ "Retry": [
        { "ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 3 },
        { "ErrorEquals": ["A", "B"], "IntervalSeconds": 5, "MaxAttempts": 9, "MaxDelaySeconds": 7, "BackoffRate": 1.5 },
    ] });
    let raise = |name: &str| json!({ "raise": { "error": name, "cause": "c" } });
    let script = json!({ "work": [raise("A"), raise("B"), raise("A"), raise("B"), raise("B"), raise("A")] });
    let trace = run(json!({ "A": call(fields) }), json!({}), script);
    assert_eq!(trace.waits, [1_000, 5_000, 3_000, 7_000, 7_000]);
    assert_eq!(trace.calls.len(), 6);
    assert_eq!(trace.ending, Ending::Failed { state: "A".into(), failure: failure("A", "c") });
}

#[test]
fn the_defaults_of_a_retrier_are_three_attempts_after_1_2_and_4_seconds() {
    let raise = json!({ "raise": { "error": "A", "cause": "c" } });
    let states = json!({ "A": call(json!({ "Retry": [{ "ErrorEquals": ["States.ALL"] }] })) });
    let trace = run(states, json!({}), json!({ "work": [raise, raise, raise, raise, raise] }));
    assert_eq!(trace.waits, [1_000, 2_000, 4_000]);
    assert_eq!(trace.calls.len(), 4);
}

#[test]
fn leaving_the_state_resets_its_retriers() {
    let raise = json!({ "raise": { "error": "A", "cause": "c" } });
    let again = json!({ "return": { "again": true } });
    let states = json!({
        "A": call(json!({
            "Parameters": { "FunctionName": "f", "Payload": { "task": "work", "retry.$": "$$.State.RetryCount" } },
            "Retry": [{ "ErrorEquals": ["A"], "MaxAttempts": 1 }],
            "ResultSelector": { "again.$": "$.Payload.again" },
            "End": true,
        })),
        "B": { "Type": "Choice", "Choices": [{ "Variable": "$.again", "BooleanEquals": true, "Next": "A" }], "Default": "C" },
        "C": { "Type": "Succeed" },
    });
    let mut states = states;
    states["A"].as_object_mut().unwrap().remove("End");
    states["A"]["Next"] = json!("B");
    let script = json!({ "work": [raise, again, raise, { "return": { "again": false } }] });
    let trace = run(states, json!({}), script);
    let counts: Vec<_> = trace.calls.iter().map(|call| call["retry"].clone()).collect();
    assert_eq!(counts, [0, 1, 0, 1]);
    assert_eq!(trace.ending, Ending::Succeeded(json!({ "again": false })));
}

#[test]
fn catchers_match_in_order_and_hand_on_error_and_cause() {
    let catcher = |names: Value, next: &str| json!({ "ErrorEquals": names, "ResultPath": "$.error", "Next": next });
    let fields = json!({
        "TimeoutSeconds": 10,
        "Catch": [
            catcher(json!(["Special"]), "Special"),
            catcher(json!(["States.TaskFailed"]), "Failed"),
            { "ErrorEquals": ["States.ALL"], "Next": "All" },
        ],
    });
    let states = json!({
        "A": call(fields), "Special": { "Type": "Succeed" }, "Failed": { "Type": "Succeed" }, "All": { "Type": "Succeed" },
    });
    let raise = |name: &str| json!({ "work": [{ "raise": { "error": name, "cause": "sentence" } }] });
    for (script, expected) in
        [(raise("Special"), "Special"), (raise("Other"), "Failed"), (json!({ "work": ["never"] }), "All")]
    {
        let trace = run(states.clone(), json!({ "k": 1 }), script);
        let (state, input) = trace.visits.last().unwrap();
        assert_eq!(state, expected);
        if expected == "Failed" {
            let cause = json!({ "errorMessage": "sentence", "errorType": "Other" }).to_string();
            assert_eq!(*input, json!({ "k": 1, "error": { "Error": "Other", "Cause": cause } }));
        }
        if expected == "All" {
            assert_eq!(input["Error"], "States.Timeout");
            assert!(input["Cause"].is_string() && input.get("k").is_none(), "{input}");
        }
    }
}

#[test]
fn choice_rules() {
    let input = json!({ "s": "x", "n": 3, "f": 3.0, "t": true, "null": null });
    let test = |variable: &str, operator: &str, value: Value| json!({ "Variable": variable, operator: value });
    let holds = [
        (test("$.s", "StringEquals", json!("x")), true),
        (test("$.s", "StringEquals", json!("y")), false),
        (test("$.n", "StringEquals", json!("3")), false),
        (test("$.t", "BooleanEquals", json!(true)), true),
        (test("$.s", "BooleanEquals", json!(true)), false),
        (test("$.n", "NumericEquals", json!(3)), true),
        (test("$.f", "NumericEquals", json!(3)), true),
        (test("$.s", "NumericEquals", json!(3)), false),
        (test("$.n", "NumericLessThan", json!(3)), false),
        (test("$.n", "NumericLessThan", json!(3.5)), true),
        (test("$.n", "NumericLessThanEquals", json!(3)), true),
        (test("$.n", "NumericGreaterThan", json!(2)), true),
        (test("$.n", "NumericGreaterThanEquals", json!(4)), false),
        (test("$.null", "IsPresent", json!(true)), true),
        (test("$.none", "IsPresent", json!(false)), true),
        (test("$.null", "IsNull", json!(true)), true),
        (test("$.s", "IsString", json!(true)), true),
        (test("$.s", "IsNumeric", json!(false)), true),
        (test("$.t", "IsBoolean", json!(true)), true),
        (test("$$.State.Name", "StringEquals", json!("A")), true),
        (json!({ "Not": test("$.s", "StringEquals", json!("x")) }), false),
        (json!({ "And": [test("$.n", "NumericEquals", json!(3)), test("$.t", "BooleanEquals", json!(true))] }), true),
        // What decides the rule is looked at first, so a missing variable behind it does no harm.
        (
            json!({ "And": [test("$.none", "IsPresent", json!(true)), test("$.none", "StringEquals", json!("x"))] }),
            false,
        ),
        (json!({ "Or": [test("$.s", "StringEquals", json!("x")), test("$.none", "StringEquals", json!("x"))] }), true),
    ];
    for (rule, expected) in holds {
        let mut choice = rule.clone();
        choice["Next"] = json!("Yes");
        let states = json!({
            "A": { "Type": "Choice", "Choices": [choice], "Default": "No" },
            "Yes": { "Type": "Succeed" }, "No": { "Type": "Succeed" },
        });
        let trace = run(states, input.clone(), json!({}));
        assert_eq!(trace.visits.last().unwrap().0, if expected { "Yes" } else { "No" }, "{rule}");
        assert_eq!(trace.ending, Ending::Succeeded(input.clone()));
    }
}

#[test]
fn a_choice_that_cannot_be_made_fails() {
    let choice = |variable: &str| {
        json!({
            "A": { "Type": "Choice", "Choices": [{ "Variable": variable, "StringEquals": "x", "Next": "B" }] },
            "B": { "Type": "Succeed" },
        })
    };
    assert_eq!(error(&run(choice("$.a"), json!({ "a": "y" }), json!({}))), Failure::NO_CHOICE_MATCHED);
    assert_eq!(error(&run(choice("$.none"), json!({ "a": "y" }), json!({}))), Failure::RUNTIME);
}

#[test]
fn waits_end_when_they_should() {
    let wait = |fields: Value| {
        let mut state = json!({ "Type": "Wait", "End": true });
        merge(&mut state, fields);
        run(json!({ "A": state }), json!({ "s": 90, "t": "2030-01-01T02:00:00+01:00", "bad": "soon" }), json!({}))
    };
    // The simulated clock moves one millisecond with each event.
    assert_eq!(wait(json!({ "Seconds": 5 })).waits, [5_000]);
    assert_eq!(wait(json!({ "SecondsPath": "$.s" })).waits, [90_000]);
    assert_eq!(wait(json!({ "Timestamp": "2030-01-01T00:01:00Z" })).waits, [59_999]);
    assert_eq!(wait(json!({ "TimestampPath": "$.t" })).waits, [3_599_999]);
    assert_eq!(wait(json!({ "Timestamp": "2029-01-01T00:00:00Z" })).waits.len(), 1);
    assert_eq!(error(&wait(json!({ "SecondsPath": "$.bad" }))), Failure::RUNTIME);
    assert_eq!(error(&wait(json!({ "TimestampPath": "$.bad" }))), Failure::RUNTIME);
}

#[test]
fn a_fail_state_says_why() {
    let trace = run(json!({ "A": { "Type": "Fail", "Error": "E", "Cause": "why" } }), json!({}), json!({}));
    assert_eq!(trace.ending, Ending::Failed { state: "A".into(), failure: Failure::new("E", "why") });
}

// --- Tokens, deadlines and events that do not fit -------------------------------------------------------------------

struct Waiting {
    definition: Definition,
    execution: Execution,
    now: Timestamp,
}

impl Waiting {
    /// An execution whose first state runs a task with a token and ten seconds.
    fn new() -> Self {
        let text = machine(json!({ "A": call(json!({
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": { "FunctionName": "f", "Payload": { "token.$": "$$.Task.Token" } },
            "TimeoutSeconds": 10,
        })) }));
        let definition = Definition::parse(&text).unwrap();
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let execution = Execution::start("machine", "run-1", json!({}), "A", now);
        let mut waiting = Self { definition, execution, now };
        waiting.must(Event::Proceed);
        waiting
    }

    fn try_event(&mut self, event: Event) -> bool {
        let moment = Clock { now: self.now, nonce: "secret".into() };
        match advance(&self.definition, &self.execution, event, &moment) {
            Ok(next) => {
                self.execution = next;
                true
            }
            Err(_) => false,
        }
    }

    fn must(&mut self, event: Event) {
        assert!(self.try_event(event));
    }

    fn complete(&mut self, token: &str, output: Value) -> bool {
        self.try_event(Event::TokenCompleted { token: TaskToken(token.into()), output })
    }

    fn ending(&self) -> Value {
        serde_json::to_value(&self.execution.position).unwrap()["ended"]["ending"].clone()
    }
}

const TOKEN: &str = "machine:run-1:secret";

#[test]
fn a_token_completes_its_task_once_and_in_time_only() {
    let mut waiting = Waiting::new();
    assert!(!waiting.complete("machine:run-1:guess", json!(1)));
    waiting.must(Event::TaskReturned(Ok(json!("ignored"))));
    assert!(waiting.complete(TOKEN, json!(1)));
    assert!(!waiting.complete(TOKEN, json!(1)));
    assert_eq!(waiting.ending(), json!({ "succeeded": 1 }));
    assert_eq!(waiting.execution.was_completed(&TaskToken(TOKEN.into()), &json!(1)), Some(true));
    assert_eq!(waiting.execution.was_completed(&TaskToken(TOKEN.into()), &json!(2)), Some(false));

    let mut late = Waiting::new();
    late.must(Event::TaskReturned(Ok(Value::Null)));
    assert!(!late.try_event(Event::Due), "the deadline has not come");
    late.now = "2030-01-01T00:00:10Z".parse().unwrap();
    assert!(!late.complete(TOKEN, json!(1)), "the deadline has come");
    late.must(Event::Due);
    assert_eq!(late.ending()["failed"]["failure"]["error"], "States.Timeout");
}

#[test]
fn a_token_completed_while_its_task_runs_decides_however_the_task_ends() {
    for event in [Event::TaskReturned(Ok(Value::Null)), Event::TaskReturned(Err(Failure::new("E", "c"))), Event::Due] {
        let mut waiting = Waiting::new();
        assert!(waiting.complete(TOKEN, json!("yes")));
        assert!(!waiting.complete(TOKEN, json!("no")));
        if event == Event::Due {
            waiting.now = "2030-01-01T00:00:10Z".parse().unwrap();
        }
        waiting.must(event);
        assert_eq!(waiting.ending(), json!({ "succeeded": "yes" }));
    }
}

#[test]
fn nothing_happens_to_an_execution_that_has_ended() {
    let mut waiting = Waiting::new();
    waiting.must(Event::Stop { cause: "enough".into() });
    assert_eq!(waiting.ending(), json!({ "aborted": { "cause": "enough" } }));
    for event in [Event::Proceed, Event::Due, Event::TaskReturned(Ok(json!(1))), Event::Stop { cause: "more".into() }] {
        assert!(!waiting.try_event(event));
    }
    assert!(!waiting.complete(TOKEN, json!(1)));
}

#[test]
fn data_that_outgrows_a_record_ends_the_execution() {
    let states = json!({ "A": call(json!({ "ResultPath": "$.r", "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "B" }] })), "B": { "Type": "Succeed" } });
    let big = json!({ "work": [{ "return": "x".repeat(400_000) }] });
    assert_eq!(error(&run(states, json!({}), big)), Failure::DATA_LIMIT_EXCEEDED);
}
