//! Session keys, and the keyed hashes under which everything about a session is kept.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::text::Text;

/// The keyed hash of a session key, or of another text that nobody else should learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct KeyHash(pub(crate) [u8; 16]);

/// Hashes under a secret of this process, or of all processes that share a store. Strangers choose the addresses in
/// session keys: without the secret they can neither be guessed from a hash nor be chosen to collide.
#[derive(Clone)]
pub(crate) struct KeyHasher(Hmac<Sha256>);

impl KeyHasher {
    /// Under a secret of this process.
    pub(crate) fn random() -> Self {
        let mut secret = [0; 32];
        // Without entropy the store still works; only the protection against chosen collisions is gone.
        let _ = getrandom::fill(&mut secret);
        Self::under(&secret)
    }

    /// Under a secret that others know too.
    pub(crate) fn under(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes any key")))
    }

    /// The first half of the HMAC-SHA-256 of a text.
    pub(crate) fn hash(&self, text: &str) -> KeyHash {
        let digest = self.0.clone().chain_update(text).finalize().into_bytes();
        KeyHash(std::array::from_fn(|i| digest[i]))
    }
}

/// `${email.toLowerCase()}::${channelId}`.
#[must_use]
pub(crate) fn session_key(email: &Text, channel_id: &Text) -> Text {
    Text::concat(&[&email.to_lowercase(), &"::".into(), channel_id])
}
