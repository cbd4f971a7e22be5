//! What a stack operation is doing, in every language.

use crate::domain::backend::stack_action::StackAction;
use crate::domain::phrase::Phrase;

pub(super) const CLEANING_UP: Phrase = Phrase::new("Cleaning up after the update", "更新後正在清理");
pub(super) const ROLLING_BACK: Phrase = Phrase::new("Rolling back", "正在復原");
pub(super) const ROLLED_BACK: Phrase =
    Phrase::new("Rolled back: the change failed and was undone", "已復原：變更失敗，已還原");
pub(super) const ROLLBACK_FAILED: Phrase =
    Phrase::new("Rollback failed: the stack needs manual repair", "復原失敗：堆疊需要人工處理");

/// Says that an operation goes on.
pub fn changing(action: StackAction) -> Phrase {
    match action {
        StackAction::Create => Phrase::new("Creating stack", "正在建立堆疊"),
        StackAction::Update => Phrase::new("Updating stack", "正在更新堆疊"),
        StackAction::Import => Phrase::new("Importing into stack", "正在匯入堆疊"),
        StackAction::Delete => Phrase::new("Deleting stack", "正在刪除堆疊"),
    }
}

pub(super) fn changed(action: StackAction) -> Phrase {
    match action {
        StackAction::Create => Phrase::new("Stack created", "堆疊已建立"),
        StackAction::Update => Phrase::new("Stack updated", "堆疊已更新"),
        StackAction::Import => Phrase::new("Resources imported", "已匯入堆疊"),
        StackAction::Delete => Phrase::new("Stack deleted", "堆疊已刪除"),
    }
}

pub(super) fn failed(action: StackAction) -> Phrase {
    match action {
        StackAction::Create => {
            Phrase::new("Creation failed; the stack was left unchanged", "堆疊未能建立：失敗後維持現狀")
        }
        StackAction::Update => {
            Phrase::new("Update failed; the stack was left unchanged", "堆疊未能更新：失敗後維持現狀")
        }
        StackAction::Import => {
            Phrase::new("Import failed; the stack was left unchanged", "未能匯入堆疊：失敗後維持現狀")
        }
        StackAction::Delete => {
            Phrase::new("Deletion failed; the stack was left unchanged", "堆疊未能刪除：失敗後維持現狀")
        }
    }
}
