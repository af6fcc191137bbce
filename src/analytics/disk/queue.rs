//! What waits for the writer: changes, and questions that only the owner of the store can answer.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::delivery_order::Sequence;
use super::index::DiskPlace;
use super::record::EventRecord;
use super::store::{Change, Changes};
use crate::sync::lock;

/// A change that nobody waits for is written this late, together with others. If a crash comes first, an event that was
/// delivered is delivered once more.
const LAZY: Duration = Duration::from_millis(100);

/// Something to answer between two transactions. An answer is `None` when the store cannot be read.
pub(super) enum Question {
    /// An event that waits.
    Load(Sequence, oneshot::Sender<Option<Loaded>>),
    /// At most this many dead letters, behind a place.
    DeadLetters(Sequence, usize, oneshot::Sender<Option<Page>>),
    /// Sends the dead letters at these places again; answers how many.
    Redeliver(Vec<Sequence>, oneshot::Sender<Option<usize>>),
    /// Throws the dead letters at these places away; answers how many.
    Discard(Vec<Sequence>, oneshot::Sender<Option<usize>>),
    /// Answers when everything before it has been written, and the file has been read.
    Ready(oneshot::Sender<Option<()>>),
}

/// Some dead letters.
pub(super) struct Page {
    /// Each as JSON, with commas between them.
    pub(super) json: String,
    pub(super) count: usize,
    /// Where the last one stands.
    pub(super) last: Sequence,
}

/// An event that was asked for, or nothing where there is none in the file.
pub(super) struct Loaded(pub(super) Option<EventRecord>);

/// A new event, and who waits for it.
pub(super) struct Post {
    pub(super) sequence: Sequence,
    pub(super) saved: oneshot::Sender<()>,
    /// Counts the event until the index does, so that it neither takes room twice nor goes uncounted.
    pub(super) counted: Counted,
}

pub(super) type Counted = (Option<DiskPlace>, Arc<()>);

/// All that has gathered.
#[derive(Default)]
pub(super) struct WriteBatch {
    pub(super) changes: Changes,
    /// New events among the changes.
    pub(super) posts: Vec<Post>,
    pub(super) questions: Vec<Question>,
    /// Nothing comes any more.
    pub(super) is_last: bool,
}

/// From the many tasks that post to the one thread that writes.
#[derive(Default)]
pub(super) struct WriteQueue {
    batch: Mutex<Gathering>,
    wake: Condvar,
}

#[derive(Default)]
struct Gathering {
    batch: WriteBatch,
    next: Sequence,
    is_urgent: bool,
    /// The writer has gone.
    is_closed: bool,
}

impl WriteQueue {
    /// Numbers begin here.
    pub(super) fn begin(&self, next: Sequence) {
        lock(&self.batch).next = next;
    }

    /// A number for an event.
    pub(super) fn number(&self) -> Sequence {
        let mut gathering = lock(&self.batch);
        gathering.next += 1;
        gathering.next
    }

    /// Adds a new event. The receiver resolves when the event is on disk, and fails when it could not be written.
    pub(super) fn post(&self, record: EventRecord, counted: Counted) -> oneshot::Receiver<()> {
        let (saved, receiver) = oneshot::channel();
        self.urge(|gathering| {
            gathering.next += 1;
            let sequence = gathering.next;
            gathering.batch.changes.insert(sequence, Change::Put(record));
            gathering.batch.posts.push(Post { sequence, saved, counted });
        });
        receiver
    }

    /// A change that nobody waits for.
    pub(super) fn change(&self, sequence: Sequence, change: Change) {
        let mut gathering = lock(&self.batch);
        let was_empty = gathering.batch.changes.is_empty();
        gathering.batch.changes.insert(sequence, change);
        drop(gathering);
        if was_empty {
            self.wake.notify_one();
        }
    }

    pub(super) fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        self.urge(|gathering| gathering.batch.questions.push(question(sender)));
        receiver
    }

    /// Nothing comes any more.
    pub(super) fn end(&self) {
        self.urge(|gathering| gathering.batch.is_last = true);
    }

    /// The writer has ended. Whoever waits for an answer hears that there is none.
    pub(super) fn close(&self) {
        let mut gathering = lock(&self.batch);
        gathering.is_closed = true;
        gathering.batch = WriteBatch::default();
    }

    fn urge(&self, put: impl FnOnce(&mut Gathering)) {
        let mut gathering = lock(&self.batch);
        if gathering.is_closed {
            return;
        }
        put(&mut gathering);
        let was_urgent = std::mem::replace(&mut gathering.is_urgent, true);
        drop(gathering);
        if !was_urgent {
            self.wake.notify_one();
        }
    }

    /// Waits for work, at most `limit`, and takes all of it, and what follows within `gather`.
    pub(super) fn take(&self, limit: Option<Duration>, gather: Duration) -> WriteBatch {
        let mut gathering = lock(&self.batch);
        while !gathering.is_urgent {
            let patience = if gathering.batch.changes.is_empty() { limit } else { Some(LAZY) };
            let Some(patience) = patience else {
                gathering = self.wake.wait(gathering).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let had_changes = !gathering.batch.changes.is_empty();
            let (woken, outcome) = self.wake.wait_timeout(gathering, patience).unwrap_or_else(PoisonError::into_inner);
            gathering = woken;
            if outcome.timed_out() && (had_changes || limit.is_some()) {
                break;
            }
        }
        if !gather.is_zero() && !gathering.batch.is_last {
            // Always the whole time: `is_urgent` is set, so nobody notifies.
            (gathering, _) = self.wake.wait_timeout(gathering, gather).unwrap_or_else(PoisonError::into_inner);
        }
        gathering.is_urgent = false;
        std::mem::take(&mut gathering.batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> EventRecord {
        EventRecord::new("guest", "{}".into()).unwrap()
    }

    #[test]
    fn everything_that_gathered_is_taken_at_once() {
        let queue = WriteQueue::default();
        queue.begin(41);
        let receivers: Vec<_> = (0..3).map(|_| queue.post(record(), (None, Arc::default()))).collect();
        queue.change(7, Change::Remove);
        let batch = queue.take(None, Duration::ZERO);
        assert_eq!(batch.changes.keys().copied().collect::<Vec<_>>(), [7, 42, 43, 44]);
        assert_eq!(batch.posts.len(), receivers.len());
        assert!(!batch.is_last && batch.questions.is_empty());
    }

    #[test]
    fn an_event_that_is_delivered_before_it_is_written_is_not_written() {
        let queue = WriteQueue::default();
        let _safe = queue.post(record(), (None, Arc::default()));
        queue.change(1, Change::Remove);
        assert!(matches!(queue.take(None, Duration::ZERO).changes[&1], Change::Remove));
    }

    #[test]
    fn a_change_that_nobody_waits_for_is_taken_all_the_same() {
        let queue = WriteQueue::default();
        queue.change(1, Change::Remove);
        assert_eq!(queue.take(None, Duration::ZERO).changes.len(), 1);
    }

    #[test]
    fn the_last_batch_says_so() {
        let queue = WriteQueue::default();
        queue.end();
        assert!(queue.take(None, Duration::ZERO).is_last);
    }

    #[test]
    fn waiting_ends_with_the_limit() {
        assert!(WriteQueue::default().take(Some(Duration::from_millis(1)), Duration::ZERO).changes.is_empty());
    }
}
