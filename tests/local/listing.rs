//! Listings through the protocol. Paging against a model is tested where it is implemented.

use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use super::folder::IntoBody as _;
use super::support::{BUCKET, Storage, code, read};

/// Names that a store of files trips over.
fn odd_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "a",
        "a/b",
        "a/b/c",
        "a/",
        "a//b",
        "/leading",
        "//",
        " space ",
        "100%",
        "%41",
        "a+b",
        "a&b=c?d#e",
        "<x>",
        "quote\"'",
        "back\\slash",
        "..",
        "../../etc/passwd",
        "./here",
        "dir/../up",
        "ümläut/日本語.txt",
        "😀",
        "CON",
        "e\u{301}",
        "é",
        "semi;colon,comma",
        "tilde~",
        "*",
        "name:with:colons",
        ".upload",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("n".repeat(1024));
    names.push("é".repeat(512));
    names.sort();
    names
}

#[tokio::test]
async fn odd_names_are_kept_apart_and_come_back_as_they_are() {
    let (_storage, s3) = Storage::with_bucket().await;
    let names = odd_names();
    for name in &names {
        s3.put_object().bucket(BUCKET).key(name).body(name.into_bytes_stream()).send().await.unwrap();
    }
    for name in &names {
        assert_eq!(read(&s3, name).await.0, name.as_bytes(), "{name}");
    }
    let plain = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let listed: Vec<_> = plain.contents().iter().map(|object| object.key().unwrap().to_owned()).collect();
    assert_eq!(listed, names);

    let encoded = s3.list_objects_v2().bucket(BUCKET).encoding_type(EncodingType::Url).send().await.unwrap();
    let decode = |name: &str| percent_decode_str(name).decode_utf8().unwrap().into_owned();
    let listed: Vec<_> = encoded.contents().iter().map(|object| decode(object.key().unwrap())).collect();
    assert_eq!(listed, names);

    for name in &names {
        s3.delete_object().bucket(BUCKET).key(name).send().await.unwrap();
    }
    assert_eq!(s3.list_objects_v2().bucket(BUCKET).send().await.unwrap().key_count(), Some(0));
    let long = s3.put_object().bucket(BUCKET).key("n".repeat(1025)).body("x".into_bytes_stream());
    assert_eq!(code(long.send().await), "KeyTooLongError");
}

#[tokio::test]
async fn pages_prefixes_and_delimiters() {
    let (_storage, s3) = Storage::with_bucket().await;
    for key in ["a", "css/1", "css/2", "css/x/3", "index.html", "js/4"] {
        s3.put_object().bucket(BUCKET).key(key).body(key.into_bytes_stream()).send().await.unwrap();
    }
    let list = || s3.list_objects_v2().bucket(BUCKET);

    let mut pages = list().delimiter("/").max_keys(1).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert_eq!(page.key_count(), Some(1));
        names.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        names.extend(page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned()));
    }
    assert_eq!(names, ["a", "css/", "index.html", "js/"]);

    let css = list().prefix("css/").delimiter("/").send().await.unwrap();
    assert_eq!(css.contents().len(), 2);
    assert_eq!(css.common_prefixes()[0].prefix(), Some("css/x/"));
    let first = &css.contents()[0];
    assert_eq!((first.key(), first.size()), (Some("css/1"), Some(5)));
    assert!(first.e_tag().unwrap().len() == 34 && first.last_modified().is_some());

    // An empty delimiter is none.
    assert_eq!(list().delimiter("").send().await.unwrap().contents().len(), 6);
    assert_eq!(list().start_after("css/2").send().await.unwrap().contents()[0].key(), Some("css/x/3"));
    assert_eq!(list().max_keys(0).send().await.unwrap().is_truncated(), Some(false));
    assert_eq!(code(list().max_keys(-1).send().await), "InvalidArgument");
    assert_eq!(code(list().continuation_token("?").send().await), "InvalidArgument");

    let old = s3.list_objects().bucket(BUCKET).max_keys(4).send().await.unwrap();
    assert_eq!((old.contents().len(), old.next_marker()), (4, Some("css/x/3")));
    let rest = s3.list_objects().bucket(BUCKET).marker("css/x/3").send().await.unwrap();
    assert_eq!((rest.contents().len(), rest.is_truncated()), (2, Some(false)));
}
