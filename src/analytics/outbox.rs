//! Delivers events in the background: at least once, each under a stable id, with bounded retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use url::Url;

use super::Signer;
use crate::net::client::{Call, Exchange, host_of};
use crate::net::fault::{Failure, Fault};
use crate::net::retry::Sender;
use crate::net::retry_after;

/// Waits before the second to the fifth attempt: about a minute in all.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15), Duration::from_secs(40)];

/// Waits are spread by a fifth, so that events that failed together do not come back together.
const SPREAD: f64 = 0.2;

/// The longest `Retry-After` that an event in memory waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Requests under way at once: as many as guest calls by default.
const MOST_AT_ONCE: usize = 256;

/// Events that wait, about 0.5 KiB each. A webhook that is down must not take the service's memory.
const MOST_PENDING: usize = 100_000;

/// Where events go.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The analytics webhook.
    pub url: Url,
    /// Limit for one exchange.
    pub timeout: Duration,
    /// Signs the bodies, if configured.
    pub signer: Option<Signer>,
}

/// What the owner of an instance is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Nothing waits any more.
    Idle,
    /// An event was given up; the text says which and why.
    Undelivered(String),
    /// The shared session store is away, or back.
    Store(String),
}

/// Events on their way, in memory.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Inner>);

struct Inner {
    sender: Arc<Sender>,
    webhook: Webhook,
    turns: Semaphore,
    pending: AtomicUsize,
    delivered: AtomicU64,
    failed: AtomicU64,
    idle: Notify,
    abandoned: Notify,
    tell: Box<dyn Fn(News) + Send + Sync>,
}

impl Outbox {
    pub(crate) fn new(sender: Arc<Sender>, webhook: Webhook, tell: impl Fn(News) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            sender,
            webhook,
            turns: Semaphore::new(MOST_AT_ONCE),
            pending: AtomicUsize::new(0),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            idle: Notify::new(),
            abandoned: Notify::new(),
            tell: Box::new(tell),
        }))
    }

    /// Hands an event over. It is on its way when this returns; nothing waits for it.
    pub(crate) fn post(&self, body: String) {
        let id = format!("msg_{}", uuid::Uuid::new_v4().simple());
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
    pub(crate) fn abandon(&self) {
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
    pub(crate) async fn flush(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.pending() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Events not yet delivered or given up.
    pub(crate) fn pending(&self) -> usize {
        self.0.pending.load(Ordering::SeqCst)
    }

    /// Events delivered and given up so far.
    pub(crate) fn settled(&self) -> (u64, u64) {
        (self.0.delivered.load(Ordering::Relaxed), self.0.failed.load(Ordering::Relaxed))
    }
}

impl Inner {
    async fn deliver(&self, id: &str, body: Bytes) -> Result<(), String> {
        let mut waits = WAITS.into_iter();
        loop {
            let failure = {
                // Never closed, so there is always a turn to be had.
                let _turn = self.turns.acquire().await;
                let until = Instant::now() + self.webhook.timeout;
                match self.sender.once(Call::Webhook, self.exchange(id, &body), until).await {
                    Ok(_) => return Ok(()),
                    Err(failure) => failure,
                }
            };
            let wait = waits.next().filter(|_| may_pass(&failure));
            let Some(wait) = wait else {
                let host = host_of(&self.webhook.url);
                return Err(format!("Analytics event {id} was not delivered to {host}: {}", reason(&failure)));
            };
            let asked = match &failure.fault {
                Fault::Status(answer) => retry_after::parse(&answer.headers),
                _ => None,
            };
            let spread = wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * fastrand::f64());
            tokio::time::sleep(asked.map_or(spread, |asked| asked.min(LONGEST_WAIT))).await;
        }
    }

    fn exchange(&self, id: &str, body: &Bytes) -> Exchange {
        let seconds =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let mut exchange = Exchange::new(Method::POST, self.webhook.url.clone()).json(body.clone());
        let signature = self.webhook.signer.as_ref().map(|signer| signer.sign(id, &seconds, body));
        let headers = [
            ("webhook-id", Some(id.to_owned())),
            ("webhook-timestamp", Some(seconds)),
            ("webhook-signature", signature),
        ];
        for (name, value) in headers {
            if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(&value)) {
                exchange = exchange.header(name, value);
            }
        }
        exchange
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

/// A refusal is final, except for "too slow", "too early" and "too many"; everything else may pass.
fn may_pass(failure: &Failure) -> bool {
    failure.status().is_none_or(|status| status >= 500 || matches!(status, 408 | 425 | 429))
}

fn reason(failure: &Failure) -> String {
    match &failure.fault {
        Fault::Status(answer) => format!("status {}", answer.status),
        Fault::Unreached { cause, .. } | Fault::Broken { cause, .. } => cause.clone(),
        Fault::TimedOut { after, .. } => format!("no answer within {} ms", after.as_millis()),
        Fault::TooLarge { .. } => "the answer was too large".to_owned(),
        Fault::Paused { .. } => "paused".to_owned(),
        Fault::Setup(error) => error.details().message.clone(),
    }
}
