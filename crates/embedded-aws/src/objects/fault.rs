//! What can go wrong in the object store, and what S3 calls it.

use std::io;

use s3s::{S3Error, S3ErrorCode, s3_error};

/// A result of the object store.
pub(super) type Outcome<T> = Result<T, Fault>;

/// Why a request failed. Only [`Fault::Refused`] tells the client more than that it failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The request itself is at fault.
    #[error(transparent)]
    Refused(#[from] S3Error),
    /// A body cannot be read or written.
    #[error("file: {0}")]
    File(#[from] io::Error),
    /// The index cannot be read or written.
    #[error("index: {0}")]
    Index(#[from] rusqlite::Error),
    /// The index holds something this program did not write.
    #[error("index: {0}")]
    Damaged(String),
    /// A bug.
    #[error("panicked: {0}")]
    Panicked(String),
}

impl Fault {
    fn disk_is_full(&self) -> bool {
        match self {
            Self::File(error) => {
                use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
                matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
            }
            Self::Index(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
            _ => false,
        }
    }
}

impl From<Fault> for S3Error {
    fn from(fault: Fault) -> Self {
        let full = fault.disk_is_full();
        match fault {
            Fault::Refused(error) => error,
            // 507 is not retried by the AWS SDKs, other than 500.
            fault if full => {
                tracing::error!(error = %fault, "the disk of the data folder is full");
                let code = S3ErrorCode::from_bytes(b"InsufficientStorage").unwrap_or(S3ErrorCode::InternalError);
                let mut error = Self::with_message(code, "The disk of the data folder is full.");
                error.set_status_code(hyper::StatusCode::INSUFFICIENT_STORAGE);
                error
            }
            fault => {
                tracing::error!(error = %fault, "an object request failed");
                s3_error!(InternalError, "The object store failed; the log of the server says why.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_and_not_retried() {
        let file = Fault::from(io::Error::from(io::ErrorKind::StorageFull));
        let index = Fault::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(13), None));
        for fault in [file, index] {
            let error = S3Error::from(fault);
            assert_eq!(error.code().as_str(), "InsufficientStorage");
            assert_eq!(error.status_code().map(|status| status.as_u16()), Some(507));
        }
    }

    #[test]
    fn other_failures_say_nothing_about_the_machine() {
        let error = S3Error::from(Fault::from(io::Error::other("/secret/path")));
        assert_eq!(error.status_code().map(|status| status.as_u16()), Some(500));
        assert!(!error.to_string().contains("secret"));
    }
}
