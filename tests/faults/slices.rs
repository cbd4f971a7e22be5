//! A publish that is cut into slices counts and writes each file once.

use std::time::Duration;

use bouncer::requests::app::PublishSettings;
use http::Method;

use super::world::{BUCKET, STAGING, World, new_site, old_site, publish_settings};
use crate::support::{Fault, Site};

/// Slices that are over as soon as they begin: one file each.
fn no_time() -> PublishSettings {
    PublishSettings { slice: Duration::ZERO, ..publish_settings() }
}

#[tokio::test]
async fn without_time_each_slice_moves_one_file() {
    let (world, bouncer) = World::with_shop_and(no_time()).await;
    let site = Site::new(5, 9, 40);
    let ended = bouncer.deploy(&site).await;
    ended.assert_completed(&site);
    assert_eq!(ended.answer["result"]["deployed_count"], 50);
    world.assert_holds(BUCKET, &site).await;
    let puts = world.puts(BUCKET);
    assert_eq!(puts.len(), 50);
    assert!(puts.values().all(|times| *times == 1), "{puts:?}");
    let slices = world.proxy.keys(Method::GET, BUCKET).len();
    assert!(slices >= 40, "{slices} slices");
}

#[tokio::test]
async fn two_hundred_files_in_a_few_slices() {
    let settings = PublishSettings { slice: Duration::from_millis(120), concurrency: 64, ..publish_settings() };
    let (world, bouncer) = World::with_shop_and(settings).await;
    let site = Site::new(6, 19, 180);
    world.proxy.first(60, Method::PUT, BUCKET, "assets/*", Fault::Delay(Duration::from_millis(100)));
    let ended = bouncer.deploy(&site).await;
    ended.assert_completed(&site);
    assert_eq!(ended.answer["result"]["deployed_count"], 200);
    world.assert_holds(BUCKET, &site).await;
    let puts = world.puts(BUCKET);
    assert_eq!((puts.len(), puts.values().max()), (200, Some(&1)));
    assert!(world.proxy.keys(Method::GET, BUCKET).len() > 1, "more than one slice");
}

/// The time is up while the last asset is on its way: the next slice begins with the pages.
#[tokio::test]
async fn a_phase_that_ends_late_is_not_begun_again() {
    let settings = PublishSettings { slice: Duration::from_millis(100), ..publish_settings() };
    let (world, bouncer) = World::with_shop_and(settings).await;
    let site = old_site();
    let rule = world.proxy.first(1, Method::PUT, BUCKET, "assets/*", Fault::Delay(Duration::from_millis(400)));
    let ended = bouncer.deploy(&site).await;
    ended.assert_completed(&site);
    assert_eq!(rule.hits(), 1);
    assert_eq!(ended.answer["result"]["deployed_count"], site.files().len());
    let puts = world.puts(BUCKET);
    assert!(puts.values().all(|times| *times == 1), "{puts:?}");
    world.assert_holds(BUCKET, &site).await;
}

/// What others removed or altered is put back by one slice and found in place by the next.
#[tokio::test]
async fn files_put_back_on_the_way_count_once() {
    let (world, bouncer) = World::with_shop_and(no_time()).await;
    let old = old_site();
    bouncer.deploys(&world, &old).await;
    let assets: Vec<&str> =
        old.files().iter().map(|file| file.path.as_str()).filter(|path| path.starts_with("assets/")).collect();
    world.raw().objects.delete_object().bucket(BUCKET).key(assets[0]).send().await.unwrap();
    world.plant(BUCKET, assets[1], b"altered".to_vec()).await;
    world.proxy.forget();

    let new = new_site();
    let ended = bouncer.deploy(&new).await;
    ended.assert_completed(&new);
    assert_eq!(ended.answer["result"]["deployed_count"], 7, "five new or changed, two put back");
    let repairs = bouncer.app.store.request(&ended.id()).await.unwrap().unwrap().is_marked("repairs");
    assert!(repairs, "a CDN that has cached what others put there must forget it");
    world.assert_holds(BUCKET, &new).await;
    assert!(world.puts(BUCKET).values().all(|times| *times == 1));
}

/// A slice that fails and is repeated goes on where the one before it had stopped.
#[tokio::test]
async fn a_repeated_slice_does_not_begin_at_the_start() {
    let (world, bouncer) = World::with_shop_and(no_time()).await;
    let site = old_site();
    let rule = world.proxy.first(1, Method::GET, STAGING, "manifests/*", Fault::CutAnswer);
    let late = world.proxy.first(1, Method::PUT, BUCKET, "pages/page-0002.html", Fault::EXPIRED_TOKEN);
    let ended = bouncer.deploy(&site).await;
    assert_eq!((rule.hits(), late.hits()), (1, 1));
    ended.assert_completed(&site);
    assert_eq!(ended.answer["result"]["deployed_count"], site.files().len());
    let mut puts = world.puts(BUCKET);
    assert_eq!(puts.remove("pages/page-0002.html"), Some(2));
    assert!(puts.values().all(|times| *times == 1), "{puts:?}");
}
