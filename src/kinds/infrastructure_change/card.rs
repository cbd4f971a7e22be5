//! The card of an infrastructure change.

use super::plan::InfrastructurePlan;
use crate::analysis::changeset::{AssessedChange, Replacement, Risk};
use crate::domain::card::{Card, FactValue, Row, Weight};
use crate::domain::error::UserError;
use crate::domain::phrase::Phrase;
use crate::domain::request::Request;
use crate::kinds::stack::card::{BRANCH, CHANGE, COMMIT, MESSAGE, RESOURCE, STACK, TYPE, notes, table, target};
use crate::kinds::stack::review::BackendReview;
use crate::requests::kind::CardView;

/// What is asked.
pub(crate) const TITLE: Phrase = Phrase::new("Change the infrastructure", "變更基礎設施");

const CHANGE_SET: Phrase = Phrase::new("Change set", "變更集");
const CHANGES: Phrase = Phrase::new("Changes", "變更");

/// Makes the card.
///
/// # Errors
/// Fails for a request whose plan cannot be read.
pub(crate) fn card(request: &Request, view: CardView) -> Result<Card, UserError> {
    let plan: InfrastructurePlan = request.plan_as().ok_or_else(UserError::system)?;
    let mut review: BackendReview = request.details_as().unwrap_or_default();
    let mut card = Card::titled(TITLE);
    card.risks = review.risks();
    card.facts = target(&plan.stack_name, plan.stack_region.as_deref(), plan.target_role_arn.as_deref());
    let card = card
        .fact(BRANCH, FactValue::Code(plan.branch))
        .fact(COMMIT, FactValue::Code(plan.commit.to_string()))
        .fact(MESSAGE, FactValue::Text(plan.commit_message))
        .fact(CHANGE_SET, FactValue::Code(plan.change_set_id));
    // Removals and replacements first; among them and among the others the order of the assessment stays.
    review.changes.items.sort_by_key(|change| !change.loses());
    let columns = [CHANGE, RESOURCE, TYPE, STACK];
    let sections = [table(CHANGES, &columns, &review.changes, view, change), notes(&review.notes, view)];
    Ok(sections.into_iter().flatten().fold(card, Card::section))
}

fn change(change: &AssessedChange) -> Row {
    Row {
        weight: match change.risk {
            Risk::Low => Weight::Plain,
            Risk::Review => Weight::Notable,
            Risk::High => Weight::High,
        },
        cells: vec![
            action(change).to_owned(),
            change.logical_id.clone(),
            change.resource_type.clone(),
            change.stack.clone(),
        ],
        details: [change.why.clone()].into_iter().chain(change.properties.iter().cloned()).collect(),
    }
}

/// Names what happens to the resource in CloudFormation's words.
fn action(change: &AssessedChange) -> &str {
    match (change.action.as_str(), change.replacement) {
        ("Remove", _) => "Remove",
        (_, Replacement::True) => "Replace",
        (_, Replacement::Conditional) => "May replace",
        (action, Replacement::None) => action,
    }
}
