//! The card of a backend deploy.

use super::plan::BackendPlan;
use crate::analysis::template_diff::{Change, Finding, ResourceDiff};
use crate::domain::backend::commit::ChangedFile;
use crate::domain::caller::Role;
use crate::domain::card::{Card, FactValue, Row, Section, Table, Weight};
use crate::domain::error::UserError;
use crate::domain::phrase::Phrase;
use crate::domain::request::Request;
use crate::kinds::stack::card::{BRANCH, CHANGE, COMMIT, MESSAGE, RESOURCE, TYPE, notes, table, target};
use crate::kinds::stack::review::BackendReview;
use crate::requests::kind::CardView;
use std::collections::BTreeMap;

/// What is asked.
pub(crate) const TITLE: Phrase = Phrase::new("Deploy the backend", "部署後端");

const REPOSITORY: Phrase = Phrase::new("Repository", "程式庫");
const AUTHOR: Phrase = Phrase::new("Author", "作者");
const DEPLOYED: Phrase = Phrase::new("Deployed now", "目前已部署");
const CONTEXT: Phrase = Phrase::new("Context", "情境");
const ON_GITHUB: Phrase = Phrase::new("On GitHub", "GitHub 頁面");
const FINDINGS: Phrase = Phrase::new("Findings in the template", "範本檢查結果");
const FINDING: Phrase = Phrase::new("Finding", "檢查結果");
const RESOURCES: Phrase = Phrase::new("Changed resources of the template", "範本中變更的資源");
const FILES: Phrase = Phrase::new("Changed files", "變更的檔案");
const FILE: Phrase = Phrase::new("File", "檔案");
const ADDED_LINES: Phrase = Phrase::new("Lines added", "新增行數");
const REMOVED_LINES: Phrase = Phrase::new("Lines removed", "刪除行數");
const PARAMETERS: Phrase = Phrase::new("Parameters", "參數");
const PARAMETER: Phrase = Phrase::new("Parameter", "參數");
const VALUE: Phrase = Phrase::new("Value", "值");

/// What stands for the value of a parameter.
const HIDDEN: &str = "****";

/// Makes the card.
///
/// # Errors
/// Fails for a request whose plan cannot be read.
pub(crate) fn card(request: &Request, view: CardView) -> Result<Card, UserError> {
    let plan: BackendPlan = request.plan_as().ok_or_else(UserError::system)?;
    let review: BackendReview = request.details_as().unwrap_or_default();
    let to = &plan.target;
    let mut card = Card::titled(TITLE);
    card.risks = review.risks();
    card.facts = target(&to.stack_name, to.stack_region.as_deref(), to.target_role_arn.as_deref());
    let card = card
        .fact(REPOSITORY, FactValue::Code(to.git_repo.clone()))
        .fact(BRANCH, FactValue::Code(plan.branch))
        .fact(COMMIT, FactValue::Code(plan.commit.to_string()))
        .fact(MESSAGE, FactValue::Text(plan.commit_message))
        .fact_if(AUTHOR, review.author.map(FactValue::Text))
        .fact_if(DEPLOYED, plan.base.map(|commit| FactValue::Code(commit.to_string())))
        .fact_if(CONTEXT, review.context.map(FactValue::Text))
        .fact_if(ON_GITHUB, review.url.map(FactValue::Link));
    let sections = [
        table(FINDINGS, &[RESOURCE, FINDING], &review.findings, view, finding),
        table(RESOURCES, &[CHANGE, RESOURCE, TYPE], &review.resources, view, resource),
        table(FILES, &[CHANGE, FILE, ADDED_LINES, REMOVED_LINES], &review.files, view, file),
        parameters(&review.parameters, view),
        notes(&review.notes, view),
    ];
    Ok(sections.into_iter().flatten().fold(card, Card::section))
}

fn finding(finding: &Finding) -> Row {
    Row {
        weight: Weight::High,
        cells: vec![finding.logical_id.clone().unwrap_or_default(), finding.sentence.clone()],
        details: vec![finding.path.clone()],
    }
}

fn resource(resource: &ResourceDiff) -> Row {
    let (sign, weight) = match resource.change {
        Change::Added => ("+", Weight::Plain),
        Change::Removed => ("−", Weight::Notable),
        Change::Changed => ("~", Weight::Plain),
    };
    Row {
        weight,
        cells: vec![sign.to_owned(), resource.logical_id.clone(), resource.kind.clone()],
        details: resource.properties.clone(),
    }
}

fn file(file: &ChangedFile) -> Row {
    let sign = match file.status.as_str() {
        "added" => "+",
        "removed" => "−",
        _ => "~",
    };
    let cells =
        vec![sign.to_owned(), file.filename.clone(), format!("+{}", file.additions), format!("−{}", file.deletions)];
    Row { weight: Weight::Plain, cells, details: vec![] }
}

/// Lists the stack's parameters, but not in a prompt. Which of them are secret is said by the very template that is to be
/// deployed, so only those who decide about it see values.
fn parameters(parameters: &BTreeMap<String, String>, view: CardView) -> Option<Section> {
    if parameters.is_empty() || !view.whole {
        return None;
    }
    let shown = |value: &str| if view.role >= Role::Approver { value.to_owned() } else { HIDDEN.to_owned() };
    let row = |(name, value): (&String, &String)| Row {
        weight: Weight::Plain,
        cells: vec![name.clone(), shown(value)],
        details: vec![],
    };
    let rows: Vec<Row> = parameters.iter().map(row).collect();
    Some(Section::Table(Table { title: PARAMETERS, columns: vec![PARAMETER, VALUE], total: rows.len(), rows }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::template_diff::Rule;
    use crate::domain::backend::commit::CommitSha;
    use crate::domain::backend::parameters::StackParameters;
    use crate::domain::backend::target::BackendTarget;
    use crate::domain::caller::Caller;
    use crate::domain::digest::Sha256;
    use crate::domain::ids::{KeyId, ProjectId, RequestId};
    use crate::domain::request::{Lifetime, Status};
    use crate::domain::time::Time;
    use crate::kinds::backend_deploy::plan::NAME;
    use crate::kinds::stack::review::BoundedList;

    fn request(review: BackendReview) -> Request {
        let caller = Caller { id: KeyId::parse("key-0123456789ab").unwrap(), name: "a".into(), role: Role::Agent };
        let lifetime = Lifetime { from: Time::now(), valid: 600, kept: 600 };
        let plan = BackendPlan {
            project: ProjectId::parse("shop").unwrap(),
            target: BackendTarget::new("acme/shop", "shop-prod"),
            branch: "main".into(),
            commit: CommitSha::parse("0123456789abcdef0123456789abcdef01234567").unwrap(),
            commit_message: "Add the news".into(),
            template: Sha256::of(b""),
            parameters: StackParameters::default(),
            base: None,
        };
        let request = Request::new(RequestId::random(), NAME, Status::PendingApproval, &caller, "a deploy", lifetime);
        review.attach_to(request.with_plan(&plan).unwrap()).unwrap()
    }

    fn review() -> BackendReview {
        let file = |n: usize| ChangedFile {
            filename: format!("src/{n}.py"),
            status: "added".into(),
            additions: 3,
            deletions: 0,
        };
        let finding = Finding {
            rule: Rule::WildcardPrincipal,
            logical_id: Some("Queue".into()),
            path: "Properties.Policy".into(),
            sentence: "Anybody may send.".into(),
        };
        BackendReview {
            parameters: BTreeMap::from([("Stage".to_owned(), "prod".to_owned())]),
            files: BoundedList::of((0..30).map(file).collect()),
            findings: BoundedList::of(vec![finding]),
            ..BackendReview::default()
        }
    }

    fn tables(request: &Request, view: CardView) -> Vec<Table> {
        let sections = card(request, view).unwrap().sections.into_iter();
        sections.filter_map(|section| if let Section::Table(table) = section { Some(table) } else { None }).collect()
    }

    #[test]
    fn findings_come_first_and_are_risks() {
        let request = request(review());
        let card = card(&request, CardView::PROMPT).unwrap();
        assert_eq!(
            card.risks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["In the template: Anybody may send."]
        );
        let first = &tables(&request, CardView::PROMPT)[0];
        assert_eq!((&first.title, first.rows[0].weight), (&FINDINGS, Weight::High));
        assert_eq!(first.rows[0].cells, ["Queue", "Anybody may send."]);
        assert_eq!(first.rows[0].details, ["Properties.Policy"]);
    }

    #[test]
    fn a_prompt_shows_the_first_rows_and_no_parameter() {
        let request = request(review());
        let prompt = tables(&request, CardView::PROMPT);
        let files = prompt.iter().find(|table| table.title == FILES).unwrap();
        assert_eq!((files.rows.len(), files.total), (10, 30));
        assert!(prompt.iter().all(|table| table.title != PARAMETERS), "{prompt:?}");
        let whole = tables(&request, CardView { whole: true, ..CardView::PROMPT });
        assert_eq!(whole.iter().find(|table| table.title == FILES).unwrap().rows.len(), 30);
    }

    #[test]
    fn only_approvers_see_the_values_of_parameters() {
        let request = request(review());
        for (role, value) in [(Role::Agent, HIDDEN), (Role::Approver, "prod"), (Role::Admin, "prod")] {
            let shown = tables(&request, CardView { role, whole: true, page: 1 });
            let parameters = shown.iter().find(|table| table.title == PARAMETERS).unwrap();
            assert_eq!(parameters.rows[0].cells, ["Stage", value], "{role}");
        }
    }
}
