//! Which call of the user's a task works for, and what its exchanges share. Functions of the user's that the core calls are
//! told, so that they run in that call's context.

use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

tokio::task_local! {
    static CALLER: u32;
}

/// Runs `work` for the call that the user knows by this number.
#[cfg_attr(not(feature = "addon"), expect(dead_code, reason = "calls from Rust have no number"))]
pub(crate) fn scope<F: Future>(caller: u32, work: F) -> impl Future<Output = F::Output> {
    CALLER.scope(caller, work)
}

/// The call that the running task works for; none in tasks that serve several, and in Rust programs.
pub(crate) fn current() -> Option<u32> {
    CALLER.try_with(|caller| *caller).ok()
}

/// One call of the user's: what its exchanges share.
#[derive(Debug, Clone)]
pub(crate) struct CallContext {
    /// `X-Genesys-Request-Id`, the same on every attempt.
    pub(crate) request_id: String,
    /// The same as a header.
    pub(crate) request_id_header: HeaderValue,
    /// End of the whole call.
    pub(crate) deadline: Instant,
    /// The call as the user knows it; of a task that serves several, the first one's.
    pub(crate) caller: Option<u32>,
}

impl CallContext {
    pub(crate) fn new(total: Duration) -> Self {
        let request_id = uuid::Uuid::new_v4().to_string();
        let header = HeaderValue::from_str(&request_id).unwrap_or_else(|_| unreachable!("a UUID is ASCII"));
        Self { request_id, request_id_header: header, deadline: Instant::now() + total, caller: current() }
    }
}
