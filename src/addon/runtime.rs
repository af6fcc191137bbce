//! The core's own thread, started by the first call that needs it and shared by all environments of the process.

use std::sync::{Mutex, OnceLock};

use tokio::runtime::{Builder, Handle};

use crate::error::{Code, Error};
use crate::sync::lock;

/// Name lookups and certificate files; they are rare.
const MOST_BLOCKING_THREADS: usize = 4;

/// Never shut down: the end of the process ends it, and the module stays loaded as long as the process lives.
static RUNTIME: OnceLock<Handle> = OnceLock::new();
static STARTING: Mutex<()> = Mutex::new(());

/// The runtime, or why the system would not give us a thread. One thread keeps up with any JavaScript thread that feeds it; a
/// second one, or a scheduler that could have one, costs wake-ups.
pub(super) fn runtime() -> Result<&'static Handle, Error> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // Two environments may race to here.
    let _starting = lock(&STARTING);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let handle = start()
        .map_err(|error| Error::new(Code::Internal, format!("The native thread could not be started: {error}")))?;
    Ok(RUNTIME.get_or_init(|| handle))
}

fn start() -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(MOST_BLOCKING_THREADS)
        .thread_name("genesys-guest-io")
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("genesys-guest".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}
