//! The files of a call, checked one by one. Each refusal names the file and the rule.

use crate::domain::digest::Sha256;
use crate::domain::error::UserError;
use crate::domain::project::Project;
use crate::domain::site::headers;
use crate::domain::site::headers::CacheRules;
use crate::domain::site::manifest::{Entry, Manifest};
use crate::domain::site::paths::SitePath;
use crate::domain::text::visible;
use crate::requests::app::Limits;
use base64::Engine as _;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashSet;

/// A file with its content.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct InlineFile {
    /// The path in the site, such as `assets/app.js`.
    pub filename: String,
    /// The bytes as base64 (standard alphabet, with padding).
    pub content: String,
    /// The `Content-Type`; by the extension when absent.
    pub content_type: Option<String>,
}

/// A file to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct FileToUpload {
    /// The path in the site, such as `assets/app.js`.
    pub filename: String,
    /// The `Content-Type`; by the extension when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The SHA-256 of the bytes in hexadecimal. With it only these bytes are accepted, and stored ones are skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A file to compare.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FileToDiff {
    /// The path in the site.
    pub filename: String,
    /// Bytes.
    pub size: u64,
    /// The SHA-256 of the bytes in hexadecimal.
    pub sha256: String,
    /// The `Content-Type`; by the extension when absent.
    pub content_type: Option<String>,
}

/// A file whose name and headers are checked and whose bytes may not be here yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedFile {
    pub path: SitePath,
    pub content_type: Option<String>,
    pub size: Option<u64>,
    pub sha256: Option<Sha256>,
}

/// Decodes inline files, within the limits.
pub(crate) fn decode(files: Vec<InlineFile>, limits: &Limits) -> Result<Vec<(CheckedFile, Bytes)>, UserError> {
    count(files.len(), limits.inline_files)?;
    let mut total = 0u64;
    let mut decoded = Vec::with_capacity(files.len());
    for file in files {
        let path = site_path(&file.filename)?;
        let content_type = content_type(&path, file.content_type)?;
        let bytes = decode_content(&path, &file.content, limits)?;
        total += bytes.len() as u64;
        if total > limits.inline_total_bytes {
            return Err(refuse(
                &path,
                format!("takes the files over {} bytes in all", limits.inline_total_bytes),
                "Upload them with bouncer_request_frontend_presigned.",
            ));
        }
        let checked =
            CheckedFile { path, content_type, size: Some(bytes.len() as u64), sha256: Some(Sha256::of(&bytes)) };
        decoded.push((checked, bytes));
    }
    whole_site(decoded.iter().map(|(file, _)| file))?;
    Ok(decoded)
}

fn decode_content(path: &SitePath, content: &str, limits: &Limits) -> Result<Bytes, UserError> {
    const PRESIGNED: &str = "Upload it with bouncer_request_frontend_presigned.";
    if content.len() > limits.inline_base64_chars {
        return Err(refuse(
            path,
            format!("has more than {} characters of base64", limits.inline_base64_chars),
            PRESIGNED,
        ));
    }
    if !content.len().is_multiple_of(4) {
        return Err(refuse(
            path,
            "has base64 content whose length is no multiple of 4: it was likely truncated",
            PRESIGNED,
        ));
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(content)
        .map_err(|_| refuse(path, "has content that is not valid base64", "Encode the bytes with standard base64."))?;
    if bytes.len() as u64 > limits.inline_file_bytes {
        return Err(refuse(path, format!("has more than {} bytes", limits.inline_file_bytes), PRESIGNED));
    }
    Ok(bytes.into())
}

/// Checks files that are to be uploaded, within the limits.
pub(crate) fn check_uploads(files: &[FileToUpload], limits: &Limits) -> Result<Vec<CheckedFile>, UserError> {
    count(files.len(), limits.presigned_files)?;
    let checked = files
        .iter()
        .map(|file| {
            let path = site_path(&file.filename)?;
            let content_type = content_type(&path, file.content_type.clone())?;
            let sha256 = file.sha256.as_deref().map(|text| digest(&path, text)).transpose()?;
            Ok(CheckedFile { path, content_type, size: file.size, sha256 })
        })
        .collect::<Result<Vec<_>, UserError>>()?;
    let total = checked.iter().filter_map(|file| file.size).fold(0u64, u64::saturating_add);
    if total > limits.presigned_total_bytes {
        return Err(UserError::validation(
            format!("The files have {total} bytes in all; at most {} are accepted.", limits.presigned_total_bytes),
            "Leave out what the site does not need, or have the limit raised.",
        ));
    }
    whole_site(checked.iter())?;
    Ok(checked)
}

/// Checks files that are to be compared.
pub(crate) fn check_diff(files: Vec<FileToDiff>, limits: &Limits) -> Result<Vec<CheckedFile>, UserError> {
    let files: Vec<FileToUpload> = files
        .into_iter()
        .map(|file| FileToUpload {
            filename: file.filename,
            content_type: file.content_type,
            size: Some(file.size),
            sha256: Some(file.sha256),
        })
        .collect();
    check_uploads(&files, limits)
}

/// The manifest of files whose size and digest are known, with the headers the project gives them.
pub(crate) fn manifest(
    project: &Project,
    files: impl IntoIterator<Item = (CheckedFile, Sha256, u64)>,
) -> Result<Manifest, UserError> {
    let rules = CacheRules::compile(&project.frontend_cache_rules).map_err(|error| {
        UserError::validation(format!("The project cannot be used: {error}."), "Have an admin correct its cache rules.")
    })?;
    let entries = files
        .into_iter()
        .map(|(file, sha256, size)| Entry {
            content_type: file.content_type.unwrap_or_else(|| headers::content_type(&file.path)),
            cache_control: rules.cache_control(&file.path).to_owned(),
            path: file.path,
            size,
            sha256,
        })
        .collect();
    Manifest::new(entries).map_err(|twice| duplicate(&twice.0))
}

fn count(files: usize, limit: usize) -> Result<(), UserError> {
    if files == 0 {
        return Err(UserError::validation("There are no files.", "Send at least index.html."));
    }
    if files > limit {
        return Err(UserError::validation(
            format!("There are {files} files; at most {limit} are accepted in this call."),
            "Use bouncer_request_frontend_presigned for larger sites, or leave out what the site does not need.",
        ));
    }
    Ok(())
}

fn whole_site<'a>(files: impl Iterator<Item = &'a CheckedFile>) -> Result<(), UserError> {
    let (mut has_index, mut seen) = (false, HashSet::new());
    for file in files {
        has_index |= file.path.is_index();
        if !seen.insert(file.path.folded()) {
            return Err(duplicate(&file.path));
        }
    }
    if has_index {
        return Ok(());
    }
    Err(UserError::validation("index.html is missing.", "Add a file named index.html at the top of the site."))
}

fn site_path(name: &str) -> Result<SitePath, UserError> {
    SitePath::parse(name).map_err(|problem| {
        let shown = visible(&name.chars().take(120).collect::<String>());
        UserError::validation(format!("The filename '{shown}' {problem}."), "Rename the file or leave it out.")
            .with("filename", json!(name.chars().take(200).collect::<String>()))
    })
}

fn content_type(path: &SitePath, given: Option<String>) -> Result<Option<String>, UserError> {
    match given {
        Some(text) if !headers::is_content_type(&text) => {
            Err(refuse(path, "has a content_type that is not of the form type/subtype", "Correct or omit it."))
        }
        other => Ok(other),
    }
}

fn digest(path: &SitePath, text: &str) -> Result<Sha256, UserError> {
    Sha256::parse(text)
        .map_err(|_| refuse(path, "has a sha256 that is not 64 hexadecimal digits", "Correct or omit it."))
}

fn duplicate(path: &SitePath) -> UserError {
    refuse(
        path,
        "is listed more than once",
        "List each file once; names that differ only in Unicode form are the same.",
    )
}

fn refuse(path: &SitePath, problem: impl std::fmt::Display, suggestion: &str) -> UserError {
    UserError::validation(format!("The file '{path}' {problem}."), suggestion).with("filename", json!(path.as_str()))
}
