//! Signatures as Standard Webhooks defines them: `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secret::Secret;

/// The specification's prefix for a serialised secret; optional here, as in its reference libraries.
const PREFIX: &str = "whsec_";

/// Signs webhook bodies.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer for a base64 secret, with or without `whsec_`; `None` when it is neither.
    #[must_use]
    pub fn new(secret: &Secret) -> Option<Self> {
        let encoded = secret.expose();
        let key =
            STANDARD.decode(encoded.strip_prefix(PREFIX).unwrap_or(encoded)).ok().filter(|key| !key.is_empty())?;
        Hmac::new_from_slice(&key).ok().map(Self)
    }

    /// The value of `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mac = self
            .0
            .clone()
            .chain_update(id)
            .chain_update(".")
            .chain_update(timestamp)
            .chain_update(".")
            .chain_update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_specifications_example() {
        let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for secret in ["", "whsec_", "not base64!", "whsec_***"] {
            assert!(Signer::new(&Secret::new(secret)).is_none(), "{secret}");
        }
    }
}
