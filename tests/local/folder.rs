//! The data folder: one server at a time, and everything kept over a restart.

use aws_sdk_dynamodb::types::AttributeValue;
use embedded_aws::LocalError;
use tokio_util::sync::CancellationToken;

use super::support::{BUCKET, LOOPBACK, Storage, body_files, read, until};

#[tokio::test]
async fn a_second_server_on_the_folder_is_refused() {
    let storage = Storage::start().await;
    let second = embedded_aws::start(storage.path(), LOOPBACK, CancellationToken::new()).await;
    let error = second.expect_err("the folder is in use");
    assert!(matches!(error, LocalError::InUse { .. }), "{error}");
    assert!(error.to_string().contains(&storage.path().display().to_string()), "{error}");
}

#[tokio::test]
async fn a_restart_keeps_data_port_and_credentials() {
    let (storage, s3) = Storage::with_bucket().await;
    s3.put_object()
        .bucket(BUCKET)
        .key("kept")
        .content_type("text/plain")
        .body("kept".into_bytes_stream())
        .send()
        .await
        .unwrap();
    super::records::create_table(&storage.dynamodb()).await;
    super::records::put(&storage.dynamodb(), "kept", 7).await.unwrap();
    let (port, credentials) = (storage.objects.port(), storage.credentials.clone());

    let storage = storage.restart().await;
    assert_eq!(storage.objects.port(), port);
    assert_eq!(storage.credentials, credentials);
    assert_eq!(read(&storage.s3(), "kept").await, (b"kept".to_vec(), "text/plain".to_owned()));
    let item = super::records::get(&storage.dynamodb(), "kept").await.unwrap();
    assert_eq!(item["count"], AttributeValue::N("7".to_owned()));
}

#[tokio::test]
async fn a_port_taken_by_another_program_is_named() {
    let storage = Storage::start().await;
    let port = storage.objects.port();
    let folder = storage.stop().await;
    let _other = std::net::TcpListener::bind((LOOPBACK, port)).unwrap();

    let Err(error) = Storage::start_on(folder).await else { panic!("the port is taken") };
    let text = error.to_string();
    assert!(text.contains(&port.to_string()) && text.contains("objects_port"), "{text}");
    assert!(text.contains("storage.json"), "{text}");
}

#[tokio::test]
async fn damaged_settings_are_refused_and_left_alone() {
    let folder = Storage::start().await.stop().await;
    let path = folder.path().join("storage.json");
    std::fs::write(&path, "{ broken").unwrap();
    let started = embedded_aws::start(folder.path(), LOOPBACK, CancellationToken::new()).await;
    assert!(matches!(started, Err(LocalError::Settings { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{ broken");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("new/data");
    let shutdown = CancellationToken::new();
    let endpoints = embedded_aws::start(&data, LOOPBACK, shutdown.clone()).await.unwrap();
    let mode = |path: &str| std::fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("objects"), 0o700);
    for file in ["lock", "storage.json", "records.db"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    shutdown.cancel();
    endpoints.stopped().await;
}

#[tokio::test]
async fn what_a_crash_left_behind_is_removed_at_the_next_start() {
    let (storage, s3) = Storage::with_bucket().await;
    s3.put_object().bucket(BUCKET).key("kept").body("kept".into_bytes_stream()).send().await.unwrap();
    let folder = storage.stop().await;
    let orphan = folder.path().join("objects/data/ab").join(format!("ab{}", "0".repeat(30)));
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, "half a body").unwrap();

    let storage = Storage::start_on(folder).await.unwrap();
    until("the orphan is removed", || !orphan.exists()).await;
    assert_eq!(read(&storage.s3(), "kept").await.0, b"kept");
    assert_eq!(body_files(storage.path()).len(), 1);
}

#[tokio::test]
async fn bodies_without_their_index_are_refused_and_kept() {
    let (storage, s3) = Storage::with_bucket().await;
    s3.put_object().bucket(BUCKET).key("kept").body("kept".into_bytes_stream()).send().await.unwrap();
    let folder = storage.stop().await;
    let away = tempfile::tempdir().unwrap();
    let index: Vec<_> = std::fs::read_dir(folder.path().join("objects"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("index.db"))
        .collect();
    assert!(!index.is_empty());
    for file in &index {
        std::fs::rename(file, away.path().join(file.file_name().unwrap())).unwrap();
    }
    let bodies = body_files(folder.path());

    // An index that was cut off while it was created is as good as none.
    for cut_off in [false, true] {
        if cut_off {
            std::fs::write(folder.path().join("objects/index.db"), "").unwrap();
        }
        assert_refused_for_its_index(folder.path()).await;
        assert_eq!(body_files(folder.path()), bodies);
    }

    for file in &index {
        std::fs::rename(away.path().join(file.file_name().unwrap()), file).unwrap();
    }
    let storage = Storage::start_on(folder).await.unwrap();
    assert_eq!(read(&storage.s3(), "kept").await.0, b"kept");
}

#[tokio::test]
async fn records_without_the_objects_are_refused() {
    let storage = Storage::start().await;
    super::records::create_table(&storage.dynamodb()).await;
    let folder = storage.stop().await;
    std::fs::remove_dir_all(folder.path().join("objects")).unwrap();
    let error = assert_refused_for_its_index(folder.path()).await;
    assert!(error.contains("records.db"), "{error}");
}

#[tokio::test]
async fn a_first_start_that_was_cut_off_goes_on() {
    let folder = Storage::start().await.stop().await;
    std::fs::remove_dir_all(folder.path().join("objects")).unwrap();
    Storage::start_on(folder).await.unwrap();
}

/// Starts on a folder whose index is gone, and returns the refusal.
async fn assert_refused_for_its_index(folder: &std::path::Path) -> String {
    let started = embedded_aws::start(folder, LOOPBACK, CancellationToken::new()).await;
    let error = started.expect_err("the index is missing");
    assert!(matches!(error, LocalError::IndexMissing { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("index.db is missing") && text.contains("backup") && text.contains("move"), "{text}");
    text
}

/// Bodies in tests read better as texts.
pub trait IntoBody {
    fn into_bytes_stream(self) -> aws_sdk_s3::primitives::ByteStream;
}

impl IntoBody for &str {
    fn into_bytes_stream(self) -> aws_sdk_s3::primitives::ByteStream {
        self.as_bytes().to_vec().into()
    }
}
