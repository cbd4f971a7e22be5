//! How far each resource is, in eight letters a resource: a record must hold hundreds of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Bytes of a resource's hash: two of 500 resources share one less than once in a million operations.
const HASH: usize = 5;

/// Bytes of an entry: the hash and its state.
const ENTRY: usize = HASH + 1;

/// How many resources are told apart: CloudFormation's own limit for one operation with its nested stacks.
const MOST: usize = 2_500;

/// How far a resource is. Later ones win, whatever the order they are heard of in: a failure is never taken back by the
/// rows of the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    InProgress = 1,
    Complete = 2,
    Failed = 3,
}

impl State {
    /// What a status says; nothing for words that are not about progress.
    pub fn of(status: &str) -> Option<Self> {
        match status {
            status if status.ends_with("_IN_PROGRESS") => Some(Self::InProgress),
            status if status.ends_with("_COMPLETE") => Some(Self::Complete),
            status if status.ends_with("_FAILED") => Some(Self::Failed),
            "DELETE_SKIPPED" => Some(Self::Complete),
            _ => None,
        }
    }
}

/// The states of all resources, those of the way forth and those of the way back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Marks(BTreeMap<[u8; HASH], u8>);

impl Marks {
    /// Remembers that a resource is at least so far. `false` when that was known, or when there are too many.
    pub fn raise(&mut self, stack: &str, resource: &str, undoing: bool, state: State) -> bool {
        let key = hash(stack, resource);
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            return false;
        }
        let mark = self.0.entry(key).or_default();
        let shift = if undoing { 2 } else { 0 };
        let known = (*mark >> shift) & 3;
        if state as u8 <= known {
            return false;
        }
        *mark = (*mark & !(3 << shift)) | ((state as u8) << shift);
        true
    }

    /// How many resources are known.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// How many are finished on the way forth.
    pub fn completed(&self) -> u64 {
        self.count(|mark| mark & 3 == State::Complete as u8)
    }

    /// How many are finished on the way back.
    pub fn undone(&self) -> u64 {
        self.count(|mark| mark >> 2 == State::Complete as u8)
    }

    fn count(&self, rule: impl Fn(u8) -> bool) -> u64 {
        self.0.values().filter(|mark| rule(**mark)).count() as u64
    }
}

fn hash(stack: &str, resource: &str) -> [u8; HASH] {
    let digest = Sha256::new().chain_update(stack).chain_update([0]).chain_update(resource).finalize();
    let mut key = [0; HASH];
    key.copy_from_slice(&digest[..HASH]);
    key
}

impl From<Marks> for String {
    fn from(marks: Marks) -> Self {
        let mut bytes = Vec::with_capacity(marks.0.len() * ENTRY);
        for (key, mark) in marks.0 {
            bytes.extend(key);
            bytes.push(mark);
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

impl TryFrom<String> for Marks {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string())?;
        if !bytes.len().is_multiple_of(ENTRY) {
            return Err("the marks of a stack's resources are cut off".into());
        }
        let entries = bytes.chunks_exact(ENTRY).filter_map(|entry| {
            let (key, mark) = entry.split_at(HASH);
            Some((key.try_into().ok()?, *mark.first()?))
        });
        Ok(Self(entries.collect()))
    }
}
