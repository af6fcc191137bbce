//! When a request is repeated, and after which wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use super::backoff::{self, TRANSIENT_BASE};
use super::budget::{Budget, Reason};
use super::client::Http;
use super::exchange::{Answer, Exchange};
use super::fault::{Failure, Fault};
use super::limiter::{AdaptiveLimiter, Announcement, Limits, Permit, TooLate};
use super::operation::{Operation, RetrySafety};
use super::retry_after;
use super::web_socket::{Handshake, WebSocketConnection};

/// How often, how soon and for how long requests are repeated.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Repeats after the first attempt.
    pub max_retries: u32,
    /// Base of the back-off when throttled without a `Retry-After`.
    pub base_delay: Duration,
    /// Cap of every back-off.
    pub max_delay: Duration,
    /// The longest `Retry-After` that is waited for.
    pub max_retry_after: Duration,
}

/// What a send needs beside its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendOptions {
    pub(crate) operation: &'static Operation,
    /// Limit for one exchange.
    pub(crate) timeout: Duration,
    /// End of the whole call, with its retries and queueing.
    pub(crate) deadline: Instant,
}

/// What an attempt can bring.
pub(crate) trait Success: Sized {
    /// Itself, but an answer that refuses is a fault.
    fn judged(self) -> Result<Self, Fault> {
        Ok(self)
    }

    /// Those of an answer.
    fn headers(&self) -> Option<&HeaderMap> {
        None
    }
}

impl Success for Answer {
    fn judged(self) -> Result<Self, Fault> {
        if self.is_success() { Ok(self) } else { Err(Fault::Status(self.into())) }
    }

    fn headers(&self) -> Option<&HeaderMap> {
        Some(&self.headers)
    }
}

/// Sends requests and repeats them where that is safe.
pub(crate) struct Sender {
    http: Http,
    policy: Policy,
    pub(crate) limiter: AdaptiveLimiter,
    budget: Budget,
    /// Requests sent again, for the metrics.
    pub(crate) retries: AtomicU64,
    /// Answers that asked to slow down, for the metrics.
    pub(crate) throttled: AtomicU64,
}

impl Sender {
    pub(crate) fn new(http: Http, policy: Policy, limits: Limits) -> Self {
        Self {
            http,
            policy,
            limiter: AdaptiveLimiter::new(limits),
            budget: Budget::default(),
            retries: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        }
    }

    /// As if no answer had come so far.
    pub(crate) fn reset(&self) {
        self.limiter.reset();
        self.budget.reset();
    }

    /// Closes the connections; everything fails from now on.
    pub(crate) fn release(&self) {
        self.http.release();
    }

    /// One exchange without retries or limiter.
    pub(crate) async fn once(&self, options: SendOptions, build: impl Fn() -> Exchange) -> Result<Answer, Failure> {
        let SendOptions { operation, timeout, deadline } = options;
        let failed = |fault| failure(options, fault, 1, None);
        self.http.send(build, operation, timeout, deadline).await.and_then(Answer::judged).map_err(failed)
    }

    /// Sends until there is a 2xx answer, with the number of requests that it took, or no point in going on. `build` makes the
    /// request anew for each attempt.
    pub(crate) async fn send(
        &self,
        options: SendOptions,
        build: impl Fn() -> Exchange,
    ) -> Result<(Answer, u32), Failure> {
        let SendOptions { operation, timeout, deadline } = options;
        self.send_by(options, || self.http.send(&build, operation, timeout, deadline)).await
    }

    /// Opens a WebSocket, once.
    pub(crate) async fn connect(
        &self,
        handshake: &Handshake,
        options: SendOptions,
    ) -> Result<WebSocketConnection, Fault> {
        self.http.connect(handshake, options.operation, options.deadline).await
    }

    /// The same for an exchange of another kind.
    pub(crate) async fn send_by<T, F>(&self, options: SendOptions, attempt: impl Fn() -> F) -> Result<(T, u32), Failure>
    where
        T: Success,
        F: Future<Output = Result<T, Fault>>,
    {
        let ticket = options.operation.limit.map(|group| (group, self.limiter.ticket()));
        let mut attempts = 0;
        let mut paid = 0;
        loop {
            let permit = match ticket {
                Some((group, ticket)) => {
                    let waiting_since = Instant::now();
                    match tokio::time::timeout_at(options.deadline, self.limiter.admit(group, ticket, options.deadline))
                        .await
                    {
                        Ok(Ok(permit)) => Some(permit),
                        Ok(Err(TooLate::Paused(wait))) => {
                            return Err(failure(options, Fault::Paused { wait }, attempts, None));
                        }
                        Ok(Err(TooLate::LimitReached(wait))) => {
                            return Err(failure(options, Fault::LimitReached { wait }, attempts, None));
                        }
                        Err(_) => {
                            let fault = Fault::NoTurn { after: waiting_since.elapsed() };
                            return Err(failure(options, fault, attempts, None));
                        }
                    }
                }
                None => None,
            };
            attempts += 1;
            let fault = match attempt().await.and_then(T::judged) {
                Ok(success) => {
                    if let Some(permit) = permit {
                        permit.accepted(success.headers().and_then(|headers| self.announcement(headers)));
                    }
                    self.budget.refund(paid);
                    return Ok((success, attempts));
                }
                Err(fault) => fault,
            };
            if matches!(fault, Fault::Queued { .. }) {
                permit.into_iter().for_each(Permit::unsent);
                return Err(failure(options, fault, attempts - 1, None));
            }
            let asked = asked_wait(&fault);
            let is_throttled = is_throttle(options.operation, &fault);
            let decision = self.decide(options, &fault, attempts - 1, asked);
            if is_throttled {
                self.throttled.fetch_add(1, Ordering::Relaxed);
                if let Some(permit) = permit {
                    let wait = decision.map(|(_, wait)| wait).or(asked).unwrap_or(self.policy.base_delay);
                    // A mistyped `Retry-After` must not end a service.
                    permit.throttled(wait.min(self.policy.max_retry_after));
                }
            } else if let Some(permit) = permit {
                match &fault {
                    Fault::Status(answer) => permit.accepted(self.announcement(&answer.headers)),
                    Fault::Unreached { .. } | Fault::Setup(_) => permit.unsent(),
                    _ => {}
                }
            }
            let Some((reason, wait)) = decision else { return Err(failure(options, fault, attempts, asked)) };
            let Some(cost) = self.budget.take(reason) else { return Err(failure(options, fault, attempts, asked)) };
            paid += cost;
            self.retries.fetch_add(1, Ordering::Relaxed);
            // A limited request waits for the end of the pause that its 429 has just begun.
            if !(is_throttled && options.operation.limit.is_some()) {
                tokio::time::sleep(wait).await;
            }
        }
    }

    fn announcement(&self, headers: &HeaderMap) -> Option<Announcement> {
        Announcement::parse(headers, self.policy.max_retry_after)
    }

    /// Whether to try again and after which wait. `done` repeats have been made.
    fn decide(
        &self,
        options: SendOptions,
        fault: &Fault,
        done: u32,
        asked: Option<Duration>,
    ) -> Option<(Reason, Duration)> {
        if done >= self.policy.max_retries {
            return None;
        }
        let may_repeat = match options.operation.retry {
            RetrySafety::Repeatable => true,
            RetrySafety::RepeatableOnce => done == 0,
            RetrySafety::IfUnprocessed | RetrySafety::SingleTry => false,
        };
        let reason = match fault {
            _ if is_throttle(options.operation, fault) => Reason::Throttled,
            Fault::Unreached { cause, .. } if !cause.is_lasting() => Reason::Transient,
            Fault::Status(answer) if answer.status == 503 && asked.is_some() => Reason::Transient,
            Fault::Status(answer) if may_repeat && matches!(answer.status, 500 | 502..=504) => Reason::Transient,
            Fault::Broken { cause, .. } if may_repeat && !cause.is_lasting() => Reason::Transient,
            Fault::TimedOut { .. } if may_repeat => Reason::Transient,
            _ => return None,
        };
        let base = if reason == Reason::Throttled { self.policy.base_delay } else { TRANSIENT_BASE };
        // A wait of nothing is no answer to "when".
        let wait = asked
            .filter(|asked| !asked.is_zero())
            .unwrap_or_else(|| backoff::full_jitter(base, self.policy.max_delay, done));
        let in_time =
            asked.is_none_or(|asked| asked <= self.policy.max_retry_after) && Instant::now() + wait < options.deadline;
        in_time.then_some((reason, wait))
    }
}

fn failure(options: SendOptions, fault: Fault, attempts: u32, retry_after: Option<Duration>) -> Failure {
    Failure { operation: options.operation, fault, attempts, retry_after }
}

fn asked_wait(fault: &Fault) -> Option<Duration> {
    match fault {
        Fault::Status(answer) => retry_after::parse(&answer.headers),
        _ => None,
    }
}

fn is_throttle(operation: &Operation, fault: &Fault) -> bool {
    matches!(fault, Fault::Status(answer) if operation.is_throttled(answer))
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
