//! The outbox's file: opened, locked for one owner, set aside when it is damaged.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::PathError;

/// The file of one outbox, locked as long as this lives. The system frees the lock when a process ends, however it ends.
#[derive(Debug)]
pub(super) struct Locked {
    path: PathBuf,
    file: File,
}

impl Locked {
    /// Opens or makes the file. Fast: nothing is read.
    pub(super) fn open(path: &Path) -> Result<Self, PathError> {
        // A later change of the working directory must not lead elsewhere.
        let path = std::path::absolute(path)?;
        let file = open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(PathError::NotAFile);
        }
        match file.try_lock() {
            Ok(()) => Ok(Self { path, file }),
            Err(TryLockError::WouldBlock) => Err(PathError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The file for a store, which must not outlive this.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Gives the file another name and goes on with an empty one under the old name. Returns the other name.
    pub(super) fn set_aside(&mut self) -> io::Result<PathBuf> {
        let time = humantime::format_rfc3339_micros(SystemTime::now()).to_string().replace(':', "-");
        let mut aside = self.path.clone().into_os_string();
        aside.push(format!(".corrupt-{time}"));
        let aside = PathBuf::from(aside);
        std::fs::rename(&self.path, &aside)?;
        let file = open(&self.path)?;
        file.try_lock().map_err(|error| io::Error::other(error.to_string()))?;
        self.file = file;
        Ok(aside)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // A copy of the handle may live a moment longer.
        let _ = self.file.unlock();
    }
}

/// Readable and writable by its owner alone: events hold addresses.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytics::disk::testing::Folder;
    use crate::error::Error;

    #[test]
    fn a_second_owner_is_refused_until_the_first_has_gone() {
        let folder = Folder::new();
        let first = Locked::open(&folder.file("outbox")).unwrap();
        let copy = first.handle().unwrap();
        let error = Error::from(Locked::open(&folder.file("outbox")).unwrap_err());
        assert!(error.details().message.starts_with("outbox.path is in use"), "{error}");
        drop(first);
        Locked::open(&folder.file("outbox")).unwrap();
        drop(copy);
    }

    #[test]
    fn a_place_that_cannot_be_is_named() {
        let folder = Folder::new();
        let table = [
            (folder.file("missing").join("outbox"), "outbox.path must name a file in a directory that exists"),
            (folder.file(""), "outbox.path must name a file"),
        ];
        for (path, message) in table {
            let error = Error::from(Locked::open(&path).unwrap_err());
            assert!(error.details().message.starts_with(message), "{error}");
            assert!(!error.details().message.contains(&*folder.file("").to_string_lossy()), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        let locked = Locked::open(&folder.file("outbox")).unwrap();
        assert_eq!(locked.file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_was_set_aside_keeps_its_content() {
        let folder = Folder::new();
        std::fs::write(folder.file("outbox"), "something else").unwrap();
        let mut locked = Locked::open(&folder.file("outbox")).unwrap();
        let aside = locked.set_aside().unwrap();
        assert_eq!(std::fs::read_to_string(&aside).unwrap(), "something else");
        assert!(aside.to_string_lossy().contains("outbox.corrupt-"));
        assert_eq!(std::fs::metadata(folder.file("outbox")).unwrap().len(), 0);
        assert!(Locked::open(&folder.file("outbox")).is_err(), "the fresh one is ours");
    }
}
