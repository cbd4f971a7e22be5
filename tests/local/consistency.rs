//! Body and headers change together, whoever reads and writes meanwhile.

use super::support::{BUCKET, Storage, body_files, read};

/// A body that names its header; some are small, some are streamed.
fn body(number: usize) -> Vec<u8> {
    let length = if number.is_multiple_of(2) { 200 } else { 400_000 };
    let mut body = format!("text/{number} ").into_bytes();
    body.resize(length + number, b'.');
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_never_see_a_mixture() {
    let (storage, s3) = Storage::with_bucket().await;
    let put = |number: usize| {
        let put = s3.put_object().bucket(BUCKET).key("key").content_type(format!("text/{number}"));
        put.body(body(number).into()).send()
    };
    put(0).await.unwrap();
    let writers = futures::future::join_all((1..=4).map(|writer| async move {
        for round in 0..15 {
            put(writer * 100 + round).await.unwrap();
        }
    }));
    let readers = futures::future::join_all((0..4).map(|_| async {
        for _ in 0..30 {
            let (found, content_type) = read(&s3, "key").await;
            let number: usize = content_type.strip_prefix("text/").unwrap().parse().unwrap();
            assert!(found == body(number), "the body is not the one of {content_type}");
        }
    }));
    futures::future::join(writers, readers).await;
    assert_eq!(body_files(storage.path()).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_race_with_writers() {
    let (storage, s3) = Storage::with_bucket().await;
    let put = |number: usize| {
        let put = s3.put_object().bucket(BUCKET).key("key").content_type(format!("text/{number}"));
        put.body(body(number).into()).send()
    };
    put(0).await.unwrap();
    let writer = async {
        for round in 1..40 {
            put(round).await.unwrap();
        }
    };
    let copier = async {
        for _ in 0..40 {
            s3.copy_object().bucket(BUCKET).key("copy").copy_source("bucket/key").send().await.unwrap();
            let (found, content_type) = read(&s3, "copy").await;
            let number: usize = content_type.strip_prefix("text/").unwrap().parse().unwrap();
            assert!(found == body(number), "the body is not the one of {content_type}");
        }
    };
    futures::future::join(writer, copier).await;
    assert_eq!(body_files(storage.path()).len(), 2);
}

/// An upload whose client goes away halfway is as if it had never begun.
#[tokio::test]
async fn an_upload_that_breaks_off_changes_nothing() {
    use aws_sdk_s3::presigning::PresigningConfig;
    use futures::stream;

    let (storage, s3) = Storage::with_bucket().await;
    let put = s3.put_object().bucket(BUCKET).key("key").content_type("text/old").body(b"old".to_vec().into());
    put.send().await.unwrap();
    let hour = PresigningConfig::expires_in(std::time::Duration::from_secs(3600)).unwrap();
    let presigned = s3.put_object().bucket(BUCKET).key("key").presigned(hour).await.unwrap();
    let pieces = stream::iter((0..8).map(|piece| {
        if piece < 7 { Ok(vec![b'n'; 100_000]) } else { Err(std::io::Error::other("the client goes away")) }
    }));
    let broken = reqwest::Client::new()
        .put(presigned.uri())
        .header("content-length", "800000")
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await;
    assert!(broken.map_or(true, |answer| answer.status().is_client_error()));
    assert_eq!(read(&s3, "key").await, (b"old".to_vec(), "text/old".to_owned()));
    super::support::until("the half is removed", || body_files(storage.path()).len() == 1).await;
}
