//! The table, wherever it is.

use crate::exit::Exit;
use crate::file::Wanted;
use crate::options::Options;
use crate::report::Ended;
use bouncer::aws;
use bouncer::aws::objects::Objects;
use bouncer::domain::error::chain;
use bouncer::server::local::ServerFile;
use bouncer::storage::bucket_locks::BucketLock;
use bouncer::storage::connect::StoreOptions;
use bouncer::storage::projects::ProjectRow;
use bouncer::storage::{Store, StoreError, Table};
use embedded_aws::StorageCredentials;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The table, and in the local profile the object storage beside it.
pub struct Target {
    /// The records.
    pub store: Store,
    objects: Option<Objects>,
    table: String,
}

/// Why the table could not be used.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// One sentence.
    pub message: String,
    /// The way out.
    pub suggestion: String,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Ended::Error { exit: Exit::Failed, message: failure.message, suggestion: failure.suggestion }
    }
}

impl Target {
    /// Finds the table that the command line means. Talks to nobody yet.
    pub async fn open(options: &Options) -> Result<Self, Ended> {
        let table = options.table.clone();
        if let Some(dir) = &options.data_dir {
            let endpoints = endpoints_of(dir)?;
            let aws::Storage { records, objects, .. } = aws::local(&endpoints);
            let store = Store::new(records, "bouncer-");
            return Ok(Self { store: store.with_table(Table::Projects, &table), objects: Some(objects), table });
        }
        let options = StoreOptions {
            endpoint_url: options.endpoint_url.clone(),
            region: options.region.clone(),
            projects_table: table.clone(),
        };
        let store = Store::from_environment(&options).await.map_err(|error| Ended::Error {
            exit: Exit::Usage,
            message: format!("It is not known where the table {table} is: {error}."),
            suggestion: "Pass --region, set AWS_REGION, or choose an AWS profile with AWS_PROFILE.".into(),
        })?;
        Ok(Self { store, objects: None, table })
    }

    /// Waits until no other program gives buckets to projects, and keeps others from it.
    pub async fn take_turn(&self) -> Result<BucketLock, Failure> {
        self.store.lock_buckets().await.map_err(|error| match error {
            StoreError::Overtaken => Failure {
                message: "Others are changing projects all the time; nothing was written.".into(),
                suggestion: "Run this again.".into(),
            },
            error => self.failure("read", &error),
        })
    }

    /// Every row of the table by its key.
    pub async fn rows(&self) -> Result<BTreeMap<String, ProjectRow>, Failure> {
        let rows = self.store.project_rows().await.map_err(|error| self.failure("read", &error))?;
        Ok(rows.into_iter().map(|row| (row.project_id().to_owned(), row)).collect())
    }

    /// Makes a project's bucket in the local object storage; on AWS buckets are the platform owner's.
    pub async fn make_bucket(&self, wanted: &Wanted) -> Result<(), Failure> {
        let (Some(objects), Some(target)) = (&self.objects, &wanted.project.frontend) else { return Ok(()) };
        objects.create_bucket(&target.bucket).await.map_err(|error| Failure {
            message: format!("The bucket {} cannot be made: {error}.", target.bucket),
            suggestion: "Look into the server's log.".into(),
        })
    }

    /// An error of the table in words.
    pub fn failure(&self, verb: &str, error: &StoreError) -> Failure {
        let table = &self.table;
        let Some(call) = error.failed_call() else {
            return Failure {
                message: format!("The table {table} cannot be {verb}: {}.", chain(error)),
                suggestion: "Correct the row in the table, then run this again.".into(),
            };
        };
        // Whatever was tried to find credentials is listed from the second line on.
        let reason = call.reason();
        let reason = reason.lines().next().unwrap_or_default().trim_end_matches([' ', '.']);
        let code = &call.code;
        let suggestion = match code.as_str() {
            _ if error.lacks_credentials() => {
                "Give AWS credentials: log in and choose a profile with AWS_PROFILE, or set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY."
            }
            "ResourceNotFoundException" => {
                "Name the table with --table, and its place with --region, --endpoint-url or AWS_PROFILE; installing \
                 Bouncer makes it."
            }
            "AccessDeniedException" => {
                "Use credentials that may Scan, GetItem, PutItem and UpdateItem on this table, and PutItem, \
                 DeleteItem and ConditionCheckItem on the table deploy-locks beside it (AWS_PROFILE)."
            }
            "DispatchFailure" | "Timeout" if self.objects.is_some() => {
                "Start the server of this data folder with `bouncer serve`."
            }
            "DispatchFailure" | "Timeout" => "Check the network, the region and --endpoint-url.",
            _ => "Check the AWS credentials (AWS_PROFILE), the region and the table's name.",
        };
        Failure {
            message: format!("The table {table} cannot be {verb}: {reason} ({code})."),
            suggestion: suggestion.into(),
        }
    }
}

fn endpoints_of(dir: &Path) -> Result<aws::Endpoints, Ended> {
    let credentials = StorageCredentials::load(dir).map_err(|error| Ended::Error {
        exit: Exit::Failed,
        message: format!("The data folder cannot be used: {error}."),
        suggestion: "Correct this, then run it again.".into(),
    })?;
    let (Some(server), Some(credentials)) = (ServerFile::load(dir), credentials) else {
        return Err(Ended::Error {
            exit: Exit::Failed,
            message: format!("No server is running on the data folder {}.", dir.display()),
            suggestion: "Start one with `bouncer serve`, or name another folder with --data-dir.".into(),
        });
    };
    Ok(aws::Endpoints {
        records: server.records_url,
        objects: server.objects_url,
        access_key_id: credentials.access_key_id,
        secret_access_key: credentials.secret_access_key,
    })
}
