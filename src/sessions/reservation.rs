//! A session key that one call has reserved.

use tokio::time::Instant;

use super::key::KeyHash;
use super::memory::MemoryReservation;
use super::shared::reservation::SharedReservation;
use super::taken_over::TakenOver;
use crate::guest::Guest;

/// A session key that one call has reserved. Dropping it releases the key.
pub(crate) enum Reservation {
    Memory(MemoryReservation),
    /// Boxed: a call whose sessions are in memory must not carry the room for this.
    Shared(Box<SharedReservation>),
    /// A live session of the same guest: there is nothing to release.
    TakenOver(TakenOver),
}

impl Reservation {
    pub(crate) fn key(&self) -> KeyHash {
        match self {
            Self::Memory(reservation) => reservation.key(),
            Self::Shared(reservation) => reservation.key(),
            Self::TakenOver(session) => session.key,
        }
    }

    /// Tells whom the session will belong to, where the store may keep that, and the hash of his refresh token or of his id.
    pub(crate) fn belongs_to(&mut self, guest: Option<&Guest>, refresh_token: Option<KeyHash>) {
        match self {
            Self::Memory(reservation) => reservation.belongs_to(refresh_token),
            Self::Shared(reservation) => reservation.belongs_to(guest, refresh_token),
            Self::TakenOver(_) => {}
        }
    }

    /// Releases the key before the call fails: whoever hears of the failure may try again at once.
    pub(crate) async fn free(self) {
        if let Self::Shared(reservation) = self {
            Box::pin(reservation.free()).await;
        }
    }

    /// Turns the reservation into a session that ends with its token. A shared store that cannot be reached now
    /// is told later: the guest exists, and the call succeeds without that.
    pub(crate) async fn keep(self, ends_at: Instant) {
        let life = ends_at.saturating_duration_since(Instant::now());
        // Without life it is no session: dropping it releases the key.
        if life.is_zero() {
            return;
        }
        match self {
            Self::Memory(reservation) => reservation.keep(life),
            Self::Shared(reservation) => Box::pin(reservation.keep(ends_at)).await,
            Self::TakenOver(session) => (session.keep)(ends_at).await,
        }
    }
}
