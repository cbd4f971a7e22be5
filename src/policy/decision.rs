//! Whose decision about a request counts: the one rule, which a press is held against and a page shows.

use crate::domain::approver::Approver;
use crate::domain::digest::Sha256;
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
    /// It is not the plan that they were shown.
    OtherPlan,
    /// Its high risks were not acknowledged.
    RisksNotAcknowledged,
}

impl Objection {
    /// Every objection.
    pub const ALL: [Objection; 11] = [
        Objection::NotAnApprover,
        Objection::OwnRequest,
        Objection::NotOfTheProject,
        Objection::NotAskedYet,
        Objection::Late,
        Objection::SecondPress,
        Objection::NotOffered,
        Objection::SamePerson,
        Objection::DeployHasEnded,
        Objection::OtherPlan,
        Objection::RisksNotAcknowledged,
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
            Objection::OtherPlan => "other_plan",
            Objection::RisksNotAcknowledged => "risks_not_acknowledged",
        }
    }
}

/// What a decision depends on beside the request itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// Its project, where there is one.
    pub project: Option<Project>,
    /// What its kind objects to any decision about it.
    pub of_kind: Option<Objection>,
    /// Whether an approval must acknowledge high risks.
    pub has_risks: bool,
}

/// A decision that somebody wants to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press {
    /// What they decide.
    pub verdict: Verdict,
    /// The plan that they were shown, where their surface says it.
    pub plan_hash: Option<Sha256>,
    /// Whether they acknowledged every high risk.
    pub acknowledged: bool,
}

impl Press {
    /// Makes a decision by somebody who has seen the stored plan and acknowledged its risks.
    pub fn informed(verdict: Verdict) -> Self {
        Self { verdict, plan_hash: None, acknowledged: true }
    }
}

/// Returns why a decision would not count; `None` when it would. The one rule of every surface.
pub fn objection(
    approver: &Approver,
    request: &Request,
    context: &Context,
    press: Press,
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
    if !request.offered.contains(&press.verdict) {
        return Some(Objection::NotOffered);
    }
    if press.plan_hash.is_some() && press.plan_hash != request.plan_hash {
        return Some(Objection::OtherPlan);
    }
    if press.verdict == Verdict::Approve {
        if request.first_approval.as_ref().is_some_and(|first| first.is_by(approver)) {
            return Some(Objection::SamePerson);
        }
        if context.has_risks && !press.acknowledged {
            return Some(Objection::RisksNotAcknowledged);
        }
    }
    context.of_kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::{Caller, Role};
    use crate::domain::channel::ChannelName;
    use crate::domain::ids::{ApproverId, KeyId, RequestId};
    use crate::domain::kind::KindName;
    use crate::domain::request::{Decision, Lifetime};

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
        Request::new(id, KindName::new("frontend_deploy"), Status::PendingApproval, &caller, "a deploy", lifetime)
    }

    fn first(by: &Approver, at: Time) -> Decision {
        Decision {
            verdict: Verdict::Approve,
            by: by.id.clone(),
            by_name: by.name.clone(),
            channel: ChannelName::Http,
            at,
            by_key: by.key.clone(),
            reason: None,
            press: 1,
        }
    }

    #[test]
    fn who_decides() {
        let now = Time::now();
        let told = |approver: &Approver, request: &Request, verdict| {
            objection(approver, request, &Context::default(), Press::informed(verdict), now)
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
        let told = |approver: &Approver, verdict| {
            objection(approver, &half, &Context::default(), Press::informed(verdict), now)
        };
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
    fn an_approval_is_bound_to_the_plan_shown_and_its_risks() {
        let now = Time::now();
        let open = Request { plan_hash: Some(Sha256::of(b"plan")), ..request(now) };
        let risky = Context { has_risks: true, ..Context::default() };
        let press = |verdict, plan: Option<&[u8]>, acknowledged| Press {
            verdict,
            plan_hash: plan.map(Sha256::of),
            acknowledged,
        };
        for (context, press, expected) in [
            (&risky, press(Verdict::Approve, Some(b"plan"), true), None),
            (&risky, press(Verdict::Approve, None, true), None),
            (&risky, press(Verdict::Approve, Some(b"plan"), false), Some(Objection::RisksNotAcknowledged)),
            (&risky, press(Verdict::Deny, Some(b"plan"), false), None),
            (&Context::default(), press(Verdict::Approve, None, false), None),
            (&Context::default(), press(Verdict::Approve, Some(b"other"), true), Some(Objection::OtherPlan)),
            (&Context::default(), press(Verdict::Deny, Some(b"other"), true), Some(Objection::OtherPlan)),
        ] {
            assert_eq!(objection(&holder('a'), &open, context, press, now), expected, "{press:?}");
        }
        let ended = Context { of_kind: Some(Objection::DeployHasEnded), ..Context::default() };
        let approve = press(Verdict::Approve, None, true);
        assert_eq!(objection(&holder('a'), &open, &ended, approve, now), Some(Objection::DeployHasEnded));
    }

    #[test]
    fn each_objection_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<&str> = Objection::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(words.len(), Objection::ALL.len());
    }
}
