//! Going back to what a site was, and what of it has to travel.

use bouncer::domain::ids::RequestId;
use http::Method;

use super::world::{BUCKET, Bouncer, DEADLINE, World, new_site, old_site, publish_settings};
use crate::support::{Fault, Site, wait_until};

/// The old site after a build that renames every asset.
fn renamed_site() -> Site {
    let mut site = old_site();
    for path in assets(&site) {
        let bytes = site.file(&path).bytes.clone();
        site.remove(&path);
        site.put(&path.replace("assets/", "assets/renamed-"), bytes);
    }
    for page in ["index.html", "pages/page-0001.html"] {
        site.put(page, format!("<b>{page}</b>"));
    }
    site
}

fn assets(site: &Site) -> Vec<String> {
    site.files().iter().map(|file| file.path.clone()).filter(|path| path.starts_with("assets/")).collect()
}

/// The old site was live, and the renamed one is; the id of a rollback that is approved next.
async fn ready_to_go_back(world: &World, bouncer: &Bouncer) -> RequestId {
    let first = bouncer.deploy(&old_site()).await;
    bouncer.deploys(world, &renamed_site()).await;
    world.proxy.forget();
    bouncer.ask_back(&first.release()).await
}

/// Approves, waits for the end, and checks how many files were written: exactly these.
async fn goes_back(world: &World, bouncer: &Bouncer, id: &RequestId, written: &[&str]) {
    bouncer.approve(id).await;
    let ended = bouncer.ended(id).await;
    ended.assert_completed(&old_site());
    assert_eq!(ended.answer["result"]["deployed_count"], written.len(), "{:#}", ended.answer);
    let puts = world.puts(BUCKET);
    assert_eq!(puts.keys().map(String::as_str).collect::<Vec<_>>(), written);
    assert!(puts.values().all(|times| *times == 1), "{puts:?}");
    world.assert_holds(BUCKET, &old_site()).await;
}

const PAGES: [&str; 2] = ["index.html", "pages/page-0001.html"];

#[tokio::test]
async fn only_pages_travel() {
    let (world, bouncer) = World::with_shop().await;
    let id = ready_to_go_back(&world, &bouncer).await;
    goes_back(&world, &bouncer, &id, &PAGES).await;
    let mut asked = world.proxy.keys(Method::HEAD, BUCKET);
    asked.retain(|key| key.starts_with("assets/"));
    asked.sort();
    assert_eq!(asked, assets(&old_site()), "each is asked for once, and nothing else is");
    assert_eq!(world.proxy.keys(Method::GET, BUCKET), [""], "one listing, and no file is read");
}

/// What is not there with these bytes and these headers is written.
#[tokio::test]
async fn what_others_changed_travels_too() {
    let (world, bouncer) = World::with_shop().await;
    let id = ready_to_go_back(&world, &bouncer).await;
    let (old, all) = (old_site(), assets(&old_site()));
    let bytes = |n: usize| old.file(&all[n]).bytes.clone();
    // Other bytes of the same size; the same bytes with other headers; the same in every way but an encoding.
    world.plant(BUCKET, &all[0], vec![b'?'; bytes(0).len()]).await;
    world.plant(BUCKET, &all[1], bytes(1)).await;
    let (_, content_type, cache_control) = world.find(BUCKET, &all[2]).await.unwrap();
    let put = world.raw().objects.put_object().bucket(BUCKET).key(&all[2]).content_encoding("gzip");
    let put = put.content_type(content_type).cache_control(cache_control).body(bytes(2).into());
    put.send().await.unwrap();
    let written = [&all[0], &all[1], &all[2], PAGES[0], PAGES[1]].map(|path: &str| path);
    goes_back(&world, &bouncer, &id, &written).await;
    let encoding = world.raw().objects.head_object().bucket(BUCKET).key(&all[2]).send().await.unwrap();
    assert_eq!(encoding.content_encoding, None);
}

/// Whatever keeps Bouncer from knowing, the file is written.
#[tokio::test]
async fn what_cannot_be_asked_for_travels() {
    for (fault, questions) in [(Fault::ACCESS_DENIED, 1..=3), (Fault::Answer(400, "InvalidRequest"), 3..=3)] {
        let (world, bouncer) = World::with_shop().await;
        let id = ready_to_go_back(&world, &bouncer).await;
        let rule = world.proxy.always(Method::HEAD, BUCKET, "assets/*", fault);
        let all = assets(&old_site());
        let written = [&all[0], &all[1], &all[2], PAGES[0], PAGES[1]].map(|path: &str| path);
        goes_back(&world, &bouncer, &id, &written).await;
        assert!(questions.contains(&rule.hits()), "{}", rule.hits());
    }
}

/// A deploy that ended half way may have written a file of that name a moment later than it is looked at.
#[tokio::test]
async fn what_a_failed_deploy_may_have_written_travels() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.deploys(&world, &old_site()).await;
    world.proxy.always(Method::PUT, BUCKET, "index.html", Fault::ACCESS_DENIED);
    bouncer.deploy(&new_site()).await.assert_failed("partial_deploy", "denied");
    world.proxy.heal();
    world.proxy.forget();
    bouncer.deploys(&world, &new_site()).await;
    let puts = world.puts(BUCKET);
    assert!(puts.contains_key("assets/new-1.js") && puts.contains_key("assets/new-2.js"), "{puts:?}");
    assert!(world.proxy.keys(Method::HEAD, BUCKET).is_empty());
}

/// A publish that is killed finds what it has written, and does not write it again.
#[tokio::test]
async fn what_a_killed_attempt_has_written_stays() {
    let (world, bouncer) = World::with_shop().await;
    let site = old_site();
    let held = world.proxy.always(Method::PUT, BUCKET, "pages/*", Fault::Hold(Default::default()));
    let id = bouncer.start(&site).await;
    wait_until("a page on its way", DEADLINE, async || (held.hits() > 0).then_some(())).await;
    bouncer.kill().await;
    world.proxy.heal();
    let bouncer = world.bouncer(publish_settings()).at_work().await;
    bouncer.ended(&id).await.assert_completed(&site);
    world.assert_holds(BUCKET, &site).await;
    let puts = world.puts(BUCKET);
    assert!(assets(&site).iter().all(|asset| puts[asset] == 1), "{puts:?}");
}
