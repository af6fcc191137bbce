//! The customer's profile: looked up once, within its limit, and never the reason for a call to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use percent_encoding::utf8_percent_encode;
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use crate::json::{Members, spread};
use crate::net::exchange::{Exchange, LONGEST_URL, host_of};
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::redact::COMPONENT;
use crate::net::retry::{SendOptions, Sender};
use crate::notice::throttled::ThrottledNotice;
use crate::notice::{Notice, OnNotice};

/// Nobody waits for a second try.
const LOOKUP: Operation = Operation {
    label: "CRM profile lookup",
    option: "crmBaseUrl",
    retry: RetrySafety::SingleTry,
    limit: None,
    pool: ConnectionPool::new(1),
    body: BodyStyle::Text,
    is_throttle: no_other_throttle,
};

/// Looks profiles up at `GET {base}/profiles?email=`.
pub(crate) struct Crm {
    sender: Arc<Sender>,
    profiles: Url,
    timeout: Duration,
    /// Lookups that brought no profile, and those of them that brought no usable answer.
    pub(crate) failures: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    notice: Arc<ThrottledNotice>,
}

/// What came of a lookup.
pub(crate) enum Lookup {
    Profile(Profile),
    /// The CRM does not know the guest, or there is no CRM.
    NoProfile,
    /// Unreachable, too slow, refusing, or its answer is no JSON object.
    Unavailable,
}

/// A profile as the CRM answered it: the members of a JSON object, as written. It is read once.
#[derive(Clone)]
pub(crate) struct Profile {
    members: Vec<(String, String)>,
    tier: Option<Box<RawValue>>,
}

impl Crm {
    /// `base` is the CRM's base URL; it may have a path.
    pub(crate) fn new(sender: Arc<Sender>, base: &Url, timeout: Duration, on_notice: OnNotice) -> Self {
        let describe = |last: &str, count| {
            Notice::Crm(format!(
                "{last}; guests have no profile meanwhile (lookups since the last such warning: {count})"
            ))
        };
        let notice = ThrottledNotice::new(describe, on_notice);
        let mut profiles = base.clone();
        profiles.set_path(&format!("{}/profiles", base.path().trim_end_matches('/')));
        Self { sender, profiles, timeout, failures: AtomicU64::new(0), unavailable: AtomicU64::new(0), notice }
    }

    /// Forgets when it last warned.
    pub(crate) fn reset(&self) {
        self.notice.reset();
    }

    /// Asks once, without a bearer token.
    pub(crate) async fn look_up(&self, email: &str, deadline: Instant) -> Lookup {
        let reason = match self.ask(email, deadline).await {
            Ok(Some(profile)) => return Lookup::Profile(profile),
            Ok(None) => None,
            Err(reason) => Some(reason),
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        let Some(reason) = reason else { return Lookup::NoProfile };
        self.unavailable.fetch_add(1, Ordering::Relaxed);
        self.notice.add(format!("The CRM at {} gave no usable answer: {reason}", host_of(&self.profiles)));
        Lookup::Unavailable
    }

    /// The profile, if the CRM knows one, or why there is no telling.
    async fn ask(&self, email: &str, deadline: Instant) -> Result<Option<Profile>, String> {
        let mut url = self.profiles.clone();
        url.set_query(Some(&format!("email={}", utf8_percent_encode(email, COMPONENT))));
        if url.as_str().len() > LONGEST_URL {
            return Err("the address is too long for a URL".to_owned());
        }
        let options = SendOptions { operation: &LOOKUP, timeout: self.timeout, deadline };
        match self.sender.once(options, || Exchange::new(Method::GET, url.clone())).await {
            Ok(answer) => match Profile::parse(&answer.text()) {
                None => Err("the answer is no JSON object".to_owned()),
                profile => Ok(profile),
            },
            Err(failure) if failure.status() == Some(404) => Ok(None),
            Err(failure) => Err(failure.reason()),
        }
    }
}

impl Lookup {
    pub(crate) fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Profile(profile) => Some(profile),
            Self::NoProfile | Self::Unavailable => None,
        }
    }
}

impl Profile {
    /// Reads an answer; `None` when it is not a JSON object.
    pub(crate) fn parse(answer: &str) -> Option<Self> {
        let profile = Members::parse(answer)?;
        let members = profile.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Some(Self { members, tier: profile.get("tier").map(ToOwned::to_owned) })
    }

    /// `tier` as JSON; `null` where there is none.
    pub(crate) fn tier(&self) -> &RawValue {
        self.tier.as_deref().unwrap_or(RawValue::NULL)
    }

    /// The request's attributes, then the profile's fields, then ours; later ones win.
    pub(crate) fn merged_into(&self, attributes: Option<&str>, consent_timestamp: &str) -> String {
        let ours = [("consentTimestamp", consent_timestamp), ("authMethod", "guest-api"), ("sessionVersion", "1.0")];
        let own = attributes.and_then(Members::parse_own);
        let profile = self.members.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        spread(own.iter().flat_map(Members::iter).chain(profile), &ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_fields_win() {
        let profile = Profile::parse(r#"{"customerId":"c","tier":"gold","authMethod":"forged"}"#).unwrap();
        assert_eq!(
            profile.merged_into(Some(r#"{"tier":"none","cart":[1]}"#), "2026-01-01T00:00:00.000Z"),
            r#"{"tier":"gold","cart":[1],"customerId":"c","authMethod":"guest-api","consentTimestamp":"2026-01-01T00:00:00.000Z","sessionVersion":"1.0"}"#
        );
    }

    #[test]
    fn the_tier_stays_what_it_was() {
        assert_eq!(Profile::parse(r#"{"tier":"gold"}"#).unwrap().tier().get(), "\"gold\"");
        assert_eq!(Profile::parse(r#"{"tier":3}"#).unwrap().tier().get(), "3");
        assert_eq!(Profile::parse("{}").unwrap().tier().get(), "null");
    }
}
