//! The tests' own footing.

use std::time::Duration;

use super::{Cli, Role, Server, Site, redact, wait_until};

#[test]
fn a_seed_gives_the_same_site() {
    let (one, same, other) = (Site::new(7, 3, 16), Site::new(7, 3, 16), Site::new(8, 3, 16));
    assert_eq!(one.files().len(), 20);
    for ((a, b), c) in one.files().iter().zip(same.files()).zip(other.files()) {
        assert_eq!((&a.path, &a.bytes), (&b.path, &b.bytes));
        assert_ne!(a.bytes, c.bytes);
        assert_eq!(std::fs::read(one.dir().join(&a.path)).unwrap(), a.bytes);
    }
    // As it was when these tests were written, on any machine.
    assert_eq!(one.file("index.html").sha256(), INDEX_OF_SEED_7);
}

const INDEX_OF_SEED_7: &str = "554277a6401dd014e19e99c93dab39d30acb70025e736714b02e9db8e2e69670";

#[test]
fn what_changes_from_run_to_run_is_redacted() {
    let text = r#"{
  "request_id": "req-0123456789abcdef", "batch_id": "batch-0123456789ab", "release_id": "rel-0123456789ab",
  "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "key": "bncr_AbC-_1",
  "commit_sha": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "id": "01890a5d-ac96-774b-bcce-b302099a8057",
  "expires_at": "2024-05-06T07:08:09.123Z", "s3_key": "2024-05-06/x", "expires_in": "600 seconds",
  "url": "http://127.0.0.1:4321/a?X-Amz-Date=1&X-Amz-Signature=0a&x=y", "age_seconds": 12, "took": "1.5s",
  "folder": "/tmp/bouncer-test-a1B2/data", "file_count": 12
}"#;
    redact().bind(|| {
        insta::assert_snapshot!(text, @r#"
        {
          "request_id": "req-[id]", "batch_id": "batch-[id]", "release_id": "rel-[id]",
          "sha256": "[sha256]", "key": "[key]",
          "commit_sha": "[commit]", "id": "[id]",
          "expires_at": "[time]", "s3_key": "[date]/x", "expires_in": "[n] seconds",
          "url": "http://127.0.0.1:[port]/a?[signature]", "age_seconds": [duration], "took": "[duration]",
          "folder": "[folder]/data", "file_count": 12
        }
        "#);
    });
}

#[tokio::test]
async fn waiting_ends_with_the_value() {
    let mut asked = 0;
    let third = wait_until("the third time", Duration::from_secs(5), async || {
        asked += 1;
        (asked == 3).then_some("here")
    });
    assert_eq!(third.await, "here");
}

#[tokio::test]
#[should_panic(expected = "in vain for: nothing")]
async fn waiting_in_vain_ends_too() {
    wait_until("nothing", Duration::from_millis(30), async || None::<()>).await;
}

#[tokio::test]
async fn the_command_line_runs_without_a_server() {
    let home = tempfile::TempDir::with_prefix("bouncer-test-").unwrap();
    let version = Cli::new(home.path(), &["--version"]).run().await;
    assert_eq!((version.code, version.stderr.as_str()), (Some(0), ""));
    assert_eq!(version.stdout.trim(), concat!("bouncer ", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_server_starts_stops_and_starts_again() {
    let mut server = Server::start().await;
    let keys = [Role::Admin, Role::Approver, Role::Agent].map(|role| server.key(role).to_owned());
    assert!(keys.iter().all(|key| key.starts_with("bncr_")), "keys have a prefix to be found by");
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);

    assert_eq!(server.stop(), Some(0), "asked to end, it ends well:\n{}", server.stderr());
    assert_eq!(server.stop(), None);
    server.restart().await;
    server.kill9();
    server.restart().await;

    let stored = std::fs::read_to_string(server.data_dir().join("credentials.json")).unwrap();
    assert!(keys.iter().all(|key| stored.contains(key)), "keys outlive a restart");
}
