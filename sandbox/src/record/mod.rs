//! What was seen: the log and the counters.

mod counts;
mod headers;
mod log;
mod newest;

pub use counts::{Connections, Counts, RouteCounts};
pub(crate) use counts::{Flight, Gauges, Tally};
pub use headers::Headers;
pub(crate) use log::Log;
pub use log::LogEntry;
pub(crate) use newest::{Newest, Numbered};
