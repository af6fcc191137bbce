//! What a call is to the network. Whoever sends it defines it, in one constant.

use super::exchange::Answer;
use super::limiter::RateLimitGroup;

/// A kind of request: how it is named, repeated, limited and connected.
#[derive(Debug)]
pub(crate) struct Operation {
    /// For messages: "… could not reach", "… got no answer".
    pub(crate) label: &'static str,
    /// The option of the configuration that names its host, for hints.
    pub(crate) option: &'static str,
    /// Whether it may be sent again.
    pub(crate) retry: RetrySafety,
    /// Limited with the other requests of this group, or not at all.
    pub(crate) limit: Option<RateLimitGroup>,
    /// Whose connections it uses.
    pub(crate) pool: ConnectionPool,
    /// How messages show the body of an answer that is not what was asked for.
    pub(crate) body: BodyStyle,
    /// Whether an answer asks to slow down, beside 429.
    pub(crate) is_throttle: fn(&Answer) -> bool,
}

impl Operation {
    /// Whether an answer asks to slow down.
    pub(super) fn is_throttled(&self, answer: &Answer) -> bool {
        answer.status == 429 || (self.is_throttle)(answer)
    }
}

/// Whether a request may be sent again after a fault that the server may have acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetrySafety {
    /// Sending it twice has the effect of sending it once.
    Repeatable,
    /// Twice at most: the second one finds out whether the first had its effect.
    RepeatableOnce,
    /// A second one could have a second effect: only when the server did not take the first.
    IfUnprocessed,
    /// There is no time for a second one.
    SingleTry,
}

impl RetrySafety {
    /// Whether a request that is lost with its connection is lost for good.
    pub(super) fn needs_live_connection(self) -> bool {
        matches!(self, Self::IfUnprocessed | Self::SingleTry)
    }
}

/// A share of the connections to an origin, with a bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionPool(usize);

impl ConnectionPool {
    pub(super) const COUNT: usize = 3;

    /// The pool of this number; in a constant, the compiler says where there is none.
    pub(crate) const fn new(number: usize) -> Self {
        assert!(number < Self::COUNT, "there are not so many pools");
        Self(number)
    }

    pub(super) fn index(self) -> usize {
        self.0
    }
}

/// How a message shows a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyStyle {
    /// As it is.
    Text,
    /// As JSON: what is none already becomes a string literal.
    Json,
}

/// For operations that know no other sign than 429.
pub(crate) fn no_other_throttle(_: &Answer) -> bool {
    false
}
