//! Which call of the user's a task works for. Functions of the user's that the core calls are told, so that they run in that
//! call's context.

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
