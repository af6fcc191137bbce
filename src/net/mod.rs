//! Everything between a request and its answer: one HTTP client with limits, retries with a budget, and a rate limiter.
//!
//! - [`exchange`]: a request and its answer, with its size limit
//! - [`client`]: sends one within its deadline, over a client for each origin
//! - [`settings`]: how those make their connections
//! - [`classify`]: what its failure means
//! - [`fault`]: what can go wrong in one, and the error it becomes
//! - [`retry`]: when a request is repeated, and after which wait
//! - [`retry_after`], [`backoff`], [`budget`]: the parts of that decision
//! - [`limiter`]: how many requests go out, and how fast, alone or together with other processes
//! - [`flight`]: one piece of work shared by all who want it
//! - [`redact`]: answers made fit to be shown

pub(crate) mod backoff;
pub(crate) mod budget;
mod classify;
pub(crate) mod client;
pub(crate) mod exchange;
pub(crate) mod fault;
pub(crate) mod flight;
pub(crate) mod limiter;
pub(crate) mod redact;
pub(crate) mod retry;
pub(crate) mod retry_after;
pub(crate) mod settings;

pub use retry::Policy;
pub use settings::Settings;
