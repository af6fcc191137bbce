//! A live session that its own guest comes back to. The session stays what it is until the call has succeeded.

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::key::KeyHash;

/// Gives the session another end, unless it was ended meanwhile.
type Keep = dyn FnOnce(Instant) -> BoxFuture<'static, ()> + Send + Sync;

/// A session that is taken over.
pub(crate) struct TakenOver {
    pub(super) key: KeyHash,
    pub(super) keep: Box<Keep>,
}
