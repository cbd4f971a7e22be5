//! A project whose bucket changes: what lies in another bucket is never taken for a file of a release.

use http::Method;
use tokio_util::sync::CancellationToken;

use super::world::{BUCKET, Bouncer, DEADLINE, SHOP, World, new_site, old_site};
use crate::support::{Fault, Site, wait_until};

const OTHER: &str = "shop-elsewhere";

/// Fills a bucket with files of the same names and sizes and other bytes.
async fn look_alikes(world: &World, bucket: &str, site: &Site) {
    for file in site.files() {
        world.plant(bucket, &file.path, vec![b'?'; file.bytes.len()]).await;
    }
}

async fn deploys_all(world: &World, bouncer: &Bouncer, bucket: &str, site: &Site) {
    let ended = bouncer.deploy(site).await;
    ended.assert_completed(site);
    assert_eq!(ended.answer["result"]["deployed_count"], site.files().len(), "no file is skipped");
    world.assert_holds(bucket, site).await;
}

#[tokio::test]
async fn a_bucket_with_look_alikes_is_written_whole() {
    let (world, bouncer) = World::with_shop().await;
    let site = old_site();
    look_alikes(&world, BUCKET, &site).await;
    deploys_all(&world, &bouncer, BUCKET, &site).await;

    world.objects.create_bucket(OTHER).await.unwrap();
    look_alikes(&world, OTHER, &site).await;
    bouncer.add_project(SHOP, OTHER).await;
    deploys_all(&world, &bouncer, OTHER, &site).await;
}

#[tokio::test]
async fn there_and_back_again() {
    let (world, bouncer) = World::with_shop().await;
    let (old, new) = (old_site(), new_site());
    bouncer.deploys(&world, &old).await;
    bouncer.add_project(SHOP, OTHER).await;
    deploys_all(&world, &bouncer, OTHER, &new).await;
    look_alikes(&world, BUCKET, &old).await;
    bouncer.add_project(SHOP, BUCKET).await;
    assert_eq!(bouncer.project().await.current_release, None);
    deploys_all(&world, &bouncer, BUCKET, &old).await;
    world.assert_holds(OTHER, &new).await;
}

/// There and back without a deploy between.
#[tokio::test]
async fn a_detour_forgets_what_was_known() {
    let (world, bouncer) = World::with_shop().await;
    let site = old_site();
    bouncer.deploys(&world, &site).await;
    bouncer.add_project(SHOP, OTHER).await;
    bouncer.add_project(SHOP, BUCKET).await;
    look_alikes(&world, BUCKET, &site).await;
    deploys_all(&world, &bouncer, BUCKET, &site).await;
}

#[tokio::test]
async fn an_approval_holds_for_the_bucket_it_was_asked_for() {
    let (world, bouncer) = World::with_shop().await;
    let site = old_site();
    let id = bouncer.ask(&site).await;
    bouncer.add_project(SHOP, OTHER).await;
    bouncer.approve(&id).await;
    bouncer.ended(&id).await.assert_failed("deploy_failed", "bucket, distribution, region or role changed");
    assert!(world.puts(BUCKET).is_empty() && world.puts(OTHER).keys().all(String::is_empty));
    deploys_all(&world, &bouncer, OTHER, &site).await;
}

/// The bucket changes while the last file is on its way there: the release does not become the current one.
#[tokio::test]
async fn a_bucket_that_changes_during_a_slice_settles_nothing() {
    for back_again in [false, true] {
        let (world, bouncer) = World::with_shop().await;
        let (old, new) = (old_site(), new_site());
        bouncer.deploys(&world, &old).await;
        let gate = CancellationToken::new();
        let held = world.proxy.first(1, Method::PUT, BUCKET, "index.html", Fault::Hold(gate.clone()));
        let id = bouncer.start(&new).await;
        wait_until("the last file to hang", DEADLINE, async || (held.hits() == 1).then_some(())).await;
        bouncer.add_project(SHOP, OTHER).await;
        if back_again {
            bouncer.add_project(SHOP, BUCKET).await;
        }
        gate.cancel();
        bouncer.ended(&id).await.assert_failed("partial_deploy", "the bucket was changed");
        assert_eq!(bouncer.project().await.current_release, None);
        bouncer.assert_free().await;
        let bucket = if back_again { BUCKET } else { OTHER };
        look_alikes(&world, bucket, &old).await;
        deploys_all(&world, &bouncer, bucket, &old).await;
    }
}
