//! How much of an answer is shown, and what stands for a credential in it.

/// The most of a body that an error keeps, in bytes.
pub(super) const MAX_SHOWN_BYTES: usize = 4096;

pub(super) const REPLACEMENT: &str = "[redacted]";

/// The last boundary between characters up to a byte.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    if at >= text.len() { text.len() } else { (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0) }
}
