//! The parts of a card that the kinds of a stack have in common.

use super::review::{BoundedList, Note};
use crate::domain::card::{Fact, FactValue, Row, Section, Table};
use crate::domain::phrase::Phrase;
use crate::requests::kind::CardView;

/// Rows of a table in a prompt.
const ROWS_IN_PROMPT: usize = 10;

pub const STACK: Phrase = Phrase::new("Stack", "堆疊");
pub const REGION: Phrase = Phrase::new("Region", "區域");
pub const ROLE: Phrase = Phrase::new("Role", "角色");
pub const BRANCH: Phrase = Phrase::new("Branch", "分支");
pub const COMMIT: Phrase = Phrase::new("Commit", "提交");
pub const MESSAGE: Phrase = Phrase::new("Message", "提交訊息");
pub const RESOURCE: Phrase = Phrase::new("Resource", "資源");
pub const TYPE: Phrase = Phrase::new("Type", "類型");
pub const CHANGE: Phrase = Phrase::new("Change", "變更");
const NOTES: Phrase = Phrase::new("Notes", "備註");
const MORE: Phrase = Phrase::new("… and {} more", "……還有 {} 項");

/// Makes the facts about where a change goes.
pub fn target(stack: &str, region: Option<&str>, role: Option<&str>) -> Vec<Fact> {
    let code = |label, value: &str| Fact { label, value: FactValue::Code(value.to_owned()) };
    let region = region.map(|region| code(REGION, region));
    let role = role.map(|role| code(ROLE, role));
    [code(STACK, stack)].into_iter().chain(region).chain(role).collect()
}

/// Makes a table of a list; `None` when there is nothing to list.
pub fn table<T>(
    title: Phrase,
    columns: &[Phrase],
    list: &BoundedList<T>,
    view: CardView,
    row: impl Fn(&T) -> Row,
) -> Option<Section> {
    if list.is_empty() {
        return None;
    }
    let rows = list.items.iter().take(limit(view)).map(row).collect();
    Some(Section::Table(Table { title, columns: columns.to_vec(), rows, total: list.total }))
}

/// Makes the section of notes; `None` when there are none.
pub fn notes(notes: &[Note], view: CardView) -> Option<Section> {
    if notes.is_empty() {
        return None;
    }
    let mut shown: Vec<Phrase> = notes.iter().take(limit(view)).map(Note::phrase).collect();
    let left_out = notes.len() - shown.len();
    if left_out > 0 {
        shown.push(MORE.fill(&[&left_out.to_string()]));
    }
    Some(Section::Notes { title: NOTES, notes: shown })
}

fn limit(view: CardView) -> usize {
    if view.whole { usize::MAX } else { ROWS_IN_PROMPT }
}
