//! What a failed exchange means: was the request sent, and would another try help?

use std::error::Error as StdError;
use std::io;

use super::fault::Fault;

/// The host is filled in by the caller.
pub(super) fn classify(error: &reqwest::Error) -> Fault {
    let (host, cause) = (String::new(), innermost(error));
    if error.is_connect() || is_unprocessed(error) {
        return Fault::Unreached { host, cause, lasting: chain(error).any(is_bad_certificate) };
    }
    Fault::Broken { host, cause }
}

/// The last link of the chain says what happened; the ones before it only where, and may hold a URL.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map_or_else(|| "unknown".to_owned(), ToString::to_string)
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

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn is_bad_certificate(error: &(dyn StdError + 'static)) -> bool {
    if matches!(error.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_))) {
        return true;
    }
    // An I/O error hides what it was made from, which may be another one.
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.is_some_and(|inner| is_bad_certificate(inner))
}
