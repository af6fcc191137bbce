//! The outbox's file: opened, locked for one owner, set aside when it is damaged.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::PathError;

/// How a file of redb begins.
const SIGNATURE: [u8; 9] = *b"redb\x1a\n\xa9\r\n";

/// The file of one outbox, locked as long as this lives. The system frees the lock when a process ends, however it ends.
#[derive(Debug)]
pub(super) struct LockedFile {
    path: PathBuf,
    /// None → the file was set aside, and there is no other one yet.
    file: Option<File>,
}

impl LockedFile {
    /// Opens or makes the file. Fast: no more than its beginning is read.
    pub(super) fn open(path: &Path) -> Result<Self, PathError> {
        // A later change of the working directory must not lead elsewhere.
        let path = std::path::absolute(path)?;
        let file = take(&path)?;
        Ok(Self { path, file: Some(file) })
    }

    /// The file for a store, which must not outlive this. Makes a new one after one was set aside.
    pub(super) fn handle(&mut self) -> Result<File, PathError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => take(&self.path)?,
        };
        Ok(self.file.insert(file).try_clone()?)
    }

    /// Gives the file another name, and returns that. The next [`handle`](Self::handle) is of an empty one.
    pub(super) fn set_aside(&mut self) -> io::Result<PathBuf> {
        let time = humantime::format_rfc3339_micros(SystemTime::now()).to_string().replace(':', "-");
        let mut aside = self.path.clone().into_os_string();
        aside.push(format!(".corrupt-{time}"));
        let aside = PathBuf::from(aside);
        std::fs::rename(&self.path, &aside)?;
        self.file = None;
        Ok(aside)
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // A copy of the handle may live a moment longer.
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
    }
}

/// Opens and locks the file, or makes it. One that holds something else is nobody's to change.
fn take(path: &Path) -> Result<File, PathError> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(PathError::NotAFile);
    }
    match file.try_lock() {
        Ok(()) if may_be_an_outbox(&file)? => Ok(file),
        Ok(()) => Err(PathError::SomethingElse),
        Err(TryLockError::WouldBlock) => Err(PathError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Whether the file is empty or begins as an outbox does. One that was cut off while it was made begins with zeros.
fn may_be_an_outbox(file: &File) -> io::Result<bool> {
    let mut begin = Vec::with_capacity(SIGNATURE.len());
    file.take(SIGNATURE.len() as u64).read_to_end(&mut begin)?;
    Ok(SIGNATURE.starts_with(&begin) || begin.iter().all(|byte| *byte == 0))
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
        let mut first = LockedFile::open(&folder.file("outbox")).unwrap();
        let copy = first.handle().unwrap();
        let error = Error::from(LockedFile::open(&folder.file("outbox")).unwrap_err());
        assert!(error.details().message.starts_with("outbox.path is in use"), "{error}");
        drop(first);
        LockedFile::open(&folder.file("outbox")).unwrap();
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
            let error = Error::from(LockedFile::open(&path).unwrap_err());
            assert!(error.details().message.starts_with(message), "{error}");
            assert!(!error.details().message.contains(&*folder.file("").to_string_lossy()), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        let locked = LockedFile::open(&folder.file("outbox")).unwrap();
        assert_eq!(locked.file.as_ref().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_was_set_aside_keeps_its_content() {
        let folder = Folder::new();
        let damaged = [&SIGNATURE[..], b"something else"].concat();
        std::fs::write(folder.file("outbox"), &damaged).unwrap();
        let mut locked = LockedFile::open(&folder.file("outbox")).unwrap();
        let aside = locked.set_aside().unwrap();
        assert_eq!(std::fs::read(&aside).unwrap(), damaged);
        assert!(aside.to_string_lossy().contains("outbox.corrupt-"));
        assert_eq!(locked.handle().unwrap().metadata().unwrap().len(), 0);
        assert_eq!(std::fs::metadata(folder.file("outbox")).unwrap().len(), 0);
        assert!(LockedFile::open(&folder.file("outbox")).is_err(), "the fresh one is ours");
    }

    #[test]
    fn a_file_that_holds_something_else_is_left_alone() {
        let folder = Folder::new();
        for content in
            [&b"x"[..], b"{\"not\":\"an outbox\"}", b"SQLite format 3\0", b"redb", b"redb\n and more", b"\0\0x"]
        {
            std::fs::write(folder.file("other"), content).unwrap();
            let refused = LockedFile::open(&folder.file("other")).map(drop);
            let expected = if content == b"redb" {
                Ok(())
            } else {
                Err("must name an outbox, or a file that is empty or not there: this one holds something else"
                    .to_owned())
            };
            assert_eq!(refused.map_err(|error| error.to_string()), expected);
            assert_eq!(std::fs::read(folder.file("other")).unwrap(), content);
        }
    }

    #[test]
    fn a_file_that_could_not_be_made_after_one_was_set_aside_is_made_later() {
        let folder = Folder::new();
        let mut locked = LockedFile::open(&folder.file("outbox")).unwrap();
        locked.set_aside().unwrap();
        // Nothing can be made under the name.
        std::fs::create_dir(folder.file("outbox")).unwrap();
        assert!(locked.handle().is_err() && locked.handle().is_err());
        std::fs::remove_dir(folder.file("outbox")).unwrap();
        assert_eq!(locked.handle().unwrap().metadata().unwrap().len(), 0);
        assert!(matches!(LockedFile::open(&folder.file("outbox")), Err(PathError::InUse)));
    }
}
