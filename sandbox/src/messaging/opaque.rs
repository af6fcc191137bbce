//! Texts that mean something to the sandbox alone, and the time that they are good for.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// A duration of a setting; 0 for what makes no sense.
pub(super) fn seconds_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Three parts, the last of which is noise: nobody but the sandbox verifies it.
pub(super) fn jwt_text(claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(claims), noise(2))
}

/// Random text that is fit for an URL: 16 bytes for each part.
pub(super) fn noise(parts: usize) -> String {
    let bytes: Vec<u8> = (0..parts).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}
