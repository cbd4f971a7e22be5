use super::*;
use crate::analysis::changeset::{AssessedChange, Replacement, Risk};
use crate::analysis::template_diff::{Finding, Rule};
use crate::channels::telegram::words::Words;
use crate::domain::activity::{Activity, Extent};
use crate::domain::backend::commit::CommitSha;
use crate::domain::ids::{ProjectId, ReleaseId, RequestId};
use crate::domain::language::Language;
use crate::domain::project::FrontendTarget;
use crate::domain::prompt::{BackendContent, Content, FileLine, InfrastructureContent, SiteContent};
use crate::domain::review::{BoundedList, ChangedFile, Review};
use crate::domain::site::manifest::ChangeCounts;
use proptest::prelude::*;
use teloxide_core::types::{InlineKeyboardButtonKind, MessageEntityKind};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn time(text: &str) -> Time {
    Time::try_from(text.to_owned()).unwrap()
}

fn prompt(action: Action, content: Content) -> Prompt {
    let request_id = RequestId::parse("req-0123456789abcdef").unwrap();
    Prompt {
        request_id,
        action,
        source: Some("Anna's agent (ticket 42)".into()),
        caller: "ci".into(),
        project: Some(ProjectId::parse("shop").unwrap()),
        deploy_id: None,
        content,
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

fn file(path: &str, added: bool) -> FileLine {
    FileLine {
        path: path.into(),
        added,
        size: 12_345,
        cache_control: "public, max-age=31536000, immutable".into(),
        content_type: "text/html".into(),
    }
}

fn site(paths: &[&str]) -> Prompt {
    let target = FrontendTarget {
        bucket: "shop-site".into(),
        distribution_id: Some("E123EXAMPLE".into()),
        region: "eu-central-1".into(),
        deploy_role_arn: Some("arn:aws:iam::123456789012:role/bouncer-frontend-deploy-shop".into()),
    };
    let content = SiteContent {
        target,
        restores: ReleaseId::parse("rel-0123456789ab").ok(),
        mass_delete: true,
        changes: ChangeCounts { added: 12, changed: 1, removed: 14, unchanged: 230, bytes: 3_456_789 },
        files: paths.iter().enumerate().map(|(n, path)| file(path, n % 2 == 0)).collect(),
        files_total: paths.len() + 3,
        removed: paths.iter().map(|path| format!("old/{path}")).collect(),
        removed_total: paths.len(),
    };
    prompt(Action::FrontendDeploy, Content::Site(content))
}

fn backend(words: &str) -> Prompt {
    let finding = Finding {
        rule: Rule::PublicBucket,
        logical_id: Some(words.into()),
        path: "Properties".into(),
        sentence: format!("The bucket may be made public. {words}"),
    };
    let changed = ChangedFile { filename: words.into(), status: "modified".into(), additions: 3, deletions: 1 };
    let review = Review {
        author: Some(words.into()),
        context: Some(words.into()),
        notes: vec![words.into()],
        files: BoundedList::of(vec![changed; 12]),
        findings: BoundedList::of(vec![finding; 2]),
        ..Review::default()
    };
    let content = BackendContent {
        git_repo: "acme/shop".into(),
        branch: words.into(),
        commit: CommitSha::parse(COMMIT).unwrap(),
        commit_message: words.into(),
        deployed: CommitSha::parse(COMMIT).ok(),
        stack_name: "shop-prod".into(),
        target_role_arn: Some("arn:aws:iam::123456789012:role/bouncer-target-shop".into()),
        review,
    };
    prompt(Action::BackendDeploy, Content::Backend(content))
}

fn infrastructure(words: &str) -> Prompt {
    let change = |action: &str, replacement, risk| AssessedChange {
        stack: "shop-prod".into(),
        logical_id: format!("{action}{words}"),
        physical_id: None,
        resource_type: "AWS::DynamoDB::Table".into(),
        action: action.into(),
        replacement,
        properties: vec![],
        risk,
        needs_human: true,
        why: words.into(),
    };
    let changes = vec![
        change("Modify", Replacement::None, Risk::Low),
        change("Add", Replacement::None, Risk::Review),
        change("Modify", Replacement::True, Risk::High),
        change("Remove", Replacement::None, Risk::High),
    ];
    let content = InfrastructureContent {
        commit: CommitSha::parse(COMMIT).unwrap(),
        change_set_id: "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/deploy-1/2".into(),
        review: Review { changes: BoundedList::of(changes), ..Review::default() },
    };
    let mut prompt = prompt(Action::InfrastructureChange, Content::Infrastructure(content));
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
        let renderer = Renderer(Words::of(language));
        let paths: Vec<String> = (1..=9).map(|n| format!("pages/page-{n}.html")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        for prompt in [site(&paths), backend("Fix the till"), infrastructure("Orders")] {
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
            hint: Some(Activity::PublishingAssets.at(Extent::Files(3, 12))),
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
        let renderer = Renderer(Words::of(language));
        for stage in &stages {
            let prompt = Prompt {
                stage: stage.clone(),
                ..prompt(Action::Upload, Content::Other("3 files for the staging bucket".into()))
            };
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
    let mut prompt = site(&paths);
    prompt.reason = Some("because ".repeat(250));
    prompt.source = Some("source ".repeat(250));
    let message = Renderer(Words::of(Language::English)).prompt(&prompt);
    assert!(message.text.contains("\n✂️ Cut: "), "{}", message.text);
    assert!(
        message.text.contains("Reason: because") && message.text.contains("(shortened)\nRequest: req-0123456789abcdef")
    );
    assert!(message.text.contains("\nExpires: 2026-01-02 03:14:05 UTC\n"));
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
        let words = Words::of(if chinese { Language::TraditionalChinese } else { Language::English });
        let paths: Vec<&str> = texts[2..].iter().map(String::as_str).collect();
        for mut prompt in [site(&paths), backend(&texts[2]), infrastructure(&texts[3])] {
            prompt.source = Some(texts[0].clone());
            prompt.reason = Some(texts[1].clone());
            prompt.caller = texts[4].clone();
            check(&Renderer(words).prompt(&prompt), words, &prompt);
        }
    }
}
