//! An event as it stands in the file: JSON behind a checksum.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::analytics::webhook_client;

/// Of SHA-256, in bytes: the file's own checksums guard whole pages, and only when it is opened.
const CHECKSUM: usize = 8;

/// Milliseconds since 1970 by the machine's clock.
pub(super) type WallTime = u64;

pub(super) fn wall_now() -> WallTime {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// An event with its history.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventRecord {
    /// The `webhook-id`.
    pub(super) id: String,
    pub(super) guest_id: String,
    /// Attempts that failed.
    pub(super) attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_attempt: Option<WallTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_attempt: Option<WallTime>,
    /// All waits so far, in milliseconds.
    pub(super) waited: u64,
    /// The present wait, in milliseconds, and when it ends.
    pub(super) wait: u64,
    pub(super) due: WallTime,
    /// Of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// The body, as it is sent.
    pub(super) event: Box<RawValue>,
}

impl EventRecord {
    /// A new event. `None` when `body` is not JSON.
    pub(super) fn new(guest_id: &str, body: String) -> Option<Self> {
        Some(Self {
            id: webhook_client::id_of(uuid::Uuid::new_v4()),
            guest_id: guest_id.to_owned(),
            attempts: 0,
            first_attempt: None,
            last_attempt: None,
            waited: 0,
            wait: 0,
            due: 0,
            reason: None,
            status: None,
            event: RawValue::from_string(body).ok()?,
        })
    }

    pub(super) fn body(&self) -> Bytes {
        Bytes::copy_from_slice(self.event.get().as_bytes())
    }

    /// Notes an attempt that failed just now.
    pub(super) fn failed(&mut self, reason: String, status: Option<u16>) {
        let now = wall_now();
        self.attempts += 1;
        self.first_attempt.get_or_insert(now);
        self.last_attempt = Some(now);
        self.reason = Some(reason);
        self.status = status;
    }

    /// Puts the next attempt off.
    pub(super) fn put_off(&mut self, wait: Duration) {
        self.wait = wait.as_millis() as u64;
        self.waited += self.wait;
        self.due = wall_now() + self.wait;
    }

    /// As if it were new, under the same id.
    pub(super) fn restarted(self) -> Self {
        Self { attempts: 0, waited: 0, wait: 0, due: 0, reason: None, status: None, ..self }
    }

    /// What is left of the wait. A clock that was set back meanwhile makes it no longer than it was.
    pub(super) fn remaining(&self, now: WallTime) -> Duration {
        Duration::from_millis(self.due.saturating_sub(now).min(self.wait))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; CHECKSUM];
        // Writing into memory cannot fail; an empty record would not decode.
        let _ = serde_json::to_writer(&mut bytes, self);
        let checksum = Sha256::digest(&bytes[CHECKSUM..]);
        bytes[..CHECKSUM].copy_from_slice(&checksum[..CHECKSUM]);
        bytes
    }

    /// `None` when the bytes are not those that were written.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (checksum, json) = bytes.split_at_checked(CHECKSUM)?;
        if Sha256::digest(json)[..CHECKSUM] != *checksum {
            return None;
        }
        serde_json::from_slice(json).ok()
    }
}

/// Without the event, which has an address in it.
impl fmt::Debug for EventRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRecord").field("id", &self.id).field("attempts", &self.attempts).finish_non_exhaustive()
    }
}

/// A dead letter, as `deadLetters()` shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeadLetter<'a> {
    id: &'a str,
    guest_id: &'a str,
    event: &'a RawValue,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    attempts: u32,
    first_attempt: String,
    last_attempt: String,
}

impl<'a> From<&'a EventRecord> for DeadLetter<'a> {
    fn from(record: &'a EventRecord) -> Self {
        let text = |time: Option<WallTime>| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(time.unwrap_or_default());
            humantime::format_rfc3339_millis(time).to_string()
        };
        Self {
            id: &record.id,
            guest_id: &record.guest_id,
            event: &record.event,
            reason: record.reason.as_deref().unwrap_or_default(),
            status: record.status,
            attempts: record.attempts,
            first_attempt: text(record.first_attempt),
            last_attempt: text(record.last_attempt),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> EventRecord {
        EventRecord::new("guest-1", r#"{"guestId":"guest-1","crmTier":1.0e2,"email":"é@example.com"}"#.into()).unwrap()
    }

    #[test]
    fn comes_back_to_the_last_byte() {
        let mut record = record();
        record.failed("status 500".into(), Some(500));
        record.put_off(Duration::from_secs(5));
        let read = EventRecord::decode(&record.encode()).unwrap();
        assert_eq!(read.encode(), record.encode());
        assert_eq!((&read.id, read.attempts, read.status, read.wait), (&record.id, 1, Some(500), 5000));
        assert_eq!(read.event.get(), r#"{"guestId":"guest-1","crmTier":1.0e2,"email":"é@example.com"}"#);
    }

    #[test]
    fn debug_shows_no_address() {
        assert!(!format!("{:?}", record()).contains("example.com"));
    }

    #[test]
    fn a_clock_that_jumps_makes_no_wait_longer() {
        let mut record = record();
        record.put_off(Duration::from_secs(30));
        let now = wall_now();
        assert!(record.remaining(now) > Duration::from_secs(29));
        assert_eq!(record.remaining(0), Duration::from_secs(30));
        assert_eq!(record.remaining(now + 365 * 24 * 3_600_000), Duration::ZERO);
    }

    #[test]
    fn a_new_start_keeps_the_id_and_the_event() {
        let mut record = record();
        record.failed("status 410".into(), Some(410));
        let again = record.clone().restarted();
        assert_eq!((&again.id, again.attempts, again.status), (&record.id, 0, None));
        assert_eq!(again.event.get(), record.event.get());
    }

    proptest! {
        #[test]
        fn no_damage_goes_unseen(at in 0_usize..1000, bit in 0_u8..8, cut in 0_usize..1000) {
            let whole = record().encode();
            let mut damaged = whole.clone();
            let at = at % damaged.len();
            damaged[at] ^= 1 << bit;
            prop_assert!(EventRecord::decode(&damaged).is_none());
            prop_assert!(EventRecord::decode(&whole[..cut % whole.len()]).is_none());
        }
    }
}
