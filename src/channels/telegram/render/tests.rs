use super::*;
use crate::domain::card::{Card, FactValue, FileChange, FileLine, Files, Row, Section, Served, Table, Weight};
use crate::domain::hint::{Extent, Hint};
use crate::domain::ids::{ProjectId, RequestId};
use crate::domain::kind::KindName;
use proptest::prelude::*;
use teloxide_core::types::{InlineKeyboardButtonKind, MessageEntityKind};

fn time(text: &str) -> Time {
    Time::try_from(text.to_owned()).unwrap()
}

fn prompt(card: Card) -> Prompt {
    let request_id = RequestId::parse("req-0123456789abcdef").unwrap();
    Prompt {
        request_id,
        action: KindName::new("a_kind"),
        label: Phrase::new("Kind", "種類"),
        source: Some("Anna's agent (ticket 42)".into()),
        caller: "ci".into(),
        project: Some(ProjectId::parse("shop").unwrap()),
        deploy_id: None,
        card,
        reason: Some("New prices from Monday on".into()),
        created_at: time("2026-01-02T03:04:05Z"),
        expires_at: time("2026-01-02T03:14:05.900Z"),
        page: Some("https://bouncer.example.com/requests/req-0123456789abcdef".into()),
        stage: Stage::Asking {
            offered: vec![Verdict::Approve, Verdict::Deny],
            approved_by: vec![],
            approvals_required: 1,
        },
    }
}

fn file(path: &str, change: FileChange) -> FileLine {
    let served = Served {
        size: 12_345,
        cache_control: "public, max-age=31536000, immutable".into(),
        content_type: "text/html".into(),
    };
    FileLine { path: path.into(), change, served, before: None }
}

/// A card with files, a warning and a risk.
fn files(paths: &[&str]) -> Prompt {
    let change = |n| if n % 2 == 0 { FileChange::Added } else { FileChange::Changed };
    let written = paths.iter().enumerate().map(|(n, path)| file(path, change(n)));
    let removed = paths.iter().map(|path| file(&format!("old/{path}"), FileChange::Removed));
    let half = Phrase::new("More than half of the site goes.", "網站將有超過一半的檔案被移除。");
    let card = Card {
        warning: Some(half.clone()),
        risks: vec![half],
        ..Card::titled(Phrase::new("Publish the site", "發佈網站"))
    };
    prompt(
        card.fact(Phrase::new("Bucket", "儲存桶"), FactValue::Code("shop-site".into()))
            .fact(
                Phrase::new("Role", "角色"),
                FactValue::Code(format!("arn:aws:iam::123456789012:role/{}", "r".repeat(90))),
            )
            .section(Section::Files(Files {
                added: 12,
                changed: 1,
                removed: 14,
                unchanged: 230,
                bytes: 3_456_789,
                files: removed.chain(written).collect(),
                page: 1,
                pages: 1,
                note: None,
            })),
    )
}

/// A card with every other part.
fn table(words: &str) -> Prompt {
    let row = |weight| Row { weight, cells: vec!["Orders".into(), words.into()], details: vec![words.into()] };
    let rows = vec![row(Weight::High), row(Weight::Notable), row(Weight::Plain)];
    let columns = vec![Phrase::new("Resource", "資源"), Phrase::new("Change", "變更")];
    let title = |en, zh| Phrase::new(en, zh);
    let card = Card::titled(Phrase::new("Change the infrastructure", "變更基礎設施"))
        .fact(Phrase::new("Message", "訊息"), FactValue::Text(words.into()))
        .fact(Phrase::new("Size", "大小"), FactValue::Bytes(2_048))
        .fact(Phrase::new("Resources", "資源數"), FactValue::Count(3))
        .section(Section::Table(Table {
            title: title("Resources of the stack", "堆疊資源"), columns, rows, total: 5
        }))
        .section(Section::Steps { title: title("Steps", "步驟"), steps: vec![Phrase::same(words)] })
        .section(Section::Code { title: title("Policy", "政策"), text: words.into() })
        .section(Section::Notes { title: title("Notes", "備註"), notes: vec![Phrase::same(words)] });
    let mut prompt = prompt(card);
    let deploy = prompt.request_id.backend_deploy_id();
    prompt.request_id = deploy.request_id().infrastructure_request();
    prompt.deploy_id = Some(deploy);
    prompt
}

/// The message as a reader sees it: **bold**, `code`, [button → data].
fn seen(message: &Message) -> String {
    let units: Vec<u16> = message.text.encode_utf16().collect();
    let mut marks: Vec<(usize, &str)> = vec![];
    for entity in &message.entities {
        let mark = if entity.kind == MessageEntityKind::Bold { "**" } else { "`" };
        marks.extend([(entity.offset, mark), (entity.offset + entity.length, mark)]);
    }
    marks.sort();
    let (mut text, mut at) = (String::new(), 0);
    for (place, mark) in marks {
        text += &String::from_utf16(&units[at..place]).unwrap();
        text += mark;
        at = place;
    }
    text += &String::from_utf16(&units[at..]).unwrap();
    for button in message.buttons.iter().flat_map(|buttons| buttons.inline_keyboard.iter().flatten()) {
        text += &format!("\n[{} → {}]", button.text, data(button));
    }
    text
}

fn data(button: &InlineKeyboardButton) -> &str {
    match &button.kind {
        InlineKeyboardButtonKind::CallbackData(data) => data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn prompts_in_both_languages() {
    let mut shown = vec![];
    for (language, name) in Language::ALL {
        let renderer = Renderer::new(language);
        let paths: Vec<String> = (1..=9).map(|n| format!("pages/page-{n}.html")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        for prompt in [files(&paths), table("Fix the till")] {
            shown.push(format!("== {name}\n{}", seen(&renderer.prompt(&prompt))));
            shown.push(format!("== {name}\n{}", seen(&renderer.reminder(&prompt))));
        }
    }
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn stages_in_both_languages() {
    let ended = |outcome, detail: Option<&str>| Stage::Ended {
        outcome,
        decided_by: Some("Bea (Telegram 7)".into()),
        detail: detail.map(str::to_owned),
    };
    let stages = [
        Stage::Asking {
            offered: vec![Verdict::Approve],
            approved_by: vec!["Bea (Telegram 7)".into()],
            approvals_required: 2,
        },
        Stage::Running {
            decided_by: Some("Bea (Telegram 7)".into()),
            hint: Some(Hint::new(Phrase::new("Publishing assets", "正在發佈資源檔案"), Extent::Files(3, 12))),
        },
        ended(Outcome::Completed, Some("rel-0123456789ab")),
        ended(Outcome::Failed, Some("Bucket shop-site\nrefuses")),
        ended(Outcome::PartlyDeployed, None),
        ended(Outcome::Denied, None),
        ended(Outcome::Expired, None),
        ended(Outcome::Cancelled, None),
    ];
    let mut shown = vec![];
    for (language, name) in Language::ALL {
        let renderer = Renderer::new(language);
        for stage in &stages {
            let prompt =
                Prompt { stage: stage.clone(), ..prompt(Card::titled(Phrase::new("Upload files", "上傳檔案"))) };
            shown.push(format!("== {name}\n{}", seen(&renderer.prompt(&prompt))));
        }
    }
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn a_long_message_is_cut_where_all_can_see_it() {
    let long = "very-long-folder/".repeat(12);
    let paths: Vec<String> = (1..=10).map(|n| format!("{long}{n}.html")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut prompt = files(&paths);
    prompt.reason = Some("because ".repeat(250));
    prompt.source = Some("source ".repeat(250));
    let message = Renderer::new(Language::English).prompt(&prompt);
    assert!(message.text.contains("\n✂️ Cut: "), "{}", message.text);
    assert!(
        message.text.contains("Reason: because") && message.text.contains("(shortened)\nRequest: req-0123456789abcdef")
    );
    assert!(message.text.contains("\nExpires: 2026-01-02 03:14 UTC\n"));
    assert_eq!(message.buttons.unwrap().inline_keyboard[0].len(), 2);
    assert!(message.text.encode_utf16().count() <= MAX_UNITS);
}

/// Texts that try to be something else: any characters, and those that are good for tricks.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-z ]{1,12}",
        Just("\nRequest: req-ffffffffffffffff".to_owned()),
        Just("\r\n**Expires**: never\u{2028}Project: bank".to_owned()),
        Just("\u{202E}\u{2066}\u{200B}\u{FEFF}".to_owned()),
        Just("<b>x</b> [y](tg://user?id=1) @anna /deny #a https://evil.example".to_owned()),
        Just("😀👨‍👩‍👧é\u{301}\u{301}\u{301}\u{301}".to_owned()),
        Just("名字：".repeat(40)),
        Just("x".repeat(900)),
    ];
    proptest::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

/// What Telegram asks of a message, and this program besides.
fn check(message: &Message, words: &Words, prompt: &Prompt) {
    let units: Vec<u16> = message.text.encode_utf16().collect();
    assert!(units.len() <= MAX_UNITS && !units.is_empty(), "{} units", units.len());
    assert!(message.entities.len() <= 100, "{} entities", message.entities.len());
    let is_within = |at: usize| at < units.len() && (0xDC00..0xE000).contains(&units[at]);
    for entity in &message.entities {
        let end = entity.offset + entity.length;
        assert!(entity.length > 0 && end <= units.len(), "{entity:?} of {}", units.len());
        assert!(!is_within(entity.offset) && !is_within(end), "{entity:?} splits a character");
    }
    for button in message.buttons.iter().flat_map(|buttons| buttons.inline_keyboard.iter().flatten()) {
        assert!((1..=64).contains(&data(button).len()), "{button:?}");
    }
    assert!(!message.text.chars().any(|c| c != '\n' && c.is_control()), "{:?}", message.text);
    // A line begins with words of ours, in an entity or out of one, and never with a foreign text.
    let starts = |label: &str| message.text.lines().filter(|line| line.starts_with(&format!("{label}: "))).count();
    for label in [words.project, words.caller, words.request, words.expires, words.page] {
        assert_eq!(starts(label), 1, "{label} in {}", message.text);
    }
    assert!(message.text.contains(&format!("\n{}: {}\n", words.request, prompt.request_id)), "{}", message.text);
    let mut at = 0;
    for line in message.text.split('\n') {
        let code = |entity: &&MessageEntity| entity.kind == MessageEntityKind::Code && entity.offset == at;
        assert!(message.entities.iter().find(code).is_none(), "a foreign text begins the line {line:?}");
        at += line.encode_utf16().count() + 1;
    }
    assert_eq!(message.buttons.as_ref().unwrap().inline_keyboard[0].len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever callers write, a message is one that Telegram takes, and says what is asked in lines that are ours.
    #[test]
    fn no_text_breaks_or_forges_a_message(
        texts in proptest::collection::vec(hostile(), 12),
        chinese in any::<bool>(),
    ) {
        let renderer = Renderer::new(if chinese { Language::TraditionalChinese } else { Language::English });
        let paths: Vec<&str> = texts[2..].iter().map(String::as_str).collect();
        for mut prompt in [files(&paths), table(&texts[2])] {
            prompt.source = Some(texts[0].clone());
            prompt.reason = Some(texts[1].clone());
            prompt.caller = texts[4].clone();
            check(&renderer.prompt(&prompt), renderer.words, &prompt);
        }
    }
}
