//! How long requests wait for a decision, and how many a caller may have.

use super::parse::number;
use super::reader::Reader;
use super::variables::{APPROVAL_WINDOW, ASKS_PER_MINUTE, PENDING_PER_CALLER};
use crate::domain::quota::QuotaLimits;
use std::ops::RangeInclusive;

/// The accepted approval windows, in seconds: up to a week.
pub(super) const WINDOWS: RangeInclusive<u64> = 1..=604_800;
/// How long a request can be decided unless the environment says otherwise, in seconds.
const DEFAULT_WINDOW: u64 = 600;

/// How long requests wait for a decision, and how many a caller may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalConfig {
    /// How long a request can be decided, in seconds, unless it asks for another time.
    pub window: u64,
    /// How many decisions one caller may ask for.
    pub quota: QuotaLimits,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self { window: DEFAULT_WINDOW, quota: QuotaLimits::default() }
    }
}

impl ApprovalConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        Self {
            window: reader.read(&APPROVAL_WINDOW, number(WINDOWS)).unwrap_or(default.window),
            quota: QuotaLimits {
                per_minute: reader.read(&ASKS_PER_MINUTE, number(0..=usize::MAX)).unwrap_or(default.quota.per_minute),
                pending: reader.read(&PENDING_PER_CALLER, number(0..=usize::MAX)).unwrap_or(default.quota.pending),
            },
        }
    }
}
