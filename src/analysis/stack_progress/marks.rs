//! Stores the state of each resource in eight characters, so that a record has room for hundreds.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The bytes of a resource's hash. Two of 500 resources collide less than once in a million operations.
const HASH: usize = 5;

/// The bytes of an entry: hash and state.
const ENTRY: usize = HASH + 1;

/// The most resources tracked: CloudFormation's limit for one operation with its nested stacks.
const MOST: usize = 2_500;

/// The state of a resource. A higher state wins whatever the order of events, so that a failure is never taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    InProgress = 1,
    Complete = 2,
    Failed = 3,
}

impl State {
    /// Reads a status; `None` if it is not about progress.
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

/// The states of all resources, forward and in rollback.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Marks(BTreeMap<[u8; HASH], u8>);

impl Marks {
    /// Raises the state of a resource. Returns `false` if it was already known, or if there are too many resources.
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

    /// Counts the known resources.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Counts the resources finished going forward.
    pub fn completed(&self) -> u64 {
        self.count(|mark| mark & 3 == State::Complete as u8)
    }

    /// Counts the resources finished in the rollback.
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
