//! [`Sandbox`]: a running sandbox, as its owner holds it.

use std::io;
use std::sync::Arc;

use serde_json::Value;

use crate::record::{Counts, LogEntry};
use crate::rules::Scripted as _;
use crate::server::Server;
use crate::state::Shared;
use crate::{Fault, FaultInfo, GuestInfo, Limit, Options, Route, Settings, TokenInfo, WebhookEvent};

/// A running sandbox. It stops when it is dropped: connections end, the port is free.
pub struct Sandbox {
    pub(crate) shared: Arc<Shared>,
    _server: Server,
}

impl Sandbox {
    /// Starts one, on threads and a runtime of its own.
    ///
    /// # Errors
    ///
    /// When the port is taken, or no thread can be started.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (server, shared) = Server::start(options).await?;
        Ok(Self { shared, _server: server })
    }

    /// The origin, without a trailing slash: login host and API in one.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.origin
    }

    /// The base of the CRM; profiles are at `{crm}/profiles?email=`.
    #[must_use]
    pub fn crm_url(&self) -> String {
        format!("{}/crm", self.url())
    }

    /// The analytics webhook.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        format!("{}/webhook", self.url())
    }

    /// The base of the control API.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("{}/__control", self.url())
    }

    /// All addresses, as the one line of JSON that the program prints.
    #[must_use]
    pub fn addresses(&self) -> String {
        serde_json::to_string(&self.shared.addresses()).unwrap_or_default()
    }

    /// The certificate authority to trust, in PEM, when TLS is spoken.
    #[must_use]
    pub fn ca(&self) -> Option<&str> {
        self.shared.ca.as_deref()
    }

    /// Adds a fault. The oldest fault that fits a request hits it.
    ///
    /// # Panics
    ///
    /// When the fault makes no sense: a status of 1000, a header that cannot be sent.
    pub fn fault(&self, fault: Fault) {
        if let Err(invalid) = fault.check() {
            panic!("{invalid}");
        }
        self.shared.lock().faults.add(fault);
    }

    /// The faults in force and what they have done.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultInfo<Fault>> {
        self.shared.lock().faults.list()
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear(None);
    }

    /// Limits the rate of a route. Its bucket starts full.
    ///
    /// # Panics
    ///
    /// When the limit makes no sense: a burst below 1.
    pub fn limit(&self, limit: Limit) {
        if let Err(invalid) = limit.check() {
            panic!("{invalid}");
        }
        self.shared.lock().limits.set(limit);
    }

    /// Takes all limits away.
    pub fn clear_limits(&self) {
        self.shared.lock().limits.clear(None);
    }

    /// Makes every answer of a route, or of all, this many milliseconds late.
    pub fn latency(&self, route: Option<Route>, ms: f64) {
        self.shared.lock().latency.set(route, ms);
    }

    /// Every request since the log was last cleared, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared.lock().log.since(0).cloned().collect()
    }

    /// The requests of one route.
    #[must_use]
    pub fn log_of(&self, route: Route) -> Vec<LogEntry> {
        self.shared.lock().log.since(0).filter(|entry| entry.route == route).cloned().collect()
    }

    /// Empties the log.
    pub fn clear_log(&self) {
        self.shared.lock().log.clear();
    }

    /// Switches the log on or off.
    pub fn set_logging(&self, enabled: bool) {
        let mut state = self.shared.lock();
        state.log.enabled = enabled;
        state.messaging.frames.enabled = enabled;
    }

    /// The counters.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().tally.counts(&self.shared.gauges)
    }

    /// The guests that live now, oldest first.
    #[must_use]
    pub fn guests(&self) -> Vec<GuestInfo> {
        self.shared.lock().genesys.guests.list(crate::clock::now(), usize::MAX)
    }

    /// Ends one guest, or all.
    pub fn end_guests(&self, guest_id: Option<&str>) {
        self.shared.lock().genesys.guests.end(guest_id);
    }

    /// The access tokens issued, oldest first.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenInfo> {
        self.shared.lock().genesys.tokens.list(crate::clock::now(), usize::MAX)
    }

    /// Ends one access token, or all: the next call with it meets a 401.
    pub fn revoke_tokens(&self, token: Option<&str>) {
        self.shared.lock().genesys.tokens.revoke(token);
    }

    /// The analytics events that arrived, oldest first.
    #[must_use]
    pub fn webhook_events(&self) -> Vec<WebhookEvent> {
        self.shared.lock().events.kept.iter().cloned().collect()
    }

    /// Sets the CRM profile of an e-mail; null for none.
    pub fn set_profile(&self, email: &str, profile: Value) {
        self.shared.lock().profiles.insert(email.to_lowercase(), profile);
    }

    /// Changes settings.
    pub fn settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut state = self.shared.lock();
        let mut settings = state.settings.clone();
        change(&mut settings);
        state.apply(settings);
    }

    /// Back to how it started: no guests, no tokens, no faults, an empty log.
    pub fn reset(&self) {
        self.shared.lock().reset();
        self.shared.gauges.reset();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("url", &self.url()).finish_non_exhaustive()
    }
}
