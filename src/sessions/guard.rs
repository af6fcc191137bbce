//! The duplicate guard of an instance, over the memory of this process or over a store that several share.

use std::sync::Arc;
use std::time::Duration;

use super::guests::Known;
use super::shared::{Claim, SharedSessions, StoreMetrics};
use super::{Key, Keys, Reservation, Sessions};
use crate::error::Error;
use crate::guest::Guest;

/// Where the sessions of an instance are.
#[derive(Clone)]
pub(crate) enum Guard {
    Local(Sessions),
    Shared(Arc<SharedSessions>),
}

impl Guard {
    /// Reserves a session key; taken ones are an error. The reservation ends with the value returned, unless it is kept.
    pub(crate) async fn reserve(&self, session_key: &str) -> Result<Hold, Error> {
        match self {
            Self::Local(sessions) => sessions.reserve(session_key).map(Hold::Local),
            Self::Shared(shared) => Box::pin(shared.reserve(session_key)).await,
        }
    }

    /// Ends a session, whoever holds it.
    pub(crate) async fn invalidate(&self, session_key: &str) -> Result<(), Error> {
        match self {
            Self::Local(sessions) => sessions.invalidate(session_key),
            Self::Shared(shared) => Box::pin(shared.invalidate(session_key)).await?,
        }
        Ok(())
    }

    /// What another process knows of a guest.
    pub(crate) async fn known(&self, key: Key) -> Option<Known> {
        match self {
            Self::Local(_) => None,
            Self::Shared(shared) => Box::pin(shared.known(key)).await,
        }
    }

    /// Under which keys things are kept.
    pub(crate) fn keys(&self) -> &Keys {
        match self {
            Self::Local(sessions) => sessions.keys(),
            Self::Shared(shared) => shared.keys(),
        }
    }

    /// Live sessions and reservations in memory; of a shared store, the reservations that this process holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Local(sessions) => sessions.len(),
            Self::Shared(shared) => shared.len(),
        }
    }

    /// The state of a shared store.
    pub(crate) fn metrics(&self) -> Option<StoreMetrics> {
        match self {
            Self::Local(_) => None,
            Self::Shared(shared) => Some(shared.metrics()),
        }
    }

    /// Makes a connection, where one is needed.
    pub(crate) async fn ready(&self) {
        if let Self::Shared(shared) = self {
            shared.ready().await;
        }
    }

    /// The end, when no call runs any more: waits until what was reserved is released.
    pub(crate) async fn close(&self) {
        if let Self::Shared(shared) = self {
            shared.close().await;
        }
    }
}

/// A session key held by one call. Dropping it releases the key.
pub(crate) enum Hold {
    Local(Reservation),
    /// Boxed: where memory serves, a call must not carry the room for this.
    Shared(Box<Claim>),
}

impl Hold {
    pub(crate) fn key(&self) -> Key {
        match self {
            Self::Local(reservation) => reservation.key(),
            Self::Shared(claim) => claim.key(),
        }
    }

    /// Tells whom the session will belong to.
    pub(crate) fn belongs_to(&mut self, guest: &Guest) {
        if let Self::Shared(claim) = self {
            claim.belongs_to(guest);
        }
    }

    /// Gives the key back: whoever hears of the failure may try again at once.
    pub(crate) async fn free(self) {
        if let Self::Shared(claim) = self {
            Box::pin(claim.free()).await;
        }
    }

    /// Turns the reservation into a session that lives as long as its token. A shared store that does not take it now is
    /// told later: the guest exists, and his call is not lost to that.
    pub(crate) async fn keep(self, life: Duration) {
        match self {
            Self::Local(reservation) => reservation.keep(life),
            Self::Shared(claim) => Box::pin(claim.keep(life)).await,
        }
    }
}
