//! A server with all that backend deploys need.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Boto, CloudFormation, CodeBuild, Github, Ministack, Options, REPOSITORY, Role, Server, TOKEN, text, wait_until,
};

/// Long enough for a deploy on a busy machine.
pub const DEPLOY_DEADLINE: Duration = Duration::from_secs(90);

/// The project that is there.
pub const PROJECT: &str = "shop";
/// Its stack.
pub const STACK: &str = "shop-prod";

/// A topic, whose name a deploy may change.
pub fn topic(display_name: &str) -> String {
    format!(
        "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  News:\n    Type: AWS::SNS::Topic\n    Properties:\n      \
         DisplayName: {display_name}\n"
    )
}

pub struct World {
    pub server: Server,
    pub github: Github,
    pub codebuild: CodeBuild,
    pub boto: Boto,
    _ministack: Ministack,
}

/// What a server stands on, before there is one.
pub struct Ground {
    pub ministack: Ministack,
    pub boto: Boto,
    pub github: Github,
    pub codebuild: CodeBuild,
}

impl Ground {
    pub async fn new() -> Self {
        let ministack = Ministack::start(&[]).await;
        let boto = ministack.boto();
        boto.call("s3", "create_bucket", json!({ "Bucket": "artifacts" })).await;
        let secret = json!({ "Name": "sam-deployer/github-pat", "SecretString": TOKEN });
        boto.call("secretsmanager", "create_secret", secret).await;
        let github = Github::start().await;
        let codebuild = CodeBuild::start(&github, ministack.endpoint()).await;
        Self { ministack, boto, github, codebuild }
    }

    /// A server on it, with more environment variables, and the project "shop" without anything pushed yet.
    pub async fn serve(self, more: &[(&str, &str)]) -> World {
        let Self { ministack, boto, github, codebuild } = self;
        let mut variables: Vec<(String, String)> = [
            ("AWS_ENDPOINT_URL", ministack.endpoint()),
            ("AWS_ENDPOINT_URL_CODEBUILD", codebuild.url()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("BOUNCER_BUILD_PROJECT", "bouncer-build"),
            ("BOUNCER_ARTIFACTS_BUCKET", "artifacts"),
            ("BOUNCER_GITHUB_API_URL", github.url()),
            ("BOUNCER_POLL_SECONDS", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let server = Server::start_with(Options { variables, ..Options::default() }).await;
        let world = World { server, github, codebuild, boto, _ministack: ministack };
        world.set_backend(json!({ "git_repo": REPOSITORY, "stack_name": STACK })).await;
        world
    }
}

impl World {
    /// A server, and the project "shop" without anything pushed yet.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same with more environment variables.
    pub async fn with(more: &[(&str, &str)]) -> Self {
        Ground::new().await.serve(more).await
    }

    /// Changes the project's backend.
    pub async fn set_backend(&self, mut fields: Value) {
        fields["project"] = json!(PROJECT);
        let (status, body) = self.server.tool(Role::Admin, "bouncer_project_backend", fields).await;
        assert_eq!(status, 200, "{body:#}");
    }

    /// Pushes a template to the branch "main".
    pub fn push(&self, title: &str, template: &str) -> String {
        self.github.push("main", title, &[("template.yaml", template), ("README.md", title)])
    }

    /// Asks for a deploy as an agent.
    pub async fn ask(&self) -> (u16, Value) {
        self.server.tool(Role::Agent, "bouncer_deploy", json!({ "project": PROJECT, "reason": "a test" })).await
    }

    /// Asks for a deploy that must be taken.
    pub async fn asked(&self) -> Value {
        let (status, body) = self.ask().await;
        assert_eq!(status, 200, "{body:#}");
        body
    }

    pub async fn approve(&self, request_id: &str) {
        let (status, body) = self.server.decide(Role::Approver, request_id, "approve").await;
        assert_eq!(status, 200, "{body:#}");
    }

    pub async fn deploy_status(&self, deploy_id: &str) -> Value {
        let arguments = json!({ "deploy_id": deploy_id });
        let (status, body) = self.server.tool(Role::Approver, "bouncer_deploy_status", arguments).await;
        assert_eq!(status, 200, "{body:#}");
        body
    }

    /// The deploy once it is in this state.
    pub async fn reaches(&self, deploy_id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        wait_until(&format!("{deploy_id} to be {what}"), DEPLOY_DEADLINE, async || {
            let status = self.deploy_status(deploy_id).await;
            let ended = ["SUCCESS", "FAILED", "CANCELLED", "expired"].contains(&text(&status["status"]));
            assert!(is_so(&status) || !ended, "{deploy_id} ended without being {what}: {status:#}");
            is_so(&status).then_some(status)
        })
        .await
    }

    /// The deploy once it has ended.
    pub async fn ended(&self, deploy_id: &str) -> Value {
        self.reaches(deploy_id, "ended", |status| {
            ["SUCCESS", "FAILED", "CANCELLED", "expired"].contains(&text(&status["status"]))
        })
        .await
    }

    /// Approves the question about infrastructure once it is asked, and gives its id.
    pub async fn question(&self, deploy_id: &str) -> String {
        let waiting = |status: &Value| status["progress_hint"] == "Waiting for infrastructure approval";
        let status = self.reaches(deploy_id, "waiting for infrastructure approval", waiting).await;
        text(&status["infrastructure_request_id"]).to_owned()
    }

    /// Deploys what is pushed, through both approvals where they are asked for.
    pub async fn deploy(&self) -> Value {
        let asked = self.asked().await;
        let deploy_id = text(&asked["deploy_id"]).to_owned();
        if asked["status"] == "pending_approval" {
            self.approve(text(&asked["request_id"])).await;
        }
        let status = self
            .reaches(&deploy_id, "waiting or ended", |status| {
                status["progress_hint"] == "Waiting for infrastructure approval"
                    || ["SUCCESS", "FAILED", "CANCELLED"].contains(&text(&status["status"]))
            })
            .await;
        if let Some(question) = status["infrastructure_request_id"].as_str()
            && status["status"] == "RUNNING"
        {
            self.approve(question).await;
        }
        self.ended(&deploy_id).await
    }
}

/// A world whose stacks go only as far as the test lets them.
pub struct Scripted {
    pub world: World,
    pub cloudformation: CloudFormation,
}

impl Scripted {
    /// With the stack there, and a commit to deploy.
    pub async fn new() -> Self {
        let cloudformation = CloudFormation::start().await;
        cloudformation.has_stack(STACK, "UPDATE_COMPLETE");
        let world = World::with(&[("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.url())]).await;
        world.push("Change it", &topic("News"));
        Self { world, cloudformation }
    }

    /// Asks for a deploy and approves it; its id.
    pub async fn begins(&self) -> String {
        let asked = self.world.asked().await;
        self.world.approve(text(&asked["request_id"])).await;
        text(&asked["deploy_id"]).to_owned()
    }

    /// The same, with the infrastructure approved too, until the stack is being changed.
    pub async fn changes(&self) -> String {
        let deploy_id = self.begins().await;
        let question = self.world.question(&deploy_id).await;
        self.world.approve(&question).await;
        self.is_executed(1).await;
        deploy_id
    }

    /// Waits until so many change sets were executed.
    pub async fn is_executed(&self, times: usize) {
        let executed = async || (self.cloudformation.executed().len() == times).then_some(());
        wait_until("the change set to be executed", DEPLOY_DEADLINE, executed).await;
    }

    /// Waits until the deploy says this.
    pub async fn says(&self, deploy_id: &str, hint: &str) -> Value {
        self.world.reaches(deploy_id, hint, |status| status["progress_hint"] == hint).await
    }

    pub async fn cancel(&self, deploy_id: &str) -> (u16, Value) {
        self.world.server.tool(Role::Agent, "bouncer_deploy_cancel", json!({ "deploy_id": deploy_id })).await
    }
}
