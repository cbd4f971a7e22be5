//! One running storage per test, and clients for it.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use embedded_aws::{Endpoints, LocalError, StorageCredentials};
use tokio_util::sync::CancellationToken;

pub const BUCKET: &str = "bucket";
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub struct Storage {
    pub folder: tempfile::TempDir,
    pub objects: SocketAddr,
    pub records: SocketAddr,
    pub credentials: StorageCredentials,
    endpoints: Option<Endpoints>,
    shutdown: CancellationToken,
}

impl Storage {
    pub async fn start() -> Self {
        Self::start_on(tempfile::tempdir().unwrap()).await.unwrap()
    }

    pub async fn start_on(folder: tempfile::TempDir) -> Result<Self, LocalError> {
        let shutdown = CancellationToken::new();
        let endpoints = embedded_aws::start(folder.path(), LOOPBACK, shutdown.clone()).await?;
        Ok(Self {
            folder,
            objects: endpoints.objects,
            records: endpoints.records,
            credentials: endpoints.credentials.clone(),
            endpoints: Some(endpoints),
            shutdown,
        })
    }

    /// A storage with one empty bucket, and a client for it.
    pub async fn with_bucket() -> (Self, aws_sdk_s3::Client) {
        let storage = Self::start().await;
        let s3 = storage.s3();
        s3.create_bucket().bucket(BUCKET).send().await.unwrap();
        (storage, s3)
    }

    /// Stops, and gives back the folder.
    pub async fn stop(mut self) -> tempfile::TempDir {
        self.shutdown.cancel();
        if let Some(endpoints) = self.endpoints.take() {
            endpoints.stopped().await;
        }
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    pub async fn restart(self) -> Self {
        Self::start_on(self.stop().await).await.unwrap()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        s3_client(self.objects, &self.credentials)
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        dynamodb_client(self.records, &self.credentials)
    }

    /// The URL of a key that needs no encoding.
    pub fn url(&self, key: &str) -> String {
        format!("http://{}/{BUCKET}/{key}", self.objects)
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn s3_client(address: SocketAddr, credentials: &StorageCredentials) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(keys(credentials))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

pub fn dynamodb_client(address: SocketAddr, credentials: &StorageCredentials) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(keys(credentials))
        .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

fn keys(credentials: &StorageCredentials) -> aws_sdk_s3::config::Credentials {
    let StorageCredentials { access_key_id, secret_access_key } = credentials.clone();
    aws_sdk_s3::config::Credentials::new(access_key_id, secret_access_key, None, None, "test")
}

/// The error code that the service answered with.
pub fn code<T: Debug, E: ProvideErrorMetadata + Debug, R: Debug>(result: Result<T, SdkError<E, R>>) -> String {
    let error = result.expect_err("the request should be refused");
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code.map_or_else(|| format!("{error:?}"), str::to_owned)
}

/// Body and content type of an object.
pub async fn read(s3: &aws_sdk_s3::Client, key: &str) -> (Vec<u8>, String) {
    let object = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    let content_type = object.content_type().unwrap_or_default().to_owned();
    (object.body.collect().await.unwrap().to_vec(), content_type)
}

/// The body files that are there now.
pub fn body_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let shards = std::fs::read_dir(folder.join("objects/data")).unwrap().map(|shard| shard.unwrap().path());
    let files = shards.filter(|shard| shard.is_dir()).flat_map(|shard| std::fs::read_dir(shard).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// Polls until `done` says yes.
pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "timed out waiting: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
