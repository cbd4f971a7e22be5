//! A frontend deploy: asked for inline or with presigned uploads, planned, published, and recorded.

mod compare;
pub mod confirm;
pub(crate) mod delete_files;
pub mod diff;
pub(crate) mod files;
pub mod inline;
mod invalidate;
pub(crate) mod large;
pub(crate) mod outcome;
pub(crate) mod plan;
pub mod presigned;
pub(crate) mod prune;
pub(crate) mod publish;
pub mod releases;
pub(crate) mod report;
mod reusable;
pub mod rollback;
pub(crate) mod slice;
mod sweep;
pub(crate) mod transfer;

pub use files::FileToDiff;
pub use invalidate::{check_invalidation, invalidate};
pub(crate) use outcome::close_orphan;
pub use outcome::{FrontendResult, complete, fail};
pub use plan::PendingAnswer;
pub use prune::{prune, withdraw};
pub use publish::publish;
pub use report::{DeployOutcome, FailedFile, InvalidationView};
pub use sweep::sweep;
