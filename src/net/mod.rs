//! Everything between a request and its answer: one HTTP client with limits, retries with a budget, and pacing.
//!
//! - [`exchange`]: a request and its answer, with its size limit
//! - [`client`]: sends one within its deadline, over a client for each origin
//! - [`settings`]: how those make their connections
//! - [`classify`]: what its failure means
//! - [`fault`]: what can go wrong in one, and the error it becomes
//! - [`retry`]: when a request is repeated, and after which wait
//! - [`retry_after`], [`backoff`], [`budget`]: the parts of that decision
//! - [`pacing`], [`rate`], [`lane`]: how many guest calls go out, and how fast
//! - [`fleet`], [`member`], [`courier`]: the same for all processes that share a limit
//! - [`flight`]: one piece of work shared by all who want it
//! - [`redact`]: answers made fit to be shown

pub(crate) mod backoff;
pub(crate) mod budget;
mod classify;
pub(crate) mod client;
mod courier;
pub(crate) mod exchange;
pub(crate) mod fault;
pub(crate) mod fleet;
pub(crate) mod flight;
pub(crate) mod lane;
mod member;
pub(crate) mod pacing;
mod rate;
pub(crate) mod redact;
pub(crate) mod retry;
pub(crate) mod retry_after;
pub(crate) mod settings;

pub use retry::Policy;
pub use settings::Settings;
