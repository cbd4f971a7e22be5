//! Who a host is to AWS, and who the first admin is to Bouncer.

use serde_json::json;
use tempfile::tempdir;

use super::installation::Installation;
use crate::support::Role;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_takes_its_credentials_from_the_program_that_a_profile_names() {
    let installation = Installation::new().await;
    let folder = tempdir().unwrap();
    let (config, printed) = (folder.path().join("config"), folder.path().join("printed.json"));
    let printed_keys = json!({ "Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test" });
    std::fs::write(&printed, printed_keys.to_string()).unwrap();
    std::fs::write(&config, format!("[profile dev]\ncredential_process = cat '{}'\n", printed.display())).unwrap();

    let settings = [("AWS_CONFIG_FILE", config.to_str().unwrap()), ("AWS_PROFILE", "dev")];
    let server = installation.host_with(&settings).await;
    let (status, projects) = server.tool(Role::Agent, "bouncer_project_list", json!({})).await;
    assert_eq!((status, &projects["count"]), (200, &json!(0)), "{projects:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_key_opens_nothing_once_there_is_another() {
    let installation = Installation::new().await;
    let first = installation.server.key(Role::Admin).to_owned();
    let create = json!({ "name": "you", "role": "admin" });
    let (status, created) = installation.server.tool(Role::Admin, "bouncer_key_create", create).await;
    assert_eq!(status, 200, "{created:#}");

    // As if it had never been used: its row is not there, and the secret still is.
    let rows = installation.boto.call("dynamodb", "scan", json!({ "TableName": "bouncer-keys" })).await;
    let row = rows["Items"].as_array().unwrap().iter().find(|row| row["name"]["S"] == "first admin").unwrap();
    let key = json!({ "TableName": "bouncer-keys", "Key": { "key_hash": row["key_hash"] } });
    installation.boto.call("dynamodb", "delete_item", key).await;
    let (status, refused) = installation.server.tool_with_key(&first, "bouncer_help", &json!({})).await;
    assert_eq!(status, 401, "{refused:#}");
}
