//! Everything between a request and its answer: one HTTP client with limits, retries with a budget, and a rate limiter.
//!
//! - [`operation`]: what a call is to the network; who sends it says so
//! - [`exchange`]: a request and its answer
//! - [`receive`]: reads one within its size limit
//! - [`client`]: sends one within its deadline
//! - [`web_socket`]: opens a socket
//! - [`origin`]: the connections to one host, and what its answers teach about them
//! - [`settings`], [`tls`], [`authorities`], [`proxies`], [`tunnel`], [`resolver`]: how connections are made
//! - [`classify`], [`cause`], [`certificate_error`]: what its failure means
//! - [`fault`]: what can go wrong in one, and the error it becomes
//! - [`retry`]: when a request is repeated, and after which wait
//! - [`retry_after`], [`backoff`], [`budget`]: the parts of that decision
//! - [`limiter`]: how many requests go out, and how fast, alone or together with other processes
//! - [`redact`]: answers made fit to be shown

mod authorities;
pub(crate) mod backoff;
pub(crate) mod budget;
pub(crate) mod cause;
mod certificate_error;
mod classify;
pub(crate) mod client;
pub(crate) mod exchange;
pub(crate) mod fault;
pub(crate) mod limiter;
pub(crate) mod operation;
mod origin;
mod proxies;
mod receive;
pub(crate) mod redact;
mod resolver;
pub(crate) mod retry;
pub(crate) mod retry_after;
pub(crate) mod settings;
mod tls;
mod tunnel;
pub(crate) mod web_socket;

pub use limiter::sliding_window::RateLimit;
pub use retry::Policy;
pub use settings::{ProxyChoice, Settings};
