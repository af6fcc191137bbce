//! What a test may script: faults, rate limits, latency.

mod fault;
mod fault_list;
mod invalid;
mod latency;
mod limit;
mod token_limit;

pub use fault::{Fault, Hangup, Matcher};
pub use fault_list::FaultInfo;
pub(crate) use fault_list::{Faults, Scripted};
pub(crate) use invalid::InvalidRule;
pub(crate) use latency::Latency;
pub(crate) use limit::Limits;
pub use limit::{Limit, RetryAfter};
pub use token_limit::TokenLimit;
pub(crate) use token_limit::TokenLimits;
