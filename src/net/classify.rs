//! What a failed exchange means: was the request sent, and would another try help?

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use super::cause::{Cause, Kind, chain};
use super::fault::Fault;

/// A request that brought no answer. The host is filled in by the caller.
pub(super) fn classify(error: &reqwest::Error, connect_timeout: Duration) -> Fault {
    if !error.is_connect() && !is_unprocessed(error) {
        return unreadable(error);
    }
    let has_os_code = |error: &(dyn StdError + 'static)| {
        error.downcast_ref::<io::Error>().is_some_and(|error| error.raw_os_error().is_some())
    };
    let cause = if error.is_connect() && error.is_timeout() && !chain(error).any(has_os_code) {
        Cause::new(Kind::Late, format!("no connection within {} ms", connect_timeout.as_millis()))
    } else {
        Cause::of(error)
    };
    Fault::Unreached { host: String::new(), cause }
}

/// An answer that broke off, or whose body cannot be decoded.
pub(super) fn unreadable(error: &reqwest::Error) -> Fault {
    Fault::Broken { host: String::new(), cause: Cause::of(error) }
}

/// Whether a proxy refused to open a tunnel. The client's error does not have the status, and only its text says so.
pub(super) fn is_refused_tunnel(cause: &Cause) -> bool {
    cause.to_string() == "tunnel error: unsuccessful"
}

/// Whether a proxy answered 407 to a tunnel.
pub(super) fn wants_login(cause: &Cause) -> bool {
    cause.to_string() == "tunnel error: proxy authorization required"
}

/// The connection ended before this request was written, or the server said that it did not process it. Another
/// connection may take it at once.
pub(super) fn is_unprocessed(error: &reqwest::Error) -> bool {
    chain(error).any(|error| {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            // "User" errors are ours; the only one that a request of ours can meet says that its connection's task ended
            // before it took the request.
            return error.is_canceled() || error.is_user();
        }
        error.downcast_ref::<h2::Error>().is_some_and(|error| {
            // RFC 9113 §8.7: streams above the last one that a GOAWAY names, and refused ones, were not processed.
            let gone = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            error.is_remote() && (gone || refused)
        })
    })
}
