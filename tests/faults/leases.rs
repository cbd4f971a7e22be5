//! One project, two deploys: only the one that holds the lease writes, and who loses it leaves no doubt behind.

use std::time::Duration;

use bouncer::domain::ids::RequestId;
use bouncer::requests::app::PublishSettings;
use bouncer::storage::coordination::Lane;
use http::Method;
use tokio_util::sync::CancellationToken;

use super::world::{BUCKET, DEADLINE, World, new_site, old_site, publish_settings, shop};
use crate::support::{Fault, wait_until};

#[tokio::test]
async fn two_at_once_end_as_one() {
    let (world, bouncer) = World::with_shop().await;
    let (one, two) = (old_site(), new_site());
    let (first, second) = tokio::join!(bouncer.ask(&one), bouncer.ask(&two));
    tokio::join!(bouncer.approve(&first), bouncer.approve(&second));
    let (first, second) = tokio::join!(bouncer.ended(&first), bouncer.ended(&second));
    let (lost, site) = if first.status() == "completed" { (second, one) } else { (first, two) };
    lost.assert_failed("deploy_failed", "Another release went live after this was asked");
    world.assert_holds(BUCKET, &site).await;
    bouncer.assert_free().await;
    bouncer.deploys(&world, &new_site()).await;
    bouncer.deploys(&world, &old_site()).await;
}

/// The lease is another's while files hang: the publish stops by itself and says why.
#[tokio::test]
async fn whoever_loses_the_lease_stops() {
    let world = World::new().await;
    let settings = PublishSettings { lease_seconds: 1, ..publish_settings() };
    let bouncer = world.bouncer(settings);
    bouncer.add_project("shop", BUCKET).await;
    let id = bouncer.start(&old_site()).await;
    let gate = CancellationToken::new();
    let held = world.proxy.always(Method::PUT, BUCKET, "*", Fault::Hold(gate.clone()));

    let mut other = bouncer.app.store.request(&id).await.unwrap().unwrap();
    other.request_id = RequestId::random();
    let take = async {
        wait_until("files to hang", DEADLINE, async || (held.hits() > 0).then_some(())).await;
        bouncer.app.store.take_over(&shop(), Lane::Frontend, &id, &other, 60).await.unwrap();
    };
    let (slice, ()) = tokio::join!(bouncer.slice(&id), take);
    let error = slice.unwrap_err();
    assert_eq!(
        (error.name.as_str(), error.cause.as_str()),
        ("Bouncer.ProjectBusy", "Another deploy of shop is running.")
    );
    // It does not come back as long as the other is there, nor take its lease away.
    assert_eq!(bouncer.slice(&id).await.unwrap_err().name.as_str(), "Bouncer.ProjectBusy");
    assert!(bouncer.app.store.hold(&shop(), Lane::Frontend, &id, 60).await.is_err());

    // Once it is free, the same deploy goes on and is completed.
    world.proxy.heal();
    gate.cancel();
    bouncer.app.store.release(&shop(), Lane::Frontend, &other.request_id).await.unwrap();
    let bouncer = bouncer.at_work().await;
    bouncer.ended(&id).await.assert_completed(&old_site());
    world.assert_holds(BUCKET, &old_site()).await;
}

/// The first deploy loses its lease between taking it and saying which release it is about, and writes files after
/// the second one has looked: their sizes tell nothing, so only what is noted of the first can.
#[tokio::test]
async fn a_late_writer_is_made_up_for_by_the_next_deploy() {
    let world = World::new().await;
    let (base, late, winner) = (old_site(), new_site(), old_site_reworded());
    let first = world.bouncer(publish_settings());
    first.add_project("shop", BUCKET).await;
    let id = first.start(&base).await;
    assert_eq!(first.slice(&id).await.unwrap()["outcome"], "deployed");
    first.app.store.release(&shop(), Lane::Frontend, &id).await.unwrap();
    let (late_id, winner_id) = (first.start(&late).await, first.start(&winner).await);

    let (announcing, closing, never) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let announced =
        world.proxy.first(1, Method::PUT, super::world::STAGING, "releases/*", Fault::Hold(announcing.clone()));
    let second = world.bouncer(publish_settings());
    let late_slice = first.slice(&late_id);
    let rest = async {
        wait_until("the first to announce itself", DEADLINE, async || (announced.hits() == 1).then_some(())).await;
        second.app.store.release(&shop(), Lane::Frontend, &late_id).await.unwrap();
        let index = world.proxy.first(1, Method::PUT, BUCKET, "index.html", Fault::Hold(closing.clone()));
        let winner_slice = second.slice(&winner_id);
        let meanwhile = async {
            wait_until("the second to reach its last file", DEADLINE, async || (index.hits() == 1).then_some(())).await;
            // Now the first one wakes up and writes over what the second has written.
            let last = world.proxy.first(1, Method::PUT, BUCKET, "index.html", Fault::Hold(never.clone()));
            announcing.cancel();
            wait_until("the first to reach its last file", DEADLINE, async || (last.hits() == 1).then_some(())).await;
            closing.cancel();
        };
        let (slice, ()) = tokio::join!(winner_slice, meanwhile);
        assert_eq!(slice.unwrap()["outcome"], "deployed");
    };
    // The first one dies before its last file is written.
    tokio::select! {
        slice = late_slice => panic!("the first goes on: {slice:?}"),
        () = rest => {}
    }
    world.assert_holds_file(BUCKET, late.file("style.css")).await;
    second.app.store.release(&shop(), Lane::Frontend, &winner_id).await.unwrap();

    // Whoever takes up what is left refuses the first and says that visitors may have got some of it.
    let third = world.bouncer(publish_settings()).at_work().await;
    third.ended(&winner_id).await.assert_completed(&winner);
    third.ended(&late_id).await.assert_failed("partial_deploy", "Another release went live after this was asked");
    world.proxy.heal();
    third.deploys(&world, &winner).await;
}

fn old_site_reworded() -> crate::support::Site {
    let mut site = old_site();
    site.put("style.css", "body { color: green }");
    let same_size = String::from_utf8(site.file("index.html").bytes.clone()).unwrap().replace("<p>", "<i>");
    site.put("index.html", same_size);
    site
}

/// A lease that lasts shorter than the deploy is renewed as long as the deploy lives.
#[tokio::test]
async fn a_lease_is_renewed_while_files_travel() {
    let settings = PublishSettings { lease_seconds: 1, ..publish_settings() };
    let (world, bouncer) = World::with_shop_and(settings).await;
    let site = old_site();
    let slow = world.proxy.always(Method::PUT, BUCKET, "index.html", Fault::Delay(Duration::from_millis(2500)));
    let id = bouncer.start(&site).await;
    wait_until("the last file to travel", DEADLINE, async || (slow.hits() > 0).then_some(())).await;
    let other = RequestId::random();
    let mut refused = 0;
    let ended = async {
        let ended = bouncer.ended(&id).await;
        ended.assert_completed(&site);
    };
    let greedy = async {
        wait_until("the lease to be free", DEADLINE, async || {
            let taken = bouncer.app.store.hold(&shop(), Lane::Frontend, &other, 60).await.is_ok();
            refused += usize::from(!taken);
            taken.then_some(())
        })
        .await;
    };
    tokio::join!(ended, greedy);
    assert!(refused > 0);
    world.assert_holds(BUCKET, &site).await;
}
