//! Counts the bytes that are looked at, for the test that they are few.

#[cfg(test)]
thread_local!(pub(super) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) });

#[cfg(test)]
pub(super) fn count(bytes: usize) {
    STEPS.with(|steps| steps.set(steps.get() + bytes));
}

#[cfg(not(test))]
pub(super) fn count(_: usize) {}
