//! A CRM of the organisation's own, at `GET {base}/profiles?email=`.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use percent_encoding::utf8_percent_encode;
use tokio::time::Instant;
use url::Url;

use super::profile::Profile;
use crate::net::exchange::{Exchange, LONGEST_URL};
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::redact::COMPONENT;
use crate::net::retry::{SendOptions, Sender};

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

pub(super) struct UrlCrm {
    sender: Arc<Sender>,
    pub(super) profiles: Url,
    timeout: Duration,
}

impl UrlCrm {
    pub(super) fn new(sender: Arc<Sender>, base: &Url, timeout: Duration) -> Self {
        let mut profiles = base.clone();
        profiles.set_path(&format!("{}/profiles", base.path().trim_end_matches('/')));
        Self { sender, profiles, timeout }
    }

    /// The profile, if the CRM knows one, or why there is no telling. Asks once, without a bearer token.
    pub(super) async fn ask(&self, email: &str, deadline: Instant) -> Result<Option<Profile>, String> {
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
