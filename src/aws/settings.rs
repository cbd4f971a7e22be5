//! Where the AWS services are and with whose credentials they are called.

use super::objects::Objects;
use crate::store::Store;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use std::time::Duration;

/// Attempts in all, with adaptive back-off on throttling.
const ATTEMPTS: u32 = 5;

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

/// Records and objects of the local profile.
pub fn local(endpoints: &Endpoints, table_prefix: &str) -> (Store, Objects) {
    let credentials =
        Credentials::new(&endpoints.access_key_id, &endpoints.secret_access_key, None, None, "bouncer-local");
    let shared = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries())
        .timeout_config(timeouts())
        .build();
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).endpoint_url(&endpoints.records).build();
    let store = Store::new(aws_sdk_dynamodb::Client::from_conf(dynamodb), table_prefix);
    (store, Objects::new(shared, Some(endpoints.objects.clone())))
}

fn retries() -> RetryConfig {
    RetryConfig::adaptive().with_max_attempts(ATTEMPTS)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(60)).build()
}
