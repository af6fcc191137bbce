//! What an outbox knows of its file without looking: what waits, how much room there is, and whether it can be written.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::dead_letter_index::DeadLetterIndex;
use super::delivery_order::{DeliveryOrder, Sequence};
use super::error::Unavailable;
use super::record::EventRecord;
use super::store::{Change, Changes, Sizes};

/// Bytes that are reserved for an event before its size is known. Most events take half as many.
const NOMINAL_SIZE: usize = 1024;

/// New events that are kept in memory until their first attempt, which then reads no file. They take about 1 MB.
const MOST_FRESH: usize = 1024;

/// How much the file may hold, waiting events and dead letters together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) events: usize,
    pub(super) bytes: u64,
}

/// How far the outbox has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Phase {
    /// The file is being read.
    #[default]
    Loading,
    Open,
    /// No attempt is begun any more.
    Finishing,
    /// Attempts under way are cancelled, too.
    Abandoning,
    /// The file is free.
    Closed,
}

/// Room for one event: of a call under way, or of what it has handed over to the writer.
pub(in crate::analytics) struct DiskPlace(#[expect(dead_code, reason = "is counted")] Arc<()>);

#[derive(Default)]
pub(super) struct Index {
    pub(super) phase: Phase,
    pub(super) order: DeliveryOrder,
    /// New events that are still in memory.
    pub(super) fresh: HashMap<Sequence, EventRecord>,
    pub(super) dead: DeadLetterIndex,
    /// Counts the places that were given out: each [`DiskPlace`] holds a clone.
    reserved: Arc<()>,
    /// Counts the events that were handed to the writer and are not noted here yet: each holds a clone.
    pub(super) handed_over: Arc<()>,
    /// Why the file cannot be written.
    pub(super) unusable: Option<String>,
    /// Events that are in memory alone, because of that.
    pub(super) unsaved: usize,
    /// Nothing is under way and nothing is due.
    pub(super) is_quiet: bool,
    pub(super) delivered: u64,
    pub(super) failed: u64,
    hasher: RandomState,
}

impl Index {
    /// Reserves room for an event. `None` while the file is being read.
    pub(super) fn admit(&self, bounds: Bounds) -> Option<Result<DiskPlace, Unavailable>> {
        if let Some(cause) = &self.unusable {
            return Some(Err(Unavailable::Unusable { cause: cause.clone() }));
        }
        if self.phase == Phase::Loading {
            return None;
        }
        let reserved = Arc::strong_count(&self.reserved) - 1;
        let (waiting, dead) = (self.order.len() + reserved, self.dead.len());
        let bytes = self.stored_bytes() + (reserved * NOMINAL_SIZE) as u64;
        let bound = if waiting + dead >= bounds.events {
            "outbox.maxEvents"
        } else if bytes >= bounds.bytes {
            "outbox.maxBytes"
        } else {
            return Some(Ok(DiskPlace(Arc::clone(&self.reserved))));
        };
        Some(Err(Unavailable::Full { bound, waiting, dead }))
    }

    /// Notes an event that was found in the file.
    pub(super) fn found(
        &mut self,
        sequence: Sequence,
        record: &EventRecord,
        size: usize,
        now: Instant,
        wait: Duration,
    ) {
        let due = (record.attempts > 0).then(|| now + wait);
        let guest = self.hasher.hash_one(&record.guest_id);
        self.order.add(sequence, guest, size, due);
    }

    /// Makes an event that was under way a dead letter.
    pub(super) fn give_up(&mut self, sequence: Sequence, id: &str) {
        let size = self.order.remove(sequence);
        self.dead.add(sequence, id, size);
        self.failed += 1;
    }

    /// Notes what a transaction has written. `added` are the events that were not there before.
    pub(super) fn saved(&mut self, changes: Changes, sizes: &Sizes, added: &[Sequence]) {
        let mut sizes = sizes.iter();
        let mut added = added.iter().peekable();
        for (sequence, change) in changes {
            let is_new = added.next_if(|new| **new == sequence).is_some();
            match change {
                Change::Remove => self.dead.remove(sequence),
                Change::Put(record) => {
                    let size = sizes.next().map_or(NOMINAL_SIZE, |(_, size)| *size);
                    if is_new {
                        self.add(sequence, record, size);
                    } else {
                        self.order.resize(sequence, size);
                    }
                }
                Change::DeadLetter(record) => {
                    let size = sizes.next().map_or(NOMINAL_SIZE, |(_, size)| *size);
                    self.dead.add(sequence, &record.id, size);
                }
            }
        }
        self.unsaved = 0;
    }

    /// Notes new events that could not be written: they are delivered all the same.
    pub(super) fn unsaved(&mut self, changes: &Changes, added: &[Sequence]) {
        for sequence in added {
            if let Some(Change::Put(record)) = changes.get(sequence) {
                let guest = self.hasher.hash_one(&record.guest_id);
                self.order.add(*sequence, guest, NOMINAL_SIZE, None);
            }
        }
        self.is_quiet = false;
        self.unsaved = changes.values().filter(|change| matches!(change, Change::Put(_))).count();
    }

    /// The file was replaced by an empty one.
    pub(super) fn emptied(&mut self) {
        self.dead.clear();
    }

    /// Nothing is under way, due, or about to be.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_quiet && Arc::strong_count(&self.handed_over) == 1
    }

    pub(super) fn stored_bytes(&self) -> u64 {
        self.order.bytes() + self.dead.bytes()
    }

    fn add(&mut self, sequence: Sequence, record: EventRecord, size: usize) {
        let guest = self.hasher.hash_one(&record.guest_id);
        self.order.add(sequence, guest, size, None);
        if self.fresh.len() < MOST_FRESH {
            self.fresh.insert(sequence, record);
        }
        self.is_quiet = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Error};

    fn record(guest: &str) -> EventRecord {
        EventRecord::new(guest, "{}".into()).unwrap()
    }

    fn open() -> Index {
        Index { phase: Phase::Open, ..Index::default() }
    }

    fn save(index: &mut Index, sequence: Sequence, change: Change, size: usize) {
        let added: &[Sequence] = if matches!(change, Change::Put(_)) { &[sequence] } else { &[] };
        let sizes = if matches!(change, Change::Remove) { vec![] } else { vec![(sequence, size)] };
        index.saved(Changes::from([(sequence, change)]), &sizes, added);
    }

    fn refusal(index: &mut Index, bounds: Bounds) -> String {
        index.admit(bounds).unwrap().err().unwrap().to_string()
    }

    #[test]
    fn room_counts_what_waits_what_is_dead_and_what_will_come() {
        let bounds = Bounds { events: 3, bytes: u64::MAX };
        let mut index = open();
        save(&mut index, 1, Change::Put(record("a")), 100);
        save(&mut index, 2, Change::DeadLetter(record("b")), 50);
        assert_eq!((index.order.len(), index.dead.len(), index.stored_bytes()), (1, 1, 150));
        let place = index.admit(bounds).unwrap().unwrap();
        assert_eq!(
            refusal(&mut index, bounds),
            "The outbox is full (outbox.maxEvents): 2 events wait and 1 are dead letters; nothing was sent"
        );
        drop(place);
        drop(index.admit(bounds).unwrap().unwrap());
        save(&mut index, 2, Change::Remove, 0);
        assert_eq!((index.dead.len(), index.stored_bytes()), (0, 100));
    }

    #[test]
    fn bytes_are_a_bound_too() {
        let bounds = Bounds { events: 100, bytes: 1500 };
        let mut index = open();
        save(&mut index, 1, Change::Put(record("a")), 400);
        let _places = [index.admit(bounds).unwrap().unwrap(), index.admit(bounds).unwrap().unwrap()];
        assert!(refusal(&mut index, bounds).starts_with("The outbox is full (outbox.maxBytes): 3 events wait"));
    }

    #[test]
    fn nobody_is_admitted_before_it_is_known_what_is_there() {
        assert!(Index::default().admit(Bounds { events: 1, bytes: 1 }).is_none());
    }

    #[test]
    fn a_file_that_cannot_be_used_refuses_and_says_that_it_may_pass() {
        let mut index = open();
        index.unusable = Some("No space left on device".into());
        let error = Error::from(index.admit(Bounds { events: 1, bytes: 1 }).unwrap().err().unwrap());
        assert_eq!(error.code(), Code::StoreUnavailable);
        assert!(error.details().retryable && error.details().message.contains("No space left"), "{error}");
    }

    #[test]
    fn a_new_event_is_kept_in_memory_for_its_first_attempt_only() {
        let mut index = open();
        save(&mut index, 1, Change::Put(record("a")), 100);
        assert_eq!(index.fresh.len(), 1);
        index.saved(Changes::from([(1, Change::Put(record("a")))]), &vec![(1, 120)], &[]);
        assert_eq!((index.fresh.len(), index.order.len(), index.stored_bytes()), (1, 1, 120));
        for sequence in 2..=MOST_FRESH as u64 + 10 {
            save(&mut index, sequence, Change::Put(record("b")), 100);
        }
        assert_eq!(index.fresh.len(), MOST_FRESH);
    }
}
