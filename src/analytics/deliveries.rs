//! How many events were delivered, and how many wait.

use serde::Serialize;

/// Analytics events by what became of them.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deliveries {
    /// Not yet delivered or given up.
    pub pending: usize,
    /// Delivered.
    pub delivered: u64,
    /// Given up; with an outbox on disk, most of them are dead letters.
    pub failed: u64,
    /// Dead letters now; with an outbox on disk alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_lettered: Option<usize>,
    /// Bytes of the events that wait or are dead letters; with an outbox on disk alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
}
