//! What must be so when everything has ended, whatever came between.

use bouncer::admin::audit;
use bouncer::domain::audit::{ChainedEvent, EventKind};
use bouncer::domain::caller::Role;
use bouncer::domain::error::{ErrorCode, UserError};
use bouncer::domain::prompt::Stage;
use bouncer::domain::request::{Event, Request, Status, Verdict};
use bouncer::domain::time::Time;
use proptest::test_runner::TestCaseError;

use super::people::Who;
use super::run::{Case, Outcome, Pressed};
use crate::faults::world::caller;

/// Says what does not hold.
macro_rules! demand {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(format!($($said)+));
        }
    };
}

pub async fn holds(case: &Case, bucket: &str, outcome: &Outcome) -> Result<(), TestCaseError> {
    let checked = check(case, bucket, outcome).await;
    checked.map_err(|broken| TestCaseError::fail(format!("{broken}\n{}", outcome.steps.join("\n"))))
}

async fn check(case: &Case, bucket: &str, outcome: &Outcome) -> Result<(), String> {
    let verify = serde_json::from_value(serde_json::json!({})).unwrap();
    let verdict = audit::verify(&outcome.app, &caller(Role::Approver), verify).await.unwrap();
    demand!(verdict.status == "intact", "the chain is broken: {:?}", verdict.first_break);

    let Some(id) = &outcome.id else {
        demand!(verdict.events == 0, "there are {} events of no request", verdict.events);
        return Ok(());
    };
    let request = outcome.app.store.request(id).await.unwrap().ok_or("the request is gone")?;
    let chain = outcome.app.store.audit_events(None, false).await.unwrap();
    let events: Vec<ChainedEvent> = chain.into_iter().filter_map(|(_, event)| event).collect();
    demand!(events.len() as u64 == verdict.events, "of {} events {} can be read", verdict.events, events.len());

    steps_follow_each_other(&request, &events)?;
    decisions_were_allowed(case, &request, &events, outcome.window_ended_at)?;
    answers_are_true(outcome, &events)?;
    refusals_are_presses(outcome, &events)?;
    demand!(outcome.board.count("remind") <= 1, "approvers were reminded {} times", outcome.board.count("remind"));
    if outcome.undisturbed {
        let asks = matches!(outcome.board.prompt(), None | Some(Stage::Asking { .. }));
        demand!(!asks, "the prompt still has its buttons: {:?}", outcome.board.prompt());
    }
    what_is_live_was_approved(bucket, outcome, &request).await
}

/// Each event is the one step from the state that the one before led to, and the last led to where the request is.
fn steps_follow_each_other(request: &Request, events: &[ChainedEvent]) -> Result<(), String> {
    let mut status = None;
    for event in events {
        let step = match event.entry.kind {
            EventKind::Created if status.is_none() => {
                status = Some(event.entry.status);
                continue;
            }
            EventKind::Refused => continue,
            EventKind::FirstApproval => Event::FirstApproval,
            EventKind::Approved => Event::Approve,
            EventKind::Denied => Event::Deny,
            EventKind::Expired => Event::Expire,
            EventKind::Withdrawn => Event::Withdraw,
            EventKind::Started => Event::Start,
            EventKind::Completed => Event::Complete,
            EventKind::Failed => Event::Fail,
            other => return Err(format!("nobody did that: {other:?}")),
        };
        let before: Status = status.ok_or("something happened to a request before it was created")?;
        let after = before.after(step).map_err(|illegal| illegal.to_string())?;
        demand!(after == event.entry.status, "{step:?} is recorded to lead to {}", event.entry.status);
        status = Some(after);
    }
    demand!(status == Some(request.status), "the events lead to {status:?}, the request is {}", request.status);
    demand!(request.status.has_ended(), "the request has not ended: it is {}", request.status);
    let begun = events.iter().filter(|event| event.entry.kind == EventKind::Started).count();
    demand!(begun <= 1, "{begun} runs began");
    Ok(())
}

/// Whether a press was answered that it does not count, and not that this is not known.
fn is_a_no(error: &UserError) -> bool {
    [ErrorCode::Forbidden, ErrorCode::Conflict].contains(&error.code)
}

fn is_decision(kind: EventKind) -> bool {
    matches!(kind, EventKind::FirstApproval | EventKind::Approved | EventKind::Denied)
}

fn verdict_of(event: &ChainedEvent) -> Verdict {
    if event.entry.kind == EventKind::Denied { Verdict::Deny } else { Verdict::Approve }
}

fn decisions_were_allowed(
    case: &Case,
    request: &Request,
    events: &[ChainedEvent],
    window_ended_at: Option<Time>,
) -> Result<(), String> {
    let mut said_yes = vec![];
    for event in events.iter().filter(|event| is_decision(event.entry.kind)) {
        let who =
            Who::ALL.into_iter().find(|who| who.id().as_str() == event.entry.by.id).ok_or("a stranger decided")?;
        demand!(who.may_decide(case.named), "{who:?} decided");
        // What left in time may arrive a moment later, as long as nobody has written that the window is over.
        let in_time = window_ended_at.is_none_or(|end| event.entry.at <= end);
        demand!(in_time, "{who:?} decided after the window");
        if event.entry.kind != EventKind::Denied {
            said_yes.push(who.person());
        }
    }
    let approved = events.iter().any(|event| event.entry.kind == EventKind::Approved);
    if approved {
        let wanted = if case.two { 2 } else { 1 };
        demand!(said_yes.len() == wanted, "{said_yes:?} approved, {wanted} had to");
        demand!(wanted == 1 || said_yes[0] != said_yes[1], "{said_yes:?} is one person");
    }
    let decision = request.decision.as_ref().map(|decision| decision.verdict);
    demand!(approved == (decision == Some(Verdict::Approve)), "the record says {decision:?}");
    Ok(())
}

/// Whoever was told that a decision counts finds it recorded, once and as theirs; whoever was told that it does not, not.
fn answers_are_true(outcome: &Outcome, events: &[ChainedEvent]) -> Result<(), String> {
    for Pressed { who, verdict, answer } in &outcome.presses {
        let is_theirs = |event: &&ChainedEvent| {
            let is_it = is_decision(event.entry.kind) && verdict_of(event) == *verdict;
            is_it && event.entry.by.id == who.id().as_str()
        };
        let recorded = events.iter().filter(is_theirs).count();
        if answer.as_ref().is_err_and(is_a_no) {
            let pressed = outcome.begun.iter().filter(|press| **press == (*who, *verdict)).count();
            demand!(recorded < pressed, "the one {verdict:?} of {who:?} counts, and was answered with {answer:?}");
            continue;
        }
        let Ok(status) = answer else { continue };
        let same = |other: &&Pressed| other.who == *who && other.verdict == *verdict && other.answer.is_ok();
        let told = outcome.presses.iter().filter(same).count();
        demand!(recorded == 1 && told == 1, "{who:?} was told {status} {told} times; recorded are {recorded}");
    }
    for event in events.iter().filter(|event| is_decision(event.entry.kind)) {
        let is_it = |(who, word): &(Who, Verdict)| who.id().as_str() == event.entry.by.id && *word == verdict_of(event);
        demand!(outcome.begun.iter().any(is_it), "nobody pressed what is recorded: {event:#?}");
    }
    Ok(())
}

/// One event a press that did not count, at most; exactly one where nothing was lost.
fn refusals_are_presses(outcome: &Outcome, events: &[ChainedEvent]) -> Result<(), String> {
    for who in Who::ALL {
        let is_theirs =
            |event: &&ChainedEvent| event.entry.kind == EventKind::Refused && event.entry.by.id == who.id().as_str();
        let recorded = events.iter().filter(is_theirs).count();
        let begun = outcome.begun.iter().filter(|(one, _)| *one == who).count();
        demand!(recorded <= begun, "{who:?} pressed {begun} times and was refused {recorded} times");
        let refused = |press: &&Pressed| press.who == who && press.answer.as_ref().is_err_and(is_a_no);
        let refused = outcome.presses.iter().filter(refused).count();
        let exact = !outcome.undisturbed || recorded == refused;
        demand!(exact, "{who:?} was refused {refused} times; recorded are {recorded}");
    }
    Ok(())
}

async fn what_is_live_was_approved(bucket: &str, outcome: &Outcome, request: &Request) -> Result<(), String> {
    let deploy = outcome.app.store.deploy(&request.request_id.frontend_deploy_id()).await.unwrap();
    demand!(deploy.is_some() == request.started_at.is_some(), "the history says {deploy:?}");
    let is_live = outcome.app.objects.open(bucket, "index.html").await.is_ok();
    demand!(is_live == (request.status == Status::Completed), "{} and live: {is_live}", request.status);
    let project = outcome.app.store.project(request.project.as_ref().unwrap()).await.unwrap().unwrap();
    demand!(project.current_release.is_some() == is_live, "the project's release is {:?}", project.current_release);
    Ok(())
}
