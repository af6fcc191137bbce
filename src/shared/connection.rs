//! The connection of an instance: made in the background, shared by all commands, made again when it breaks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use redis::{FromRedisValue, Value, from_redis_value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::command::Command;
use super::fault::{Remedy, StoreFault};
use super::refusals::{RECONNECT_MAX, Refusals, half_jitter, reconnect_delay};
use super::settings::RedisSettings;
use super::topology::{ServerConnection, open};
use crate::error::Error;
use crate::net::backoff::full_jitter;
use crate::sync::lock;

/// Limit for an attempt to connect. It may ask several servers, sentinels or nodes of a cluster, and one of them may hang.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Limit for one server of an attempt, TLS and login included. A server that works takes milliseconds.
const SERVER_LIMIT: Duration = Duration::from_millis(700);

/// A connection on which commands wait and no answer has come for this long is given up: its server hangs or was replaced.
const SILENCE: Duration = Duration::from_secs(1);

/// After this long without a connection, or with nothing but refusals, commands fail at once instead of waiting.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bounds of the wait before a command is repeated that the server refused for the moment.
const REPEAT_BASE: Duration = Duration::from_millis(20);
const REPEAT_MAX: Duration = Duration::from_millis(200);

/// The number of no connection.
const NONE: u64 = u64::MAX;

/// A connection to a shared store. Clones share it.
#[derive(Clone)]
pub(super) struct Redis(Arc<Inner>);

struct Inner {
    settings: RedisSettings,
    label: String,
    state: watch::Sender<ConnectionState>,
    /// When the last answer came.
    heard: Mutex<Instant>,
    /// The number of the last connection that brought an answer.
    answered: AtomicU64,
    refusals: Mutex<Refusals>,
    failures: AtomicU64,
    looks_again: AtomicBool,
}

/// A command that failed.
pub(super) struct FailedCommand {
    pub(super) error: Error,
    /// The server has understood the command and refuses it for good. Any other failure may pass by itself.
    pub(super) refused: bool,
}

impl From<Error> for FailedCommand {
    fn from(error: Error) -> Self {
        Self { error, refused: false }
    }
}

#[derive(Clone)]
enum ConnectionState {
    /// Nobody has wanted it yet.
    Idle,
    /// An attempt runs or waits for its time. The first one has no cause before it has failed.
    Down {
        /// From then on, commands do not wait for a connection.
        fails_at: Instant,
        cause: Option<StoreFault>,
    },
    Up {
        server: ServerConnection,
        number: u64,
    },
    Closed,
}

impl Redis {
    pub(super) fn new(settings: RedisSettings) -> Self {
        let label = settings.label();
        Self(Arc::new(Inner {
            settings,
            label,
            state: watch::Sender::new(ConnectionState::Idle),
            heard: Mutex::new(Instant::now()),
            answered: AtomicU64::new(NONE),
            refusals: Mutex::default(),
            failures: AtomicU64::new(0),
            looks_again: AtomicBool::new(false),
        }))
    }

    pub(super) fn settings(&self) -> &RedisSettings {
        &self.0.settings
    }

    /// Whether there is a connection, or none has failed yet.
    pub(super) fn is_available(&self) -> bool {
        matches!(
            *self.0.state.borrow(),
            ConnectionState::Idle | ConnectionState::Up { .. } | ConnectionState::Down { cause: None, .. }
        )
    }

    /// Starts connecting before anybody waits for it, where there is a runtime to do so.
    pub(super) fn start(&self) {
        if Handle::try_current().is_ok() {
            self.0.start();
        }
    }

    /// Commands that failed for good; hints are not among them.
    pub(super) fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Waits for a connection, which is made if there is none.
    pub(super) async fn ready(&self, until: Instant) -> Result<(), Error> {
        self.0.server(until).await.map(drop)
    }

    /// Sends a command, and repeats it while that can help and there is time. `build` gets the number of the attempt, because
    /// an earlier attempt that timed out or broke off may have taken effect.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        until: Instant,
        build: impl Fn(u32) -> Command + Send,
    ) -> Result<T, Error> {
        let outcome = self.hint(until, build).await;
        if outcome.is_err() {
            self.0.failures.fetch_add(1, Ordering::Relaxed);
        }
        outcome.map_err(|failed| failed.error)
    }

    /// The same for a command that the caller can do without; its failure does not count as a failure of the store.
    pub(super) async fn hint<T: FromRedisValue>(
        &self,
        until: Instant,
        build: impl Fn(u32) -> Command + Send,
    ) -> Result<T, FailedCommand> {
        let value = self.0.send(until, build).await?;
        from_redis_value(value).map_err(|_| self.0.unavailable(&StoreFault::BadAnswer).into())
    }

    /// Ends the connection; commands fail from now on.
    pub(super) fn close(&self) {
        self.0.state.send_replace(ConnectionState::Closed);
    }
}

impl Inner {
    async fn send(
        self: &Arc<Self>,
        until: Instant,
        build: impl Fn(u32) -> Command + Send,
    ) -> Result<Value, FailedCommand> {
        let mut in_full = false;
        let mut attempt = 0;
        loop {
            let (mut server, number) = self.server(until).await?;
            let cmd = build(attempt).to_cmd(in_full);
            let limit = until.min(Instant::now() + self.settings.command_timeout);
            let fault = match timeout_at(limit, server.send(&cmd)).await {
                Ok(Ok(value)) => match value.extract_error() {
                    Ok(value) => {
                        *lock(&self.heard) = Instant::now();
                        self.answered.store(number, Ordering::Relaxed);
                        return Ok(value);
                    }
                    Err(error) => error.into(),
                },
                Ok(Err(error)) => error.into(),
                Err(_) => StoreFault::NoAnswer(self.settings.command_timeout),
            };
            match fault.remedy() {
                Remedy::SendScript if !in_full => {
                    in_full = true;
                    continue;
                }
                Remedy::SendScript | Remedy::Fail => {
                    return Err(FailedCommand { error: self.unavailable(&fault), refused: true });
                }
                Remedy::Reconnect if self.answered.load(Ordering::Relaxed) == number => self.discard(number, &fault),
                // A server that hangs up on everybody refuses, too.
                Remedy::Reconnect | Remedy::ReconnectLater | Remedy::LogInLater => self.refused(number, &fault),
                Remedy::Wait if lock(&self.refusals).add(Instant::now()).elapsed() >= PATIENCE => {
                    return Err(self.unavailable(&fault).into());
                }
                Remedy::Wait | Remedy::Repeat => {
                    sleep_until(until.min(Instant::now() + half_jitter(REPEAT_BASE, REPEAT_MAX, attempt))).await;
                }
                Remedy::TimedOut if lock(&self.heard).elapsed() >= SILENCE => self.discard(number, &fault),
                Remedy::TimedOut if attempt > 0 && server.is_cluster() => self.look_again(number),
                Remedy::TimedOut => {}
            }
            if Instant::now() >= until {
                return Err(self.unavailable(&fault).into());
            }
            attempt += 1;
        }
    }

    /// The connection there is, or the next one.
    async fn server(self: &Arc<Self>, until: Instant) -> Result<(ServerConnection, u64), Error> {
        if let ConnectionState::Up { server, number } = &*self.state.borrow() {
            return Ok((server.clone(), *number));
        }
        self.start();
        let mut changes = self.state.subscribe();
        loop {
            let waits_until = match &*changes.borrow_and_update() {
                ConnectionState::Up { server, number } => return Ok((server.clone(), *number)),
                ConnectionState::Closed => return Err(Error::closed()),
                ConnectionState::Down { fails_at, .. } => until.min(*fails_at),
                ConnectionState::Idle => until,
            };
            if timeout_at(waits_until, changes.changed()).await.is_err() {
                return Err(self.unavailable(&self.complaint()));
            }
        }
    }

    /// Why there is no connection.
    fn complaint(&self) -> StoreFault {
        match &*self.state.borrow() {
            ConnectionState::Down { cause: Some(cause), .. } => cause.clone(),
            _ => StoreFault::NoConnectionYet,
        }
    }

    /// Starts connecting, unless that was done.
    fn start(self: &Arc<Self>) {
        let starts = self.state.send_if_modified(|state| {
            let is_idle = matches!(state, ConnectionState::Idle);
            if is_idle {
                *state = ConnectionState::Down { fails_at: Instant::now() + PATIENCE, cause: None };
            }
            is_idle
        });
        if starts {
            tokio::spawn(connect(Arc::downgrade(self), 0, Duration::ZERO));
        }
    }

    /// Gives a broken connection up and makes the next.
    fn discard(self: &Arc<Self>, broken: u64, cause: &StoreFault) {
        self.replace(broken, cause, Instant::now() + PATIENCE, || Duration::ZERO);
    }

    /// Gives a connection up whose server refuses, and makes the next one after a pause.
    fn refused(self: &Arc<Self>, refused: u64, cause: &StoreFault) {
        let since = lock(&self.refusals).add(Instant::now());
        let fails_at = if cause.remedy() == Remedy::LogInLater { Instant::now() } else { since + PATIENCE };
        self.replace(refused, cause, fails_at, || lock(&self.refusals).pause());
    }

    /// Makes a connection in the place of `old`, unless somebody has done so.
    fn replace(self: &Arc<Self>, old: u64, cause: &StoreFault, fails_at: Instant, pause: impl FnOnce() -> Duration) {
        let gives_up = self.state.send_if_modified(|state| {
            let is_current = matches!(state, ConnectionState::Up { number, .. } if *number == old);
            if is_current {
                *state = ConnectionState::Down { fails_at, cause: Some(cause.clone()) };
            }
            is_current
        });
        if gives_up {
            tokio::spawn(connect(Arc::downgrade(self), old + 1, pause()));
        }
    }

    /// One node of a cluster does not answer, others do: another one may have taken over what was its own. They are asked
    /// over a fresh connection, which takes the place of this one; until then, this one serves.
    fn look_again(self: &Arc<Self>, stale: u64) {
        if self.looks_again.swap(true, Ordering::SeqCst) {
            return;
        }
        let own = Arc::clone(self);
        tokio::spawn(async move {
            let opened = tokio::time::timeout(CONNECT_LIMIT, open(&own.settings, SERVER_LIMIT)).await;
            if let Ok(Ok(server)) = opened {
                own.state.send_if_modified(|state| {
                    let is_current = matches!(state, ConnectionState::Up { number, .. } if *number == stale);
                    if is_current {
                        *state = ConnectionState::Up { server, number: stale + 1 };
                    }
                    is_current
                });
            }
            sleep(full_jitter(RECONNECT_MAX, RECONNECT_MAX, 0)).await;
            own.looks_again.store(false, Ordering::SeqCst);
        });
    }

    fn unavailable(&self, cause: &StoreFault) -> Error {
        cause.at(&self.label)
    }
}

/// Connects after a pause, however often it takes; ends with the instance.
async fn connect(connection: Weak<Inner>, number: u64, pause: Duration) {
    sleep(pause).await;
    let mut attempt = 0;
    loop {
        let Some(inner) = connection.upgrade() else { return };
        if matches!(*inner.state.borrow(), ConnectionState::Closed) {
            return;
        }
        let opened = tokio::time::timeout(CONNECT_LIMIT, open(&inner.settings, SERVER_LIMIT)).await;
        let failure = match opened {
            Ok(Ok(server)) => {
                *lock(&inner.heard) = Instant::now();
                inner.state.send_if_modified(|state| {
                    let is_wanted = matches!(state, ConnectionState::Down { .. });
                    if is_wanted {
                        *state = ConnectionState::Up { server, number };
                    }
                    is_wanted
                });
                return;
            }
            Ok(Err(error)) => error.into(),
            Err(_) => StoreFault::NoConnection(CONNECT_LIMIT),
        };
        inner.state.send_if_modified(|state| {
            let ConnectionState::Down { fails_at, cause } = state else { return false };
            // Wakes those who wait, because the time at which they give up has changed.
            let is_hopeless = failure.remedy() == Remedy::LogInLater;
            if is_hopeless {
                *fails_at = Instant::now();
            }
            *cause = Some(failure);
            is_hopeless
        });
        drop(inner);
        sleep(reconnect_delay(attempt)).await;
        attempt += 1;
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
