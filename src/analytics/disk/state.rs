//! What the calls, the deliveries and the writer of an outbox share.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::index::{Bounds, Index, Phase};
use super::queue::WriteQueue;
use super::retry::Retry;
use crate::analytics::webhook_client::WebhookClient;
use crate::notice::OnNotice;
use crate::notice::throttled::ThrottledNotice;
use crate::sync::lock;

/// What the calls, the deliveries and the writer share.
pub(super) struct OutboxState {
    pub(super) webhook_client: WebhookClient,
    pub(super) retry: Retry,
    pub(super) bounds: Bounds,
    pub(super) on_notice: OnNotice,
    pub(super) queue: WriteQueue,
    pub(super) index: Mutex<Index>,
    pub(super) dead_letters: Arc<ThrottledNotice>,
    /// The file has been read, or cannot be.
    pub(super) loaded: Notify,
    /// For the deliveries: there may be something to do.
    pub(super) changed: Notify,
    /// Nothing is under way and nothing is due.
    pub(super) quiet: Notify,
    /// The file is free.
    pub(super) closed: Notify,
}

impl OutboxState {
    /// Goes on to a later phase; there is no way back.
    pub(super) fn enter(&self, phase: Phase) {
        let mut index = lock(&self.index);
        index.phase = index.phase.max(phase);
        drop(index);
        self.changed.notify_one();
    }
}
