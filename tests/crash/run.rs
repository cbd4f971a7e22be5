//! One data folder, on which version after version is published and killed.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::version::Version;
use super::wreck::{self, Found, Wreck};
use crate::support::{Role, Server, Storage, text};
use crate::tools::accepted;

const PROJECT: &str = "shop";
const BUCKET: &str = "shop-site";

/// When the server is killed. Numbers are parts of the time that this step took undisturbed.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// While a deploy with its files in the call is asked for.
    Asking(f64),
    /// While files are uploaded.
    Uploading(f64),
    /// While the uploads are confirmed.
    Confirming(f64),
    /// Asked for, not decided.
    Waiting,
    /// While the decision is sent.
    Deciding(f64),
    /// So long after the decision was answered.
    Publishing(f64),
    /// As soon as this one of the new assets is seen in the bucket.
    SeenAsset(u16),
    /// As soon as this one of the pages is seen to be new.
    SeenPage(u16),
    /// As soon as the entry page is seen to be new.
    SeenIndex,
    /// As soon as the request is said to have ended.
    Ended,
}

/// How long each step took, undisturbed.
#[derive(Debug, Default)]
struct Usual {
    asking: Duration,
    uploading: Duration,
    confirming: Duration,
    deciding: Duration,
    publishing: Duration,
}

pub struct Run {
    server: Server,
    seed: u64,
    versions: Vec<Version>,
    usual: Usual,
    /// Requests that were approved, oldest first.
    approved: Vec<String>,
}

/// What is known of a deploy when the server dies.
enum Known {
    Nothing,
    /// The answer with the upload addresses.
    Issued(Value),
    /// The request's id.
    Asked(String),
}

impl Known {
    fn id(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Issued(ready) => Some(text(&ready["request_id"])),
            Self::Asked(id) => Some(id),
        }
    }
}

impl Run {
    /// A server with two versions published, one inline and one by uploads, which shows how long that takes.
    pub async fn start(seed: u64) -> Self {
        let server = Server::start().await;
        server.add_project(PROJECT).await;
        let mut run = Self { server, seed, versions: Vec::new(), usual: Usual::default(), approved: Vec::new() };

        let version = Version::new(seed, 0);
        let start = Instant::now();
        let pending = run.ask(&version).await;
        run.usual.asking = start.elapsed();
        run.versions.push(version);
        let id = id_of(&pending);
        let start = Instant::now();
        run.approve(&id).await;
        run.usual.deciding = start.elapsed();
        run.server.ended(&id).await;
        run.usual.publishing = start.elapsed().saturating_sub(run.usual.deciding);
        run.live(id).await;

        let version = Version::new(seed, 1);
        let ready = run.addresses(&version).await;
        let start = Instant::now();
        assert!(all_uploaded(&ready, &version).await);
        run.usual.uploading = start.elapsed();
        let start = Instant::now();
        accepted(answer(run.confirmation(&ready, &version)).await.expect("an answer"));
        run.usual.confirming = start.elapsed();
        run.versions.push(version);
        let id = id_of(&ready);
        run.approve(&id).await;
        run.live(id).await;
        println!("undisturbed: {:?}", run.usual);
        run
    }

    /// Asks for the next version, kills, looks, starts again, and sees it through to the end.
    pub async fn round(&mut self, moment: Moment) -> Found {
        let new = Version::new(self.seed, self.versions.len());
        let known = self.until_killed(&new, moment).await;

        let old = self.versions.last().expect("a version is live");
        let wreck = Wreck::open(&self.server.data_dir(), BUCKET, old, &new).await;
        let found = wreck.judge(old, &new);
        self.check_records(&wreck, known.id(), found);

        self.server.restart().await;
        let id = self.until_approved(&new, known).await;
        self.versions.push(new);
        self.live(id).await;
        found
    }

    /// Goes as far as `moment`, and says what was known then.
    async fn until_killed(&mut self, new: &Version, moment: Moment) -> Known {
        match moment {
            Moment::Asking(after) => {
                let call = answer(self.question(new));
                let answer = self.killed_in(call, self.usual.asking.mul_f64(after)).await;
                return answer.map_or(Known::Nothing, |answer| Known::Asked(id_of(&accepted(answer))));
            }
            Moment::Uploading(after) => {
                let ready = self.addresses(new).await;
                self.killed_in(all_uploaded(&ready, new), self.usual.uploading.mul_f64(after)).await;
                return Known::Issued(ready);
            }
            Moment::Confirming(after) => {
                let ready = self.addresses(new).await;
                assert!(all_uploaded(&ready, new).await);
                let call = answer(self.confirmation(&ready, new));
                self.killed_in(call, self.usual.confirming.mul_f64(after)).await;
                return Known::Issued(ready);
            }
            _ => {}
        }
        let id = id_of(&self.ask(new).await);
        let storage = self.server.storage();
        let old = self.versions.last().expect("a version is live");
        let (pages, assets): (Vec<&String>, Vec<&String>) =
            new.changed_since(old).filter(|path| *path != "index.html").partition(|path| Version::is_page(path));
        let pick = |paths: &[&String], n: u16| paths[usize::from(n) % paths.len()].clone();
        match moment {
            Moment::Waiting => {}
            Moment::Deciding(after) => {
                let call = answer(self.decision(&id));
                drop(self.killed_in(call, self.usual.deciding.mul_f64(after)).await);
            }
            Moment::Publishing(after) => {
                self.approve(&id).await;
                tokio::time::sleep(self.usual.publishing.mul_f64(after)).await;
            }
            Moment::SeenAsset(n) => self.approve_and_see(&id, &storage, &pick(&assets, n)).await,
            Moment::SeenPage(n) => self.approve_and_see(&id, &storage, &pick(&pages, n)).await,
            Moment::SeenIndex => self.approve_and_see(&id, &storage, "index.html").await,
            _ => {
                self.approve(&id).await;
                self.server.ended(&id).await;
            }
        }
        self.server.kill9();
        Known::Asked(id)
    }

    /// Kills the server while a call is under way; what the call still brought.
    async fn killed_in<T>(&mut self, call: impl Future<Output = T>, after: Duration) -> T {
        let kill = async {
            tokio::time::sleep(after).await;
            self.server.kill9();
        };
        tokio::join!(call, kill).0
    }

    async fn approve_and_see(&self, id: &str, storage: &Storage, path: &str) {
        let before = storage.etag(BUCKET, path).await;
        self.approve(id).await;
        let start = Instant::now();
        while storage.etag(BUCKET, path).await == before {
            assert!(start.elapsed() < Duration::from_secs(20), "{path} never appeared");
        }
    }

    /// The records of a wreck do not say more than the bucket holds.
    fn check_records(&self, wreck: &Wreck, known: Option<&str>, found: Found) {
        let current = wreck.row("projects", "project_id", PROJECT).expect("the project is there");
        let current = wreck::text(current, "current_release").expect("a release is live").to_owned();
        let before = self.current_release(wreck);
        let status = known.and_then(|id| wreck.row("requests", "request_id", id));
        let status = status.and_then(|row| wreck::text(row, "status"));
        if current != before {
            assert_eq!(found, Found::New, "the pointer moved before the site was whole");
        }
        if !matches!(status, Some("running" | "completed")) {
            assert_eq!(found, Found::Old, "written while the request was {status:?}");
        }
        if status == Some("completed") {
            assert!(found == Found::New && current != before, "said to be completed with {found:?}");
        }
        let deploys = wreck.rows("deploy-history");
        for row in deploys {
            let request = wreck::text(row, "request_id").expect("a request");
            let is_earlier = self.approved.iter().any(|id| id == request);
            assert!(is_earlier || known == Some(request), "a row for nothing: {row:?}");
            let success = wreck::text(row, "status") == Some("SUCCESS");
            assert!(success || !is_earlier, "an earlier deploy is no success any more: {row:?}");
            assert!(!success || is_earlier || status == Some("completed"), "a success before the end: {row:?}");
        }
        for lock in wreck.rows("deploy-locks") {
            assert_eq!(wreck::text(lock, "lock_id"), known, "the lock of an earlier deploy is still there");
        }
        for (key, _) in &wreck.keys {
            let is_of_a_version = self.versions.iter().any(|version| version.files.contains_key(key));
            assert!(is_of_a_version || found > Found::Old, "{key} is nobody's");
        }
    }

    /// The release that the last approved request made.
    fn current_release(&self, wreck: &Wreck) -> String {
        let last = self.approved.last().expect("something was approved");
        let deploy = wreck.row("deploy-history", "request_id", last).expect("it has a row");
        wreck::text(deploy, "release_id").expect("it made a release").to_owned()
    }

    /// Does what is left to do until the request is approved; its id.
    async fn until_approved(&self, new: &Version, known: Known) -> String {
        let id = match known {
            Known::Asked(id) => id,
            Known::Nothing => match self.pending().await.as_slice() {
                [] => id_of(&self.ask(new).await),
                [id] => id.clone(),
                more => panic!("one question left {} requests", more.len()),
            },
            Known::Issued(ready) => {
                // The addresses are still good, and confirming twice is confirming once.
                assert!(all_uploaded(&ready, new).await, "the addresses do not outlive a crash");
                let confirmed = answer(self.confirmation(&ready, new)).await.expect("an answer");
                let confirmed = accepted(confirmed);
                assert_eq!(confirmed["request_id"], ready["request_id"]);
                assert_eq!(confirmed["status"], "pending_approval", "{confirmed:#}");
                id_of(&ready)
            }
        };
        let status = accepted(self.server.tool(Role::Agent, "bouncer_status", json!({ "request_id": id })).await);
        if status["status"] == "pending_approval" {
            self.approve(&id).await;
        } else {
            let (status, again) = answer(self.decision(&id)).await.expect("an answer");
            assert_eq!(status, 409, "a decision that was stored is pressed again: {again:#}");
        }
        id
    }

    /// Waits for the end of an approved request and checks that its version is live: the bucket, the records, the
    /// pointer.
    async fn live(&mut self, id: String) {
        let ended = self.server.ended(&id).await;
        assert_eq!(ended["status"], "completed", "{ended:#}");
        assert_eq!(ended["result"]["deploy_status"], "deployed", "{ended:#}");
        let storage = self.server.storage();
        let version = self.versions.last().expect("a version is live");
        let read = |path: String| async { (storage.get(BUCKET, &path).await, path) };
        let mut files = stream::iter(version.files.keys().cloned()).map(read).buffer_unordered(16);
        while let Some((stored, path)) = files.next().await {
            assert!(stored.as_ref() == version.files.get(&path), "{path} is not the approved file: {stored:?}");
        }
        self.approved.push(id.clone());

        let arguments = json!({ "project": PROJECT, "limit": 100 });
        let history = accepted(self.server.tool(Role::Agent, "bouncer_deploy_history", arguments).await);
        let rows = history["deploys"].as_array().expect("rows");
        assert_eq!(rows.len(), self.approved.len().min(100), "one row for each deploy");
        assert!(rows.iter().all(|row| row["status"] == "SUCCESS"), "{history:#}");
        assert_eq!(rows.iter().filter(|row| row["request_id"] == *id).count(), 1, "{history:#}");
        let project =
            accepted(self.server.tool(Role::Agent, "bouncer_project_show", json!({ "project": PROJECT })).await);
        assert_eq!(project["project"]["current_release"], ended["result"]["release_id"]);
        assert_eq!(self.pending().await, Vec::<String>::new());
    }

    /// Stops the server and checks what is left in the end.
    pub async fn finish(mut self) {
        let storage = self.server.storage();
        for (key, size) in storage.list(BUCKET, "").await {
            let mut versions = self.versions.iter().rev();
            let file =
                versions.find_map(|version| version.files.get(&key)).unwrap_or_else(|| panic!("whose is {key}?"));
            assert_eq!(size, file.bytes.len() as i64, "{key}");
        }
        self.server.stop();
        let last = self.versions.last().expect("a version is live");
        let wreck = Wreck::open(&self.server.data_dir(), BUCKET, last, last).await;
        assert_eq!(wreck.rows("deploy-locks").len(), 0, "locks are left: {:?}", wreck.rows("deploy-locks"));
        assert_eq!(wreck.rows("deploy-history").len(), self.approved.len());
    }

    /// The requests that wait for a decision.
    async fn pending(&self) -> Vec<String> {
        let pending = accepted(self.server.tool(Role::Agent, "bouncer_list_pending", json!({})).await);
        pending["requests"].as_array().expect("requests").iter().map(id_of).collect()
    }

    async fn ask(&self, version: &Version) -> Value {
        accepted(answer(self.question(version)).await.expect("an answer"))
    }

    async fn addresses(&self, version: &Version) -> Value {
        let arguments = json!({ "project": PROJECT, "files": version.announced() });
        accepted(self.server.tool(Role::Agent, "bouncer_request_frontend_presigned", arguments).await)
    }

    async fn approve(&self, id: &str) {
        accepted(answer(self.decision(id)).await.expect("an answer"));
    }

    fn question(&self, version: &Version) -> RequestBuilder {
        let arguments = json!({
            "project": PROJECT, "files": version.inline(), "reason": "a crash test", "source": "tests", "trust_scope": "t",
        });
        self.call(Role::Agent, "tools/bouncer_deploy_frontend", &arguments)
    }

    fn confirmation(&self, ready: &Value, version: &Version) -> RequestBuilder {
        let arguments = json!({
            "request_id": ready["request_id"], "project": PROJECT, "files": version.announced(),
            "reason": "a crash test", "source": "tests",
        });
        self.call(Role::Agent, "tools/bouncer_confirm_frontend_deploy", &arguments)
    }

    fn decision(&self, id: &str) -> RequestBuilder {
        self.call(Role::Approver, &format!("requests/{id}/decision"), &json!({ "decision": "approve" }))
    }

    fn call(&self, role: Role, path: &str, body: &Value) -> RequestBuilder {
        self.server.request(Method::POST, &format!("/v1/{path}")).bearer_auth(self.server.key(role)).json(body)
    }
}

fn id_of(answer: &Value) -> String {
    text(&answer["request_id"]).to_owned()
}

/// The whole answer, unless the server died before it was sent.
async fn answer(request: RequestBuilder) -> Option<(u16, Value)> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    Some((status, response.json().await.ok()?))
}

/// Sends every issued file; false when one did not arrive.
async fn all_uploaded(ready: &Value, version: &Version) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let put = |issued: &Value| {
        let mut request = client.put(text(&issued["presigned_url"]));
        for (name, value) in issued["headers"].as_object().expect("headers") {
            request = request.header(name, text(value));
        }
        let bytes = version.files[text(&issued["filename"])].bytes.clone();
        async { request.body(bytes).send().await.is_ok_and(|response| response.status() == 200) }
    };
    let puts = ready["files"].as_array().expect("files").iter().map(put);
    stream::iter(puts).buffer_unordered(8).all(std::future::ready).await
}
