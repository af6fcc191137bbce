//! What follows a creation: attributes, analytics event, audit record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::analytics::{Event, Outbox, Place, no_dead_letters};
use crate::audit::{Auditor, Enrichment, Subject, Timestamp};
use crate::crm::{Crm, Profile};
use crate::error::{Code, Error};
use crate::guest_api::{GuestApi, Trip};
use crate::json::Members;

/// Whom a report is about.
pub(crate) struct Authenticated<'a> {
    pub(crate) guest_id: &'a str,
    pub(crate) expires_in: u64,
    pub(crate) email: &'a str,
    pub(crate) consent: bool,
    pub(crate) channel_id: &'a str,
    pub(crate) request_id: Option<&'a str>,
}

/// The analytics event and the audit record of one authentication, as JSON texts.
pub(crate) struct Report {
    pub(crate) analytics: String,
    pub(crate) audit: String,
}

/// Enriches guests and reports on them.
pub(crate) struct Enricher {
    /// None → no lookup.
    pub(crate) crm: Option<Crm>,
    /// None → no attributes are written.
    pub(crate) api: Option<Arc<GuestApi>>,
    /// None → nothing is sent.
    pub(crate) outbox: Option<Outbox>,
    pub(crate) auditor: Auditor,
    pub(crate) failed_updates: AtomicU64,
}

impl Enricher {
    pub(crate) async fn profile(&self, email: &str, trip: &Trip) -> Option<Profile> {
        match &self.crm {
            Some(crm) => crm.profile(email, trip.deadline).await,
            None => None,
        }
    }

    /// The whole of it for a guest and a request from elsewhere, both JSON objects; returns `{ analytics, audit }`.
    #[cfg_attr(not(feature = "addon"), expect(dead_code, reason = "a part of the package, not of an authenticator"))]
    pub(crate) async fn enrich(
        &self,
        guest: &str,
        request: &str,
        total: Duration,
        started: Instant,
    ) -> Result<String, Error> {
        let trip = Trip::new(total);
        let place = self.admit(&trip).await?;
        let read = |json| {
            Members::parse(json).ok_or_else(|| Error::new(Code::Internal, "A guest and a request must be objects"))
        };
        let (guest, request) = (read(guest)?, read(request)?);
        let text = |members: &Members<'_>, name| members.string(name).unwrap_or_default().into_owned();
        let (guest_id, email, channel_id) =
            (text(&guest, "guestId"), text(&request, "email"), text(&request, "channelId"));
        let profile = self.profile(&email, &trip).await;
        let attributes = request.get("attributes").map(RawValue::get);
        let enrichment = self.apply(&guest_id, attributes, profile.as_ref(), &trip).await;
        let whom = Authenticated {
            guest_id: &guest_id,
            expires_in: guest.number("expiresIn").unwrap_or_default() as u64,
            email: &email,
            consent: request.get("consent").is_some_and(|consent| consent.get() == "true"),
            channel_id: &channel_id,
            request_id: None,
        };
        let until = trip.deadline;
        let Report { analytics, audit } = self.report(&whom, profile.as_ref(), enrichment, started, place, until).await;
        Ok(format!("{{\"analytics\":{analytics},\"audit\":{audit}}}"))
    }

    /// The outbox, for its dead letters.
    pub(crate) fn outbox(&self) -> Result<&Outbox, Error> {
        self.outbox.as_ref().ok_or_else(no_dead_letters)
    }

    /// Room for the event that a call will bring; without it, nothing is sent.
    pub(crate) async fn admit(&self, trip: &Trip) -> Result<Option<Place>, Error> {
        let Some(outbox) = &self.outbox else { return Ok(None) };
        let Ok(admission) = tokio::time::timeout_at(trip.deadline, outbox.admit()).await else {
            return Err(Error::new(Code::StoreUnavailable, "The outbox is still being read; nothing was sent")
                .with_retryable(true));
        };
        admission.map(Some)
    }

    /// Writes the profile's fields to the guest. A failure is counted and told, never thrown: the guest exists.
    pub(crate) async fn apply(
        &self,
        guest_id: &str,
        attributes: Option<&str>,
        profile: Option<&Profile>,
        trip: &Trip,
    ) -> Enrichment {
        let (Some(api), Some(profile)) = (&self.api, profile) else { return Enrichment::Skipped };
        let merged = profile.merged_into(attributes, &Timestamp::now().to_string());
        if api.put_attributes(guest_id, &merged, trip).await.is_ok() {
            return Enrichment::Applied;
        }
        self.failed_updates.fetch_add(1, Ordering::Relaxed);
        Enrichment::Failed
    }

    /// Posts the event and writes the record. With an outbox on disk, the event is safe when this returns, but not beyond
    /// `until`.
    pub(crate) async fn report(
        &self,
        whom: &Authenticated<'_>,
        profile: Option<&Profile>,
        enrichment: Enrichment,
        started: Instant,
        place: Option<Place>,
        until: Instant,
    ) -> Report {
        let latency = started.elapsed().as_millis() as u64;
        let tier = profile.and_then(|profile| RawValue::from_string(profile.tier()).ok());
        let analytics = Event {
            guest_id: whom.guest_id,
            email: whom.email,
            channel_id: whom.channel_id,
            crm_tier: tier.as_deref().unwrap_or(RawValue::NULL),
            auth_latency_ms: latency,
            timestamp: Timestamp::now(),
        }
        .to_json();
        if let (Some(outbox), Some(place)) = (&self.outbox, place) {
            outbox.post(place, whom.guest_id, analytics.clone(), until).await;
        }
        let subject = Subject { email: Some(whom.email), consent: whom.consent, channel_id: Some(whom.channel_id) };
        let audit = self.auditor.success(subject, whom.guest_id, latency, whom.expires_in, enrichment, whom.request_id);
        Report { analytics, audit }
    }
}
