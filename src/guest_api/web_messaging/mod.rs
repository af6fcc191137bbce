//! Genesys Cloud's own guest API, web messaging. A guest is a secret token of the client's making; a WebSocket gives it a
//! session.
//!
//! - [`sign_in`]: JWTs of guests who have signed in
//! - [`socket`]: the socket of a guest, and [`frames`], what is said on it
//! - [`deployment`]: the channel
//! - [`guest`]: what a call returns, and [`attributes`], what a conversation carries
//! - [`codes`]: what errors mean

pub(crate) mod attributes;
mod codes;
mod deployment;
mod frames;
pub(crate) mod guest;
pub(crate) mod sign_in;
pub(crate) mod socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{Channel, Created, GuestApi};
use crate::audit::{Enrichment, Timestamp};
use crate::caller::CallContext;
use crate::crm::Profile;
use crate::error::Error;
use crate::guest::{Guest, Refreshed};
use crate::guest_options::SignIn;
use crate::json::{Members, spread};
use crate::net::exchange::{host_of, server_time};
use crate::net::fault::{Failure, Fault};
use crate::net::limiter::RateLimitGroup;
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::retry::{SendOptions, Sender, Success};
use crate::net::web_socket::Handshake;
use crate::secret::Secret;
use crate::validation::{GuestRequest, Issues, Key, Problem, Rules, is_deployment_id};
use attributes::{CustomAttributes, MAX_BYTES};
use deployment::Deployments;
use frames::Speaker;
use guest::Parts;
use sign_in::{GuestGrant, GuestTokens, MOST_REFRESHES};
use socket::OpenSession;

/// With the same token it has the same effect, however often it is done. The tutorial writes the body of its error with
/// `JSON.stringify`.
const SESSION: Operation = Operation {
    label: "Guest creation",
    option: "environment or messagingUrl",
    retry: RetrySafety::Repeatable,
    limit: Some(RateLimitGroup::new(0).without_access_token()),
    pool: ConnectionPool::new(0),
    body: BodyStyle::Json,
    is_throttle: no_other_throttle,
};

const APPLICATION: &str = concat!("genesys-guest-auth-", env!("CARGO_PKG_VERSION"));

/// Where web messaging is, and what is asked of it.
#[derive(Debug, Clone)]
pub struct WebMessagingSettings {
    /// The socket: a `ws:` or `wss:` URL.
    pub messaging: Url,
    /// Where deployments' configuration is.
    pub cdn: Url,
    /// The API's origin, for the exchanges of tokens.
    pub api: Url,
    /// `Origin` of the handshake, which the deployment's allowed domains are checked against.
    pub origin: Option<HeaderValue>,
    /// Whether a conversation is started.
    pub start_conversation: bool,
    /// Limit for one exchange, or for one session.
    pub timeout: Duration,
}

/// A client of web messaging.
pub(crate) struct WebMessaging {
    sender: Arc<Sender>,
    tokens: GuestTokens,
    deployments: Deployments,
    /// Ids of guests are made with it.
    client_secret: Secret,
    settings: WebMessagingSettings,
}

impl Success for OpenSession {}

impl WebMessaging {
    pub(crate) fn new(sender: &Arc<Sender>, settings: WebMessagingSettings, client_secret: Secret) -> Self {
        Self {
            sender: Arc::clone(sender),
            tokens: GuestTokens::new(Arc::clone(sender), settings.api.clone(), settings.timeout),
            deployments: Deployments {
                sender: Arc::clone(sender),
                cdn: settings.cdn.clone(),
                timeout: settings.timeout,
            },
            client_secret,
            settings,
        }
    }

    async fn create_guest(&self, request: &GuestRequest, context: &CallContext) -> Result<Created, Error> {
        let deployment_id = request.channel_id.as_str();
        let token = request.options.token.clone().unwrap_or_else(guest::new_token);
        let speaker = Speaker { token: &token, deployment_id, tracing_id: &context.request_id };
        let mut grant = match &request.options.sign_in {
            Some(sign_in) => Some(self.tokens.exchange(deployment_id, sign_in, context).await?),
            None => None,
        };
        let mut refreshes = 0;
        let session = loop {
            let (failure, is_in_band) = match self.open(&speaker, grant.as_ref(), context).await {
                Ok(session) => break session,
                Err(failed) => failed,
            };
            match grant.as_mut().and_then(|grant| Some((grant.refresh_token.clone()?, grant))) {
                Some((refresh_token, grant))
                    if is_in_band && failure.status() == Some(401) && refreshes < MOST_REFRESHES =>
                {
                    grant.jwt = self.tokens.refresh(&refresh_token, Some(deployment_id), context).await?.jwt;
                    refreshes += 1;
                }
                _ => {
                    let mut known = vec![&token];
                    known.extend(request.options.sign_in.iter().flat_map(SignIn::secrets));
                    known.extend(
                        grant.iter().flat_map(|grant| [Some(&grant.jwt), grant.refresh_token.as_ref()]).flatten(),
                    );
                    let is_signed_in = request.options.sign_in.is_some();
                    return Err(self.explained(failure, is_in_band, is_signed_in, &known, context));
                }
            }
        };
        let guest = Parts {
            id: guest::guest_id(&token, &self.client_secret),
            token: token.clone(),
            session: &session.session,
            now: server_time(session.headers()),
            grant: grant.as_ref(),
            request,
        }
        .into_guest();
        if self.settings.start_conversation {
            return Ok(Created { guest, session: Some(session) });
        }
        session.close();
        Ok(Created { guest, session: None })
    }

    /// A session of the token. An error says whether the socket stood.
    async fn open(
        &self,
        speaker: &Speaker<'_>,
        grant: Option<&GuestGrant>,
        context: &CallContext,
    ) -> Result<OpenSession, (Failure, bool)> {
        let options = SendOptions { operation: &SESSION, timeout: self.settings.timeout, deadline: context.deadline };
        let mut url = self.settings.messaging.clone();
        url.query_pairs_mut()
            .append_pair("deploymentId", speaker.deployment_id)
            .append_pair("application", APPLICATION);
        let is_in_band = AtomicBool::new(false);
        let attempt = || async {
            is_in_band.store(false, Ordering::Relaxed);
            let handshake = Handshake::new(&url, self.settings.origin.as_ref()).map_err(Fault::Setup)?;
            let connection = self.sender.connect(&handshake, options).await?;
            is_in_band.store(true, Ordering::Relaxed);
            let started = Instant::now();
            let until = context.deadline.min(started + self.settings.timeout);
            let opened = OpenSession::open(connection, speaker, grant.map(|grant| &grant.jwt));
            timeout_at(until, opened)
                .await
                .unwrap_or_else(|_| Err(Fault::TimedOut { host: host_of(&url), after: started.elapsed() }))
        };
        match self.sender.send_by(options, attempt).await {
            Ok((session, _)) => Ok(session),
            Err(failure) => Err((failure, is_in_band.into_inner())),
        }
    }

    fn explained(
        &self,
        failure: Failure,
        is_in_band: bool,
        is_signed_in: bool,
        known: &[&Secret],
        context: &CallContext,
    ) -> Error {
        let code = codes::code_of(failure.answer(), is_in_band);
        let hint = codes::hint(failure.answer(), is_in_band, is_signed_in, self.settings.origin.is_some());
        // As little the guest's fault as a 500.
        let is_servers_fault = is_in_band && failure.status() == Some(codes::UNEXPECTED);
        let error = failure.into_error(code, known).with_request_id(&context.request_id).with_hint(hint);
        if is_servers_fault { error.with_retryable(true) } else { error }
    }

    /// The attributes of a conversation, started or not, and what became of the profile in them.
    async fn give_attributes(
        &self,
        created: &mut Created,
        attributes: Option<&str>,
        profile: Option<&Profile>,
        context: &CallContext,
    ) -> Enrichment {
        let session = created.session.take();
        let most = session
            .as_ref()
            .and_then(|open| open.session.max_attribute_bytes)
            .map_or(MAX_BYTES, |most| most.min(MAX_BYTES));
        let mut all = attributes.map(CustomAttributes::flatten).unwrap_or_default();
        let is_whole = profile.is_none_or(|profile| {
            all.add(CustomAttributes::flatten(&profile.merged_into(None, &Timestamp::now().to_string())), most)
        });
        let json = all.to_json();
        if let Some(guest) = with_attributes(&created.guest, &json) {
            created.guest = guest;
        }
        let is_joined = match session {
            Some(session) => Some(self.join(session, &created.guest, &json, context).await),
            None => None,
        };
        match (profile, is_joined) {
            (_, Some(false)) => Enrichment::Failed,
            (None, _) => Enrichment::Skipped,
            (Some(_), _) if !is_whole => Enrichment::Partial,
            (Some(_), Some(true)) => Enrichment::Applied,
            (Some(_), None) => Enrichment::Deferred,
        }
    }

    async fn join(&self, mut session: OpenSession, guest: &Guest, attributes: &str, context: &CallContext) -> bool {
        let speaker = Speaker { token: &guest.token, deployment_id: "", tracing_id: &context.request_id };
        let until = context.deadline.min(Instant::now() + self.settings.timeout);
        let is_joined = matches!(timeout_at(until, session.join(&speaker, attributes)).await, Ok(Ok(())));
        session.close();
        is_joined
    }
}

/// The guest with these `customAttributes`.
fn with_attributes(guest: &Guest, attributes: &str) -> Option<Guest> {
    let whole = Members::parse_own(guest.json.expose())?;
    let json = spread(whole.iter().chain([("\"customAttributes\"", attributes)]), &[]);
    Some(Guest { json: Secret::new(json), ..guest.clone() })
}

impl GuestApi for WebMessaging {
    fn rules(&self) -> Rules {
        Rules { channel_is_deployment: true }
    }

    fn check(&self, request: &GuestRequest) -> Result<(), Error> {
        let mut issues = Issues::default();
        issues.report(!is_deployment_id(request.channel_id.as_str()), Key::ChannelId, Problem::NotAUuid);
        let bytes = request.attributes.as_ref().map_or(0, |raw| CustomAttributes::flatten(raw.get()).bytes());
        issues.report(bytes > MAX_BYTES, Key::Attributes, Problem::TooManyBytes { most: MAX_BYTES });
        if issues.as_slice().is_empty() { Ok(()) } else { Err(issues.to_error()) }
    }

    fn channel<'a>(&'a self, channel_id: &'a str, context: &'a CallContext) -> BoxFuture<'a, Result<Channel, Error>> {
        self.deployments.find(channel_id, context).boxed()
    }

    fn returning(&self, request: &GuestRequest) -> Option<String> {
        request.options.token.as_ref().map(|token| guest::guest_id(token, &self.client_secret))
    }

    fn create<'a>(
        &'a self,
        request: &'a GuestRequest,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<Created, Error>> {
        self.create_guest(request, context).boxed()
    }

    fn resolves_conflicts(&self) -> bool {
        false
    }

    fn enrich<'a>(
        &'a self,
        created: &'a mut Created,
        attributes: Option<&'a str>,
        profile: Option<&'a Profile>,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Enrichment> {
        self.give_attributes(created, attributes, profile, context).boxed()
    }

    fn refresh<'a>(
        &'a self,
        refresh_token: &'a Secret,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<Refreshed, Error>> {
        async move {
            let GuestGrant { jwt, jwt_expires_in, .. } = self.tokens.refresh(refresh_token, None, context).await?;
            let expires_in = jwt_expires_in.unwrap_or(sign_in::USUAL_LIFE);
            Ok(Refreshed { token: jwt, expires_in, refresh_token: None })
        }
        .boxed()
    }

    fn sign_out<'a>(
        &'a self,
        jwt: &'a Secret,
        refresh_token: Option<&'a Secret>,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.tokens.revoke(jwt, refresh_token, context).boxed()
    }
}

#[cfg(test)]
mod scripted;

#[cfg(test)]
mod session_tests;

#[cfg(test)]
mod signed_in_tests;
