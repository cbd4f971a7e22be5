//! Bouncer, installed.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use bouncer::kinds::KINDS;
use serde_json::{Map, Value, json};

use crate::support::{Boto, Credentials, Ministack, Role, Server, Site, text, wait_until};
use crate::tools::frontend_request;

/// Waits of the state machine are this much shorter.
const WAIT_SCALE: (&str, &str) = ("SFN_WAIT_SCALE", "0.02");
const STACK: &str = "bouncer";
const ARTIFACTS: &str = "artifacts";
pub const TASK_FUNCTION: &str = "bouncer-task";

/// An account with Bouncer in it.
pub struct Installation {
    /// Bouncer, answered by its API function.
    pub server: Server,
    pub boto: Boto,
    pub ministack: Ministack,
    /// Of the stack.
    outputs: Value,
    keys: Credentials,
}

/// What a project's owner has made for it.
pub struct Target {
    pub project: String,
    pub bucket: String,
    pub distribution: String,
    pub role: String,
}

/// An object as a CDN would get it.
#[derive(Debug, PartialEq, Eq)]
pub struct Published {
    pub bytes: Vec<u8>,
    pub content_type: String,
    pub cache_control: String,
}

impl Installation {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With more environment for the functions.
    pub async fn with(environment: &[(&str, &str)]) -> Self {
        let ministack = Self::account(environment).await;
        Self::into(ministack, json!({})).await
    }

    /// An account without Bouncer.
    pub async fn account(environment: &[(&str, &str)]) -> Ministack {
        Ministack::start(&[&[("AUTH", "true"), WAIT_SCALE], environment].concat()).await
    }

    /// Installed with parameters of the template.
    pub async fn into(ministack: Ministack, parameters: Value) -> Self {
        let boto = ministack.boto();
        // Tests ask for more than people do.
        let mut all = json!({ "AsksPerMinute": "0", "PendingPerCaller": "0" });
        all.as_object_mut().unwrap().extend(parameters.as_object().cloned().unwrap_or_default());
        let outputs = install(&boto, all).await;
        let url = function_url(&ministack, text(&outputs["Address"]));
        let keys = keys(&boto, &url, text(&outputs["BootstrapSecretArn"])).await;
        let server = Server::at(&url, keys.clone());
        Self { server, boto, ministack, outputs, keys }
    }

    /// Bouncer once more, served by a host instead of the API function; its tasks run in the task function.
    pub async fn host(&self) -> Server {
        self.host_with(&[("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]).await
    }

    /// The same, on a host that has these settings for its credentials.
    pub async fn host_with(&self, credentials: &[(&str, &str)]) -> Server {
        let account = self.boto.call("sts", "get_caller_identity", json!({})).await;
        let own = [
            ("AWS_ENDPOINT_URL", self.ministack.endpoint()),
            ("BOUNCER_ASKS_PER_MINUTE", "0"),
            ("BOUNCER_PENDING_PER_CALLER", "0"),
            ("AWS_REGION", "us-east-1"),
            ("BOUNCER_ACCOUNT", text(&account["Account"])),
            ("BOUNCER_STATE_MACHINE_FRONTEND_DEPLOY", self.output("StateMachineArn")),
            ("BOUNCER_STATE_MACHINE_DEPLOY", self.output("DeployStateMachineArn")),
            ("BOUNCER_STATE_MACHINE_REQUEST", self.output("RequestStateMachineArn")),
        ];
        let environment: Vec<_> =
            own.iter().chain(credentials).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Server::hosted(&environment, self.keys.clone()).await
    }

    pub fn output(&self, name: &str) -> &str {
        text(&self.outputs[name])
    }

    /// Makes what a project needs in AWS, its role by `infra/deploy-role.yaml`, and adds the project.
    pub async fn add_project(&self, project: &str) -> Target {
        let target = self.prepare(project).await;
        self.register(&target).await;
        target
    }

    /// Makes what a project needs in AWS: a bucket, a distribution and a deploy role.
    pub async fn prepare(&self, project: &str) -> Target {
        let bucket = format!("{project}-site");
        self.boto.call("s3", "create_bucket", json!({ "Bucket": bucket })).await;
        let distribution = self.boto.call("cloudfront", "create_distribution", distribution(project, &bucket)).await;
        let distribution = text(&distribution["Distribution"]["Id"]).to_owned();
        let role = self.deploy_role(project, &bucket, &distribution, self.output("ExternalId")).await;
        Target { project: project.to_owned(), bucket, distribution, role }
    }

    /// A role from `infra/deploy-role.yaml`; its ARN.
    pub async fn deploy_role(&self, project: &str, bucket: &str, distribution: &str, external_id: &str) -> String {
        let arguments = json!({
            "stack": format!("bouncer-{project}"),
            "template": at("infra/deploy-role.yaml"),
            "parameters": {
                "Project": project,
                "BucketName": bucket,
                "DistributionId": distribution,
                "TaskRoleArn": self.output("TaskRoleArn"),
                "ExternalId": external_id,
            },
        });
        let deployed = self.boto.call("cloudformation", "deploy", arguments).await;
        text(&deployed["outputs"]["RoleArn"]).to_owned()
    }

    /// Adds or changes the project.
    pub async fn register(&self, target: &Target) {
        let arguments = json!({
            "project": target.project, "bucket": target.bucket, "distribution": target.distribution, "role": target.role,
        });
        let (status, body) = self.server.tool(Role::Admin, "bouncer_project_add", arguments).await;
        assert_eq!(status, 200, "{body:#}");
        assert!(body.get("warnings").is_none(), "{body:#}");
    }

    /// Asks for a deploy of `site`; the request's id.
    pub async fn ask(&self, target: &Target, site: &Site) -> String {
        let arguments = frontend_request(&target.project, site);
        let (status, pending) = self.server.tool(Role::Agent, "bouncer_deploy_frontend", arguments).await;
        assert_eq!((status, &pending["status"]), (200, &json!("pending_approval")), "{pending:#}");
        text(&pending["request_id"]).to_owned()
    }

    /// Asks for a deploy of `site` and approves it; the request's id.
    pub async fn begin(&self, target: &Target, site: &Site) -> String {
        let id = self.ask(target, site).await;
        let (status, decided) = self.server.decide(Role::Approver, &id, "approve").await;
        assert_eq!(status, 200, "{decided:#}");
        id
    }

    /// Deploys `site`, and waits for the end.
    pub async fn deploy(&self, target: &Target, site: &Site) -> Value {
        let id = self.begin(target, site).await;
        self.server.ended(&id).await
    }

    /// The object at `key`; `None` when there is none.
    pub async fn published(&self, bucket: &str, key: &str) -> Option<Published> {
        match self.boto.try_call("s3", "read", json!({ "bucket": bucket, "key": key })).await {
            Ok(object) => Some(Published {
                bytes: BASE64_STANDARD.decode(text(&object["body"])).expect("base64"),
                content_type: text(&object["content_type"]).to_owned(),
                cache_control: text(&object["cache_control"]).to_owned(),
            }),
            Err(refusal) if refusal.code == "NoSuchKey" => None,
            Err(refusal) => panic!("{key}: {refusal:?}"),
        }
    }

    /// Every key of a bucket with the time it was last written.
    pub async fn keys_of(&self, bucket: &str) -> Vec<(String, String)> {
        let listed = self.boto.call("s3", "list_objects_v2", json!({ "Bucket": bucket })).await;
        let objects = listed["Contents"].as_array().cloned().unwrap_or_default();
        objects.iter().map(|it| (text(&it["Key"]).to_owned(), text(&it["LastModified"]).to_owned())).collect()
    }

    /// The invalidations of a distribution, in full, oldest first.
    pub async fn invalidations(&self, distribution: &str) -> Vec<Value> {
        let of = json!({ "DistributionId": distribution });
        let listed = self.boto.call("cloudfront", "list_invalidations", of).await;
        let mut all = Vec::new();
        for item in listed["InvalidationList"]["Items"].as_array().cloned().unwrap_or_default() {
            let of = json!({ "DistributionId": distribution, "Id": item["Id"] });
            all.push(self.boto.call("cloudfront", "get_invalidation", of).await["Invalidation"].clone());
        }
        all.sort_by_key(|it| text(&it["CreateTime"]).to_owned());
        all
    }

    /// The execution is named by its request.
    pub fn execution_arn(&self, request_id: &str) -> String {
        format!("{}:{request_id}", self.output("StateMachineArn").replace(":stateMachine:", ":execution:"))
    }

    /// How the request's execution ended, which is soon after the request itself.
    pub async fn execution(&self, request_id: &str) -> Value {
        let of = json!({ "executionArn": self.execution_arn(request_id) });
        wait_until("the execution to end", std::time::Duration::from_secs(20), async || {
            let execution = self.boto.call("stepfunctions", "describe_execution", of.clone()).await;
            (execution["status"] != "RUNNING").then_some(execution)
        })
        .await
    }

    /// Checks that the bucket holds the site, and nothing else.
    pub async fn assert_published(&self, bucket: &str, site: &Site) {
        let keys: Vec<String> = self.keys_of(bucket).await.into_iter().map(|(key, _)| key).collect();
        let paths: Vec<&str> = site.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(keys, paths);
        for file in site.files() {
            let published = self.published(bucket, &file.path).await.expect("it was listed");
            assert!(published.bytes == file.bytes, "{} has other bytes", file.path);
        }
    }
}

/// The absolute path of a file of the project.
pub fn at(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).to_str().expect("a path is UTF-8").to_owned()
}

/// Packages and deploys the template as docs/INSTALL.md says; the stack's outputs.
async fn install(boto: &Boto, parameters: Value) -> Value {
    let binary = json!({ "binary": env!("CARGO_BIN_EXE_bouncer"), "folder": env!("CARGO_TARGET_TMPDIR") });
    let package = boto.call("lambda", "package", binary).await;
    boto.call("s3", "create_bucket", json!({ "Bucket": ARTIFACTS })).await;
    // Local path in the template, file to upload, key.
    let mut uploads = vec![(at("target/lambda"), text(&package).to_owned(), "bootstrap.zip".to_owned())];
    for machine in KINDS.machines() {
        let key = format!("{}.asl.json", machine.name);
        let path = at(&format!("statemachines/{key}"));
        uploads.push((path.clone(), path, key));
    }
    let mut artifacts = Map::new();
    for (path, file, key) in uploads {
        boto.call("s3", "upload_file", json!({ "file": file, "bucket": ARTIFACTS, "key": key })).await;
        artifacts.insert(path, json!([ARTIFACTS, key]));
    }
    let arguments = json!({
        "stack": STACK,
        "template": at("infra/template.yaml"),
        "parameters": parameters,
        "artifacts": artifacts,
        "leave_out": ["StagingBucketPolicy", "ArtifactsBucketPolicy"],
    });
    let outputs = boto.call("cloudformation", "deploy", arguments).await["outputs"].clone();
    admit_to_builds(boto, &outputs).await;
    outputs
}

/// What the emulator asks rights for under another name than AWS does: a build by `*` instead of its project, and a
/// log's lines by the group instead of the stream.
async fn admit_to_builds(boto: &Boto, outputs: &Value) {
    let of = |actions: &[&str]| json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    let logs = of(&["logs:GetLogEvents"]);
    for (role, builds) in [
        ("TaskRoleArn", of(&["codebuild:BatchGetBuilds", "codebuild:StopBuild"])),
        ("ApiRoleArn", of(&["codebuild:StopBuild"])),
    ] {
        let name = text(&outputs[role]).rsplit('/').next().expect("a name");
        let policy = json!({ "Version": "2012-10-17", "Statement": [builds, logs] }).to_string();
        let arguments = json!({ "RoleName": name, "PolicyName": "emulator", "PolicyDocument": policy });
        boto.call("iam", "put_role_policy", arguments).await;
    }
}

/// `https://ID.lambda-url.REGION.on.aws/`, where the emulator has it.
fn function_url(ministack: &Ministack, address: &str) -> String {
    let id = address.strip_prefix("https://").and_then(|rest| rest.split('.').next()).expect("a function URL");
    format!("{}/_aws/lambda-url/{id}", ministack.endpoint())
}

/// The first admin key, which the installation was born with, makes the others.
async fn keys(boto: &Boto, url: &str, secret: &str) -> Credentials {
    let secret = boto.call("secretsmanager", "get_secret_value", json!({ "SecretId": secret })).await;
    let secret: Value = serde_json::from_str(text(&secret["SecretString"])).expect("JSON");
    let admin = format!("bncr_{}", text(&secret["admin"]));
    let first = Server::at(url, Credentials { admin: admin.clone(), approver: String::new(), agent: String::new() });
    let mut made = Vec::new();
    for role in ["approver", "agent"] {
        let (status, body) = first.tool(Role::Admin, "bouncer_key_create", json!({ "name": role, "role": role })).await;
        assert_eq!(status, 200, "{body:#}");
        made.push(text(&body["key"]).to_owned());
    }
    Credentials { admin, approver: made.remove(0), agent: made.remove(0) }
}

fn distribution(project: &str, bucket: &str) -> Value {
    json!({ "DistributionConfig": {
        "CallerReference": project,
        "Comment": project,
        "Enabled": true,
        "Origins": { "Quantity": 1, "Items": [{
            "Id": "site",
            "DomainName": format!("{bucket}.s3.amazonaws.com"),
            "S3OriginConfig": { "OriginAccessIdentity": "" },
        }] },
        "DefaultCacheBehavior": {
            "TargetOriginId": "site",
            "ViewerProtocolPolicy": "redirect-to-https",
            "ForwardedValues": { "QueryString": false, "Cookies": { "Forward": "none" } },
            "MinTTL": 0,
        },
    } })
}
