//! Backend deploys as installed: the functions and the state machine of the template, the roles of
//! `infra/target-account.yaml`, real change sets and stacks. Only the builds and GitHub are stand-ins. The functions' own
//! roles have no rights on stacks, so what happens to one happens with the target account's role. (The emulator takes
//! no notice of the role that CloudFormation is to work with.)

use std::time::Duration;

use serde_json::{Value, json};

use super::installation::{Installation, TASK_FUNCTION, at};
use crate::support::{
    CallProxy, Change, CloudFormation, CodeBuild, Github, Mishap, Outcome, REPOSITORY, Role, TOKEN, kill, text,
    wait_until,
};

/// Long enough for a deploy on a busy machine.
const DEADLINE: Duration = Duration::from_secs(90);
const STACK: &str = "shop-prod";

/// A topic, which the roles of the target account let the stack have.
const TEMPLATE: &str = "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  News:\n    Type: AWS::SNS::Topic\n    \
    Properties:\n      TopicName: shop-prod-news\n";

/// An installation with the project "shop", whose stack is reached through a role.
struct Shop {
    installation: Installation,
    github: Github,
    codebuild: CodeBuild,
    /// Before CodeBuild.
    proxy: CallProxy,
    /// The roles of the target account.
    roles: Value,
}

impl Shop {
    async fn new() -> Self {
        let installation = Installation::new().await;
        let boto = &installation.boto;
        let secret = json!({ "Name": "sam-deployer/github-pat", "SecretString": TOKEN });
        boto.call("secretsmanager", "create_secret", secret).await;
        let github = Github::start().await;
        let codebuild = CodeBuild::start(&github, installation.ministack.endpoint()).await;
        let proxy = CallProxy::before(codebuild.url()).await;
        for function in ["bouncer-api", TASK_FUNCTION] {
            let more = [("AWS_ENDPOINT_URL_CODEBUILD", proxy.url()), ("BOUNCER_GITHUB_API_URL", github.url())];
            tell_function(&installation, function, &more).await;
        }
        let deployed = boto.call("cloudformation", "deploy", target_account(&installation)).await;
        let roles = deployed["outputs"].clone();
        let backend = json!({
            "project": "shop", "git_repo": REPOSITORY, "stack_name": STACK,
            "target_role_arn": roles["TargetRoleArn"], "cloudformation_role_arn": roles["CloudFormationRoleArn"],
        });
        let (status, body) = installation.server.tool(Role::Admin, "bouncer_project_backend", backend).await;
        assert_eq!(status, 200, "{body:#}");
        github.push("main", "Add the news", &[("template.yaml", TEMPLATE)]);
        Self { installation, github, codebuild, proxy, roles }
    }

    /// Asks for a deploy and approves it; its id.
    async fn begin(&self) -> String {
        let server = &self.installation.server;
        let arguments = json!({ "project": "shop", "reason": "a test" });
        let (status, asked) = server.tool(Role::Agent, "bouncer_deploy", arguments).await;
        assert_eq!((status, &asked["status"]), (200, &json!("pending_approval")), "{asked:#}");
        self.approve(text(&asked["request_id"])).await;
        text(&asked["deploy_id"]).to_owned()
    }

    async fn approve(&self, request_id: &str) {
        let (status, decided) = self.installation.server.decide(Role::Approver, request_id, "approve").await;
        assert_eq!(status, 200, "{decided:#}");
    }

    /// Approves the infrastructure once that is asked for, and waits for the end.
    async fn finish(&self, deploy_id: &str) -> Value {
        let mut approved = false;
        wait_until("the deploy to end", DEADLINE, async || {
            let arguments = json!({ "deploy_id": deploy_id });
            let (status, body) =
                self.installation.server.tool(Role::Approver, "bouncer_deploy_status", arguments).await;
            assert_eq!(status, 200, "{body:#}");
            if body["progress_hint"] == "Waiting for infrastructure approval" && !approved {
                self.approve(text(&body["infrastructure_request_id"])).await;
                approved = true;
            }
            ["SUCCESS", "FAILED", "CANCELLED"].contains(&text(&body["status"])).then_some(body)
        })
        .await
    }

    /// Waits until the deploy says this.
    async fn says(&self, deploy_id: &str, hint: &str) {
        wait_until(hint, DEADLINE, async || {
            let status = self.status(deploy_id).await;
            (status["progress_hint"] == hint).then_some(())
        })
        .await;
    }

    async fn status(&self, deploy_id: &str) -> Value {
        let arguments = json!({ "deploy_id": deploy_id });
        self.installation.server.tool(Role::Approver, "bouncer_deploy_status", arguments).await.1
    }

    fn execution_of(&self, deploy_id: &str) -> Value {
        let machine = self.installation.output("DeployStateMachineArn").replace(":stateMachine:", ":execution:");
        json!({ "executionArn": format!("{machine}:{}", deploy_id.replacen("deploy-", "req-", 1)) })
    }

    /// Stops the execution as from the console. What closes the record then is the event of it alone.
    async fn stopped_by_force(&self, deploy_id: &str) -> Value {
        self.installation.boto.call("stepfunctions", "stop_execution", self.execution_of(deploy_id)).await;
        let ended = wait_until("the record to be closed", DEADLINE, async || {
            let status = self.status(deploy_id).await;
            (status["status"] != "RUNNING").then_some(status)
        })
        .await;
        let boto = &self.installation.boto;
        wait_until("the project to be free", DEADLINE, async || {
            let key = json!({ "TableName": "bouncer-deploy-locks", "Key": { "project_id": { "S": "shop" } } });
            boto.call("dynamodb", "get_item", key).await.get("Item").is_none().then_some(())
        })
        .await;
        ended
    }

    /// The execution's end, which is soon after the request's own.
    async fn execution(&self, request_id: &str) -> Value {
        let machine = self.installation.output("DeployStateMachineArn").replace(":stateMachine:", ":execution:");
        let of = json!({ "executionArn": format!("{machine}:{request_id}") });
        wait_until("the execution to end", DEADLINE, async || {
            let execution = self.installation.boto.call("stepfunctions", "describe_execution", of.clone()).await;
            (execution["status"] != "RUNNING").then_some(execution)
        })
        .await
    }

    /// Checks that the deploy ended well, and what it left.
    async fn went_well(&self, ended: &Value) {
        assert_eq!(ended["status"], "SUCCESS", "{ended:#}");
        let execution = self.execution(text(&ended["request_id"])).await;
        assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
        assert_eq!(self.codebuild.started(), 1);
        let boto = &self.installation.boto;
        let stacks = boto.call("cloudformation", "describe_stacks", json!({ "StackName": STACK })).await;
        let stack = &stacks["Stacks"][0];
        assert_eq!(stack["StackStatus"], "CREATE_COMPLETE", "{stack:#}");
        let key = json!({ "TableName": "bouncer-deploy-locks", "Key": { "project_id": { "S": "shop" } } });
        let lease = boto.call("dynamodb", "get_item", key).await;
        assert_eq!(lease.get("Item"), None, "{lease:#}");
        let key = json!({ "TableName": "bouncer-deploy-history", "Key": { "deploy_id": { "S": ended["deploy_id"] } } });
        let row = boto.call("dynamodb", "get_item", key).await;
        assert_eq!(row["Item"]["status"]["S"], "SUCCESS", "{row:#}");
    }
}

/// Gives a function more environment than its template does.
async fn tell_function(installation: &Installation, function: &str, more: &[(&str, &str)]) {
    let of = json!({ "FunctionName": function });
    let known = installation.boto.call("lambda", "get_function_configuration", of).await;
    let mut variables = known["Environment"]["Variables"].clone();
    for (name, value) in more {
        variables[*name] = json!(value);
    }
    let update = json!({ "FunctionName": function, "Environment": { "Variables": variables } });
    installation.boto.call("lambda", "update_function_configuration", update).await;
}

fn target_account(installation: &Installation) -> Value {
    json!({
        "stack": "bouncer-target",
        "template": at("infra/target-account.yaml"),
        "parameters": {
            "StackPrefix": "shop-",
            "TaskRoleArn": installation.output("TaskRoleArn"),
            "ApiRoleArn": installation.output("ApiRoleArn"),
            "ExternalId": installation.output("ExternalId"),
            "ArtifactsBucket": installation.output("ArtifactsBucketName"),
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_becomes_a_stack_through_the_roles_of_its_account() {
    let shop = Shop::new().await;
    let deploy_id = shop.begin().await;
    let ended = shop.finish(&deploy_id).await;
    shop.went_well(&ended).await;
    assert!(!shop.codebuild.environments().contains(TOKEN), "the build must not see the token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_does_not_trust_is_said_before_anybody_is_asked() {
    let shop = Shop::new().await;
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": shop.installation.output("TaskRoleArn") }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "of-another-installation" } },
    }] });
    let arguments = json!({ "RoleName": "bouncer-target-deploy", "PolicyDocument": trust.to_string() });
    shop.installation.boto.call("iam", "update_assume_role_policy", arguments).await;
    let arguments = json!({ "project": "shop", "reason": "a test" });
    let (status, body) = shop.installation.server.tool(Role::Agent, "bouncer_deploy", arguments).await;
    assert_eq!((status, text(&body["error_code"])), (422, "PREFLIGHT_FAILED"), "{body:#}");
    assert!(text(&body["error"]).contains(text(&shop.roles["TargetRoleArn"])), "{body:#}");
    let (_, pending) = shop.installation.server.tool(Role::Approver, "bouncer_list_pending", json!({})).await;
    assert_eq!(pending["count"], 0, "nothing was asked: {pending:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_somebody_stops_closes_its_record_as_the_world_stands() {
    let shop = Shop::new().await;
    let cloudformation = CloudFormation::start().await;
    cloudformation.has_stack(STACK, "UPDATE_COMPLETE");
    cloudformation.plan(vec![Change::code("Front"), Change::code("Back")]);
    for function in ["bouncer-api", TASK_FUNCTION] {
        let more = [("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.url())];
        tell_function(&shop.installation, function, &more).await;
    }

    // While it builds: nothing comes of the build any more.
    shop.codebuild.outcome(Outcome::Hold);
    let deploy_id = shop.begin().await;
    shop.says(&deploy_id, "Building: BUILD phase").await;
    let ended = shop.stopped_by_force(&deploy_id).await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert_eq!(ended["error_summary"], "The workflow was stopped without recording why.", "{ended:#}");
    assert_eq!(shop.codebuild.stopped(), 1);
    shop.codebuild.outcome(Outcome::Succeed);

    // While CloudFormation is at it: that goes on, and nobody knows how it ends.
    let deploy_id = shop.begin().await;
    shop.says(&deploy_id, "Updating stack: 0 of 2 resources").await;
    let ended = shop.stopped_by_force(&deploy_id).await;
    assert_eq!(ended["status"], "FAILED", "{ended:#}");
    assert!(
        text(&ended["error_summary"]).contains("while CloudFormation was changing the stack, which continues"),
        "{ended:#}"
    );
    assert_eq!(cloudformation.status(STACK), "UPDATE_IN_PROGRESS", "it is left alone");
    cloudformation.stack(STACK, "UPDATE_COMPLETE", "");

    // The stack is as the template says before anybody looks.
    let deploy_id = shop.begin().await;
    shop.says(&deploy_id, "Updating stack: 0 of 2 resources").await;
    cloudformation.end_at("DeleteChangeSet");
    let ended = shop.stopped_by_force(&deploy_id).await;
    assert_eq!(ended["status"], "SUCCESS", "{ended:#}");

    // Nobody hears of the end, so the lease is still that of a deploy which nobody carries out: the next one takes it over.
    let boto = &shop.installation.boto;
    let rules = boto.call("events", "list_rules", json!({})).await;
    boto.call("events", "disable_rule", json!({ "Name": rules["Rules"][0]["Name"] })).await;
    shop.codebuild.outcome(Outcome::Hold);
    let lost = shop.begin().await;
    shop.says(&lost, "Building: BUILD phase").await;
    boto.call("stepfunctions", "stop_execution", shop.execution_of(&lost)).await;
    shop.codebuild.outcome(Outcome::Succeed);
    let deploy_id = shop.begin().await;
    shop.says(&deploy_id, "Updating stack: 0 of 2 resources").await;
    assert_eq!(shop.status(&lost).await["status"], "RUNNING", "nobody has closed it");
    // What the rule hands over, word for word, in the end.
    let settle = json!({ "task": "request.settle", "request_id": lost.replacen("deploy-", "req-", 1) });
    let invoke = json!({ "FunctionName": TASK_FUNCTION, "Payload": settle.to_string() });
    boto.call("lambda", "invoke", invoke).await;
    assert_eq!(shop.status(&lost).await["status"], "FAILED");
    cloudformation.stack(STACK, "UPDATE_COMPLETE", "");
    let ended = shop.finish(&deploy_id).await;
    assert_eq!(ended["status"], "SUCCESS", "closing the other did not take the lease away: {ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_killed_at_the_start_of_a_build_leaves_one_build() {
    let shop = Shop::new().await;
    // The build begins, and the function never hears of it.
    shop.proxy.first(1, "StartBuild", Mishap::KeepAnswer);
    let deploy_id = shop.begin().await;
    wait_until("the build to begin", DEADLINE, async || (shop.codebuild.started() == 1).then_some(())).await;
    let processes = shop.installation.ministack.processes_of(TASK_FUNCTION);
    assert!(!processes.is_empty(), "the function runs");
    processes.iter().copied().for_each(kill);
    let ended = shop.finish(&deploy_id).await;
    shop.went_well(&ended).await;
    assert!(shop.installation.ministack.log().contains("Runtime exited before returning a response"));
    assert_eq!(shop.proxy.count("StartBuild"), 1, "the build was found, not started again");
    assert!(shop.github.statuses().is_empty());
}
