//! What another process may read, and nobody else: key names and values under keys that derive from the client secret.
//!
//! A sealed value is a version byte, a random nonce of 96 bits, and AES-256-GCM of the value with the key's name as
//! associated data: a value that was moved to another key, cut, changed or made by somebody else does not open.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::secret::Secret;

/// The format of sealed values. Another one is refused: an old process must not guess at what a new one wrote.
const VERSION: u8 = 1;

/// RFC 5869: the salt separates this package's keys from what else may derive from the same secret.
const SALT: &[u8] = b"genesys-guest-auth/shared-store/1";

const KEY_BYTES: usize = 32;

/// Derives independent keys from a client secret.
pub(crate) struct KeyMaterial<'a>(pub(crate) &'a Secret);

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl KeyMaterial<'_> {
    /// A key for one purpose, which `label` names.
    pub(crate) fn derive(&self, label: &str) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        let info = [label.as_bytes()];
        let material = Salt::new(HKDF_SHA256, SALT).extract(self.0.expose().as_bytes());
        let filled = material.expand(&info, KeyLength).and_then(|okm| okm.fill(&mut key));
        filled.unwrap_or_else(|_| unreachable!("HKDF-SHA-256 gives up to 8160 bytes"));
        key
    }
}

/// Seals and opens values.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    pub(crate) fn new(material: &KeyMaterial<'_>) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &material.derive("values"));
        Self(LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key has the length that AES-256 takes"))))
    }

    /// `None` where the system has no random numbers.
    pub(crate) fn seal(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut text = value.to_vec();
        let aad = Aad::from(name.as_bytes());
        self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text).ok()?;
        Some([&[VERSION], nonce.as_slice(), &text].concat())
    }

    /// `None` for what was not sealed here under this name.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
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

    fn sealer(secret: &str) -> Sealer {
        Sealer::new(&KeyMaterial(&Secret::new(secret)))
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
    fn a_value_opens_under_its_own_name_and_secret_alone() {
        let sealed = sealer("s").seal("k", b"token").unwrap();
        assert_eq!(sealer("s").open("k", &sealed).unwrap(), b"token");
        assert!(sealer("s").open("other", &sealed).is_none());
        assert!(sealer("t").open("k", &sealed).is_none());
        assert_ne!(sealer("s").seal("k", b"token").unwrap(), sealed);
    }

    proptest! {
        #[test]
        fn what_was_changed_or_cut_does_not_open(value: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            let sealed = sealer("s").seal("k", &value).unwrap();
            prop_assert_eq!(sealer("s").open("k", &sealed), Some(value));
            let mut changed = sealed.clone();
            changed[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(sealer("s").open("k", &changed).is_none());
            prop_assert!(sealer("s").open("k", &sealed[..at.index(sealed.len())]).is_none());
        }

        #[test]
        fn strange_bytes_do_not_open(bytes: Vec<u8>) {
            prop_assert!(sealer("s").open("k", &bytes).is_none());
        }
    }
}
