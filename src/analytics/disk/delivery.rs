//! Sends what is due and judges what comes back.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::ledger::Phase;
use super::queue::{Loaded, Question};
use super::record::Record;
use super::retry::Verdict;
use super::schedule::Sequence;
use super::store::Change;
use crate::analytics::attempt::{self, MOST_AT_ONCE};
use crate::net::fault::Failure;
use crate::sync::lock;

/// How soon an event is tried again that could not be read.
const UNREADABLE: Duration = Duration::from_secs(5);

/// Ends the writer when the deliveries end, also when they do because their runtime does.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.queue.end();
    }
}

/// Delivers until the outbox is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let _ending = Ending(Arc::clone(&shared));
    let mut under_way = JoinSet::new();
    loop {
        while under_way.try_join_next().is_some() {}
        let (phase, next) = begin(&shared, &mut under_way);
        match phase {
            Phase::Finishing if under_way.is_empty() => return,
            Phase::Abandoning | Phase::Closed => return under_way.shutdown().await,
            Phase::Loading | Phase::Open | Phase::Finishing => {}
        }
        tokio::select! {
            () = shared.changed.notified() => {}
            _ = under_way.join_next(), if !under_way.is_empty() => {}
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
}

/// Begins what can be begun. Returns when to look again.
fn begin(shared: &Arc<Shared>, under_way: &mut JoinSet<()>) -> (Phase, Option<Instant>) {
    let mut ledger = lock(&shared.ledger);
    if ledger.phase == Phase::Open {
        let now = Instant::now();
        while under_way.len() < MOST_AT_ONCE
            && let Some(sequence) = ledger.schedule.take(now)
        {
            let fresh = ledger.fresh.remove(&sequence);
            under_way.spawn(Arc::clone(shared).attempt(sequence, fresh));
        }
    }
    let is_full = under_way.len() >= MOST_AT_ONCE;
    ledger.is_quiet = ledger.phase != Phase::Loading && under_way.is_empty();
    if ledger.is_quiet {
        shared.quiet.notify_waiters();
    }
    let next = ledger.schedule.next().filter(|_| !is_full && ledger.phase == Phase::Open);
    (ledger.phase, next)
}

impl Shared {
    async fn attempt(self: Arc<Self>, sequence: Sequence, fresh: Option<Record>) {
        let record = match fresh {
            Some(record) => record,
            None => match self.queue.ask(|answer| Question::Load(sequence, answer)).await {
                Ok(Some(Loaded(Some(record)))) => record,
                Ok(Some(Loaded(None))) => return self.lost(sequence),
                Ok(None) | Err(_) => {
                    return lock(&self.ledger).schedule.put_off(sequence, Instant::now() + UNREADABLE);
                }
            },
        };
        match self.messenger.send(&record.id, &record.body()).await {
            Ok(()) => {
                self.queue.change(sequence, Change::Remove);
                let mut ledger = lock(&self.ledger);
                ledger.schedule.remove(sequence);
                ledger.delivered += 1;
            }
            Err(failure) => self.failed(sequence, record, &failure),
        }
    }

    fn failed(&self, sequence: Sequence, mut record: Record, failure: &Failure) {
        record.failed(attempt::reason(failure), failure.status());
        let waited = Duration::from_millis(record.waited);
        match self.retry.judge(failure, record.attempts, waited) {
            Verdict::Later { wait, pause } => {
                record.put_off(wait);
                self.queue.change(sequence, Change::Put(record));
                let now = Instant::now();
                let mut ledger = lock(&self.ledger);
                ledger.schedule.put_off(sequence, now + wait);
                if let Some(pause) = pause {
                    ledger.schedule.pause(now + pause);
                }
            }
            Verdict::Dead => {
                let (host, reason) = (self.messenger.host(), record.reason.as_deref().unwrap_or_default());
                self.dead_letters.add(format!(
                    "Analytics event {} is a dead letter now ({host}: {reason}; attempts: {}",
                    record.id, record.attempts
                ));
                lock(&self.ledger).bury(sequence, &record.id);
                self.queue.change(sequence, Change::Bury(record));
            }
        }
    }

    /// The file was damaged, and this event was in it.
    fn lost(&self, sequence: Sequence) {
        let mut ledger = lock(&self.ledger);
        ledger.schedule.remove(sequence);
        ledger.failed += 1;
    }
}
