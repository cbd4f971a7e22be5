//! Recorded answers of AWS, each with what a person found to be its cause. The event streams in `fixtures/` are always
//! compared; `BOUNCER_AWS_RECORDS` may name a folder with more of them, in `stack-events/`, `change-sets/` and `codebuild/`.

use super::*;
use crate::analysis::changeset::{ChangeClass, ChangeSet, assess};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn records(folder: &Path) -> Vec<(String, Value)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return vec![];
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap())
        })
        .collect()
}

/// The project's own records, by file name.
pub(super) fn fixtures() -> Vec<(String, Value)> {
    records(&Path::new(file!()).parent().unwrap().join("fixtures"))
}

type Compare = fn(&Value, &mut Check);

/// Collects what a record disagrees with, so that one run shows everything.
struct Check {
    record: String,
    wrong: Vec<String>,
}

impl Check {
    fn that(&mut self, holds: bool, what: &str, seen: impl std::fmt::Debug) {
        if !holds {
            self.wrong.push(format!("{}: {what}: {seen:?}", self.record));
        }
    }
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(|one| one["LogicalResourceId"].as_str()).collect()
}

fn same_resource(expected: &Value, resource: &FailedResource) -> bool {
    expected["LogicalResourceId"] == resource.resource.as_str()
        && expected["StackName"].as_str().is_none_or(|stack| stack == resource.stack)
        && expected["reason"].as_str().is_none_or(|reason| reason == resource.reason)
        && expected["status"].as_str().is_none_or(|status| status == resource.status)
}

fn stack_events(record: &Value, check: &mut Check) {
    let expected = &record["expected"];
    let events: Vec<StackEvent> = serde_json::from_value(record["events"].clone()).unwrap();
    let Some(failure) = stack_failure(&events) else {
        return check.that(expected["root_cause"].is_null(), "no failure found", expected);
    };
    check.that(same_resource(&expected["root_cause"], &failure.root_cause), "root cause", &failure.root_cause);
    let own: BTreeSet<&str> = failure.other_causes.iter().map(|one| one.resource.as_str()).collect();
    if let Some(others) = expected.get("other_roots") {
        check.that(own == names(others).into_iter().collect(), "other causes", &failure.other_causes);
    }
    let (undone, followed): (Vec<&str>, Vec<&str>) =
        strings(&expected["cascades"]).into_iter().partition(|name| name.contains("during rollback"));
    let ids = |list: &[FailedResource]| list.iter().map(|one| one.resource.clone()).collect::<BTreeSet<_>>();
    let plain = |names: Vec<&str>| {
        names.iter().map(|name| name.split(" (").next().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    // Sources differ on whether a stack that gives no reason belongs to what followed.
    let failing =
        |event: &&StackEvent| event.is_own_row() && (event.has_failed() || event.status().contains("ROLLBACK"));
    let stacks = |with_reason: bool| -> BTreeSet<String> {
        let rows = events.iter().filter(failing);
        let chosen = rows.filter(|event| event.resource_status_reason.is_some() == with_reason);
        chosen.map(|event| event.logical_id().to_owned()).collect()
    };
    let silent = &stacks(false) - &stacks(true);
    let differing: Vec<String> = ids(&failure.cascades).symmetric_difference(&plain(followed)).cloned().collect();
    check.that(differing.iter().all(|name| silent.contains(name)), "cascades", (&differing, &failure.cascades));
    let mut rollback = plain(undone);
    rollback.extend(expected["rollback_failure"]["LogicalResourceId"].as_str().map(str::to_owned));
    check.that(ids(&failure.rollback_failures) == rollback, "failures of the rollback", &failure.rollback_failures);
    let child = expected["needs_child_stack"].as_str();
    check.that(failure.needs_child_stack.as_deref() == child, "the nested stack to fetch", &failure.needs_child_stack);
    if let Some(inside) = expected.get("child_failed") {
        check.that(failure.child_failed == strings(inside), "failed inside it", &failure.child_failed);
    }
    if let Some(stream) = expected["log_stream"].as_str() {
        check.that(failure.log_stream.as_deref() == Some(stream), "log stream", &failure.log_stream);
    }
    if let Some(supporting) = expected["supporting_event"].as_str() {
        check.that(failure.supporting_event.as_deref() == Some(supporting), "support", &failure.supporting_event);
    }
}

fn change_sets(record: &Value, check: &mut Check) {
    let expected = &record["expected"];
    let change_set: ChangeSet = serde_json::from_value(record["DescribeChangeSet"].clone()).unwrap();
    let assessment = assess(&change_set);
    match expected["code_only"].as_bool() {
        Some(code_only) => {
            check.that((assessment.class == ChangeClass::CodeOnly) == code_only, "class", &assessment);
            check.that(assessment.error.is_none(), "no error", &assessment.error);
        }
        None => {
            let told = assessment.error.is_some() && assessment.class == ChangeClass::Infrastructure;
            check.that(told || change_set.says_no_changes(), "an error", &assessment);
        }
    }
    // Others may need a human as well: what is not known to be safe always does.
    for id in names(&expected["needs_human"]) {
        let shown = assessment.changes.iter().any(|change| change.logical_id == id && change.needs_human);
        check.that(shown, "needs a human", id);
    }
}

fn codebuild(record: &Value, check: &mut Check) {
    let expected = &record["expected"];
    let build: Build = serde_json::from_value(record["BatchGetBuilds"]["builds"][0].clone()).unwrap();
    let log: Vec<String> = strings(&expected["log_tail"]).into_iter().map(str::to_owned).collect();
    let Some(failure) = build_failure(&build, &log) else {
        return check.that(expected["failed_phase"].is_null(), "no failure found", expected);
    };
    let phase = expected["failed_phase"].as_str();
    check.that(phase.is_none_or(|phase| phase == failure.failed_phase), "phase", &failure);
    check.that(expected["statusCode"].as_str().unwrap_or_default() == failure.status_code, "code", &failure);
    let message = expected["message"].as_str().unwrap_or_default();
    check.that(message.is_empty() || message == failure.message, "message", &failure);
    check.that(failure.cascades == strings(&expected["cascades"]), "cascades", &failure);
    let tail = &log[log.len().saturating_sub(5)..];
    check.that(failure.error_lines.iter().all(|line| tail.contains(line)), "error lines", &failure.error_lines);
    check.that(failure.error_lines.is_empty() == tail.is_empty(), "error lines", &failure.error_lines);
}

/// The project's own event streams, in the shape of the records.
#[test]
fn every_fixture_is_understood() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 20, "{} fixtures", fixtures.len());
    let mut wrong = Vec::new();
    for (name, record) in fixtures {
        let mut check = Check { record: name, wrong: vec![] };
        stack_events(&record, &mut check);
        wrong.extend(check.wrong);
    }
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_recorded_answer_is_understood() {
    let Some(folder) = std::env::var_os("BOUNCER_AWS_RECORDS").map(PathBuf::from) else {
        return eprintln!("BOUNCER_AWS_RECORDS is not set: only the fixtures are compared.");
    };
    assert!(folder.is_dir(), "BOUNCER_AWS_RECORDS names no folder: {}", folder.display());
    let kinds: [(&str, Compare); 3] =
        [("stack-events", stack_events), ("change-sets", change_sets), ("codebuild", codebuild)];
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (kind, compare) in kinds {
        for (name, record) in records(&folder.join(kind)) {
            let mut check = Check { record: format!("{kind}/{name}"), wrong: vec![] };
            compare(&record, &mut check);
            wrong.extend(check.wrong);
            compared += 1;
        }
    }
    eprintln!("{compared} recorded answers compared.");
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}
