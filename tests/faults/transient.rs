//! Faults that pass: the deploy is completed as if nothing had been.

use std::time::Duration;

use http::Method;

use super::world::{BUCKET, LARGE, STAGING, World, blob, new_site, new_site_with_large_file, old_site};
use crate::support::{Fault, Site};

/// Deploys over faults that pass, and then there and back again: after each the bucket is exactly right.
async fn passes(new: Site, times: usize, method: Method, bucket: &str, key: &str, fault: Fault) {
    let (world, bouncer) = World::with_shop().await;
    let old = old_site();
    bouncer.deploys(&world, &old).await;

    // Only what the publish does is harmed; asking would be refused.
    let id = bouncer.ask(&new).await;
    let rule = world.proxy.first(times, method, bucket, key, fault);
    bouncer.approve(&id).await;
    bouncer.ended(&id).await.assert_completed(&new);
    assert_eq!(rule.hits(), times, "the fault happened");
    world.assert_holds(BUCKET, &new).await;
    bouncer.assert_free().await;

    world.proxy.heal();
    bouncer.deploys(&world, &new).await;
    bouncer.deploys(&world, &old).await;
}

macro_rules! passing {
    ($site:ident; $($name:ident: $times:literal, $method:ident, $bucket:expr, $key:expr, $fault:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            passes($site(), $times, Method::$method, $bucket, $key, $fault).await;
        }
    )*};
}

passing! {
    new_site;
    an_asset_is_throttled: 2, PUT, BUCKET, "assets/*", Fault::SLOW_DOWN;
    an_asset_meets_an_error: 2, PUT, BUCKET, "assets/*", Fault::INTERNAL_ERROR;
    an_assets_put_is_reset: 1, PUT, BUCKET, "assets/new-1.js", Fault::ResetBefore;
    an_assets_answer_is_lost: 1, PUT, BUCKET, "assets/new-1.js", Fault::ResetAfter;
    an_asset_is_slow: 2, PUT, BUCKET, "assets/*", Fault::Delay(Duration::from_millis(150));
    a_replacement_meets_an_error: 1, PUT, BUCKET, "style.css", Fault::INTERNAL_ERROR;
    a_pages_answer_is_lost: 1, PUT, BUCKET, "pages/*", Fault::ResetAfter;
    the_entry_pages_put_is_reset: 1, PUT, BUCKET, "index.html", Fault::ResetBefore;
    the_entry_page_is_throttled: 2, PUT, BUCKET, "index.html", Fault::SLOW_DOWN;
    a_blob_meets_an_error: 2, GET, STAGING, "blobs/*", Fault::INTERNAL_ERROR;
    a_blobs_connection_is_reset: 1, GET, STAGING, "blobs/*", Fault::ResetBefore;
    a_blobs_answer_is_cut: 2, GET, STAGING, "blobs/*", Fault::CutAnswer;
    a_blob_is_slow: 3, GET, STAGING, "blobs/*", Fault::Delay(Duration::from_millis(150));
    the_manifest_meets_an_error: 1, GET, STAGING, "manifests/*", Fault::INTERNAL_ERROR;
    the_manifests_answer_is_cut: 1, GET, STAGING, "manifests/*", Fault::CutAnswer;
    the_releases_answer_is_lost: 1, PUT, STAGING, "releases/*", Fault::ResetAfter;
    the_listing_is_throttled: 2, GET, BUCKET, "", Fault::SLOW_DOWN;
    the_listings_answer_is_cut: 1, GET, BUCKET, "", Fault::CutAnswer;
    the_credentials_expire_meanwhile: 1, PUT, BUCKET, "pages/*", Fault::EXPIRED_TOKEN;
    the_credentials_expire_before: 1, GET, BUCKET, "", Fault::EXPIRED_TOKEN;
}

passing! {
    new_site_with_large_file;
    a_large_asset_is_throttled: 1, PUT, BUCKET, LARGE, Fault::SLOW_DOWN;
    a_large_assets_put_is_reset: 2, PUT, BUCKET, LARGE, Fault::ResetBefore;
    a_large_assets_answer_is_lost: 1, PUT, BUCKET, LARGE, Fault::ResetAfter;
    a_large_blobs_answer_is_cut: 2, GET, STAGING, &blob(new_site_with_large_file().file(LARGE)), Fault::CutAnswer;
}
