//! Delivers events from memory, in the background: at least once, each under a stable id, with bounded retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::attempt::{self, Messenger};
use super::{News, Tell};

/// Waits before the second to the fifth attempt: about a minute in all.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15), Duration::from_secs(40)];

/// The longest `Retry-After` that an event in memory waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Events that wait, about 0.5 KiB each. A webhook that is down must not take the service's memory.
const MOST_PENDING: usize = 100_000;

/// Events on their way, in memory.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Inner>);

struct Inner {
    messenger: Messenger,
    pending: AtomicUsize,
    delivered: AtomicU64,
    failed: AtomicU64,
    idle: Notify,
    abandoned: Notify,
    tell: Tell,
}

impl Outbox {
    pub(super) fn new(messenger: Messenger, tell: Tell) -> Self {
        Self(Arc::new(Inner {
            messenger,
            pending: AtomicUsize::new(0),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            idle: Notify::new(),
            abandoned: Notify::new(),
            tell,
        }))
    }

    /// Hands an event over. It is on its way when this returns; nothing waits for it.
    pub(super) fn post(&self, body: String) {
        let id = attempt::new_id();
        if self.0.pending.fetch_add(1, Ordering::SeqCst) >= MOST_PENDING {
            self.0.lose(format!("Analytics event {id} was not delivered: {MOST_PENDING} events wait already"));
            return;
        }
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let abandoned = inner.abandoned.notified();
            tokio::select! {
                biased;
                outcome = inner.deliver(&id, body.into()) => match outcome {
                    Ok(()) => inner.finish(&inner.delivered),
                    Err(text) => inner.lose(text),
                },
                // Told once for all of them, by `abandon`.
                () = abandoned => inner.finish(&inner.failed),
            }
        });
    }

    /// Gives up what waits.
    pub(super) fn abandon(&self) {
        let left = self.pending();
        if left > 0 {
            let events = if left == 1 { "event was" } else { "events were" };
            (self.0.tell)(News::Undelivered(format!(
                "{left} analytics {events} not delivered before the instance was closed"
            )));
        }
        self.0.abandoned.notify_waiters();
    }

    /// Waits until every event has been delivered or given up.
    pub(super) async fn flush(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.pending() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Events not yet delivered or given up.
    pub(super) fn pending(&self) -> usize {
        self.0.pending.load(Ordering::SeqCst)
    }

    /// Events delivered and given up so far.
    pub(super) fn settled(&self) -> (u64, u64) {
        (self.0.delivered.load(Ordering::Relaxed), self.0.failed.load(Ordering::Relaxed))
    }
}

impl Inner {
    async fn deliver(&self, id: &str, body: Bytes) -> Result<(), String> {
        let mut waits = WAITS.into_iter();
        loop {
            let Err(failure) = self.messenger.send(id, &body).await else { return Ok(()) };
            let wait = waits.next().filter(|_| attempt::may_pass(&failure));
            let Some(wait) = wait else {
                let host = self.messenger.host();
                return Err(format!("Analytics event {id} was not delivered to {host}: {}", attempt::reason(&failure)));
            };
            let asked = attempt::asked_wait(&failure).map(|asked| asked.min(LONGEST_WAIT));
            tokio::time::sleep(asked.unwrap_or_else(|| attempt::spread(wait))).await;
        }
    }

    fn lose(&self, text: String) {
        (self.tell)(News::Undelivered(text));
        self.finish(&self.failed);
    }

    fn finish(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
        if self.pending.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.idle.notify_waiters();
            (self.tell)(News::Idle);
        }
    }
}
