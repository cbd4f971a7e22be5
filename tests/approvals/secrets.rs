//! No secret is in any record, log or answer that outlives its use.

use std::path::Path;

use serde_json::json;

use super::{ask, new_key, shop};
use crate::support::{Role, Site, text};
use crate::tools::{accepted, upload_all};

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
