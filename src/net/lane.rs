//! The kinds of call that the API limits apart.

/// One kind of call, paced apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A guest is created.
    Create,
    /// A guest's token is refreshed.
    Refresh,
    /// A guest's attributes are set.
    Attributes,
    /// A channel is looked up.
    Channel,
}

/// How many kinds there are.
pub const LANES: usize = 4;
