//! Multipart uploads.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::folder::IntoBody as _;
use super::support::{BUCKET, Storage, body_files, code, read};

const MIB: usize = 1024 * 1024;

async fn create(s3: &Client) -> String {
    let create = s3.create_multipart_upload().bucket(BUCKET).key("key").content_type("text/large");
    create.send().await.unwrap().upload_id().unwrap().to_owned()
}

async fn upload(s3: &Client, id: &str, number: i32, body: &[u8]) -> CompletedPart {
    let part = s3.upload_part().bucket(BUCKET).key("key").upload_id(id).part_number(number);
    let sent = part.body(body.to_vec().into()).send().await.unwrap();
    CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build()
}

fn complete(
    s3: &Client,
    id: &str,
    parts: &[CompletedPart],
) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder {
    let listed = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec())).build();
    s3.complete_multipart_upload().bucket(BUCKET).key("key").upload_id(id).multipart_upload(listed)
}

#[tokio::test]
async fn parts_become_one_object() {
    let (storage, s3) = Storage::with_bucket().await;
    let (one, two) = (vec![1; 5 * MIB], vec![2; 100]);
    let id = create(&s3).await;
    let second = upload(&s3, &id, 7, &two).await;
    upload(&s3, &id, 2, b"to be replaced").await;
    let first = upload(&s3, &id, 2, &one).await;
    let listed = s3.list_parts().bucket(BUCKET).key("key").upload_id(&id).send().await.unwrap();
    let numbers: Vec<_> =
        listed.parts().iter().map(|part| (part.part_number().unwrap(), part.size().unwrap())).collect();
    assert_eq!(numbers, [(2, 5 * 1024 * 1024), (7, 100)]);
    assert_eq!(code(s3.get_object().bucket(BUCKET).key("key").send().await), "NoSuchKey");

    let parts = [first, second];
    let done = complete(&s3, &id, &parts).send().await.unwrap();
    // md5(md5(5 MiB of 1) + md5(100 of 2)), as S3 has it.
    let etag = done.e_tag().unwrap().to_owned();
    assert!(etag.ends_with("-2\""), "{etag}");
    let whole = [one, two].concat();
    assert_eq!(done.checksum_sha256(), Some(STANDARD.encode(Sha256::digest(&whole)).as_str()));
    assert!(read(&s3, "key").await == (whole, "text/large".to_owned()));

    // Asked again because the answer was lost.
    assert_eq!(complete(&s3, &id, &parts).send().await.unwrap().e_tag(), Some(etag.as_str()));
    assert_eq!(body_files(storage.path()).len(), 1);
}

#[tokio::test]
async fn the_etag_is_that_of_s3() {
    let (_storage, s3) = Storage::with_bucket().await;
    let id = create(&s3).await;
    let part = upload(&s3, &id, 1, b"hello").await;
    assert_eq!(part.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let done = complete(&s3, &id, &[part]).send().await.unwrap();
    // printf 5d41402abc4b2a76b9719d911017c592 | xxd -r -p | md5sum
    assert_eq!(done.e_tag(), Some("\"62109206880d38a4010a98e11243924a-1\""));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_can_be_mended() {
    let (storage, s3) = Storage::with_bucket().await;
    s3.put_object().bucket(BUCKET).key("key").body("old".into_bytes_stream()).send().await.unwrap();
    let id = create(&s3).await;
    let wrong = s3.upload_part().bucket(BUCKET).key("key").upload_id(&id).part_number(1);
    let wrong = wrong.checksum_sha256(STANDARD.encode([1; 32])).body("part".into_bytes_stream());
    assert_eq!(code(wrong.send().await), "BadDigest");
    let one = upload(&s3, &id, 1, b"small").await;
    let two = upload(&s3, &id, 2, b"last").await;

    assert_eq!(code(complete(&s3, &id, &[two.clone(), one.clone()]).send().await), "InvalidPartOrder");
    assert_eq!(code(complete(&s3, &id, &[one.clone(), two]).send().await), "EntityTooSmall");
    let never = CompletedPart::builder().part_number(3).set_e_tag(one.e_tag.clone()).build();
    assert_eq!(code(complete(&s3, &id, &[never]).send().await), "InvalidPart");
    let other = CompletedPart::builder().part_number(1).e_tag(format!("\"{}\"", "0".repeat(32))).build();
    assert_eq!(code(complete(&s3, &id, &[other]).send().await), "InvalidPart");
    assert_eq!(code(complete(&s3, "unknown", std::slice::from_ref(&one)).send().await), "NoSuchUpload");
    assert_eq!(
        code(complete(&s3, &id, std::slice::from_ref(&one)).if_none_match("*").send().await),
        "PreconditionFailed"
    );
    assert_eq!(read(&s3, "key").await.0, b"old");

    complete(&s3, &id, &[one]).send().await.unwrap();
    assert_eq!(read(&s3, "key").await.0, b"small");
    assert_eq!(body_files(storage.path()).len(), 1);
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let (storage, s3) = Storage::with_bucket().await;
    let id = create(&s3).await;
    let part = upload(&s3, &id, 1, b"part").await;
    s3.abort_multipart_upload().bucket(BUCKET).key("key").upload_id(&id).send().await.unwrap();
    assert_eq!(body_files(storage.path()), Vec::<std::path::PathBuf>::new());
    assert_eq!(code(complete(&s3, &id, &[part]).send().await), "NoSuchUpload");
    let late = s3.upload_part().bucket(BUCKET).key("key").upload_id(&id).part_number(2).body("x".into_bytes_stream());
    assert_eq!(code(late.send().await), "NoSuchUpload");
    assert_eq!(body_files(storage.path()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn parts_survive_a_restart() {
    let (storage, s3) = Storage::with_bucket().await;
    let id = create(&s3).await;
    let part = upload(&s3, &id, 1, b"part").await;
    let storage = storage.restart().await;
    complete(&storage.s3(), &id, &[part]).send().await.unwrap();
    assert_eq!(read(&storage.s3(), "key").await, (b"part".to_vec(), "text/large".to_owned()));
}
