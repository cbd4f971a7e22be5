//! The catalogue: everything Telegram's users read, in every language. A message exists in all of them or does not compile.

use crate::domain::language::Language;
use crate::domain::text::{Unit, parts};

/// Returns the messages in a language.
pub fn words_of(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::TraditionalChinese => &TRADITIONAL_CHINESE,
    }
}

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
    // Labels, each at the start of a line.
    project: "Project", "專案";
    source: "Source", "來源";
    caller: "Requested by", "請求者";
    risks: "High risks", "高風險";
    changes: "Changes", "變更";
    files: "Files", "檔案";
    removed: "Removed files", "將移除的檔案";
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
    // Durations.
    days: "{} d", "{} 天";
    hours: "{} h", "{} 小時";
    minutes: "{} min", "{} 分鐘";
    seconds: "{} s", "{} 秒";
    // Buttons.
    approve: "✅ Approve", "✅ 批准部署";
    approve_risks: "⚠️ Approve with these risks", "⚠️ 了解風險並批准";
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
    decided_after: "decided by a human: {}; half within {}, 95 of 100 within {}", "由人決定：{}；半數在 {}內，95% 在 {}內";
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
    /// Renders seconds, as [`crate::domain::text::duration`] does in English.
    pub fn duration(&self, seconds: u64) -> String {
        let words = |unit| match unit {
            Unit::Day => self.days,
            Unit::Hour => self.hours,
            Unit::Minute => self.minutes,
            Unit::Second => self.seconds,
        };
        let parts: Vec<String> =
            parts(seconds).into_iter().map(|(amount, unit)| fill(words(unit), &[&amount.to_string()])).collect();
        parts.join(" ")
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
            let has_no_words = *name == "so_far";
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
    fn durations_read_as_everywhere() {
        for seconds in [0, 45, 60, 90, 600, 3600, 7500, 90_000, 604_800] {
            assert_eq!(ENGLISH.duration(seconds), crate::domain::text::duration(seconds));
        }
        let chinese = [45, 90, 600, 7500, 604_800].map(|seconds| TRADITIONAL_CHINESE.duration(seconds));
        assert_eq!(chinese, ["45 秒", "1 分鐘 30 秒", "10 分鐘", "2 小時 5 分鐘", "7 天"]);
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
