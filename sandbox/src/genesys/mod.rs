//! Genesys Cloud: the login host and the parts of the API that guests need.

mod channels;
mod guest_store;
mod guests;
mod login;
mod tokens;

pub use guest_store::GuestInfo;
pub(crate) use guest_store::Guests;
pub use tokens::TokenInfo;
pub(crate) use tokens::Tokens;

use http::StatusCode;

use crate::answer::Answer;
use crate::request::Request;
use crate::route::Route;
use crate::state::State;

/// Answers a request to the login host or the API, whose method and bearer token have been checked.
pub(crate) fn answer(state: &mut State, request: &Request) -> Answer {
    match request.route {
        Route::Token => login::token(state, request),
        Route::Create => guests::create(state, request),
        Route::Refresh => guests::refresh(state, request),
        Route::Attributes => guests::attributes(state, request),
        Route::Channel => channels::channel(request),
        _ => Answer::error(StatusCode::NOT_FOUND, "not.found", "The requested path was not found", request.correlation),
    }
}

/// Refuses a request without a bearer token that is good now.
pub(crate) fn refuse_stranger(state: &State, request: &Request) -> Option<Answer> {
    let refusal = match request.bearer() {
        None => ("authentication.required", "No authentication bearer token specified in authorization header."),
        Some(token) => match state.tokens.check(token, request.arrived) {
            tokens::Standing::Good => return None,
            tokens::Standing::Expired => ("credentials.expired", "The supplied token has expired."),
            tokens::Standing::Unknown => ("bad.credentials", "Invalid login credentials."),
        },
    };
    Some(Answer::unauthorized(refusal.0, refusal.1, request.correlation))
}
