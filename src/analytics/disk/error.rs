//! What can be wrong with an outbox on disk, and the errors that it becomes.

use std::io::{self, ErrorKind};

use crate::error::{Code, Error};

/// Why `outbox.path` cannot be used, worded to complete the sentence "`outbox.path` …".
#[derive(Debug, thiserror::Error)]
pub(super) enum PathError {
    #[error("must name a file in a directory that exists")]
    NoDirectory(#[source] io::Error),
    #[error("must name a file that this process may read and write")]
    NotPermitted(#[source] io::Error),
    #[error("must name a file")]
    NotAFile,
    #[error("must name an outbox, or a file that is empty or not there: this one holds something else")]
    SomethingElse,
    #[error("must name a file that can be opened")]
    Unusable(#[source] io::Error),
    #[error(
        "is in use: another process, or another instance in this one, has this file open, and one file serves one instance"
    )]
    InUse,
}

impl From<io::Error> for PathError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NoDirectory(error),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::NotPermitted(error),
            ErrorKind::IsADirectory => Self::NotAFile,
            _ => Self::Unusable(error),
        }
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let error = Self::config("outbox.path", error);
        match cause {
            Some(cause) => error.with_cause(cause),
            None => error,
        }
    }
}

/// No dead letter has the id behind which more were asked for, and none had it lately.
#[derive(Debug, thiserror::Error)]
#[error("must be the id of a dead letter")]
pub(super) struct UnknownLetter;

impl From<UnknownLetter> for Error {
    fn from(error: UnknownLetter) -> Self {
        Self::config("after", error)
    }
}

/// Why a store does not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// What is in the file is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The system refuses, or the file is a newer version's.
    #[error(transparent)]
    Refused(#[from] StoreRefusal),
}

/// How damage was noticed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("a record does not match its checksum")]
    Checksum,
    /// redb promises errors for damaged files, and panics where it has overlooked one.
    #[error("reading it ended in a panic")]
    Panic,
    #[error(transparent)]
    Io(io::Error),
    #[error(transparent)]
    Database(redb::Error),
}

/// Why a file that is not damaged cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreRefusal {
    #[error("it has the format {0} of a newer version")]
    NewerFormat(u64),
    #[error("outbox.path {0}")]
    Path(#[from] PathError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Database(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Io(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                Damage::Io(error).into()
            }
            error @ (redb::Error::Corrupted(_)
            | redb::Error::RepairAborted
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }) => Damage::Database(error).into(),
            error => StoreRefusal::Database(error).into(),
        }
    }
}

/// Why the outbox does not do what was asked of it. It may later.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unavailable {
    #[error("The outbox's thread could not be started")]
    NoThread(#[from] io::Error),
    #[error("The outbox cannot be used ({cause}); nothing was sent")]
    Unusable { cause: String },
    #[error("The outbox is full ({bound}): {waiting} events wait and {dead} are dead letters; nothing was sent")]
    Full { bound: &'static str, waiting: usize, dead: usize },
    #[error("The outbox cannot be read or written at the moment")]
    NoAnswer,
}

impl From<Unavailable> for Error {
    fn from(error: Unavailable) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let error = Self::new(Code::StoreUnavailable, error.to_string()).with_retryable(true);
        match cause {
            Some(cause) => error.with_cause(cause),
            None => error,
        }
    }
}
