//! No secret is in any record, log or answer that outlives its use.

use std::path::Path;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::{ask, new_key, shop};
use crate::backend::World;
use crate::support::{BOT_TOKEN, DEADLINE, Outcome, Role, Site, TOKEN, Telegram, text, wait_until};
use crate::tools::{accepted, frontend_request, upload_all};
use crate::web::Session;

/// Where files wait for their deploy.
const STAGING: &str = "bouncer-uploads-000000000000";

/// Whether a file holds some bytes.
fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[tokio::test]
async fn keys_addresses_and_bodies_are_in_no_record_and_no_log() {
    let mut server = shop().await;
    let (_, made) = new_key(&server, "ci", "agent").await;
    let mut secrets: Vec<String> =
        [Role::Admin, Role::Approver, Role::Agent].map(|role| server.key(role).to_owned()).to_vec();
    secrets.push(made);

    let inline = Site::new(271, 1, 1);
    let id = ask(&server, &inline).await;
    accepted(server.decide(Role::Approver, &id, "approve").await);
    server.ended(&id).await;
    let site = Site::new(272, 2, 1);
    let request = json!({ "project": "shop", "files": site.declared(), "reason": "a test", "source": "tests" });
    let ready = accepted(server.tool(Role::Agent, "bouncer_request_frontend_presigned", request.clone()).await);
    upload_all(&ready, &site).await;
    let mut confirm = request;
    confirm["request_id"] = ready["request_id"].clone();
    let confirmed = accepted(server.tool(Role::Agent, "bouncer_confirm_frontend_deploy", confirm).await);
    accepted(server.decide(Role::Approver, text(&confirmed["request_id"]), "deny").await);
    for file in ready["files"].as_array().unwrap() {
        let url = text(&file["presigned_url"]);
        let signature = url.split("X-Amz-Signature=").nth(1).unwrap().split('&').next().unwrap();
        secrets.push(signature.to_owned());
    }
    assert!(secrets.len() > 4, "addresses were handed out");
    for file in inline.files().iter().chain(site.files()) {
        let start = &file.bytes[..file.bytes.len().min(200)];
        secrets.extend(std::str::from_utf8(start).ok().filter(|text| text.len() >= 40).map(str::to_owned));
    }

    let mut answers = String::new();
    for (tool, arguments) in [
        ("bouncer_audit_list", json!({ "limit": 1000 })),
        ("bouncer_history", json!({})),
        ("bouncer_status", json!({ "request_id": id })),
        ("bouncer_request_show", json!({ "request_id": id })),
        ("bouncer_key_list", json!({})),
    ] {
        answers += &accepted(server.tool(Role::Admin, tool, arguments).await).to_string();
    }
    server.stop();
    let mut sinks =
        vec![("answers".to_owned(), answers.into_bytes()), ("log".to_owned(), server.stderr().into_bytes())];
    for file in std::fs::read_dir(server.data_dir()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap().to_owned();
        if name.starts_with("records.db") {
            sinks.push((name, read(&path)));
        }
    }
    assert!(sinks.len() >= 3, "the records were found");
    for (sink, bytes) in &sinks {
        for secret in &secrets {
            assert!(!holds(bytes, secret), "{sink} holds a secret that begins with {:.12}", secret);
        }
    }
    // It would have been found.
    assert!(sinks.iter().any(|(_, bytes)| holds(bytes, &id)));
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// The approver on Telegram.
const BEA: i64 = 70_001;
/// A FIFO queue whose name cannot be one: the making of it fails.
const BROKEN: &str = "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  Orders:\n    Type: AWS::SQS::Queue\n    \
    Properties:\n      FifoQueue: true\n      QueueName: not-a-fifo-name\n  Note:\n    Type: AWS::SSM::Parameter\n    \
    Properties:\n      Type: String\n      Value: '{{resolve:secretsmanager:shop/note:SecretString:note}}'\n";
const NOTE: &str = "the-note-that-nobody-may-read";

/// What a request's row holds beside the token of the task that waits for its decision.
struct Waiting {
    token: String,
    rest: String,
}

/// The row of a request that waits, once its task does.
async fn waiting(records: &Client, id: &str) -> Waiting {
    wait_until("the token", DEADLINE, async || {
        let read =
            records.get_item().table_name("bouncer-requests").key("request_id", AttributeValue::S(id.to_owned()));
        let mut row = read.send().await.unwrap().item?;
        let Some(AttributeValue::S(token)) = row.remove("task_token") else { return None };
        Some(Waiting { token, rest: format!("{row:?}") })
    })
    .await
}

/// Deploys that fail, each way they can, while everybody watches.
#[tokio::test(flavor = "multi_thread")]
async fn task_tokens_and_what_failing_deploys_know_are_shown_to_nobody() {
    let telegram = Telegram::start(&[BEA]).await;
    let bea = BEA.to_string();
    let settings = [
        ("BOUNCER_TELEGRAM_API_URL", telegram.url()),
        ("BOUNCER_TELEGRAM_TOKEN", BOT_TOKEN),
        ("BOUNCER_TELEGRAM_APPROVERS", &bea),
    ];
    let world = World::with(&settings).await;
    let server = &world.server;
    server.add_project("site").await;
    let note = json!({ "Name": "shop/note", "SecretString": json!({ "note": NOTE }).to_string() });
    world.boto.call("secretsmanager", "create_secret", note).await;
    let records = server.records().await;
    let approver = Session::of(server, server.key(Role::Approver)).await;
    let (mut ids, mut deploys, mut rows) = (vec![], vec![], vec![]);

    // A site whose files are gone when it is published.
    let request = frontend_request("site", &Site::new(281, 0, 1));
    let asked = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", request).await);
    let id = text(&asked["request_id"]).to_owned();
    rows.push(waiting(&records, &id).await);
    for (key, _) in server.storage().list(STAGING, "blobs/site/").await {
        server.storage().delete(STAGING, &key).await;
    }
    accepted(server.decide(Role::Approver, &id, "approve").await);
    assert_eq!(server.ended(&id).await["status"], "failed");
    deploys.push(text(&asked["deploy_id"]).to_owned());
    ids.push(id);

    // A build that fails, and a stack that does after it was approved.
    for (outcome, title) in [(Outcome::Fail, "Break the build"), (Outcome::Succeed, "Break the stack")] {
        world.codebuild.outcome(outcome);
        world.push(title, BROKEN);
        let asked = world.asked().await;
        let (id, deploy) = (text(&asked["request_id"]).to_owned(), text(&asked["deploy_id"]).to_owned());
        rows.push(waiting(&records, &id).await);
        world.approve(&id).await;
        ids.push(id);
        if title == "Break the stack" {
            let question = world.question(&deploy).await;
            rows.push(waiting(&records, &question).await);
            world.approve(&question).await;
            ids.push(question);
        }
        let ended = world.ended(&deploy).await;
        assert_eq!(ended["status"], "FAILED", "{ended:#}");
        deploys.push(deploy);
    }
    assert_eq!(rows.len(), 4);

    let mut sinks: Vec<(String, String)> =
        rows.iter().map(|row| ("the request's row".to_owned(), row.rest.clone())).collect();
    let mut show = async |tool: &str, arguments: Value| {
        let (_, shown) = server.tool(Role::Admin, tool, arguments).await;
        sinks.push((tool.to_owned(), shown.to_string()));
    };
    show("bouncer_audit_list", json!({ "limit": 1000 })).await;
    show("bouncer_history", json!({})).await;
    for project in ["site", "shop"] {
        show("bouncer_deploy_history", json!({ "project": project })).await;
        show("bouncer_project_show", json!({ "project": project })).await;
    }
    for id in &ids {
        show("bouncer_status", json!({ "request_id": id })).await;
        show("bouncer_request_show", json!({ "request_id": id })).await;
    }
    for deploy in &deploys {
        show("bouncer_deploy_status", json!({ "deploy_id": deploy })).await;
        show("bouncer_deploy_logs", json!({ "deploy_id": deploy })).await;
    }
    let of_requests = ids.iter().flat_map(|id| ["", "/live", "/events"].map(|part| format!("/requests/{id}{part}")));
    let of_deploys = deploys.iter().flat_map(|id| ["", "/live", "/events"].map(|part| format!("/deploys/{id}{part}")));
    let pages = ["/", "/history"].map(str::to_owned).into_iter().chain(of_requests).chain(of_deploys);
    for path in pages {
        let page = approver.get(server, &path).await;
        assert_eq!(page.status(), 200, "{path}");
        sinks.push((path, page.text().await.unwrap()));
    }
    for table in ["bouncer-audit", "bouncer-deploy-history", "bouncer-projects", "bouncer-keys"] {
        let scanned = records.scan().table_name(table).send().await.unwrap();
        sinks.push((table.to_owned(), format!("{:?}", scanned.items())));
    }
    let told = ["sendMessage", "editMessageText", "answerCallbackQuery"].map(|method| telegram.calls(method));
    sinks.push(("Telegram".to_owned(), told.concat().iter().map(|(_, body)| body.to_string()).collect()));
    sinks.push(("GitHub".to_owned(), format!("{:?} {:?}", world.github.statuses(), world.github.deployments())));
    sinks.push(("the log".to_owned(), server.stderr()));

    let mut secrets: Vec<String> =
        [Role::Admin, Role::Approver, Role::Agent].map(|role| server.key(role).to_owned()).to_vec();
    secrets.extend([BOT_TOKEN, TOKEN, NOTE].map(str::to_owned));
    secrets.extend([&approver.cookie, &approver.token].map(|secret| secret.rsplit('=').next().unwrap().to_owned()));
    // The part that cannot be guessed, by itself too.
    secrets.extend(rows.iter().map(|row| row.token.rsplit(':').next().unwrap().to_owned()));
    for (sink, shown) in &sinks {
        for secret in &secrets {
            // A page's own form carries the token of its session.
            let is_its_own = *secret == approver.token && sink.starts_with('/');
            assert!(is_its_own || !shown.contains(secret), "{sink} shows a secret that begins with {secret:.8}");
        }
    }
    // They would have been found: each sink tells of one of the deploys.
    let tells = |shown: &str| ids.iter().chain(&deploys).any(|id| shown.contains(id));
    for sink in ["bouncer_audit_list", "/history", "bouncer-audit", "Telegram", "the log"] {
        assert!(sinks.iter().any(|(name, shown)| name == sink && tells(shown)), "{sink} tells of nothing");
    }
}
