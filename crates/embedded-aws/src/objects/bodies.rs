//! The folder of bodies: `data/<2 hex>/<32 hex>`, each file written once.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names a body: random digits, then the digits of the process that wrote it.
pub(super) type BodyId = String;

/// The folder. Bodies of this process are told apart from what earlier ones left by their names, not by clocks.
pub(super) struct Bodies {
    root: PathBuf,
    session: u64,
}

impl Bodies {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, session: rand::random() }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.root.join(id.get(..2).unwrap_or("xx")).join(id)
    }

    pub(super) fn open(&self, id: &str) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Creates an empty body, gone again unless it is kept.
    pub(super) fn create(self: &Arc<Self>) -> io::Result<NewBody> {
        let mut body = self.name();
        let path = self.path(&body.id);
        body.file = Some(in_shard(&path, || File::options().write(true).create_new(true).open(&path))?);
        Ok(body)
    }

    /// Creates a body with the content of another one, at no cost where the file system can link.
    pub(super) fn duplicate(self: &Arc<Self>, id: &str) -> io::Result<NewBody> {
        let body = self.name();
        let (source, copy) = (self.path(id), self.path(&body.id));
        in_shard(&copy, || {
            // No links on this file system, or too many of this file already.
            fs::hard_link(&source, &copy).or_else(|_| fs::copy(&source, &copy).map(|_| ()))
        })?;
        Ok(body)
    }

    fn name(self: &Arc<Self>) -> NewBody {
        let id = format!("{:016x}{:016x}", rand::random::<u64>(), self.session);
        NewBody { id, file: None, bodies: Arc::clone(self), kept: false }
    }

    /// Removes a body that nothing refers to any more. Failing is not an error: the next start tries again.
    pub(super) fn remove(&self, id: &str) {
        if let Err(error) = fs::remove_file(self.path(id))
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, id, "a replaced object body could not be removed");
        }
    }

    /// Whether there is any body.
    pub(super) fn any(&self) -> io::Result<bool> {
        for shard in fs::read_dir(&self.root)? {
            let shard = shard?;
            if shard.file_type()?.is_dir() && fs::read_dir(shard.path())?.next().transpose()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes the bodies of earlier processes that are not in `referenced`, and says how many.
    pub(super) fn sweep(&self, referenced: &HashSet<u128>) -> io::Result<usize> {
        let mut removed = 0;
        for shard in fs::read_dir(&self.root)? {
            let shard = shard?;
            if !shard.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(shard.path())? {
                let file = file?;
                let name = file.file_name();
                let Some(id) = name.to_str().and_then(parse_id) else {
                    continue;
                };
                #[expect(clippy::cast_possible_truncation, reason = "the lower half names the process")]
                let own = id as u64 == self.session;
                if !own && !referenced.contains(&id) {
                    fs::remove_file(file.path())?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// Creates a file; the folder of its shard only when that turns out to be missing.
fn in_shard<T>(path: &Path, create: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match (create(), path.parent()) {
        (Err(error), Some(shard)) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(shard)?;
            create()
        }
        (created, _) => created,
    }
}

/// The number behind a [`BodyId`], a compact form for large sets.
pub(super) fn parse_id(id: &str) -> Option<u128> {
    if id.len() == 32 { u128::from_str_radix(id, 16).ok() } else { None }
}

/// A body that is being written, and removed when it is dropped before [`NewBody::keep`].
pub(super) struct NewBody {
    id: BodyId,
    file: Option<File>,
    bodies: Arc<Bodies>,
    kept: bool,
}

impl NewBody {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Err(io::Error::other("a duplicate is complete as it is")),
        }
    }

    /// The index refers to it now.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewBody {
    fn drop(&mut self) {
        if !self.kept {
            self.file = None;
            self.bodies.remove(&self.id);
        }
    }
}
