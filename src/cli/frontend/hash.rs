//! Hashes the files of a site in parallel, a piece at a time.

use super::walk::SourceFile;
use crate::cli::error::CliError;
use crate::domain::digest::{Hasher, Sha256};
use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Bytes read at a time.
const PIECE: usize = 128 * 1024;
/// More threads than this only make a disk seek.
const MOST_THREADS: usize = 8;

/// A file of the site and the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFile {
    /// The file.
    pub source: SourceFile,
    /// Of its bytes.
    pub sha256: Sha256,
}

/// Hashes every file, in the order given. Blocks; `on_bytes` hears of every piece read.
pub fn hash_all(files: Vec<SourceFile>, on_bytes: impl Fn(u64) + Sync) -> Result<Vec<HashedFile>, CliError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(files.len().max(1));
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let work = || -> Result<Vec<(usize, Sha256)>, CliError> {
        let mut buffer = vec![0u8; PIECE];
        let mut digests = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(index) else { break };
            match hash(file, &mut buffer, &on_bytes) {
                Ok(digest) => digests.push((index, digest)),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(digests)
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join()).collect()
    });
    let mut digests = Vec::with_capacity(files.len());
    for outcome in outcomes {
        digests.extend(outcome.map_err(|_| CliError::failed("Hashing the files ended unexpectedly."))??);
    }
    digests.sort_unstable_by_key(|(index, _)| *index);
    Ok(files.into_iter().zip(digests).map(|(source, (_, sha256))| HashedFile { source, sha256 }).collect())
}

fn hash(file: &SourceFile, buffer: &mut [u8], on_bytes: &impl Fn(u64)) -> Result<Sha256, CliError> {
    let unreadable = |error: io::Error| {
        CliError::invalid(format!("'{}' cannot be read: {error}.", file.path))
            .hint("Make it readable, or leave it out with a line in .bouncerignore.")
    };
    let mut reader = File::open(&file.location).map_err(unreadable)?;
    let mut hasher = Hasher::default();
    loop {
        match reader.read(buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                on_bytes(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    let (digest, size) = hasher.finish();
    if size == file.size { Ok(digest) } else { Err(changed(file, "read")) }
}

/// A file that is not what it was.
pub fn changed(file: &SourceFile, during: &str) -> CliError {
    CliError::failed(format!("'{}' changed while it was {during}.", file.path))
        .hint("Wait until the build is done, then run this again.")
}

#[cfg(test)]
mod tests {
    use super::super::walk::walk;
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_file_gets_its_own_hash() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..50 {
            std::fs::write(dir.path().join(format!("f{n}.txt")), vec![n as u8; n * 9000]).unwrap();
        }
        std::fs::write(dir.path().join("index.html"), "hi").unwrap();
        let read = AtomicU64::new(0);
        let hashed = hash_all(walk(dir.path()).unwrap(), |n| {
            read.fetch_add(n, Ordering::Relaxed);
        })
        .unwrap();
        assert_eq!(hashed.len(), 51);
        for file in &hashed {
            assert_eq!(file.sha256, Sha256::of(&std::fs::read(&file.source.location).unwrap()), "{}", file.source.path);
        }
        assert_eq!(read.into_inner(), hashed.iter().map(|file| file.source.size).sum::<u64>());
    }

    #[test]
    fn a_file_that_grew_or_went_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("index.html"), "hi").unwrap();
        let files = walk(dir.path()).unwrap();
        std::fs::write(dir.path().join("index.html"), "longer").unwrap();
        let error = hash_all(files.clone(), |_| {}).unwrap_err();
        assert_eq!(error.message, "'index.html' changed while it was read.");
        std::fs::remove_file(dir.path().join("index.html")).unwrap();
        assert!(hash_all(files, |_| {}).unwrap_err().message.starts_with("'index.html' cannot be read"));
    }
}
