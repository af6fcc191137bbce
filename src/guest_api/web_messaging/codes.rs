//! What the errors of a session mean: statuses of the handshake, and codes in frames.

use crate::error::Code;
use crate::hint::Hint;
use crate::net::exchange::Answer;

/// In-band code of a fault of the server's.
pub(super) const UNEXPECTED: u16 = 5000;

/// How the text of a 400 begins for a deployment that is not there.
const NO_DEPLOYMENT: &str = "Deployment not found";

/// How the text of a 403 begins where the sign-in is to blame.
const SIGN_IN_REFUSED: [&str; 2] = ["Session authentication failed", "Try to authenticate again"];

/// The code of an error. In-band answers hold an error's text, or the name of the event that came in its place.
pub(super) fn code_of(answer: Option<&Answer>, is_in_band: bool) -> Code {
    let Some(answer) = answer else { return Code::GuestCreationFailed };
    match (is_in_band, answer.status) {
        (_, 403) | (true, 4000) => Code::Forbidden,
        (_, 429) => Code::RateLimited,
        (false, 400 | 404) => Code::ChannelUnavailable,
        (false, 500..) => Code::Network,
        (true, 200) if answer.body.starts_with(b"LogoutEvent") => Code::Forbidden,
        (true, 400) if answer.text().starts_with(NO_DEPLOYMENT) => Code::ChannelUnavailable,
        (true, 401) => Code::RefreshFailed,
        (true, 408) => Code::Timeout,
        (true, 200 | 409 | 4006 | 4007 | 4017) => Code::Conflict,
        _ => Code::GuestCreationFailed,
    }
}

/// What to do about it.
pub(super) fn hint(answer: Option<&Answer>, is_in_band: bool, signed_in: bool, has_origin: bool) -> Option<Hint> {
    let answer = answer?;
    Some(match (is_in_band, answer.status) {
        (false, 403) if has_origin => Hint::OriginRefused,
        (false, 403) => Hint::OriginMissing,
        (false, 400 | 404) => Hint::UnknownDeployment,
        (true, 401) if signed_in => Hint::SignInEnded,
        (true, 401) => Hint::SignInWanted,
        (true, 403) if SIGN_IN_REFUSED.iter().any(|start| answer.text().starts_with(start)) => Hint::SignInRefused,
        (true, 4017) => Hint::TokenSignedIn,
        (true, 200 | 4006 | 4007) => Hint::SessionOver,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, text: &'static str) -> Answer {
        Answer { status, headers: http::HeaderMap::new(), body: text.into() }
    }

    #[test]
    fn codes_in_frames_have_their_classes() {
        for (status, text, code) in [
            (400, "Request failed.", Code::GuestCreationFailed),
            (400, "Deployment not found", Code::ChannelUnavailable),
            (401, "User is unauthorized", Code::RefreshFailed),
            (403, "HTTP authorization error", Code::Forbidden),
            (404, "", Code::GuestCreationFailed),
            (408, "", Code::Timeout),
            (409, "", Code::Conflict),
            (429, "", Code::RateLimited),
            (500, "", Code::GuestCreationFailed),
            (4000, "", Code::Forbidden),
            (4005, "", Code::GuestCreationFailed),
            (4006, "", Code::Conflict),
            (4007, "", Code::Conflict),
            (4017, "", Code::Conflict),
            (4020, "", Code::GuestCreationFailed),
            (5000, "", Code::GuestCreationFailed),
            (200, "SessionExpiredEvent", Code::Conflict),
            (200, "ConnectionClosedEvent", Code::Conflict),
            (200, "LogoutEvent", Code::Forbidden),
        ] {
            assert_eq!(code_of(Some(&answer(status, text)), true), code, "{status} {text}");
        }
    }

    #[test]
    fn statuses_of_the_handshake_have_their_classes() {
        for (status, code) in [
            (400, Code::ChannelUnavailable),
            (401, Code::GuestCreationFailed),
            (403, Code::Forbidden),
            (404, Code::ChannelUnavailable),
            (429, Code::RateLimited),
            (503, Code::Network),
        ] {
            assert_eq!(code_of(Some(&answer(status, "")), false), code, "{status}");
        }
    }
}
