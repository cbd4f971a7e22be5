//! `bouncer project import`: a file of projects against a running server.

mod interference;
mod refusals;
mod tables;

use std::path::PathBuf;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::support::{Cli, Finished, Item, Server};

const TABLE: &str = "bouncer-projects";
const SHOP: &str = r#"
[projects.shop]
name = "Shop"
frontend_bucket = "shop-site"
frontend_region = "eu-west-1"
frontend_cache_rules = [{ pattern = "*.json", cache_control = "no-cache" }]
"#;
const BLOG: &str = "\n[projects.blog]\nfrontend_bucket = \"blog-site\"\n";

/// A local server, its projects table, and the file to import.
struct World {
    server: Server,
    records: Client,
}

impl World {
    async fn start() -> Self {
        let server = Server::start().await;
        let records = server.records().await;
        Self { server, records }
    }

    fn file(&self) -> PathBuf {
        self.server.scratch().join("projects.toml")
    }

    /// Writes the file.
    fn state(&self, toml: &str) {
        std::fs::write(self.file(), toml).unwrap();
    }

    /// Imports the file.
    async fn import(&self, options: &[&str]) -> Finished {
        let file = self.file();
        let arguments = ["project", "import", file.to_str().unwrap()];
        Cli::on(&self.server, &[&arguments, options].concat()).run().await
    }

    async fn put(&self, row: Item) {
        self.records.put_item().table_name(TABLE).set_item(Some(row)).send().await.unwrap();
    }

    async fn row(&self, project: &str) -> Option<Item> {
        let key = AttributeValue::S(project.to_owned());
        let found = self.records.get_item().table_name(TABLE).key("project_id", key).consistent_read(true);
        found.send().await.unwrap().item
    }

    /// Every row, sorted by project.
    async fn rows(&self) -> Vec<Item> {
        let rows = self.records.scan().table_name(TABLE).consistent_read(true).send().await.unwrap();
        let mut rows = rows.items.unwrap_or_default();
        rows.sort_by_key(|row| row["project_id"].as_s().unwrap().clone());
        rows
    }
}

/// A row of texts; `true` and `false` are switches.
fn row(attributes: &[(&str, &str)]) -> Item {
    let value = |text: &str| match text {
        "true" | "false" => AttributeValue::Bool(text == "true"),
        _ => AttributeValue::S(text.to_owned()),
    };
    attributes.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
}

#[track_caller]
fn ends_with(run: Finished, code: i32) -> Finished {
    assert_eq!(run.code, Some(code), "{run:#?}");
    run
}

#[track_caller]
fn json_of(run: &Finished) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:#?}"))
}
