//! The few files that pages are made of, inside the program. Their names carry their hash, so they are kept for a year.

use crate::domain::digest::Sha256;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

/// One file with its name.
pub(super) struct Static {
    name: String,
    content_type: &'static str,
    content: &'static str,
}

/// How pages look.
pub(super) static STYLE: LazyLock<Static> =
    LazyLock::new(|| Static::new("style", "css", "text/css; charset=utf-8", include_str!("static/style.css")));
/// What keeps them fresh.
pub(super) static SCRIPT: LazyLock<Static> =
    LazyLock::new(|| Static::new("page", "js", "text/javascript; charset=utf-8", include_str!("static/page.js")));
/// The mark in a browser's tab.
pub(super) static ICON: LazyLock<Static> =
    LazyLock::new(|| Static::new("icon", "svg", "image/svg+xml", include_str!("static/icon.svg")));

impl Static {
    fn new(base: &str, extension: &str, content_type: &'static str, content: &'static str) -> Self {
        let hash = Sha256::of(content.as_bytes()).to_string();
        Self { name: format!("{base}-{}.{extension}", &hash[..12]), content_type, content }
    }

    /// Its address.
    pub(super) fn path(&self) -> String {
        format!("/static/{}", self.name)
    }
}

/// `GET /static/{name}`.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    match [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|file| file.name == name) {
        Some(file) => {
            let headers = [
                (header::CONTENT_TYPE, file.content_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, file.content).into_response()
        }
        None => {
            (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store")], "There is no such file.\n").into_response()
        }
    }
}
