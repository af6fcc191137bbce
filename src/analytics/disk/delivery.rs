//! Sends what is due and judges what comes back.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::delivery_order::Sequence;
use super::index::Phase;
use super::queue::{Loaded, Question};
use super::record::EventRecord;
use super::retry::Verdict;
use super::state::OutboxState;
use super::store::Change;
use crate::analytics::webhook_client::MOST_AT_ONCE;
use crate::net::fault::Failure;
use crate::sync::lock;

/// An event that could not be read from the file is tried again after this time.
const UNREADABLE: Duration = Duration::from_secs(5);

/// Ends the writer when the deliveries end, also where the end of the runtime ends them.
struct Ending(Arc<OutboxState>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.queue.end();
    }
}

/// Delivers until the outbox is closed.
pub(super) async fn run(state: Arc<OutboxState>) {
    let _ending = Ending(Arc::clone(&state));
    let mut under_way = JoinSet::new();
    loop {
        while under_way.try_join_next().is_some() {}
        let (phase, next) = begin(&state, &mut under_way);
        match phase {
            Phase::Finishing if under_way.is_empty() => return,
            Phase::Abandoning | Phase::Closed => return under_way.shutdown().await,
            Phase::Loading | Phase::Open | Phase::Finishing => {}
        }
        tokio::select! {
            () = state.changed.notified() => {}
            _ = under_way.join_next(), if !under_way.is_empty() => {}
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
}

/// Begins what can be begun. Returns when to look again.
fn begin(state: &Arc<OutboxState>, under_way: &mut JoinSet<()>) -> (Phase, Option<Instant>) {
    let mut index = lock(&state.index);
    if index.phase == Phase::Open {
        let now = Instant::now();
        while under_way.len() < MOST_AT_ONCE
            && let Some(sequence) = index.order.take(now)
        {
            let fresh = index.fresh.remove(&sequence);
            under_way.spawn(Arc::clone(state).attempt(sequence, fresh));
        }
    }
    let is_full = under_way.len() >= MOST_AT_ONCE;
    index.is_quiet = index.phase != Phase::Loading && under_way.is_empty();
    if index.is_quiet {
        state.quiet.notify_waiters();
    }
    let next = index.order.next().filter(|_| !is_full && index.phase == Phase::Open);
    (index.phase, next)
}

impl OutboxState {
    async fn attempt(self: Arc<Self>, sequence: Sequence, fresh: Option<EventRecord>) {
        let record = match fresh {
            Some(record) => record,
            None => match self.queue.ask(|answer| Question::Load(sequence, answer)).await {
                Ok(Some(Loaded(Some(record)))) => record,
                Ok(Some(Loaded(None))) => return self.lost(sequence),
                Ok(None) | Err(_) => {
                    return lock(&self.index).order.put_off(sequence, Instant::now() + UNREADABLE);
                }
            },
        };
        match self.webhook_client.send(&record.id, &record.body()).await {
            Ok(()) => {
                self.queue.change(sequence, Change::Remove);
                let mut index = lock(&self.index);
                index.order.remove(sequence);
                index.delivered += 1;
            }
            Err(failure) => self.failed(sequence, record, &failure),
        }
    }

    fn failed(&self, sequence: Sequence, mut record: EventRecord, failure: &Failure) {
        record.failed(failure.reason(), failure.status());
        let waited = Duration::from_millis(record.waited);
        match self.retry.judge(failure, record.attempts, waited) {
            Verdict::Later { wait, pause } => {
                record.put_off(wait);
                self.queue.change(sequence, Change::Put(record));
                let now = Instant::now();
                let mut index = lock(&self.index);
                index.order.put_off(sequence, now + wait);
                if let Some(pause) = pause {
                    index.order.pause(now + pause);
                }
            }
            Verdict::Dead => {
                let (host, reason) = (self.webhook_client.host(), record.reason.as_deref().unwrap_or_default());
                self.dead_letters.add(format!(
                    "Analytics event {} is a dead letter now ({host}: {reason}; attempts: {}",
                    record.id, record.attempts
                ));
                lock(&self.index).give_up(sequence, &record.id);
                self.queue.change(sequence, Change::DeadLetter(record));
            }
        }
    }

    /// The file was damaged, and this event was in it.
    fn lost(&self, sequence: Sequence) {
        let mut index = lock(&self.index);
        index.order.remove(sequence);
        index.failed += 1;
    }
}
