//! Rules that make no sense.

/// What is wrong with a fault or a limit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidRule {
    #[error("status {0} is not one that an answer may have")]
    Status(u16),
    #[error("probability must lie between 0 and 1")]
    Probability,
    #[error("the header {0:?} cannot be sent")]
    Header(String),
    #[error("{0} is no code that a close frame may have")]
    CloseCode(u16),
    #[error("a limit needs a rate of at least 0 and a burst of at least 1")]
    Limit,
}
