//! One process: how it sends a call, by strategy.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use genesys_guest_auth::benching::Limiter;
use tokio::time::Instant;

use crate::redis::{Connection, Redis};
use crate::server::Server;

/// The package's defaults.
const RETRIES: u32 = 3;
const BASE: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(20);
const MAX_IN_FLIGHT: u32 = 256;

/// To the API and back.
pub const ROUND_TRIP: Duration = Duration::from_millis(50);

/// The duplicate guard asks Redis before anything is sent.
const GUARD_MICROS: std::ops::Range<u64> = 1000..5000;

/// What a process does about a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Each call for itself: full jitter, three retries.
    Backoff,
    /// One limiter for each process.
    Independent,
    /// One limiter for all.
    Shared,
}

pub enum Caller {
    Backoff,
    Limited(Limiter),
}

impl Caller {
    pub fn new(strategy: Strategy, redis: &Arc<Redis>) -> Self {
        match strategy {
            Strategy::Backoff => Self::Backoff,
            Strategy::Independent => Self::Limited(Limiter::new(MAX_IN_FLIGHT)),
            Strategy::Shared => Self::Limited(Limiter::shared(MAX_IN_FLIGHT, Arc::new(Connection(Arc::clone(redis))))),
        }
    }

    /// One call; whether it was accepted by `deadline`.
    pub async fn call(&self, server: &Rc<Server>, deadline: Instant) -> bool {
        if let Self::Limited(limiter) = self {
            limiter.refresh();
        }
        tokio::time::sleep(Duration::from_micros(fastrand::u64(GUARD_MICROS))).await;
        let send = async || {
            tokio::time::sleep(ROUND_TRIP / 2).await;
            let answer = server.take();
            tokio::time::sleep(ROUND_TRIP / 2).await;
            answer
        };
        match self {
            Self::Limited(limiter) => limiter.call(RETRIES, deadline, send).await,
            Self::Backoff => {
                for attempt in 0..=RETRIES {
                    if send().await.is_ok() {
                        return true;
                    }
                    let wait = MOST.min(BASE * 2_u32.pow(attempt)).mul_f64(fastrand::f64());
                    if attempt == RETRIES || Instant::now() + wait >= deadline {
                        break;
                    }
                    tokio::time::sleep(wait).await;
                }
                false
            }
        }
    }
}
