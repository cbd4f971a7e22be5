//! What a button carries back: a decision and what it is about, in at most 64 bytes.

use crate::domain::ids::{DeployId, RequestId};
use crate::domain::prompt::Prompt;
use crate::domain::request::{Action, Verdict};

/// A decision about a request, as a button carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// The decision.
    pub verdict: Verdict,
    /// The request.
    pub request_id: RequestId,
}

/// The data of the button that decides so. The question within a deploy is named by the deploy.
pub(super) fn data(prompt: &Prompt, verdict: Verdict) -> String {
    let word = match verdict {
        Verdict::Approve => "approve",
        Verdict::Deny => "deny",
    };
    let within = prompt.deploy_id.as_ref().filter(|deploy| {
        prompt.action == Action::InfrastructureChange
            && deploy.request_id().infrastructure_request() == prompt.request_id
    });
    match within {
        Some(deploy) => format!("infra_{word}:{deploy}"),
        None => format!("{word}:{}", prompt.request_id),
    }
}

impl Press {
    /// Reads a button's data; `None` when no button of this program carries it.
    pub fn parse(data: &str) -> Option<Self> {
        let (word, id) = data.split_once(':')?;
        let within = || Some(DeployId::parse(id).ok()?.request_id().infrastructure_request());
        let (verdict, request_id) = match word {
            "approve" => (Verdict::Approve, RequestId::parse(id).ok()?),
            "deny" => (Verdict::Deny, RequestId::parse(id).ok()?),
            "infra_approve" => (Verdict::Approve, within()?),
            "infra_deny" => (Verdict::Deny, within()?),
            _ => return None,
        };
        Some(Self { verdict, request_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_buttons_are_understood() {
        let id = "req-0123456789abcdef";
        let press = |verdict, request_id| Some(Press { verdict, request_id });
        let request = RequestId::parse(id).unwrap();
        assert_eq!(Press::parse(&format!("approve:{id}")), press(Verdict::Approve, request.clone()));
        assert_eq!(Press::parse(&format!("deny:{id}")), press(Verdict::Deny, request.clone()));
        let question = request.infrastructure_request();
        assert_eq!(Press::parse("infra_approve:deploy-0123456789abcdef"), press(Verdict::Approve, question.clone()));
        assert_eq!(Press::parse("infra_deny:deploy-0123456789abcdef"), press(Verdict::Deny, question));
        for unknown in ["", "approve", "approve:", "approve:req-1", "trust:req-0123456789abcdef", "APPROVE:req-1"] {
            assert_eq!(Press::parse(unknown), None, "{unknown}");
        }
    }
}
