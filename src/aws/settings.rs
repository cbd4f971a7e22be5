//! Builds the clients: endpoints, credentials, retries and timeouts of all AWS services.

use super::builds::Builds;
use super::logs::Logs;
use super::objects::{Bucket, Objects};
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
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::time::Duration;

/// Bounds the attempts of one call, the first included.
const ATTEMPTS: u32 = 5;

/// The first back-off for local endpoints, whose failures are either over at once or permanent.
const LOCAL_PAUSE: Duration = Duration::from_millis(50);

/// Bounds the back-off for services that are called rarely.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Holds the embedded endpoints of the local profile and the key of both.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Endpoints {
    /// The DynamoDB API.
    pub records: String,
    /// The S3 API, as this process reaches it.
    pub objects: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// Holds the clients that both profiles use.
#[allow(missing_docs)]
pub struct Storage {
    /// DynamoDB, for the records.
    pub records: aws_sdk_dynamodb::Client,
    /// S3 with Bouncer's own credentials.
    pub objects: Objects,
    pub sites: Sites,
}

/// Holds the clients that only an installation on AWS uses.
#[allow(missing_docs)]
pub struct Services {
    pub workflows: Workflows,
    pub secrets: Secrets,
    pub identity: CallerIdentity,
}

/// Holds the clients that backend deploys use.
#[allow(missing_docs)]
pub struct BackendServices {
    pub builds: Builds,
    pub logs: Logs,
    pub artifacts: Bucket,
    pub stacks: Stacks,
    pub secrets: Secrets,
}

/// Builds the clients of backend deploys from the standard AWS settings.
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
        artifacts: artifacts(&shared, artifacts_bucket),
        stacks: Stacks::new(brief.clone(), Roles::new(brief, external_id)),
        secrets: Secrets::new(&shared),
    }
}

/// Binds S3 to the artifacts bucket.
fn artifacts(shared: &SdkConfig, name: String) -> Bucket {
    let region = shared.region().map(ToString::to_string).unwrap_or_default();
    // An endpoint other than AWS's own may know no bucket by its host name.
    let endpoint = shared.endpoint_url().map(ToOwned::to_owned);
    let objects = Objects::in_bucket(shared.clone(), endpoint, &name);
    Bucket::new(objects, name, region)
}

/// Builds a Secrets Manager client from the standard AWS settings.
pub async fn secrets_from_environment() -> Secrets {
    Secrets::new(&environment().await)
}

async fn environment() -> SdkConfig {
    let loader = aws_config::from_env().http_client(connections());
    loader.retry_config(retries()).timeout_config(timeouts()).load().await
}

/// Builds the connection pool that all clients of a configuration share. Each deploy has its own clients, whose own pools
/// would keep connections open after its end.
fn connections() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https()
}

/// Looks up the account of the credentials in use.
pub struct CallerIdentity(aws_sdk_sts::Client);

impl CallerIdentity {
    /// Returns the account's 12 digits; `None` when STS cannot be reached or refuses.
    pub async fn get_account(&self) -> Option<String> {
        match self.0.get_caller_identity().send().await {
            Ok(response) => response.account,
            Err(error) => {
                tracing::error!(error = chain(&error), "STS did not return the account of the credentials");
                None
            }
        }
    }
}

/// Builds the clients of the local profile.
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
        .time_source(SystemTimeSource::new())
        .build();
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).endpoint_url(&endpoints.records).build();
    let endpoint = Some(endpoints.objects.clone());
    Storage {
        records: aws_sdk_dynamodb::Client::from_conf(dynamodb),
        objects: Objects::new(shared.clone(), endpoint.clone()),
        sites: Sites::new(shared.clone(), endpoint, Roles::new(shared, None)),
    }
}

/// Builds clients from the standard AWS settings: environment, profile files, container or instance role, and
/// `AWS_ENDPOINT_URL` with its variants.
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
        identity: CallerIdentity(aws_sdk_sts::Client::new(&shared)),
    };
    (storage, services)
}

/// Reports that neither the environment nor a profile sets a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no AWS region is set")]
pub struct NoRegion;

/// Connects to DynamoDB with the credentials, region and endpoint of the standard AWS settings (environment and shared
/// files), unless an endpoint or a region is given.
pub async fn records_from_environment(
    endpoint_url: Option<&str>,
    region: Option<&str>,
) -> Result<aws_sdk_dynamodb::Client, NoRegion> {
    let mut loader = aws_config::from_env().retry_config(retries()).timeout_config(timeouts());
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(NoRegion);
    }
    let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared);
    if let Some(url) = endpoint_url {
        dynamodb = dynamodb.endpoint_url(url);
    }
    Ok(aws_sdk_dynamodb::Client::from_conf(dynamodb.build()))
}

fn retries() -> RetryConfig {
    RetryConfig::adaptive().with_max_attempts(ATTEMPTS)
}

/// Returns the retries for services that are called rarely: adaptive ones would slow a deploy down for minutes after a
/// moment of throttling. Longer outages are retried by the state machines.
fn brief_retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(LONGEST_PAUSE)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(60)).build()
}
