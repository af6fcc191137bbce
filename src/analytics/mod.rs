//! The analytics event, the outbox that delivers it, and its signature.

mod event;
pub(crate) mod outbox;
mod signer;

pub(crate) use event::Event;
pub(crate) use outbox::{News, Outbox};
pub use signer::Signer;
