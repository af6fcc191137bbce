//! The customer's profile: looked up once, within its limit, and never the reason for a call to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use percent_encoding::utf8_percent_encode;
use tokio::time::Instant;
use url::Url;

use crate::json::{Members, spread};
use crate::net::exchange::{Call, Exchange};
use crate::net::redact::COMPONENT;
use crate::net::retry::Sender;

/// Looks profiles up at `GET {base}/profiles?email=`.
pub(crate) struct Crm {
    sender: Arc<Sender>,
    profiles: Url,
    timeout: Duration,
    pub(crate) failures: AtomicU64,
}

/// A profile as the CRM answered it: the text of a JSON object.
#[derive(Debug, Clone)]
pub(crate) struct Profile(String);

impl Crm {
    /// `base` is the CRM's base URL; it may have a path.
    pub(crate) fn new(sender: Arc<Sender>, base: &Url, timeout: Duration) -> Self {
        let mut profiles = base.clone();
        profiles.set_path(&format!("{}/profiles", base.path().trim_end_matches('/')));
        Self { sender, profiles, timeout, failures: AtomicU64::new(0) }
    }

    /// The profile, or none: unknown, unreachable, too slow, not a JSON object. Carries no bearer token.
    pub(crate) async fn profile(&self, email: &str, deadline: Instant) -> Option<Profile> {
        let mut url = self.profiles.clone();
        url.set_query(Some(&format!("email={}", utf8_percent_encode(email, COMPONENT))));
        let until = deadline.min(Instant::now() + self.timeout);
        let profile = match self.sender.once(Call::Crm, until, || Exchange::new(Method::GET, url.clone())).await {
            Ok(answer) => Members::parse(&answer.text()).is_some().then(|| Profile(answer.text().into_owned())),
            Err(_) => None,
        };
        if profile.is_none() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        profile
    }
}

impl Profile {
    /// `tier` as JSON; `null` where there is none.
    pub(crate) fn tier(&self) -> String {
        Members::parse(&self.0)
            .and_then(|profile| profile.get("tier"))
            .map_or_else(|| "null".to_owned(), |tier| tier.get().to_owned())
    }

    /// The request's attributes, then the profile's fields, then ours; later ones win.
    pub(crate) fn merged_into(&self, attributes: Option<&str>, consent_timestamp: &str) -> String {
        let ours = [("consentTimestamp", consent_timestamp), ("authMethod", "guest-api"), ("sessionVersion", "1.0")];
        spread(attributes.into_iter().chain([self.0.as_str()]), &ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_fields_win() {
        let profile = Profile(r#"{"customerId":"c","tier":"gold","authMethod":"forged"}"#.into());
        assert_eq!(
            profile.merged_into(Some(r#"{"tier":"none","cart":[1]}"#), "2026-01-01T00:00:00.000Z"),
            r#"{"tier":"gold","cart":[1],"customerId":"c","authMethod":"guest-api","consentTimestamp":"2026-01-01T00:00:00.000Z","sessionVersion":"1.0"}"#
        );
    }

    #[test]
    fn the_tier_stays_what_it_was() {
        assert_eq!(Profile(r#"{"tier":"gold"}"#.into()).tier(), "\"gold\"");
        assert_eq!(Profile(r#"{"tier":3}"#.into()).tier(), "3");
        assert_eq!(Profile("{}".into()).tier(), "null");
    }
}
