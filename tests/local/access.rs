//! Who the S3 endpoint answers: signatures, presigned URLs and what they bind.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use base64::Engine as _;
use embedded_aws::StorageCredentials;
use sha2::{Digest as _, Sha256};

use super::folder::IntoBody as _;
use super::support::{BUCKET, Storage, code, read, s3_client};

fn sha256(body: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(body))
}

async fn send(presigned: &PresignedRequest, body: &str, more: &[(&str, &str)]) -> (u16, String) {
    let method = reqwest::Method::from_bytes(presigned.method().as_bytes()).unwrap();
    let mut request = reqwest::Client::new().request(method, presigned.uri()).body(body.to_owned());
    for (name, value) in presigned.headers().chain(more.iter().copied()) {
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn strangers_are_refused() {
    let (storage, s3) = Storage::with_bucket().await;
    s3.put_object().bucket(BUCKET).key("key").body("body".into_bytes_stream()).send().await.unwrap();
    let own = storage.credentials.clone();

    let wrong_secret = StorageCredentials { secret_access_key: "0".repeat(64), ..own.clone() };
    let forger = s3_client(storage.objects, &wrong_secret);
    assert_eq!(code(forger.get_object().bucket(BUCKET).key("key").send().await), "SignatureDoesNotMatch");
    let put = forger.put_object().bucket(BUCKET).key("key").body("forged".into_bytes_stream());
    assert_eq!(code(put.send().await), "SignatureDoesNotMatch");

    let wrong_id = StorageCredentials { access_key_id: "0".repeat(32), ..own };
    let stranger = s3_client(storage.objects, &wrong_id);
    assert_eq!(code(stranger.get_object().bucket(BUCKET).key("key").send().await), "NotSignedUp");

    let client = reqwest::Client::new();
    assert_eq!(client.get(storage.url("key")).send().await.unwrap().status(), 403);
    assert_eq!(client.put(storage.url("key")).body("anonymous").send().await.unwrap().status(), 403);
    assert_eq!(client.delete(storage.url("key")).send().await.unwrap().status(), 403);
    assert_eq!(read(&s3, "key").await.0, b"body");
}

#[tokio::test]
async fn a_presigned_put_takes_the_signed_bytes_only() {
    let (_storage, s3) = Storage::with_bucket().await;
    let hour = PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap();
    let put = s3.put_object().bucket(BUCKET).key("key").checksum_sha256(sha256("approved"));
    let presigned = put.presigned(hour).await.unwrap();

    let (status, answer) = send(&presigned, "other bytes", &[]).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("BadDigest"), "{answer}");
    assert_eq!(code(s3.get_object().bucket(BUCKET).key("key").send().await), "NoSuchKey");

    // The declared hash is a signed header: it can be neither left out nor changed.
    let mut headers = presigned.headers();
    assert!(headers.any(|(name, _)| name.eq_ignore_ascii_case("x-amz-checksum-sha256")));
    let put = |hash: Option<String>| {
        let put = reqwest::Client::new().put(presigned.uri()).body("other bytes");
        hash.into_iter().fold(put, |put, hash| put.header("x-amz-checksum-sha256", hash)).send()
    };
    assert_eq!(put(None).await.unwrap().status(), 403);
    assert_eq!(put(Some(sha256("other bytes"))).await.unwrap().status(), 403);

    let (status, answer) = send(&presigned, "approved", &[]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(read(&s3, "key").await.0, b"approved");
}

#[tokio::test]
async fn headers_that_were_not_signed_are_refused() {
    let (_storage, s3) = Storage::with_bucket().await;
    s3.put_object().bucket(BUCKET).key("private").body("private".into_bytes_stream()).send().await.unwrap();
    let hour = PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap();
    let presigned = s3.put_object().bucket(BUCKET).key("inbox").presigned(hour).await.unwrap();
    let (status, answer) = send(&presigned, "", &[("x-amz-copy-source", "/bucket/private")]).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("AccessDenied"), "{answer}");
    assert_eq!(code(s3.get_object().bucket(BUCKET).key("inbox").send().await), "NoSuchKey");
}

#[tokio::test]
async fn a_presigned_request_ends_and_is_good_for_its_own_key_only() {
    let (_storage, s3) = Storage::with_bucket().await;
    let past = PresigningConfig::builder()
        .start_time(SystemTime::now() - Duration::from_secs(120))
        .expires_in(Duration::from_secs(60))
        .build()
        .unwrap();
    let expired = s3.put_object().bucket(BUCKET).key("key").presigned(past).await.unwrap();
    let (status, answer) = send(&expired, "late", &[]).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("expired"), "{answer}");

    let hour = PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap();
    let presigned = s3.put_object().bucket(BUCKET).key("key").presigned(hour).await.unwrap();
    let elsewhere = presigned.uri().replace("/bucket/key?", "/bucket/other?");
    let answer = reqwest::Client::new().put(elsewhere).body("moved").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(s3.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents(), []);
}

#[tokio::test]
async fn form_uploads_are_refused_before_their_file_is_read() {
    let (storage, s3) = Storage::with_bucket().await;
    let file = "x".repeat(1024 * 1024);
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nkey\r\n\
         --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{file}\r\n--b--\r\n"
    );
    let answer = reqwest::Client::new()
        .post(format!("http://{}/{BUCKET}", storage.objects))
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form)
        .send()
        .await;
    // Refused while the form is still being sent, or after.
    assert!(answer.map_or(true, |answer| answer.status().is_client_error()));
    assert_eq!(s3.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents(), []);
}
