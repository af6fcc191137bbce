//! A request's place in line, and why it gets no turn.

use std::time::Duration;

use tokio::time::Instant;

/// A request's place in line; kept over its retries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(pub(super) u64);

/// The caller's turn comes after its deadline, in so long a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TooLate {
    /// The server said 429 and asked for a pause.
    Paused(Duration),
    /// As many requests have been made as the server is known to take.
    LimitReached(Duration),
}

/// When a request may go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Now,
    At(Instant),
    /// Whoever changes that calls.
    WhenCalled,
    Never(TooLate),
}
