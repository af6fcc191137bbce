//! The core's own threads, started by the first call that needs them and shared by all environments of the process.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// One thread keeps up with any JavaScript thread that feeds it, and a second one costs wake-ups.
const WORKERS: usize = 1;

/// Name lookups and certificate files; they are rare.
const MOST_BLOCKING_THREADS: usize = 4;

/// Never shut down: the end of the process ends it, and the module stays loaded as long as the process lives.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// The runtime, or why the system would not give us threads.
pub(super) fn runtime() -> napi::Result<&'static Runtime> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(MOST_BLOCKING_THREADS)
        .thread_name("genesys-guest")
        .enable_all()
        .build()
        .map_err(|error| napi::Error::from_reason(format!("The native threads could not be started: {error}")))?;
    // Two environments may have raced to here; the loser's runtime is dropped, unused.
    Ok(RUNTIME.get_or_init(|| runtime))
}
