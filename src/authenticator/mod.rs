//! The story of one call, top to bottom.

pub(crate) mod assemble;
mod operations;
mod warm_up;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::try_join;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use crate::analytics::Event;
use crate::audit::{Facts, Subject};
use crate::caller::CallContext;
use crate::config::Traffic;
use crate::crm::ProfileLookup;
use crate::enrich::{Authenticated, Enricher};
use crate::error::{Code, Error};
use crate::guest_api::{Created, GuestApi};
use crate::lifecycle::Lifecycle;
use crate::metrics::Failures;
use crate::net::retry::Sender;
use crate::oauth::OAuth;
use crate::preflight::Preflight;
use crate::rotation::Rotation;
use crate::secret::Secret;
use crate::sessions::Sessions;
use crate::sessions::guest_cache::{GuestCache, KnownGuest};
use crate::sessions::key::{KeyHash, session_key};
use crate::sessions::reservation::Reservation;
use crate::validation::{GuestRequest, Rules};

/// Each part of a call ends by the deadline on its own and says what it waited for; this is for the rest.
const GRACE: Duration = Duration::from_millis(100);

/// Authenticates guests. Cheap to clone: clones share everything.
///
/// A call begins when its method is called, whenever its future is polled: one made before `close` is not refused.
///
/// ```no_run
/// # async fn run() -> Result<(), genesys_guest_auth::Error> {
/// use std::sync::Arc;
///
/// use genesys_guest_auth::validation::GuestRequest;
/// use genesys_guest_auth::{Authenticator, Config};
/// use tokio::time::Instant;
///
/// let json = r#"{"environment":"mypurecloud.com","clientId":"id","clientSecret":"secret"}"#;
/// let authenticator = Authenticator::new(Config::from_json(json)?, |_notice| ())?;
/// let request = Arc::new(GuestRequest::builder("ada@example.com", "web-1").consent(true).build()?);
/// let outcome = authenticator.authenticate(Arc::clone(&request), Instant::now()).await.map_err(|failed| failed.error)?;
/// println!("{} {}", outcome.guest_id, authenticator.audit(&request, &outcome));
/// authenticator.close(None).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    oauth: Arc<OAuth>,
    api: Arc<dyn GuestApi>,
    sender: Arc<Sender>,
    preflight: Option<Preflight>,
    rotation: Rotation,
    sessions: Sessions,
    guests: GuestCache,
    enricher: Enricher,
    /// Calls past their reservation, at most `maxConcurrency`; the rest wait in order. The limiter of requests has the same
    /// bound, for each group of requests.
    call_permits: Semaphore,
    traffic: Traffic,
    /// Where requests of a call go, beside the login.
    origins: Vec<Url>,
    /// Limit for one exchange.
    timeout: Duration,
    /// Whether calls need an access token.
    uses_token: bool,
    lifecycle: Arc<Lifecycle>,
    authenticated: AtomicU64,
    failures: Failures,
}

/// A guest who was authenticated.
#[derive(Debug)]
pub struct Outcome {
    /// The API's whole answer, a JSON object.
    pub guest_data: Secret,
    /// `guestId` in it.
    pub guest_id: String,
    /// What the call sent as `X-Genesys-Request-Id`.
    pub request_id: String,
    /// What else the analytics event and the audit record say.
    pub facts: Facts,
}

/// A call that failed, with its audit record `guest.authentication.failed`.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong.
    pub error: Error,
    /// The audit record.
    pub audit: String,
}

impl Authenticator {
    /// Authenticates a guest. Dropping the future ends the call: its request is cancelled and its reservation released.
    pub fn authenticate(
        &self,
        request: Arc<GuestRequest>,
        started: Instant,
    ) -> impl Future<Output = Result<Outcome, Failed>> + Send + use<> {
        let (own, entry) = (self.clone(), self.0.lifecycle.enter());
        // Boxed once: these are kilobytes, which every move of the future would copy.
        Box::pin(async move {
            let outcome = match entry {
                Ok(running) => running.run(|| own.0.authenticate(&request, started)).await,
                Err(error) => Err(error),
            };
            outcome.map_err(|error| own.failed(Subject::of(&request), error, started))
        })
    }

    /// What a payload must be beside valid.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.0.api.rules()
    }

    /// The record of a call that failed, also of one that was refused or aborted before it came here.
    #[must_use]
    pub fn failed(&self, subject: Subject<'_>, error: Error, started: Instant) -> Failed {
        self.0.failures.count(error.code());
        let audit = self.0.enricher.auditor.failure(subject, &error, started.elapsed().as_millis() as u64);
        Failed { error, audit }
    }

    /// The analytics event of a call, as JSON: what the webhook gets.
    #[must_use]
    pub fn analytics(&self, request: &GuestRequest, outcome: &Outcome) -> String {
        outcome.whom(request).event(&outcome.facts)
    }

    /// The audit record `guest.authentication` of a call, as JSON.
    #[must_use]
    pub fn audit(&self, request: &GuestRequest, outcome: &Outcome) -> String {
        let whom = outcome.whom(request);
        self.0.enricher.auditor.success(whom.subject(), whom.guest_id, &outcome.facts, whom.request_id)
    }

    /// What [`analytics`](Self::analytics) and [`audit`](Self::audit) write, as templates: `{ "analytics": …, "audit": … }`.
    #[cfg_attr(not(feature = "addon"), expect(dead_code, reason = "only JavaScript fills in templates"))]
    pub(crate) fn templates(&self) -> String {
        let (event, record) = (Event::template().to_json(), self.0.enricher.auditor.success_template());
        format!("{{\"analytics\":{event},\"audit\":{record}}}")
    }

    /// The address as audit records show it, where that is not the whole of it.
    #[must_use]
    pub fn shown(&self, email: &str) -> Option<String> {
        self.0.enricher.auditor.shown(email)
    }

    /// Ends a session and returns the audit record of it.
    pub fn invalidate(&self, session_key: String) -> impl Future<Output = Result<String, Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            entry?.run(|| own.sessions.invalidate(&session_key)).await?;
            Ok(own.enricher.auditor.invalidation(&session_key))
        }
    }

    /// Whether ending a session is a matter of asking somebody else.
    #[must_use]
    pub fn shares_sessions(&self) -> bool {
        matches!(self.0.sessions, Sessions::Shared(_))
    }

    /// Frees the key of a session that nobody took; no record is made.
    pub fn release(&self, session_key: String) -> impl Future<Output = ()> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let _running = entry;
            // What a shared store does not hear of ends with its token.
            let _ = own.sessions.invalidate(&session_key).await;
        }
    }

    /// A token that the API should accept.
    pub fn access_token(&self) -> impl Future<Output = Result<Secret, Error>> + Send + use<> {
        let (oauth, entry) = (Arc::clone(&self.0.oauth), self.0.lifecycle.enter());
        async move { entry?.run(|| oauth.access_token()).await }
    }

    /// Drops a token that the API refused.
    pub fn reject_access_token(&self, token: &Secret) {
        self.0.oauth.reject(token);
    }

    /// Trades a refresh token for a new guest token.
    pub fn rotate(&self, refresh_token: Secret) -> impl Future<Output = Result<Secret, Error>> + Send + use<> {
        let (own, entry) = (Arc::clone(&self.0), self.0.lifecycle.enter());
        async move {
            let context = CallContext::new(own.traffic.total_timeout);
            let fresh = entry?.run(|| own.within(&context, || own.rotation.rotate(&refresh_token, &context))).await?;
            own.guests.refreshed(&refresh_token, &fresh);
            own.sessions.rotated(&refresh_token, &fresh).await;
            Ok(fresh.token)
        }
    }
}

impl Outcome {
    fn whom<'a>(&'a self, request: &'a GuestRequest) -> Authenticated<'a> {
        Authenticated::new(request, &self.guest_id, self.facts.expires_in, &self.request_id)
    }
}

impl Inner {
    async fn authenticate(&self, request: &GuestRequest, started: Instant) -> Result<Outcome, Error> {
        self.api.check(request)?;
        let context = CallContext::new(self.traffic.total_timeout);
        self.sender.limiter.refresh();
        let session_key = session_key(&request.email.as_str().into(), &request.channel_id);
        let mut session = match self.api.returning(request) {
            Some(guest_id) => self.sessions.reserve_for(session_key.lossless(), &guest_id).await?,
            None => self.sessions.reserve(session_key.lossless()).await?,
        };
        let admitted = async {
            let place = self.enricher.admit(&context).await?;
            Ok((place, self.admitted(request, &session, &context).await?))
        };
        let (place, (mut created, lookup)) = match admitted.await {
            Ok(admitted) => admitted,
            Err(error) => {
                session.free().await;
                return Err(error);
            }
        };
        let hash = |text: &str| self.sessions.hasher().hash(text);
        if self.api.resolves_conflicts() {
            let guest = &created.guest;
            session.belongs_to(Some(guest), guest.refresh_token.as_ref().map(|token| hash(token.expose())));
        } else {
            session.belongs_to(None, Some(hash(&created.guest.id)));
        }

        let attributes = request.attributes.as_ref().map(|raw| raw.get());
        let enrichment = self.enricher.apply(&mut created, attributes, &lookup, &context).await;
        let guest = created.guest;

        let whom = Authenticated::new(request, &guest.id, guest.expires_in.as_secs(), &context.request_id);
        let facts = self.enricher.report(&whom, &lookup, enrichment, started, place, context.deadline).await;
        // Last: a call that ends before leaves no session behind.
        session.keep(guest.expires_at).await;
        self.authenticated.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome { guest_data: guest.json, guest_id: guest.id, request_id: context.request_id, facts })
    }

    /// The guest and the profile, side by side; a guest that cannot be had ends the lookup too.
    async fn admitted(
        &self,
        request: &GuestRequest,
        session: &Reservation,
        context: &CallContext,
    ) -> Result<(Created, ProfileLookup), Error> {
        let Ok(_permit) = tokio::time::timeout_at(context.deadline, self.call_permits.acquire()).await else {
            return Err(self.too_long(context).with_retryable(true));
        };
        // Whoever held the place before may have kept it until this very moment. Nothing has been sent.
        if Instant::now() >= context.deadline {
            return Err(self.too_long(context).with_retryable(true));
        }
        // The lookup ends by the deadline on its own: a guest that exists by then is not lost to a slow CRM.
        let lookup = async { Ok(self.enricher.look_up(&request.email, context).await) };
        try_join(self.within(context, || self.guest(request, session.key(), context)), lookup).await
    }

    async fn guest(&self, request: &GuestRequest, key: KeyHash, context: &CallContext) -> Result<Created, Error> {
        if let Some(preflight) = &self.preflight {
            preflight.check(request.channel_id.as_str(), request.options.sign_in.is_some(), context).await?;
        }
        let created = self.api.create(request, context).await;
        if !self.api.resolves_conflicts() {
            return created;
        }
        let created = match created {
            Err(error) if error.code() == Code::Conflict => self.recover(key, context, error).await?,
            outcome => outcome?,
        };
        // At once: were the call to end later on, this is what resolves the conflict that the next one meets.
        self.guests.put(key, created.guest.clone());
        Ok(created)
    }

    /// The server knows this guest already. If we do too, it is returned, with a new token where the old one expired.
    async fn recover(&self, key: KeyHash, context: &CallContext, conflict: Error) -> Result<Created, Error> {
        let known = match self.guests.get(key) {
            Some(known) => Some(known),
            None => self.sessions.known(key).await,
        };
        let guest = match known {
            Some(KnownGuest::Live(guest)) => Ok(guest),
            Some(KnownGuest::Refreshable(guest, refresh_token)) => {
                let fresh = self.rotation.rotate(&refresh_token, context).await.map_err(|_| conflict.clone())?;
                guest.renewed(&fresh).ok_or(conflict)
            }
            None => Err(conflict),
        };
        Ok(Created { guest: guest?, session: None })
    }

    /// The whole call's time limit.
    async fn within<T, F>(&self, context: &CallContext, work: impl FnOnce() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        tokio::time::timeout_at(context.deadline + GRACE, work()).await.unwrap_or_else(|_| Err(self.too_long(context)))
    }

    fn too_long(&self, context: &CallContext) -> Error {
        let limit = self.traffic.total_timeout.as_millis();
        Error::new(Code::Timeout, format!("The call took longer than {limit} ms (timeouts.totalMs)"))
            .with_request_id(context.request_id.clone())
    }
}
