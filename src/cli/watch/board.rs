//! What a terminal shows of a backend while it is deployed: its steps, a bar over the stack's resources, and those that
//! are being changed.

use super::view::{StatusView, Steps};
use crate::cli::output::{duration, shorten};
use crate::domain::request::Status;
use crate::kinds::stack::run::BackendStep;
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::fmt::Write;

/// The steps, in order.
const STEPS: [BackendStep; BackendStep::COUNT as usize] = [
    BackendStep::Starting,
    BackendStep::FetchingSource,
    BackendStep::Building,
    BackendStep::ComparingStack,
    BackendStep::AwaitingApproval,
    BackendStep::ChangingStack,
    BackendStep::Finishing,
];

/// How many resources that are being changed are named.
const NAMED: usize = 5;
/// How many cells the bar has.
const CELLS: u64 = 24;
/// How long a line may be.
const LINE_LENGTH: usize = 110;

/// The screen of a backend that runs; `None` for all else.
pub(super) fn board(view: &StatusView) -> Option<String> {
    let backend = view.backend.as_ref()?;
    if view.state() != Some(Status::Running) {
        return None;
    }
    let steps = view.progress.clone().unwrap_or_default();
    let now = step_of(&steps)?;
    let elapsed = view.elapsed_seconds.map(|seconds| format!(" ({})", duration(seconds))).unwrap_or_default();
    let mut text = format!("{}{elapsed}", view.sentence());
    for step in STEPS {
        let was_asked = step != BackendStep::AwaitingApproval || backend.infrastructure_request_id.is_some();
        let (color, mark) = match step.cmp(&now) {
            std::cmp::Ordering::Less if was_asked => (AnsiColor::Green, "✓"),
            std::cmp::Ordering::Less => (AnsiColor::BrightBlack, "–"),
            std::cmp::Ordering::Equal => (AnsiColor::Cyan, "▸"),
            std::cmp::Ordering::Greater => (AnsiColor::BrightBlack, "·"),
        };
        let style = Style::new().fg_color(Some(color.into()));
        // A String takes everything.
        let _ = write!(text, "\n  {style}{mark} {}{style:#}", title(step));
        if step == now && step == BackendStep::ChangingStack {
            resources(&mut text, &steps);
        }
    }
    Some(text)
}

/// The step by its name; `None` for one that this version does not know.
fn step_of(steps: &Steps) -> Option<BackendStep> {
    serde_json::from_value(json!(steps.step_name)).ok()
}

fn title(step: BackendStep) -> &'static str {
    match step {
        BackendStep::Starting => "Start",
        BackendStep::FetchingSource => "Fetch the source",
        BackendStep::Building => "Build",
        BackendStep::ComparingStack => "Compare the stack",
        BackendStep::AwaitingApproval => "Approve the infrastructure changes",
        BackendStep::ChangingStack => "Change the stack",
        BackendStep::Finishing => "Finish",
    }
}

fn resources(text: &mut String, steps: &Steps) {
    if steps.total > 0 {
        let done = steps.done.min(steps.total);
        let full = usize::try_from(CELLS * done / steps.total).unwrap_or_default();
        let rest = usize::try_from(CELLS).unwrap_or_default().saturating_sub(full);
        let (cyan, dim) = (Style::new().fg_color(Some(AnsiColor::Cyan.into())), Style::new().dimmed());
        let (full, rest) = ("█".repeat(full), "░".repeat(rest));
        let _ = write!(text, "  {cyan}{full}{cyan:#}{dim}{rest}{dim:#} {done}/{}", steps.total);
    }
    for line in steps.in_progress.iter().take(NAMED) {
        let _ = write!(text, "\n      {}", shorten(&line.to_string(), LINE_LENGTH));
    }
    if steps.in_progress.len() > NAMED {
        let _ = write!(text, "\n      … and {} more", steps.in_progress.len() - NAMED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn view(members: Value) -> StatusView {
        let mut answer = json!({
            "status": "RUNNING", "deploy_id": "deploy-0123456789abcdef", "branch": "main",
            "commit_sha": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d", "elapsed_seconds": 125,
        });
        answer.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        serde_json::from_value(answer).unwrap()
    }

    fn screen(members: Value) -> String {
        anstream::adapter::strip_str(&board(&view(members)).unwrap()).to_string()
    }

    #[test]
    fn a_stack_that_changes() {
        let lines: Vec<Value> = (0..7)
            .map(|n| {
                json!({"resource": format!("Table{n}\u{1b}[2J"), "type": "AWS::DynamoDB::Table", "stack": "shop",
                            "status": "UPDATE_IN_PROGRESS"})
            })
            .collect();
        insta::assert_snapshot!(screen(json!({
            "progress_hint": "Updating stack: 7 of 12 resources", "infrastructure_request_id": "req-fedcba9876543210",
            "progress": {"step": 6, "steps": 7, "step_name": "changing_stack", "done": 7, "total": 12, "in_progress": lines},
        })));
    }

    #[test]
    fn a_stack_that_waits_for_a_decision() {
        insta::assert_snapshot!(screen(json!({
            "progress_hint": "Waiting for infrastructure approval", "infrastructure_request_id": "req-fedcba9876543210",
            "progress": {"step": 5, "steps": 7, "step_name": "awaiting_approval", "done": 0, "total": 0},
        })));
    }

    #[test]
    fn nobody_was_asked() {
        let text = screen(json!({
            "progress_hint": "Finishing: the stack is up to date",
            "progress": {"step": 7, "steps": 7, "step_name": "finishing", "done": 0, "total": 0},
        }));
        assert!(text.contains("– Approve the infrastructure changes\n  ✓ Change the stack\n  ▸ Finish"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_left_to_the_sentence() {
        let strange = json!({"progress": {"step": 8, "step_name": "celebrating"}, "progress_hint": "Celebrating"});
        assert_eq!(board(&view(strange)), None);
        assert_eq!(board(&view(json!({"status": "SUCCESS"}))), None);
    }

    #[test]
    fn failures_are_told_one_by_one() {
        let view = view(json!({
            "progress_hint": "Rolling back: 1 of 3 resources",
            "progress": {"step": 6, "step_name": "changing_stack", "done": 1, "total": 3, "failed": [
                {"resource": "Rows", "type": "AWS::DynamoDB::Table", "stack": "shop", "status": "CREATE_FAILED",
                 "reason": "Table already exists\u{7}"}]},
        }));
        let told: Vec<String> = view.failures().map(|line| anstream::adapter::strip_str(&line).to_string()).collect();
        assert_eq!(told, [r"failed: Rows  AWS::DynamoDB::Table  CREATE_FAILED: Table already exists\u{7}"]);
    }
}
