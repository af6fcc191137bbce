//! A string that cannot be printed.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A credential: the client secret, an access token, a guest token, a refresh token or a signing key.
///
/// `Debug` shows `[secret]`, there is no `Display`, and the memory is wiped when the last clone is dropped. Cloning is
/// cheap: clones share one buffer.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes ownership of a credential.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(value.into())))
    }

    /// The credential itself. Every use is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same credential, in time that depends on the length alone.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }

    #[test]
    fn equality_compares_values() {
        assert!(Secret::new("a").same_as(&Secret::new("a")));
        assert!(!Secret::new("a").same_as(&Secret::new("ab")));
    }
}
