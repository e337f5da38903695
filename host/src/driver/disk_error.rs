//! What the errors of the embedded database mean.

use crate::{Error, ErrorKind, Result};
use std::{io, path::Path};

/// An error that says what was attempted on a directory.
pub(super) fn failed(attempt: &str, path: &Path, cause: fjall::Error) -> Error {
    of(format!("cannot {attempt} in {}", path.display()), cause)
}

/// An error with its kind, its hint and whether it may pass, by its cause.
pub(super) fn of(message: String, cause: fjall::Error) -> Error {
    let corrupt = matches!(
        cause,
        fjall::Error::InvalidTrailer
            | fjall::Error::InvalidTag(_)
            | fjall::Error::Decompress(_)
            | fjall::Error::JournalRecovery(_)
            | fjall::Error::Unrecoverable
            | fjall::Error::Storage(
                fjall::LsmError::ChecksumMismatch { .. }
                    | fjall::LsmError::InvalidTag(_)
                    | fjall::LsmError::InvalidTrailer
                    | fjall::LsmError::InvalidHeader(_)
                    | fjall::LsmError::Unrecoverable
            )
    );
    if corrupt {
        return Error::new(ErrorKind::Corrupt, message).with_source(cause);
    }
    let io = match &cause {
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => Some(io.kind()),
        _ => None,
    };
    let error = match io {
        Some(kind) if is_full(kind) => Error::new(ErrorKind::Full, message)
            .with_temporary(true)
            .with_hint("free space on the disk of the data directory"),
        Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Error::new(ErrorKind::Unavailable, message)
                .with_temporary(false)
                .with_hint("let the user of the node write to the data directory")
        }
        _ => Error::new(ErrorKind::Unavailable, message),
    };
    error.with_source(cause)
}

/// Whether an input or output error says that there is no room.
fn is_full(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(kind, StorageFull | QuotaExceeded | FileTooLarge)
}

/// The answer of a commit that failed as a whole, for each of its records.
pub(crate) fn repeat<T>(error: &Error, length: usize) -> Vec<Result<T>> {
    (0..length).map(|_| Err(error.again())).collect()
}
