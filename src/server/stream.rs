//! A site's files as answers, published or staged: which one an address means, and its content with the headers that it is
//! to be served with.

use crate::aws::objects::OpenObject;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;

/// The file that a path means: a folder's entry page for the folder.
pub(super) fn file_at(path: &str) -> String {
    if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() }
}

/// A sentence instead of a file, which nobody is to keep.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], text).into_response()
}

/// Streams the body of an object.
pub(super) fn stream_body(opened: OpenObject) -> Response {
    let (size, headers) = (opened.size, opened.headers.clone());
    let body = stream::try_unfold(opened, |mut opened| async move {
        let chunk = opened.next_chunk().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(chunk.map(|chunk| (chunk, opened)))
    });
    let mut response = Body::from_stream(body).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [(header::CONTENT_TYPE, headers.content_type), (header::CACHE_CONTROL, headers.cache_control)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            out.insert(name, value);
        }
    }
    response
}
