//! Someone else, and the network, at the worst moment: between the program's read and its write.

use super::support::{LOOPBACK, World, create_table, row};
use crate::on_both;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

on_both!(
    a_concurrent_change_is_not_overwritten,
    a_project_made_meanwhile_is_not_overwritten,
    a_project_removed_meanwhile_stays_removed,
    changes_of_other_attributes_do_not_disturb,
    a_lost_answer_is_no_conflict,
    programs_at_once_give_a_bucket_once,
);

/// A way to the table on which the first write to it is intercepted.
struct Way {
    url: String,
}

impl Way {
    /// `before` is done when the first write has been sent and before it arrives.
    async fn with<F: Future<Output = ()> + Send + 'static>(world: &World, before: F) -> Self {
        Self::open(world, before, false).await
    }

    /// The first write arrives, but its answer is lost.
    async fn that_loses_an_answer(world: &World) -> Self {
        Self::open(world, async {}, true).await
    }

    async fn open<F: Future<Output = ()> + Send + 'static>(world: &World, before: F, lose: bool) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let table = world.endpoint.trim_start_matches("http://").to_owned();
        let before = Arc::new(tokio::sync::Mutex::new(Some(Box::pin(before))));
        tokio::spawn(async move {
            while let Ok((program, _)) = listener.accept().await {
                let (table, before) = (TcpStream::connect(&table).await.unwrap(), before.clone());
                tokio::spawn(async move {
                    let intercepted = AtomicBool::new(false);
                    let (mut from_program, mut to_program) = program.into_split();
                    let (mut from_table, mut to_table) = table.into_split();
                    let there = async {
                        let (mut buffer, mut head) = (vec![0; 64 << 10], Vec::new());
                        while let Ok(length @ 1..) = from_program.read(&mut buffer).await {
                            // A request's name may come in two pieces.
                            head.extend_from_slice(&buffer[..length]);
                            if is_write(&head) {
                                if let Some(before) = before.lock().await.take() {
                                    intercepted.store(true, Ordering::SeqCst);
                                    before.await;
                                }
                                head.clear();
                            }
                            head.drain(..head.len().saturating_sub(100));
                            if to_table.write_all(&buffer[..length]).await.is_err() {
                                return;
                            }
                        }
                    };
                    let back = async {
                        let mut buffer = vec![0; 64 << 10];
                        while let Ok(length @ 1..) = from_table.read(&mut buffer).await {
                            let lost = lose && intercepted.load(Ordering::SeqCst);
                            if lost || to_program.write_all(&buffer[..length]).await.is_err() {
                                return;
                            }
                        }
                    };
                    // Either side's end closes both.
                    tokio::select! { () = there => {}, () = back => {} }
                });
            }
        });
        Self { url }
    }
}

fn is_write(bytes: &[u8]) -> bool {
    ["UpdateItem", "TransactWriteItems"]
        .iter()
        .map(|name| format!("DynamoDB_20120810.{name}"))
        .any(|name| bytes.windows(name.len()).any(|window| window == name.as_bytes()))
}

const FILE: &str =
    "[projects.blog]\nfrontend_bucket = \"blog-site\"\n[projects.shop]\nfrontend_bucket = \"shop-site\"\n";

async fn a_concurrent_change_is_not_overwritten(world: World) {
    world.put(row(&[("project_id", "blog"), ("frontend_bucket", "old-blog")])).await;
    world.state(FILE);
    let theirs = row(&[("project_id", "blog"), ("frontend_bucket", "their-blog"), ("git_repo", "acme/blog")]);
    let put = world.dynamodb().put_item().table_name("bouncer-projects").set_item(Some(theirs.clone()));
    let way = Way::with(&world, async { drop(put.send().await.unwrap()) }).await;

    let conflict = world.seed_through(&way.url, &[]).await.ends_with(6);
    assert!(conflict.stdout.contains("~ blog  NOT WRITTEN: someone else changed it meanwhile\n"), "{conflict:#?}");
    assert!(conflict.stdout.contains("Changed 1 project in bouncer-projects."), "{conflict:#?}");
    assert!(conflict.stderr.contains("run this again"), "{conflict:#?}");
    assert_eq!(world.row("blog").await.unwrap(), theirs);
    assert!(world.row("shop").await.is_some(), "the others are written");

    // The second run sees their change, and shows what it replaces.
    let again = world.seed(&[]).await.ends_with(0);
    assert!(again.stdout.contains("frontend_bucket: \"their-blog\" -> \"blog-site\""), "{again:#?}");
    assert_eq!(world.row("blog").await.unwrap()["git_repo"], theirs["git_repo"]);
}

async fn a_project_made_meanwhile_is_not_overwritten(world: World) {
    world.state(FILE);
    let theirs = row(&[("project_id", "blog"), ("stack_name", "blog-stack")]);
    let put = world.dynamodb().put_item().table_name("bouncer-projects").set_item(Some(theirs.clone()));
    let way = Way::with(&world, async { drop(put.send().await.unwrap()) }).await;

    let conflict = world.seed_through(&way.url, &["--json"]).await.ends_with(6).json();
    assert_eq!(conflict["status"], "conflict");
    assert_eq!(conflict["projects"][0]["outcome"], "conflict", "{conflict:#}");
    assert_eq!(conflict["projects"][1]["outcome"], "written", "{conflict:#}");
    assert_eq!(world.row("blog").await.unwrap(), theirs);
}

async fn a_project_removed_meanwhile_stays_removed(world: World) {
    world.put(row(&[("project_id", "blog"), ("stack_name", "blog-stack")])).await;
    world.state(FILE);
    let key = AttributeValue::S("blog".into());
    let delete = world.dynamodb().delete_item().table_name("bouncer-projects").key("project_id", key);
    let way = Way::with(&world, async { drop(delete.send().await.unwrap()) }).await;

    world.seed_through(&way.url, &[]).await.ends_with(6);
    assert_eq!(world.row("blog").await, None);
}

async fn changes_of_other_attributes_do_not_disturb(world: World) {
    world.put(row(&[("project_id", "blog"), ("frontend_bucket", "old-blog"), ("enabled", "true")])).await;
    world.state(FILE);
    // A deploy moves the pointer, an admin switches the project off: the file decides on neither. But the project gets
    // another bucket, and no release is current in that one.
    let update = world
        .dynamodb()
        .update_item()
        .table_name("bouncer-projects")
        .key("project_id", AttributeValue::S("blog".into()))
        .update_expression("SET current_release = :release, enabled = :enabled")
        .expression_attribute_values(":release", AttributeValue::S("rel-0123456789ab".into()))
        .expression_attribute_values(":enabled", AttributeValue::Bool(false));
    let way = Way::with(&world, async { drop(update.send().await.unwrap()) }).await;

    world.seed_through(&way.url, &[]).await.ends_with(0);
    let expected = row(&[("project_id", "blog"), ("frontend_bucket", "blog-site"), ("enabled", "false")]);
    assert_eq!(world.row("blog").await.unwrap(), expected);
}

async fn a_lost_answer_is_no_conflict(world: World) {
    world.put(row(&[("project_id", "blog"), ("frontend_bucket", "old-blog")])).await;
    world.state(FILE);
    let way = Way::that_loses_an_answer(&world).await;
    let done = world.seed_through(&way.url, &["--json"]).await.ends_with(0).json();
    assert_eq!(done["projects"][0]["outcome"], "written", "{done:#}");
    assert_eq!(world.row("blog").await.unwrap()["frontend_bucket"], AttributeValue::S("blog-site".into()));
}

async fn programs_at_once_give_a_bucket_once(world: World) {
    create_table(&world.dynamodb(), "bouncer-deploy-locks").await;
    for round in 0..4 {
        let files: Vec<_> = (0..5)
            .map(|n| {
                let file = world.folder.path().join(format!("{round}-{n}.toml"));
                let own = format!("[projects.own-{round}-{n}]\nfrontend_bucket = \"own-{round}-{n}\"\n");
                let wished = format!("[projects.site-{round}-{n}]\nfrontend_bucket = \"bucket-{round}\"\n");
                std::fs::write(&file, format!("{own}{wished}")).unwrap();
                file
            })
            .collect();
        let runs = files.iter().map(|file| world.seed_file(file));
        let codes: Vec<_> = join_all(runs).await.into_iter().map(|run| run.code).collect();
        // Taken already when it looked, or taken between its look and its write.
        assert!(codes.iter().all(|code| matches!(code, Some(0 | 2 | 6))), "{codes:?}");
        let rows = world.rows().await;
        let bucket = AttributeValue::S(format!("bucket-{round}"));
        let holders = rows.values().filter(|row| row.get("frontend_bucket") == Some(&bucket)).count();
        assert!(holders <= 1, "{holders} projects share a bucket: {codes:?}");

        // Run again one by one, as the message says, all that can be written is.
        for file in &files {
            world.seed_file(file).await;
        }
        let rows = world.rows().await;
        let holders = rows.values().filter(|row| row.get("frontend_bucket") == Some(&bucket)).count();
        assert_eq!(holders, 1, "{rows:#?}");
    }
    let leases = world.dynamodb().scan().table_name("bouncer-deploy-locks").send().await.unwrap();
    assert_eq!(leases.count, 0, "no turn is left over");
}
