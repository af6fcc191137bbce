//! The CRM: `GET /crm/profiles?email=`.

use std::collections::HashMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::request::Request;

const TIERS: [&str; 4] = ["bronze", "silver", "gold", "platinum"];
/// 2024-01-01, the first day on which somebody was last seen.
const FIRST_SEEN_MS: i64 = 1_704_067_200_000;
/// Seconds of a year: last interactions lie within one.
const YEAR_S: u64 = 31_536_000;

/// Profiles that a test has set, by e-mail in lower case; null means that there is none.
pub(crate) type Profiles = HashMap<String, Value>;

/// The profile of an e-mail: the same for the same address, without any setup.
pub(crate) fn profile(profiles: &Profiles, request: &Request) -> Answer {
    let Some(email) = request.query("email").filter(|email| !email.is_empty()) else {
        return Answer::bad_field("parameters.missing", "email", "The parameter email is missing", request.correlation);
    };
    let email = email.to_lowercase();
    let found = match profiles.get(&email) {
        Some(Value::Null) => None,
        Some(profile) => Some(profile.clone()),
        None => made_up(&email),
    };
    match found {
        Some(profile) => Answer::json(StatusCode::OK, profile.to_string()),
        None => Answer::error(StatusCode::NOT_FOUND, "not.found", "No customer has this email", request.correlation),
    }
}

/// The profile of an e-mail in lower case that no test has set; none for `nocrm…`.
pub(crate) fn made_up(email: &str) -> Option<Value> {
    if email.starts_with("nocrm") {
        return None;
    }
    let hash = fnv1a(email.as_bytes());
    let seen = FIRST_SEEN_MS + (hash % YEAR_S * 1000).cast_signed();
    Some(json!({
        "customerId": format!("CUST-{:06}", hash % 1_000_000),
        "tier": TIERS[(hash >> 32) as usize % TIERS.len()],
        "lastInteraction": crate::clock::iso(seen),
    }))
}

/// FNV-1a: the standard library's hashes differ between releases, and profiles should not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
