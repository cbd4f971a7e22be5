//! From a state machine's JSON to [`Definition`], refusing whatever is outside the subset.

use super::choice::{Branch, Comparison, Rule};
use super::context;
use super::definition::{Definition, Kind, PassResult, State, Task, Then, Timeout, Until};
use super::fields::{Fields, Refusal};
use super::paths::{Filter, Path, ResultPath, Root, Template};
use super::retry::{Catcher, ErrorEquals, Retrier};
use serde_json::{Number, Value};
use std::collections::BTreeMap;

/// The longest time in seconds that Step Functions accepts.
const MAX_SECONDS: u32 = 99_999_999;

/// Reads the file, without looking at how its states are connected.
pub fn machine(text: &str) -> Result<Definition, Refusal> {
    let whole = |reason: String| Refusal { place: "the state machine".into(), reason };
    let json: Value = serde_json::from_str(text).map_err(|error| whole(format!("is not JSON: {error}")))?;
    let map = json.as_object().ok_or_else(|| whole("is not an object".into()))?;
    let mut fields = Fields::of_machine(map);
    fields.text("Comment")?;
    expect(&mut fields, "QueryLanguage", "JSONPath")?;
    expect(&mut fields, "Version", "1.0")?;
    let start_at = fields.required_text("StartAt")?.to_owned();
    let states = fields.require("States")?;
    let states = states.as_object().ok_or_else(|| fields.refuse("States", "is not an object"))?;
    let states: Result<BTreeMap<_, _>, _> =
        states.iter().map(|(name, value)| Ok((name.clone(), state(name, value)?))).collect();
    fields.finish()?;
    Ok(Definition { start_at, states: states? })
}

fn expect(fields: &mut Fields<'_>, field: &str, only: &str) -> Result<(), Refusal> {
    match fields.text(field)? {
        Some(other) if other != only => Err(fields.refuse(field, format!("is '{other}'; only '{only}' is supported"))),
        _ => Ok(()),
    }
}

fn state(name: &str, value: &Value) -> Result<State, Refusal> {
    let mut fields = Fields::of_state(name, value)?;
    fields.text("Comment")?;
    let kind = match fields.required_text("Type")? {
        "Task" => task(&mut fields)?,
        "Choice" => choice(&mut fields)?,
        "Wait" => Kind::Wait { until: until(&mut fields)?, then: then(&mut fields)? },
        "Pass" => pass(&mut fields)?,
        "Succeed" => Kind::Succeed,
        "Fail" => Kind::Fail { error: literal(&mut fields, "Error")?, cause: literal(&mut fields, "Cause")? },
        other => return Err(fields.refuse("Type", format!("is '{other}', which the local engine does not run"))),
    };
    // A Fail state has neither; anything it gives there is left over and refused.
    let filtered = !matches!(kind, Kind::Fail { .. });
    let input = if filtered { filter(&mut fields, "InputPath")? } else { Filter::Select(Path::whole()) };
    let output = if filtered { filter(&mut fields, "OutputPath")? } else { Filter::Select(Path::whole()) };
    fields.finish()?;
    Ok(State { input, output, kind })
}

fn literal(fields: &mut Fields<'_>, field: &str) -> Result<String, Refusal> {
    Ok(fields.text(field)?.unwrap_or_default().to_owned())
}

fn then(fields: &mut Fields<'_>) -> Result<Then, Refusal> {
    match (fields.text("Next")?, fields.take("End")) {
        (Some(next), None) => Ok(Then::Next(next.to_owned())),
        (None, Some(Value::Bool(true))) => Ok(Then::End),
        (None, Some(_)) => Err(fields.refuse("End", "can only be true")),
        (Some(_), Some(_)) => Err(fields.refuse("End", "is given beside 'Next'; only one of them may be")),
        (None, None) => Err(fields.refuse("Next", "is missing, and so is 'End'")),
    }
}

// --- Task -----------------------------------------------------------------------------------------------------------

fn task(fields: &mut Fields<'_>) -> Result<Kind, Refusal> {
    let callback = match fields.required_text("Resource")? {
        "arn:aws:states:::lambda:invoke" => false,
        "arn:aws:states:::lambda:invoke.waitForTaskToken" => true,
        other => {
            let reason = format!(
                "is '{other}'; only arn:aws:states:::lambda:invoke, alone or with .waitForTaskToken, is supported"
            );
            return Err(fields.refuse("Resource", reason));
        }
    };
    let payload = lambda_payload(fields, callback)?;
    let timeout = match (fields.whole_number("TimeoutSeconds", 1..=MAX_SECONDS)?, path(fields, "TimeoutSecondsPath")?) {
        (None, None) => None,
        (Some(seconds), None) => Some(Timeout::Seconds(seconds)),
        (None, Some(path)) => Some(Timeout::SecondsPath(path)),
        (Some(_), Some(_)) => return Err(fields.refuse("TimeoutSecondsPath", "is given beside 'TimeoutSeconds'")),
    };
    Ok(Kind::Task(Box::new(Task {
        callback,
        payload,
        result_selector: template(fields, "ResultSelector")?,
        result_path: result_path(fields)?,
        timeout,
        retry: retriers(fields)?,
        catch: catchers(fields)?,
        then: then(fields)?,
    })))
}

/// The function's payload, out of the arguments of `lambda:invoke`. Which function it is does not matter here.
fn lambda_payload(fields: &mut Fields<'_>, callback: bool) -> Result<Template, Refusal> {
    let mut arguments = {
        let value = fields.require("Parameters")?;
        fields.inner("Parameters", value)?
    };
    if arguments.required_text("FunctionName")?.is_empty() {
        return Err(arguments.refuse("FunctionName", "is empty"));
    }
    let (field, payload) = match (arguments.take("Payload"), path_template(&mut arguments, "Payload.$")?) {
        (Some(payload), None) if substitutes(payload) => {
            // The local engine has no deployment that would fill in anything but the function's name.
            return Err(arguments.refuse("Payload", "has a ${…} substitution; only 'FunctionName' may have one"));
        }
        (Some(payload), None) => {
            ("Payload", Template::parse(payload).map_err(|reason| arguments.refuse("Payload", reason))?)
        }
        (None, Some(payload)) => ("Payload.$", payload),
        (Some(_), Some(_)) => return Err(arguments.refuse("Payload.$", "is given beside 'Payload'")),
        (None, None) => return Err(arguments.refuse("Payload", "is missing")),
    };
    check_context(&arguments, field, payload.paths(), callback)?;
    let hands_out_token = |path: &&Path| {
        path.root() == Root::Context && path.members().is_some_and(|names| matches!(names[..], [] | ["Task", ..]))
    };
    if callback && !payload.paths().iter().any(hands_out_token) {
        return Err(arguments.refuse(field, "does not hand out $$.Task.Token, so nobody could complete the task"));
    }
    arguments.finish()?;
    Ok(payload)
}

fn path_template(fields: &mut Fields<'_>, field: &str) -> Result<Option<Template>, Refusal> {
    let Some(text) = fields.text(field)? else { return Ok(None) };
    Path::parse(text).map(|path| Some(Template::Reference(path))).map_err(|reason| fields.refuse(field, reason))
}

fn substitutes(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(substitutes),
        Value::Object(map) => map.iter().any(|(name, value)| name.contains("${") || substitutes(value)),
        _ => false,
    }
}

fn retriers(fields: &mut Fields<'_>) -> Result<Vec<Retrier>, Refusal> {
    let mut entries = fields.objects("Retry")?;
    let count = entries.len();
    let mut retriers = Vec::with_capacity(count);
    for (index, mut entry) in entries.drain(..).enumerate() {
        entry.text("Comment")?;
        let errors = error_equals(&mut entry, index + 1 == count)?;
        let backoff_rate = match entry.take("BackoffRate") {
            None => 2.0,
            Some(value) => value
                .as_f64()
                .filter(|rate| (1.0..=1_000.0).contains(rate))
                .ok_or_else(|| entry.refuse("BackoffRate", "is not a number from 1 to 1000"))?,
        };
        retriers.push(Retrier {
            errors,
            interval_seconds: entry.whole_number("IntervalSeconds", 1..=MAX_SECONDS)?.unwrap_or(1),
            backoff_rate,
            max_attempts: entry.whole_number("MaxAttempts", 0..=MAX_SECONDS)?.unwrap_or(3),
            max_delay_seconds: entry.whole_number("MaxDelaySeconds", 1..=31_622_399)?,
        });
        entry.finish()?;
    }
    Ok(retriers)
}

fn catchers(fields: &mut Fields<'_>) -> Result<Vec<Catcher>, Refusal> {
    let mut entries = fields.objects("Catch")?;
    let count = entries.len();
    let mut catchers = Vec::with_capacity(count);
    for (index, mut entry) in entries.drain(..).enumerate() {
        entry.text("Comment")?;
        catchers.push(Catcher {
            errors: error_equals(&mut entry, index + 1 == count)?,
            result_path: result_path(&mut entry)?,
            next: entry.required_text("Next")?.to_owned(),
        });
        entry.finish()?;
    }
    Ok(catchers)
}

fn error_equals(entry: &mut Fields<'_>, last: bool) -> Result<ErrorEquals, Refusal> {
    const FIELD: &str = "ErrorEquals";
    let names = entry.require(FIELD)?.as_array().filter(|names| !names.is_empty());
    let names: Option<Vec<String>> =
        names.and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    let names = names.ok_or_else(|| entry.refuse(FIELD, "is not a list of error names"))?;
    let has = |name: &str| names.iter().any(|given| given == name);
    if has(ErrorEquals::ALL) && (names.len() > 1 || !last) {
        return Err(entry.refuse(FIELD, "has States.ALL, which must stand alone and come last"));
    }
    Ok(ErrorEquals(names))
}

// --- Choice, Wait, Pass ---------------------------------------------------------------------------------------------

fn choice(fields: &mut Fields<'_>) -> Result<Kind, Refusal> {
    let mut branches = Vec::new();
    for mut entry in fields.objects("Choices")? {
        let next = entry.required_text("Next")?.to_owned();
        branches.push(Branch { rule: rule(entry)?, next });
    }
    if branches.is_empty() {
        return Err(fields.refuse("Choices", "is missing"));
    }
    for branch in &branches {
        check_context(fields, "Choices", branch.rule.paths(), false)?;
    }
    Ok(Kind::Choice { branches, default: fields.text("Default")?.map(str::to_owned) })
}

fn rule(mut fields: Fields<'_>) -> Result<Rule, Refusal> {
    fields.text("Comment")?;
    let rule = if let Some(value) = fields.take("Not") {
        Rule::Not(Box::new(rule(fields.inner("Not", value)?)?))
    } else if fields.remaining().any(|name| name == "And") {
        Rule::And(fields.objects("And")?.into_iter().map(rule).collect::<Result<_, _>>()?)
    } else if fields.remaining().any(|name| name == "Or") {
        Rule::Or(fields.objects("Or")?.into_iter().map(rule).collect::<Result<_, _>>()?)
    } else {
        let variable = path(&mut fields, "Variable")?.ok_or_else(|| fields.refuse("Variable", "is missing"))?;
        let operator =
            fields.remaining().next().ok_or_else(|| fields.refuse("Variable", "is compared with nothing"))?;
        let value = fields.require(operator)?;
        Rule::Test { variable, comparison: comparison(&fields, operator, value)? }
    };
    fields.finish()?;
    Ok(rule)
}

fn comparison(fields: &Fields<'_>, operator: &str, value: &Value) -> Result<Comparison, Refusal> {
    let text = || value.as_str().map(str::to_owned).ok_or_else(|| fields.refuse(operator, "is not a text"));
    let boolean = || value.as_bool().ok_or_else(|| fields.refuse(operator, "is not true or false"));
    let number = || -> Result<Number, Refusal> {
        value.as_number().cloned().ok_or_else(|| fields.refuse(operator, "is not a number"))
    };
    Ok(match operator {
        "StringEquals" => Comparison::StringEquals(text()?),
        "BooleanEquals" => Comparison::BooleanEquals(boolean()?),
        "NumericEquals" => Comparison::NumericEquals(number()?),
        "NumericLessThan" => Comparison::NumericLessThan(number()?),
        "NumericLessThanEquals" => Comparison::NumericLessThanEquals(number()?),
        "NumericGreaterThan" => Comparison::NumericGreaterThan(number()?),
        "NumericGreaterThanEquals" => Comparison::NumericGreaterThanEquals(number()?),
        "IsPresent" => Comparison::IsPresent(boolean()?),
        "IsNull" => Comparison::IsNull(boolean()?),
        "IsString" => Comparison::IsString(boolean()?),
        "IsNumeric" => Comparison::IsNumeric(boolean()?),
        "IsBoolean" => Comparison::IsBoolean(boolean()?),
        _ => return Err(fields.refuse(operator, "is not supported by the local engine")),
    })
}

fn until(fields: &mut Fields<'_>) -> Result<Until, Refusal> {
    let mut given = Vec::new();
    if let Some(seconds) = fields.whole_number("Seconds", 0..=MAX_SECONDS)? {
        given.push(Until::Seconds(seconds));
    }
    if let Some(path) = path(fields, "SecondsPath")? {
        given.push(Until::SecondsPath(path));
    }
    if let Some(text) = fields.text("Timestamp")? {
        let time =
            text.parse().map_err(|_| fields.refuse("Timestamp", format!("is '{text}', not an RFC 3339 time")))?;
        given.push(Until::Timestamp(time));
    }
    if let Some(path) = path(fields, "TimestampPath")? {
        given.push(Until::TimestampPath(path));
    }
    match (given.pop(), given.is_empty()) {
        (Some(until), true) => Ok(until),
        _ => Err(fields.refuse("Seconds", "or exactly one of SecondsPath, Timestamp and TimestampPath must be given")),
    }
}

fn pass(fields: &mut Fields<'_>) -> Result<Kind, Refusal> {
    let result = match (fields.take("Result"), template(fields, "Parameters")?) {
        (None, None) => PassResult::Input,
        (Some(value), None) => PassResult::Template(Template::Literal(value.clone())),
        (None, Some(template)) => PassResult::Template(template),
        (Some(_), Some(_)) => return Err(fields.refuse("Parameters", "is given beside 'Result', which would win")),
    };
    Ok(Kind::Pass { result, result_path: result_path(fields)?, then: then(fields)? })
}

// --- Paths ----------------------------------------------------------------------------------------------------------

fn template(fields: &mut Fields<'_>, field: &str) -> Result<Option<Template>, Refusal> {
    let Some(value) = fields.take(field) else { return Ok(None) };
    if !value.is_object() {
        return Err(fields.refuse(field, "is not an object"));
    }
    let template = Template::parse(value).map_err(|reason| fields.refuse(field, reason))?;
    check_context(fields, field, template.paths(), false)?;
    Ok(Some(template))
}

fn path(fields: &mut Fields<'_>, field: &str) -> Result<Option<Path>, Refusal> {
    let Some(text) = fields.text(field)? else { return Ok(None) };
    let path = Path::parse(text).map_err(|reason| fields.refuse(field, reason))?;
    check_context(fields, field, vec![&path], false)?;
    Ok(Some(path))
}

fn filter(fields: &mut Fields<'_>, field: &str) -> Result<Filter, Refusal> {
    match fields.take(field) {
        None => Ok(Filter::Select(Path::whole())),
        Some(Value::Null) => Ok(Filter::Empty),
        Some(value) => {
            let text = value.as_str().ok_or_else(|| fields.refuse(field, "is not a path"))?;
            let path = Path::parse(text).map_err(|reason| fields.refuse(field, reason))?;
            check_context(fields, field, vec![&path], false)?;
            Ok(Filter::Select(path))
        }
    }
}

fn result_path(fields: &mut Fields<'_>) -> Result<ResultPath, Refusal> {
    const FIELD: &str = "ResultPath";
    let text = match fields.take(FIELD) {
        None => "$",
        Some(Value::Null) => return Ok(ResultPath::Discard),
        Some(value) => value.as_str().ok_or_else(|| fields.refuse(FIELD, "is not a path"))?,
    };
    let path = Path::parse(text).map_err(|reason| fields.refuse(FIELD, reason))?;
    let names = path.members().filter(|_| path.root() == Root::Data);
    let names =
        names.ok_or_else(|| fields.refuse(FIELD, format!("is '{text}'; it may only name members, as $.a.b")))?;
    Ok(ResultPath::At(names.into_iter().map(str::to_owned).collect()))
}

fn check_context(fields: &Fields<'_>, field: &str, paths: Vec<&Path>, callback: bool) -> Result<(), Refusal> {
    let unknown = paths.into_iter().find(|path| path.root() == Root::Context && !context::knows(path, callback));
    match unknown {
        Some(path) => Err(fields.refuse(field, format!("reads '{path}', which the context object does not have here"))),
        None => Ok(()),
    }
}
