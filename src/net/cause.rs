//! What lies under a failed exchange: in words, as the `code` that Node has for it, and what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError};

use super::authorities;
use super::certificate_error;
use super::exchange::MOST_HEADERS;
use crate::hint::Hint;

/// Why an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    text: String,
    kind: Kind,
    hint: Option<Hint>,
}

/// Where an exchange failed.
pub(super) struct Place<'a> {
    /// `host:port`.
    pub(super) host: &'a str,
    /// The proxy on the way there, `host:port`.
    pub(super) proxy: Option<&'a str>,
    /// Whether that proxy looks up names.
    pub(super) is_lookup_remote: bool,
    /// The option that names the host.
    pub(super) option: &'static str,
}

/// Kinds of causes; most have a code of Node's and a hint.
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
    ProxyAnswered(u16),
    HeadTooLarge,
    Undecodable,
    Other,
}

/// A server certificate that nobody but itself vouches for.
#[derive(Debug, thiserror::Error)]
#[error("self-signed certificate")]
pub(super) struct SelfSignedCertificate;

impl Cause {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { text: text.into(), kind, hint: None }
    }

    /// What a proxy answered instead of opening a tunnel.
    pub(super) fn of_proxy(status: u16) -> Self {
        match status {
            407 => Self::new(Kind::ProxyLogin, "the proxy wants a login (407)"),
            ..500 => Self::new(Kind::ProxyAnswered(status), format!("the proxy refused with status {status}")),
            _ => Self::new(Kind::ProxyAnswered(status), format!("the proxy failed with status {status}")),
        }
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
        // What breaks off on the way counts as decoding, too.
        if error.is_decode() && chain(error).all(|error| error.downcast_ref::<hyper::Error>().is_none()) {
            return Self::new(Kind::Undecodable, format!("the answer cannot be unpacked: {}", innermost(error)));
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
            _ => tls.and_then(certificate_error::of).unwrap_or_else(|| innermost(error)),
        };
        Self::new(kind, text)
    }

    /// Whether the next try would meet the same: two sides that do not understand or trust each other.
    pub(super) fn is_lasting(&self) -> bool {
        match self.kind {
            Kind::Refused
            | Kind::UnknownHost
            | Kind::Reset
            | Kind::Late
            | Kind::Unreachable
            | Kind::ProxyAnswered(500..)
            | Kind::Undecodable
            | Kind::Other => false,
            Kind::SelfSigned
            | Kind::UnknownAuthority
            | Kind::Expired
            | Kind::NotYetValid
            | Kind::WrongName
            | Kind::BadCertificate
            | Kind::NoCommonAlgorithms
            | Kind::NotTls
            | Kind::ProxyLogin
            | Kind::ProxyAnswered(_)
            | Kind::HeadTooLarge => true,
        }
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
            | Kind::ProxyAnswered(_)
            | Kind::HeadTooLarge
            | Kind::Undecodable
            | Kind::Other => return None,
        })
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> Option<Hint> {
        self.hint.clone()
    }

    /// Adds what to do about it, now that it is known where it happened.
    pub(super) fn at(mut self, place: &Place<'_>) -> Self {
        self.hint = self.hint_at(place);
        self
    }

    fn hint_at(&self, &Place { host, proxy, is_lookup_remote, option }: &Place<'_>) -> Option<Hint> {
        let host = host.to_owned();
        Some(match (self.kind, proxy.map(str::to_owned)) {
            (Kind::ProxyLogin, Some(proxy)) => Hint::ProxyLogin { proxy },
            (Kind::ProxyAnswered(status @ ..500), Some(proxy)) => Hint::ProxyRefused { proxy, status, host },
            (Kind::ProxyAnswered(status), Some(proxy)) => Hint::ProxyFailed { proxy, status, host },
            (Kind::Refused | Kind::Unreachable | Kind::Late, Some(proxy)) => Hint::ProxyUnreachable { proxy },
            (Kind::UnknownHost, Some(proxy)) if is_lookup_remote => Hint::ProxyUnreachable { proxy },
            (Kind::Refused | Kind::Unreachable | Kind::Late, None) => Hint::Unreachable { host, option },
            (Kind::UnknownHost, _) => Hint::UnknownHost { host, option },
            (Kind::SelfSigned | Kind::UnknownAuthority, _) => match authorities::misnamed() {
                Some((variable, path)) => Hint::MisnamedAuthorities { variable, path, host },
                None => Hint::UntrustedCertificate { host },
            },
            (Kind::Expired | Kind::NotYetValid, _) => Hint::CertificateTime { host, detail: self.text.clone() },
            (Kind::WrongName, _) => Hint::WrongName { option, detail: self.text.clone() },
            (Kind::NoCommonAlgorithms | Kind::BadCertificate, _) => Hint::Algorithms,
            (Kind::NotTls, _) => Hint::NotTls { option },
            (Kind::Undecodable, _) => Hint::Undecodable { host },
            (Kind::Reset | Kind::HeadTooLarge | Kind::Other | Kind::ProxyLogin | Kind::ProxyAnswered(_), _) => {
                return None;
            }
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
