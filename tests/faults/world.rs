//! Installations inside the test's process, whose way to their objects leads through a proxy that does harm.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bouncer::admin::projects;
use bouncer::aws;
use bouncer::aws::Storage;
use bouncer::aws::objects::Objects;
use bouncer::channels::Channel;
use bouncer::domain::approver::Approver;
use bouncer::domain::caller::{Caller, Role};
use bouncer::domain::channel::ChannelName;
use bouncer::domain::digest::Sha256;
use bouncer::domain::error::UserError;
use bouncer::domain::history::DeployStatus;
use bouncer::domain::ids::{KeyId, ProjectId, RequestId};
use bouncer::domain::profile::Profile;
use bouncer::domain::progress::ProgressView;
use bouncer::domain::project::Project;
use bouncer::domain::quota::QuotaLimits;
use bouncer::domain::request::Verdict;
use bouncer::kinds::frontend_deploy as frontend;
use bouncer::policy::decision::Press;
use bouncer::requests::app::{Adapters, App, PublishSettings, Settings};
use bouncer::requests::engine::{Engine as _, ExecutionStatus, TaskError};
use bouncer::requests::{decide, recover, status};
use bouncer::storage::coordination::Lane;
use bouncer::storage::{Documents, Store};
use bouncer::workflow::local::{LocalEngine, Settings as EngineSettings};
use bouncer::workflow::tasks::TaskRunner;
use embedded_aws::{Endpoints, StorageCredentials};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{FaultProxy, Site, SiteFile, text, wait_until};

pub const DEADLINE: Duration = Duration::from_secs(60);
pub const STAGING: &str = "bouncer-uploads-000000000000";
/// The project of most tests, and its bucket.
pub const SHOP: &str = "shop";
pub const BUCKET: &str = "shop-site";

/// Records and objects of a test's own, and the proxy before the objects.
pub struct World {
    pub proxy: FaultProxy,
    /// The objects without the proxy.
    pub objects: Objects,
    pub records: SocketAddr,
    pub credentials: StorageCredentials,
    storage: CancellationToken,
    _endpoints: Endpoints,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = CancellationToken::new();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let endpoints = embedded_aws::start(folder.path(), loopback, storage.clone()).await.unwrap();
        let proxy = FaultProxy::before(endpoints.objects).await;
        let (records, credentials) = (endpoints.records, endpoints.credentials.clone());
        let objects = connect(records, endpoints.objects, &credentials).objects;
        objects.create_bucket(STAGING).await.unwrap();
        let world = Self { proxy, objects, records, credentials, storage, _endpoints: endpoints, _folder: folder };
        Store::new(world.through_proxy().records, "bouncer-").create_missing_tables().await.unwrap();
        world
    }

    /// The same with an installation at work, and a project.
    pub async fn with_shop() -> (Self, Bouncer) {
        Self::with_shop_and(publish_settings()).await
    }

    pub async fn with_shop_and(publish: PublishSettings) -> (Self, Bouncer) {
        let world = Self::new().await;
        let bouncer = world.bouncer(publish).at_work().await;
        bouncer.add_project(SHOP, BUCKET).await;
        world.proxy.forget();
        (world, bouncer)
    }

    /// An installation whose engine does not run yet.
    pub fn bouncer(&self, publish: PublishSettings) -> Bouncer {
        self.bouncer_on(publish, vec![])
    }

    /// The same with channels on which approvers are asked.
    pub fn bouncer_on(&self, publish: PublishSettings, channels: Vec<Arc<dyn Channel>>) -> Bouncer {
        let Storage { records, objects, sites } = self.through_proxy();
        let store = Store::new(records, "bouncer-");
        let documents = Documents::new(objects.clone(), STAGING);
        let settings = EngineSettings { tasks_at_once: 8, definitions: [(MACHINE, impatient())].into() };
        let engine = LocalEngine::with_settings(store.clone(), settings);
        let asking = QuotaLimits { per_minute: 0, pending: 0 };
        let settings = Settings { asking, publish, ..Settings::new(Profile::Local, "000000000000") };
        let adapters = Adapters { store, documents, objects, sites, backend: None, engine: engine.clone(), channels };
        let app = Arc::new(App::assemble(bouncer::kinds::KINDS, adapters, settings));
        let secrets = [self.proxy.address(), self._endpoints.objects, self.records].map(|address| address.to_string());
        Bouncer { app, engine, work: None, secrets: secrets.to_vec() }
    }

    fn through_proxy(&self) -> Storage {
        connect(self.records, self.proxy.address(), &self.credentials)
    }

    /// What a visitor of the bucket finds under a key: bytes, content type, cache control.
    pub async fn find(&self, bucket: &str, key: &str) -> Option<(Vec<u8>, String, String)> {
        let opened = self.objects.open(bucket, key).await.ok()?;
        let headers = opened.headers.clone();
        let bytes = opened.collect().await.unwrap().to_vec();
        Some((bytes, headers.content_type.unwrap_or_default(), headers.cache_control.unwrap_or_default()))
    }

    /// Checks that the bucket holds each file of the site as it should be.
    pub async fn assert_holds(&self, bucket: &str, site: &Site) {
        for file in site.files() {
            self.assert_holds_file(bucket, file).await;
        }
    }

    pub async fn assert_holds_file(&self, bucket: &str, file: &SiteFile) {
        let found = self.find(bucket, &file.path).await;
        let (bytes, content_type, cache_control) = found.unwrap_or_else(|| panic!("{} is not there", file.path));
        assert!(bytes == file.bytes, "{} has other bytes", file.path);
        assert_eq!((content_type.as_str(), cache_control.as_str()), headers(&file.path), "{}", file.path);
    }

    /// Writes an object past Bouncer.
    pub async fn plant(&self, bucket: &str, key: &str, bytes: Vec<u8>) {
        let sha256 = Sha256::of(&bytes);
        self.objects.put(bucket, key, bytes.into(), sha256, &Default::default()).await.unwrap();
    }

    /// How often each key of the bucket was written, or tried to be.
    pub fn puts(&self, bucket: &str) -> BTreeMap<String, usize> {
        let mut puts = BTreeMap::new();
        for key in self.proxy.keys(http::Method::PUT, bucket) {
            *puts.entry(key).or_default() += 1;
        }
        puts
    }

    /// Makes what is staged under a prefix look as if it had been written so many days earlier.
    pub fn make_older(&self, prefix: &str, days: u32) {
        crate::support::make_older(self._folder.path(), STAGING, prefix, days);
    }

    /// The objects, without the proxy, as any S3 client sees them.
    pub fn storage(&self) -> crate::support::Storage {
        crate::support::Storage::of(self._folder.path())
    }

    /// A client of the records and of the objects for what Bouncer itself never does.
    pub fn raw(&self) -> Raw {
        Raw::new(self.records, self._endpoints.objects, &self.credentials)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.storage.cancel();
    }
}

fn connect(records: SocketAddr, objects: SocketAddr, credentials: &StorageCredentials) -> Storage {
    let endpoints = aws::Endpoints {
        records: format!("http://{records}"),
        objects: format!("http://{objects}"),
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.clone(),
    };
    aws::local(&endpoints)
}

pub fn publish_settings() -> PublishSettings {
    PublishSettings { concurrency: 4, slice: Duration::from_secs(30), ..Default::default() }
}

use bouncer::kinds::site::MACHINE;

/// The product's machine, with the patience of a test: it gives up after one repetition of an outage.
fn impatient() -> String {
    let mut machine: Value = serde_json::from_str(MACHINE.definition).unwrap();
    for state in machine["States"].as_object_mut().unwrap().values_mut() {
        for retry in state.get_mut("Retry").and_then(Value::as_array_mut).into_iter().flatten() {
            retry["IntervalSeconds"] = json!(1);
            if retry["ErrorEquals"][0] == "Bouncer.Unavailable" {
                retry["MaxAttempts"] = json!(1);
            }
        }
    }
    machine.to_string()
}

/// One process of an installation.
pub struct Bouncer {
    pub app: Arc<App>,
    pub engine: Arc<LocalEngine>,
    work: Option<(CancellationToken, JoinHandle<()>)>,
    /// What no user may read.
    secrets: Vec<String>,
}

impl Bouncer {
    /// As a server does at its start: carries on with what there is.
    pub async fn at_work(mut self) -> Self {
        let stop = CancellationToken::new();
        let tasks = Arc::new(TaskRunner::new(self.app.clone()));
        self.work = Some((stop.clone(), tokio::spawn(self.engine.clone().run(tasks, stop))));
        recover::recover(&self.app).await.unwrap();
        self
    }

    /// How far a request is, in numbers.
    pub async fn progress(&self, id: &RequestId) -> Option<ProgressView> {
        let request = self.app.store.request(id).await.unwrap().unwrap();
        self.app.kinds.of(&request).unwrap().progress(&request)
    }

    /// Ends at once, wherever it is.
    pub async fn kill(mut self) {
        if let Some((stop, work)) = self.work.take() {
            stop.cancel();
            work.await.unwrap();
        }
    }

    pub async fn add_project(&self, project: &str, bucket: &str) {
        self.add_project_with(project, bucket, &[]).await;
    }

    /// The same with cache rules of its own: patterns and values.
    pub async fn add_project_with(&self, project: &str, bucket: &str, rules: &[(&str, &str)]) {
        let rule = |(pattern, value): &(&str, &str)| json!({ "pattern": pattern, "cache_control": value });
        let rules: Value = rules.iter().map(rule).collect();
        let args = json!({ "project": project, "bucket": bucket, "cache_rules": rules });
        let args = serde_json::from_value(args).unwrap();
        projects::add(&self.app, &caller(Role::Admin), args).await.unwrap();
    }

    /// Says how long the shop's releases are kept.
    pub async fn keep(&self, releases: u32, hours: u32) {
        let args =
            json!({ "project": SHOP, "bucket": BUCKET, "retain_releases": releases, "asset_grace_hours": hours });
        projects::add(&self.app, &caller(Role::Admin), serde_json::from_value(args).unwrap()).await.unwrap();
    }

    pub async fn project(&self) -> Project {
        self.app.store.project(&shop()).await.unwrap().unwrap()
    }

    /// Asks for a deploy of the site.
    pub async fn ask(&self, site: &Site) -> RequestId {
        RequestId::parse(self.try_ask(site).await.unwrap()).unwrap()
    }

    pub async fn try_ask(&self, site: &Site) -> Result<String, UserError> {
        self.try_ask_in(SHOP, site).await
    }

    async fn try_ask_in(&self, project: &str, site: &Site) -> Result<String, UserError> {
        self.try_ask_files(project, site.inline()).await
    }

    /// Asks for a deploy of these files, given as the tool takes them.
    pub async fn ask_files(&self, files: Value) -> RequestId {
        RequestId::parse(self.try_ask_files(SHOP, files).await.unwrap()).unwrap()
    }

    /// Asks to go back to a release.
    pub async fn ask_back(&self, release: &str) -> RequestId {
        let args = serde_json::from_value(json!({ "project": SHOP, "release": release, "reason": "a test" })).unwrap();
        let asked = frontend::rollback::rollback(&self.app, &caller(Role::Agent), args).await.unwrap();
        RequestId::parse(asked.request_id).unwrap()
    }

    async fn try_ask_files(&self, project: &str, files: Value) -> Result<String, UserError> {
        let args = json!({
            "project": project, "files": files, "reason": "a test", "source": "tests", "trust_scope": "tests",
        });
        let args = serde_json::from_value(args).unwrap();
        Ok(frontend::inline::deploy(&self.app, &caller(Role::Agent), args).await?.request_id)
    }

    pub async fn approve(&self, id: &RequestId) {
        let approver = Approver::from(&caller(Role::Approver));
        decide::decide(&self.app, &approver, id.as_str(), Press::informed(Verdict::Approve), None, ChannelName::Http)
            .await
            .unwrap();
    }

    /// Asks and approves.
    pub async fn start(&self, site: &Site) -> RequestId {
        let id = self.ask(site).await;
        self.approve(&id).await;
        id
    }

    /// The same, though most of the site goes.
    pub async fn start_all(&self, site: &Site) -> RequestId {
        let args = json!({
            "project": SHOP, "files": site.inline(), "reason": "a test", "source": "tests", "trust_scope": "tests",
            "allow_mass_delete": true,
        });
        let args = serde_json::from_value(args).unwrap();
        let asked = frontend::inline::deploy(&self.app, &caller(Role::Agent), args).await.unwrap();
        let id = RequestId::parse(asked.request_id).unwrap();
        self.approve(&id).await;
        id
    }

    /// The same in another project.
    pub async fn start_in(&self, project: &str, site: &Site) -> RequestId {
        let id = RequestId::parse(self.try_ask_in(project, site).await.unwrap()).unwrap();
        self.approve(&id).await;
        id
    }

    /// CallerQuota, approves, and waits for the end.
    pub async fn deploy(&self, site: &Site) -> Ended {
        let id = self.start(site).await;
        self.ended(&id).await
    }

    /// Asks and approves a deploy that has to succeed, and checks the bucket afterwards.
    pub async fn deploys(&self, world: &World, site: &Site) {
        let ended = self.deploy(site).await;
        ended.assert_completed(site);
        world.assert_holds(BUCKET, site).await;
    }

    /// Waits for the end, and checks that every record says the same of it and none says what no user may read.
    pub async fn ended(&self, id: &RequestId) -> Ended {
        let ask = || serde_json::from_value(json!({ "request_id": id })).unwrap();
        let answer = wait_until(&format!("{id} to end"), DEADLINE, async || {
            let now = status::status(&self.app, &caller(Role::Approver), ask()).await.unwrap();
            now.status.has_ended().then(|| serde_json::to_value(&now).unwrap())
        })
        .await;
        let ended = Ended { answer };
        ended.assert_clean(&self.secrets);
        let success = ended.status() == "completed";
        let row = wait_until("the history row", DEADLINE, async || {
            let row = self.app.store.deploy(&id.frontend_deploy_id()).await.unwrap();
            row.filter(|row| row.status != DeployStatus::Running)
        })
        .await;
        assert_eq!(row.status, if success { DeployStatus::Success } else { DeployStatus::Failed });
        assert_eq!(row.error_summary.as_deref(), ended.answer["result"]["error_summary"].as_str());
        if self.work.is_some() {
            let execution = wait_until("the execution to end", DEADLINE, async || {
                let now = self.engine.describe(MACHINE, id.as_str()).await.unwrap();
                (now != ExecutionStatus::Running).then_some(now)
            })
            .await;
            assert_eq!(execution, if success { ExecutionStatus::Succeeded } else { ExecutionStatus::Failed });
        }
        ended
    }

    /// Checks that nobody holds the project any more.
    pub async fn assert_free(&self) {
        let other = RequestId::random();
        self.app.store.hold(&shop(), Lane::Frontend, &other, 60).await.expect("the lease is free");
        self.app.store.release(&shop(), Lane::Frontend, &other).await.unwrap();
    }

    /// Runs one slice by hand, as a Lambda function would.
    pub async fn slice(&self, id: &RequestId) -> Result<Value, TaskError> {
        self.task("frontend.publish", id).await
    }

    /// The same of any task that works in slices.
    pub async fn task(&self, task: &str, id: &RequestId) -> Result<Value, TaskError> {
        let payload = json!({ "task": task, "request_id": id, "cursor": null });
        TaskRunner::new(self.app.clone()).run_until(payload, Instant::now() + self.app.settings.publish.slice).await
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        if let Some((stop, _)) = &self.work {
            stop.cancel();
        }
    }
}

/// The record of a request that has ended.
pub struct Ended {
    pub answer: Value,
}

impl Ended {
    pub fn id(&self) -> RequestId {
        RequestId::parse(text(&self.answer["request_id"])).unwrap()
    }

    pub fn status(&self) -> &str {
        text(&self.answer["status"])
    }

    /// The release that it made.
    pub fn release(&self) -> String {
        text(&self.answer["result"]["release_id"]).to_owned()
    }

    pub fn assert_completed(&self, site: &Site) {
        assert_eq!(self.status(), "completed", "{:#}", self.answer);
        let result = &self.answer["result"];
        assert_eq!(result["deploy_status"], "deployed", "{result:#}");
        assert_eq!(result["failed_count"], 0, "{result:#}");
        let counted = result["deployed_count"].as_u64().unwrap() + result["unchanged_count"].as_u64().unwrap();
        assert_eq!(counted, site.files().len() as u64, "each file counts once: {result:#}");
    }

    /// Checks how it failed, and that its sentence says what it should.
    pub fn assert_failed(&self, deploy_status: &str, sentence: &str) {
        assert_eq!(self.status(), "failed", "{:#}", self.answer);
        let result = &self.answer["result"];
        assert_eq!(result["deploy_status"], deploy_status, "{result:#}");
        assert!(text(&result["error_summary"]).contains(sentence), "{sentence:?} is not said: {result:#}");
        assert_eq!(result.get("release_id"), None, "{result:#}");
    }

    /// Checks that exactly these files are named as failed.
    pub fn assert_names(&self, files: &[&str]) {
        let failed = self.answer["result"]["failed_files"].as_array().unwrap();
        let mut names: Vec<&str> = failed.iter().map(|file| text(&file["filename"])).collect();
        names.sort_unstable();
        assert_eq!(names, files, "{:#}", self.answer);
        assert_eq!(self.answer["result"]["failed_count"], files.len(), "{:#}", self.answer);
    }

    fn assert_clean(&self, secrets: &[String]) {
        let result = &self.answer["result"];
        let reasons = result["failed_files"].as_array().into_iter().flatten().map(|file| &file["reason"]);
        for said in reasons.chain([&result["error_summary"]]).filter_map(Value::as_str) {
            assert!(!said.trim().is_empty(), "{result:#}");
            for raw in ["{", "<", "\\", "://", "127.0.0.1", "localhost", "example.com", "raw words", "RequestId"] {
                assert!(!said.contains(raw), "{raw:?} in: {said}");
            }
            for secret in secrets {
                assert!(!said.contains(secret.rsplit(':').next().unwrap()), "{secret} in: {said}");
            }
        }
    }
}

pub fn shop() -> ProjectId {
    ProjectId::parse(SHOP).unwrap()
}

/// Where a file's approved content is stored.
pub fn blob(file: &SiteFile) -> String {
    let hex = file.sha256();
    format!("blobs/{SHOP}/{}/{hex}", &hex[..2])
}

/// Whoever calls: somebody else each time.
pub fn caller(role: Role) -> Caller {
    Caller { id: KeyId::random(), name: format!("a test's {role}"), role }
}

/// What a published file is served as.
pub fn headers(path: &str) -> (&'static str, &'static str) {
    let content_type = match path.rsplit('.').next().unwrap() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        other => panic!("what is .{other}?"),
    };
    let cache_control = match path {
        _ if path.ends_with(".html") => "no-cache, no-store, must-revalidate",
        _ if path.starts_with("assets/") => "max-age=31536000, immutable",
        _ => "no-cache",
    };
    (content_type, cache_control)
}

/// A site of each kind of file: pages, assets, and one that pages refer to under a stable name.
pub fn old_site() -> Site {
    let mut site = Site::new(1, 2, 3);
    site.put("style.css", "body { color: black }");
    site
}

/// The same site after an edit in which every old name keeps its size, plus new files.
pub fn new_site() -> Site {
    let mut site = old_site();
    for path in ["index.html", "pages/page-0001.html"] {
        let same_size = String::from_utf8(site.file(path).bytes.clone()).unwrap().replace("<p>", "<b>");
        site.put(path, same_size);
    }
    site.put("style.css", "body { color: white }");
    site.put("assets/new-1.js", "export default 1;");
    site.put("assets/new-2.js", "export default 2;");
    site
}

/// The new site and a file that is too large to travel through memory.
pub fn new_site_with_large_file() -> Site {
    let mut site = new_site();
    site.put(LARGE, (0..1_100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<u8>>());
    site
}

pub const LARGE: &str = "assets/large.png";

/// The SDK's own clients, for what Bouncer never does.
pub struct Raw {
    pub records: aws_sdk_dynamodb::Client,
    pub objects: aws_sdk_s3::Client,
}

impl Raw {
    pub fn new(records: SocketAddr, objects: SocketAddr, credentials: &StorageCredentials) -> Self {
        let keys = aws_sdk_s3::config::Credentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            None,
            None,
            "test",
        );
        let records = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
            .endpoint_url(format!("http://{records}"))
            .credentials_provider(keys.clone())
            .build();
        let objects = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .region(aws_sdk_s3::config::Region::new("us-east-1"))
            .endpoint_url(format!("http://{objects}"))
            .force_path_style(true)
            .credentials_provider(keys)
            .build();
        Self { records: aws_sdk_dynamodb::Client::from_conf(records), objects: aws_sdk_s3::Client::from_conf(objects) }
    }
}
