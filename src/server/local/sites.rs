//! `GET /sites/{project}/…`: the published bucket as a browser sees it, with the headers it was published with. Stands
//! in for CloudFront in the local profile.

use crate::aws::error::AwsErrorKind;
use crate::domain::ids::ProjectId;
use crate::domain::site::paths::MAX_PATH_BYTES;
use crate::requests::app::App;
use crate::server::http::Api;
use crate::server::stream::{file_at, plain, stream_body};
use crate::server::web::is_number_of_loopback;
use crate::server::web::preview::sandboxed;
use crate::server::web::words::Host;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Router, routing};

const NO_FILE: &str = "There is no such file in this site.\n";

/// The routes of every site.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/sites/{project}", routing::get(without_slash))
        .route("/sites/{project}/", routing::get(root))
        .route("/sites/{project}/{*path}", routing::get(file))
        .layer(middleware::from_fn(sandboxed_elsewhere))
}

/// Answers with a published site's file. Only under the loopback address as a number, where the page never is, may its
/// scripts do all they can.
async fn sandboxed_elsewhere(request: Request, next: Next) -> Response {
    let host = Host::of(request.headers(), request.extensions());
    let response = next.run(request).await;
    if is_number_of_loopback(host.name()) { response } else { sandboxed(response) }
}

/// A site's address without its `/`: links in the page would be resolved against the wrong folder.
async fn without_slash(Path(project): Path<String>) -> Response {
    Redirect::permanent(&format!("/sites/{project}/")).into_response()
}

/// The entry page.
async fn root(State(api): State<Api>, Path(project): Path<String>) -> Response {
    serve(&api.app, &project, "").await
}

/// Any other file.
async fn file(State(api): State<Api>, Path((project, path)): Path<(String, String)>) -> Response {
    serve(&api.app, &project, &path).await
}

async fn serve(app: &App, project: &str, path: &str) -> Response {
    let bucket = match bucket_of(app, project).await {
        Ok(Some(bucket)) => bucket,
        Ok(None) => return plain(StatusCode::NOT_FOUND, "There is no such site.\n"),
        Err(response) => return *response,
    };
    let key = file_at(path);
    // No object is called so, and the SDK or the storage would take it for a fault.
    if key.len() > MAX_PATH_BYTES || key.trim().is_empty() {
        return plain(StatusCode::NOT_FOUND, NO_FILE);
    }
    match app.objects.open(&bucket, &key).await {
        Ok(opened) => stream_body(opened),
        Err(error) if matches!(error.kind(), AwsErrorKind::NotFound | AwsErrorKind::NoSuchBucket) => {
            plain(StatusCode::NOT_FOUND, NO_FILE)
        }
        Err(error) => {
            tracing::warn!(%error, "a site's file could not be read");
            plain(StatusCode::BAD_GATEWAY, "The site cannot be read right now.\n")
        }
    }
}

async fn bucket_of(app: &App, project: &str) -> Result<Option<String>, Box<Response>> {
    let Ok(id) = ProjectId::parse(project) else { return Ok(None) };
    match app.store.project(&id).await {
        Ok(project) => Ok(project.and_then(|project| project.frontend).map(|target| target.bucket)),
        Err(error) => {
            tracing::warn!(%error, "a site's project could not be read");
            Err(Box::new(plain(StatusCode::BAD_GATEWAY, "The site cannot be read right now.\n")))
        }
    }
}
