//! What follows a creation: attributes, analytics event, audit record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::analytics::{Event, Outbox, OutboxPlace, no_dead_letters};
use crate::audit::{Auditor, Enrichment, Facts, Subject, Timestamp};
use crate::caller::CallContext;
use crate::crm::{Crm, Profile, ProfileLookup};
use crate::error::{Code, Error};
use crate::guest::Guest;
use crate::guest_api::{Created, GuestApi};
use crate::json::Members;
use crate::secret::Secret;
use crate::validation::GuestRequest;

/// Whom a report is about.
pub(crate) struct Authenticated<'a> {
    pub(crate) guest_id: &'a str,
    pub(crate) expires_in: u64,
    pub(crate) email: &'a str,
    pub(crate) consent: bool,
    pub(crate) channel_id: &'a str,
    pub(crate) request_id: Option<&'a str>,
}

/// Enriches guests and reports on them.
pub(crate) struct Enricher {
    /// None → no lookup.
    pub(crate) crm: Option<Crm>,
    /// None → no attributes are written.
    pub(crate) api: Option<Arc<dyn GuestApi>>,
    /// None → nothing is sent.
    pub(crate) outbox: Option<Outbox>,
    pub(crate) auditor: Auditor,
    pub(crate) failed_updates: AtomicU64,
}

impl Enricher {
    /// What the CRM knows of a guest.
    pub(crate) async fn look_up(&self, email: &str, context: &CallContext) -> ProfileLookup {
        match &self.crm {
            Some(crm) => crm.look_up(email, context).await,
            None => ProfileLookup::NoProfile,
        }
    }

    /// The whole of it for a guest and a request from elsewhere, both JSON objects; returns `{ analytics, audit }`.
    pub(crate) async fn enrich(
        &self,
        guest: &str,
        request: &str,
        total: Duration,
        started: Instant,
    ) -> Result<String, Error> {
        let context = CallContext::new(total);
        let place = self.admit(&context).await?;
        let whole = guest;
        let read = |json| {
            Members::parse(json).ok_or_else(|| Error::new(Code::Internal, "A guest and a request must be objects"))
        };
        let (guest, request) = (read(guest)?, read(request)?);
        let text = |members: &Members<'_>, name| members.string(name).unwrap_or_default().into_owned();
        let (guest_id, email, channel_id) =
            (text(&guest, "guestId"), text(&request, "email"), text(&request, "channelId"));
        let lookup = self.look_up(&email, &context).await;
        let attributes = request.get("attributes").map(RawValue::get);
        let expires_in = guest.number("expiresIn").unwrap_or_default() as u64;
        let guest = Guest {
            id: guest_id,
            token: Secret::new(text(&guest, "token")),
            expires_in: Duration::from_secs(expires_in),
            // No session is kept for him.
            expires_at: started,
            refresh_token: None,
            json: Secret::new(whole),
        };
        let mut created = Created { guest, session: None };
        let enrichment = self.apply(&mut created, attributes, &lookup, &context).await;
        let whom = Authenticated {
            guest_id: &created.guest.id,
            expires_in,
            email: &email,
            consent: request.get("consent").is_some_and(|consent| consent.get() == "true"),
            channel_id: &channel_id,
            request_id: None,
        };
        let facts = self.report(&whom, &lookup, enrichment, started, place, context.deadline).await;
        let (analytics, audit) =
            (whom.event(&facts), self.auditor.success(whom.subject(), whom.guest_id, &facts, whom.request_id));
        Ok(format!("{{\"analytics\":{analytics},\"audit\":{audit}}}"))
    }

    /// The outbox, for its dead letters.
    pub(crate) fn outbox(&self) -> Result<&Outbox, Error> {
        self.outbox.as_ref().ok_or_else(no_dead_letters)
    }

    /// Room for the event that a call will bring; without it, nothing is sent.
    pub(crate) async fn admit(&self, context: &CallContext) -> Result<Option<OutboxPlace>, Error> {
        let Some(outbox) = &self.outbox else { return Ok(None) };
        let Ok(admission) = tokio::time::timeout_at(context.deadline, outbox.admit()).await else {
            return Err(Error::new(Code::StoreUnavailable, "The outbox is still being read; nothing was sent")
                .with_retryable(true));
        };
        admission.map(Some)
    }

    /// Gives the guest its attributes. A failure is counted and told, never thrown: the guest exists.
    pub(crate) async fn apply(
        &self,
        created: &mut Created,
        attributes: Option<&str>,
        lookup: &ProfileLookup,
        context: &CallContext,
    ) -> Enrichment {
        let enrichment = match &self.api {
            Some(api) => api.enrich(created, attributes, lookup.profile(), context).await,
            None => Enrichment::Skipped,
        };
        if enrichment == Enrichment::Failed {
            self.failed_updates.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(lookup, ProfileLookup::Unavailable) {
            return Enrichment::Unavailable;
        }
        enrichment
    }

    /// Posts the event. With an outbox on disk, it is safe when this returns, but not beyond `until`.
    pub(crate) async fn report(
        &self,
        whom: &Authenticated<'_>,
        lookup: &ProfileLookup,
        enrichment: Enrichment,
        started: Instant,
        place: Option<OutboxPlace>,
        until: Instant,
    ) -> Facts {
        let facts = Facts {
            latency_ms: started.elapsed().as_millis() as u64,
            expires_in: whom.expires_in,
            timestamp: Timestamp::now(),
            crm_tier: lookup.profile().map_or(RawValue::NULL, Profile::tier).to_owned(),
            enrichment,
        };
        if let (Some(outbox), Some(place)) = (&self.outbox, place) {
            outbox.post(place, whom.guest_id, whom.event(&facts), until).await;
        }
        facts
    }
}

impl<'a> Authenticated<'a> {
    /// For a request that passed.
    pub(crate) fn new(request: &'a GuestRequest, guest_id: &'a str, expires_in: u64, request_id: &'a str) -> Self {
        Self {
            guest_id,
            expires_in,
            email: &request.email,
            consent: true,
            channel_id: request.channel_id.as_str(),
            request_id: Some(request_id),
        }
    }

    /// The analytics event as JSON.
    pub(crate) fn event(&self, facts: &Facts) -> String {
        Event {
            guest_id: self.guest_id.into(),
            email: self.email.into(),
            channel_id: self.channel_id.into(),
            crm_tier: (&*facts.crm_tier).into(),
            auth_latency_ms: facts.latency_ms.into(),
            timestamp: facts.timestamp.into(),
        }
        .to_json()
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject { email: Some(self.email), consent: self.consent, channel_id: Some(self.channel_id) }
    }
}
