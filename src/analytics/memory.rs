//! Delivers events from memory, in the background: at least once, each under a stable id, with bounded retries.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::webhook_client::{self, MOST_AT_ONCE, WebhookClient};
use crate::notice::throttled::ThrottledNotice;
use crate::notice::{Notice, OnNotice};
use crate::sync::lock;

/// Waits before the second to the fifth attempt: about a minute in all.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15), Duration::from_secs(40)];

/// The longest `Retry-After` that an event in memory waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Events that wait, about 0.5 KiB each. A webhook that is down must not take the service's memory.
const MOST_PENDING: usize = 100_000;

/// Their bodies together, in bytes: four times of what so many are expected to take.
const MOST_BYTES: usize = 200 << 20;

/// Events on their way, in memory.
#[derive(Clone)]
pub(super) struct MemoryOutbox(Arc<Inner>);

struct Inner {
    webhook_client: WebhookClient,
    queue: Mutex<EventQueue>,
    /// For the deliveries: there is something to do.
    changed: Notify,
    /// Nothing waits.
    idle: Notify,
    losses: Arc<ThrottledNotice>,
    on_notice: OnNotice,
}

/// An event that waits for an attempt.
struct WaitingEvent {
    id: Uuid,
    body: Bytes,
    /// Attempts that failed.
    attempts: usize,
}

#[derive(Default)]
struct EventQueue {
    /// May be sent now.
    ready: VecDeque<WaitingEvent>,
    /// Wait for a later attempt.
    later: BTreeMap<(Instant, Uuid), WaitingEvent>,
    /// Events that wait or are under way, and the bytes of their bodies.
    pending: usize,
    bytes: usize,
    delivered: u64,
    failed: u64,
    /// The task that delivers runs.
    is_delivering: bool,
    /// How often everything was given up. Attempts that began before the last time count no more.
    abandoned: u64,
}

impl MemoryOutbox {
    pub(super) fn new(webhook_client: WebhookClient, on_notice: OnNotice) -> Self {
        let describe = |last: &str, count| {
            Notice::Undelivered(match count {
                1 => last.to_owned(),
                count => format!("{last} (events lost since the last such warning: {count})"),
            })
        };
        Self(Arc::new(Inner {
            webhook_client,
            queue: Mutex::default(),
            changed: Notify::new(),
            idle: Notify::new(),
            losses: ThrottledNotice::new(describe, Arc::clone(&on_notice)),
            on_notice,
        }))
    }

    /// Hands an event over. It is on its way when this returns; nothing waits for it.
    pub(super) fn post(&self, body: String) {
        let (id, body) = (Uuid::new_v4(), Bytes::from(body.into_boxed_str().into_boxed_bytes()));
        let mut queue = lock(&self.0.queue);
        let full = if queue.pending >= MOST_PENDING {
            format!("{MOST_PENDING} events wait already")
        } else if queue.bytes + body.len() > MOST_BYTES {
            format!("{} bytes of events wait already", queue.bytes)
        } else {
            queue.pending += 1;
            queue.bytes += body.len();
            queue.ready.push_back(WaitingEvent { id, body, attempts: 0 });
            if !std::mem::replace(&mut queue.is_delivering, true) {
                tokio::spawn(Arc::clone(&self.0).deliver(queue.abandoned));
            }
            drop(queue);
            return self.0.changed.notify_one();
        };
        queue.failed += 1;
        drop(queue);
        self.0.losses.add(format!("Analytics event {} was not delivered: {full}", webhook_client::id_of(id)));
    }

    /// Gives up what waits.
    pub(super) fn abandon(&self) {
        self.0.losses.report();
        let mut queue = lock(&self.0.queue);
        let left = queue.pending;
        let failed = queue.failed + left as u64;
        *queue =
            EventQueue { delivered: queue.delivered, failed, abandoned: queue.abandoned + 1, ..EventQueue::default() };
        drop(queue);
        if left > 0 {
            let events = if left == 1 { "event was" } else { "events were" };
            (self.0.on_notice)(Notice::Undelivered(format!(
                "{left} analytics {events} not delivered before the instance was closed"
            )));
            self.0.changed.notify_one();
            self.0.rest();
        }
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

    /// The same for the last time.
    pub(super) async fn finish(&self) {
        self.flush().await;
        self.0.losses.report();
    }

    /// Events not yet delivered or given up.
    pub(super) fn pending(&self) -> usize {
        lock(&self.0.queue).pending
    }

    /// Events delivered and given up so far.
    pub(super) fn settled(&self) -> (u64, u64) {
        let queue = lock(&self.0.queue);
        (queue.delivered, queue.failed)
    }
}

impl Inner {
    /// Delivers until nothing waits: one task for all events.
    async fn deliver(self: Arc<Self>, abandoned: u64) {
        let mut under_way = FuturesUnordered::new();
        loop {
            let next = {
                let mut queue = lock(&self.queue);
                if queue.abandoned != abandoned {
                    // The wake-up may have been for the task that began after this one.
                    return self.changed.notify_one();
                }
                if queue.pending == 0 {
                    queue.is_delivering = false;
                    return;
                }
                queue.wake(Instant::now());
                while under_way.len() < MOST_AT_ONCE
                    && let Some(event) = queue.ready.pop_front()
                {
                    under_way.push(self.attempt(event, abandoned));
                }
                queue.later.first_key_value().map(|((due, _), _)| *due)
            };
            tokio::select! {
                Some(()) = under_way.next() => {}
                () = self.changed.notified() => {}
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    async fn attempt(&self, mut event: WaitingEvent, abandoned: u64) {
        let id = webhook_client::id_of(event.id);
        let outcome = self.webhook_client.send(&id, &event.body).await;
        let mut queue = lock(&self.queue);
        if queue.abandoned != abandoned {
            return;
        }
        let lost = match outcome {
            Ok(()) => {
                queue.delivered += 1;
                None
            }
            Err(failure) => {
                let wait = WAITS.get(event.attempts).filter(|_| webhook_client::may_pass(&failure));
                if let Some(wait) = wait {
                    let asked = webhook_client::asked_wait(&failure).map(|asked| asked.min(LONGEST_WAIT));
                    let due = Instant::now() + asked.unwrap_or_else(|| webhook_client::spread(*wait));
                    event.attempts += 1;
                    queue.later.insert((due, event.id), event);
                    return;
                }
                queue.failed += 1;
                Some(failure.reason())
            }
        };
        queue.bytes -= event.body.len();
        queue.pending -= 1;
        let is_last = queue.pending == 0;
        drop(queue);
        if let Some(reason) = lost {
            let host = self.webhook_client.host();
            self.losses.add(format!("Analytics event {id} was not delivered to {host}: {reason}"));
        }
        if is_last {
            self.rest();
        }
    }

    /// Nothing waits any more.
    fn rest(&self) {
        self.idle.notify_waiters();
        (self.on_notice)(Notice::Idle);
    }
}

impl EventQueue {
    /// What is due may be sent.
    fn wake(&mut self, now: Instant) {
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            self.ready.push_back(first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::runtime::Handle;

    use super::*;

    type Heard = Arc<Mutex<Vec<Notice>>>;

    /// An outbox that sends to a port, and what it tells.
    fn outbox(port: u16) -> (MemoryOutbox, Heard) {
        let heard = Heard::default();
        let on_notice = {
            let heard = Arc::clone(&heard);
            move |notice| lock(&heard).push(notice)
        };
        (MemoryOutbox::new(WebhookClient::to_port(port), Arc::new(on_notice)), heard)
    }

    /// A webhook that takes connections and never answers.
    async fn silent() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    /// A port at which nobody listens.
    async fn refusing() -> u16 {
        silent().await.1
    }

    fn texts(heard: &Heard) -> Vec<String> {
        let texts = std::mem::take(&mut *lock(heard)).into_iter();
        texts.filter_map(|notice| if let Notice::Undelivered(text) = notice { Some(text) } else { None }).collect()
    }

    #[tokio::test]
    async fn waiting_events_are_bodies_and_no_tasks() {
        let (_listener, port) = silent().await;
        let (outbox, _) = outbox(port);
        for number in 0..40_000 {
            outbox.post(format!("{{\"number\":{number}}}"));
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let tasks = Handle::current().metrics().num_alive_tasks();
        assert!(tasks <= 2 * MOST_AT_ONCE, "{tasks} tasks");
        let queue = lock(&outbox.0.queue);
        assert_eq!((queue.pending, queue.ready.len()), (40_000, 40_000 - MOST_AT_ONCE));
        assert!(size_of::<WaitingEvent>() <= 64 && queue.bytes < 40_000 * 20);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_is_tried_five_times_in_about_a_minute() {
        let (outbox, heard) = outbox(refusing().await);
        let began = Instant::now();
        outbox.post("{}".into());
        outbox.finish().await;
        let took = began.elapsed().as_secs_f64();
        assert!((48.0..=72.0).contains(&took), "{took} s");
        assert_eq!(outbox.settled(), (0, 1));
        let text = texts(&heard).remove(0);
        assert!(
            text.starts_with("Analytics event msg_") && text.contains(" was not delivered to 127.0.0.1:"),
            "{text}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_lost_events_are_two_notices() {
        let (outbox, heard) = outbox(refusing().await);
        (0..1000).for_each(|_| outbox.post("{}".into()));
        outbox.finish().await;
        let texts = texts(&heard);
        assert_eq!((texts.len(), outbox.settled()), (2, (0, 1000)));
        assert!(texts[1].ends_with("(events lost since the last such warning: 999)"), "{}", texts[1]);
    }

    #[tokio::test]
    async fn what_is_given_up_is_counted_once_and_what_follows_is_sent() {
        let (_listener, port) = silent().await;
        let (outbox, heard) = outbox(port);
        (0..300).for_each(|_| outbox.post("{}".into()));
        tokio::task::yield_now().await;
        outbox.abandon();
        outbox.flush().await;
        assert_eq!((outbox.pending(), outbox.settled()), (0, (0, 300)));
        assert_eq!(texts(&heard), ["300 analytics events were not delivered before the instance was closed"]);
        outbox.post("{}".into());
        tokio::task::yield_now().await;
        assert_eq!(outbox.pending(), 1);
        assert!(lock(&outbox.0.queue).ready.is_empty());
    }

    #[tokio::test]
    async fn memory_has_a_bound() {
        let (_listener, port) = silent().await;
        let (outbox, heard) = outbox(port);
        let large = "x".repeat(MOST_BYTES / 2);
        for _ in 0..3 {
            outbox.post(large.clone());
        }
        assert_eq!((outbox.pending(), outbox.settled()), (2, (0, 1)));
        assert!(texts(&heard)[0].ends_with("bytes of events wait already"));
        (0..MOST_PENDING).for_each(|_| outbox.post(String::new()));
        assert_eq!((outbox.pending(), outbox.settled()), (MOST_PENDING, (0, 3)));
    }
}
