//! What lies under a failed exchange: in words, as the `code` that Node has for it, and what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError};

use super::exchange::MOST_HEADERS;

/// What ring offers.
const SPOKEN: &str = "TLS 1.2 and 1.3 with ECDHE, AES-GCM or ChaCha20, and keys of RSA, P-256, P-384 or Ed25519";

/// Why an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    text: String,
    kind: Kind,
}

/// Kinds of causes; each has a code of Node's and a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Refused,
    UnknownHost,
    Reset,
    Late,
    Unreachable,
    SelfSigned,
    UnknownAuthority,
    Expired,
    NotYetValid,
    WrongName,
    BadCertificate,
    NoCommonAlgorithms,
    NotTls,
    ProxyLogin,
    ProxyRefused,
    HeadTooLarge,
    Other,
}

/// A server certificate that nobody but itself vouches for.
#[derive(Debug, thiserror::Error)]
#[error("self-signed certificate")]
pub(super) struct SelfSignedCertificate;

impl Cause {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { text: text.into(), kind }
    }

    #[cfg(test)]
    pub(crate) fn refused() -> Self {
        Self::new(Kind::Refused, "refused")
    }

    /// What a client's error says.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if error.is_dns() {
            return Self::new(Kind::UnknownHost, innermost(error));
        }
        let is_too_large = |error: &(dyn StdError + 'static)| {
            // hyper tells this kind apart for servers alone.
            let is_parse = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
            is_parse && error.to_string() == "message head is too large"
        };
        if chain(error).any(is_too_large) {
            let text = format!("the answer has more than {MOST_HEADERS} header lines, or too long ones");
            return Self::new(Kind::HeadTooLarge, text);
        }
        let tls = chain(error).find_map(tls_error);
        let kind = tls.map(of_tls).or_else(|| chain(error).find_map(of_io)).unwrap_or(Kind::Other);
        let text = match kind {
            Kind::NotTls => "the other side does not speak TLS".to_owned(),
            Kind::NoCommonAlgorithms => format!("no common TLS algorithms ({})", innermost(error)),
            _ => innermost(error),
        };
        Self { text, kind }
    }

    /// Whether the next try would meet the same: two sides that do not understand or trust each other's TLS.
    pub(super) fn is_lasting(&self) -> bool {
        use Kind::{
            BadCertificate, Expired, HeadTooLarge, NoCommonAlgorithms, NotTls, NotYetValid, ProxyLogin, ProxyRefused,
            SelfSigned, UnknownAuthority, WrongName,
        };
        matches!(
            self.kind,
            BadCertificate
                | Expired
                | HeadTooLarge
                | NoCommonAlgorithms
                | NotTls
                | NotYetValid
                | ProxyLogin
                | ProxyRefused
                | SelfSigned
                | UnknownAuthority
                | WrongName
        )
    }

    /// Node's code for it, where there is one.
    pub(super) fn code(&self) -> Option<&'static str> {
        Some(match self.kind {
            Kind::Refused => "ECONNREFUSED",
            Kind::UnknownHost => "ENOTFOUND",
            Kind::Reset => "ECONNRESET",
            Kind::Late => "ETIMEDOUT",
            Kind::Unreachable => "EHOSTUNREACH",
            Kind::SelfSigned => "DEPTH_ZERO_SELF_SIGNED_CERT",
            Kind::UnknownAuthority => "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            Kind::Expired => "CERT_HAS_EXPIRED",
            Kind::NotYetValid => "CERT_NOT_YET_VALID",
            Kind::WrongName => "ERR_TLS_CERT_ALTNAME_INVALID",
            Kind::BadCertificate
            | Kind::NoCommonAlgorithms
            | Kind::NotTls
            | Kind::ProxyLogin
            | Kind::ProxyRefused
            | Kind::HeadTooLarge
            | Kind::Other => return None,
        })
    }

    /// What to do about it, as one sentence. `host` is the other side, `option` the one that names it.
    pub(super) fn hint(&self, host: &str, option: &str) -> Option<String> {
        Some(match self.kind {
            Kind::Refused | Kind::Unreachable => {
                format!("Is the service at {host} up, and does {option} name the right host and port?")
            }
            Kind::UnknownHost => format!("Is the name {host} right (see {option}), and can this machine look it up?"),
            Kind::SelfSigned | Kind::UnknownAuthority => {
                format!("Set ca or NODE_EXTRA_CA_CERTS to the authority of {host}, or to its own certificate.")
            }
            Kind::Expired | Kind::NotYetValid => {
                format!("Renew the certificate of {host}, or set the clock of this machine: {}.", self.text)
            }
            Kind::WrongName => format!("Does {option} name the host as its certificate does? {}.", self.text),
            Kind::NoCommonAlgorithms | Kind::BadCertificate => format!("What is spoken here: {SPOKEN}."),
            Kind::NotTls => {
                format!("Does {option} name the right port? Without TLS only a loopback host is allowed, with http:.")
            }
            Kind::ProxyLogin => "Put user and password into the proxy's URL (proxy, HTTPS_PROXY or HTTP_PROXY).".into(),
            Kind::ProxyRefused => format!("The proxy must allow CONNECT to {host}, or NO_PROXY must name that host."),
            Kind::Reset | Kind::Late | Kind::HeadTooLarge | Kind::Other => return None,
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The last link of the chain says what happened; the ones before it only where, and may hold a URL.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

pub(super) fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// An I/O error hides what it was made from, which may be another one.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).and_then(|inner| tls_error(inner))
}

fn of_tls(error: &rustls::Error) -> Kind {
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Kind::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Kind::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Kind::WrongName,
            CertificateError::UnknownIssuer => Kind::UnknownAuthority,
            CertificateError::Other(other) if other.0.is::<SelfSignedCertificate>() => Kind::SelfSigned,
            _ => Kind::BadCertificate,
        },
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::NoApplicationProtocol
        | rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity
            | AlertDescription::NoApplicationProtocol,
        ) => Kind::NoCommonAlgorithms,
        rustls::Error::InvalidMessage(_) => Kind::NotTls,
        _ => Kind::Other,
    }
}

fn of_io(error: &(dyn StdError + 'static)) -> Option<Kind> {
    if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
        return Some(Kind::Reset);
    }
    match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some(Kind::Refused),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Some(Kind::Reset),
        io::ErrorKind::TimedOut => Some(Kind::Late),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(Kind::Unreachable),
        _ => None,
    }
}
