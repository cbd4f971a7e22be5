//! The catalogue: everything Telegram's users read, in every language. A message exists in all of them or does not compile.

use crate::analysis::stack_progress::StackAction;
use crate::domain::activity::{Activity, Extent, Hint};
use crate::domain::language::Language;

macro_rules! catalogue {
    ($($name:ident: $english:literal, $chinese:literal;)*) => {
        /// The messages of a language. `{}` stands for what a message is about.
        #[derive(Debug)]
        #[allow(missing_docs)] // The English messages say what the names mean.
        pub struct Words {
            $(pub $name: &'static str,)*
        }

        static ENGLISH: Words = Words { $($name: $english,)* };
        static TRADITIONAL_CHINESE: Words = Words { $($name: $chinese,)* };

        /// Every message by name, in both languages.
        #[cfg(test)]
        pub const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $chinese),)*];
    };
}

catalogue! {
    // What is asked.
    frontend_deploy: "frontend deploy", "前端部署";
    frontend_adopt: "adoption of a bucket", "儲存桶納管";
    frontend_prune: "removal of what a site no longer needs", "前端清理";
    backend_deploy: "backend deploy", "後端部署";
    infrastructure_change: "infrastructure change", "基礎設施變更";
    upload: "upload", "檔案上傳";
    // Where it stands.
    asking: "🔔 Approval needed: {}", "🔔 需要核准：{}";
    running: "⏳ Approved, under way: {}", "⏳ 已核准，執行中：{}";
    completed: "✅ Done: {}", "✅ 已完成：{}";
    failed: "❌ Failed: {}", "❌ 失敗：{}";
    partly_deployed: "⚠️ Partly deployed: {}", "⚠️ 僅部分部署：{}";
    denied: "🚫 Rejected: {}", "🚫 已拒絕：{}";
    expired: "⌛ Expired, nothing was done: {}", "⌛ 已逾期，未執行任何動作：{}";
    cancelled: "↩️ Cancelled: {}", "↩️ 已取消：{}";
    reminder: "⏰ Still waiting: {}", "⏰ 仍在等待核准：{}";
    mass_delete: "⚠️ More than half of the site would be gone.", "⚠️ 網站將有超過一半的檔案被移除。";
    // Labels, each at the start of a line.
    project: "Project", "專案";
    source: "Source", "來源";
    caller: "Requested by", "請求者";
    bucket: "Bucket", "儲存桶";
    distribution: "Distribution", "發佈點";
    role: "Role", "角色";
    restores: "Goes back to", "還原至";
    stack: "Stack", "堆疊";
    repository: "Repository", "程式庫";
    branch: "Branch", "分支";
    commit: "Commit", "提交";
    message: "Message", "提交訊息";
    author: "Author", "作者";
    context: "Context", "情境";
    deployed: "Deployed now", "目前已部署";
    change_set: "Change set", "變更集";
    changes: "Changes", "變更";
    files: "Files", "檔案";
    removed: "Removed files", "將移除的檔案";
    findings: "Findings", "檢查結果";
    notes: "Notes", "備註";
    summary: "Summary", "摘要";
    reason: "Reason", "理由";
    request: "Request", "請求編號";
    deploy: "Deploy", "部署編號";
    expires: "Expires", "到期時間";
    page: "Details", "詳細資料";
    approvals: "Approvals", "核准數";
    decided_by: "Decided by", "決定者";
    progress: "Progress", "進度";
    detail: "Result", "結果";
    // Within lines.
    counts: "{} added, {} changed, {} removed, {} unchanged, {}", "新增 {}、變更 {}、移除 {}、不變 {}，共 {}";
    so_far: "{} of {}", "{} / {}";
    more: "… and {} more", "……還有 {} 項";
    left_out: "✂️ Cut: {} more lines do not fit into this message.", "✂️ 已截斷：還有 {} 行放不下這則訊息。";
    shortened: " (shortened)", "（已縮短）";
    none: "none", "無";
    replace: "replace", "取代";
    may_replace: "may replace", "可能取代";
    remove: "remove", "移除";
    change: "change", "變更";
    add: "add", "新增";
    import: "import", "匯入";
    // What is going on while the work is done, and how far it is: the sentences of `progress_hint`.
    awaiting_approval: "Waiting for approval", "等待核准";
    starting: "Starting: the decision is stored", "開始執行：決定已儲存";
    starting_maintenance: "Starting", "開始執行";
    looking_at_bucket: "Looking at what the bucket holds", "正在查看儲存桶的內容";
    reading_bucket: "Reading the bucket", "正在讀取儲存桶";
    pruning: "Removing what nothing needs any more", "正在移除不再需要的檔案";
    comparing_bucket: "Comparing the bucket with the approved files", "正在比對儲存桶與已核准的檔案";
    publishing_assets: "Publishing assets", "正在發佈資源檔案";
    publishing_pages: "Publishing pages", "正在發佈頁面";
    closing_records: "Live; closing the records", "已上線，正在完成紀錄";
    fetching_source: "Fetching the source of the commit", "正在取得提交的原始碼";
    starting_build: "Starting the build", "正在啟動建置";
    building: "Building", "正在建置";
    comparing_stack: "Comparing the stack with the template", "正在比對堆疊與範本";
    awaiting_infrastructure: "Waiting for infrastructure approval", "等待基礎設施變更的核准";
    creating_stack: "Creating stack", "正在建立堆疊";
    updating_stack: "Updating stack", "正在更新堆疊";
    importing_into_stack: "Importing into stack", "正在匯入堆疊";
    deleting_stack: "Deleting stack", "正在刪除堆疊";
    stack_created: "Stack created", "堆疊已建立";
    stack_updated: "Stack updated", "堆疊已更新";
    stack_imported_into: "Stack imported into", "已匯入堆疊";
    stack_deleted: "Stack deleted", "堆疊已刪除";
    stack_not_created: "Stack not created: it failed and was left as it is", "堆疊未能建立：失敗後維持現狀";
    stack_not_updated: "Stack not updated: it failed and was left as it is", "堆疊未能更新：失敗後維持現狀";
    stack_not_imported_into: "Stack not imported into: it failed and was left as it is", "未能匯入堆疊：失敗後維持現狀";
    stack_not_deleted: "Stack not deleted: it failed and was left as it is", "堆疊未能刪除：失敗後維持現狀";
    cleaning_up: "Cleaning up after the update", "更新後正在清理";
    rolling_back: "Rolling back", "正在復原";
    rolled_back: "Rolled back: the change failed and was undone", "已復原：變更失敗，已還原";
    rollback_failed: "Rollback failed: the stack needs a person", "復原失敗：堆疊需要人工處理";
    finishing: "Finishing: the stack is up to date", "即將完成：堆疊已是最新狀態";
    and_so_far: "{}: {}", "{}：{}";
    in_phase: "{} phase", "{} 階段";
    files_so_far: "{} of {} files", "{} / {} 個檔案";
    resource_so_far: "{} of {} resource", "{} / {} 項資源";
    resources_so_far: "{} of {} resources", "{} / {} 項資源";
    // Buttons.
    approve: "✅ Approve", "✅ 核准";
    reject: "❌ Reject", "❌ 拒絕";
    // What a press is answered with: at most 200 characters.
    you_approved: "Approved.", "已核准。";
    you_approved_first: "Approved; another approver must approve it as well.", "已核准；還需要另一位核准者核准。";
    you_rejected: "Rejected.", "已拒絕。";
    already_handled: "Already handled.", "此請求已處理過。";
    too_late: "Expired; nothing will be done.", "已逾期，不會執行任何動作。";
    no_permission: "You have no permission to decide this.", "您沒有決定此請求的權限。";
    unknown_button: "This button is not known here.", "無法辨識這個按鈕。";
    unknown_request: "This request is not known here.", "找不到這個請求。";
    not_stored: "The decision could not be stored. Please press again.", "無法儲存決定，請再按一次。";
    // What commands are answered with.
    help: "Bouncer asks here for approvals. Each message shows what would be done; its buttons decide, and the first decision counts.\n\n/pending – what waits for a decision\n/stats [hours] – what was asked lately, in numbers (24 hours)\n/help – this text",
        "Bouncer 會在這裡請求核准。每則訊息會說明將執行的內容，按下按鈕即可決定，以第一個決定為準。\n\n/pending – 等待決定的請求\n/stats [小時數] – 最近請求的統計（預設 24 小時）\n/help – 顯示這段說明";
    stranger: "You are not among this installation's approvers. Your Telegram user id is {}; whoever runs it can add you.",
        "您不是此系統的核准者。您的 Telegram 使用者編號是 {}，管理者可以將您加入。";
    nothing_pending: "Nothing waits for a decision.", "目前沒有等待決定的請求。";
    pending: "{} waiting for a decision", "{} 項請求等待決定";
    only_private: "This is answered only in a private chat, or in a chat that is asked for approvals.", "此指令只在私人聊天或指定的核准聊天室回覆。";
    hours_wanted: "Give the hours as a number from 1 to 2160, for example /stats 24.", "請輸入 1 到 2160 之間的小時數，例如 /stats 24。";
    asked_lately: "Requests of the last {} hours: {}", "最近 {} 小時的請求：{}";
    decided_after: "decided by a human: {}; half within {} s, 95 of 100 within {} s", "由人決定：{}；半數在 {} 秒內，95% 在 {} 秒內";
    // How requests stand, in numbers.
    stands_ready: "waiting for files", "等待檔案";
    stands_pending: "waiting for a decision", "等待決定";
    stands_approved: "approved", "已核准";
    stands_running: "running", "執行中";
    stands_completed: "completed", "已完成";
    stands_failed: "failed", "失敗";
    stands_denied: "rejected", "已拒絕";
    stands_expired: "expired", "已逾期";
    stands_cancelled: "cancelled", "已取消";
    unavailable: "This cannot be answered now; please try again.", "目前無法回覆，請再試一次。";
}

impl Words {
    /// Returns the messages of a language.
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::TraditionalChinese => &TRADITIONAL_CHINESE,
        }
    }

    /// Where a deploy is right now, as `progress_hint` says it in English.
    pub fn hint(&self, hint: &Hint) -> String {
        let so_far = match &hint.how_far {
            Extent::Unsaid => return self.doing(hint.doing).to_owned(),
            Extent::Phase(phase) => fill(self.in_phase, &[phase]),
            Extent::Files(done, total) => fill(self.files_so_far, &[&done.to_string(), &total.to_string()]),
            Extent::Resources(done, total) => {
                let words = if *total == 1 { self.resource_so_far } else { self.resources_so_far };
                fill(words, &[&done.to_string(), &total.to_string()])
            }
        };
        fill(self.and_so_far, &[self.doing(hint.doing), &so_far])
    }

    fn doing(&self, doing: Activity) -> &'static str {
        use StackAction as A;
        match doing {
            Activity::AwaitingApproval => self.awaiting_approval,
            Activity::Starting => self.starting,
            Activity::StartingMaintenance => self.starting_maintenance,
            Activity::LookingAtBucket => self.looking_at_bucket,
            Activity::ReadingBucket => self.reading_bucket,
            Activity::Pruning => self.pruning,
            Activity::ComparingBucket => self.comparing_bucket,
            Activity::PublishingAssets => self.publishing_assets,
            Activity::PublishingPages => self.publishing_pages,
            Activity::ClosingRecords => self.closing_records,
            Activity::FetchingSource => self.fetching_source,
            Activity::StartingBuild => self.starting_build,
            Activity::Building => self.building,
            Activity::ComparingStack => self.comparing_stack,
            Activity::AwaitingInfrastructure => self.awaiting_infrastructure,
            Activity::ChangingStack(A::Create) => self.creating_stack,
            Activity::ChangingStack(A::Update) => self.updating_stack,
            Activity::ChangingStack(A::Import) => self.importing_into_stack,
            Activity::ChangingStack(A::Delete) => self.deleting_stack,
            Activity::ChangedStack(A::Create) => self.stack_created,
            Activity::ChangedStack(A::Update) => self.stack_updated,
            Activity::ChangedStack(A::Import) => self.stack_imported_into,
            Activity::ChangedStack(A::Delete) => self.stack_deleted,
            Activity::FailedStack(A::Create) => self.stack_not_created,
            Activity::FailedStack(A::Update) => self.stack_not_updated,
            Activity::FailedStack(A::Import) => self.stack_not_imported_into,
            Activity::FailedStack(A::Delete) => self.stack_not_deleted,
            Activity::CleaningUp => self.cleaning_up,
            Activity::RollingBack => self.rolling_back,
            Activity::RolledBack => self.rolled_back,
            Activity::RollbackFailed => self.rollback_failed,
            Activity::Finishing => self.finishing,
        }
    }
}

/// Puts values in the places of a message.
pub fn fill(message: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let mut parts = message.split("{}");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + values.next().copied().unwrap_or_default() + part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::site::removal::MassDelete;
    use std::collections::BTreeSet;

    #[test]
    fn both_languages_are_complete() {
        for (name, english, chinese) in ALL {
            assert!(!english.trim().is_empty() && !chinese.trim().is_empty(), "{name} is empty");
            let places = |text: &str| text.matches("{}").count();
            assert_eq!(places(english), places(chinese), "{name} leaves something out");
            let lines = |text: &str| text.lines().count();
            assert_eq!(lines(english), lines(chinese), "{name} has other lines");
            let is_translated = |c: char| ('\u{4E00}'..='\u{9FFF}').contains(&c);
            let has_no_words = ["so_far", "and_so_far"].contains(name);
            assert!(chinese.chars().any(is_translated) || has_no_words, "{name} is not translated");
            assert!(!english.chars().any(is_translated), "{name} is not English");
            assert!(chinese.chars().count() <= 200 || *name == "help", "{name} does not fit an answer to a press");
        }
    }

    /// A message that ends by its label must not be taken for another one.
    #[test]
    fn labels_are_different() {
        for language in [0, 1] {
            let labels: Vec<&str> = ALL
                .iter()
                .skip_while(|(name, ..)| *name != "project")
                .take_while(|(name, ..)| *name != "counts")
                .map(|(_, english, chinese)| [*english, *chinese][language])
                .collect();
            let different: BTreeSet<&str> = labels.iter().copied().collect();
            assert_eq!(different.len(), labels.len());
        }
    }

    #[test]
    fn a_warning_is_the_same_as_everywhere() {
        assert!(ENGLISH.mass_delete.ends_with(MassDelete::WARNING));
    }

    /// A tool and a message say the same of a deploy, and no two things are said alike in any language.
    #[test]
    fn what_goes_on_is_said_as_everywhere() {
        let how_far = [
            Extent::Unsaid,
            Extent::Phase("PRE_BUILD".to_owned()),
            Extent::Files(3, 12),
            Extent::Resources(0, 1),
            Extent::Resources(2, 5),
        ];
        let hints = Activity::all().into_iter().flat_map(|doing| how_far.clone().map(|how_far| doing.at(how_far)));
        let hints: Vec<Hint> = hints.collect();
        for hint in &hints {
            assert_eq!(ENGLISH.hint(hint), hint.to_string());
        }
        for (language, _) in Language::ALL {
            let said: BTreeSet<String> = hints.iter().map(|hint| Words::of(language).hint(hint)).collect();
            assert_eq!(said.len(), hints.len(), "{language:?}");
        }
        let assets = Activity::PublishingAssets.at(Extent::Files(3, 12));
        assert_eq!(TRADITIONAL_CHINESE.hint(&assets), "正在發佈資源檔案：3 / 12 個檔案");
    }

    #[test]
    fn every_message_in_every_language() {
        let messages: Vec<String> =
            ALL.iter().map(|(name, english, chinese)| format!("{name}\n  {english}\n  {chinese}")).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn names_of_languages() {
        assert_eq!(Language::parse("zh-tw"), Some(Language::TraditionalChinese));
        assert_eq!(Language::parse("en"), Some(Language::English));
        assert_eq!(Language::parse("de"), None);
        assert_eq!(fill("{} of {}", &["1", "2"]), "1 of 2");
    }
}
