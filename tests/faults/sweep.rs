//! Contents and lists of files that nothing needs any more, and above all those that something does.

use std::collections::BTreeSet;
use std::time::Duration;

use bouncer::domain::caller::{Caller, Role};
use bouncer::domain::error::UserError;
use bouncer::domain::ids::{KeyId, RequestId};
use bouncer::kinds::frontend_deploy::{confirm, presigned, rollback};
use bouncer::requests::app::PublishSettings;
use bouncer::requests::status;
use http::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::world::{
    BUCKET, Bouncer, DEADLINE, SHOP, STAGING, World, blob, caller, new_site, old_site, publish_settings, shop,
};
use crate::support::{Fault, Site, text, wait_until};

/// Days after which contents may go, and lists of files.
const OLD: u32 = 7;
const OLD_LIST: u32 = 97;

/// A site of one page and these assets.
fn site(assets: &[&str]) -> Site {
    let mut site = Site::new(4, 0, 0);
    for name in assets {
        site.put(&format!("assets/{name}.js"), format!("export default '{name}';"));
    }
    site
}

/// The keys of the contents of these sites.
fn contents(sites: &[&Site]) -> BTreeSet<String> {
    sites.iter().flat_map(|site| site.files()).map(blob).collect()
}

async fn stored(world: &World, prefix: &str) -> BTreeSet<String> {
    world.objects.list(STAGING, prefix).await.unwrap().into_iter().map(|object| object.key).collect()
}

/// Makes all contents so old that they may go, and all lists so old that nobody waits for what they name.
fn make_old(world: &World) {
    world.make_older("blobs/", OLD);
    world.make_older("manifests/", 1);
}

fn of(site: &Site, asset: &str) -> String {
    blob(site.file(&format!("assets/{asset}.js")))
}

#[tokio::test]
async fn what_only_a_given_up_release_needs_goes() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.keep(2, 0).await;
    let (first, second, third) = (site(&["a", "ab", "abc"]), site(&["b", "ab", "abc"]), site(&["c", "abc"]));
    bouncer.deploys(&world, &first).await;
    bouncer.deploys(&world, &second).await;
    // Of another project, whose name begins the same; and what is no content at all.
    let theirs = of(&first, "a").replace("blobs/shop/", "blobs/shop-2/");
    world.plant(STAGING, &theirs, b"export default 'a';".to_vec()).await;
    world.plant(STAGING, "blobs/shop/notes.txt", b"a note".to_vec()).await;
    make_old(&world);

    let ended = bouncer.deploy(&third).await;
    ended.assert_completed(&third);
    assert_eq!(ended.answer["result"]["contents_removed_count"], 1, "{:#}", ended.answer);
    let mut expected = contents(&[&second, &third]);
    assert!(!expected.contains(&of(&first, "a")) && expected.contains(&of(&first, "ab")));
    expected.extend([theirs, "blobs/shop/notes.txt".to_owned()]);
    assert_eq!(stored(&world, "blobs/").await, expected);

    // The way back is whole.
    let releases = bouncer.project().await.releases;
    let id = bouncer.ask_back(releases[0].release_id.as_str()).await;
    bouncer.approve(&id).await;
    bouncer.ended(&id).await.assert_completed(&second);
    // Nothing is left over now, and nobody says so.
    let again = bouncer.deploy(&third).await;
    assert_eq!(again.answer["result"].get("contents_removed_count"), None, "{:#}", again.answer);
}

#[tokio::test]
async fn nothing_goes_before_it_is_old() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.keep(1, 0).await;
    let (first, second) = (site(&["a"]), site(&["b"]));
    bouncer.deploys(&world, &first).await;
    world.make_older("blobs/", OLD - 1);
    world.make_older("manifests/", 1);
    bouncer.deploys(&world, &second).await;
    assert_eq!(stored(&world, "blobs/").await, contents(&[&first, &second]));
    world.make_older("blobs/", 1);
    bouncer.deploys(&world, &second).await;
    assert_eq!(stored(&world, "blobs/").await, contents(&[&second]));
}

/// The same without a deploy, on behalf of whoever asks for just that; there trouble fails it.
#[tokio::test]
async fn a_prune_of_its_own_looks_for_contents_too() {
    let (world, bouncer) = World::with_shop().await;
    let (first, second) = (site(&["a"]), site(&["b"]));
    bouncer.deploys(&world, &first).await;
    bouncer.deploys(&world, &second).await;
    make_old(&world);
    bouncer.keep(1, 0).await;
    let denied = world.proxy.always(Method::DELETE, STAGING, "blobs/*", Fault::ACCESS_DENIED);
    let failed = bouncer.prune().await;
    assert_eq!((&failed["status"], denied.hits()), (&json!("failed"), 1), "{failed:#}");
    assert!(text(&failed["result"]["error_summary"]).contains("were not removed"), "{failed:#}");
    world.proxy.heal();
    let pruned = bouncer.prune().await;
    assert_eq!(pruned["result"]["contents_removed_count"], 1, "{pruned:#}");
    assert_eq!(stored(&world, "blobs/").await, contents(&[&second]));
    bouncer.assert_free().await;
}

/// What a failed deploy announced is needed as long as its release has a document.
#[tokio::test]
async fn contents_of_a_release_that_began_stay() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.deploys(&world, &old_site()).await;
    world.proxy.always(Method::PUT, BUCKET, "index.html", Fault::ACCESS_DENIED);
    bouncer.deploy(&new_site()).await.assert_failed("partial_deploy", "denied");
    world.proxy.heal();
    make_old(&world);
    bouncer.deploys(&world, &old_site()).await;
    assert_eq!(stored(&world, "blobs/").await, contents(&[&old_site(), &new_site()]));
    // Given up with its grace.
    bouncer.keep(1, 0).await;
    bouncer.deploys(&world, &old_site()).await;
    assert_eq!(stored(&world, "blobs/").await, contents(&[&old_site()]));
}

async fn request(bouncer: &Bouncer, site: &Site) -> (RequestId, Vec<String>, Vec<String>) {
    let args = serde_json::from_value(json!({ "project": SHOP, "files": site.declared() })).unwrap();
    let ready = presigned::request(&bouncer.app, &agent(), args, None).await.unwrap();
    let keys = ready.files.iter().map(|file| file.s3_key.clone()).collect();
    (RequestId::parse(ready.request_id).unwrap(), keys, ready.skipped)
}

/// The same key each time: whoever confirms has asked.
fn agent() -> Caller {
    let id = KeyId::parse("key-0123456789ab").unwrap();
    Caller { id, name: "an agent".into(), role: Role::Agent }
}

async fn confirmed(bouncer: &Bouncer, id: &RequestId, site: &Site) -> Result<(), UserError> {
    let args = json!({
        "request_id": id, "project": SHOP, "files": site.declared(), "reason": "a test", "source": "tests",
    });
    let args = serde_json::from_value(args).unwrap();
    confirm::confirm(&bouncer.app, &agent(), args).await.map(|_| ())
}

async fn upload(world: &World, site: &Site, keys: &[String]) {
    for file in site.files().iter().filter(|file| keys.contains(&blob(file))) {
        world.plant(STAGING, &blob(file), file.bytes.clone()).await;
    }
}

/// Its uploads stay while it waits for the rest of them, then for its decision; and afterwards it goes live.
#[tokio::test]
async fn a_request_that_waits_keeps_its_contents() {
    let world = World::new().await;
    let bouncer = world.bouncer(publish_settings());
    bouncer.add_project(SHOP, BUCKET).await;
    bouncer.keep(1, 0).await;
    let (first, second, third) = (site(&["a"]), site(&["b"]), site(&["c", "b"]));
    let live = bouncer.start(&first).await;
    assert_eq!(bouncer.slice(&live).await.unwrap()["outcome"], "deployed");
    bouncer.task("request.complete", &live).await.unwrap();
    let live = bouncer.start(&second).await;
    assert_eq!(bouncer.slice(&live).await.unwrap()["outcome"], "deployed");
    let sweep = async || {
        for task in ["frontend.withdraw", "frontend.prune", "frontend.sweep"] {
            assert_eq!(bouncer.task(task, &live).await.unwrap()["outcome"], "done", "{task}");
        }
    };

    let (id, addresses, skipped) = request(&bouncer, &third).await;
    assert_eq!(skipped, ["assets/b.js", "index.html"]);
    upload(&world, &third, &addresses).await;
    world.make_older("blobs/", 6);
    // What was uploaded for it is as old as anything can be that a request counts on, and older.
    sweep().await;
    assert_eq!(stored(&world, "blobs/").await, contents(&[&first, &second, &third]));
    let late = confirmed(&bouncer, &id, &third).await.unwrap_err();
    assert_eq!(late.details["missing"], json!(["assets/c.js"]), "{late:?}");
    upload(&world, &third, &addresses).await;
    world.make_older("manifests/", 1);
    confirmed(&bouncer, &id, &third).await.unwrap();

    // It waits longer than any window is, and everything but its list is old.
    world.make_older("blobs/", 30);
    sweep().await;
    assert_eq!(stored(&world, "blobs/").await, contents(&[&second, &third]), "only the first site is left over");
    let in_vain = site(&["d"]);
    bouncer.ask(&in_vain).await;
    bouncer.task("request.complete", &live).await.unwrap();
    bouncer.approve(&id).await;
    assert_eq!(bouncer.slice(&id).await.unwrap()["outcome"], "deployed");
    world.assert_holds(BUCKET, &third).await;

    // Whoever waited before that waits in vain.
    world.make_older("blobs/", 30);
    assert!(stored(&world, "blobs/").await.contains(&of(&in_vain, "d")));
    world.make_older("manifests/", 1);
    for task in ["frontend.prune", "frontend.sweep"] {
        bouncer.task(task, &id).await.unwrap();
    }
    assert_eq!(stored(&world, "blobs/").await, contents(&[&third]));
}

/// Content that nothing holds may be about to go, so it is uploaded again, whichever way it comes.
#[tokio::test]
async fn old_content_does_not_count_as_stored() {
    let (world, bouncer) = World::with_shop().await;
    let (first, second) = (site(&["a", "both"]), site(&["b", "both"]));
    bouncer.deploys(&world, &first).await;
    bouncer.deploys(&world, &second).await;
    let (_, addresses, _) = request(&bouncer, &first).await;
    assert_eq!(addresses, Vec::<String>::new(), "a day long all counts");
    world.make_older("blobs/", 1);
    let (id, addresses, skipped) = request(&bouncer, &first).await;
    assert_eq!(addresses, [of(&first, "a")]);
    assert_eq!(skipped, ["assets/both.js", "index.html"], "what visitors get is kept");

    // What counted when it began counts when it is confirmed, two hours long.
    confirmed(&bouncer, &id, &first).await.unwrap();
    let (id, _, _) = request(&bouncer, &first).await;
    world.make_older("blobs/", 1);
    let missing = confirmed(&bouncer, &id, &first).await.unwrap_err();
    assert_eq!(missing.details["missing"], json!(["assets/a.js"]), "{missing:?}");
    upload(&world, &first, &addresses).await;
    confirmed(&bouncer, &id, &first).await.unwrap();

    world.make_older("blobs/", 1);
    world.proxy.forget();
    bouncer.ask(&first).await;
    let put: Vec<String> = world.proxy.keys(Method::PUT, STAGING);
    let put: Vec<&String> = put.iter().filter(|key| key.starts_with("blobs/")).collect();
    assert_eq!(put, [&of(&first, "a")]);
}

/// A release that is given up between the look at it and the question is no way back.
#[tokio::test]
async fn a_release_that_is_given_up_meanwhile_is_refused() {
    let (world, bouncer) = World::with_shop().await;
    let first = bouncer.deploy(&site(&["a"])).await.release();
    bouncer.deploys(&world, &site(&["b"])).await;
    let gate = CancellationToken::new();
    let held = world.proxy.first(1, Method::PUT, STAGING, "manifests/*", Fault::Hold(gate.clone()));
    let args = serde_json::from_value(json!({ "project": SHOP, "release": first, "reason": "a test" })).unwrap();
    let agent = agent();
    let going_back = rollback::rollback(&bouncer.app, &agent, args);
    let giving_up = async {
        wait_until("the list", DEADLINE, async || (held.hits() > 0).then_some(())).await;
        let project = bouncer.project().await;
        let (store, current) = (&bouncer.app.store, project.current_release.unwrap());
        store.forget_releases(&shop(), &current, &project.releases[1..]).await.unwrap();
        gate.cancel();
    };
    let (refused, ()) = tokio::join!(going_back, giving_up);
    let refused = refused.unwrap_err();
    assert!(refused.message.contains("was given up"), "{refused:?}");
}

#[tokio::test]
async fn a_killed_sweep_goes_on() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.keep(1, 0).await;
    let (first, second) = (site(&["a", "b", "c"]), site(&["d"]));
    bouncer.deploys(&world, &first).await;
    make_old(&world);
    world.proxy.first(1, Method::DELETE, STAGING, "blobs/*", Fault::Delay(Duration::ZERO));
    let held = world.proxy.always(Method::DELETE, STAGING, "blobs/*", Fault::Hold(CancellationToken::new()));
    let id = bouncer.start(&second).await;
    wait_until("a content to be removed", DEADLINE, async || (held.hits() > 0).then_some(())).await;
    bouncer.kill().await;
    world.proxy.heal();
    let bouncer = world.bouncer(publish_settings()).at_work().await;
    bouncer.ended(&id).await.assert_completed(&second);
    assert_eq!(stored(&world, "blobs/").await, contents(&[&second]));
    bouncer.assert_free().await;
    bouncer.deploys(&world, &first).await;
}

#[tokio::test]
async fn trouble_with_it_fails_no_deploy() {
    for (fault, gone) in [(Fault::ACCESS_DENIED, false), (Fault::SLOW_DOWN, true), (Fault::ResetAfter, true)] {
        let (world, bouncer) = World::with_shop().await;
        bouncer.keep(1, 0).await;
        let (first, second) = (site(&["a"]), site(&["b"]));
        bouncer.deploys(&world, &first).await;
        make_old(&world);
        let rule = world.proxy.first(1, Method::DELETE, STAGING, "blobs/*", fault);
        let ended = bouncer.deploy(&second).await;
        ended.assert_completed(&second);
        assert_eq!(rule.hits(), 1);
        assert_eq!(!stored(&world, "blobs/").await.contains(&of(&first, "a")), gone);
        let error = ended.answer["result"].get("prune_error").map(text);
        assert_eq!(error.is_some(), !gone, "{:#}", ended.answer);
        assert!(error.is_none_or(|error| error.contains("were not removed: access to the bucket")), "{error:?}");
        bouncer.assert_free().await;
        bouncer.deploys(&world, &second).await;
        assert_eq!(stored(&world, "blobs/").await, contents(&[&second]));
    }
}

/// Somebody uploads a content again after it was found: it stays.
#[tokio::test]
async fn what_is_written_again_stays() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.keep(1, 0).await;
    let (first, second) = (site(&["a"]), site(&["b"]));
    bouncer.deploys(&world, &first).await;
    make_old(&world);
    let gate = CancellationToken::new();
    let held = world.proxy.first(1, Method::HEAD, STAGING, &of(&first, "a"), Fault::Hold(gate.clone()));
    let id = bouncer.start(&second).await;
    wait_until("the last look at it", DEADLINE, async || (held.hits() > 0).then_some(())).await;
    upload(&world, &first, &[of(&first, "a")]).await;
    gate.cancel();
    bouncer.ended(&id).await.assert_completed(&second);
    assert_eq!(stored(&world, "blobs/").await, contents(&[&first, &second]));
}

#[tokio::test]
async fn many_go_slice_by_slice() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.keep(1, 0).await;
    let names: Vec<String> = (0..150).map(|n| format!("n{n}")).collect();
    let (large, small) = (site(&names.iter().map(String::as_str).collect::<Vec<_>>()), site(&["x"]));
    bouncer.deploys(&world, &large).await;
    make_old(&world);
    bouncer.kill().await;
    let hurried = PublishSettings { slice: Duration::ZERO, concurrency: 16, ..publish_settings() };
    let bouncer = world.bouncer(hurried).at_work().await;
    world.proxy.forget();
    let id = bouncer.start_all(&small).await;
    let ended = bouncer.ended(&id).await;
    assert_eq!(ended.answer["result"]["contents_removed_count"], 150, "{:#}", ended.answer);
    assert_eq!(stored(&world, "blobs/").await, contents(&[&small]));
    assert_eq!(world.proxy.keys(Method::HEAD, STAGING).len(), 150, "no content is looked at twice");
    assert_eq!(world.proxy.keys(Method::DELETE, STAGING).iter().filter(|key| key.starts_with("blobs/")).count(), 150);
}

/// A list goes when nobody can look at its request any more, unless a release has it; then the request says so.
#[tokio::test]
async fn lists_go_much_later() {
    let (world, bouncer) = World::with_shop().await;
    let (first, second) = (site(&["a"]), site(&["b"]));
    bouncer.deploys(&world, &first).await;
    let asked = bouncer.ask(&second).await;
    let show = async || -> Value {
        let ask = serde_json::from_value(json!({ "request_id": asked })).unwrap();
        serde_json::to_value(status::show(&bouncer.app, &caller(Role::Approver), ask).await.unwrap()).unwrap()
    };
    let shown = show().await;
    let files = shown["card"]["sections"][0]["files"].as_array().expect("files");
    assert!(files.iter().any(|file| file["path"] == "assets/b.js"), "{shown:#}");
    world.make_older("manifests/", OLD_LIST - 1);
    bouncer.deploys(&world, &first).await;
    assert_eq!(stored(&world, "manifests/").await.len(), 2);
    world.make_older("manifests/", OLD_LIST);
    bouncer.deploys(&world, &first).await;
    assert_eq!(stored(&world, "manifests/").await.len(), 1, "the one that the releases have");
    let shown = show().await;
    let files = &shown["card"]["sections"][0];
    assert_eq!((&files["files"], &files["added"]), (&json!([]), &json!(1)), "{shown:#}");
    assert!(text(&files["note"]).contains("no longer kept"), "{shown:#}");
}
