//! Genesys Cloud: the login host and the parts of the API that guests need.

mod channels;
mod guest_store;
mod guests;
mod login;
mod tokens;

pub use guest_store::GuestInfo;
pub use tokens::TokenInfo;

use http::StatusCode;
use uuid::Uuid;

use self::guest_store::Guests;
use self::guests::Issuer;
use self::tokens::{Standing, Tokens};
use crate::answer::Answer;
use crate::request::Request;
use crate::route::Route;
use crate::settings::{Settings, Signer};

/// What Genesys Cloud knows: who may ask, who is there.
pub(crate) struct Genesys {
    pub(crate) tokens: Tokens,
    pub(crate) guests: Guests,
    pub(crate) signer: Signer,
    deployment: Uuid,
}

impl Genesys {
    pub(crate) fn new(signer: Signer) -> Self {
        Self { tokens: Tokens::default(), guests: Guests::default(), signer, deployment: Uuid::new_v4() }
    }

    /// Answers a request to the login host or the API, whose method and bearer token have been checked.
    pub(crate) fn answer(&mut self, settings: &Settings, request: &Request) -> Answer {
        let issuer = Issuer { settings, signer: &self.signer, deployment: self.deployment };
        match request.route {
            Route::Token => login::token(&mut self.tokens, settings, request),
            Route::Create => guests::create(&mut self.guests, issuer, request),
            Route::Refresh => guests::refresh(&mut self.guests, issuer, request),
            Route::Attributes => guests::attributes(&mut self.guests, request),
            Route::Channel => channels::channel(request),
            _ => {
                let message = "The requested path was not found";
                Answer::error(StatusCode::NOT_FOUND, "not.found", message, request.correlation)
            }
        }
    }

    /// Refuses a request without a bearer token that is good now.
    pub(crate) fn refuse_stranger(&self, request: &Request) -> Option<Answer> {
        let (code, message) = match request.bearer() {
            None => ("authentication.required", "No authentication bearer token specified in authorization header."),
            Some(token) => match self.tokens.check(token, request.arrived) {
                Standing::Good => return None,
                Standing::Expired => ("credentials.expired", "The supplied token has expired."),
                Standing::Unknown => ("bad.credentials", "Invalid login credentials."),
            },
        };
        Some(Answer::unauthorized(code, message, request.correlation))
    }
}
