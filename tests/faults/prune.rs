//! What is removed from a bucket, and above all what is not.

use std::time::Duration;

use bouncer::domain::error::ErrorCode;
use bouncer::requests::app::PublishSettings;
use bouncer::storage::coordination::Lane;
use http::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::world::{BUCKET, Bouncer, DEADLINE, STAGING, World, new_site, old_site, publish_settings, shop};
use crate::support::{Fault, Site, wait_until};

/// The old site without two of its pages and with other assets.
fn smaller_site() -> Site {
    let mut site = Site::new(2, 1, 3);
    site.put("style.css", "body { color: black }");
    site
}

/// Every key of the bucket.
async fn keys(world: &World) -> Vec<String> {
    world.objects.list(BUCKET, "").await.unwrap().into_iter().map(|object| object.key).collect()
}

fn names(site: &Site) -> Vec<String> {
    site.files().iter().map(|file| file.path.clone()).collect()
}

async fn assert_holds_only(world: &World, site: &Site, more: &[&str]) {
    let mut expected = names(site);
    expected.extend(more.iter().map(|name| (*name).to_owned()));
    expected.sort();
    assert_eq!(keys(world).await, expected);
    world.assert_holds(BUCKET, site).await;
}

#[tokio::test]
async fn pages_go_at_once_and_assets_when_nothing_needs_them() {
    let (world, bouncer) = World::with_shop().await;
    let (old, new) = (old_site(), smaller_site());
    bouncer.deploys(&world, &old).await;
    let ended = bouncer.deploy(&new).await;
    ended.assert_completed(&new);
    assert_eq!(ended.answer["result"]["removed_count"], 1, "the page that is gone: {:#}", ended.answer);
    let assets: Vec<String> = names(&old).into_iter().filter(|name| name.starts_with("assets/")).collect();
    let assets: Vec<&str> = assets.iter().map(String::as_str).collect();
    assert_holds_only(&world, &new, &assets).await;

    // No grace, but the release is one of those that are kept.
    bouncer.keep(3, 0).await;
    bouncer.deploys(&world, &new).await;
    assert_holds_only(&world, &new, &assets).await;
    bouncer.keep(2, 0).await;
    let ended = bouncer.deploy(&new).await;
    assert_eq!(ended.answer["result"]["removed_count"], 3, "{:#}", ended.answer);
    assert_holds_only(&world, &new, &[]).await;
    assert_eq!(bouncer.project().await.releases.len(), 2);
    assert_eq!(world.objects.list(STAGING, "releases/").await.unwrap().len(), 2);
}

/// Whoever put it there: what is not the file that was published stays, and the record says so.
#[tokio::test]
async fn what_others_wrote_stays() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.keep(1, 0).await;
    let (old, new) = (old_site(), smaller_site());
    bouncer.deploys(&world, &old).await;
    let assets: Vec<String> = names(&old).into_iter().filter(|name| name.starts_with("assets/")).collect();
    let same_size = vec![b'?'; old.file(&assets[0]).bytes.len()];
    world.plant(BUCKET, &assets[0], same_size.clone()).await;
    world.plant(BUCKET, &assets[1], b"longer or shorter".to_vec()).await;
    world.plant(BUCKET, "pages/page-0002.html", b"a page of somebody else".to_vec()).await;
    for foreign in ["foreign.html", "assets/foreign.js", "pages/"] {
        world.plant(BUCKET, foreign, b"foreign".to_vec()).await;
    }
    let ended = bouncer.deploy(&new).await;
    ended.assert_completed(&new);
    let result = &ended.answer["result"];
    assert_eq!((&result["removed_count"], &result["not_removed_count"]), (&json!(1), &json!(3)), "{result:#}");
    let kept: Vec<&str> =
        result["not_removed"].as_array().unwrap().iter().map(|it| it["filename"].as_str().unwrap()).collect();
    assert_eq!(kept, ["pages/page-0002.html", assets[0].as_str(), assets[1].as_str()]);
    let foreign = ["foreign.html", "assets/foreign.js", "pages/", "pages/page-0002.html", &assets[0], &assets[1]];
    assert_holds_only(&world, &new, &foreign).await;
    assert_eq!(world.find(BUCKET, &assets[0]).await.unwrap().0, same_size);

    // Said once.
    let again = bouncer.deploy(&new).await;
    assert_eq!(again.answer["result"].get("not_removed_count"), None, "{:#}", again.answer);
}

#[tokio::test]
async fn what_cannot_be_looked_at_stays() {
    let (world, bouncer) = World::with_shop().await;
    let (old, new) = (old_site(), smaller_site());
    bouncer.deploys(&world, &old).await;
    let rule = world.proxy.always(Method::HEAD, BUCKET, "pages/*", Fault::ACCESS_DENIED);
    let ended = bouncer.deploy(&new).await;
    ended.assert_completed(&new);
    assert_eq!(rule.hits(), 1);
    let result = &ended.answer["result"];
    assert_eq!(result["removed_count"], 0, "{result:#}");
    assert_eq!(result["not_removed"][0]["filename"], "pages/page-0002.html", "{result:#}");
    assert!(result["prune_error"].as_str().unwrap().contains("may not be read and removed"), "{result:#}");
}

#[tokio::test]
async fn trouble_with_removing_fails_no_deploy() {
    for (fault, removed) in [(Fault::ACCESS_DENIED, 0), (Fault::SLOW_DOWN, 1), (Fault::ResetAfter, 1)] {
        let (world, bouncer) = World::with_shop().await;
        let (old, new) = (old_site(), smaller_site());
        bouncer.deploys(&world, &old).await;
        let rule = world.proxy.first(1, Method::DELETE, BUCKET, "*", fault);
        let ended = bouncer.deploy(&new).await;
        ended.assert_completed(&new);
        assert_eq!(rule.hits(), 1);
        let denied = ended.answer["result"].get("prune_error").is_some();
        assert_eq!(ended.answer["result"]["removed_count"], removed, "{:#}", ended.answer);
        assert_eq!(keys(&world).await.contains(&"pages/page-0002.html".to_owned()), denied);
        world.assert_holds(BUCKET, &new).await;
        bouncer.assert_free().await;
    }
}

/// Killed between two files: the next start goes on, and nothing that is needed is gone.
#[tokio::test]
async fn a_killed_prune_goes_on() {
    for task in ["pages/*", "assets/*"] {
        let (world, bouncer) = World::with_shop().await;
        bouncer.keep(1, 0).await;
        let (old, new) = (old_site(), smaller_site());
        bouncer.deploys(&world, &old).await;
        let never = CancellationToken::new();
        let held = world.proxy.always(Method::DELETE, BUCKET, task, Fault::Hold(never));
        let id = bouncer.start(&new).await;
        wait_until("a file to be removed", DEADLINE, async || (held.hits() > 0).then_some(())).await;
        bouncer.kill().await;
        world.proxy.heal();
        let bouncer = world.bouncer(publish_settings()).at_work().await;
        bouncer.ended(&id).await.assert_completed(&new);
        assert_holds_only(&world, &new, &[]).await;
        bouncer.assert_free().await;
        bouncer.deploys(&world, &old).await;
    }
}

#[tokio::test]
async fn many_files_go_slice_by_slice() {
    let settings = PublishSettings { slice: Duration::ZERO, concurrency: 16, ..publish_settings() };
    let (world, bouncer) = World::with_shop_and(publish_settings()).await;
    bouncer.keep(1, 0).await;
    let (large, small) = (Site::new(3, 1, 198), Site::new(4, 1, 1));
    bouncer.deploys(&world, &large).await;
    bouncer.kill().await;
    let bouncer = world.bouncer(settings).at_work().await;
    let refused = bouncer.try_ask(&small).await.unwrap_err();
    assert!(refused.message.contains("would delete 197 of the site's 200 files"), "{refused:?}");
    let id = bouncer.start_all(&small).await;
    let ended = bouncer.ended(&id).await;
    ended.assert_completed(&small);
    assert_eq!(ended.answer["result"]["removed_count"], 198, "{:#}", ended.answer);
    assert_holds_only(&world, &small, &[]).await;
    let heads = world.proxy.keys(Method::HEAD, BUCKET);
    assert_eq!(heads.len(), 198, "no file is looked at twice");
}

/// A deploy that began and may go on: nothing that it wrote is taken from it.
#[tokio::test]
async fn a_release_that_is_being_written_is_left_alone() {
    let world = World::new().await;
    let bouncer = world.bouncer(publish_settings());
    bouncer.add_project("shop", BUCKET).await;
    bouncer.keep(1, 0).await;
    let old = old_site();
    let first = bouncer.start(&old).await;
    assert_eq!(bouncer.slice(&first).await.unwrap()["outcome"], "deployed");
    // The first one's lease is over before it prunes, and another deploy has written a page.
    bouncer.app.store.release(&shop(), Lane::Frontend, &first).await.unwrap();
    let mut other = new_site();
    other.put("fresh.html", "<p>fresh</p>");
    let second = bouncer.start(&other).await;
    let hold = world.proxy.always(Method::PUT, BUCKET, "index.html", Fault::ACCESS_DENIED);
    assert_eq!(bouncer.slice(&second).await.unwrap()["outcome"], "failed");
    assert_eq!(hold.hits(), 1);
    world.proxy.heal();
    bouncer.app.store.release(&shop(), Lane::Frontend, &second).await.unwrap();
    for task in ["frontend.withdraw", "frontend.prune"] {
        assert_eq!(bouncer.task(task, &first).await.unwrap()["outcome"], "done");
    }
    assert!(keys(&world).await.contains(&"fresh.html".to_owned()));
    assert!(world.proxy.keys(Method::DELETE, BUCKET).is_empty());
}

/// A deploy that ended half way left pages: the next one removes them, and the other files after their grace.
#[tokio::test]
async fn what_a_failed_deploy_left_goes() {
    let (world, bouncer) = World::with_shop().await;
    let (old, mut failed) = (old_site(), new_site());
    failed.put("fresh.html", "<p>fresh</p>");
    bouncer.deploys(&world, &old).await;
    world.proxy.always(Method::PUT, BUCKET, "index.html", Fault::ACCESS_DENIED);
    bouncer.deploy(&failed).await.assert_failed("partial_deploy", "denied");
    world.proxy.heal();
    let ended = bouncer.deploy(&old).await;
    ended.assert_completed(&old);
    assert_eq!(ended.answer["result"]["removed_count"], 1, "{:#}", ended.answer);
    assert_holds_only(&world, &old, &["assets/new-1.js", "assets/new-2.js"]).await;
    bouncer.keep(5, 0).await;
    let ended = bouncer.deploy(&old).await;
    assert_eq!(ended.answer["result"]["removed_count"], 2, "{:#}", ended.answer);
    assert_holds_only(&world, &old, &[]).await;
}

/// Another release is live by now: the earlier deploy removes nothing any more.
#[tokio::test]
async fn only_the_current_release_prunes() {
    let world = World::new().await;
    let bouncer = world.bouncer(publish_settings());
    bouncer.add_project("shop", BUCKET).await;
    bouncer.keep(1, 0).await;
    let release = async |bouncer: &Bouncer, site: &Site| {
        let id = bouncer.start(site).await;
        assert_eq!(bouncer.slice(&id).await.unwrap()["outcome"], "deployed");
        bouncer.app.store.release(&shop(), Lane::Frontend, &id).await.unwrap();
        id
    };
    let (old, new) = (old_site(), smaller_site());
    release(&bouncer, &old).await;
    let second = release(&bouncer, &new).await;
    release(&bouncer, &old).await;
    for task in ["frontend.withdraw", "frontend.prune"] {
        assert_eq!(bouncer.task(task, &second).await.unwrap()["outcome"], "done");
    }
    assert!(world.proxy.keys(Method::DELETE, BUCKET).is_empty());
    world.assert_holds(BUCKET, &old).await;
}

/// What was published to another bucket is not looked for in this one.
#[tokio::test]
async fn a_copy_in_another_bucket_is_not_ours() {
    let (world, bouncer) = World::with_shop().await;
    let (old, new) = (old_site(), smaller_site());
    bouncer.keep(1, 0).await;
    bouncer.deploys(&world, &old).await;
    bouncer.add_project("shop", "shop-elsewhere").await;
    for file in old.files() {
        world.plant("shop-elsewhere", &file.path, file.bytes.clone()).await;
    }
    for _ in 0..2 {
        bouncer.deploy(&new).await.assert_completed(&new);
    }
    for file in old.files() {
        assert!(world.find("shop-elsewhere", &file.path).await.is_some(), "{} is gone", file.path);
    }
}

/// The grace is over, and nobody deploys: what nothing needs goes when it is asked for, and only then.
#[tokio::test]
async fn without_a_deploy() {
    let (world, bouncer) = World::with_shop().await;
    assert_eq!(bouncer.try_prune().await.unwrap_err().code, ErrorCode::Conflict, "nothing was released");
    let (old, new) = (old_site(), smaller_site());
    bouncer.deploys(&world, &old).await;
    bouncer.deploys(&world, &new).await;
    let removed = async |result: &str, times: u64| {
        let ended = bouncer.prune().await;
        assert_eq!(
            (ended["status"].as_str(), ended["action"].as_str()),
            (Some(result), Some("frontend_prune")),
            "{ended:#}"
        );
        assert_eq!(ended["result"]["removed_count"], times, "{ended:#}");
        ended["result"].clone()
    };
    removed("completed", 0).await;
    bouncer.keep(1, 0).await;

    // Trouble fails it, for there is nothing else that it has done; and it is told how far it came.
    world.proxy.always(Method::HEAD, BUCKET, "*", Fault::ACCESS_DENIED);
    let result = removed("failed", 0).await;
    assert!(result["error_summary"].as_str().unwrap().contains("may not be read and removed"), "{result:#}");
    world.proxy.heal();
    let foreign = names(&old).into_iter().find(|name| name.starts_with("assets/")).unwrap();
    world.plant(BUCKET, &foreign, b"somebody else's".to_vec()).await;
    let result = removed("completed", 2).await;
    assert_eq!(result["not_removed"][0]["filename"], foreign, "{result:#}");
    assert_holds_only(&world, &new, &[&foreign]).await;
    assert_eq!(bouncer.project().await.releases.len(), 1);
    removed("completed", 0).await;
    bouncer.assert_free().await;
    bouncer.deploys(&world, &old).await;
}

#[tokio::test]
async fn beside_a_deploy_that_runs_or_has_run() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.keep(1, 0).await;
    let (old, new) = (old_site(), smaller_site());
    bouncer.deploys(&world, &old).await;
    let gate = CancellationToken::new();
    let held = world.proxy.always(Method::PUT, BUCKET, "index.html", Fault::Hold(gate.clone()));
    let id = bouncer.start(&new).await;
    wait_until("the deploy to hold the bucket", DEADLINE, async || (held.hits() > 0).then_some(())).await;
    let refused = bouncer.try_prune().await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    assert!(refused.message.contains(id.as_str()), "{refused:?}");
    gate.cancel();
    bouncer.ended(&id).await.assert_completed(&new);
    bouncer.kill().await;

    // Asked for, then another release goes live before it begins.
    let bouncer = world.bouncer(publish_settings());
    let pruning = bouncer.try_prune().await.unwrap();
    let deploy = bouncer.start(&old).await;
    assert_eq!(bouncer.slice(&deploy).await.unwrap()["outcome"], "deployed");
    bouncer.app.store.release(&shop(), Lane::Frontend, &deploy).await.unwrap();
    world.proxy.forget();
    let error = bouncer.task("frontend.prune", &pruning).await.unwrap_err();
    assert_eq!(error.name.as_str(), "Bouncer.Refused");
    assert!(error.cause.contains("Another release went live"), "{error}");
    assert!(world.proxy.keys(Method::DELETE, BUCKET).is_empty());
}
