//! What an approver is shown of a backend beside its plan. It is kept in the request's row, so it is bounded.

use super::budget::{REQUEST_BYTES, bytes_of, cut};
use crate::analysis::changeset::{AssessedChange, Replacement, Risk};
use crate::analysis::template_diff::{Finding, ResourceDiff};
use crate::domain::backend::commit::ChangedFile;
use crate::domain::phrase::Phrase;
use crate::domain::request::Request;
use crate::domain::sealed::Sealable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many items of a list are kept.
pub const SHOWN: usize = 50;
/// How many notes are kept of a review that does not fit, and how many characters of each.
const NOTES: usize = 20;
const NOTE_CHARS: usize = 300;

/// The details of a request that would change a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct BackendReview {
    /// Who wrote the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// GitHub's page of the commit, or of its comparison with the deployed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What the caller says of the circumstances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The stack's parameters, those with `NoEcho` blanked out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// What could not be compared, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Files that the commits since the last deploy changed.
    #[serde(default, skip_serializing_if = "BoundedList::is_empty")]
    pub files: BoundedList<ChangedFile>,
    /// Resources whose templates changed.
    #[serde(default, skip_serializing_if = "BoundedList::is_empty")]
    pub resources: BoundedList<ResourceDiff>,
    /// What an approver should look at in the template.
    #[serde(default, skip_serializing_if = "BoundedList::is_empty")]
    pub findings: BoundedList<Finding>,
    /// Of an infrastructure change: what the change set would do, the gravest first.
    #[serde(default, skip_serializing_if = "BoundedList::is_empty")]
    pub changes: BoundedList<AssessedChange>,
}

impl Sealable for BackendReview {
    const TYPE: &'static str = "backend_review";
    const VERSION: u32 = 1;
}

impl BackendReview {
    /// Lists what an approver must acknowledge, a sentence each.
    pub fn risks(&self) -> Vec<Phrase> {
        let changes = self.changes.items.iter().filter(|change| change.risk == Risk::High).map(risk_of);
        let findings = self.findings.items.iter().map(|finding| IN_TEMPLATE.fill(&[&finding.sentence]));
        // Changes that lose a resource come first, then the others, each by their risk: behind one that neither loses
        // anything nor is a high risk there is no high risk.
        let may_precede_high = |change: &AssessedChange| change.loses() || change.risk == Risk::High;
        let hides_high = self.changes.items.last().is_none_or(may_precede_high);
        let hidden = if hides_high { self.changes.left_out() } else { 0 } + self.findings.left_out();
        let more = (hidden > 0).then(|| MORE_RISKS.fill(&[&hidden.to_string()]));
        changes.chain(findings).chain(more).collect()
    }

    /// Adds the details to a request, shortened so that the row has room for all else.
    ///
    /// # Errors
    /// Fails when they cannot be written as JSON.
    pub fn attach_to(self, request: Request) -> Result<Request, serde_json::Error> {
        self.attach_within(request, REQUEST_BYTES)
    }

    fn attach_within(mut self, request: Request, bytes: usize) -> Result<Request, serde_json::Error> {
        let request = request.with_details(&Self::default())?;
        // A comma comes with the first field, and the two braces are counted already.
        let room = (bytes + 1).saturating_sub(bytes_of(&request));
        self.shorten(room);
        request.with_details(&self)
    }

    /// Drops what comes last in the lists, which weighs least, until the details fit, and says so in a note.
    fn shorten(&mut self, room: usize) {
        if bytes_of(self) <= room {
            return;
        }
        self.notes.iter_mut().for_each(Note::shorten);
        let left_out = self.notes.len().saturating_sub(NOTES);
        self.notes.truncate(NOTES);
        if left_out > 0 {
            self.notes.push(Note::NotesLeftOut { count: left_out });
        }
        self.notes.push(Note::Shortened);
        while bytes_of(self) > room && self.halve_the_largest() {}
    }

    /// Halves the largest list; `false` when every list is empty.
    fn halve_the_largest(&mut self) -> bool {
        let sizes = [
            (bytes_of(&self.files.items), self.files.items.len()),
            (bytes_of(&self.resources.items), self.resources.items.len()),
            (bytes_of(&self.findings.items), self.findings.items.len()),
            (bytes_of(&self.changes.items), self.changes.items.len()),
            (bytes_of(&self.parameters), self.parameters.len()),
        ];
        let largest = (0..sizes.len()).filter(|at| sizes[*at].1 > 0).max_by_key(|at| sizes[*at].0);
        match largest {
            Some(0) => self.files.halve(),
            Some(1) => self.resources.halve(),
            Some(2) => self.findings.halve(),
            Some(3) => self.changes.halve(),
            Some(_) => {
                let kept = self.parameters.len() / 2;
                self.parameters = std::mem::take(&mut self.parameters).into_iter().take(kept).collect();
            }
            None => return false,
        }
        true
    }
}

const IN_TEMPLATE: Phrase = Phrase::new("In the template: {}", "範本：{}");
const MORE_RISKS: Phrase =
    Phrase::new("{} more changes or findings are not listed here.", "另有 {} 項變更或檢查結果未在此列出。");

fn risk_of(change: &AssessedChange) -> Phrase {
    let (id, kind, why) = (change.logical_id.as_str(), change.resource_type.as_str(), change.why.as_str());
    match (change.action.as_str(), change.replacement) {
        ("Remove", _) => Phrase::new("{} ({}) is removed: {}", "{}（{}）將被移除：{}"),
        (_, Replacement::True) => Phrase::new("{} ({}) is replaced: {}", "{}（{}）將被取代：{}"),
        (_, Replacement::Conditional) => Phrase::new("{} ({}) may be replaced: {}", "{}（{}）可能被取代：{}"),
        ("Add", _) => Phrase::new("{} ({}) is added: {}", "{}（{}）將新增：{}"),
        ("Import", _) => Phrase::new("{} ({}) is imported: {}", "{}（{}）將匯入：{}"),
        _ => Phrase::new("{} ({}) changes: {}", "{}（{}）將變更：{}"),
    }
    .fill(&[id, kind, why])
}

/// What an approver should know of a review: mostly what could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// The stack has no earlier deploy to compare with.
    FirstDeploy,
    /// The commits since the deployed one cannot be listed.
    CommitsUnlisted {
        /// The deployed commit, shortened.
        base: String,
    },
    /// The deployed template cannot be read.
    TemplateNotCompared {
        /// The deployed commit, shortened.
        base: String,
    },
    /// The name of a secret is known only once the stack runs.
    SecretNotChecked {
        /// The name as the template has it.
        secret: String,
    },
    /// A sentence of the analysis.
    Text {
        /// The sentence.
        text: String,
    },
    /// Some notes did not fit into the record.
    NotesLeftOut {
        /// How many.
        count: usize,
    },
    /// Some items of lists did not fit into the record.
    Shortened,
}

impl Note {
    /// Writes the note in every language.
    pub fn phrase(&self) -> Phrase {
        match self {
            Note::FirstDeploy => Phrase::new(
                "Nothing has been deployed to this stack before, so there is nothing to compare with.",
                "此堆疊先前未曾部署，因此沒有可比較的內容。",
            ),
            Note::CommitsUnlisted { base } => {
                Phrase::new("The commits since {} cannot be listed.", "無法列出自 {} 以來的提交。").fill(&[base])
            }
            Note::TemplateNotCompared { base } => Phrase::new(
                "The template at {} cannot be read, so it was not compared.",
                "無法讀取 {} 的範本，因此未進行比較。",
            )
            .fill(&[base]),
            Note::SecretNotChecked { secret } => Phrase::new(
                "The secret '{}' is known only once the stack runs, so it was not checked.",
                "祕密「{}」要到堆疊執行時才能得知，因此未經檢查。",
            )
            .fill(&[secret]),
            Note::Text { text } => Phrase::same(text.as_str()),
            Note::NotesLeftOut { count } => {
                Phrase::new("{} more notes are left out.", "另有 {} 則備註未列出。").fill(&[&count.to_string()])
            }
            Note::Shortened => Phrase::new(
                "The lists are shortened to fit the record; each says how many items it has.",
                "清單已縮短以符合紀錄的大小，各清單會標示項目總數。",
            ),
        }
    }

    fn shorten(&mut self) {
        match self {
            Note::SecretNotChecked { secret: text } | Note::Text { text } => cut(text, NOTE_CHARS),
            _ => {}
        }
    }
}

/// The first items of a list, and how many there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoundedList<T> {
    /// The first [`SHOWN`] of them.
    pub items: Vec<T>,
    /// How many there are.
    pub total: usize,
}

impl<T> Default for BoundedList<T> {
    fn default() -> Self {
        Self { items: vec![], total: 0 }
    }
}

impl<T> BoundedList<T> {
    /// Keeps the first items.
    pub fn of(mut items: Vec<T>) -> Self {
        let total = items.len();
        items.truncate(SHOWN);
        Self { items, total }
    }

    /// Tells whether there is nothing to list.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Counts the items that are not kept.
    pub fn left_out(&self) -> usize {
        self.total.saturating_sub(self.items.len())
    }

    fn halve(&mut self) {
        self.items.truncate(self.items.len() / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::{Caller, Role};
    use crate::domain::ids::{KeyId, RequestId};
    use crate::domain::kind::KindName;
    use crate::domain::language::Language;
    use crate::domain::request::{Lifetime, Status};
    use crate::domain::time::Time;
    use proptest::prelude::*;

    /// Small, so that generated rows often do not fit; notes that are kept have room in it.
    const BYTES: usize = 15_000;

    fn request() -> Request {
        let caller = Caller { id: KeyId::parse("key-0123456789ab").unwrap(), name: "a".into(), role: Role::Agent };
        let lifetime = Lifetime { from: Time::now(), valid: 600, kept: 600 };
        let (id, kind) = (RequestId::random(), KindName::new("a_kind"));
        Request::new(id, kind, Status::PendingApproval, &caller, "a deploy", lifetime)
    }

    fn review() -> impl Strategy<Value = BackendReview> {
        let text = prop_oneof![4 => "[a-zé\"]{0,20}", 1 => "[a-zé\"]{0,400}"];
        let files = proptest::collection::vec(text.clone(), 0..60);
        let notes = proptest::collection::vec(text.clone(), 0..30);
        let parameters = proptest::collection::btree_map("[A-Za-z]{1,8}", text, 0..30);
        (files, notes, parameters).prop_map(|(files, notes, parameters)| {
            let file = |filename| ChangedFile { filename, status: "modified".into(), additions: 1, deletions: 1 };
            let files = BoundedList::of(files.into_iter().map(file).collect());
            let notes = notes.into_iter().map(|text| Note::Text { text }).collect();
            BackendReview { files, notes, parameters, ..BackendReview::default() }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_row_fits_and_says_what_it_lacks(review in review()) {
            let bare = request();
            let whole = bare.clone().with_details(&review).unwrap();
            let fitted = review.clone().attach_within(bare.clone(), BYTES).unwrap();
            prop_assert!(bytes_of(&fitted) <= BYTES);
            let shown: BackendReview = fitted.details_as().unwrap();
            if bytes_of(&whole) <= BYTES {
                prop_assert_eq!(&shown, &review);
            } else {
                prop_assert!(shown.notes.contains(&Note::Shortened));
            }
            prop_assert_eq!(shown.files.total, review.files.total);
            // The first of a list weigh most.
            prop_assert!(review.files.items.starts_with(&shown.files.items));
            prop_assert_eq!(Request { details: None, ..fitted }, bare);
        }

        #[test]
        fn what_dynamodb_counts_is_less(review in review()) {
            let value = serde_json::to_value(&review).unwrap();
            prop_assert!(counted(&value) <= bytes_of(&review));
        }
    }

    /// As DynamoDB's developer guide says: names and texts by their bytes, numbers by their digits, three bytes for a list
    /// or map and one for each thing in it.
    fn counted(value: &serde_json::Value) -> usize {
        use serde_json::Value as V;
        match value {
            V::String(text) => text.len(),
            V::Number(number) => number.to_string().len().div_ceil(2) + 1,
            V::Array(items) => 3 + items.iter().map(|item| 1 + counted(item)).sum::<usize>(),
            V::Object(items) => 3 + items.iter().map(|(name, item)| 1 + name.len() + counted(item)).sum::<usize>(),
            V::Null | V::Bool(_) => 1,
        }
    }

    fn change(id: &str, risk: Risk) -> AssessedChange {
        AssessedChange {
            stack: "shop-prod".into(),
            logical_id: id.into(),
            physical_id: None,
            resource_type: "AWS::DynamoDB::Table".into(),
            action: "Remove".into(),
            replacement: Replacement::None,
            properties: vec![],
            risk,
            needs_human: true,
            why: "Its data is lost.".into(),
        }
    }

    #[test]
    fn high_risks_are_named_in_every_language() {
        let changes = BoundedList::of(vec![change("Orders", Risk::High), change("News", Risk::Review)]);
        let review = BackendReview { changes, ..BackendReview::default() };
        let risks = review.risks();
        assert_eq!(risks.len(), 1, "{risks:?}");
        assert_eq!(risks[0].to_string(), "Orders (AWS::DynamoDB::Table) is removed: Its data is lost.");
        let chinese = risks[0].of(Language::TraditionalChinese);
        assert_eq!(chinese, "Orders（AWS::DynamoDB::Table）將被移除：Its data is lost.");
    }

    #[test]
    fn a_risk_that_the_record_has_no_room_for_is_still_acknowledged() {
        let risks = |items: Vec<AssessedChange>, total| {
            let changes = BoundedList { items, total };
            BackendReview { changes, ..BackendReview::default() }.risks().len()
        };
        assert_eq!(risks(vec![change("Orders", Risk::High)], 3), 2);
        assert_eq!(risks(vec![], 3), 1);
        assert_eq!(risks(vec![change("Orders", Risk::Review)], 3), 1, "a high risk that loses nothing comes later");
        let last = AssessedChange { action: "Modify".into(), ..change("News", Risk::Review) };
        assert_eq!(risks(vec![change("Orders", Risk::High), last], 3), 1, "nothing grave comes after it");
        assert_eq!(risks(vec![], 0), 0);
    }
}
