//! How analytics events wait for their delivery.

use std::time::Duration;

use serde_json::Value;

use super::fields::{DAY_MS, Fields};
use super::rule::Rule;
use crate::analytics::{MAX_AGE, OutboxSettings, RETRY_DELAYS, Retry};
use crate::error::Error;

/// Twelve events a second for a day. Each takes about 0.3 KB of memory while it waits.
const MAX_EVENTS: u64 = 1_000_000;
const MOST_EVENTS: u64 = 100_000_000;

/// In bytes: twice of what the events above take.
const MAX_BYTES: u64 = 1 << 30;
const LEAST_BYTES: u64 = 1 << 20;
const MOST_BYTES: u64 = 1 << 40;

const LONGEST_AGE_MS: u64 = 30 * DAY_MS;
const MOST_DELAYS: usize = 100;

/// What only a file needs.
const FOR_FILES: [&str; 4] = ["retryDelaysMs", "maxAgeMs", "maxEvents", "maxBytes"];

/// None → events wait in memory.
pub(super) fn read(fields: &Fields<'_>) -> Result<Option<OutboxSettings>, Error> {
    let Some(outbox) = fields.inner("outbox")? else { return Ok(None) };
    // Read by the JavaScript side, which keeps the process alive; checked here like every other field.
    outbox.whole("lingerMs", 0, 0, DAY_MS)?;
    let retry = Retry { delays: delays(&outbox)?, max_age: outbox.millis("maxAgeMs", MAX_AGE, 1, LONGEST_AGE_MS)? };
    let max_events = outbox.whole("maxEvents", MAX_EVENTS, 1, MOST_EVENTS)? as usize;
    let max_bytes = outbox.whole("maxBytes", MAX_BYTES, LEAST_BYTES, MOST_BYTES)?;
    if let Some(path) = outbox.text("path")? {
        if path.contains('\0') {
            return Err(outbox.error("path", Rule::OutboxPath));
        }
        return Ok(Some(OutboxSettings { path: path.into(), retry, max_events, max_bytes }));
    }
    match FOR_FILES.iter().find(|field| outbox.get(field).is_some()) {
        Some(field) => Err(outbox.error(field, Rule::NeedsOutboxPath)),
        None => Ok(None),
    }
}

fn delays(outbox: &Fields<'_>) -> Result<Vec<Duration>, Error> {
    const FIELD: &str = "retryDelaysMs";
    let Some(value) = outbox.get(FIELD) else { return Ok(RETRY_DELAYS.to_vec()) };
    let error = || outbox.error(FIELD, Rule::RetryDelays { most: MOST_DELAYS, longest: DAY_MS });
    let items = value.as_array().filter(|items| (1..=MOST_DELAYS).contains(&items.len())).ok_or_else(error)?;
    let millis = |item: &Value| {
        item.as_u64().filter(|millis| (1..=DAY_MS).contains(millis)).map(Duration::from_millis).ok_or_else(error)
    };
    items.iter().map(millis).collect()
}
