//! Everything between a request and its answer: one HTTP client with limits, retries with a budget, and pacing.
//!
//! - [`client`]: one exchange, with its deadline and size limit
//! - [`transport`]: the connections that it goes over
//! - [`route`]: the way to a host, straight or through a proxy
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
mod route;
mod transport;

pub use client::Settings;
pub use retry::Policy;
