//! The guest APIs, which create guests and renew their tokens, behind one trait.
//!
//! - [`engagements`]: the tutorial's
//! - [`web_messaging`]: Genesys Cloud's own

pub(crate) mod engagements;
pub(crate) mod web_messaging;

use futures_util::future::BoxFuture;

use crate::audit::Enrichment;
use crate::caller::CallContext;
use crate::crm::Profile;
use crate::error::Error;
use crate::guest::{Guest, Refreshed};
use crate::secret::Secret;
use crate::validation::{GuestRequest, Rules};
pub use engagements::Endpoints;
pub use web_messaging::sign_in::GuestGrant;
use web_messaging::socket::OpenSession;

/// A guest of whom the API knows.
pub(crate) struct Created {
    pub(crate) guest: Guest,
    /// Where the rest of the call needs it.
    pub(crate) session: Option<OpenSession>,
}

/// What an API says of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// For everybody.
    Open,
    /// For guests who have signed in.
    SignedIn,
    /// Unknown or disabled.
    Unavailable,
}

/// One of the APIs. A call asks it in the order of its methods.
pub(crate) trait GuestApi: Send + Sync {
    /// What a payload must be beside valid.
    fn rules(&self) -> Rules;

    /// Whether a request that is valid is one for this API.
    fn check(&self, request: &GuestRequest) -> Result<(), Error>;

    /// Whose session a call resumes, where it is one of a guest that is known: the guest's id.
    fn returning(&self, request: &GuestRequest) -> Option<String>;

    /// What the API says of a channel.
    fn channel<'a>(&'a self, channel_id: &'a str, context: &'a CallContext) -> BoxFuture<'a, Result<Channel, Error>>;

    /// Creates a guest. A guest that exists already is an error with [`Code::Conflict`](crate::Code::Conflict).
    fn create<'a>(
        &'a self,
        request: &'a GuestRequest,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<Created, Error>>;

    /// Whether the tokens of a guest that exists already are good for the one who asks.
    fn resolves_conflicts(&self) -> bool;

    /// Gives the guest its attributes: the request's own, a JSON object, and the profile's. A failure is no error: the guest
    /// exists.
    fn enrich<'a>(
        &'a self,
        created: &'a mut Created,
        attributes: Option<&'a str>,
        profile: Option<&'a Profile>,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Enrichment>;

    /// Trades a refresh token. A token that was used already is an error with [`Code::Conflict`](crate::Code::Conflict).
    fn refresh<'a>(
        &'a self,
        refresh_token: &'a Secret,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<Refreshed, Error>>;

    /// Ends what a guest's sign-in has brought.
    fn sign_out<'a>(
        &'a self,
        jwt: &'a Secret,
        refresh_token: Option<&'a Secret>,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<(), Error>>;
}
