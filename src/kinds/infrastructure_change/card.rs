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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::backend::commit::CommitSha;
    use crate::domain::caller::{Caller, Role};
    use crate::domain::card::Section;
    use crate::domain::digest::Sha256;
    use crate::domain::ids::{KeyId, ProjectId, RequestId};
    use crate::domain::request::{Lifetime, Status};
    use crate::domain::time::Time;
    use crate::kinds::infrastructure_change::plan::NAME;
    use crate::kinds::stack::review::BoundedList;

    fn change_of(id: &str, action: &str, replacement: Replacement, risk: Risk) -> AssessedChange {
        AssessedChange {
            stack: "shop-prod".into(),
            logical_id: id.into(),
            physical_id: None,
            resource_type: "AWS::DynamoDB::Table".into(),
            action: action.into(),
            replacement,
            properties: vec!["TableName".into()],
            risk,
            needs_human: true,
            why: "A reason.".into(),
        }
    }

    fn request(changes: Vec<AssessedChange>) -> Request {
        let parent = RequestId::random();
        let caller = Caller { id: KeyId::parse("key-0123456789ab").unwrap(), name: "a".into(), role: Role::Agent };
        let lifetime = Lifetime { from: Time::now(), valid: 600, kept: 600 };
        let plan = InfrastructurePlan {
            project: ProjectId::parse("shop").unwrap(),
            deploy_id: parent.backend_deploy_id(),
            stack_name: "shop-prod".into(),
            stack_region: None,
            target_role_arn: Some("arn:aws:iam::111111111111:role/deploy".into()),
            branch: "main".into(),
            commit: CommitSha::parse("0123456789abcdef0123456789abcdef01234567").unwrap(),
            commit_message: "Rename the table".into(),
            change_set_id: "arn:change-set".into(),
            changes: Sha256::of(b""),
            parent,
        };
        let review = BackendReview { changes: BoundedList::of(changes), ..BackendReview::default() };
        let request = Request::new(RequestId::random(), NAME, Status::PendingApproval, &caller, "a change", lifetime);
        review.attach_to(request.with_plan(&plan).unwrap()).unwrap()
    }

    #[test]
    fn the_card_names_what_would_change_and_where() {
        let card = card(&request(vec![]), CardView::PROMPT).unwrap();
        let labels: Vec<String> = card.facts.iter().map(|fact| fact.label.to_string()).collect();
        assert_eq!(labels, ["Stack", "Role", "Branch", "Commit", "Message", "Change set"]);
        assert_eq!(card.facts[4].value, FactValue::Text("Rename the table".into()));
    }

    #[test]
    fn what_is_lost_comes_first_with_its_reason() {
        let request = request(vec![
            change_of("Rights", "Modify", Replacement::None, Risk::High),
            change_of("Orders", "Modify", Replacement::True, Risk::High),
            change_of("News", "Add", Replacement::None, Risk::Review),
            change_of("Old", "Remove", Replacement::None, Risk::High),
        ]);
        let card = card(&request, CardView::PROMPT).unwrap();
        assert_eq!(card.risks.len(), 3, "{:?}", card.risks);
        let Section::Table(table) = &card.sections[0] else { panic!("{:?}", card.sections) };
        let actions: Vec<(&str, &str, Weight)> =
            table.rows.iter().map(|row| (row.cells[0].as_str(), row.cells[1].as_str(), row.weight)).collect();
        assert_eq!(
            actions,
            [
                ("Replace", "Orders", Weight::High),
                ("Remove", "Old", Weight::High),
                ("Modify", "Rights", Weight::High),
                ("Add", "News", Weight::Notable),
            ]
        );
        assert_eq!(table.rows[0].details, ["A reason.", "TableName"]);
    }
}
