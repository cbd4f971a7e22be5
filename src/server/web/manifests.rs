//! The lists of files that previews read last.

use crate::aws::error::AwsError;
use crate::domain::digest::Sha256;
use crate::domain::ids::ProjectId;
use crate::domain::site::manifest::Manifest;
use crate::storage::Documents;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Lists of files that were read last: a page of a hundred files reads its list once.
#[derive(Default)]
pub(super) struct Manifests(Mutex<VecDeque<(Sha256, Arc<Manifest>)>>);

/// Lists that are kept.
const KEPT: usize = 4;

impl Manifests {
    pub(super) async fn get(
        &self,
        documents: &Documents,
        project: &ProjectId,
        hash: Sha256,
    ) -> Result<Arc<Manifest>, AwsError> {
        let known = self.lock().iter().find(|(known, _)| *known == hash).map(|(_, manifest)| manifest.clone());
        if let Some(manifest) = known {
            return Ok(manifest);
        }
        // The hash is that of the whole list, so what is kept never goes stale.
        let manifest = Arc::new(documents.manifest(project, hash).await?);
        let mut kept = self.lock();
        if kept.iter().all(|(known, _)| *known != hash) {
            kept.push_front((hash, manifest.clone()));
            kept.truncate(KEPT);
        }
        Ok(manifest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Sha256, Arc<Manifest>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
