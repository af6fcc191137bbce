//! Open, closing, closed: refuses new calls after `close` and knows when the running ones have ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::analytics::Outbox;
use crate::error::Error;
use crate::net::retry::Sender;

const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Counts the calls of an instance.
pub(crate) struct Lifecycle {
    sender: Arc<Sender>,
    outbox: Option<Outbox>,
    closed: AtomicBool,
    running: AtomicUsize,
    ended: Notify,
    cancelled: Notify,
    is_cancelled: AtomicBool,
}

/// One running call.
pub(crate) struct RunningCall(Arc<Lifecycle>);

impl Lifecycle {
    /// For an instance that sends with `sender` and delivers with `outbox`.
    pub(crate) fn new(sender: Arc<Sender>, outbox: Option<Outbox>) -> Arc<Self> {
        Arc::new(Self {
            sender,
            outbox,
            closed: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            ended: Notify::new(),
            cancelled: Notify::new(),
            is_cancelled: AtomicBool::new(false),
        })
    }

    /// Begins a call now, or refuses it because the instance is closed; its future may be polled later.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<RunningCall, Error> {
        // Counted first: `close` must either see this call or be seen by it.
        self.running.fetch_add(1, Ordering::SeqCst);
        let running = RunningCall(Arc::clone(self));
        if self.closed.load(Ordering::SeqCst) { Err(Error::closed()) } else { Ok(running) }
    }

    /// Refuses calls from now on, before the future is first polled. It ends when the running calls and the deliveries
    /// have ended; what outlasts `limit` is cancelled or given up.
    pub(crate) fn close(self: &Arc<Self>, limit: Option<Duration>) -> impl Future<Output = ()> + Send + use<> {
        let own = Arc::clone(self);
        own.refuse();
        async move {
            let ended = async {
                own.drained().await;
                if let Some(outbox) = &own.outbox {
                    outbox.finish().await;
                }
            };
            // Without a limit, the calls' own deadlines and the outbox's last attempt end it.
            if tokio::time::timeout(limit.unwrap_or(NO_LIMIT), ended).await.is_err() {
                own.cancel();
                own.drained().await;
                if let Some(outbox) = &own.outbox {
                    outbox.abandon().await;
                }
            }
            own.sender.release();
        }
    }

    /// Refuses calls from now on.
    fn refuse(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Ends the calls that run.
    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        self.cancelled.notify_waiters();
    }

    /// Waits for the calls that run.
    async fn drained(&self) {
        loop {
            let ended = self.ended.notified();
            if self.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Calls that run.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
}

impl RunningCall {
    /// Does the call's work. When `close` has reached its limit, the work is dropped and the call fails with
    /// [`Error::closed`]. `work` makes the future in place: a future that is handed over would be kept twice.
    pub(crate) async fn run<T, F>(self, work: impl FnOnce() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let cancelled = self.0.cancelled.notified();
        if self.0.is_cancelled.load(Ordering::SeqCst) {
            return Err(Error::closed());
        }
        tokio::select! {
            biased;
            outcome = work() => outcome,
            () = cancelled => Err(Error::closed()),
        }
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::net::client::Http;
    use crate::net::limiter::Limits;
    use crate::net::retry::Policy;
    use crate::net::settings::Settings;

    fn lifecycle() -> Arc<Lifecycle> {
        let none = Duration::ZERO;
        let policy = Policy { max_retries: 0, base_delay: none, max_delay: none, max_retry_after: none };
        Lifecycle::new(Arc::new(Sender::new(Http::new(Settings::default()), policy, Limits::in_flight(1))), None)
    }

    #[tokio::test]
    async fn closing_waits_for_running_calls_and_refuses_new_ones() {
        let lifecycle = lifecycle();
        let running = lifecycle.enter().unwrap();
        let closing = async {
            lifecycle.refuse();
            lifecycle.drained().await;
            assert_eq!(lifecycle.running(), 0);
        };
        let ending = async {
            tokio::task::yield_now().await;
            assert_eq!(lifecycle.enter().map(drop).unwrap_err().code(), Code::Closed);
            drop(running);
        };
        tokio::join!(closing, ending);
    }

    #[tokio::test]
    async fn a_call_that_outlasts_the_patience_is_ended() {
        let lifecycle = lifecycle();
        let Ok(running) = lifecycle.enter() else { panic!("refused") };
        let call = running.run(std::future::pending::<Result<(), Error>>);
        let closing = async {
            lifecycle.refuse();
            lifecycle.cancel();
            lifecycle.drained().await;
        };
        let (outcome, ()) = tokio::join!(call, closing);
        assert_eq!(outcome.unwrap_err().code(), Code::Closed);
    }
}
