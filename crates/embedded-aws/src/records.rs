//! The DynamoDB endpoint: the JSON protocol over `dynoxide`, which keeps the tables in one SQLite file.
//!
//! `dynoxide` comes with an HTTP server, but that one accepts any signature: every user of the machine could write an
//! approval. So requests are taken in here, and answered only when [`super::sigv4`] finds our key behind them.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use dynoxide::actions::list_tables::ListTablesRequest;
use dynoxide::{Database, DynoxideError};
use hyper_util::service::TowerToHyperService;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::sigv4::{Authorization, Refusal};
use super::{LocalError, StorageCredentials, private_file};

/// As DynamoDB itself.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Requests whose bodies are in memory at once; the database runs them one by one anyway.
const MAX_REQUESTS: usize = 64;
/// How often items past their time to live are removed.
const TTL_SWEEP: Duration = Duration::from_secs(60);
const TARGET_PREFIX: &str = "DynamoDB_20120810.";
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// The tables. Cheap to clone.
#[derive(Clone)]
pub(super) struct Records {
    path: PathBuf,
    database: Arc<RwLock<Database>>,
}

impl Records {
    /// Opens the file, or creates it readable by its owner alone (SQLite gives its side files the same mode).
    pub(super) fn open(path: &Path) -> Result<Self, LocalError> {
        private_file(path).map_err(LocalError::file(path))?;
        let database = open(path).map_err(|reason| LocalError::Database { path: path.to_owned(), reason })?;
        Ok(Self { path: path.to_owned(), database: Arc::new(RwLock::new(database)) })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is any table; the first start creates them once the objects are ready.
    pub(super) fn are_used(&self) -> Result<bool, LocalError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let tables = database.list_tables(ListTablesRequest::default());
        let tables =
            tables.map_err(|error| LocalError::Database { path: self.path.clone(), reason: error.to_string() })?;
        Ok(!tables.table_names.is_empty())
    }

    /// Runs `work` on a thread that may block. A panic in it becomes an error of that one call: the database, which a
    /// panic leaves unusable, is opened again for the calls to come.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, DynoxideError> + Send + 'static,
    ) -> Result<T, DynoxideError> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let database = this.database.read().unwrap_or_else(PoisonError::into_inner).clone();
            let caught = std::panic::catch_unwind(AssertUnwindSafe(|| work(&database)));
            caught.unwrap_or_else(|_| {
                drop(database);
                this.reopen();
                Err(DynoxideError::InternalServerError("the request failed inside the database".to_owned()))
            })
        });
        done.await.unwrap_or_else(|error| Err(DynoxideError::InternalServerError(error.to_string())))
    }

    fn reopen(&self) {
        match open(&self.path) {
            Ok(database) => *self.database.write().unwrap_or_else(PoisonError::into_inner) = database,
            Err(error) => tracing::error!(error, "cannot open the records again"),
        }
    }
}

fn open(path: &Path) -> Result<Database, String> {
    let name = path.to_str().ok_or("its path is not UTF-8")?;
    Database::new(name).map_err(|error| error.to_string())
}

#[derive(Clone)]
struct App {
    records: Records,
    credentials: Arc<StorageCredentials>,
    permits: Arc<Semaphore>,
}

/// Answers DynamoDB requests until `shutdown` is cancelled.
pub(super) async fn serve(
    listener: TcpListener,
    records: Records,
    credentials: StorageCredentials,
    shutdown: CancellationToken,
) {
    let sweeping = tokio::spawn(sweep_ttl(records.clone(), shutdown.clone()));
    let app = App { records, credentials: Arc::new(credentials), permits: Arc::new(Semaphore::new(MAX_REQUESTS)) };
    let router = Router::new().fallback(handle).with_state(app);
    super::serve::serve(listener, TowerToHyperService::new(router), shutdown).await;
    if let Err(error) = sweeping.await {
        tracing::error!(%error, "removing expired records failed");
    }
}

async fn sweep_ttl(records: Records, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(TTL_SWEEP);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = records.run(Database::sweep_ttl).await {
            tracing::warn!(%error, "expired records could not be removed");
        }
    }
}

async fn handle(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST || parts.uri.path() != "/" || parts.uri.query().is_some() {
        return refuse(StatusCode::NOT_FOUND, "UnknownOperationException", "only POST / is answered here");
    }
    let authorization = match Authorization::read(&parts.headers, &app.credentials) {
        Ok(authorization) => authorization,
        Err(refusal) => return refuse_signature(refusal),
    };
    let Ok(_permit) = app.permits.acquire().await else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "the server is stopping");
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "the request is cut short or larger than 16 MB",
        );
    };
    if let Err(refusal) = authorization.verify(&parts.headers, &body, &app.credentials, SystemTime::now()) {
        return refuse_signature(refusal);
    }
    let Some(operation) = operation(&parts.headers) else {
        return unknown_operation();
    };
    let answer = app.records.run(move |database| dispatch(database, &operation, &body)).await;
    match answer {
        Ok(Some(json)) => respond(StatusCode::OK, json),
        Ok(None) => unknown_operation(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            respond(status, error.to_json())
        }
    }
}

fn operation(headers: &HeaderMap) -> Option<String> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    Some(target.strip_prefix(TARGET_PREFIX)?.to_owned())
}

/// Runs one operation; `None` when it is not one of those served here.
fn dispatch(database: &Database, operation: &str, body: &Bytes) -> Result<Option<String>, DynoxideError> {
    macro_rules! operations {
        ($($name:literal => $method:ident,)*) => {
            match operation {
                $($name => to_json(&database.$method(from_json(body)?)?).map(Some),)*
                _ => Ok(None),
            }
        };
    }
    operations! {
        "CreateTable" => create_table,
        "DescribeTable" => describe_table,
        "ListTables" => list_tables,
        "DeleteTable" => delete_table,
        "PutItem" => put_item,
        "GetItem" => get_item,
        "UpdateItem" => update_item,
        "DeleteItem" => delete_item,
        "Query" => query,
        "Scan" => scan,
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "TransactWriteItems" => transact_write_items,
        "TransactGetItems" => transact_get_items,
        "UpdateTimeToLive" => update_time_to_live,
        "DescribeTimeToLive" => describe_time_to_live,
    }
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        // dynoxide marks the errors that its own types raise with the class they belong to.
        for marker in ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:"] {
            if let Some(message) = text.strip_prefix(marker) {
                return DynoxideError::ValidationException(message.to_owned());
            }
        }
        for marker in ["SERIALIZATION_AS_READ:", "SERIALIZATION:"] {
            if let Some(message) = text.strip_prefix(marker) {
                return DynoxideError::SerializationException(message.to_owned());
            }
        }
        if text.contains("missing field") || text.contains("Supplied AttributeValue") {
            DynoxideError::ValidationException(text)
        } else {
            DynoxideError::SerializationException(text)
        }
    })
}

fn to_json<T: serde::Serialize>(answer: &T) -> Result<String, DynoxideError> {
    serde_json::to_string(answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn unknown_operation() -> Response {
    refuse(StatusCode::BAD_REQUEST, "UnknownOperationException", "this operation is not served here")
}

fn refuse_signature(refusal: Refusal) -> Response {
    let code = match refusal {
        Refusal::Missing => "MissingAuthenticationTokenException",
        Refusal::UnknownKey => "UnrecognizedClientException",
        Refusal::Invalid | Refusal::Expired => "InvalidSignatureException",
    };
    refuse(StatusCode::BAD_REQUEST, code, &refusal.to_string())
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let json = serde_json::json!({ "__type": format!("com.amazon.coral.service#{code}"), "message": message });
    respond(status, json.to_string())
}

fn respond(status: StatusCode, json: String) -> Response {
    let crc32 = s3s::crypto::Crc32::checksum_u32(json.as_bytes());
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert("x-amz-crc32", HeaderValue::from(crc32));
    headers.insert("x-amzn-requestid", HeaderValue::from(rand::random::<u64>()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_the_database_fails_one_call_only() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(&folder.path().join("records.db")).unwrap();
        let table = serde_json::json!({
            "TableName": "notes",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        let body = Bytes::from(table.to_string());
        records.run(move |database| dispatch(database, "CreateTable", &body)).await.unwrap();

        let failed = records.run(|_| -> Result<(), DynoxideError> { panic!("on purpose") }).await;
        assert_eq!(failed.unwrap_err().status_code(), 500);

        let listed = records.run(|database| dispatch(database, "ListTables", &Bytes::from_static(b"{}"))).await;
        assert!(listed.unwrap().unwrap().contains("notes"));
    }
}
