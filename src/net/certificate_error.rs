//! What a certificate says that does not fit, in words.

use std::time::{Duration, SystemTime};

use rustls::CertificateError;
use rustls::pki_types::UnixTime;

/// As many names of a certificate as are shown.
const MOST_NAMES: usize = 5;

/// The end of the year 9999, in seconds: what is later has no usual form.
const LATEST: u64 = 253_402_300_799;

/// What a certificate says that does not fit: which time, which names.
pub(super) fn of(error: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(error) = error else { return None };
    Some(match error {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("certificate expired at {}, and it is {} here", shown(*not_after), shown(*time))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("certificate not valid before {}, and it is {} here", shown(*not_before), shown(*time))
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<&str> = presented.iter().take(MOST_NAMES).map(|name| bare_name(name)).collect();
            let more = if presented.len() > MOST_NAMES { " and others" } else { "" };
            let names = if names.is_empty() { "no host".to_owned() } else { names.join(", ") };
            format!("certificate not valid for {}, but for {names}{more}", expected.to_str())
        }
        _ => return None,
    })
}

/// RFC 3339, as in `2026-01-31T12:00:00Z`.
fn shown(time: UnixTime) -> String {
    let seconds = Duration::from_secs(time.as_secs().min(LATEST));
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + seconds).to_string()
}

/// `guest.test` of `DnsName("guest.test")`, as webpki writes it.
fn bare_name(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')').trim_matches('"'))
}
