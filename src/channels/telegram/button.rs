//! What a button carries back: a decision and what it is about, in at most 64 bytes.

use crate::domain::ids::{DeployId, RequestId};
use crate::domain::prompt::Prompt;
use crate::domain::request::Verdict;

/// A decision about a request, as a button carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// The decision.
    pub verdict: Verdict,
    /// The request.
    pub request_id: RequestId,
    /// Whether the button said that there are high risks.
    pub acknowledged: bool,
}

/// The data of the button that decides so. The question within a deploy is named by the deploy.
pub(super) fn data(prompt: &Prompt, verdict: Verdict) -> String {
    let word = match verdict {
        Verdict::Approve if !prompt.card.risks.is_empty() => "accept",
        Verdict::Approve => "approve",
        Verdict::Deny => "deny",
    };
    let is_question = |deploy: &&DeployId| deploy.request_id().infrastructure_request() == prompt.request_id;
    let within = prompt.deploy_id.as_ref().filter(is_question);
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
        let (word, request_id) = match word.strip_prefix("infra_") {
            Some(word) => (word, within()?),
            None => (word, RequestId::parse(id).ok()?),
        };
        let (verdict, acknowledged) = match word {
            "approve" => (Verdict::Approve, false),
            "accept" => (Verdict::Approve, true),
            "deny" => (Verdict::Deny, false),
            _ => return None,
        };
        Some(Self { verdict, request_id, acknowledged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_buttons_are_understood() {
        let id = "req-0123456789abcdef";
        let press = |verdict, request_id| Some(Press { verdict, request_id, acknowledged: false });
        let request = RequestId::parse(id).unwrap();
        assert_eq!(Press::parse(&format!("approve:{id}")), press(Verdict::Approve, request.clone()));
        assert_eq!(Press::parse(&format!("deny:{id}")), press(Verdict::Deny, request.clone()));
        let question = request.infrastructure_request();
        assert_eq!(Press::parse("infra_approve:deploy-0123456789abcdef"), press(Verdict::Approve, question.clone()));
        assert_eq!(Press::parse("infra_deny:deploy-0123456789abcdef"), press(Verdict::Deny, question));
        let accepted = Press { verdict: Verdict::Approve, request_id: request.clone(), acknowledged: true };
        assert_eq!(Press::parse(&format!("accept:{id}")), Some(accepted));
        for unknown in ["", "approve", "approve:", "approve:req-1", "trust:req-0123456789abcdef", "APPROVE:req-1"] {
            assert_eq!(Press::parse(unknown), None, "{unknown}");
        }
    }
}
