//! The analytics event, its signature, and the outbox that delivers it: from [`memory`], or from [`disk`], where it
//! survives a crash.

mod deliveries;
mod disk;
mod event;
mod memory;
mod signer;
mod webhook_client;

use std::sync::Arc;

use tokio::time::Instant;

pub use deliveries::Deliveries;
use disk::DiskOutbox;
pub(crate) use disk::{MAX_AGE, RETRY_DELAYS};
pub use disk::{OutboxSettings, Retry};
pub(crate) use event::Event;
pub use signer::Signer;
pub use webhook_client::Webhook;

use crate::error::Error;
use crate::net::retry::Sender;
use crate::notice::OnNotice;
use memory::MemoryOutbox;
use webhook_client::WebhookClient;

/// Delivers events in the background. Cheap to clone: clones share everything. Dead letters are kept by an outbox on disk
/// alone; without one, the methods about them fail.
#[derive(Clone)]
pub struct Outbox(Backend);

#[derive(Clone)]
enum Backend {
    Memory(MemoryOutbox),
    Disk(DiskOutbox),
}

/// Room for one event, given back when it is dropped.
pub(crate) struct OutboxPlace(Option<disk::DiskPlace>);

impl Outbox {
    /// With `disk`, must be called within a Tokio runtime: what waits there is on its way at once.
    pub(crate) fn open(
        sender: Arc<Sender>,
        webhook: Webhook,
        disk: Option<OutboxSettings>,
        on_notice: OnNotice,
    ) -> Result<Self, Error> {
        let webhook_client = WebhookClient::new(sender, webhook);
        Ok(Self(match disk {
            None => Backend::Memory(MemoryOutbox::new(webhook_client, on_notice)),
            Some(settings) => Backend::Disk(DiskOutbox::open(webhook_client, settings, on_notice)?),
        }))
    }

    /// Room for an event, before there is one. Memory has room always, and drops what is too much.
    pub(crate) async fn admit(&self) -> Result<OutboxPlace, Error> {
        match &self.0 {
            Backend::Memory(_) => Ok(OutboxPlace(None)),
            Backend::Disk(disk) => disk.admit().await.map(|place| OutboxPlace(Some(place))),
        }
    }

    /// Takes an event over. In memory, it is on its way when this returns. With a file, it is on disk when this returns; one
    /// that the disk has not taken by `until` is on its way from memory.
    pub(crate) async fn post(&self, place: OutboxPlace, guest_id: &str, body: String, until: Instant) {
        match &self.0 {
            Backend::Memory(memory) => memory.post(body),
            Backend::Disk(disk) => disk.post(place.0, guest_id, body, until).await,
        }
    }

    /// In memory: waits until every event has been delivered or given up. With a file: until none is due.
    pub(crate) async fn flush(&self) {
        match &self.0 {
            Backend::Memory(memory) => memory.flush().await,
            Backend::Disk(disk) => disk.flush().await,
        }
    }

    /// Ends the outbox; no call runs any more. In memory, this waits as [`flush`](Self::flush) does. With a file, it waits
    /// until the attempts under way have ended and the file is free.
    pub(crate) async fn finish(&self) {
        match &self.0 {
            Backend::Memory(memory) => memory.finish().await,
            Backend::Disk(disk) => disk.finish().await,
        }
    }

    /// Ends the outbox now: attempts under way are cancelled. Events in memory are given up, those on disk stay there.
    pub(crate) async fn abandon(&self) {
        match &self.0 {
            Backend::Memory(memory) => memory.abandon(),
            Backend::Disk(disk) => disk.abandon().await,
        }
    }

    /// Events that the end of the process would lose.
    pub(crate) fn at_stake(&self) -> usize {
        match &self.0 {
            Backend::Memory(memory) => memory.pending(),
            Backend::Disk(disk) => disk.unsaved(),
        }
    }

    pub(crate) fn deliveries(&self) -> Deliveries {
        match &self.0 {
            Backend::Memory(memory) => {
                let (delivered, failed) = memory.settled();
                Deliveries { pending: memory.pending(), delivered, failed, ..Deliveries::default() }
            }
            Backend::Disk(disk) => disk.deliveries(),
        }
    }

    /// Events that were given up, as a JSON array, oldest first: at most `limit`, those behind the one with the id `after`.
    pub async fn dead_letters(&self, limit: Option<usize>, after: Option<&str>) -> Result<String, Error> {
        self.disk()?.dead_letters(limit, after).await
    }

    /// Sends dead letters again, all or those with these ids; returns how many.
    pub async fn redeliver(&self, ids: Option<Vec<String>>) -> Result<usize, Error> {
        self.disk()?.redeliver(ids.as_deref()).await
    }

    /// Throws dead letters away, all or those with these ids; returns how many.
    pub async fn discard(&self, ids: Option<Vec<String>>) -> Result<usize, Error> {
        self.disk()?.discard(ids.as_deref()).await
    }

    fn disk(&self) -> Result<&DiskOutbox, Error> {
        match &self.0 {
            Backend::Disk(disk) => Ok(disk),
            Backend::Memory(_) => Err(no_dead_letters()),
        }
    }
}

/// Without a file, nothing is kept that was given up.
pub(crate) fn no_dead_letters() -> Error {
    Error::config("outbox.path", "is required for dead letters, together with analyticsWebhookUrl")
}
