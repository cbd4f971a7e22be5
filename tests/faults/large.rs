//! Files too large for one request or one slice, moved part by part.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bouncer::domain::caller::Role;
use bouncer::domain::digest::Sha256;
use bouncer::domain::ids::RequestId;
use bouncer::kinds::frontend_deploy::{confirm, presigned};
use bouncer::requests::app::PublishSettings;
use http::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::world::{BUCKET, Bouncer, DEADLINE, SHOP, STAGING, World, blob, caller, new_site, publish_settings};
use crate::support::{Fault, Site, wait_until};

const FILM: &str = "assets/film.png";
const PART: u64 = 5 << 20;

/// Three parts: two of the least size that S3 takes, and the rest.
fn site_with_film() -> Site {
    let mut site = new_site();
    site.put(FILM, (0..11_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<u8>>());
    site
}

fn in_parts() -> PublishSettings {
    PublishSettings { large_bytes: PART + 1, part_bytes: PART, ..publish_settings() }
}

/// Asks for a deploy of a site whose content was uploaded to its place.
async fn ask(world: &World, bouncer: &Bouncer, site: &Site) -> RequestId {
    for file in site.files() {
        world.plant(STAGING, &blob(file), file.bytes.clone()).await;
    }
    let agent = caller(Role::Agent);
    let request = json!({ "project": SHOP, "files": site.declared() });
    let ready = presigned::request(&bouncer.app, &agent, serde_json::from_value(request).unwrap(), None).await.unwrap();
    assert!(ready.files.is_empty(), "all is stored");
    let confirmation = json!({
        "request_id": ready.request_id, "project": SHOP, "files": site.declared(), "reason": "a test", "source": "tests",
    });
    let confirmation = serde_json::from_value(confirmation).unwrap();
    let pending = confirm::confirm(&bouncer.app, &agent, confirmation).await.unwrap();
    RequestId::parse(pending.request_id).unwrap()
}

/// Checks that no upload is left unfinished, as far as Bouncer knows.
async fn assert_nothing_is_moving(world: &World) {
    let moving = world.objects.list(STAGING, "moving/").await.unwrap();
    assert!(moving.is_empty(), "{moving:?}");
}

fn of(bytes: &[u8]) -> Vec<u8> {
    BASE64_STANDARD.decode(Sha256::of(bytes).to_base64()).unwrap()
}

/// What S3 says of a file that came in these parts.
fn of_parts(bytes: &[u8]) -> Fault {
    let parts: Vec<Vec<u8>> = bytes.chunks(PART as usize).map(of).collect();
    Fault::SayChecksum(format!("{}-{}", BASE64_STANDARD.encode(of(&parts.concat())), parts.len()))
}

/// Deploys the site with the film, and then without.
async fn with_film_and_then_without(world: &World, bouncer: Bouncer, settings: PublishSettings) -> (Bouncer, Value) {
    bouncer.keep(1, 0).await;
    let id = ask(world, &bouncer, &site_with_film()).await;
    bouncer.approve(&id).await;
    bouncer.ended(&id).await.assert_completed(&site_with_film());
    bouncer.kill().await;
    let hurried = world.bouncer(settings).at_work().await;
    world.proxy.forget();
    let ended = hurried.deploy(&new_site()).await;
    ended.assert_completed(&new_site());
    (hurried, ended.answer["result"].clone())
}

#[tokio::test]
async fn a_file_that_came_in_parts_is_known_by_them() {
    let (world, bouncer) = World::with_shop_and(in_parts()).await;
    let film = site_with_film().file(FILM).bytes.clone();
    world.proxy.always(Method::HEAD, BUCKET, FILM, of_parts(&film));
    let (bouncer, result) = with_film_and_then_without(&world, bouncer, in_parts()).await;
    assert_eq!(result["removed_count"], 1, "{result:#}");
    assert!(world.find(BUCKET, FILM).await.is_none());
    assert!(!world.proxy.keys(Method::GET, BUCKET).contains(&FILM.to_owned()), "it is not read");

    // Left in the bucket by a release that is kept, it does not travel again.
    bouncer.keep(5, 24).await;
    let id = ask(&world, &bouncer, &site_with_film()).await;
    bouncer.approve(&id).await;
    let first = bouncer.ended(&id).await;
    bouncer.deploys(&world, &new_site()).await;
    world.proxy.forget();
    let id = bouncer.ask_back(&first.release()).await;
    bouncer.approve(&id).await;
    bouncer.ended(&id).await.assert_completed(&site_with_film());
    world.assert_holds(BUCKET, &site_with_film()).await;
    assert!(world.puts(BUCKET).is_empty(), "all of it was there: {:?}", world.puts(BUCKET));
}

/// Others' parts, and parts that nobody noted, prove nothing: the file is read.
#[tokio::test]
async fn a_file_with_unknown_parts_is_read() {
    let film = site_with_film().file(FILM).bytes.clone();
    for (is_foreign, removed) in [(false, 1), (true, 0)] {
        let (world, bouncer) = World::with_shop_and(in_parts()).await;
        let mut theirs = film.clone();
        theirs[7] ^= u8::from(is_foreign);
        world.proxy.always(Method::PUT, STAGING, "parts/*", Fault::ACCESS_DENIED);
        world.proxy.always(Method::HEAD, BUCKET, FILM, of_parts(&theirs));
        bouncer.keep(1, 0).await;
        let id = ask(&world, &bouncer, &site_with_film()).await;
        bouncer.approve(&id).await;
        bouncer.ended(&id).await.assert_completed(&site_with_film());
        world.plant(BUCKET, FILM, theirs.clone()).await;
        world.proxy.forget();
        let ended = bouncer.deploy(&new_site()).await;
        let result = &ended.answer["result"];
        assert_eq!(result["removed_count"], removed, "{result:#}");
        assert_eq!(world.proxy.keys(Method::GET, BUCKET).iter().filter(|key| *key == FILM).count(), 1);
        let found = world.find(BUCKET, FILM).await.map(|(bytes, ..)| bytes);
        assert_eq!(found.is_some_and(|bytes| bytes == theirs), is_foreign);
    }
}

/// A file that takes longer than a slice has is left alone, and those after it are not kept waiting.
#[tokio::test]
async fn a_file_that_cannot_be_read_in_time_stays() {
    let (world, bouncer) = World::with_shop_and(in_parts()).await;
    let film = site_with_film().file(FILM).bytes.clone();
    world.proxy.always(Method::PUT, STAGING, "parts/*", Fault::ACCESS_DENIED);
    world.proxy.always(Method::HEAD, BUCKET, FILM, of_parts(&film));
    world.proxy.always(Method::GET, BUCKET, FILM, Fault::Hold(CancellationToken::new()));
    let hurried = PublishSettings { slice: Duration::from_millis(200), ..in_parts() };
    let (_, result) = with_film_and_then_without(&world, bouncer, hurried).await;
    assert_eq!((&result["removed_count"], &result["not_removed_count"]), (&json!(0), &json!(1)), "{result:#}");
    assert_eq!(result["not_removed"][0]["filename"], FILM, "{result:#}");
    assert!(result["not_removed"][0]["reason"].as_str().unwrap().contains("too large"), "{result:#}");
    assert!(world.find(BUCKET, FILM).await.is_some());
}

#[tokio::test]
async fn a_file_goes_on_in_the_next_slice_where_it_was() {
    let (world, bouncer) = World::with_shop_and(PublishSettings { slice: Duration::ZERO, ..in_parts() }).await;
    let site = site_with_film();
    let id = ask(&world, &bouncer, &site).await;
    // A part is let through, then the progress is looked at.
    let gate = CancellationToken::new();
    world.proxy.first(1, Method::PUT, BUCKET, FILM, Fault::Delay(Duration::ZERO));
    world.proxy.first(1, Method::PUT, BUCKET, FILM, Fault::Hold(gate.clone()));
    bouncer.approve(&id).await;
    let progress = wait_until("the second part", DEADLINE, async || {
        let progress = bouncer.progress(&id).await?;
        (progress.bytes_done >= Some(PART)).then_some(progress)
    })
    .await;
    assert_eq!(progress.bytes_total, Some(site.total_size() as u64), "{progress:?}");
    assert!(progress.files_done < progress.files_total, "{progress:?}");
    assert!(world.find(BUCKET, FILM).await.is_none(), "nothing is seen of a part");
    gate.cancel();

    let ended = bouncer.ended(&id).await;
    ended.assert_completed(&site);
    world.assert_holds(BUCKET, &site).await;
    let puts = world.puts(BUCKET);
    assert_eq!(puts[FILM], 3, "each part once");
    assert!(puts.iter().all(|(key, times)| key == FILM || *times == 1), "{puts:?}");
    assert_nothing_is_moving(&world).await;
}

#[tokio::test]
async fn a_publish_killed_amid_the_parts_goes_on_with_the_same_upload() {
    let (world, bouncer) = World::with_shop_and(in_parts()).await;
    let site = site_with_film();
    let id = ask(&world, &bouncer, &site).await;
    let held = world.proxy.first(3, Method::PUT, BUCKET, FILM, Fault::Hold(CancellationToken::new()));
    bouncer.approve(&id).await;
    wait_until("a part on its way", DEADLINE, async || (held.hits() > 0).then_some(())).await;
    bouncer.kill().await;
    world.proxy.heal();

    let bouncer = world.bouncer(in_parts()).at_work().await;
    bouncer.ended(&id).await.assert_completed(&site);
    world.assert_holds(BUCKET, &site).await;
    let posts = world.proxy.keys(Method::POST, BUCKET);
    assert_eq!(posts.iter().filter(|key| *key == FILM).count(), 2, "begun once and completed: {posts:?}");
    assert_nothing_is_moving(&world).await;
}

#[tokio::test]
async fn other_bytes_than_the_approved_never_become_an_object() {
    let (world, bouncer) = World::with_shop_and(in_parts()).await;
    let site = site_with_film();
    let id = ask(&world, &bouncer, &site).await;
    let mut altered = site.file(FILM).bytes.clone();
    altered[6_000_000] ^= 1;
    world.plant(STAGING, &blob(site.file(FILM)), altered).await;
    bouncer.approve(&id).await;
    let ended = bouncer.ended(&id).await;
    assert_eq!(ended.answer["result"]["deploy_status"], "deploy_failed", "{:#}", ended.answer);
    ended.assert_names(&[FILM]);
    assert!(world.find(BUCKET, FILM).await.is_none());
    assert_eq!(world.proxy.keys(Method::DELETE, BUCKET), [FILM], "the upload is aborted");
    assert_nothing_is_moving(&world).await;
}

#[tokio::test]
async fn a_part_that_arrives_as_other_bytes_ends_the_upload() {
    let (world, bouncer) = World::with_shop_and(in_parts()).await;
    let site = site_with_film();
    let id = ask(&world, &bouncer, &site).await;
    world.proxy.first(1, Method::PUT, BUCKET, FILM, Fault::BAD_DIGEST);
    bouncer.approve(&id).await;
    let ended = bouncer.ended(&id).await;
    ended.assert_names(&[FILM]);
    assert!(world.find(BUCKET, FILM).await.is_none());
    assert_eq!(world.proxy.keys(Method::DELETE, BUCKET), [FILM], "the upload is aborted");
    assert_nothing_is_moving(&world).await;
}

#[tokio::test]
async fn a_deploy_that_is_given_up_leaves_no_upload_behind() {
    let (world, bouncer) = World::with_shop_and(in_parts()).await;
    let site = site_with_film();
    let id = ask(&world, &bouncer, &site).await;
    // The last part, which is small.
    world.proxy.first(2, Method::PUT, BUCKET, FILM, Fault::Delay(Duration::ZERO));
    world.proxy.always(Method::PUT, BUCKET, FILM, Fault::INTERNAL_ERROR);
    bouncer.approve(&id).await;
    let ended = bouncer.ended(&id).await;
    ended.assert_names(&[FILM]);
    assert_eq!(world.proxy.keys(Method::DELETE, BUCKET), [FILM], "the upload is aborted");
    assert_nothing_is_moving(&world).await;
}

#[tokio::test]
async fn an_upload_that_somebody_ended_is_begun_anew() {
    let (world, bouncer) = World::with_shop_and(in_parts()).await;
    let site = site_with_film();
    let id = ask(&world, &bouncer, &site).await;
    let gate = CancellationToken::new();
    let held = world.proxy.first(3, Method::PUT, BUCKET, FILM, Fault::Hold(gate.clone()));
    bouncer.approve(&id).await;
    wait_until("a part on its way", DEADLINE, async || (held.hits() > 0).then_some(())).await;
    let moving = world.objects.list(STAGING, "moving/").await.unwrap();
    let document = world.objects.read(STAGING, &moving[0].key, 1 << 20).await.unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    let upload = document["upload"]["id"].as_str().unwrap();
    let abort = world.raw().objects.abort_multipart_upload().bucket(BUCKET).key(FILM).upload_id(upload);
    abort.send().await.unwrap();
    gate.cancel();
    bouncer.ended(&id).await.assert_completed(&site);
    world.assert_holds(BUCKET, &site).await;
    assert_nothing_is_moving(&world).await;
}
