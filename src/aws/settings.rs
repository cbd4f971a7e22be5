//! Where the AWS services are and with whose credentials they are called.

use super::artifacts::Artifacts;
use super::builds::Builds;
use super::logs::Logs;
use super::objects::Objects;
use super::roles::Roles;
use super::secrets::Secrets;
use super::sites::Sites;
use super::stacks::Stacks;
use super::workflows::Workflows;
use crate::domain::error::chain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::time::Duration;

/// Attempts in all, with adaptive back-off on throttling.
const ATTEMPTS: u32 = 5;

/// The first pause between two attempts at an endpoint of this machine: what fails there has passed at once or stays.
const LOCAL_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two attempts at a service that is asked now and then.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The embedded endpoints of the local profile.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// The DynamoDB API.
    pub records: String,
    /// The S3 API, as this process reaches it.
    pub objects: String,
    /// Of both.
    pub access_key_id: String,
    /// Of both.
    pub secret_access_key: String,
}

/// What both profiles use.
pub struct Storage {
    /// DynamoDB, for the records.
    pub records: aws_sdk_dynamodb::Client,
    /// Objects, with Bouncer's own credentials.
    pub objects: Objects,
    /// The projects' buckets and distributions.
    pub sites: Sites,
}

/// What only an installation on AWS uses.
pub struct Services {
    /// Step Functions.
    pub workflows: Workflows,
    /// Secrets Manager.
    pub secrets: Secrets,
    /// The account of the credentials in use; asked for on first need.
    pub identity: Identity,
}

/// What backend deploys use.
pub struct BackendServices {
    /// CodeBuild.
    pub builds: Builds,
    /// CloudWatch Logs.
    pub logs: Logs,
    /// The artifacts bucket.
    pub artifacts: Artifacts,
    /// CloudFormation.
    pub stacks: Stacks,
    /// Secrets Manager.
    pub secrets: Secrets,
}

/// The services of backend deploys, as the standard AWS settings name them.
pub async fn backend_from_environment(
    build_project: String,
    artifacts_bucket: String,
    external_id: Option<String>,
) -> BackendServices {
    let shared = environment().await;
    let brief = shared.to_builder().retry_config(brief_retries()).build();
    BackendServices {
        builds: Builds::new(&brief, build_project),
        logs: Logs::new(&brief),
        artifacts: Artifacts::new(&shared, artifacts_bucket),
        stacks: Stacks::new(brief.clone(), Roles::new(brief, external_id)),
        secrets: Secrets::new(&shared),
    }
}

/// Secrets Manager, as the standard AWS settings name it.
pub async fn secrets_from_environment() -> Secrets {
    Secrets::new(&environment().await)
}

async fn environment() -> SdkConfig {
    let loader = aws_config::from_env().http_client(connections());
    loader.retry_config(retries()).timeout_config(timeouts()).load().await
}

/// Connections that all clients of a configuration share: each deploy has clients of its own, and would keep its
/// connections open after its end.
fn connections() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https()
}

/// Whose credentials are in use.
pub struct Identity(aws_sdk_sts::Client);

impl Identity {
    /// The account's 12 digits; `None` when STS does not say.
    pub async fn account(&self) -> Option<String> {
        match self.0.get_caller_identity().send().await {
            Ok(answer) => answer.account,
            Err(error) => {
                tracing::error!(error = chain(&error), "STS does not say whose credentials these are");
                None
            }
        }
    }
}

/// The storage of the local profile.
pub fn local(endpoints: &Endpoints) -> Storage {
    let credentials =
        Credentials::new(&endpoints.access_key_id, &endpoints.secret_access_key, None, None, "bouncer-local");
    let shared = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(connections())
        .retry_config(retries().with_initial_backoff(LOCAL_PAUSE))
        .timeout_config(timeouts())
        .build();
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).endpoint_url(&endpoints.records).build();
    let endpoint = Some(endpoints.objects.clone());
    Storage {
        records: aws_sdk_dynamodb::Client::from_conf(dynamodb),
        objects: Objects::new(shared.clone(), endpoint.clone()),
        sites: Sites::new(shared.clone(), endpoint, Roles::new(shared, None)),
    }
}

/// The services of an account, as the standard AWS settings name it: environment, profile files, container or
/// instance role; `AWS_ENDPOINT_URL` and its kin lead elsewhere.
pub async fn from_environment(external_id: Option<String>) -> (Storage, Services) {
    let shared = environment().await;
    let storage = Storage {
        records: aws_sdk_dynamodb::Client::new(&shared),
        objects: Objects::new(shared.clone(), None),
        sites: Sites::new(shared.clone(), None, Roles::new(shared.clone(), external_id)),
    };
    let services = Services {
        workflows: Workflows::new(&shared),
        secrets: Secrets::new(&shared),
        identity: Identity(aws_sdk_sts::Client::new(&shared)),
    };
    (storage, services)
}

fn retries() -> RetryConfig {
    RetryConfig::adaptive().with_max_attempts(ATTEMPTS)
}

/// Of services that are asked now and then: a pace that adapts would slow a deploy down for minutes after it was throttled
/// for a moment. What takes longer is for the state machines to try again.
fn brief_retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(LONGEST_PAUSE)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(60)).build()
}
