//! Every variable with values that are accepted and values that are refused, in every profile.

use super::*;
use std::collections::BTreeSet;

const ARN: &str = "arn:aws:states:eu-central-1:123456789012:stateMachine:bouncer-deploy";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:bouncer/telegram-a1b2c3";
const TOKEN: &str = "123456:ABC-def";

/// What an installation on AWS cannot do without.
const MACHINES: [(&str, &str); 3] = [
    ("BOUNCER_STATE_MACHINE_FRONTEND_DEPLOY", ARN),
    ("BOUNCER_STATE_MACHINE_DEPLOY", ARN),
    ("BOUNCER_STATE_MACHINE_REQUEST", ARN),
];
/// What a variable needs beside it to be of use.
const BACKEND: &[(&str, &str)] = &[("BOUNCER_BUILD_PROJECT", "build"), ("BOUNCER_ARTIFACTS_BUCKET", "artifacts")];
const BOT: &[(&str, &str)] = &[
    ("BOUNCER_TELEGRAM_TOKEN", TOKEN),
    ("BOUNCER_TELEGRAM_APPROVERS", "7"),
    ("BOUNCER_TELEGRAM_WEBHOOK_SECRET", "0123456789abcdef"),
];

struct Row {
    name: &'static str,
    beside: &'static [(&'static str, &'static str)],
    good: &'static [&'static str],
    /// A value, and a part of what is said of it.
    bad: &'static [(&'static str, &'static str)],
}

const fn row(
    name: &'static str,
    beside: &'static [(&'static str, &'static str)],
    good: &'static [&'static str],
    bad: &'static [(&'static str, &'static str)],
) -> Row {
    Row { name, beside, good, bad }
}

const ROWS: &[Row] = &[
    row("BOUNCER_LOG", &[], &["debug", "info,s3s=off"], &[("bouncer=loud", "cannot be parsed")]),
    row("BOUNCER_PROFILE", &[], &["aws"], &[("AWS", "is not a profile"), ("lambda", "is not a profile")]),
    row(
        "BOUNCER_ALLOWED_HOSTS",
        &[],
        &["bouncer.example.com", "a.example, *.b.example", "10.0.0.7,[fd00::1]"],
        &[(",", "names no host"), ("https://a.example", "'https://a.example'"), ("a.example:80", "not a host name")],
    ),
    row(
        "BOUNCER_PUBLIC_URL",
        &[],
        &["https://bouncer.example.com/", "http://10.0.0.7:8420"],
        &[
            ("bouncer.example.com", "does not begin with http"),
            ("ftp://a.example", "does not begin with http"),
            ("https://", "is not an address"),
            ("https://a.example/?page", "has a query"),
        ],
    ),
    row("BOUNCER_PREVIEW_DOMAIN", &[], &["previews.example.net"], &[("https://p.example", "is not a host name")]),
    row(
        "BOUNCER_ANSWER_BYTES",
        &[],
        &["1", "6000", "1073741824"],
        &[("0", "is out of range"), ("6kB", "is not a whole number"), ("-1", "is not a whole number")],
    ),
    row(
        "BOUNCER_APPROVAL_WINDOW",
        &[],
        &["1", "604800", " 60 "],
        &[("0", "is out of range"), ("604801", "is out of range"), ("10m", "is not a whole number")],
    ),
    row("BOUNCER_ASKS_PER_MINUTE", &[], &["0", "5"], &[("many", "is not a whole number"), ("+5", "whole number")]),
    row("BOUNCER_PENDING_PER_CALLER", &[], &["0", "10"], &[("1.5", "is not a whole number")]),
    row("BOUNCER_BACKEND_WINDOW", BACKEND, &["1800"], &[("0", "is out of range"), ("soon", "whole number")]),
    row("BOUNCER_INFRASTRUCTURE_WINDOW", BACKEND, &["86400"], &[("0", "is out of range"), ("soon", "whole number")]),
    row("BOUNCER_STATE_MACHINE_FRONTEND_DEPLOY", &[], &[ARN], &[("deploy", "is not such an ARN"), (SECRET, "ARN")]),
    row("BOUNCER_STATE_MACHINE_DEPLOY", &[], &[ARN], &[("arn:aws:states:::stateMachine:", "is not such an ARN")]),
    row("BOUNCER_STATE_MACHINE_REQUEST", &[], &[ARN], &[("request", "is not such an ARN")]),
    row("BOUNCER_ACCOUNT", &[], &["123456789012"], &[("12345678901", "not an account's"), ("mine", "account's")]),
    row("BOUNCER_TABLE_PREFIX", &[], &["bouncer-", "a"], &[("a/b", "has characters"), ("a b", "has characters")]),
    row("BOUNCER_STAGING_BUCKET", &[], &["my-bucket"], &[("s3://my-bucket", "has characters"), ("No", "too short")]),
    row("BOUNCER_EXTERNAL_ID", &[], &["4a0b-11f0"], &[("x", "too short"), ("two words", "has characters")]),
    row("BOUNCER_BOOTSTRAP_SECRET_ARN", &[], &[SECRET], &[("bouncer-bootstrap-admin-key", "is not such an ARN")]),
    row("BOUNCER_BUILD_PROJECT", BACKEND, &["bouncer-build"], &[("a/b", "has characters"), ("b", "too short")]),
    row("BOUNCER_ARTIFACTS_BUCKET", BACKEND, &["artifacts"], &[("Artifacts", "has capital letters")]),
    row("BOUNCER_GITHUB_API_URL", BACKEND, &["https://github.example.com/api/v3"], &[("github", "http")]),
    row("BOUNCER_GITHUB_SECRET", BACKEND, &["sam-deployer/github-pat", SECRET], &[("a secret", "has characters")]),
    row("BOUNCER_POLL_SECONDS", BACKEND, &["1", "3600"], &[("0", "is out of range"), ("fast", "whole number")]),
    row("BOUNCER_TELEGRAM_TOKEN", BOT, &[TOKEN], &[("word", "look like a bot's token"), ("1:a b", "bot's token")]),
    row("BOUNCER_TELEGRAM_SECRET_ARN", BOT, &[SECRET], &[("bouncer/telegram", "is not such an ARN")]),
    row(
        "BOUNCER_TELEGRAM_APPROVERS",
        BOT,
        &["7", "7, 8=key-0123456789ab"],
        &[
            (",", "names no approver"),
            ("@anna", "'@anna'"),
            ("-7", "'-7'"),
            ("0", "'0'"),
            ("7=", "key of user 7"),
            ("7=anna", "key of user 7"),
        ],
    ),
    row(
        "BOUNCER_TELEGRAM_CHATS",
        BOT,
        &["7,-100123, 7"],
        &[(",", "names no chat"), ("@channel", "'@channel'"), ("1.5", "'1.5'")],
    ),
    row("BOUNCER_TELEGRAM_MODE", BOT, &["webhook"], &[("push", "is not a mode")]),
    row(
        "BOUNCER_TELEGRAM_WEBHOOK_SECRET",
        BOT,
        &["0123456789abcDEF"],
        &[("short", "16 to 256"), ("éééééééééééééééééééé", "16 to 256")],
    ),
    row("BOUNCER_TELEGRAM_API_URL", BOT, &["http://127.0.0.1:9"], &[("127.0.0.1:9", "http")]),
    row("BOUNCER_LANG", BOT, &["en", "zh-TW", "ZH-tw"], &[("de", "en and zh-TW")]),
];

/// Read by commands alone, where the command line checks them.
const OF_COMMANDS: [&str; 3] = ["BOUNCER_URL", "BOUNCER_KEY", "BOUNCER_DATA_DIR"];

fn environment<'a>(parts: &[&[(&'a str, &'a str)]]) -> Environment {
    parts.concat().into_iter().collect()
}

/// What every profile says to an environment.
fn outcomes(environment: &Environment) -> [(&'static str, Result<(), ConfigError>); 3] {
    [
        ("local", ServeConfig::load(environment, Some(Profile::Local)).map(drop)),
        ("aws", ServeConfig::load(environment, Some(Profile::Aws)).map(drop)),
        ("lambda", HostedConfig::of_function(environment).map(drop)),
    ]
}

#[test]
fn every_variable_has_a_row() {
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.name).chain(OF_COMMANDS).collect();
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(rows, known);
    assert_eq!(known.len(), VARIABLES.len(), "a variable is listed twice");
}

#[test]
fn good_values_are_accepted_in_every_profile() {
    for row in ROWS {
        for value in row.good {
            let environment = environment(&[&MACHINES, row.beside, &[(row.name, value)]]);
            for (profile, outcome) in outcomes(&environment) {
                assert_eq!(outcome, Ok(()), "{}={value} in {profile}", row.name);
            }
        }
    }
}

#[test]
fn bad_values_are_refused_in_every_profile() {
    for row in ROWS {
        let variable = VARIABLES.iter().find(|variable| variable.name == row.name).unwrap();
        for (value, part) in row.bad {
            let environment = environment(&[&MACHINES, row.beside, &[(row.name, value)]]);
            for (profile, outcome) in outcomes(&environment) {
                let said = outcome.expect_err(&format!("{}={value} in {profile}", row.name));
                let [problem] = said.problems() else { panic!("{}={value} in {profile}: {said}", row.name) };
                let text = problem.to_string();
                let is_complete = text.starts_with(row.name) && text.contains(part) && text.contains(variable.form);
                assert!(is_complete, "{}={value} in {profile}: {text}", row.name);
                assert_eq!(text.contains(value), !variable.is_secret, "{}={value}: {text}", row.name);
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let value = std::ffi::OsString::from_vec(vec![b'5', 0xff]);
    let environment: Environment = [("BOUNCER_ASKS_PER_MINUTE", value)].into_iter().collect();
    let error = ServeConfig::load(&environment, None).unwrap_err();
    assert!(error.to_string().contains("is not UTF-8 text"), "{error}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let bad = [("BOUNCER_PROFILE", "cloud"), ("BOUNCER_POLL_SECONDS", "soon"), ("BOUNCER_LANG", "de")];
    let error = ServeConfig::load(&environment(&[&bad]), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the environment has 3 problems: BOUNCER_PROFILE is 'cloud', which is not a profile; set it to local or aws; \
         BOUNCER_POLL_SECONDS is 'soon', which is not a whole number; set it to a whole number of seconds from 1 to \
         3600; BOUNCER_LANG is 'de', which is not one of the languages; set it to one of en and zh-TW"
    );
}

#[test]
fn values_are_read() {
    let set = [
        ("BOUNCER_ALLOWED_HOSTS", "a.example, b.example"),
        ("BOUNCER_PUBLIC_URL", "https://a.example/"),
        ("BOUNCER_ASKS_PER_MINUTE", " 7 "),
        ("BOUNCER_APPROVAL_WINDOW", "60"),
        ("BOUNCER_POLL_SECONDS", "2"),
        ("BOUNCER_TELEGRAM_CHATS", "7,-100123, 7"),
        ("BOUNCER_ACCOUNT", "123456789012"),
        ("BOUNCER_STAGING_BUCKET", " "),
    ];
    let environment = environment(&[&MACHINES, BACKEND, BOT, &set]);
    let config = HostedConfig::of_function(&environment).unwrap();
    assert_eq!(config.common.server.allowed_hosts.unwrap(), ["a.example", "b.example"]);
    assert_eq!(config.common.server.public_url.unwrap(), "https://a.example");
    assert_eq!((config.common.approvals.window, config.common.approvals.quota.per_minute), (60, 7));
    assert_eq!(config.common.backend.unwrap().poll_seconds, Some(2));
    let telegram = config.common.telegram.unwrap();
    assert_eq!((telegram.chats.as_slice(), telegram.intake), ([7, -100_123].as_slice(), Intake::Webhook));
    assert_eq!((telegram.approvers.find(7), telegram.approvers.find(8)), (Some(None), None));
    assert_eq!((config.storage.account.as_deref(), config.storage.staging_bucket), (Some("123456789012"), None));
    assert_eq!(config.machines.arn("deploy"), Some(ARN));
}

#[test]
fn the_environment_chooses_the_profile_and_the_command_line_wins() {
    let aws = environment(&[&MACHINES, &[("BOUNCER_PROFILE", "aws")]]);
    assert!(matches!(ServeConfig::load(&aws, None), Ok(ServeConfig::Aws(_))));
    assert!(matches!(ServeConfig::load(&aws, Some(Profile::Local)), Ok(ServeConfig::Local(_))));
    assert!(matches!(ServeConfig::load(&Environment::default(), None), Ok(ServeConfig::Local(_))));
    let local = environment(&[&MACHINES, &[("BOUNCER_PROFILE", "local")]]);
    assert!(HostedConfig::of_function(&local).unwrap_err().to_string().contains("BOUNCER_PROFILE is 'local'"));
}

#[test]
fn an_installation_needs_its_state_machines() {
    let error = ServeConfig::load(&Environment::default(), Some(Profile::Aws)).unwrap_err();
    let text = error.to_string();
    assert!(error.problems().len() == MACHINES.len() && MACHINES.iter().all(|(name, _)| text.contains(name)), "{text}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let bot = BOT[0];
    let approvers = BOT[1];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&BACKEND[..1], "BOUNCER_ARTIFACTS_BUCKET is not set, but BOUNCER_BUILD_PROJECT is"),
        (&BACKEND[1..], "BOUNCER_BUILD_PROJECT is not set, but BOUNCER_ARTIFACTS_BUCKET is"),
        (&[bot], "BOUNCER_TELEGRAM_APPROVERS is not set"),
        (&[approvers], "Telegram has no token"),
        (&[bot, approvers, ("BOUNCER_TELEGRAM_MODE", "webhook")], "calls need a secret"),
    ];
    for (set, part) in cases {
        let error = ServeConfig::load(&environment(&[set]), None).unwrap_err();
        assert!(error.problems().len() == 1 && error.to_string().contains(part), "{set:?}: {error}");
    }
    let polling = environment(&[&MACHINES, BOT, &[("BOUNCER_TELEGRAM_MODE", "polling")]]);
    assert!(HostedConfig::of_function(&polling).unwrap_err().to_string().contains("cannot poll"));
    assert!(ServeConfig::load(&polling, Some(Profile::Aws)).is_ok());
}

#[test]
fn a_bot_is_read_alone() {
    let bot = super::bot(&environment(&[&BOT[..1]])).unwrap();
    assert!(matches!(bot.credentials, BotCredentials::Token(token) if token.expose() == TOKEN));
    let none = super::bot(&Environment::default()).unwrap_err().to_string();
    assert!(none.contains("BOUNCER_TELEGRAM_TOKEN") && none.contains("BOUNCER_TELEGRAM_SECRET_ARN"), "{none}");
    let bad = super::bot(&environment(&[&[("BOUNCER_TELEGRAM_TOKEN", "word")]])).unwrap_err();
    assert_eq!(bad.problems().len(), 1, "{bad}");
}

#[test]
fn unknown_variables_come_with_a_near_name() {
    let set = [
        ("BOUNCER_ASK_PER_MINUTE", "5"),
        ("BOUNCER_TELEGRAM_APROVERS", "7"),
        ("BOUNCER_KEI", "x"),
        ("BOUNCER_LNAG", "en"),
        ("BOUNCER_SOMETHING_ELSE", "x"),
        ("BOUNCER_LANG", "en"),
        ("BOUNCERS", "x"),
    ];
    let found = unknown(&environment(&[&set]));
    let found: Vec<_> = found.iter().map(|unknown| (unknown.name.as_str(), unknown.near)).collect();
    assert_eq!(
        found,
        [
            ("BOUNCER_ASK_PER_MINUTE", Some("BOUNCER_ASKS_PER_MINUTE")),
            ("BOUNCER_KEI", Some("BOUNCER_KEY")),
            ("BOUNCER_LNAG", Some("BOUNCER_LANG")),
            ("BOUNCER_SOMETHING_ELSE", None),
            ("BOUNCER_TELEGRAM_APROVERS", Some("BOUNCER_TELEGRAM_APPROVERS")),
        ]
    );
}

#[test]
fn documented_defaults_are_the_defaults() {
    let approvals = ApprovalConfig::default();
    let of = |variable: Variable| variable.default;
    assert_eq!(of(variables::APPROVAL_WINDOW), approvals.window.to_string());
    assert_eq!(of(variables::ASKS_PER_MINUTE), approvals.quota.per_minute.to_string());
    assert_eq!(of(variables::PENDING_PER_CALLER), approvals.quota.pending.to_string());
}

#[test]
fn no_secret_is_shown() {
    let environment = environment(&[&MACHINES, BOT]);
    let config = HostedConfig::of_function(&environment).unwrap();
    let shown = format!("{environment:?} {config:?}");
    assert!(!shown.contains(TOKEN) && !shown.contains("0123456789abcdef"), "{shown}");
}
