//! Faults that stay: the deploy fails with the truth about what visitors get, and the next one puts the bucket right.

use bouncer::domain::request::Status;
use http::Method;

use super::world::{
    BUCKET, Bouncer, DEADLINE, Ended, LARGE, STAGING, World, blob, new_site, new_site_with_large_file, old_site,
};
use crate::support::{Fault, Site, wait_until};

/// A live site, and a deploy of the next one over a fault that stays.
struct Failed {
    world: World,
    bouncer: Bouncer,
    old: Site,
    new: Site,
    ended: Ended,
}

impl Failed {
    async fn over(method: Method, bucket: &str, key: &str, fault: Fault) -> Self {
        let (world, bouncer) = World::with_shop().await;
        let (old, new) = (old_site(), if key == LARGE { new_site_with_large_file() } else { new_site() });
        bouncer.deploys(&world, &old).await;
        let id = bouncer.ask(&new).await;
        world.proxy.forget();
        let rule = world.proxy.always(method, bucket, key, fault);
        bouncer.approve(&id).await;
        let ended = bouncer.ended(&id).await;
        assert!(rule.hits() > 0, "the fault happened");
        Self { world, bouncer, old, new, ended }
    }

    /// Visitors get the whole old site, and nothing of pages or replacements was even tried.
    async fn assert_old_site_whole(&self) {
        self.world.assert_holds(BUCKET, &self.old).await;
        let tried = self.world.puts(BUCKET);
        assert!(tried.keys().all(|key| key.starts_with("assets/")), "{tried:?}");
    }

    /// The lease is given back, and after each of two more deploys every file is right.
    async fn assert_mends(self) {
        self.bouncer.assert_free().await;
        self.world.proxy.heal();
        self.bouncer.deploys(&self.world, &self.new).await;
        self.bouncer.deploys(&self.world, &self.old).await;
    }

    /// The same, the old site first: files that the failed deploy overwrote in the same size are put back.
    async fn assert_mends_backwards(self) {
        self.bouncer.assert_free().await;
        self.world.proxy.heal();
        self.bouncer.deploys(&self.world, &self.old).await;
        self.bouncer.deploys(&self.world, &self.new).await;
    }
}

#[tokio::test]
async fn an_asset_is_denied() {
    let failed = Failed::over(Method::PUT, BUCKET, "assets/new-1.js", Fault::ACCESS_DENIED).await;
    failed.ended.assert_failed("deploy_failed", "assets/new-1.js: access to the bucket 'shop-site' was denied");
    failed.ended.assert_names(&["assets/new-1.js"]);
    failed.assert_old_site_whole().await;
    failed.assert_mends().await;
}

#[tokio::test]
async fn every_asset_is_denied() {
    let failed = Failed::over(Method::PUT, BUCKET, "assets/*", Fault::ACCESS_DENIED).await;
    failed.ended.assert_failed("deploy_failed", "access to the bucket 'shop-site' was denied");
    assert_eq!(failed.ended.answer["result"]["deployed_count"], 0);
    failed.assert_old_site_whole().await;
    failed.assert_mends().await;
}

#[tokio::test]
async fn a_large_asset_is_denied() {
    let failed = Failed::over(Method::PUT, BUCKET, LARGE, Fault::ACCESS_DENIED).await;
    failed.ended.assert_failed("deploy_failed", &format!("{LARGE}: access"));
    failed.assert_old_site_whole().await;
    failed.assert_mends_backwards().await;
}

/// It would be the first that a visitor notices, so the old site is still whole.
#[tokio::test]
async fn a_replacement_is_denied() {
    let failed = Failed::over(Method::PUT, BUCKET, "style.css", Fault::ACCESS_DENIED).await;
    failed.ended.assert_failed("deploy_failed", "style.css: access to the bucket 'shop-site' was denied");
    failed.ended.assert_names(&["style.css"]);
    failed.world.assert_holds(BUCKET, &failed.old).await;
    failed.assert_mends().await;
}

#[tokio::test]
async fn a_page_is_denied_after_another_was_written() {
    let failed = Failed::over(Method::PUT, BUCKET, "pages/*", Fault::ACCESS_DENIED).await;
    failed.ended.assert_failed("partial_deploy", "pages/page-0001.html: access to the bucket 'shop-site' was denied");
    failed.ended.assert_names(&["pages/page-0001.html"]);
    failed.world.assert_holds_file(BUCKET, failed.new.file("style.css")).await;
    failed.world.assert_holds_file(BUCKET, failed.old.file("pages/page-0001.html")).await;
    failed.world.assert_holds_file(BUCKET, failed.old.file("index.html")).await;
    failed.assert_mends().await;
}

#[tokio::test]
async fn the_entry_page_is_denied() {
    let failed = Failed::over(Method::PUT, BUCKET, "index.html", Fault::ACCESS_DENIED).await;
    failed.ended.assert_failed("partial_deploy", "index.html: access to the bucket 'shop-site' was denied");
    failed.ended.assert_names(&["index.html"]);
    failed.world.assert_holds_file(BUCKET, failed.new.file("pages/page-0001.html")).await;
    failed.world.assert_holds_file(BUCKET, failed.old.file("index.html")).await;
    failed.assert_mends_backwards().await;
}

/// The only page that changes, and nothing else that a visitor would notice.
#[tokio::test]
async fn the_entry_page_alone_is_denied() {
    let (world, bouncer) = World::with_shop().await;
    let mut site = Site::new(3, 1, 1);
    bouncer.deploys(&world, &site).await;
    let old = site.file("index.html").clone();
    site.put("index.html", "<!doctype html><title>new</title>");
    site.put("assets/more.js", "1");
    let rule = world.proxy.always(Method::PUT, BUCKET, "index.html", Fault::ACCESS_DENIED);
    let ended = bouncer.deploy(&site).await;
    assert!(rule.hits() > 0);
    ended.assert_failed("deploy_failed", "index.html: access to the bucket 'shop-site' was denied");
    world.assert_holds_file(BUCKET, &old).await;
    world.proxy.heal();
    bouncer.deploys(&world, &site).await;
}

#[tokio::test]
async fn the_storage_says_that_the_bytes_are_wrong() {
    let failed = Failed::over(Method::PUT, BUCKET, "assets/new-1.js", Fault::BAD_DIGEST).await;
    failed.ended.assert_failed("deploy_failed", "assets/new-1.js: the stored bytes are not the approved ones");
    failed.assert_old_site_whole().await;
    failed.assert_mends().await;
}

#[tokio::test]
async fn stored_content_was_exchanged() {
    let (world, bouncer) = World::with_shop().await;
    let (old, new) = (old_site(), new_site_with_large_file());
    bouncer.deploys(&world, &old).await;
    let id = bouncer.ask(&new).await;
    for path in ["assets/new-1.js", LARGE] {
        let mut bytes = new.file(path).bytes.clone();
        bytes[7] ^= 1;
        world.plant(STAGING, &blob(new.file(path)), bytes).await;
    }
    bouncer.approve(&id).await;
    let ended = bouncer.ended(&id).await;
    ended.assert_failed("deploy_failed", "the stored bytes are not the approved ones");
    ended.assert_names(&[LARGE, "assets/new-1.js"]);
    world.assert_holds(BUCKET, &old).await;
}

#[tokio::test]
async fn stored_content_is_gone() {
    let (world, bouncer) = World::with_shop().await;
    let (old, new) = (old_site(), new_site());
    bouncer.deploys(&world, &old).await;
    let id = bouncer.ask(&new).await;
    world.raw().objects.delete_object().bucket(STAGING).key(blob(new.file("assets/new-1.js"))).send().await.unwrap();
    bouncer.approve(&id).await;
    let ended = bouncer.ended(&id).await;
    ended.assert_failed("deploy_failed", "assets/new-1.js: its approved content is no longer stored");
    ended.assert_names(&["assets/new-1.js"]);
    world.assert_holds(BUCKET, &old).await;
    bouncer.assert_free().await;
    // Whoever asks anew brings it again.
    bouncer.deploys(&world, &new).await;
    bouncer.deploys(&world, &old).await;
}

#[tokio::test]
async fn the_bucket_is_gone() {
    let (world, bouncer) = World::with_shop().await;
    let site = old_site();
    world.raw().objects.delete_bucket().bucket(BUCKET).send().await.unwrap();
    let ended = bouncer.deploy(&site).await;
    ended.assert_failed("deploy_failed", "the bucket 'shop-site' does not exist");
    bouncer.assert_free().await;
    world.objects.create_bucket(BUCKET).await.unwrap();
    bouncer.deploys(&world, &site).await;
}

#[tokio::test]
async fn the_bucket_goes_away_between_pages() {
    let failed = Failed::over(Method::PUT, BUCKET, "index.html", Fault::NO_SUCH_BUCKET).await;
    failed.ended.assert_failed("partial_deploy", "index.html: the bucket 'shop-site' does not exist");
    failed.assert_mends_backwards().await;
}

#[tokio::test]
async fn the_bucket_is_in_another_region() {
    let sentence = "the bucket 'shop-site' is in another region than the project's frontend_region says";
    let failed = Failed::over(Method::GET, BUCKET, "", Fault::OTHER_REGION).await;
    failed.ended.assert_failed("deploy_failed", sentence);
    assert_eq!(failed.world.puts(BUCKET).len(), 0);
    failed.assert_mends().await;
    let failed = Failed::over(Method::PUT, BUCKET, "assets/*", Fault::OTHER_REGION).await;
    failed.ended.assert_failed("deploy_failed", sentence);
}

#[tokio::test]
async fn the_listing_is_denied() {
    let failed = Failed::over(Method::GET, BUCKET, "", Fault::ACCESS_DENIED).await;
    failed.ended.assert_failed("deploy_failed", "could not be compared: access to the bucket 'shop-site' was denied");
    assert_eq!(failed.world.puts(BUCKET).len(), 0);
    failed.assert_mends().await;
}

#[tokio::test]
async fn the_listing_fails_for_long() {
    let failed = Failed::over(Method::GET, BUCKET, "", Fault::INTERNAL_ERROR).await;
    failed.ended.assert_failed("deploy_failed", "The object storage cannot be reached.");
    assert_eq!(failed.world.puts(BUCKET).len(), 0);
    failed.assert_mends().await;
}

#[tokio::test]
async fn the_storage_is_away_for_long_before_the_pages() {
    let failed = Failed::over(Method::PUT, BUCKET, "assets/*", Fault::ResetBefore).await;
    failed.ended.assert_failed("deploy_failed", "the object storage could not be reached");
    failed.assert_old_site_whole().await;
    failed.assert_mends().await;
}

#[tokio::test]
async fn the_storage_is_away_for_long_between_pages() {
    let failed = Failed::over(Method::PUT, BUCKET, "index.html", Fault::INTERNAL_ERROR).await;
    failed.ended.assert_failed("partial_deploy", "index.html: the object storage could not be reached");
    failed.ended.assert_names(&["index.html"]);
    failed.assert_mends_backwards().await;
}

#[tokio::test]
async fn the_staging_bucket_is_away_for_long() {
    let failed = Failed::over(Method::GET, STAGING, "*", Fault::ResetBefore).await;
    failed.ended.assert_failed("deploy_failed", "The object storage cannot be reached.");
    assert_eq!(failed.world.puts(BUCKET).len(), 0);
    failed.assert_mends().await;
}

#[tokio::test]
async fn the_staging_bucket_is_denied() {
    let failed = Failed::over(Method::GET, STAGING, "manifests/*", Fault::ACCESS_DENIED).await;
    failed.ended.assert_failed("deploy_failed", &format!("A document in the bucket '{STAGING}' cannot be used."));
    failed.assert_mends().await;
}

#[tokio::test]
async fn the_credentials_stay_expired() {
    let failed = Failed::over(Method::PUT, BUCKET, "pages/*", Fault::EXPIRED_TOKEN).await;
    failed.ended.assert_failed(
        "partial_deploy",
        "pages/page-0001.html: the credentials for the bucket 'shop-site' have expired",
    );
    failed.assert_mends().await;
}

#[tokio::test]
async fn asking_while_the_storage_is_away_starts_nothing() {
    let (world, bouncer) = World::with_shop().await;
    let site = old_site();
    let rule = world.proxy.always(Method::PUT, STAGING, "*", Fault::ResetBefore);
    let error = bouncer.try_ask(&site).await.unwrap_err();
    assert!(rule.hits() > 0);
    assert!(error.message.contains("object storage"), "{error}");
    world.proxy.heal();
    bouncer.deploys(&world, &site).await;
}

/// A bucket that throttles slows down its own deploy and nobody else's.
#[tokio::test]
async fn a_throttled_bucket_holds_up_no_other_project() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.add_project("blog", "blog-site").await;
    let rule = world.proxy.always(Method::PUT, BUCKET, "*", Fault::SLOW_DOWN);
    let slow = bouncer.start(&old_site()).await;
    wait_until("the bucket to throttle", DEADLINE, async || (rule.hits() > 0).then_some(())).await;
    let site = new_site();
    let quick = bouncer.start_in("blog", &site).await;
    bouncer.ended(&quick).await.assert_completed(&site);
    world.assert_holds("blog-site", &site).await;
    let slow = bouncer.app.store.request(&slow).await.unwrap().unwrap();
    assert_eq!(slow.status, Status::Running, "it still keeps the pace that its bucket asked for");
}
