use super::marks::Marks;
use super::progress::{NAMED, REASON};
use super::*;
use crate::analysis::failure::StackEvent;
use crate::domain::backend::stack_action::StackAction;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use std::collections::BTreeSet;

const ROOT: &str = "arn:aws:cloudformation:eu-central-1:1:stack/Shop/1";
const CHILD: &str = "arn:aws:cloudformation:eu-central-1:1:stack/Shop-Child-X/2";

/// Rows from oldest to newest, given back newest first: (stack, resource or ".", status, second).
fn stream(rows: &[(&str, &str, &str, u32)]) -> Vec<StackEvent> {
    let row = |(at, (stack, resource, status, second)): (usize, &(&str, &str, &str, u32))| {
        let name = stack.split('/').nth(1).unwrap();
        let own = *resource == ".";
        let nested = *resource == "Child";
        let kind = if own || nested { "AWS::CloudFormation::Stack" } else { "AWS::SNS::Topic" };
        let physical = if own {
            *stack
        } else if nested {
            CHILD
        } else {
            "thing"
        };
        serde_json::from_value(json!({
            "EventId": format!("{name}-{at}"), "StackId": stack, "StackName": name,
            "LogicalResourceId": if own { name } else { resource }, "PhysicalResourceId": physical,
            "ResourceType": kind, "ResourceStatus": status,
            "Timestamp": format!("2026-03-04T10:{:02}:{:02}.000Z", second / 60, second % 60),
        }))
        .unwrap()
    };
    let mut events: Vec<StackEvent> = rows.iter().enumerate().map(row).collect();
    events.reverse();
    events
}

fn update() -> Vec<StackEvent> {
    stream(&[
        (ROOT, ".", "UPDATE_IN_PROGRESS", 0),
        (ROOT, "A", "UPDATE_IN_PROGRESS", 1),
        (ROOT, "B", "CREATE_IN_PROGRESS", 1),
        (ROOT, "A", "UPDATE_COMPLETE", 2),
        (ROOT, "B", "CREATE_IN_PROGRESS", 2),
        (ROOT, "B", "CREATE_COMPLETE", 3),
        (ROOT, ".", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 4),
        (ROOT, "Old", "DELETE_IN_PROGRESS", 5),
        (ROOT, "Old", "DELETE_COMPLETE", 6),
        (ROOT, ".", "UPDATE_COMPLETE", 7),
    ])
}

fn progress(events: &[StackEvent]) -> StackProgress {
    let mut progress = StackProgress::new(StackAction::Update, ROOT, 3);
    progress.absorb(events);
    progress
}

/// The newest rows that had happened by a second.
fn by(events: &[StackEvent], second: i64) -> Vec<StackEvent> {
    let until = "2026-03-04T10:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second() + second;
    events.iter().filter(|event| event.time().unwrap().as_second() <= until).cloned().collect()
}

#[test]
fn an_update_is_counted_to_its_end() {
    let events = update();
    for (second, hint, named) in [
        (0, "Updating stack: 0 of 3 resources", 0),
        (1, "Updating stack: 0 of 3 resources", 2),
        (2, "Updating stack: 1 of 3 resources", 1),
        (3, "Updating stack: 2 of 3 resources", 0),
        (5, "Cleaning up after the update: 2 of 3 resources", 1),
        (7, "Stack updated: 3 of 3 resources", 0),
    ] {
        let progress = progress(&by(&events, second));
        assert_eq!(
            (progress.hint().to_string().as_str(), progress.in_progress.len()),
            (hint, named),
            "second {second}"
        );
        assert_eq!(progress.outcome().is_some(), second == 7);
    }
    assert_eq!(progress(&[]).hint().to_string(), "Updating stack: 0 of 3 resources");
}

#[test]
fn more_resources_than_planned_let_the_total_grow() {
    let mut progress = StackProgress::new(StackAction::Create, ROOT, 1);
    progress.absorb(&stream(&[
        (ROOT, ".", "CREATE_IN_PROGRESS", 0),
        (ROOT, "A", "CREATE_COMPLETE", 1),
        (ROOT, "B", "CREATE_COMPLETE", 1),
        (ROOT, "C", "CREATE_IN_PROGRESS", 1),
    ]));
    assert_eq!(progress.hint().to_string(), "Creating stack: 2 of 3 resources");
    assert_eq!(progress.in_progress[0].resource, "C");
}

#[test]
fn a_rollback_counts_what_is_undone() {
    let events = stream(&[
        (ROOT, ".", "UPDATE_IN_PROGRESS", 0),
        (ROOT, "A", "UPDATE_COMPLETE", 1),
        (ROOT, "B", "UPDATE_FAILED", 2),
        (ROOT, "C", "UPDATE_FAILED", 2),
        (ROOT, ".", "UPDATE_ROLLBACK_IN_PROGRESS", 2),
        (ROOT, "A", "UPDATE_IN_PROGRESS", 2),
        (ROOT, "B", "UPDATE_IN_PROGRESS", 3),
        (ROOT, "A", "UPDATE_COMPLETE", 4),
        (ROOT, ".", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", 5),
        (ROOT, ".", "UPDATE_ROLLBACK_COMPLETE", 6),
    ]);
    let halfway = progress(&by(&events, 3));
    assert_eq!(halfway.hint().to_string(), "Rolling back: 0 of 3 resources");
    assert_eq!(halfway.in_progress.iter().map(|line| line.resource.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(progress(&by(&events, 5)).hint().to_string(), "Rolling back: 1 of 3 resources");
    let ended = progress(&events);
    assert_eq!(ended.outcome(), Some(StackOutcome::RolledBack));
    assert_eq!(ended.failed.len(), 2);
}

#[test]
fn every_last_status_is_an_outcome() {
    use StackOutcome::{Failed, RollbackFailed, RolledBack, Succeeded};
    for (action, status, outcome) in [
        (StackAction::Create, "CREATE_COMPLETE", Some(Succeeded)),
        (StackAction::Create, "CREATE_FAILED", Some(Failed)),
        (StackAction::Create, "ROLLBACK_COMPLETE", Some(RolledBack)),
        (StackAction::Create, "ROLLBACK_FAILED", Some(RollbackFailed)),
        (StackAction::Create, "DELETE_COMPLETE", Some(RolledBack)),
        (StackAction::Create, "DELETE_FAILED", Some(RollbackFailed)),
        (StackAction::Update, "UPDATE_COMPLETE", Some(Succeeded)),
        (StackAction::Update, "UPDATE_FAILED", Some(Failed)),
        (StackAction::Update, "UPDATE_ROLLBACK_COMPLETE", Some(RolledBack)),
        (StackAction::Update, "UPDATE_ROLLBACK_FAILED", Some(RollbackFailed)),
        (StackAction::Import, "IMPORT_COMPLETE", Some(Succeeded)),
        (StackAction::Import, "IMPORT_ROLLBACK_COMPLETE", Some(RolledBack)),
        (StackAction::Delete, "DELETE_COMPLETE", Some(Succeeded)),
        (StackAction::Delete, "DELETE_FAILED", Some(Failed)),
        (StackAction::Update, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None),
        (StackAction::Update, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None),
        (StackAction::Create, "REVIEW_IN_PROGRESS", None),
    ] {
        let mut progress = StackProgress::new(action, ROOT, 1);
        progress.absorb(&stream(&[(ROOT, ".", status, 1)]));
        assert_eq!(progress.outcome(), outcome, "{status}");
    }
}

#[test]
fn nested_stacks_are_found_followed_and_left() {
    let parent = stream(&[
        (ROOT, ".", "UPDATE_IN_PROGRESS", 0),
        (ROOT, "Child", "UPDATE_IN_PROGRESS", 1),
        (ROOT, "A", "UPDATE_COMPLETE", 2),
    ]);
    let mut progress = StackProgress::new(StackAction::Update, ROOT, 4);
    progress.absorb(&parent);
    assert_eq!(progress.open_stacks(), [ROOT, CHILD]);
    assert_eq!(progress.cursor(ROOT), Some("Shop-2"));
    assert_eq!(progress.cursor(CHILD), None);

    let child = stream(&[
        (CHILD, ".", "UPDATE_IN_PROGRESS", 2),
        (CHILD, "A", "UPDATE_COMPLETE", 3),
        (CHILD, ".", "UPDATE_COMPLETE", 4),
    ]);
    progress.absorb(&child);
    assert_eq!(
        progress.hint().to_string(),
        "Updating stack: 2 of 4 resources",
        "both A count, the child's own row does not"
    );
    assert_eq!(progress.open_stacks(), [ROOT], "the child has ended");
    assert_eq!(progress.outcome(), None, "but the root has not");

    progress.absorb(&stream(&[(ROOT, "Child", "UPDATE_COMPLETE", 5), (ROOT, ".", "UPDATE_COMPLETE", 6)]));
    assert_eq!(progress.outcome(), Some(StackOutcome::Succeeded));
    assert_eq!(progress.done, 4);
}

#[test]
fn names_do_for_arns() {
    let mut progress = StackProgress::new(StackAction::Update, "Shop", 3);
    progress.absorb(&update());
    assert_eq!(progress.outcome(), Some(StackOutcome::Succeeded));
    assert_eq!(progress.cursor("Shop"), Some("Shop-9"));
}

#[test]
fn a_cancelled_resource_is_not_shown_as_a_failure() {
    let mut events = stream(&[(ROOT, "A", "UPDATE_FAILED", 1), (ROOT, "B", "UPDATE_FAILED", 2)]);
    events[0].resource_status_reason = Some("Resource update cancelled".into());
    events[1].resource_status_reason = Some(format!("Bad value {}", "x".repeat(2000)));
    let progress = progress(&events);
    assert_eq!(progress.failed.len(), 1);
    assert!(progress.failed[0].reason.starts_with("Bad value") && progress.failed[0].reason.len() <= REASON);
}

#[test]
fn five_hundred_resources_stay_small() {
    let mut rows: Vec<(&str, &str, &str, u32)> = vec![(ROOT, ".", "CREATE_IN_PROGRESS", 0)];
    let names: Vec<String> = (0..500).map(|at| format!("{at}{}", "ResourceWithALongName".repeat(10))).collect();
    for name in &names {
        rows.push((ROOT, name, "CREATE_IN_PROGRESS", 1));
    }
    let mut progress = StackProgress::new(StackAction::Create, ROOT, 500);
    progress.absorb(&stream(&rows));
    assert_eq!((progress.total, progress.in_progress.len()), (500, NAMED));
    let size = serde_json::to_string(&progress).unwrap().len();
    assert!(size < 8 * 1024, "{size} bytes");
    let rows: Vec<_> = names.iter().map(|name| (ROOT, name.as_str(), "CREATE_COMPLETE", 2)).collect();
    progress.absorb(&stream(&rows));
    assert_eq!(progress.hint().to_string(), "Creating stack: 500 of 500 resources");
}

#[test]
fn a_spoilt_record_is_refused() {
    let text = serde_json::to_string(&progress(&update())).unwrap();
    assert_eq!(serde_json::from_str::<StackProgress>(&text).unwrap(), progress(&update()));
    assert!(Marks::try_from("AAAA".to_owned()).is_err() && Marks::try_from("?".to_owned()).is_err());
}

/// An operation on eight resources in two stacks as it may happen, newest first, with many rows in one second.
fn any_operation() -> impl Strategy<Value = Vec<StackEvent>> {
    let steps = proptest::collection::vec((any::<bool>(), 0usize..4, 0usize..3, 0u32..2), 1..40);
    (steps, any::<bool>()).prop_map(|(steps, fails)| {
        let mut rows: Vec<(&str, &str, &str, u32)> =
            vec![(ROOT, ".", "UPDATE_IN_PROGRESS", 0), (ROOT, "Child", "UPDATE_IN_PROGRESS", 0)];
        let mut second = 0;
        for (in_child, resource, status, pause) in &steps {
            second += pause;
            let statuses = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED"];
            let stack = if *in_child { CHILD } else { ROOT };
            rows.push((stack, ["A", "B", "C", "D"][*resource], statuses[*status], second));
        }
        if fails {
            rows.push((ROOT, ".", "UPDATE_ROLLBACK_IN_PROGRESS", second));
            rows.push((ROOT, "A", "UPDATE_COMPLETE", second + 1));
        }
        stream(&rows)
    })
}

proptest! {
    #[test]
    fn counting_again_changes_nothing(events in any_operation(), from in any::<Index>(), to in any::<Index>()) {
        let once = progress(&events);
        let (from, to) = (from.index(events.len()), to.index(events.len()) + 1);
        let mut again = once.clone();
        again.absorb(&events[from.min(to)..to.max(from)]);
        prop_assert_eq!(&again.marks, &once.marks);
        prop_assert_eq!((again.done, again.total, again.hint()), (once.done, once.total, once.hint()));
        prop_assert_eq!(again.cursor(ROOT), once.cursor(ROOT));
        again.absorb(&events);
        prop_assert_eq!(again, once);
    }

    #[test]
    fn pages_with_gaps_end_where_all_at_once_does(events in any_operation(), cut in any::<Index>(), skipped in any::<Index>()) {
        let all = progress(&events);
        let cut = cut.index(events.len());
        let (newer, older) = events.split_at(cut);
        let mut paged = StackProgress::new(StackAction::Update, ROOT, 3);
        if !older.is_empty() {
            paged.absorb(&older[skipped.index(older.len())..]);
        }
        prop_assert!(paged.done <= paged.total);
        paged.absorb(newer);
        prop_assert!(paged.done <= paged.total && paged.done <= all.total.max(paged.done));
        paged.absorb(&events);
        prop_assert_eq!((paged.done, paged.total, paged.rolling_back), (all.done, all.total, all.rolling_back));
        prop_assert_eq!(paged.cursor(ROOT), all.cursor(ROOT));
    }

    #[test]
    fn done_never_passes_the_total_nor_goes_back(events in any_operation(), planned in 0u64..12) {
        let mut progress = StackProgress::new(StackAction::Update, ROOT, planned);
        let mut before = (0, 0, false);
        for event in events.iter().rev() {
            progress.absorb(std::slice::from_ref(event));
            prop_assert!(progress.done <= progress.total);
            let resources: BTreeSet<_> = events.iter().map(|event| (event.stack_key(), event.logical_id())).collect();
            prop_assert!(progress.total <= planned.max(resources.len() as u64));
            if progress.rolling_back == before.2 {
                prop_assert!(progress.total >= before.1);
            }
            before = (progress.done, progress.total, progress.rolling_back);
        }
    }

    #[test]
    fn a_record_keeps_everything(events in any_operation()) {
        let progress = progress(&events);
        let text = serde_json::to_string(&progress).unwrap();
        prop_assert_eq!(serde_json::from_str::<StackProgress>(&text).unwrap(), progress);
    }
}
