//! A request's place in line, and why it gets no turn.

use std::time::Duration;

/// A request's place in line; kept over its retries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(pub(super) u64);

/// The caller's turn comes after its deadline, in so long a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paused(pub(crate) Duration);
