//! Objects: what is put is what is got, as a whole or not at all.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Delete, MetadataDirective, ObjectIdentifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::folder::IntoBody as _;
use super::support::{BUCKET, Storage, body_files, code, read};

/// Bytes that repeat nowhere, so that a piece out of place is noticed.
fn patterned(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

#[tokio::test]
async fn body_and_headers_come_back() {
    let (_storage, s3) = Storage::with_bucket().await;
    for length in [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 1_500_000] {
        let body = patterned(length);
        s3.put_object()
            .bucket(BUCKET)
            .key("key")
            .content_type("text/css")
            .cache_control("max-age=60")
            .content_encoding("br")
            .content_disposition("inline")
            .content_language("de")
            .metadata("origin", "test")
            .body(body.clone().into())
            .send()
            .await
            .unwrap();
        let got = s3.get_object().bucket(BUCKET).key("key").send().await.unwrap();
        assert_eq!(got.content_length(), i64::try_from(length).ok());
        assert_eq!(got.content_type(), Some("text/css"));
        assert_eq!(got.cache_control(), Some("max-age=60"));
        assert_eq!(got.content_encoding(), Some("br"));
        assert_eq!(got.content_disposition(), Some("inline"));
        assert_eq!(got.content_language(), Some("de"));
        assert_eq!(got.metadata().unwrap()["origin"], "test");
        assert!(got.body.collect().await.unwrap().to_vec() == body, "{length}");
    }
}

#[tokio::test]
async fn head_tells_size_etag_and_sha256() {
    let (storage, s3) = Storage::with_bucket().await;
    s3.put_object().bucket(BUCKET).key("key").body("hello".into_bytes_stream()).send().await.unwrap();
    let head = s3.head_object().bucket(BUCKET).key("key").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(head.checksum_sha256(), Some(STANDARD.encode(Sha256::digest("hello")).as_str()));
    assert!(head.last_modified().unwrap().secs() > 1_700_000_000);
    let missing = s3.head_object().bucket(BUCKET).key("missing").send().await;
    assert!(missing.unwrap_err().into_service_error().is_not_found());
    drop(storage);
}

#[tokio::test]
async fn a_refused_put_changes_nothing() {
    let (storage, s3) = Storage::with_bucket().await;
    let old = s3.put_object().bucket(BUCKET).key("key").content_type("text/old").body("old".into_bytes_stream());
    old.send().await.unwrap();
    for length in [9, 600_000] {
        let put = || {
            let put = s3.put_object().bucket(BUCKET).key("key").content_type("text/new");
            put.cache_control("new").body(patterned(length).into())
        };
        assert_eq!(code(put().checksum_sha256(STANDARD.encode([1; 32])).send().await), "BadDigest");
        assert_eq!(code(put().checksum_crc32(STANDARD.encode([1; 4])).send().await), "BadDigest");
        assert_eq!(code(put().content_md5(STANDARD.encode([1; 16])).send().await), "BadDigest");
        assert_eq!(code(put().content_md5("no md5").send().await), "InvalidDigest");
        assert_eq!(code(put().if_none_match("*").send().await), "PreconditionFailed");
        assert_eq!(read(&s3, "key").await, (b"old".to_vec(), "text/old".to_owned()));
        let head = s3.head_object().bucket(BUCKET).key("key").send().await.unwrap();
        assert_eq!(head.cache_control(), None);
        // And leaves nothing behind.
        assert_eq!(body_files(storage.path()).len(), 1);
    }
}

#[tokio::test]
async fn checksums_after_the_body_are_checked() {
    let (storage, s3) = Storage::with_bucket().await;
    let file = storage.path().join("upload");
    std::fs::write(&file, patterned(700_000)).unwrap();
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        // A streamed file is sent in chunks, its checksum behind them.
        let body = ByteStream::from_path(&file).await.unwrap();
        let put = s3.put_object().bucket(BUCKET).key("key").checksum_algorithm(algorithm.clone()).body(body);
        put.send().await.unwrap_or_else(|error| panic!("{algorithm}: {error:?}"));
        assert!(read(&s3, "key").await.0 == patterned(700_000));
        let head = s3.head_object().bucket(BUCKET).key("key").send().await.unwrap();
        assert_eq!(head.content_encoding(), None);
    }
    assert_eq!(body_files(storage.path()).len(), 1);
}

#[tokio::test]
async fn conditions_decide_who_writes() {
    let (_storage, s3) = Storage::with_bucket().await;
    let put = |body: &str| s3.put_object().bucket(BUCKET).key("key").body(body.into_bytes_stream());
    assert_eq!(code(put("x").if_match("\"0\"").send().await), "NoSuchKey");

    let tries = (0..16).map(|_| put("first").if_none_match("*").send());
    let won = futures::future::join_all(tries).await.into_iter().filter_map(Result::ok).collect::<Vec<_>>();
    assert_eq!(won.len(), 1);

    let etag = won[0].e_tag().unwrap();
    put("second").if_match(etag).send().await.unwrap();
    assert_eq!(code(put("third").if_match(etag).send().await), "PreconditionFailed");
    assert_eq!(code(s3.delete_object().bucket(BUCKET).key("key").if_match(etag).send().await), "PreconditionFailed");
    assert_eq!(read(&s3, "key").await.0, b"second");
}

#[tokio::test]
async fn reads_honour_conditions_and_ranges() {
    let (_storage, s3) = Storage::with_bucket().await;
    let body = patterned(900_000);
    let put = s3.put_object().bucket(BUCKET).key("key").body(body.clone().into()).send().await.unwrap();
    let etag = put.e_tag().unwrap();
    let get = || s3.get_object().bucket(BUCKET).key("key");
    get().if_match(etag).send().await.unwrap();
    assert_eq!(code(get().if_match("\"0\"").send().await), "PreconditionFailed");
    let unchanged = get().if_none_match(etag).send().await.unwrap_err();
    assert_eq!(unchanged.raw_response().unwrap().status().as_u16(), 304);

    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=10-19", 10..20),
        ("bytes=899999-", 899_999..900_000),
        ("bytes=-5", 899_995..900_000),
        ("bytes=100-899999", 100..900_000),
        ("bytes=100-9999999", 100..900_000),
    ] {
        let part = get().range(range).send().await.unwrap();
        let content_range = format!("bytes {}-{}/900000", expected.start, expected.end - 1);
        assert_eq!(part.content_range(), Some(content_range.as_str()));
        assert!(part.body.collect().await.unwrap().to_vec() == body[expected], "{range}");
    }
    assert_eq!(code(get().range("bytes=900000-").send().await), "InvalidRange");
}

#[tokio::test]
async fn copies_keep_or_replace_headers() {
    let (storage, s3) = Storage::with_bucket().await;
    let body = patterned(400_000);
    let put = s3.put_object().bucket(BUCKET).key("a b/ü").content_type("text/css").metadata("from", "source");
    put.body(body.clone().into()).send().await.unwrap();
    let copy = |key: &str| s3.copy_object().bucket(BUCKET).key(key).copy_source("bucket/a%20b/%C3%BC");
    copy("copy").send().await.unwrap();
    let new = copy("renamed").metadata_directive(MetadataDirective::Replace).content_type("text/plain");
    new.send().await.unwrap();

    // Neither copy depends on the source.
    s3.delete_object().bucket(BUCKET).key("a b/ü").send().await.unwrap();
    let got = s3.get_object().bucket(BUCKET).key("copy").send().await.unwrap();
    assert_eq!(got.content_type(), Some("text/css"));
    assert_eq!(got.metadata().unwrap()["from"], "source");
    assert!(got.body.collect().await.unwrap().to_vec() == body);
    let (renamed, content_type) = read(&s3, "renamed").await;
    assert!(renamed == body);
    assert_eq!(content_type, "text/plain");
    assert_eq!(code(copy("late").send().await), "NoSuchKey");
    assert_eq!(body_files(storage.path()).len(), 2);
}

#[tokio::test]
async fn deleted_objects_are_gone_with_their_bodies() {
    let (storage, s3) = Storage::with_bucket().await;
    for key in ["a", "b", "c"] {
        s3.put_object().bucket(BUCKET).key(key).body(key.into_bytes_stream()).send().await.unwrap();
    }
    s3.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    s3.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(code(s3.get_object().bucket(BUCKET).key("a").send().await), "NoSuchKey");
    let keys = ["b", "c", "missing"].map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(keys.to_vec())).build().unwrap();
    let deleted = s3.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!(deleted.deleted().len(), 3);
    assert_eq!(deleted.errors(), []);
    assert_eq!(body_files(storage.path()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn buckets_are_made_listed_and_removed() {
    let (_storage, s3) = Storage::with_bucket().await;
    assert_eq!(code(s3.create_bucket().bucket(BUCKET).send().await), "BucketAlreadyOwnedByYou");
    s3.create_bucket().bucket("another").send().await.unwrap();
    let buckets = s3.list_buckets().send().await.unwrap();
    let names: Vec<_> = buckets.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(names, ["another", BUCKET]);
    s3.head_bucket().bucket(BUCKET).send().await.unwrap();
    s3.get_bucket_location().bucket(BUCKET).send().await.unwrap();

    s3.put_object().bucket(BUCKET).key("key").body("x".into_bytes_stream()).send().await.unwrap();
    assert_eq!(code(s3.delete_bucket().bucket(BUCKET).send().await), "BucketNotEmpty");
    s3.delete_object().bucket(BUCKET).key("key").send().await.unwrap();
    s3.delete_bucket().bucket(BUCKET).send().await.unwrap();
    assert_eq!(code(s3.get_object().bucket(BUCKET).key("key").send().await), "NoSuchBucket");
    let put = s3.put_object().bucket(BUCKET).key("key").body("x".into_bytes_stream());
    assert_eq!(code(put.send().await), "NoSuchBucket");
    assert_eq!(code(s3.list_objects_v2().bucket(BUCKET).send().await), "NoSuchBucket");
    assert!(s3.head_bucket().bucket(BUCKET).send().await.unwrap_err().into_service_error().is_not_found());
}

#[tokio::test]
async fn a_disk_that_fails_harms_neither_the_old_object_nor_the_server() {
    let (storage, s3) = Storage::with_bucket().await;
    // No folder for new bodies can be made: files stand in their places.
    for shard in 0..=255_u8 {
        std::fs::write(storage.path().join(format!("objects/data/{shard:02x}")), "").unwrap();
    }
    let put = |body: &str| s3.put_object().bucket(BUCKET).key("key").body(body.into_bytes_stream());
    assert_eq!(code(put("never").send().await), "InternalError");
    assert_eq!(code(s3.get_object().bucket(BUCKET).key("key").send().await), "NoSuchKey");

    for shard in 0..=255_u8 {
        std::fs::remove_file(storage.path().join(format!("objects/data/{shard:02x}"))).unwrap();
    }
    put("old").send().await.unwrap();
    let used = body_files(storage.path());
    for shard in 0..=255_u8 {
        let path = storage.path().join(format!("objects/data/{shard:02x}"));
        if !used[0].starts_with(&path) {
            std::fs::write(path, "").unwrap();
        }
    }
    // One shard of 256 still works, so a few tries find one that does not.
    let mut expected = "old".to_owned();
    let mut failures = 0;
    for attempt in 0..4 {
        let body = format!("attempt {attempt}");
        match put(&body).send().await {
            Ok(_) => expected = body,
            refused => {
                assert_eq!(code(refused), "InternalError");
                failures += 1;
            }
        }
        assert_eq!(read(&s3, "key").await.0, expected.as_bytes());
    }
    assert!(failures > 0);
}

#[tokio::test]
async fn a_body_that_lost_bytes_is_not_served() {
    let (storage, s3) = Storage::with_bucket().await;
    s3.put_object().bucket(BUCKET).key("key").body("complete".into_bytes_stream()).send().await.unwrap();
    std::fs::write(&body_files(storage.path())[0], "comp").unwrap();
    assert_eq!(code(s3.get_object().bucket(BUCKET).key("key").send().await), "InternalError");
}
