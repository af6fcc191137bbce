//! What the tests of the core start from: a sandbox, an authenticator for it, and guests that nobody has met.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use genesys_guest_auth::authenticator::{Failed, Outcome};
use genesys_guest_auth::validation::GuestRequest;
use genesys_guest_auth::{Authenticator, Code, Config};
use sandbox::{LogEntry, Options, Route, RouteCounts, Sandbox};
use serde_json::{Value, json};
use tokio::time::Instant;

/// For what must happen soon, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) auth: Authenticator,
}

impl Stage {
    /// A sandbox and an authenticator with these fields beside the required ones.
    pub(crate) async fn set(fields: Value) -> Self {
        let sandbox = sandbox().await;
        let auth = authenticator(&sandbox, fields);
        Self { sandbox, auth }
    }

    /// With a CRM and a webhook.
    pub(crate) async fn complete() -> Self {
        let sandbox = sandbox().await;
        let fields = json!({ "crmBaseUrl": sandbox.crm_url(), "analyticsWebhookUrl": sandbox.webhook_url() });
        let auth = authenticator(&sandbox, fields);
        Self { sandbox, auth }
    }

    pub(crate) async fn authenticate(&self, request: &GuestRequest) -> Result<Outcome, Failed> {
        self.auth.authenticate(Arc::new(request.clone()), Instant::now()).await
    }

    /// The code with which a call fails.
    pub(crate) async fn refusal(&self, request: &GuestRequest) -> Code {
        self.authenticate(request).await.expect_err("the call must fail").error.code()
    }

    pub(crate) fn counts(&self, route: Route) -> RouteCounts {
        self.sandbox.counts().route(route).clone()
    }

    pub(crate) fn connections(&self) -> u64 {
        self.sandbox.counts().connections.open
    }
}

pub(crate) async fn sandbox() -> Sandbox {
    Sandbox::start(Options::default()).await.expect("a sandbox starts")
}

pub(crate) fn authenticator(sandbox: &Sandbox, fields: Value) -> Authenticator {
    let mut config = json!({
        "environment": sandbox.url(),
        "clientId": "client",
        "clientSecret": "secret",
        "retryBaseDelayMs": 5,
        "retryMaxDelayMs": 5,
    });
    let (Value::Object(all), Value::Object(more)) = (&mut config, fields) else { unreachable!() };
    all.extend(more);
    Authenticator::new(Config::from_json(&config.to_string()).expect("a valid configuration"), |_| ())
        .expect("an outbox, if any")
}

/// A request that has not been made yet.
pub(crate) fn guest() -> GuestRequest {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let builder = GuestRequest::builder(&format!("guest-{number}@example.com"), "web");
    builder.consent(true).build().expect("a valid request")
}

pub(crate) fn guests(count: usize) -> Vec<GuestRequest> {
    (0..count).map(|_| guest()).collect()
}

pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

pub(crate) fn bearer(entry: &LogEntry) -> Option<&str> {
    entry.header("authorization")
}

/// Waits for what no event tells of.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
