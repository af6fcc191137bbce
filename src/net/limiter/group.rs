//! Which requests the server counts against the same limit.

/// How many groups there are.
pub const GROUPS: usize = 4;

/// Requests that are limited together; each group has its own queue, window and rate. Who sends them defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitGroup(usize);

impl RateLimitGroup {
    /// The group of this number.
    ///
    /// # Panics
    ///
    /// If `number` is not below [`GROUPS`]; in a constant, the compiler says so.
    #[must_use]
    pub const fn new(number: usize) -> Self {
        assert!(number < GROUPS, "there are not so many groups");
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}
