//! Bouncer in an account of its own, whose functions are killed, with visitors before a CDN that forgets what CloudFront is
//! told to and nothing else.

use std::sync::Arc;
use std::time::Duration;

use bouncer::aws;
use bouncer::aws::Endpoints;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::audience::Audience;
use super::origin::Bucket;
use super::site::{DATA_RULE, Release};
use super::truth::Truth;
use crate::aws::installation::{Installation, TASK_FUNCTION, Target};
use crate::support::{Role, kill, text};
use crate::tools::accepted;

const BUCKET: &str = "shop-site";

/// So many deploys, every second one with its function killed on the way.
pub async fn rounds(rounds: usize, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let installation = Installation::new().await;
    let target = installation.prepare("shop").await;
    let rules = json!([{ "pattern": "data/**", "cache_control": DATA_RULE }]);
    let arguments = json!({
        "project": target.project, "bucket": target.bucket, "distribution": target.distribution, "role": target.role,
        "cache_rules": rules,
    });
    accepted(installation.server.tool(Role::Admin, "bouncer_project_add", arguments).await);

    let truth = Arc::new(Truth::default());
    let publication = truth.begin(Arc::new(Release::new(seed, 0)));
    publish(&installation, &truth.now().1, None).await;
    truth.live(publication);
    let origin = || Bucket { objects: objects(&installation), bucket: BUCKET };
    let mut audience = Audience::comes(truth.clone(), origin(), origin());
    for round in 1..=rounds {
        let after = round.is_multiple_of(2).then(|| Duration::from_millis(random.random_range(0..400)));
        println!("round {round}: killed after {after:?}");
        let release = Arc::new(Release::new(seed, round));
        let publication = truth.begin(release.clone());
        let id = publish(&installation, &release, after).await;
        audience.is_live(publication, &told(&installation, &target, &id).await).await;
    }
    let loads = audience.leave().await;
    println!("{rounds} deploys; loads: {loads:?}");
}

/// The objects of the account, as the CDN reads them.
fn objects(installation: &Installation) -> aws::objects::Objects {
    let endpoint = installation.ministack.endpoint().to_owned();
    let (access_key_id, secret_access_key) = ("test".to_owned(), "test".to_owned());
    let endpoints = Endpoints { records: endpoint.clone(), objects: endpoint, access_key_id, secret_access_key };
    aws::local(&endpoints).objects
}

/// Publishes a release, and kills the function that does it so long after the approval; the
/// request's id.
async fn publish(installation: &Installation, release: &Release, after: Option<Duration>) -> String {
    let server = &installation.server;
    let arguments = json!({
        "project": "shop", "files": release.inline(), "reason": "a test", "source": "tests", "trust_scope": "tests",
    });
    let pending = accepted(server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await);
    let id = text(&pending["request_id"]);
    // The function must die while it publishes. The emulator ignores a function that dies while it asks, so its execution
    // would wait forever; Step Functions retries it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    accepted(server.decide(Role::Approver, id, "approve").await);
    if let Some(after) = after {
        tokio::time::sleep(after).await;
        installation.ministack.processes_of(TASK_FUNCTION).into_iter().for_each(kill);
    }
    let ended = server.ended(id).await;
    assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
    id.to_owned()
}

/// What CloudFront was told for this request.
async fn told(installation: &Installation, target: &Target, id: &str) -> Vec<String> {
    let mut made = installation.invalidations(&target.distribution).await;
    made.retain(|it| it["InvalidationBatch"]["CallerReference"] == id);
    assert_eq!(made.len(), 1, "one deploy, one invalidation: {made:?}");
    let paths = made[0]["InvalidationBatch"]["Paths"]["Items"].as_array().expect("paths");
    paths.iter().map(|path| text(path).to_owned()).collect()
}
