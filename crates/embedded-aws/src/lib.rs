//! The storage of the `local` profile: a DynamoDB and an S3 endpoint inside this process, on one data folder.
//!
//! ```text
//! D/lock             held by the one server that uses the folder
//! D/storage.json     the credentials both endpoints demand, and the port the object endpoint keeps
//! D/records.db       DynamoDB tables (SQLite)
//! D/objects/         S3 buckets: bodies as files, their index in SQLite
//! ```
//!
//! Everything above is readable by the owner alone. Other users of the machine can reach the loopback listeners, so both
//! endpoints demand AWS signatures made with credentials that only this folder knows.
//!
//! Durability: whatever was acknowledged survives the death of the process (`kill -9`). Records also survive the loss of
//! power; object bodies and their index are written without waiting for the disk, so the last seconds of uploads may then
//! be gone. A body that is shorter than its index says is refused, never served.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod memory;
mod objects;
mod records;
mod serve;
mod settings;
mod sigv4;

use std::fs::{File, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use settings::Settings;
pub use settings::StorageCredentials;

/// Why the local storage could not start. Nothing was changed in that case, apart from folders that were missing.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Another server holds the folder.
    #[error("the data folder {} is used by another bouncer server; stop that one, or choose another folder", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// The port that the object endpoint keeps cannot be bound.
    #[error(
        "port {port}, which this data folder uses for objects, cannot be opened on {listen} ({source}); stop the program \
         that has it, or remove \"objects_port\" from {} to have another one chosen",
        settings.display()
    )]
    ObjectsPort {
        /// The port in question.
        port: u16,
        /// The address it was to be opened on.
        listen: IpAddr,
        /// The file that keeps the port.
        settings: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No listener could be opened at all.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The address that was to be opened.
        listen: IpAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file or folder cannot be created, read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// `storage.json` is there, but is not what this program wrote.
    #[error("{} cannot be understood ({reason}); restore it from a backup, or start with another data folder", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The index of the objects is gone, while what it describes is still there.
    #[error(
        "{} is missing, and without it the data that {} holds cannot be used; restore index.db from a backup of this data \
         folder, or move the data folder away to start with an empty one",
        index.display(),
        kept.display()
    )]
    IndexMissing {
        /// The index.
        index: PathBuf,
        /// What shows that there was one.
        kept: PathBuf,
    },
    /// A database is damaged, or was written by a newer release.
    #[error("the database {} cannot be opened: {reason}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database library said.
        reason: String,
    },
}

impl LocalError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }
}

/// The two running endpoints. They stop when the token given to [`start`] is cancelled.
#[derive(Debug)]
pub struct Endpoints {
    /// Where the DynamoDB API answers: always loopback, another port at every start.
    pub records: SocketAddr,
    /// Where the S3 API answers. The port stays the same over restarts, so that presigned URLs stay good.
    pub objects: SocketAddr,
    /// What both endpoints demand.
    pub credentials: StorageCredentials,
    tasks: TaskTracker,
    _lock: Arc<File>,
}

impl Endpoints {
    /// Waits until both endpoints have finished their last request, then gives the folder free for another server.
    pub async fn stopped(self) {
        self.tasks.wait().await;
    }
}

/// Opens the data folder and serves both endpoints until `shutdown` is cancelled.
///
/// The object endpoint binds `listen`, the record endpoint always loopback.
///
/// # Errors
/// See [`LocalError`]; a folder in use by another server is refused.
pub async fn start(data_dir: &Path, listen: IpAddr, shutdown: CancellationToken) -> Result<Endpoints, LocalError> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    memory::give_back_large_buffers();
    create_private_dir(data_dir)?;
    let lock = Arc::new(lock(data_dir)?);

    let mut settings = Settings::load_or_create(data_dir)?;
    let objects_listener = bind_objects(&settings, listen).await?;
    let objects = objects_listener.local_addr().map_err(|source| LocalError::Listen { listen, source })?;
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let records_listener =
        TcpListener::bind((loopback, 0)).await.map_err(|source| LocalError::Listen { listen: loopback, source })?;
    let records = records_listener.local_addr().map_err(|source| LocalError::Listen { listen: loopback, source })?;
    settings.keep(objects.port())?;

    let record_store = records::Records::open(&data_dir.join("records.db"))?;
    let object_store = objects::Objects::open(&data_dir.join("objects"), &record_store)?;

    let tasks = TaskTracker::new();
    let held = Arc::clone(&lock);
    let (credentials, token) = (settings.credentials().clone(), shutdown.clone());
    tasks.spawn(async move {
        records::serve(records_listener, record_store, credentials, token).await;
        drop(held);
    });
    let held = Arc::clone(&lock);
    let credentials = settings.credentials().clone();
    tasks.spawn(async move {
        objects::serve(objects_listener, object_store, &credentials, shutdown).await;
        drop(held);
    });
    tasks.close();

    Ok(Endpoints { records, objects, credentials: settings.credentials().clone(), tasks, _lock: lock })
}

async fn bind_objects(settings: &Settings, listen: IpAddr) -> Result<TcpListener, LocalError> {
    match settings.objects_port() {
        None => TcpListener::bind((listen, 0)).await.map_err(|source| LocalError::Listen { listen, source }),
        Some(port) => TcpListener::bind((listen, port)).await.map_err(|source| LocalError::ObjectsPort {
            port,
            listen,
            settings: settings.path().to_owned(),
            source,
        }),
    }
}

fn lock(data_dir: &Path) -> Result<File, LocalError> {
    let path = data_dir.join("lock");
    let file = private_file(&path).map_err(LocalError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LocalError::InUse { path: data_dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(LocalError::File { path, source }),
    }
}

/// Creates a folder that only its owner can enter. A folder that exists already keeps its mode: it may be shared with
/// others on purpose, and everything below that matters is private by itself.
fn create_private_dir(path: &Path) -> Result<(), LocalError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(LocalError::file(path))
}

/// Opens a file that only its owner can read, and creates it when it is missing.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
