//! What is refused, before anything is written.

use super::support::{Backend, World, program, row, run};
use crate::on_both;

on_both!(one_wrong_row_writes_nothing, a_bucket_of_another_project_is_refused, a_table_that_is_not_there_is_named);

async fn one_wrong_row_writes_nothing(world: World) {
    world.put(row(&[("project_id", "shop"), ("frontend_bucket", "old-site")])).await;
    let before = world.rows().await;
    world.state(
        "[projects.shop]\nfrontend_bucket = \"shop-site\"\n\n[projects.blog]\nfrontend_bucket = \"Blog Site\"\n\
         frontend_buckets = \"x\"\nfrontend_region = \"mars\"\n",
    );
    for arguments in [&[][..], &["--dry-run"], &["--check"], &["--project", "shop"]] {
        let refused = world.seed(arguments).await.ends_with(2);
        let file = world.file().display().to_string();
        let lines: Vec<&str> = refused.stderr.lines().collect();
        assert_eq!(lines.len(), 4, "{refused:#?}");
        assert!(
            lines[0].starts_with(&format!("{file}:5: The project 'blog': frontend_bucket 'Blog Site'")),
            "{lines:#?}"
        );
        assert!(
            lines[1].starts_with(&format!("{file}:6: The project 'blog': unknown key 'frontend_buckets'")),
            "{lines:#?}"
        );
        assert!(lines[2].starts_with(&format!("{file}:7: The project 'blog': frontend_region 'mars'")), "{lines:#?}");
        assert_eq!(lines[3], "3 faults in the file; nothing was written.");
        assert_eq!(world.rows().await, before);
    }
}

async fn a_bucket_of_another_project_is_refused(world: World) {
    world.put(row(&[("project_id", "old"), ("frontend_bucket", "site")])).await;
    world.state("[projects.blog]\nfrontend_bucket = \"blog\"\n[projects.shop]\nfrontend_bucket = \"site\"\n");
    let refused = world.seed(&[]).await.ends_with(2);
    assert!(refused.stderr.contains(":4: The project 'shop': the bucket 'site' is already that of the project 'old'"));
    assert_eq!(world.rows().await.len(), 1);

    // The same file may take the bucket over when it gives the other project another one.
    world.state("[projects.old]\nfrontend_bucket = \"old-site\"\n[projects.shop]\nfrontend_bucket = \"site\"\n");
    world.seed(&[]).await.ends_with(0);
    world.seed(&["--check"]).await.ends_with(0);
}

async fn a_table_that_is_not_there_is_named(world: World) {
    world.state("[projects.shop]\nfrontend_bucket = \"shop-site\"\n");
    let refused = world.seed(&["--table", "elsewhere"]).await.ends_with(1);
    assert!(refused.stderr.contains("The table elsewhere cannot be read"), "{refused:#?}");
    assert!(refused.stderr.contains("--table"), "{refused:#?}");
    assert!(world.rows().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_command_lines_and_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = async |arguments: &[&str], words: &str| {
        let mut command = program(folder.path());
        command.args(arguments);
        let refused = run(command).await.ends_with(2);
        assert!(refused.stderr.contains(words), "{words}: {refused:#?}");
        assert_eq!(refused.stdout, "");
    };
    refuse(&["--check", "--dry-run"], "cannot be used with").await;
    refuse(&["--data-dir", "d", "--endpoint-url", "http://127.0.0.1:1"], "cannot be used with").await;
    refuse(&["--endpoint-url", "localhost"], "expected a form such as http://127.0.0.1:4566").await;
    refuse(&["--file", "nowhere.toml"], "The file nowhere.toml cannot be read").await;
    std::fs::write(folder.path().join("good.toml"), "").unwrap();
    refuse(&["--file", "good.toml"], "no AWS region is set").await;
    std::fs::write(folder.path().join("bad.toml"), [0xff, 0xfe]).unwrap();
    refuse(&["--file", "bad.toml"], "The file bad.toml cannot be read").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_is_a_failure() {
    let world = World::start(Backend::Embedded).await;
    world.state("[projects.shop]\nfrontend_bucket = \"shop-site\"\n");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failed = world.seed_through(&format!("http://{closed}"), &[]).await.ends_with(1);
    assert!(failed.stderr.starts_with("error: The table bouncer-projects cannot be read"), "{failed:#?}");
    assert!(failed.stderr.contains("--endpoint-url"), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_are_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("configs.toml"), "").unwrap();
    let mut command = program(folder.path());
    command.args(["--file", "configs.toml", "--region", "eu-west-1"]);
    let failed = run(command).await.ends_with(1);
    assert_eq!(failed.stderr.lines().count(), 2, "{failed:#?}");
    assert!(failed.stderr.contains("no credentials found in chain"), "{failed:#?}");
    assert!(failed.stderr.contains("AWS_PROFILE"), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_file_of_the_repository_is_right() {
    let world = World::start(Backend::Embedded).await;
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/frontend_configs.toml"), world.file()).unwrap();
    world.seed(&[]).await.ends_with(0);
    world.seed(&["--check"]).await.ends_with(0);
    let rows = world.rows().await;
    assert_eq!(rows.len(), 2);
    assert!(rows.values().all(|row| row["enabled"].as_bool() == Ok(&false)), "examples take no requests: {rows:#?}");
}
