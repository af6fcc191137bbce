//! The guest token's signature: `body.signature`, the first 16 hex digits of HMAC-SHA-256 over the part before the last dot.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::error::{Code, Error};
use crate::hint::Hint;
use crate::secret::Secret;

const HEX_DIGITS: usize = 16;

/// The key, scheduled once.
#[derive(Clone)]
pub struct TokenVerifier(Hmac<Sha256>);

impl TokenVerifier {
    /// A verifier for tokens signed with `key`.
    #[must_use]
    pub fn new(key: &Secret) -> Self {
        // HMAC takes keys of any length (RFC 2104 §2), so there is no error to see here.
        Self(Hmac::new_from_slice(key.expose().as_bytes()).unwrap_or_else(|_| unreachable!("HMAC takes any key")))
    }

    /// Checks a token in time that does not depend on where its signature differs.
    pub fn verify(&self, token: &str) -> Result<(), Error> {
        let genuine = token.rsplit_once('.').is_some_and(|(body, signature)| {
            let digest = self.0.clone().chain_update(body).finalize().into_bytes();
            // Lengths are public; `ct_eq` of different lengths is false.
            hex(&digest[..HEX_DIGITS / 2]).as_bytes().ct_eq(signature.as_bytes()).into()
        });
        if genuine {
            return Ok(());
        }
        let message = "Token signature verification failed. Payload may be tampered.";
        Err(Error::new(Code::SignatureInvalid, message).with_hint(Hint::Signature))
    }
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenVerifier")
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char])
        .collect()
}

/// HMAC-SHA-256 of `data`, in lower-case hexadecimal.
pub(crate) fn hmac_hex(key: &Secret, data: &str) -> String {
    hex(&hmac(key, data))
}

/// HMAC-SHA-256 of `data`.
pub(crate) fn hmac(key: &Secret, data: &str) -> [u8; 32] {
    let TokenVerifier(mac) = TokenVerifier::new(key);
    mac.chain_update(data).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verifier() -> TokenVerifier {
        TokenVerifier::new(&Secret::new("acme-guest-signing-key"))
    }

    fn sign(body: &str) -> String {
        format!("{body}.{}", &hmac_hex(&Secret::new("acme-guest-signing-key"), body)[..HEX_DIGITS])
    }

    #[test]
    fn agrees_with_openssl() {
        // printf 'header.payload' | openssl dgst -sha256 -hmac acme-guest-signing-key
        assert_eq!(sign("header.payload"), "header.payload.24134a08077f9e22");
    }

    #[test]
    fn tokens_without_a_whole_signature_are_refused() {
        let good = sign("body");
        for token in [
            "",
            ".",
            "body",
            "body.",
            &good[..good.len() - 1],
            &format!("{good}0"),
            &good.to_uppercase(),
            &format!("{good} "),
        ] {
            assert_eq!(verifier().verify(token).unwrap_err().code(), Code::SignatureInvalid, "{token}");
        }
        assert!(verifier().verify(&good).is_ok());
        assert!(verifier().verify(&sign("")).is_ok());
    }

    proptest! {
        #[test]
        fn signed_tokens_verify_and_changed_ones_do_not(body in ".{0,80}", at in any::<prop::sample::Index>()) {
            let token = sign(&body);
            prop_assert!(verifier().verify(&token).is_ok());
            let mut bytes = token.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert!(verifier().verify(&changed).is_err());
            }
        }
    }
}
