//! The index: which body and which headers each key has. One writer, a few readers, one SQLite file.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use s3s::s3_error;

use super::bodies::{BodyId, parse_id};
use super::fault::{Fault, Outcome};
use super::object::{Millis, Object, WriteCondition};

const SCHEMA_VERSION: i64 = 1;

/// Keys are blobs: S3 orders them by their bytes, and prefixes end between characters.
const SCHEMA: &str = "
CREATE TABLE buckets (name TEXT PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE objects (
    bucket TEXT NOT NULL, key BLOB NOT NULL,
    body TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, sha256 BLOB NOT NULL,
    headers TEXT NOT NULL, modified INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL, headers TEXT NOT NULL, started INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL,
    body TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, sha256 BLOB NOT NULL, modified INTEGER NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
";

/// How many lookups and listings run at once; each keeps a small page cache.
const READERS: usize = 4;

pub(super) struct Index {
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
}

impl Index {
    /// Whether the file holds an index. One that was cut off while it was created holds none.
    pub(super) fn exists(path: &Path) -> Outcome<bool> {
        if !path.try_exists()? {
            return Ok(false);
        }
        let version: i64 = Connection::open(path)?.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(version != 0)
    }

    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let mut writer = connect(path)?;
        let version: i64 = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => {
                let create = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
                create.execute_batch(SCHEMA)?;
                create.pragma_update(None, "user_version", SCHEMA_VERSION)?;
                create.commit()?;
            }
            SCHEMA_VERSION => {}
            newer => {
                return Err(Fault::Damaged(format!("version {newer} was written by a newer release")));
            }
        }
        let readers = (0..READERS).map(|_| connect(path).map(Mutex::new)).collect::<Outcome<_>>()?;
        Ok(Self { writer: Mutex::new(writer), readers, next_reader: AtomicUsize::new(0) })
    }

    /// A connection that sees every committed write.
    pub(super) fn read(&self) -> MutexGuard<'_, Connection> {
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed) % READERS;
        lock(&self.readers[turn])
    }

    /// Runs `change` in one transaction: all of it happens, or nothing.
    pub(super) fn write<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> Outcome<T> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    pub(super) fn create_bucket(&self, name: &str) -> Outcome<()> {
        self.write(|index| {
            let insert = "INSERT INTO buckets (name, created) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            if index.execute(insert, params![name, Millis::now().0])? == 0 {
                return Err(s3_error!(BucketAlreadyOwnedByYou, "The bucket is there already, and yours.").into());
            }
            Ok(())
        })
    }

    pub(super) fn delete_bucket(&self, name: &str) -> Outcome<()> {
        self.write(|index| {
            require_bucket(index, name)?;
            let used = "SELECT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)
                            OR EXISTS (SELECT 1 FROM uploads WHERE bucket = ?1)";
            if index.query_row(used, [name], |row| row.get(0))? {
                return Err(s3_error!(BucketNotEmpty, "The bucket holds objects or unfinished uploads.").into());
            }
            index.execute("DELETE FROM buckets WHERE name = ?1", [name])?;
            Ok(())
        })
    }

    /// Names and creation times, in order.
    pub(super) fn buckets(&self) -> Outcome<Vec<(String, Millis)>> {
        let index = self.read();
        let mut select = index.prepare_cached("SELECT name, created FROM buckets ORDER BY name")?;
        let buckets = select.query_map([], |row| Ok((row.get(0)?, Millis(row.get(1)?))))?;
        Ok(buckets.collect::<Result<_, _>>()?)
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> Outcome<Object> {
        let index = self.read();
        let select = "SELECT body, size, etag, sha256, headers, modified FROM objects WHERE bucket = ?1 AND key = ?2";
        let found = index
            .prepare_cached(select)?
            .query_row(params![bucket, key.as_bytes()], |row| Ok(read_object(row)))
            .optional()?;
        match found {
            Some(object) => object,
            None => {
                require_bucket(&index, bucket)?;
                Err(s3_error!(NoSuchKey, "The specified key does not exist.").into())
            }
        }
    }

    /// Points the key to a new object; returns the body it had, for removal.
    pub(super) fn put(
        &self,
        bucket: &str,
        key: &str,
        object: &Object,
        condition: &WriteCondition,
    ) -> Outcome<Option<BodyId>> {
        self.write(|index| put(index, bucket, key, object, condition))
    }

    /// Removes a key, if it is there; returns its body, for removal.
    pub(super) fn delete(&self, bucket: &str, key: &str, condition: &WriteCondition) -> Outcome<Option<BodyId>> {
        self.write(|index| {
            require_bucket(index, bucket)?;
            condition.check(current(index, bucket, key)?.as_ref().map(|(_, etag)| etag.as_str()))?;
            delete(index, bucket, key)
        })
    }

    /// Removes many keys at once; returns their bodies, for removal.
    pub(super) fn delete_all(&self, bucket: &str, keys: &[String]) -> Outcome<Vec<BodyId>> {
        self.write(|index| {
            require_bucket(index, bucket)?;
            let mut bodies = Vec::new();
            for key in keys {
                bodies.extend(delete(index, bucket, key)?);
            }
            Ok(bodies)
        })
    }

    /// Every body that an object or an unfinished upload refers to.
    pub(super) fn referenced_bodies(&self) -> Outcome<HashSet<u128>> {
        let index = self.read();
        let mut select = index.prepare("SELECT body FROM objects UNION ALL SELECT body FROM parts")?;
        let mut rows = select.query([])?;
        let mut bodies = HashSet::new();
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let id = parse_id(id).ok_or_else(|| Fault::Damaged(format!("{id:?} is no name of a body")))?;
            bodies.insert(id);
        }
        Ok(bodies)
    }
}

fn connect(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit survives the process, not the loss of power; see the module `local`.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A panic rolls its transaction back, so what a poisoned lock protects is sound.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn require_bucket(index: &Connection, name: &str) -> Outcome<()> {
    if index.prepare_cached("SELECT 1 FROM buckets WHERE name = ?1")?.exists([name])? {
        Ok(())
    } else {
        Err(s3_error!(NoSuchBucket, "The specified bucket does not exist.").into())
    }
}

pub(super) fn put(
    index: &Transaction<'_>,
    bucket: &str,
    key: &str,
    object: &Object,
    condition: &WriteCondition,
) -> Outcome<Option<BodyId>> {
    require_bucket(index, bucket)?;
    let current = current(index, bucket, key)?;
    condition.check(current.as_ref().map(|(_, etag)| etag.as_str()))?;
    let replace = "INSERT OR REPLACE INTO objects (bucket, key, body, size, etag, sha256, headers, modified)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    index.prepare_cached(replace)?.execute(params![
        bucket,
        key.as_bytes(),
        object.body,
        object.size,
        object.etag,
        object.sha256,
        to_json(&object.headers)?,
        object.modified.0,
    ])?;
    Ok(current.map(|(body, _)| body))
}

fn delete(index: &Transaction<'_>, bucket: &str, key: &str) -> Outcome<Option<BodyId>> {
    let delete = "DELETE FROM objects WHERE bucket = ?1 AND key = ?2 RETURNING body";
    Ok(index.prepare_cached(delete)?.query_row(params![bucket, key.as_bytes()], |row| row.get(0)).optional()?)
}

fn current(index: &Transaction<'_>, bucket: &str, key: &str) -> Outcome<Option<(BodyId, String)>> {
    let select = "SELECT body, etag FROM objects WHERE bucket = ?1 AND key = ?2";
    let found = index
        .prepare_cached(select)?
        .query_row(params![bucket, key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found)
}

fn read_object(row: &Row<'_>) -> Outcome<Object> {
    Ok(Object {
        body: row.get(0)?,
        size: row.get(1)?,
        etag: row.get(2)?,
        sha256: row.get(3)?,
        headers: from_json(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
        modified: Millis(row.get(5)?),
    })
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| Fault::Damaged(error.to_string()))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> Outcome<T> {
    serde_json::from_str(json).map_err(|error| Fault::Damaged(error.to_string()))
}
