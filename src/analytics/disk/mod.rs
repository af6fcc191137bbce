//! An outbox whose events survive a crash.
//!
//! | room | what it does |
//! | --- | --- |
//! | [`error`] | what can be wrong with it |
//! | [`mod@file`] | the file, locked for one owner |
//! | [`store`], [`record`] | what is in it |
//! | [`writer`], [`queue`] | one thread owns the store, and writes in groups what others hand to it |
//! | [`index`], [`delivery_order`], [`dead_letter_index`] | what is known without reading: room, what is next, what was given up |
//! | [`state`] | what all of them share |
//! | [`delivery`], [`retry`] | attempts, and what follows a failed one |
//! | [`mod@dead_letters`] | what was given up: shown, sent again, thrown away |

mod dead_letter_index;
mod dead_letters;
mod delivery;
mod delivery_order;
mod error;
mod file;
mod index;
mod queue;
mod record;
mod retry;
mod state;
mod store;
mod writer;

#[cfg(test)]
mod handover_tests;
#[cfg(test)]
mod paging_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

pub(in crate::analytics) use index::DiskPlace;
pub use retry::Retry;
pub(crate) use retry::{MAX_AGE, RETRY_DELAYS};

use super::deliveries::Deliveries;
use super::webhook_client::WebhookClient;

use crate::error::{Code, Error};
use crate::notice::throttled::ThrottledNotice;
use crate::notice::{Notice, OnNotice};
use crate::sync::lock;
use error::Unavailable;
use file::LockedFile;
use index::{Bounds, Phase};
use queue::WriteQueue;
use record::EventRecord;
use state::OutboxState;
use writer::Writer;

/// Where events are kept, how many, and how long they are tried.
#[derive(Debug, Clone)]
pub struct OutboxSettings {
    /// The file. Its directory must exist.
    pub path: PathBuf,
    /// When events are tried again.
    pub retry: Retry,
    /// Waiting events and dead letters that the file may hold.
    pub max_events: usize,
    /// Their bytes.
    pub max_bytes: u64,
}

/// Events on their way, by way of a file. When the last clone goes, the deliveries end and the file is free.
#[derive(Clone)]
pub(super) struct DiskOutbox(Arc<Owner>);

struct Owner(Arc<OutboxState>);

impl DiskOutbox {
    /// Takes the file at once, and reads it on a thread of its own.
    pub(super) fn open(
        webhook_client: WebhookClient,
        settings: OutboxSettings,
        on_notice: OnNotice,
    ) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|error| {
            Error::new(Code::Internal, "An outbox on disk needs a Tokio runtime").with_cause(error.to_string())
        })?;
        let file = LockedFile::open(&settings.path)?;
        let describe = |last: &str, count| {
            Notice::DeadLetter(format!("{last}; dead letters since the last such warning: {count})"))
        };
        let dead_letters = ThrottledNotice::new(describe, Arc::clone(&on_notice));
        let state = Arc::new(OutboxState {
            webhook_client,
            retry: settings.retry,
            bounds: Bounds { events: settings.max_events, bytes: settings.max_bytes },
            on_notice,
            queue: WriteQueue::default(),
            index: Mutex::default(),
            dead_letters,
            loaded: Notify::new(),
            changed: Notify::new(),
            quiet: Notify::new(),
            closed: Notify::new(),
        });
        Writer::start(Arc::clone(&state), file).map_err(Unavailable::NoThread)?;
        runtime.spawn(delivery::run(Arc::clone(&state)));
        Ok(Self(Arc::new(Owner(state))))
    }

    fn state(&self) -> &Arc<OutboxState> {
        &self.0.0
    }

    /// Room for an event, or why there is none.
    pub(super) async fn admit(&self) -> Result<DiskPlace, Error> {
        let state = self.state();
        loop {
            let loaded = state.loaded.notified();
            let admission = lock(&state.index).admit(state.bounds);
            match admission {
                Some(outcome) => return Ok(outcome?),
                None => loaded.await,
            }
        }
    }

    /// Takes an event over and waits, at most until `until`, for it to be on disk. An event that the disk does not take is
    /// delivered from memory: the guest exists, whatever the disk does.
    pub(super) async fn post(&self, place: Option<DiskPlace>, guest_id: &str, body: String, until: Instant) {
        let Some(record) = EventRecord::new(guest_id, body) else { return };
        let handed_over = Arc::clone(&lock(&self.state().index).handed_over);
        let saved = self.state().queue.post(record, (place, handed_over));
        // The writer has told of its errors already.
        let _ = tokio::time::timeout_at(until, saved).await;
    }

    /// Waits until no event is due and no attempt is under way.
    pub(super) async fn flush(&self) {
        let state = self.state();
        loop {
            let quiet = state.quiet.notified();
            {
                let index = lock(&state.index);
                let is_stuck = index.phase == Phase::Loading && index.unusable.is_some();
                if index.is_at_rest() || is_stuck || index.phase > Phase::Open {
                    return;
                }
            }
            quiet.await;
        }
    }

    /// Begins no attempt any more; returns when those under way have ended and the file is free.
    pub(super) async fn finish(&self) {
        self.end(Phase::Finishing).await;
    }

    /// Cancels the attempts under way; returns when the file is free.
    pub(super) async fn abandon(&self) {
        self.end(Phase::Abandoning).await;
    }

    async fn end(&self, phase: Phase) {
        let state = self.state();
        state.enter(phase);
        loop {
            let closed = state.closed.notified();
            if lock(&state.index).phase == Phase::Closed {
                return state.dead_letters.report();
            }
            closed.await;
        }
    }

    pub(super) fn unsaved(&self) -> usize {
        lock(&self.state().index).unsaved
    }

    pub(super) fn deliveries(&self) -> Deliveries {
        let index = lock(&self.state().index);
        Deliveries {
            pending: index.order.len(),
            delivered: index.delivered,
            failed: index.failed,
            dead_lettered: Some(index.dead.len()),
            stored_bytes: Some(index.stored_bytes()),
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.enter(Phase::Abandoning);
    }
}
