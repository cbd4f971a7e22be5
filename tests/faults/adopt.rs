//! A bucket that was filled without Bouncer becomes the first release, and nothing in it changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bouncer::domain::caller::Role;
use bouncer::domain::digest::Sha256;
use bouncer::domain::error::{ErrorCode, UserError};
use bouncer::domain::ids::RequestId;
use bouncer::kinds::frontend_maintenance::submit;
use bouncer::requests::app::PublishSettings;
use bouncer::requests::status;
use http::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::world::{
    BUCKET, Bouncer, DEADLINE, SHOP, STAGING, World, caller, headers, new_site, old_site, publish_settings, shop,
};
use crate::support::{Fault, Site, SiteFile, wait_until};

const FILM: &str = "assets/film.png";
const PART: u64 = 5 << 20;

impl World {
    /// Writes an object as somebody else's program does, with these headers.
    async fn fill(&self, key: &str, bytes: &[u8], content_type: &str, cache_control: Option<&str>) {
        let put = self.raw().objects.put_object().bucket(BUCKET).key(key).body(bytes.to_vec().into());
        put.content_type(content_type).set_cache_control(cache_control.map(str::to_owned)).send().await.unwrap();
    }

    /// Fills the bucket with a site as a deploy of it would, but for who did it.
    async fn fill_with(&self, site: &Site) {
        for SiteFile { path, bytes } in site.files() {
            let (content_type, cache_control) = headers(path);
            self.fill(path, bytes, content_type, Some(cache_control)).await;
        }
    }

    /// All that a visitor could see of the bucket: bytes, content type and cache control; and when each was written.
    async fn whole_bucket(&self) -> (BTreeMap<String, (Vec<u8>, String, String)>, Vec<String>) {
        let (mut all, mut written) = (BTreeMap::new(), vec![]);
        let listing = self.raw().objects.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        for object in listing.contents.unwrap_or_default() {
            let key = object.key.unwrap();
            all.insert(key.clone(), self.find(BUCKET, &key).await.unwrap());
            written.push(format!("{:?} {:?}", object.last_modified, object.e_tag));
        }
        (all, written)
    }

    /// Checks that Bouncer only looked at the bucket.
    fn assert_only_read(&self) {
        let written = self.proxy.seen().into_iter().filter(|seen| seen.bucket == BUCKET);
        let written: Vec<_> = written.filter(|seen| !matches!(seen.method, Method::GET | Method::HEAD)).collect();
        assert_eq!(written, []);
    }

    /// How often each key of the bucket was read.
    fn reads(&self) -> BTreeMap<String, usize> {
        let mut reads = BTreeMap::new();
        for key in self.proxy.keys(Method::GET, BUCKET).into_iter().filter(|key| !key.is_empty()) {
            *reads.entry(key).or_default() += 1;
        }
        reads
    }

    /// Checks that nothing is left of the way.
    async fn assert_no_rest(&self) {
        for folder in ["adopting/", "moving/"] {
            let rest = self.objects.list(STAGING, folder).await.unwrap();
            assert!(rest.is_empty(), "{rest:?}");
        }
    }
}

impl Bouncer {
    async fn try_adopt(&self, more: Value) -> Result<RequestId, UserError> {
        let mut args = json!({ "project": SHOP });
        args.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let args = serde_json::from_value(args).unwrap();
        Ok(submit::start_adoption(&self.app, &caller(Role::Admin), args).await?.request_id)
    }

    async fn adopt(&self) -> RequestId {
        self.try_adopt(json!({})).await.unwrap()
    }

    /// Adopts, which has to succeed; the result.
    async fn adopts(&self) -> Value {
        let ended = self.ended(&self.adopt().await).await;
        assert_eq!(ended.status(), "completed", "{:#}", ended.answer);
        ended.answer["result"].clone()
    }

    /// Adopts, which has to fail and say why; nothing is a release.
    async fn does_not_adopt(&self, world: &World, sentence: &str) {
        let ended = self.ended(&self.adopt().await).await;
        assert_eq!(ended.status(), "failed", "{:#}", ended.answer);
        let said = ended.answer["result"]["error_summary"].as_str().unwrap();
        assert!(said.contains(sentence) && said.ends_with("Nothing was changed."), "{said}");
        assert_eq!(self.project().await.current_release, None);
        world.assert_no_rest().await;
        self.assert_free().await;
    }

    /// What a prune without a deploy came to.
    pub async fn prune(&self) -> Value {
        let id = self.try_prune().await.unwrap();
        wait_until(&format!("{id} to end"), DEADLINE, async || {
            let ask = serde_json::from_value(json!({ "request_id": id })).unwrap();
            let now = status::status(&self.app, &caller(Role::Approver), ask).await.unwrap();
            now.status.has_ended().then(|| serde_json::to_value(&now).unwrap())
        })
        .await
    }

    pub async fn try_prune(&self) -> Result<RequestId, UserError> {
        let args = serde_json::from_value(json!({ "project": SHOP })).unwrap();
        Ok(submit::start_prune(&self.app, &caller(Role::Admin), args).await?.request_id)
    }
}

/// A site, what its makers left beside it, and what no release can hold.
async fn fill(world: &World) -> Site {
    let site = old_site();
    world.fill_with(&site).await;
    world.fill("style.css", &site.file("style.css").bytes, "text/css; charset=utf-8", None).await;
    world.fill("old.html", b"<p>old</p>", "text/html", Some("max-age=60")).await;
    // What a header says that says nothing is no loss.
    let old = world.raw().objects.put_object().bucket(BUCKET).key("assets/old.js").body(b"old()".to_vec().into());
    old.content_type("text/javascript").cache_control("public").content_encoding("identity").send().await.unwrap();
    for (key, bytes) in [("pages/", &b""[..]), ("backup.zip", b"zip"), ("a//b.html", b"<p>")] {
        world.fill(key, bytes, "application/octet-stream", None).await;
    }
    let packed = world.raw().objects.put_object().bucket(BUCKET).key("packed.js").body(b"packed".to_vec().into());
    packed.content_encoding("gzip").send().await.unwrap();
    site
}

#[tokio::test]
async fn nothing_changes_and_the_next_deploy_writes_only_what_differs() {
    let (world, bouncer) = World::with_shop().await;
    let site = fill(&world).await;
    let before = world.whole_bucket().await;
    world.proxy.forget();
    let result = bouncer.adopts().await;
    world.assert_only_read();
    assert!(world.reads().values().all(|times| *times == 1), "{:?}", world.reads());
    assert_eq!(world.whole_bucket().await, before);
    world.assert_no_rest().await;

    assert_eq!(result["adopted_count"], site.files().len() + 2, "{result:#}");
    assert_eq!(result["not_adopted_count"], 4, "{result:#}");
    let left: Vec<String> = result["not_adopted"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| format!("{} {}", file["filename"].as_str().unwrap(), file["reason"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(left.join("\n"), @r"
    a//b.html contains a '.' or empty part
    backup.zip has the extension .zip, which is never published
    pages/ is a folder marker, not a file
    packed.js is served with the header Content-Encoding, which a release does not keep
    ");
    let releases = bouncer.project().await.releases;
    assert_eq!((releases.len(), releases[0].adopted), (1, true));
    let adopted = releases[0].release_id.to_string();
    assert_eq!(result["release_id"], adopted);

    // The same site: one header is missing, and what nobody made any more goes: the page now.
    world.proxy.forget();
    let ended = bouncer.deploy(&site).await;
    ended.assert_completed(&site);
    assert_eq!(world.puts(BUCKET).keys().collect::<Vec<_>>(), ["style.css"]);
    assert_eq!(ended.answer["result"]["removed_count"], 1, "{:#}", ended.answer);
    assert!(world.find(BUCKET, "old.html").await.is_none());
    world.assert_holds(BUCKET, &site).await;

    // And back to what was there, with the headers that it had.
    let back = bouncer.ask_back(&adopted).await;
    bouncer.approve(&back).await;
    assert_eq!(bouncer.ended(&back).await.status(), "completed");
    assert_eq!(world.whole_bucket().await.0, before.0);

    // Once no release is kept that needs it, the file goes; what was never adopted stays.
    bouncer.deploys(&world, &site).await;
    bouncer.keep(1, 0).await;
    assert_eq!(bouncer.prune().await["result"]["removed_count"], 1);
    assert!(world.find(BUCKET, "assets/old.js").await.is_none());
    for key in ["pages/", "backup.zip", "a//b.html", "packed.js"] {
        assert!(world.find(BUCKET, key).await.is_some(), "{key} is gone");
    }
}

#[tokio::test]
async fn slice_by_slice_each_file_is_read_once() {
    let settings = PublishSettings { slice: Duration::ZERO, ..publish_settings() };
    let (world, bouncer) = World::with_shop_and(settings).await;
    let site = Site::new(201, 4, 15);
    world.fill_with(&site).await;
    world.proxy.forget();
    let result = bouncer.adopts().await;
    assert_eq!(result["adopted_count"], 20, "{result:#}");
    assert_eq!(result["adopted_bytes"], site.total_size(), "{result:#}");
    let reads = world.reads();
    assert_eq!((reads.len(), reads.values().max()), (20, Some(&1)));
    world.assert_no_rest().await;
    world.proxy.forget();
    bouncer.deploys(&world, &site).await;
    assert!(world.puts(BUCKET).is_empty(), "nothing differs");
}

/// Killed between two files: the next start reads the rest, and what was read is not read again.
#[tokio::test]
async fn a_killed_adoption_goes_on() {
    let settings = PublishSettings { slice: Duration::ZERO, concurrency: 1, ..publish_settings() };
    let (world, bouncer) = World::with_shop_and(settings.clone()).await;
    let mut site = Site::new(202, 4, 20);
    site.put("index.html", "<p>".repeat(200_000));
    world.fill_with(&site).await;
    // The largest comes last.
    let held = world.proxy.always(Method::GET, BUCKET, "index.html", Fault::Hold(CancellationToken::new()));
    let id = bouncer.adopt().await;
    wait_until("the last file", DEADLINE, async || (held.hits() > 0).then_some(())).await;
    let progress = bouncer.progress(&id).await.unwrap();
    assert_eq!(progress.files_total, Some(25), "{progress:?}");
    assert_eq!(bouncer.try_adopt(json!({})).await.unwrap_err().code, ErrorCode::Conflict);
    bouncer.kill().await;
    world.proxy.heal();
    world.proxy.forget();

    let bouncer = world.bouncer(settings).at_work().await;
    let ended = bouncer.ended(&id).await;
    assert_eq!(ended.status(), "completed", "{:#}", ended.answer);
    assert_eq!(world.reads().keys().collect::<Vec<_>>(), ["index.html"]);
    world.assert_no_rest().await;
    bouncer.assert_free().await;
}

/// The pointer has moved and nothing else is written down: what visitors get is the truth.
#[tokio::test]
async fn killed_after_the_pointer_has_moved() {
    let world = World::new().await;
    let bouncer = world.bouncer(publish_settings());
    bouncer.add_project(SHOP, BUCKET).await;
    world.fill_with(&old_site()).await;
    let id = bouncer.adopt().await;
    for _ in 0..2 {
        assert_eq!(bouncer.task("frontend.adopt", &id).await.unwrap()["outcome"], "done");
    }
    assert_eq!(bouncer.project().await.releases.len(), 1);
    bouncer.app.store.release(&shop(), bouncer::storage::coordination::Lane::Frontend, &id).await.unwrap();
    let bouncer = bouncer.at_work().await;
    assert_eq!(bouncer.ended(&id).await.status(), "completed");
    assert_eq!(bouncer.project().await.releases.len(), 1);
}

#[tokio::test]
async fn two_at_the_same_instant_make_one_release() {
    let (world, bouncer) = World::with_shop().await;
    world.fill_with(&old_site()).await;
    let (first, second) = tokio::join!(bouncer.try_adopt(json!({})), bouncer.try_adopt(json!({})));
    let mut completed = 0;
    for asked in [first, second] {
        match asked {
            Ok(id) => {
                let ended = bouncer.ended(&id).await;
                completed += usize::from(ended.status() == "completed");
                if ended.status() == "failed" {
                    let said = ended.answer["result"]["error_summary"].as_str().unwrap();
                    assert!(said.contains("has a release by now"), "{said}");
                }
            }
            Err(refused) => assert_eq!(refused.code, ErrorCode::Conflict, "{refused:?}"),
        }
    }
    assert_eq!((completed, bouncer.project().await.releases.len()), (1, 1));
    bouncer.assert_free().await;
}

/// A deploy that was asked for before, against an empty site, is not what would happen any more.
#[tokio::test]
async fn a_deploy_that_waited_meanwhile_is_refused() {
    let (world, bouncer) = World::with_shop().await;
    world.fill_with(&old_site()).await;
    let waiting = bouncer.ask(&new_site()).await;
    bouncer.adopts().await;
    bouncer.approve(&waiting).await;
    bouncer.ended(&waiting).await.assert_failed("deploy_failed", "Another release went live after this was asked");
    world.assert_holds(BUCKET, &old_site()).await;
}

/// While it is read, and after it was.
#[tokio::test]
async fn what_changes_meanwhile_is_read_again() {
    let (world, bouncer) = World::with_shop().await;
    let site = old_site();
    world.fill_with(&site).await;
    let reading = CancellationToken::new();
    let read = world.proxy.first(1, Method::GET, BUCKET, "style.css", Fault::Hold(reading.clone()));
    // The first listing passes, the second one is late.
    world.proxy.first(1, Method::GET, BUCKET, "", Fault::Delay(Duration::ZERO));
    let listing = CancellationToken::new();
    let listed = world.proxy.first(1, Method::GET, BUCKET, "", Fault::Hold(listing.clone()));
    let id = bouncer.adopt().await;
    wait_until("a file to be read", DEADLINE, async || (read.hits() > 0).then_some(())).await;
    world.plant(BUCKET, "style.css", b"body { color: white; font: small }".to_vec()).await;
    reading.cancel();
    wait_until("the last look", DEADLINE, async || (listed.hits() > 0).then_some(())).await;
    let same_size = String::from_utf8(site.file("index.html").bytes.clone()).unwrap().replace("<p>", "<b>");
    world.plant(BUCKET, "index.html", same_size.clone().into_bytes()).await;
    world.plant(BUCKET, "late.txt", b"late".to_vec()).await;
    world.raw().objects.delete_object().bucket(BUCKET).key("pages/page-0001.html").send().await.unwrap();
    listing.cancel();

    assert_eq!(bouncer.ended(&id).await.status(), "completed");
    let release = bouncer.project().await.current_release.unwrap();
    let manifest = bouncer.app.documents.release(&shop(), &release).await.unwrap().manifest;
    let hashes: BTreeMap<&str, Sha256> =
        manifest.entries().iter().map(|entry| (entry.path.as_str(), entry.sha256)).collect();
    assert_eq!(hashes["style.css"], Sha256::of(b"body { color: white; font: small }"));
    assert_eq!(hashes["index.html"], Sha256::of(same_size.as_bytes()));
    assert_eq!(hashes["late.txt"], Sha256::of(b"late"));
    assert!(!hashes.contains_key("pages/page-0001.html"));
    assert_eq!(hashes.len(), site.files().len());
}

#[tokio::test]
async fn a_bucket_that_never_rests_is_given_up() {
    let (world, bouncer) = World::with_shop().await;
    world.fill_with(&old_site()).await;
    let world = Arc::new(world);
    // Each look at the bucket waits until it was written to once more.
    let stop = CancellationToken::new();
    let (writer, stopped) = (world.clone(), stop.clone());
    let writing = tokio::spawn(async move {
        let hold = || {
            let gate = CancellationToken::new();
            (writer.proxy.first(1, Method::GET, BUCKET, "", Fault::Hold(gate.clone())), gate)
        };
        let (mut looked, mut gate) = hold();
        for n in 0.. {
            while looked.hits() == 0 {
                if stopped.is_cancelled() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            writer.plant(BUCKET, "log.txt", format!("line {n}").into_bytes()).await;
            // The next look is waited for before this one goes on.
            let next = hold();
            gate.cancel();
            (looked, gate) = next;
        }
    });
    let ended = bouncer.ended(&bouncer.adopt().await).await;
    stop.cancel();
    writing.await.unwrap();
    assert_eq!(ended.status(), "failed", "{:#}", ended.answer);
    let said = ended.answer["result"]["error_summary"].as_str().unwrap();
    assert!(said.contains("written to while it is read, such as 'log.txt'"), "{said}");
}

fn film() -> Vec<u8> {
    (0..11_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Too large for memory and then too large for one slice; both end in the same blob.
#[tokio::test]
async fn large_files_are_kept_in_bounded_memory() {
    let streamed = PublishSettings { part_bytes: PART, ..publish_settings() };
    let in_parts = PublishSettings { large_bytes: PART + 1, slice: Duration::ZERO, ..streamed.clone() };
    for settings in [streamed, in_parts] {
        let (world, bouncer) = World::with_shop_and(settings).await;
        let mut site = old_site();
        site.put(FILM, film());
        world.fill_with(&site).await;
        let result = bouncer.adopts().await;
        assert_eq!(result["adopted_count"], site.files().len(), "{result:#}");
        let blob = super::world::blob(site.file(FILM));
        let kept = world.objects.open(STAGING, &blob).await.unwrap().digest().await.unwrap();
        assert_eq!(kept, (Sha256::of(&site.file(FILM).bytes), 11_000_000));
        world.assert_only_read();
        world.assert_no_rest().await;
    }
}

/// Killed while it is hashed, and while it is kept: each time the next start goes on where it was.
#[tokio::test]
async fn a_large_file_goes_on_after_a_kill() {
    let settings =
        PublishSettings { large_bytes: PART + 1, part_bytes: PART, slice: Duration::ZERO, ..publish_settings() };
    let (world, bouncer) = World::with_shop_and(settings.clone()).await;
    let mut site = Site::new(203, 0, 1);
    site.put(FILM, film());
    world.fill_with(&site).await;
    // A look at the film's headers and its first part pass.
    world.proxy.first(3, Method::GET, BUCKET, FILM, Fault::Delay(Duration::ZERO));
    let hashing = world.proxy.always(Method::GET, BUCKET, FILM, Fault::Hold(CancellationToken::new()));
    let id = bouncer.adopt().await;
    wait_until("the film to be hashed", DEADLINE, async || (hashing.hits() > 0).then_some(())).await;
    bouncer.kill().await;
    world.proxy.heal();
    let keeping = world.proxy.always(Method::PUT, STAGING, "blobs/*", Fault::Hold(CancellationToken::new()));
    let bouncer = world.bouncer(settings.clone()).at_work().await;
    wait_until("the film to be kept", DEADLINE, async || (keeping.hits() > 0).then_some(())).await;
    bouncer.kill().await;
    world.proxy.heal();
    let bouncer = world.bouncer(settings).at_work().await;
    let ended = bouncer.ended(&id).await;
    assert_eq!(ended.status(), "completed", "{:#}", ended.answer);
    let posts = world.proxy.keys(Method::POST, STAGING);
    assert_eq!(posts.len(), 2, "begun once and completed: {posts:?}");
    world.assert_no_rest().await;
}

#[tokio::test]
async fn what_cannot_be_adopted_is_refused_with_the_reason() {
    let (world, bouncer) = World::with_shop().await;
    bouncer.does_not_adopt(&world, "has no index.html at its root").await;
    world.fill_with(&old_site()).await;
    for (method, key, fault, sentence) in [
        (
            Method::GET,
            "",
            Fault::ACCESS_DENIED,
            "The bucket could not be listed: access to the bucket 'shop-site' was denied.",
        ),
        (
            Method::GET,
            "style.css",
            Fault::ACCESS_DENIED,
            "The file 'style.css' could not be read: access to the bucket",
        ),
        (Method::GET, "", Fault::NO_SUCH_BUCKET, "does not exist"),
        (Method::GET, "", Fault::OTHER_REGION, "is in another region"),
    ] {
        world.proxy.always(method, BUCKET, key, fault);
        bouncer.does_not_adopt(&world, sentence).await;
        world.proxy.heal();
    }
    let packed = world.raw().objects.put_object().bucket(BUCKET).key("index.html").body(b"packed".to_vec().into());
    packed.content_encoding("gzip").send().await.unwrap();
    bouncer.does_not_adopt(&world, "index.html is served with the header Content-Encoding").await;
    world.fill_with(&old_site()).await;
    bouncer.adopts().await;
    let refused = bouncer.try_adopt(json!({})).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    assert!(refused.message.contains("has a release already, rel-"), "{refused:?}");
}

#[tokio::test]
async fn trouble_on_the_way_is_mended() {
    for fault in [Fault::INTERNAL_ERROR, Fault::ResetBefore, Fault::CutAnswer, Fault::EXPIRED_TOKEN] {
        for key in ["", "style.css"] {
            let (world, bouncer) = World::with_shop().await;
            world.fill_with(&old_site()).await;
            let met = world.proxy.first(1, Method::GET, BUCKET, key, fault.clone());
            assert_eq!(bouncer.adopts().await["adopted_count"], 7);
            assert_eq!(met.hits(), 1, "{key}");
        }
        let (world, bouncer) = World::with_shop().await;
        world.fill_with(&old_site()).await;
        let met = world.proxy.first(1, Method::PUT, STAGING, "blobs/*", fault.clone());
        assert_eq!(bouncer.adopts().await["adopted_count"], 7);
        assert_eq!(met.hits(), 1);
        world.assert_no_rest().await;
    }
}

#[tokio::test]
async fn a_bucket_beyond_the_bounds_of_a_release_is_refused_with_the_numbers() {
    let world = World::new().await;
    let mut bouncer = world.bouncer(publish_settings());
    Arc::get_mut(&mut bouncer.app).unwrap().settings.limits.presigned_files = 5;
    let bouncer = bouncer.at_work().await;
    bouncer.add_project(SHOP, BUCKET).await;
    world.fill_with(&old_site()).await;
    bouncer.does_not_adopt(&world, "The bucket contains more than 5 files").await;
    assert!(world.reads().is_empty(), "nothing is read in vain");
    drop(bouncer);

    let mut bouncer = world.bouncer(publish_settings());
    Arc::get_mut(&mut bouncer.app).unwrap().settings.limits.presigned_total_bytes = 100;
    let bouncer = bouncer.at_work().await;
    let total = old_site().total_size();
    bouncer.does_not_adopt(&world, &format!("7 files have {total} bytes in total; a release may have 100")).await;
}

#[tokio::test]
async fn a_dry_run_only_counts() {
    let (world, bouncer) = World::with_shop().await;
    let site = fill(&world).await;
    world.proxy.forget();
    let id = bouncer.try_adopt(json!({ "dry_run": true })).await.unwrap();
    let ended = wait_until("the end", DEADLINE, async || {
        let request = bouncer.app.store.request(&id).await.unwrap().unwrap();
        request.status.has_ended().then_some(request)
    })
    .await;
    let result = ended.outcome.unwrap().result;
    assert_eq!((&result["dry_run"], &result["not_adopted_count"]), (&json!(true), &json!(3)), "{result:#}");
    assert_eq!(result["adopted_count"], site.files().len() + 3, "headers are not looked at: {result:#}");
    assert_eq!((ended.deploy_id, bouncer.project().await.current_release), (None, None));
    assert!(world.reads().is_empty());
    assert!(world.objects.list(STAGING, "").await.unwrap().is_empty());
    bouncer.assert_free().await;
}

/// What is changed between asking and doing.
#[tokio::test]
async fn a_project_that_changed_meanwhile_is_left_alone() {
    for change in [
        json!({ "project": SHOP, "bucket": BUCKET, "enabled": false }),
        json!({ "project": SHOP, "bucket": "shop-elsewhere" }),
    ] {
        let world = World::new().await;
        let bouncer = world.bouncer(publish_settings());
        bouncer.add_project(SHOP, BUCKET).await;
        world.fill_with(&old_site()).await;
        let id = bouncer.adopt().await;
        let args = serde_json::from_value(change).unwrap();
        bouncer::admin::projects::add(&bouncer.app, &caller(Role::Admin), args).await.unwrap();
        let bouncer = bouncer.at_work().await;
        let ended = bouncer.ended(&id).await;
        assert_eq!(ended.status(), "failed", "{:#}", ended.answer);
        let said = ended.answer["result"]["error_summary"].as_str().unwrap();
        assert!(said.contains("after this was asked for"), "{said}");
        assert!(world.reads().is_empty());
    }
}
