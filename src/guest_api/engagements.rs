//! The engagements API: create, refresh, attributes, channel. Every call carries a bearer token, to this origin alone.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Method;
use percent_encoding::utf8_percent_encode;
use serde::Serialize;
use url::Url;

use super::{Channel, Created, GuestApi};
use crate::audit::{Enrichment, Timestamp};
use crate::bearer::{BearerSender, Denied, Granted};
use crate::caller::CallContext;
use crate::crm::Profile;
use crate::error::{Code, Error};
use crate::guest::{Guest, Refreshed};
use crate::hint::Hint;
use crate::json::{Members, quote};
use crate::net::exchange::{Exchange, LONGEST_URL};
use crate::net::fault;
use crate::net::limiter::RateLimitGroup;
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::redact::COMPONENT;
use crate::net::retry::SendOptions;
use crate::secret::Secret;
use crate::signature::TokenVerifier;
use crate::validation::{GuestRequest, Rules};

/// Genesys limits each kind of call by itself.
pub(crate) const CREATIONS: RateLimitGroup = RateLimitGroup::new(0);
const REFRESHES: RateLimitGroup = RateLimitGroup::new(1);
const UPDATES: RateLimitGroup = RateLimitGroup::new(2);
const CHANNELS: RateLimitGroup = RateLimitGroup::new(3);

/// A second request can create a second guest. The tutorial writes the body of its error with `JSON.stringify`.
const CREATION: Operation =
    Operation { body: BodyStyle::Json, ..operation("Guest creation", RetrySafety::IfUnprocessed, CREATIONS) };
/// A used token answers 409, which has a way out of its own.
const REFRESH: Operation = operation("Guest token refresh", RetrySafety::RepeatableOnce, REFRESHES);
const UPDATE: Operation = operation("Guest attribute update", RetrySafety::Repeatable, UPDATES);
const CHANNEL: Operation = operation("Channel check", RetrySafety::Repeatable, CHANNELS);

const fn operation(label: &'static str, retry: RetrySafety, limit: RateLimitGroup) -> Operation {
    Operation {
        label,
        option: "environment or apiUrl",
        retry,
        limit: Some(limit),
        pool: ConnectionPool::new(0),
        body: BodyStyle::Text,
        is_throttle: no_other_throttle,
    }
}

/// Where the API's paths are; each is an absolute URL on the API origin.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// The region's key, where `environment` names one.
    pub region: Option<&'static str>,
    /// Creates guests; attributes are below it, at `/{guestId}`.
    pub guests: Url,
    /// Refreshes guest tokens.
    pub refresh: Url,
    /// Channels; `{channelId}` stands for the channel, or is appended.
    pub channel: Url,
}

/// A client of the engagements API.
pub(crate) struct Engagements {
    pub(crate) bearer: BearerSender,
    pub(crate) endpoints: Endpoints,
    pub(crate) verifier: TokenVerifier,
    /// Limit for one exchange.
    pub(crate) timeout: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody<'a> {
    email: &'a str,
    consent: bool,
    channel_id: &'a crate::text::Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a crate::text::Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a serde_json::value::RawValue>,
}

impl Engagements {
    /// Creates a guest and verifies its token. A 409 is an error with [`Code::Conflict`].
    async fn create_guest(&self, request: &GuestRequest, context: &CallContext) -> Result<Guest, Error> {
        let body = serde_json::to_vec(&CreateBody {
            email: &request.email,
            consent: true,
            channel_id: &request.channel_id,
            name: request.name.as_ref(),
            attributes: request.attributes.as_deref(),
        })
        .map_err(|_| Error::new(Code::Internal, "The guest request could not be written as JSON"))?;
        let body = bytes::Bytes::from(body);
        let build = || Exchange::new(Method::POST, self.endpoints.guests.clone()).json(body.clone());
        let created = self.authorised(&CREATION, Code::GuestCreationFailed, &[], context, build).await;
        let answer = created.map_err(|error| {
            let is_of_login = error.code() == Code::OauthFailed;
            let hint = Hint::of_creation(error.details().status, self.endpoints.region);
            error.with_hint(hint.filter(|_| !is_of_login))
        })?;
        let guest = Guest::parse(&answer.answer).ok_or_else(|| {
            fault::refused(&CREATION, Code::GuestCreationFailed, &answer.answer, &[&answer.token], answer.attempts)
                .with_cause("the answer holds no guest")
                .with_request_id(&context.request_id)
        })?;
        self.verify(&guest.token, &answer, context)?;
        Ok(guest)
    }

    /// Trades a refresh token for a new guest token. A 409 is an error with [`Code::Conflict`].
    async fn refresh_token(&self, refresh_token: &Secret, context: &CallContext) -> Result<Refreshed, Error> {
        let body = Secret::new(format!("{{\"refreshToken\":{}}}", quote(refresh_token.expose())));
        let build = || Exchange::new(Method::POST, self.endpoints.refresh.clone()).json(body.expose().to_owned());
        let answer = self.authorised(&REFRESH, Code::RefreshFailed, &[refresh_token], context, build).await?;
        let fresh = Refreshed::parse(&answer.answer).ok_or_else(|| {
            let known = [&answer.token, refresh_token];
            fault::refused(&REFRESH, Code::RefreshFailed, &answer.answer, &known, answer.attempts)
                .with_cause("the answer holds no token")
                .with_request_id(&context.request_id)
        })?;
        self.verify(&fresh.token, &answer, context)?;
        Ok(fresh)
    }

    /// Replaces the guest's attributes with a JSON object.
    async fn put_attributes(&self, guest_id: &str, attributes: &str, context: &CallContext) -> Result<(), Error> {
        let url = below(&self.endpoints.guests, guest_id)
            .ok_or_else(|| Error::new(Code::EnrichmentFailed, "The guest's id cannot stand in a path"))?;
        let body = bytes::Bytes::from(format!("{{\"attributes\":{attributes}}}"));
        let build = || Exchange::new(Method::PUT, url.clone()).json(body.clone());
        self.authorised(&UPDATE, Code::EnrichmentFailed, &[], context, build).await.map(drop)
    }

    /// What the API says of a channel; `None` where it does not know it.
    async fn find_channel(&self, channel_id: &str, context: &CallContext) -> Result<Option<String>, Error> {
        let Some(url) = below(&self.endpoints.channel, channel_id) else { return Ok(None) };
        let build = || Exchange::new(Method::GET, url.clone());
        match self.authorised(&CHANNEL, Code::GuestCreationFailed, &[], context, build).await {
            Ok(answer) => Ok(Some(answer.answer.text().into_owned())),
            Err(error) if error.details().status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn verify(&self, token: &Secret, answer: &Granted, context: &CallContext) -> Result<(), Error> {
        self.verifier.verify(token.expose()).map_err(|error| {
            let error = error.with_request_id(&context.request_id).with_attempts(answer.attempts);
            error.with_answer(answer.answer.status, answer.answer.correlation_id(), String::new())
        })
    }

    /// Sends with a token. `otherwise` is the code of an answer that has none of its own; `known` are the credentials in the
    /// request.
    async fn authorised(
        &self,
        operation: &'static Operation,
        otherwise: Code,
        known: &[&Secret],
        context: &CallContext,
        build: impl Fn() -> Exchange,
    ) -> Result<Granted, Error> {
        let options = SendOptions { operation, timeout: self.timeout, deadline: context.deadline };
        let request = || build().header("x-genesys-request-id", context.request_id_header.clone());
        let denied = match self.bearer.send(options, context, request).await {
            Ok(granted) => return Ok(granted),
            Err(denied) => denied,
        };
        let error = match denied {
            Denied::NoToken(error) => error,
            Denied::Failed(failure, token) => {
                let all: Vec<&Secret> = known.iter().copied().chain([&token]).collect();
                let code = code_of(failure.status(), otherwise);
                failure.into_error(code, &all)
            }
        };
        Err(error.with_request_id(&context.request_id))
    }
}

impl GuestApi for Engagements {
    fn rules(&self) -> Rules {
        Rules::default()
    }

    fn check(&self, request: &GuestRequest) -> Result<(), Error> {
        let options = &request.options;
        let given = [("signIn", options.sign_in.is_some()), ("token", options.token.is_some())];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(Error::config(name, ForWebMessaging)),
            None => Ok(()),
        }
    }

    fn returning(&self, _: &GuestRequest) -> Option<String> {
        None
    }

    fn create<'a>(
        &'a self,
        request: &'a GuestRequest,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<Created, Error>> {
        async move { Ok(Created { guest: self.create_guest(request, context).await?, session: None }) }.boxed()
    }

    fn resolves_conflicts(&self) -> bool {
        true
    }

    fn refresh<'a>(
        &'a self,
        refresh_token: &'a Secret,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Result<Refreshed, Error>> {
        self.refresh_token(refresh_token, context).boxed()
    }

    fn channel<'a>(&'a self, channel_id: &'a str, context: &'a CallContext) -> BoxFuture<'a, Result<Channel, Error>> {
        async move {
            let found = self.find_channel(channel_id, context).await?;
            Ok(if found.is_some_and(|body| is_enabled(&body)) { Channel::Open } else { Channel::Unavailable })
        }
        .boxed()
    }

    fn enrich<'a>(
        &'a self,
        created: &'a mut Created,
        attributes: Option<&'a str>,
        profile: Option<&'a Profile>,
        context: &'a CallContext,
    ) -> BoxFuture<'a, Enrichment> {
        async move {
            let Some(profile) = profile else { return Enrichment::Skipped };
            let merged = profile.merged_into(attributes, &Timestamp::now().to_string());
            match self.put_attributes(&created.guest.id, &merged, context).await {
                Ok(()) => Enrichment::Applied,
                Err(_) => Enrichment::Failed,
            }
        }
        .boxed()
    }

    fn sign_out<'a>(
        &'a self,
        _: &'a Secret,
        _: Option<&'a Secret>,
        _: &'a CallContext,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async { Err(Error::config("signOut", ForWebMessaging)) }.boxed()
    }
}

/// The rule that an option of the other API breaks.
struct ForWebMessaging;

impl std::fmt::Display for ForWebMessaging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("needs guestApi: 'web-messaging'")
    }
}

/// Some statuses have a code of their own, whatever the call was.
fn code_of(status: Option<u16>, otherwise: Code) -> Code {
    match status {
        Some(403) => Code::Forbidden,
        Some(409) => Code::Conflict,
        Some(429) => Code::RateLimited,
        _ => otherwise,
    }
}

/// `url` with one more path part, or with the part in the place of `{channelId}`. `None` for `.` and `..`, which climb up
/// instead of naming something, encoded or not (WHATWG URL, "double-dot URL path segment"), nor for what is too long.
fn below(url: &Url, part: &str) -> Option<Url> {
    const PLACE: &str = "%7BchannelId%7D";
    if matches!(part, "." | "..") {
        return None;
    }
    let encoded = utf8_percent_encode(part, COMPONENT).to_string();
    let mut url = url.clone();
    let path = url.path().to_owned();
    let path = if path.contains(PLACE) {
        path.replace(PLACE, &encoded)
    } else {
        format!("{}/{encoded}", path.trim_end_matches('/'))
    };
    url.set_path(&path);
    (url.as_str().len() <= LONGEST_URL).then_some(url)
}

/// A channel is disabled when its description says so in any of the ways that Genesys Cloud entities do.
fn is_enabled(body: &str) -> bool {
    let Some(channel) = Members::parse(body) else { return true };
    let is_false = |name| channel.get(name).is_some_and(|value| value.get() == "false");
    let is_true = |name| channel.get(name).is_some_and(|value| value.get() == "true");
    let off = ["status", "state"].into_iter().filter_map(|name| channel.string(name)).any(|state| {
        ["disabled", "inactive", "deleted", "unprovisioned"].contains(&state.to_ascii_lowercase().as_str())
    });
    !(off || is_false("enabled") || is_false("active") || is_true("disabled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_parts_are_encoded() {
        let base = Url::parse("https://api.example/api/v2/guests").unwrap();
        assert_eq!(
            below(&base, "a/b?c#d é").unwrap().as_str(),
            "https://api.example/api/v2/guests/a%2Fb%3Fc%23d%20%C3%A9"
        );
        for dots in [".", ".."] {
            assert_eq!(below(&base, dots), None);
        }
    }

    #[test]
    fn a_gateway_may_place_the_channel_anywhere() {
        let base = Url::parse("https://gw.example/channels/{channelId}/state?v=1").unwrap();
        assert_eq!(below(&base, "web chat").unwrap().as_str(), "https://gw.example/channels/web%20chat/state?v=1");
    }

    #[test]
    fn a_channel_is_disabled_only_when_it_says_so() {
        for body in ["{}", r#"{"status":"active","enabled":true}"#, r#"{"state":"ACTIVE"}"#, "", "[]"] {
            assert!(is_enabled(body), "{body}");
        }
        for body in [
            r#"{"enabled":false}"#,
            r#"{"status":"Disabled"}"#,
            r#"{"state":"inactive"}"#,
            r#"{"disabled":true}"#,
            r#"{"active":false}"#,
        ] {
            assert!(!is_enabled(body), "{body}");
        }
    }
}
