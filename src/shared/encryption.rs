//! What another process may read, and nobody else: key names and values under keys that derive from the client secret.
//!
//! An encrypted value is a version byte, a random nonce of 96 bits, and AES-256-GCM of the value with the key's name as
//! associated data: a value that was moved to another key, cut, changed or made by somebody else cannot be decrypted.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::secret::Secret;

/// The format of encrypted values. Another one is refused: an old process must not guess at what a new one wrote.
const VERSION: u8 = 1;

/// RFC 5869: the salt separates this package's keys from what else may derive from the same secret.
const SALT: &[u8] = b"genesys-guest-auth/shared-store/1";

const KEY_BYTES: usize = 32;

/// Derives independent keys from a client secret.
pub(super) struct KeyMaterial<'a>(pub(super) &'a Secret);

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl KeyMaterial<'_> {
    /// A key for one purpose, which `label` names.
    pub(super) fn derive(&self, label: &str) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        let info = [label.as_bytes()];
        let material = Salt::new(HKDF_SHA256, SALT).extract(self.0.expose().as_bytes());
        let filled = material.expand(&info, KeyLength).and_then(|okm| okm.fill(&mut key));
        filled.unwrap_or_else(|_| unreachable!("HKDF-SHA-256 gives up to 8160 bytes"));
        key
    }
}

/// Encrypts and decrypts values.
pub(super) struct Encryption(LessSafeKey);

impl Encryption {
    pub(super) fn new(material: &KeyMaterial<'_>) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &material.derive("values"));
        Self(LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key has the length that AES-256 takes"))))
    }

    /// `None` where the system has no random numbers.
    pub(super) fn encrypt(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut text = value.to_vec();
        let aad = Aad::from(name.as_bytes());
        self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text).ok()?;
        Some([&[VERSION], nonce.as_slice(), &text].concat())
    }

    /// `None` for what was not encrypted here under this name.
    pub(super) fn decrypt(&self, name: &str, encrypted: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = encrypted.split_first()?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        if *version != VERSION {
            return None;
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        self.0.open_in_place(nonce, Aad::from(name.as_bytes()), &mut text).ok().map(|value| value.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn under(secret: &str) -> Encryption {
        Encryption::new(&KeyMaterial(&Secret::new(secret)))
    }

    #[test]
    fn labels_and_secrets_make_independent_keys() {
        let (a, b) = (Secret::new("a"), Secret::new("b"));
        let derive = |secret, label| KeyMaterial(secret).derive(label);
        assert_eq!(derive(&a, "names"), derive(&a, "names"));
        assert_ne!(derive(&a, "names"), derive(&a, "values"));
        assert_ne!(derive(&a, "names"), derive(&b, "names"));
    }

    #[test]
    fn a_value_is_decrypted_under_its_own_name_and_secret_alone() {
        let encrypted = under("s").encrypt("k", b"token").unwrap();
        assert_eq!(under("s").decrypt("k", &encrypted).unwrap(), b"token");
        assert!(under("s").decrypt("other", &encrypted).is_none());
        assert!(under("t").decrypt("k", &encrypted).is_none());
        assert_ne!(under("s").encrypt("k", b"token").unwrap(), encrypted);
    }

    proptest! {
        #[test]
        fn what_was_changed_or_cut_is_not_decrypted(value: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            let encrypted = under("s").encrypt("k", &value).unwrap();
            prop_assert_eq!(under("s").decrypt("k", &encrypted), Some(value));
            let mut changed = encrypted.clone();
            changed[at.index(encrypted.len())] ^= 1 << bit;
            prop_assert!(under("s").decrypt("k", &changed).is_none());
            prop_assert!(under("s").decrypt("k", &encrypted[..at.index(encrypted.len())]).is_none());
        }

        #[test]
        fn strange_bytes_are_not_decrypted(bytes: Vec<u8>) {
            prop_assert!(under("s").decrypt("k", &bytes).is_none());
        }
    }
}
