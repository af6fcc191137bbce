//! The thread that owns the store. Whatever has gathered while one transaction is synced goes into the next.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::delivery_order::Sequence;
use super::error::{Damage, StoreError, StoreRefusal};
use super::file::LockedFile;
use super::index::{Index, Phase};
use super::queue::{Counted, Loaded, Question};
use super::record;
use super::state::OutboxState;
use super::store::{Change, Changes, EventState, Sizes, Store};
use crate::notice::Notice;
use crate::sync::lock;

/// A file that could not be used is opened again after this time, plus ten times what the last attempt took. An attempt
/// reads the whole file, so a large one takes at most about a tenth of the thread's time.
const TRY_AGAIN: Duration = Duration::from_secs(1);
const TRYING_SHARE: u32 = 10;

/// A busy outbox gathers events for this long before each transaction, because a transaction costs as much as five events.
/// On a slow disk events gather by themselves. An outbox that is not busy does not wait.
const GATHER: Duration = Duration::from_millis(2);

pub(super) struct Writer {
    pub(super) state: Arc<OutboxState>,
    file: LockedFile,
    /// None → the file cannot be used at the moment.
    store: Option<Store>,
    /// When to open it again.
    next_try: Instant,
    /// Not written yet.
    pub(super) pending: Changes,
}

impl Writer {
    /// Starts the thread; reads what is in the file there, and ends when the queue does.
    pub(super) fn start(state: Arc<OutboxState>, file: LockedFile) -> std::io::Result<()> {
        let writer = Self { state, file, store: None, next_try: Instant::now(), pending: Changes::new() };
        std::thread::Builder::new().name("genesys-outbox".into()).spawn(move || writer.run()).map(drop)
    }

    fn run(mut self) {
        self.open();
        let mut gather = Duration::ZERO;
        loop {
            let limit = self.store.is_none().then(|| self.next_try.saturating_duration_since(Instant::now()));
            let batch = self.state.queue.take(limit, gather);
            let (began, is_busy) = (Instant::now(), batch.posts.len() > 1);
            self.pending.extend(batch.changes);
            if self.store.is_none() && (Instant::now() >= self.next_try || batch.is_last) {
                self.open();
            }
            let (mut added, mut counted, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
            for post in batch.posts {
                added.push(post.sequence);
                counted.push(post.counted);
                waiting.push(post.saved);
            }
            if self.save(&added, counted) {
                // Whoever was aborted meanwhile is gone; the event stays.
                for saved in waiting {
                    let _ = saved.send(());
                }
            }
            for question in batch.questions {
                self.answer(question);
            }
            if batch.is_last {
                return self.close();
            }
            gather = if is_busy { GATHER.saturating_sub(began.elapsed()) } else { Duration::ZERO };
        }
    }

    fn open(&mut self) {
        let began = Instant::now();
        let opened = self.try_open().or_else(|error| match error {
            StoreError::Damaged(damage) => self.replace(&damage),
            refused @ StoreError::Refused(_) => Err(refused),
        });
        match opened {
            Ok(store) => {
                self.store = Some(store);
                lock(&self.state.index).unusable = None;
            }
            Err(error) => {
                self.refuse(&error);
                self.next_try += began.elapsed() * TRYING_SHARE;
            }
        }
        // Whoever waits to be admitted hears the outcome now.
        self.state.loaded.notify_waiters();
    }

    fn try_open(&mut self) -> Result<Store, StoreError> {
        let handle = self.file.handle().map_err(StoreRefusal::Path)?;
        let store = Store::open(handle)?;
        let is_loading = lock(&self.state.index).phase == Phase::Loading;
        if is_loading { self.load(&store).map(|()| store) } else { Ok(store) }
    }

    /// Takes up what was left.
    fn load(&self, store: &Store) -> Result<(), StoreError> {
        let (now, wall) = (Instant::now(), record::wall_now());
        let (mut index, mut last) = (Index::default(), 0);
        store.scan(|kind, sequence, record, size| {
            last = last.max(sequence);
            match kind {
                EventState::Waiting => index.found(sequence, record, size, now, record.remaining(wall)),
                EventState::Dead => index.dead.add(sequence, &record.id, size),
            }
        })?;
        self.state.queue.begin(last);
        let mut state = lock(&self.state.index);
        // It may have been closed meanwhile.
        index.phase = state.phase.max(Phase::Open);
        *state = index;
        drop(state);
        self.state.changed.notify_one();
        Ok(())
    }

    /// Sets a damaged file aside and begins an empty one.
    fn replace(&mut self, damage: &Damage) -> Result<Store, StoreError> {
        self.store = None;
        let aside = self.file.set_aside().map_err(StoreRefusal::Io)?;
        (self.state.on_notice)(Notice::SetAside(format!(
            "The outbox file was damaged ({damage}). It is {} now, and a new one is in use; events that waited in it are \
             not sent",
            aside.display()
        )));
        let mut index = lock(&self.state.index);
        index.emptied();
        let fresh: Vec<_> = index.fresh.iter().map(|(sequence, record)| (*sequence, record.clone())).collect();
        drop(index);
        for (sequence, record) in fresh {
            self.pending.entry(sequence).or_insert(Change::Put(record));
        }
        self.try_open()
    }

    /// From now on, guests are refused before anything is sent.
    fn refuse(&mut self, cause: &StoreError) {
        self.store = None;
        self.next_try = Instant::now() + TRY_AGAIN;
        let mut index = lock(&self.state.index);
        let is_new = index.unusable.replace(cause.to_string()).is_none();
        drop(index);
        if is_new {
            (self.state.on_notice)(Notice::Unwritable(format!(
                "The outbox file cannot be used ({cause}). Guests are refused until it can be; events of calls under way \
                 are delivered from memory"
            )));
        }
    }

    /// Writes all that is pending. Where that fails it stays pending, and the events among it are delivered from memory.
    /// `counted` is what the new events were counted by so far.
    pub(super) fn save(&mut self, added: &[Sequence], counted: Vec<Counted>) -> bool {
        if self.pending.is_empty() {
            return self.store.is_some();
        }
        let mut outcome = self.commit();
        if let Some(Err(StoreError::Damaged(_))) = outcome {
            // Opened again, the file is verified, and replaced where that is needed.
            self.store = None;
            self.open();
            outcome = self.commit();
        }
        match outcome {
            Some(Ok(sizes)) => {
                let mut index = lock(&self.state.index);
                let was_at_stake = index.unsaved > 0;
                index.saved(std::mem::take(&mut self.pending), &sizes, added);
                drop((counted, index));
                if was_at_stake {
                    (self.state.on_notice)(Notice::Idle);
                }
            }
            failed => {
                if let Some(Err(error)) = failed {
                    self.refuse(&error);
                }
                let mut index = lock(&self.state.index);
                index.unsaved(&self.pending, added);
                drop((counted, index));
            }
        }
        if !added.is_empty() {
            self.state.changed.notify_one();
        }
        self.pending.is_empty()
    }

    fn commit(&self) -> Option<Result<Sizes, StoreError>> {
        self.store.as_ref().map(|store| store.commit(&self.pending))
    }

    fn answer(&mut self, question: Question) {
        // Nobody waits any more when a call was aborted meanwhile.
        match question {
            Question::Load(sequence, answer) => drop(answer.send(self.find(sequence))),
            Question::DeadLetters(after, most, answer) => drop(answer.send(self.page(after, most))),
            Question::Redeliver(places, answer) => drop(answer.send(self.redeliver(&places))),
            Question::Discard(places, answer) => drop(answer.send(self.discard(&places))),
            Question::Ready(answer) => drop(answer.send(self.store.as_ref().map(|_| ()))),
        }
    }

    fn find(&mut self, sequence: Sequence) -> Option<Loaded> {
        if let Some(Change::Put(record)) = self.pending.get(&sequence) {
            return Some(Loaded(Some(record.clone())));
        }
        self.read(|store| store.load(sequence)).map(Loaded)
    }

    pub(super) fn read<T>(&mut self, work: impl FnOnce(&Store) -> Result<T, StoreError>) -> Option<T> {
        match work(self.store.as_ref()?) {
            Ok(value) => Some(value),
            Err(refused @ StoreError::Refused(_)) => {
                self.refuse(&refused);
                None
            }
            Err(StoreError::Damaged(damage)) => {
                match self.replace(&damage) {
                    Ok(store) => self.store = Some(store),
                    Err(error) => self.refuse(&error),
                }
                self.save(&[], vec![]);
                None
            }
        }
    }

    fn close(mut self) {
        self.store = None;
        let left = self.pending.values().filter(|change| matches!(change, Change::Put(_))).count();
        if left > 0 {
            let events = if left == 1 { "event was" } else { "events were" };
            (self.state.on_notice)(Notice::Undelivered(format!(
                "{left} analytics {events} neither delivered nor written before the instance was closed"
            )));
        }
        let Self { state, file, .. } = self;
        drop(file);
        state.queue.close();
        lock(&state.index).phase = Phase::Closed;
        state.closed.notify_waiters();
    }
}
