//! How a sandbox starts.

use crate::{Deployment, Limit, Route, Settings};

/// Requests kept in the log: a test's worth many times over, and under a gigabyte with bodies of a kilobyte.
pub(crate) const LOG_CAPACITY: usize = 200_000;

/// How a sandbox starts. The default is what a test wants: a free port, plain HTTP, everything logged, no limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// Speak TLS with a certificate made for this start, for `127.0.0.1` and `localhost`; HTTP/2 and HTTP/1.1.
    pub tls: bool,
    /// Threads that serve connections. One is deterministic, and enough for 20,000 requests a second.
    pub threads: usize,
    /// Whether requests are logged in full. Counters are kept in any case.
    pub log: bool,
    /// How many requests the log keeps; older ones are dropped. Webhook events have the same bound.
    pub log_capacity: usize,
    /// Rate limits from the start.
    pub limits: Vec<Limit>,
    /// Milliseconds that every answer of a route takes from the start; `None` stands for all routes.
    pub latency: Vec<(Option<Route>, f64)>,
    /// The deployments of web messaging; without one, every UUID is a deployment that is open to everybody.
    pub deployments: Vec<Deployment>,
    /// Lifetimes, credentials, keys.
    pub settings: Settings,
    /// Where the dice of faults with a probability start, so that a run can be repeated.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            tls: false,
            threads: 1,
            log: true,
            log_capacity: LOG_CAPACITY,
            limits: Vec::new(),
            latency: Vec::new(),
            deployments: Vec::new(),
            settings: Settings::default(),
            seed: 0,
        }
    }
}
