//! Other writers, and the network, at the worst moment: between the server's read and its write.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::{Value, json};

use super::{World, ends_with, json_of, row};
use crate::support::{CallProxy, Cli, Credentials, Finished, Mishap, Role, Server};

const FILE: &str =
    "[projects.blog]\nfrontend_bucket = \"blog-site\"\n[projects.shop]\nfrontend_bucket = \"shop-site\"\n";

/// A second server on the same records, with a proxy between them.
struct Beside {
    server: Server,
    proxy: CallProxy,
}

impl Beside {
    async fn start(world: &World) -> Self {
        let data_dir = world.server.data_dir();
        let read =
            |name: &str| -> Value { serde_json::from_slice(&std::fs::read(data_dir.join(name)).unwrap()).unwrap() };
        let (address, storage) = (read("server.json"), read("storage.json"));
        let keys: Credentials = serde_json::from_value(read("credentials.json")).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let proxy = CallProxy::before(&text(&address["records_url"])).await;
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:none";
        let environment = [
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", text(&storage["access_key_id"])),
            ("AWS_SECRET_ACCESS_KEY", text(&storage["secret_access_key"])),
            ("AWS_ENDPOINT_URL_DYNAMODB", proxy.url().to_owned()),
            ("BOUNCER_ACCOUNT", "000000000000".to_owned()),
            ("BOUNCER_STATE_MACHINE_FRONTEND_DEPLOY", machine.to_owned()),
            ("BOUNCER_STATE_MACHINE_DEPLOY", machine.to_owned()),
            ("BOUNCER_STATE_MACHINE_REQUEST", machine.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        Self { server: Server::hosted(&environment, keys).await, proxy }
    }

    /// Imports the world's file through this server.
    async fn import(&self, world: &World, options: &[&str]) -> Finished {
        let (file, key) = (world.file(), self.server.key(Role::Admin));
        let arguments = ["project", "import", file.to_str().unwrap(), "--server", self.server.url(), "--key", key];
        Cli::new(world.server.scratch(), &[&arguments, options].concat()).run().await
    }

    /// Changes the first answer that holds the row of the blog.
    fn alter_first_read(&self, alter: impl Fn(&mut Value) + Send + Sync + 'static) {
        let done = AtomicBool::new(false);
        let rewrite = move |answer: String| {
            let mut parsed: Value = serde_json::from_str(&answer).unwrap_or_default();
            if parsed["Item"]["project_id"]["S"] != "blog" || done.swap(true, Ordering::SeqCst) {
                return answer;
            }
            alter(&mut parsed);
            parsed.to_string()
        };
        self.proxy.first(100, "GetItem", Mishap::Rewrite(Arc::new(rewrite)));
    }
}

#[tokio::test]
async fn a_change_that_was_not_seen_is_not_overwritten() {
    let world = World::start().await;
    let theirs = row(&[("project_id", "blog"), ("frontend_bucket", "their-blog"), ("stack_name", "blog-stack")]);
    world.put(theirs.clone()).await;
    world.state(FILE);
    let beside = Beside::start(&world).await;
    beside.alter_first_read(|answer| *answer = json!({}));

    let conflict = ends_with(beside.import(&world, &[]).await, 6);
    assert!(conflict.stdout.starts_with("+ blog  NOT WRITTEN: another writer changed it first\n"), "{conflict:#?}");
    assert!(conflict.stdout.ends_with("1 added, 0 changed, 0 kept, 1 not written.\n"), "{conflict:#?}");
    assert!(conflict.stderr.contains("then import again"), "{conflict:#?}");
    assert_eq!(world.row("blog").await.unwrap(), theirs);
    assert!(world.row("shop").await.is_some(), "the others are written");

    // The second run sees the change, and shows what it replaces.
    let again = ends_with(beside.import(&world, &["--json"]).await, 0);
    let again = json_of(&again);
    let bucket = json!({ "field": "frontend_bucket", "old": "their-blog", "new": "blog-site" });
    assert_eq!(again["projects"][0]["fields"], json!([bucket]), "{again:#}");
    assert_eq!(world.row("blog").await.unwrap()["stack_name"], theirs["stack_name"]);
}

#[tokio::test]
async fn a_release_published_meanwhile_does_not_disturb() {
    let world = World::start().await;
    let mut blog = row(&[("project_id", "blog"), ("frontend_bucket", "blog-site"), ("name", "Old")]);
    blog.insert("current_release".into(), AttributeValue::S("rel-0123456789ab".into()));
    world.put(blog.clone()).await;
    world.state("[projects.blog]\nfrontend_bucket = \"blog-site\"\nname = \"New\"\n");
    let beside = Beside::start(&world).await;
    beside.alter_first_read(|answer| answer["Item"]["current_release"]["S"] = json!("rel-0123456789aa"));

    ends_with(beside.import(&world, &[]).await, 0);
    blog.insert("name".into(), AttributeValue::S("New".into()));
    assert_eq!(world.row("blog").await.unwrap(), blog);
}

#[tokio::test]
async fn a_lost_answer_is_no_conflict() {
    let world = World::start().await;
    world.put(row(&[("project_id", "blog"), ("frontend_bucket", "old-blog")])).await;
    world.state(FILE);
    let beside = Beside::start(&world).await;
    beside.proxy.first(1, "TransactWriteItems", Mishap::LoseAnswer);

    let done = json_of(&ends_with(beside.import(&world, &["--json"]).await, 0));
    assert_eq!(beside.proxy.left(), 0);
    assert_eq!(done["projects"][0]["outcome"], "written", "{done:#}");
    assert_eq!(world.row("blog").await.unwrap()["frontend_bucket"], AttributeValue::S("blog-site".into()));
}

#[tokio::test]
async fn a_failed_write_stops_the_import_and_the_next_one_finishes_it() {
    let world = World::start().await;
    world.state(&format!("{FILE}[projects.wiki]\nfrontend_bucket = \"wiki-site\"\n"));
    let beside = Beside::start(&world).await;
    // The first of the three is written.
    beside.proxy.first(1, "TransactWriteItems", Mishap::Rewrite(Arc::new(|answer| answer)));
    beside.proxy.first(1, "TransactWriteItems", Mishap::Refuse(400, "AccessDeniedException"));

    let failed = ends_with(beside.import(&world, &[]).await, 1);
    assert!(failed.stdout.starts_with("+ blog\n"), "{failed:#?}");
    assert!(failed.stdout.contains("+ shop  NOT WRITTEN: the write failed\n"), "{failed:#?}");
    assert!(failed.stdout.contains("+ wiki  NOT WRITTEN: not tried after the failure\n"), "{failed:#?}");
    assert!(failed.stderr.starts_with("error: Bouncer has no access to its records."), "{failed:#?}");

    let finished = ends_with(beside.import(&world, &[]).await, 0);
    assert!(finished.stdout.ends_with("2 added, 0 changed, 1 kept.\n"), "{finished:#?}");
}

#[tokio::test]
async fn imports_at_once_give_a_bucket_once() {
    let world = World::start().await;
    for round in 0..3 {
        let files: Vec<_> = (0..5)
            .map(|n| {
                let file = world.server.scratch().join(format!("{round}-{n}.toml"));
                let own = format!("[projects.own-{round}-{n}]\nfrontend_bucket = \"own-{round}-{n}\"\n");
                let wished = format!("[projects.site-{round}-{n}]\nfrontend_bucket = \"bucket-{round}\"\n");
                std::fs::write(&file, format!("{own}{wished}")).unwrap();
                file
            })
            .collect();
        let runs =
            files.iter().map(|file| Cli::on(&world.server, &["project", "import", file.to_str().unwrap()]).run());
        let codes: Vec<_> = join_all(runs).await.into_iter().map(|run| run.code).collect();
        assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == Some(2)).count(), 4, "{codes:?}");

        let rows = world.rows().await;
        let with = |bucket: String| rows.iter().filter(move |row| row["frontend_bucket"].as_s() == Ok(&bucket)).count();
        assert_eq!(with(format!("bucket-{round}")), 1, "{rows:#?}");
        // Whoever was refused has written nothing at all.
        let owners: HashSet<_> = (0..5).filter(|n| with(format!("own-{round}-{n}")) == 1).collect();
        assert_eq!(owners.len(), 1, "{rows:#?}");
    }
    let locks = world.records.scan().table_name("bouncer-deploy-locks").send().await.unwrap();
    assert_eq!(locks.count, 0, "no lock is left over");
}
