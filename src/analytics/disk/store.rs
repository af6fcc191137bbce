//! Events in redb: what waits in one table, dead letters in another.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, StorageBackend, StorageError, TableDefinition,
};

use super::delivery_order::Sequence;
use super::error::{Damage, StoreError, StoreRefusal};
use super::record::EventRecord;

const WAITING: TableDefinition<'_, Sequence, &[u8]> = TableDefinition::new("waiting");
const DEAD: TableDefinition<'_, Sequence, &[u8]> = TableDefinition::new("dead");
/// Has the types of the other two: each further pair of types would add a copy of redb's code to the addon.
const ABOUT: TableDefinition<'_, Sequence, &[u8]> = TableDefinition::new("about");

/// Where `ABOUT` says which [`FORMAT`] the file has: eight bytes, the lowest first.
const FORMAT_KEY: Sequence = 0;

/// Of the tables and their records. A change that older versions cannot read gets another number.
const FORMAT: u64 = 1;

/// Bytes of pages in memory. More would help nobody: an event is read once for each attempt, in no order of pages.
const CACHE: usize = 4 << 20;

/// A file over this many bytes is made smaller when it is opened, if most of it is empty.
const WORTH_COMPACTING: u64 = 64 << 20;
const MOSTLY_EMPTY: u64 = 4;

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventState {
    Waiting,
    Dead,
}

/// What becomes of an event.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// It waits, or waits with another history.
    Put(EventRecord),
    /// It is a dead letter.
    DeadLetter(EventRecord),
    /// It was delivered, or thrown away.
    Remove,
}

pub(super) type Changes = BTreeMap<Sequence, Change>;

/// How many bytes a record takes.
pub(super) type Sizes = Vec<(Sequence, usize)>;

pub(super) struct Store(Database);

/// A file that is locked already. redb must not lock it too: when it lets go of its lock, ours would go with it.
#[derive(Debug)]
struct LockedBackend(FileBackend);

impl StorageBackend for LockedBackend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

impl Store {
    /// Opens what is in the file, or makes it new where it is empty. Every page is read and verified.
    pub(super) fn open(file: File) -> Result<Self, StoreError> {
        guarded(|| {
            let length = file.metadata().map_err(StorageError::Io)?.len();
            let mut database = Builder::new()
                .set_cache_size(CACHE)
                .set_check_integrity_on_open(true)
                .create_with_backend(LockedBackend(FileBackend::new(file)?))?;
            let transaction = database.begin_write()?;
            {
                transaction.open_table(WAITING)?;
                transaction.open_table(DEAD)?;
                let mut about = transaction.open_table(ABOUT)?;
                let format = about.get(FORMAT_KEY)?.map(|format| format_of(format.value()));
                match format {
                    None => drop(about.insert(FORMAT_KEY, FORMAT.to_le_bytes().as_slice())?),
                    Some(FORMAT) => {}
                    Some(other) => return Err(StoreRefusal::NewerFormat(other).into()),
                }
            }
            let is_wasteful = length > WORTH_COMPACTING && length / MOSTLY_EMPTY > transaction.stats()?.stored_bytes();
            transaction.commit()?;
            if is_wasteful {
                database.compact()?;
            }
            Ok(Self(database))
        })
    }

    /// Shows every event that waits, then every dead letter, each in order, with its bytes.
    pub(super) fn scan(
        &self,
        mut see: impl FnMut(EventState, Sequence, &EventRecord, usize),
    ) -> Result<(), StoreError> {
        guarded(|| {
            let transaction = self.0.begin_read()?;
            for (kind, table) in [(EventState::Waiting, WAITING), (EventState::Dead, DEAD)] {
                for entry in transaction.open_table(table)?.iter()? {
                    let (sequence, bytes) = entry?;
                    see(kind, sequence.value(), &decode(bytes.value())?, bytes.value().len());
                }
            }
            Ok(())
        })
    }

    /// Makes all changes, or none; they are durable when this returns.
    pub(super) fn commit(&self, changes: &Changes) -> Result<Sizes, StoreError> {
        guarded(|| {
            let mut sizes = Vec::with_capacity(changes.len());
            let transaction = self.0.begin_write()?;
            {
                let (mut waiting, mut dead) = (transaction.open_table(WAITING)?, transaction.open_table(DEAD)?);
                for (sequence, change) in changes {
                    match change {
                        Change::Put(record) => {
                            let bytes = record.encode();
                            waiting.insert(sequence, bytes.as_slice())?;
                            sizes.push((*sequence, bytes.len()));
                        }
                        Change::DeadLetter(record) => {
                            let bytes = record.encode();
                            waiting.remove(sequence)?;
                            dead.insert(sequence, bytes.as_slice())?;
                            sizes.push((*sequence, bytes.len()));
                        }
                        Change::Remove => {
                            if waiting.remove(sequence)?.is_none() {
                                dead.remove(sequence)?;
                            }
                        }
                    }
                }
            }
            transaction.commit()?;
            Ok(sizes)
        })
    }

    /// An event that waits.
    pub(super) fn load(&self, sequence: Sequence) -> Result<Option<EventRecord>, StoreError> {
        guarded(|| {
            let table = self.0.begin_read()?.open_table(WAITING)?;
            table.get(sequence)?.map(|bytes| decode(bytes.value())).transpose()
        })
    }

    /// At most this many dead letters, in order; those behind `after`.
    pub(super) fn dead(&self, after: Sequence, most: usize) -> Result<Vec<(Sequence, EventRecord)>, StoreError> {
        guarded(|| {
            let table = self.0.begin_read()?.open_table(DEAD)?;
            let mut dead = Vec::new();
            for entry in table.range(after + 1..)?.take(most) {
                let (sequence, bytes) = entry?;
                dead.push((sequence.value(), decode(bytes.value())?));
            }
            Ok(dead)
        })
    }

    /// The dead letters at these places, where there are any.
    pub(super) fn dead_at(&self, places: &[Sequence]) -> Result<Vec<(Sequence, EventRecord)>, StoreError> {
        guarded(|| {
            let table = self.0.begin_read()?.open_table(DEAD)?;
            let mut dead = Vec::with_capacity(places.len());
            for sequence in places {
                if let Some(bytes) = table.get(sequence)? {
                    dead.push((*sequence, decode(bytes.value())?));
                }
            }
            Ok(dead)
        })
    }
}

/// What is not eight bytes is a format that this version has never heard of.
fn format_of(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(u64::MAX, u64::from_le_bytes)
}

fn decode(bytes: &[u8]) -> Result<EventRecord, StoreError> {
    EventRecord::decode(bytes).ok_or_else(|| Damage::Checksum.into())
}

fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Damage::Panic.into()))
}
