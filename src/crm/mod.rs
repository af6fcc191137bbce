//! The customer's profile: looked up within its limit, and never the reason for a call to fail.
//!
//! - [`url`]: a CRM of the organisation's own
//! - [`contacts`]: the organisation's external contacts in Genesys Cloud
//! - [`profile`]: what they know of a customer

pub(crate) mod contacts;
mod profile;
mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::url::Url;

use self::url::UrlCrm;
use crate::bearer::BearerSender;
use crate::caller::CallContext;
use crate::net::exchange::host_of;
use crate::net::retry::Sender;
use crate::notice::throttled::ThrottledNotice;
use crate::notice::{Notice, OnNotice};
use contacts::{Contacts, ContactsSettings};
pub(crate) use profile::Profile;

/// Looks profiles up.
pub(crate) struct Crm {
    source: Source,
    /// Lookups that brought no profile, and those of them that brought no usable answer.
    pub(crate) failures: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    notice: Arc<ThrottledNotice>,
}

enum Source {
    Url(UrlCrm),
    /// Boxed: it is the rarer one, and the larger.
    Contacts(Box<Contacts>),
}

/// What came of a lookup.
pub(crate) enum ProfileLookup {
    Profile(Profile),
    /// The CRM does not know the guest, or there is no CRM.
    NoProfile,
    /// Unreachable, too slow, refusing, or its answer is no JSON object.
    Unavailable,
}

impl Crm {
    /// `base` is the CRM's base URL; it may have a path.
    pub(crate) fn new(sender: Arc<Sender>, base: &Url, timeout: Duration, on_notice: OnNotice) -> Self {
        Self::of(Source::Url(UrlCrm::new(sender, base, timeout)), on_notice)
    }

    /// The external contacts of an organisation.
    pub(crate) fn contacts(bearer: BearerSender, settings: ContactsSettings, on_notice: OnNotice) -> Self {
        Self::of(Source::Contacts(Contacts::new(bearer, settings).into()), on_notice)
    }

    fn of(source: Source, on_notice: OnNotice) -> Self {
        let describe = |last: &str, count| {
            Notice::Crm(format!(
                "{last}; guests have no profile meanwhile (lookups since the last such warning: {count})"
            ))
        };
        let notice = ThrottledNotice::new(describe, on_notice);
        Self { source, failures: AtomicU64::new(0), unavailable: AtomicU64::new(0), notice }
    }

    /// Forgets when it last warned.
    pub(crate) fn reset(&self) {
        self.notice.reset();
    }

    pub(crate) async fn look_up(&self, email: &str, context: &CallContext) -> ProfileLookup {
        let (asked, host) = match &self.source {
            Source::Url(crm) => (crm.ask(email, context.deadline).await, host_of(&crm.profiles)),
            Source::Contacts(contacts) => {
                (Box::pin(contacts.ask(email, context)).await, host_of(&contacts.settings.api))
            }
        };
        let reason = match asked {
            Ok(Some(profile)) => return ProfileLookup::Profile(profile),
            Ok(None) => None,
            Err(reason) => Some(reason),
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        let Some(reason) = reason else { return ProfileLookup::NoProfile };
        self.unavailable.fetch_add(1, Ordering::Relaxed);
        self.notice.add(format!("The CRM at {host} gave no usable answer: {reason}"));
        ProfileLookup::Unavailable
    }
}

impl ProfileLookup {
    pub(crate) fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Profile(profile) => Some(profile),
            Self::NoProfile | Self::Unavailable => None,
        }
    }
}
