//! One attempt to deliver an event, and what its failure means.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::signer::Signer;
use crate::net::exchange::{Exchange, host_of};
use crate::net::fault::{Failure, Fault};
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::retry::{SendOptions, Sender};
use crate::net::retry_after;

/// Requests of an outbox that are under way at once: as many as guest calls by default.
pub(super) const MOST_AT_ONCE: usize = 256;

/// Waits are spread by a fifth, so that events that failed together do not come back together.
const SPREAD: f64 = 0.2;

/// The outbox sends it again, after waits of its own.
pub(super) const DELIVERY: Operation = Operation {
    label: "Analytics webhook delivery",
    option: "analyticsWebhookUrl",
    retry: RetrySafety::Repeatable,
    limit: None,
    pool: ConnectionPool::new(2),
    body: BodyStyle::Text,
    is_throttle: no_other_throttle,
};

/// Where events go.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The analytics webhook.
    pub url: Url,
    /// Limit for one exchange.
    pub timeout: Duration,
    /// Signs the bodies, if configured.
    pub signer: Option<Signer>,
}

/// Sends events to a webhook.
pub(super) struct WebhookClient {
    sender: Arc<Sender>,
    webhook: Webhook,
}

impl WebhookClient {
    pub(super) fn new(sender: Arc<Sender>, webhook: Webhook) -> Self {
        Self { sender, webhook }
    }

    /// Sends an event once.
    pub(super) async fn send(&self, id: &str, body: &Bytes) -> Result<(), Failure> {
        // What it may still wait for is a connection.
        let timeout = self.webhook.timeout;
        let options = SendOptions { operation: &DELIVERY, timeout, deadline: Instant::now() + timeout };
        self.sender.once(options, || self.exchange(id, body)).await.map(drop)
    }

    /// For messages.
    pub(super) fn host(&self) -> String {
        host_of(&self.webhook.url)
    }

    fn exchange(&self, id: &str, body: &Bytes) -> Exchange {
        let seconds =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let mut exchange = Exchange::new(Method::POST, self.webhook.url.clone()).json(body.clone());
        let signature = self.webhook.signer.as_ref().map(|signer| signer.sign(id, &seconds, body));
        let headers = [
            ("webhook-id", Some(id.to_owned())),
            ("webhook-timestamp", Some(seconds)),
            ("webhook-signature", signature),
        ];
        for (name, value) in headers {
            if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(&value)) {
                exchange = exchange.header(name, value);
            }
        }
        exchange
    }
}

#[cfg(test)]
impl WebhookClient {
    /// To a port of this machine, with more patience than a test has.
    pub(super) fn to_port(port: u16) -> Self {
        use crate::net::client::Http;
        use crate::net::limiter::Limits;
        use crate::net::retry::Policy;
        use crate::net::settings::Settings;
        let (none, long) = (Duration::ZERO, Duration::from_secs(3600));
        let policy = Policy { max_retries: 0, base_delay: none, max_delay: none, max_retry_after: none };
        let settings = Settings { connect_timeout: long, ..Settings::default() };
        let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
        let sender = Arc::new(Sender::new(Http::new(settings), policy, Limits::in_flight(1)));
        Self::new(sender, Webhook { url, timeout: long, signer: None })
    }
}

/// The id of an event, the same on every attempt.
pub(super) fn id_of(uuid: Uuid) -> String {
    format!("msg_{}", uuid.simple())
}

pub(super) fn spread(wait: Duration) -> Duration {
    wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * fastrand::f64())
}

/// A refusal is final, except for "too slow", "too early" and "too many"; everything else may pass.
pub(super) fn may_pass(failure: &Failure) -> bool {
    failure.status().is_none_or(|status| status >= 500 || matches!(status, 408 | 425 | 429))
}

/// The wait that the webhook asks for.
pub(super) fn asked_wait(failure: &Failure) -> Option<Duration> {
    match &failure.fault {
        Fault::Status(answer) => retry_after::parse(&answer.headers),
        _ => None,
    }
}
