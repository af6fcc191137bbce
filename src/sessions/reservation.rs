//! A session key that one call has reserved.

use std::time::Duration;

use super::key::KeyHash;
use super::memory::MemoryReservation;
use super::shared::reservation::SharedReservation;
use crate::guest::Guest;

/// A session key that one call has reserved. Dropping it releases the key.
pub(crate) enum Reservation {
    Memory(MemoryReservation),
    /// Boxed: a call whose sessions are in memory must not carry the room for this.
    Shared(Box<SharedReservation>),
}

impl Reservation {
    pub(crate) fn key(&self) -> KeyHash {
        match self {
            Self::Memory(reservation) => reservation.key(),
            Self::Shared(reservation) => reservation.key(),
        }
    }

    /// Tells whom the session will belong to.
    pub(crate) fn belongs_to(&mut self, guest: &Guest) {
        if let Self::Shared(reservation) = self {
            reservation.belongs_to(guest);
        }
    }

    /// Releases the key before the call fails: whoever hears of the failure may try again at once.
    pub(crate) async fn free(self) {
        if let Self::Shared(reservation) = self {
            Box::pin(reservation.free()).await;
        }
    }

    /// Turns the reservation into a session that lives as long as its token. A shared store that cannot be reached now
    /// is told later: the guest exists, and the call succeeds without that.
    pub(crate) async fn keep(self, life: Duration) {
        match self {
            Self::Memory(reservation) => reservation.keep(life),
            Self::Shared(reservation) => Box::pin(reservation.keep(life)).await,
        }
    }
}
