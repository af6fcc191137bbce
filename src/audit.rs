//! The audit record, and what is masked in it.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::signature::hmac_hex;
use crate::template::{Fact, Member};
use crate::text::{LONGEST_IDENTIFIER, beginning};
use crate::validation::GuestRequest;

/// How an e-mail address appears in audit records.
#[derive(Debug, Clone)]
pub enum EmailMode {
    /// `j***@example.com`.
    Masked,
    /// HMAC-SHA-256 of the address in lower case under the client secret, in hexadecimal: one person has one hash.
    Hashed(Secret),
    /// As it is.
    Full,
}

impl EmailMode {
    fn apply(&self, email: &str) -> String {
        match self {
            Self::Masked => mask(email),
            Self::Hashed(key) => hmac_hex(key, &email.to_lowercase()),
            Self::Full => email.to_owned(),
        }
    }

    /// What records say; no more of it than of any other identifier.
    fn shown(&self, email: &str) -> String {
        let applied = self.apply(email);
        beginning(&applied, LONGEST_IDENTIFIER).to_owned()
    }

    fn minimises(&self) -> bool {
        !matches!(self, Self::Full)
    }
}

/// What became of the guest's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrichment {
    /// The profile's fields were written.
    Applied,
    /// There was a profile, but writing failed for good.
    Failed,
    /// There was no profile.
    Skipped,
    /// Whoever starts the conversation is to give it the profile's fields.
    Deferred,
    /// Some of the profile's fields found no room.
    Partial,
    /// The CRM gave no usable answer.
    Unavailable,
}

impl Enrichment {
    /// As records write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Deferred => "deferred",
            Self::Partial => "partial",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Serialize for Enrichment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Who is being authenticated, as far as the payload told.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The address as given, valid or not.
    pub email: Option<&'a str>,
    /// Whether consent was given.
    pub consent: bool,
    /// The channel as given.
    pub channel_id: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// Of a request that passed.
    #[must_use]
    pub fn of(request: &'a GuestRequest) -> Self {
        Self { email: Some(&request.email), consent: true, channel_id: Some(request.channel_id.as_str()) }
    }
}

/// What the analytics event and the audit record say beyond whom they are about.
#[derive(Debug, Clone)]
pub struct Facts {
    /// From the call to the end of the enrichment.
    pub latency_ms: u64,
    /// Life of the guest token, in seconds.
    pub expires_in: u64,
    /// When the event and the record were made.
    pub timestamp: Timestamp,
    /// The profile's `tier` as it is; `null` without one.
    pub crm_tier: Box<RawValue>,
    /// What became of the attributes.
    pub enrichment: Enrichment,
}

const SUCCESS: &str = "guest.authentication";

/// Writes audit records as JSON text.
#[derive(Debug, Clone)]
pub struct Auditor(pub EmailMode);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest_id: Option<Member<&'a str>>,
    email: Option<Member<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<bool>,
    channel_id: Option<Member<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<Member<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_expiry: Option<Member<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrichment: Option<Member<Enrichment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Member<&'a str>>,
    timestamp: Member<Timestamp>,
    compliance_flags: ComplianceFlags,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComplianceFlags {
    gdpr_consent_recorded: bool,
    data_minimization_applied: bool,
    audit_trail_generated: bool,
}

impl Auditor {
    /// `guest.authentication`: a guest was authenticated.
    #[must_use]
    pub fn success(&self, subject: Subject<'_>, guest_id: &str, facts: &Facts, request_id: Option<&str>) -> String {
        self.write(&Record {
            guest_id: Some(beginning(guest_id, LONGEST_IDENTIFIER).into()),
            latency_ms: Some(facts.latency_ms.into()),
            token_expiry: Some(facts.expires_in.into()),
            enrichment: Some(facts.enrichment.into()),
            request_id: request_id.map(Member::from),
            timestamp: facts.timestamp.into(),
            ..self.record(SUCCESS, subject)
        })
    }

    /// The same, of an authenticated guest, for JavaScript to fill in.
    pub(crate) fn success_template(&self) -> String {
        let email = if self.0.minimises() { Fact::ShownEmail } else { Fact::Email };
        self.write(&Record {
            guest_id: Some(Member::place(Fact::GuestId)),
            email: Some(Member::place(email)),
            channel_id: Some(Member::place(Fact::ChannelId)),
            latency_ms: Some(Member::place(Fact::LatencyMs)),
            token_expiry: Some(Member::place(Fact::ExpiresIn)),
            enrichment: Some(Member::place(Fact::Enrichment)),
            request_id: Some(Member::place(Fact::RequestId)),
            timestamp: Member::place(Fact::Timestamp),
            ..self.record(SUCCESS, Subject { email: None, consent: true, channel_id: None })
        })
    }

    /// The address as records show it, where that is not the whole of it.
    #[must_use]
    pub fn shown(&self, email: &str) -> Option<String> {
        self.0.minimises().then(|| self.0.shown(email))
    }

    /// `guest.authentication.failed`: by code, with the status of the answer where there was one.
    #[must_use]
    pub fn failure(&self, subject: Subject<'_>, error: &Error, latency_ms: u64) -> String {
        self.write(&Record {
            latency_ms: Some(latency_ms.into()),
            code: Some(error.code()),
            status: error.details().status,
            request_id: error.details().request_id.as_deref().map(Member::from),
            ..self.record("guest.authentication.failed", subject)
        })
    }

    /// `guest.session.invalidated`: the caller ended a session.
    #[must_use]
    pub fn invalidation(&self, session_key: &str) -> String {
        let (email, channel_id) = match session_key.split_once("::") {
            Some((email, channel_id)) => (Some(email), Some(channel_id)),
            None => (None, None),
        };
        self.write(&Record {
            consent: None,
            ..self.record("guest.session.invalidated", Subject { email, consent: false, channel_id })
        })
    }

    fn record<'a>(&self, event: &'static str, subject: Subject<'a>) -> Record<'a> {
        Record {
            event,
            guest_id: None,
            email: subject.email.map(|email| self.0.shown(email).into()),
            consent: Some(subject.consent),
            channel_id: subject.channel_id.map(|id| beginning(id, LONGEST_IDENTIFIER).into()),
            latency_ms: None,
            token_expiry: None,
            code: None,
            status: None,
            enrichment: None,
            request_id: None,
            timestamp: Timestamp::now().into(),
            compliance_flags: ComplianceFlags {
                gdpr_consent_recorded: subject.consent,
                data_minimization_applied: self.0.minimises(),
                audit_trail_generated: true,
            },
        }
    }

    #[expect(clippy::unused_self, reason = "reads as a method of the one who writes")]
    fn write(&self, record: &Record<'_>) -> String {
        serde_json::to_string(record).unwrap_or_default()
    }
}

/// The first character and the domain; what is no address is hidden whole.
fn mask(email: &str) -> String {
    match (email.chars().next(), email.rsplit_once('@')) {
        (Some(first), Some((local, domain))) if !local.is_empty() && is_host(domain) => format!("{first}***@{domain}"),
        _ => "***".to_owned(),
    }
}

/// What stands behind an @ in free text is not masked away by being called a domain.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

/// A moment as `Date.prototype.toISOString` writes it.
#[derive(Debug, Clone, Copy)]
pub struct Timestamp(SystemTime);

impl Timestamp {
    pub(crate) fn now() -> Self {
        Self(SystemTime::now())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(self.0).fmt(f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const SUBJECT: Subject<'_> = Subject { email: Some("jane@example.com"), consent: true, channel_id: Some("web") };

    fn parsed(record: &str) -> Value {
        let mut value: Value = serde_json::from_str(record).unwrap();
        assert!(value.as_object_mut().unwrap().remove("timestamp").unwrap().as_str().unwrap().ends_with('Z'));
        value
    }

    fn facts() -> Facts {
        Facts {
            latency_ms: 105,
            expires_in: 3600,
            timestamp: Timestamp::now(),
            crm_tier: RawValue::NULL.to_owned(),
            enrichment: Enrichment::Applied,
        }
    }

    #[test]
    fn a_success_has_the_tutorials_fields() {
        let record = Auditor(EmailMode::Masked).success(SUBJECT, "g-1", &facts(), Some("r-1"));
        assert_eq!(
            parsed(&record),
            json!({"event": "guest.authentication", "guestId": "g-1", "email": "j***@example.com", "consent": true, "channelId": "web",
                "latencyMs": 105, "tokenExpiry": 3600, "enrichment": "applied", "requestId": "r-1", "complianceFlags":
                {"gdprConsentRecorded": true, "dataMinimizationApplied": true, "auditTrailGenerated": true}})
        );
    }

    #[test]
    fn a_full_address_is_not_called_minimised() {
        let record = parsed(&Auditor(EmailMode::Full).failure(SUBJECT, &Error::duplicate_session(), 3));
        assert_eq!((&record["email"], &record["code"]), (&json!("jane@example.com"), &json!("DUPLICATE_SESSION")));
        assert_eq!(record["complianceFlags"]["dataMinimizationApplied"], json!(false));
    }

    #[test]
    fn an_invalidation_masks_the_address_in_the_key() {
        let record = parsed(&Auditor(EmailMode::Masked).invalidation("jane@example.com::web::1"));
        assert_eq!((&record["email"], &record["channelId"]), (&json!("j***@example.com"), &json!("web::1")));
    }

    #[test]
    fn a_hash_depends_on_the_secret_alone() {
        let hash = |secret: &str| EmailMode::Hashed(Secret::new(secret)).apply("jane@example.com");
        assert_eq!((hash("a"), hash("a").len()), (hash("a"), 64));
        assert_ne!(hash("a"), hash("b"));
    }

    #[test]
    fn one_person_has_one_hash_however_the_address_is_written() {
        let auditor = Auditor(EmailMode::Hashed(Secret::new("a")));
        let shown = |email: &str| auditor.shown(email).unwrap();
        for email in ["Jane@Example.com", "JANE@EXAMPLE.COM", "jane@example.COM"] {
            assert_eq!(shown(email), shown("jane@example.com"), "{email}");
        }
        let ended = parsed(&auditor.invalidation("jane@example.com::web"));
        assert_eq!(ended["email"], json!(shown("Jane@example.com")));
        assert_ne!(shown("joan@example.com"), shown("jane@example.com"));
    }

    #[test]
    fn identifiers_are_cut_where_javascript_counts_256_characters() {
        let long = format!("{}@{}.com", "a".repeat(300), "b".repeat(70_000));
        let channel = format!("x{}", "\u{1f600}".repeat(35_000));
        let subject = Subject { email: Some(&long), consent: true, channel_id: Some(&channel) };
        for mode in [EmailMode::Masked, EmailMode::Full] {
            let auditor = Auditor(mode);
            for record in [
                auditor.failure(subject, &Error::duplicate_session(), 3),
                auditor.invalidation(&format!("{long}::{channel}")),
                auditor.success(subject, &long, &facts(), None),
            ] {
                let record = parsed(&record);
                let units = |name: &str| record[name].as_str().map_or(256, |text| text.encode_utf16().count());
                // Half a character would be none: 255.
                assert_eq!((units("email"), units("channelId"), units("guestId")), (256, 255, 256), "{record}");
            }
        }
    }

    proptest! {
        #[test]
        fn masking_keeps_one_character_of_the_local_part(local in "[^@]{2,40}", domain in "[a-z]{1,20}\\.[a-z]{2,5}") {
            let masked = mask(&format!("{local}@{domain}"));
            let first = local.chars().next().unwrap();
            prop_assert_eq!(masked, format!("{first}***@{domain}"));
        }

        #[test]
        fn what_is_no_address_is_hidden_whole(text in "[^@]*|[a-z]+@[a-z ]* [a-z]*") {
            prop_assert_eq!(mask(&text), "***");
        }
    }
}
