//! Whose decision about a request counts: the one rule, which a press is held against and a page shows.

use crate::domain::approver::Approver;
use crate::domain::project::Project;
use crate::domain::request::{Request, Status, Verdict};
use crate::domain::time::Time;

/// Why a decision would not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// The installation does not count them among its approvers.
    NotAnApprover,
    /// They asked for it themselves.
    OwnRequest,
    /// The project names its approvers, and they are not among them.
    NotOfTheProject,
    /// Its files have not arrived.
    NotAskedYet,
    /// The window is over.
    Late,
    /// It was decided, or has ended in another way.
    SecondPress,
    /// The prompt does not offer it.
    NotOffered,
    /// They are the first of two who must approve, and cannot be the second.
    SamePerson,
    /// The deploy that asks has ended.
    DeployHasEnded,
}

impl Objection {
    /// Every objection.
    pub const ALL: [Objection; 9] = [
        Objection::NotAnApprover,
        Objection::OwnRequest,
        Objection::NotOfTheProject,
        Objection::NotAskedYet,
        Objection::Late,
        Objection::SecondPress,
        Objection::NotOffered,
        Objection::SamePerson,
        Objection::DeployHasEnded,
    ];

    /// The word in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Objection::NotAnApprover => "not_an_approver",
            Objection::OwnRequest => "own_request",
            Objection::NotOfTheProject => "not_an_approver_of_the_project",
            Objection::NotAskedYet => "not_asked_yet",
            Objection::Late => "late",
            Objection::SecondPress => "second_press",
            Objection::NotOffered => "not_offered",
            Objection::SamePerson => "same_person",
            Objection::DeployHasEnded => "deploy_has_ended",
        }
    }
}

/// What a decision depends on beside the request itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// Its project, where there is one.
    pub project: Option<Project>,
    /// Of a question within a deploy: that deploy.
    pub deploy: Option<Request>,
}

/// Why this decision would not count; nothing when it would.
pub fn objection(
    approver: &Approver,
    request: &Request,
    context: &Context,
    verdict: Verdict,
    now: Time,
) -> Option<Objection> {
    if !approver.may_decide {
        return Some(Objection::NotAnApprover);
    }
    if approver.is_holder_of(&request.caller) {
        return Some(Objection::OwnRequest);
    }
    if context.project.as_ref().is_some_and(|project| !project.is_decided_by(approver)) {
        return Some(Objection::NotOfTheProject);
    }
    match request.status_at(now) {
        Status::PendingApproval => {}
        Status::Ready => return Some(Objection::NotAskedYet),
        Status::Expired => return Some(Objection::Late),
        _ => return Some(Objection::SecondPress),
    }
    if !request.offered.contains(&verdict) {
        return Some(Objection::NotOffered);
    }
    let approved_before = request.first_approval.as_ref().is_some_and(|first| first.is_by(approver));
    if verdict == Verdict::Approve && approved_before {
        return Some(Objection::SamePerson);
    }
    let goes_on = |deploy: &Request| deploy.status == Status::Running && deploy.cancellation.is_none();
    if request.infrastructure_plan().is_some() && !context.deploy.as_ref().is_some_and(goes_on) {
        return Some(Objection::DeployHasEnded);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::{Caller, Role};
    use crate::domain::ids::{ApproverId, KeyId, RequestId};
    use crate::domain::request::{Action, Decision, Lifetime};

    fn key(digit: char) -> KeyId {
        KeyId::parse(format!("key-{}", digit.to_string().repeat(12))).unwrap()
    }

    fn holder(digit: char) -> Approver {
        Approver::from(&Caller { id: key(digit), name: digit.to_string(), role: Role::Approver })
    }

    fn on_telegram(user: u64, digit: Option<char>) -> Approver {
        let id = ApproverId::parse(format!("telegram:{user}")).unwrap();
        Approver { id, name: user.to_string(), key: digit.map(key), may_decide: true }
    }

    fn request(now: Time) -> Request {
        let caller = Caller { id: key('c'), name: "c".into(), role: Role::Agent };
        let lifetime = Lifetime { from: now, valid: 600, kept: 1000 };
        let id = RequestId::parse("req-0000000000000001").unwrap();
        Request::new(id, Action::FrontendDeploy, Status::PendingApproval, &caller, "a deploy", lifetime)
    }

    fn first(by: &Approver, at: Time) -> Decision {
        Decision {
            verdict: Verdict::Approve,
            by: by.id.clone(),
            by_name: by.name.clone(),
            channel: "test".into(),
            at,
            by_key: by.key.clone(),
            press: 1,
        }
    }

    #[test]
    fn who_decides() {
        let now = Time::now();
        let told = |approver: &Approver, request: &Request, verdict| {
            objection(approver, request, &Context::default(), verdict, now)
        };
        let open = request(now);
        assert_eq!(told(&holder('a'), &open, Verdict::Approve), None);
        let agent = Approver { may_decide: false, ..holder('a') };
        assert_eq!(told(&agent, &open, Verdict::Approve), Some(Objection::NotAnApprover));
        for own in [holder('c'), on_telegram(7, Some('c'))] {
            assert_eq!(told(&own, &open, Verdict::Deny), Some(Objection::OwnRequest));
        }
        for (status, why) in [
            (Status::Ready, Objection::NotAskedYet),
            (Status::Approved, Objection::SecondPress),
            (Status::Denied, Objection::SecondPress),
            (Status::Cancelled, Objection::SecondPress),
            (Status::Expired, Objection::Late),
        ] {
            let moved = Request { status, ..request(now) };
            assert_eq!(told(&holder('a'), &moved, Verdict::Approve), Some(why), "{status}");
        }
        let over = Request { expires_at: now, ..request(now) };
        assert_eq!(told(&holder('a'), &over, Verdict::Deny), Some(Objection::Late));
        let only_no = Request { offered: vec![Verdict::Deny], ..request(now) };
        assert_eq!(told(&holder('a'), &only_no, Verdict::Approve), Some(Objection::NotOffered));
        assert_eq!(told(&holder('a'), &only_no, Verdict::Deny), None);
    }

    #[test]
    fn the_second_of_two_is_another_person() {
        let now = Time::now();
        let anna = holder('a');
        let half = Request { approvals_required: 2, first_approval: Some(first(&anna, now)), ..request(now) };
        let told = |approver: &Approver, verdict| objection(approver, &half, &Context::default(), verdict, now);
        for anna in [anna.clone(), on_telegram(7, Some('a'))] {
            assert_eq!(told(&anna, Verdict::Approve), Some(Objection::SamePerson));
            // Whoever has approved may think better of it.
            assert_eq!(told(&anna, Verdict::Deny), None);
        }
        for other in [holder('b'), on_telegram(8, None)] {
            assert_eq!(told(&other, Verdict::Approve), None);
        }
    }

    #[test]
    fn each_objection_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<&str> = Objection::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(words.len(), Objection::ALL.len());
    }
}
