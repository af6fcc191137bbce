//! Which requests the server counts against the same limit.

/// How many groups there are.
pub const GROUPS: usize = 4;

/// Requests that are limited together; each group has its own queue, window and rate. Who sends them defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitGroup {
    number: usize,
    has_token: bool,
}

impl RateLimitGroup {
    /// The group of this number. Its requests carry the access token, so that its limit holds for them.
    ///
    /// # Panics
    ///
    /// If `number` is not below [`GROUPS`]; in a constant, the compiler says so.
    #[must_use]
    pub const fn new(number: usize) -> Self {
        assert!(number < GROUPS, "there are not so many groups");
        Self { number, has_token: true }
    }

    /// The same for requests that do without the access token.
    #[must_use]
    pub const fn without_access_token(self) -> Self {
        Self { has_token: false, ..self }
    }

    /// Whether the limit of the access token holds for it.
    #[must_use]
    pub const fn has_access_token(self) -> bool {
        self.has_token
    }

    /// Its number.
    #[must_use]
    pub const fn index(self) -> usize {
        self.number
    }
}
