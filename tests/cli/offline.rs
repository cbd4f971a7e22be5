//! What the program does when no server is there, or before it asks one.

use super::{bouncer, run};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use tempfile::{TempDir, tempdir};

/// A server's address where nobody listens, and a key.
const NOBODY: [&str; 4] = ["--server", "http://127.0.0.1:1", "--key", "bncr_00"];

fn site() -> TempDir {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("dist")).unwrap();
    fs::write(dir.path().join("dist/index.html"), "<h1>hi</h1>").unwrap();
    dir
}

fn deploy(dir: &TempDir) -> std::process::Command {
    let mut command = bouncer(dir.path());
    command.args(["frontend", "deploy", "dist", "--project", "shop", "--reason", "test"]).args(NOBODY);
    command
}

#[test]
fn version_is_data() {
    let home = tempdir().unwrap();
    let out = run(bouncer(home.path()).arg("--version"));
    assert_eq!((out.code, out.stdout.as_str()), (0, concat!("bouncer ", env!("CARGO_PKG_VERSION"), "\n")));
}

#[test]
fn wrong_command_lines_exit_with_2_and_leave_stdout_alone() {
    let home = tempdir().unwrap();
    for args in [
        &["no-such-command"][..],
        &["frontend", "deploy", "dist", "--project", "shop"],
        &["frontend", "deploy", "dist", "--project", "shop", "--reason", "x", "--timeout", "5"],
        &["request", "list", "--limit", "0"],
        &["request", "list", "--limit", "101"],
        &["key", "create", "x", "--role", "king"],
        &["serve", "--listen", "localhost"],
        &["project", "list", "--server", "localhost:80"],
        &["project", "list", "--server", "http://127.0.0.1:1"],
        &["project", "list", "--server", "http://127.0.0.1:1", "--key", "no-key"],
        &["demo"],
    ] {
        let out = run(bouncer(home.path()).args(args));
        assert_eq!((out.code, out.stdout.as_str()), (2, ""), "{args:?}: {}", out.stderr);
        assert!(out.stderr.starts_with("error: "), "{args:?}: {}", out.stderr);
    }
}

#[test]
fn an_absent_server_is_said_in_text_and_json() {
    let home = tempdir().unwrap();
    let out = run(bouncer(home.path()).args(["request", "list"]).args(NOBODY));
    assert_eq!((out.code, out.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(out.stderr, @"
    error: No Bouncer answers at http://127.0.0.1:1.
    hint: Start one with `bouncer serve`, or name another with --server.
    ");
    let out = run(bouncer(home.path()).args(["--json", "request", "list"]).args(NOBODY));
    assert_eq!((out.code, out.stderr.as_str()), (1, ""));
    let answer: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(answer["error"], "No Bouncer answers at http://127.0.0.1:1.");
    assert_eq!((&answer["status"], &answer["exit_code"]), (&json!("error"), &json!(1)));
}

#[test]
fn an_empty_data_folder_says_how_to_start() {
    let home = tempdir().unwrap();
    let out = run(bouncer(home.path()).args(["project", "list"]));
    assert_eq!(out.code, 1);
    assert!(out.stderr.contains(".local/share/bouncer") && out.stderr.contains("bouncer serve"), "{}", out.stderr);
    let out = run(bouncer(home.path()).env("BOUNCER_DATA_DIR", "/elsewhere").args(["project", "list"]));
    assert!(out.stderr.contains("/elsewhere"), "{}", out.stderr);
    let out = run(bouncer(home.path()).env("BOUNCER_DATA_DIR", "/elsewhere").args([
        "project",
        "list",
        "--data-dir",
        "/here",
    ]));
    assert!(out.stderr.contains("/here"), "{}", out.stderr);
}

/// What a program says that is started with these variables.
fn refused(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let home = tempdir().unwrap();
    let out = run(bouncer(home.path()).args(arguments).envs(variables.iter().copied()));
    assert_eq!((out.code, out.stdout.as_str()), (2, ""), "{arguments:?}: {}", out.stderr);
    out.stderr
}

#[test]
fn bad_settings_are_refused_by_every_server() {
    const MANY: (&str, &str) = ("BOUNCER_ASKS_PER_MINUTE", "many");
    let machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:bouncer";
    let machines = [
        ("BOUNCER_STATE_MACHINE_FRONTEND_DEPLOY", machine),
        ("BOUNCER_STATE_MACHINE_DEPLOY", machine),
        ("BOUNCER_STATE_MACHINE_REQUEST", machine),
    ];
    let aws = [&machines[..], &[MANY]].concat();
    let started_by_lambda = [&aws[..], &[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")]].concat();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    for (arguments, variables) in [
        (&serve[..], &[MANY][..]),
        (&[&serve[..], &["--asks-per-minute", "3"]].concat(), &[MANY]),
        (&[&serve[..], &["--profile", "aws"]].concat(), &aws),
        (&["lambda"], &aws),
        (&[], &started_by_lambda),
    ] {
        let said = refused(arguments, variables);
        let sentence = "BOUNCER_ASKS_PER_MINUTE is 'many', which is not a whole number; set it to a whole number, 0 \
                        for no limit.";
        assert!(said.contains(sentence), "{arguments:?}: {said}");
    }
}

#[test]
fn all_bad_settings_are_reported_at_once() {
    let variables = [("BOUNCER_POLL_SECONDS", "soon"), ("BOUNCER_LANG", "de"), ("BOUNCER_LNAG", "en")];
    let said = refused(&["serve"], &variables);
    assert!(said.contains("The environment has 2 problems.") && said.contains("docs/INSTALL.md"), "{said}");
    for part in ["BOUNCER_POLL_SECONDS is 'soon'", "BOUNCER_LANG is 'de'", "BOUNCER_LNAG has no meaning; did you mean"]
    {
        assert!(said.contains(part), "{said}");
    }
    let json = refused_as_json(&variables);
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(2), "{json:#}");
}

fn refused_as_json(variables: &[(&str, &str)]) -> Value {
    let home = tempdir().unwrap();
    let out = run(bouncer(home.path()).args(["--json", "serve"]).envs(variables.iter().copied()));
    assert_eq!(out.code, 2, "{}", out.stderr);
    serde_json::from_str(&out.stdout).unwrap()
}

#[test]
fn a_folder_is_checked_before_a_server_is_asked() {
    let dir = site();
    fs::write(dir.path().join("dist/tool.exe"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("dist/host.txt")).unwrap();
    let out = run(&mut deploy(&dir));
    assert_eq!((out.code, out.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(out.stderr, @"
    error: 2 entries of dist cannot be published.
      problems:
        'host.txt' is a link that leaves the folder: it leads to /etc/hostname
        'tool.exe' has the extension .exe, which is never published
    hint: Remove or repair this, or leave it out with a line in dist/.bouncerignore.
    ");
}

#[test]
fn a_good_folder_gets_as_far_as_the_server() {
    let dir = site();
    fs::write(dir.path().join("dist/.env"), "SECRET=1").unwrap();
    let out = run(&mut deploy(&dir));
    assert_eq!(out.code, 1);
    insta::assert_snapshot!(out.stderr, @"
    warning: '.env' looks private, and everything published is public
    Hashed 2 files, 19 B.
    error: No Bouncer answers at http://127.0.0.1:1.
    hint: Start one with `bouncer serve`, or name another with --server.
    ");
}

#[test]
fn an_unreadable_file_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    const NOBODY_ID: u32 = 65534;

    let dir = site();
    fs::write(dir.path().join("dist/secret.txt"), "x").unwrap();
    fs::set_permissions(dir.path().join("dist/secret.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = deploy(&dir);
    if fs::read(dir.path().join("dist/secret.txt")).is_ok() {
        // Root reads everything, so the program runs as somebody else, from a place which that somebody can reach.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = dir.path().join("bouncer");
        fs::copy(env!("CARGO_BIN_EXE_bouncer"), &program).unwrap();
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        command = std::process::Command::new(program);
        command.args(args).current_dir(dir.path()).uid(NOBODY_ID).gid(NOBODY_ID);
    }
    let out = run(&mut command);
    assert_eq!(out.code, 1);
    assert!(out.stderr.contains("error: 'secret.txt' cannot be read: Permission denied"), "{}", out.stderr);
}

#[test]
fn doctor_without_a_server_fails_and_says_why() {
    let home = tempdir().unwrap();
    let out = run(bouncer(home.path()).args(["--json", "doctor", "--data-dir", "nowhere"]).env("AWS_PROFILE", "prod"));
    assert_eq!(out.code, 1);
    let report: Value = serde_json::from_str(&out.stdout).unwrap();
    let level = |name: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).map(|check| check["level"].as_str().unwrap().to_owned())
    };
    assert_eq!(level("data folder").as_deref(), Some("warn"));
    assert_eq!(level("server").as_deref(), Some("fail"));
    assert_eq!(level("aws environment").as_deref(), Some("warn"));
}

#[test]
fn completions_for_every_shell() {
    let home = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let out = run(bouncer(home.path()).args(["completions", shell]));
        assert!(out.code == 0 && out.stdout.contains("frontend"), "{shell}");
    }
}

#[test]
fn mcp_answers_while_the_server_is_down() {
    let home = tempdir().unwrap();
    let mut child =
        bouncer(home.path()).arg("mcp").args(NOBODY).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let lines = [
        initialize.to_string(),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
        "this is no JSON".to_owned(),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).to_string(),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "bouncer_help"}}).to_string(),
        json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call"}).to_string(),
    ];
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let stdout = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answer = |id: u64| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(answer(1)["result"]["serverInfo"]["name"], "bouncer");
    assert!(answer(2)["error"]["message"].as_str().unwrap().starts_with("No Bouncer answers at "));
    assert_eq!(answer(3)["result"]["isError"], true);
    let text = answer(3)["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), answer(3)["result"]["structuredContent"]);
    assert_eq!(answer(4)["error"]["code"], -32602);
}
