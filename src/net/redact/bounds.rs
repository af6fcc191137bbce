//! How much of an answer is shown, and how much is looked at for it.

/// The most of a body that an error keeps, in bytes.
pub(super) const MAX_SHOWN_BYTES: usize = 4096;

/// The last boundary between characters up to a byte.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    if at >= text.len() { text.len() } else { (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0) }
}

/// Counts the bytes that are looked at, for the test that they are few.
pub(super) mod steps {
    #[cfg(test)]
    thread_local!(pub(in super::super) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) });

    #[cfg(test)]
    pub(in super::super) fn count(bytes: usize) {
        STEPS.with(|steps| steps.set(steps.get() + bytes));
    }

    #[cfg(not(test))]
    pub(in super::super) fn count(_: usize) {}
}
