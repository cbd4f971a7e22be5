//! The card of maintenance: which bucket, and how.

use crate::domain::card::{Card, FactValue};
use crate::domain::phrase::Phrase;
use crate::domain::request::Request;
use crate::kinds::site::plan::MaintenancePlan;

const BUCKET: Phrase = Phrase::new("Bucket", "儲存桶");
const RELEASE: Phrase = Phrase::new("Live release", "目前的版本");
const ROLE: Phrase = Phrase::new("Role", "角色");
const DRY_RUN: Phrase = Phrase::new("Reports only; nothing is stored or removed.", "僅回報，不會儲存或移除任何內容。");

pub(super) fn card(title: Phrase, request: &Request) -> Card {
    let Some(plan) = request.plan_as::<MaintenancePlan>() else { return Card::titled(title) };
    let mut card = Card::titled(title)
        .fact(BUCKET, FactValue::Code(plan.target.bucket))
        .fact_if(RELEASE, plan.release.map(|release| FactValue::Code(release.to_string())))
        .fact_if(ROLE, plan.target.deploy_role_arn.map(FactValue::Code));
    card.warning = plan.dry_run.then_some(DRY_RUN);
    card
}
