//! A frontend deploy: asked for inline or with presigned uploads, planned, published, and recorded.

mod compare;
pub mod confirm;
pub mod diff;
mod files;
pub mod inline;
mod invalidate;
mod large;
mod outcome;
mod plan;
pub mod presigned;
mod prune;
mod publish;
pub mod releases;
mod report;
pub mod rollback;
mod slice;
mod sweep;
mod transfer;
pub mod upkeep;
mod wipe;

pub use files::FileToDiff;
pub use invalidate::{check_invalidation, invalidate};
pub(crate) use outcome::close_orphan;
pub use outcome::{FrontendResult, complete, fail};
pub use plan::PendingAnswer;
pub use prune::{prune, withdraw};
pub use publish::publish;
pub use report::{DeployOutcome, FailedFile, InvalidationView};
pub use sweep::sweep;
pub use upkeep::adopt::adopt;
