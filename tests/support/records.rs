//! The records of a running server, as whoever may write its tables reaches them.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use super::server::Server;

/// A row as it is stored.
pub type Item = HashMap<String, AttributeValue>;

impl Server {
    /// A client for the running server's records. Their port is told to nobody, so it is looked for.
    pub async fn records(&self) -> Client {
        let settings = std::fs::read(self.data_dir().join("storage.json")).expect("storage.json is there");
        let settings: Value = serde_json::from_slice(&settings).expect("storage.json is whole");
        let text = |name: &str| settings[name].as_str().expect("a text").to_owned();
        let keys = Credentials::new(text("access_key_id"), text("secret_access_key"), None, None, "test");
        let objects = settings["objects_port"].as_u64().expect("a port");
        for port in listened_to(self.pid()) {
            if u64::from(port) == objects || self.url().ends_with(&format!(":{port}")) {
                continue;
            }
            let config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .endpoint_url(format!("http://127.0.0.1:{port}"))
                .credentials_provider(keys.clone())
                .retry_config(RetryConfig::disabled())
                .build();
            let client = Client::from_conf(config);
            if client.list_tables().send().await.is_ok() {
                return client;
            }
        }
        panic!("the server's records are nowhere");
    }
}

/// The ports that a process listens on.
fn listened_to(pid: u32) -> Vec<u16> {
    const LISTENS: &str = "0A";
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs");
    let open = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let sockets: Vec<String> = open.map(|link| link.to_string_lossy().into_owned()).collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).expect("the table of connections");
    let rows = table.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (address, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let port = u16::from_str_radix(address.rsplit(':').next()?, 16).ok()?;
        (*state == LISTENS && sockets.contains(&format!("socket:[{inode}]"))).then_some(port)
    });
    rows.collect()
}
