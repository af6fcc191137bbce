//! The Guest API: create, refresh, attributes, channel. Every call carries a bearer token, to this origin alone.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderValue, Method};
use percent_encoding::utf8_percent_encode;
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use crate::caller;
use crate::error::{Code, Error};
use crate::guest::{Guest, Refreshed};
use crate::json::quote;
use crate::net::exchange::{Answer, Exchange};
use crate::net::fault;
use crate::net::limiter::RateLimitGroup;
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::redact::COMPONENT;
use crate::net::retry::{SendOptions, Sender};
use crate::oauth::OAuth;
use crate::secret::Secret;
use crate::signature::TokenVerifier;
use crate::validation::GuestRequest;

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
    /// Creates guests; attributes are below it, at `/{guestId}`.
    pub guests: Url,
    /// Refreshes guest tokens.
    pub refresh: Url,
    /// Channels; `{channelId}` stands for the channel, or is appended.
    pub channel: Url,
}

/// Gets an access token for the call of this number, where one has a number.
pub type GetToken = dyn Fn(Option<u32>) -> BoxFuture<'static, Result<Secret, Error>> + Send + Sync;

/// Who provides access tokens.
pub enum Tokens {
    /// The OAuth manager of the same configuration.
    Managed(Arc<OAuth>),
    /// A function of the caller's; it is told which call needs the token.
    Given(Box<GetToken>),
}

impl Tokens {
    async fn get(&self, context: &CallContext) -> Result<Secret, Error> {
        match self {
            Self::Managed(oauth) => oauth.access_token().await,
            Self::Given(get) => get(context.caller).await,
        }
    }

    fn reject(&self, token: &Secret) {
        if let Self::Managed(oauth) = self {
            oauth.reject(token);
        }
    }
}

/// One call of the user's: what its exchanges share.
#[derive(Debug, Clone)]
pub(crate) struct CallContext {
    /// `X-Genesys-Request-Id`, the same on every attempt.
    pub(crate) request_id: String,
    /// The same as a header.
    request_id_header: HeaderValue,
    /// End of the whole call.
    pub(crate) deadline: Instant,
    /// The call as the user knows it; of a task that serves several, the first one's.
    pub(crate) caller: Option<u32>,
}

impl CallContext {
    pub(crate) fn new(total: Duration) -> Self {
        let request_id = uuid::Uuid::new_v4().to_string();
        let header = HeaderValue::from_str(&request_id).unwrap_or_else(|_| unreachable!("a UUID is ASCII"));
        Self { request_id, request_id_header: header, deadline: Instant::now() + total, caller: caller::current() }
    }
}

/// A client of the Guest API.
pub struct GuestApi {
    pub(crate) sender: Arc<Sender>,
    pub(crate) tokens: Tokens,
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

impl GuestApi {
    /// Creates a guest and verifies its token. A 409 is an error with [`Code::Conflict`].
    pub(crate) async fn create(&self, request: &GuestRequest, context: &CallContext) -> Result<Guest, Error> {
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
        let answer = self.authorised(&CREATION, Code::GuestCreationFailed, &[], context, build).await?;
        let guest = Guest::parse(&answer.answer).ok_or_else(|| {
            fault::refused(&CREATION, Code::GuestCreationFailed, &answer.answer, &[&answer.token], answer.attempts)
                .with_cause("the answer holds no guest")
                .with_request_id(&context.request_id)
        })?;
        self.verify(&guest.token, &answer, context)?;
        Ok(guest)
    }

    /// Trades a refresh token for a new guest token. A 409 is an error with [`Code::Conflict`].
    pub(crate) async fn refresh(&self, refresh_token: &Secret, context: &CallContext) -> Result<Refreshed, Error> {
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
    pub(crate) async fn put_attributes(
        &self,
        guest_id: &str,
        attributes: &str,
        context: &CallContext,
    ) -> Result<(), Error> {
        let url = below(&self.endpoints.guests, guest_id)
            .ok_or_else(|| Error::new(Code::EnrichmentFailed, "The guest's id cannot stand in a path"))?;
        let body = bytes::Bytes::from(format!("{{\"attributes\":{attributes}}}"));
        let build = || Exchange::new(Method::PUT, url.clone()).json(body.clone());
        self.authorised(&UPDATE, Code::EnrichmentFailed, &[], context, build).await.map(drop)
    }

    /// What the API says of a channel; `None` where it does not know it.
    pub(crate) async fn channel(&self, channel_id: &str, context: &CallContext) -> Result<Option<String>, Error> {
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

    /// Sends with a token; a 401 drops that token for all and repeats the call once with a new one. `otherwise` is the code
    /// of an answer that has none of its own; `known` are the credentials in the request.
    async fn authorised(
        &self,
        operation: &'static Operation,
        otherwise: Code,
        known: &[&Secret],
        context: &CallContext,
        build: impl Fn() -> Exchange,
    ) -> Result<Granted, Error> {
        let options = SendOptions { operation, timeout: self.timeout, deadline: context.deadline };
        let mut before = 0;
        loop {
            let token = match tokio::time::timeout_at(context.deadline, self.tokens.get(context)).await {
                Ok(token) => token.map_err(|error| error.with_request_id(&context.request_id))?,
                Err(_) => return Err(no_token_in_time(operation).with_request_id(&context.request_id)),
            };
            let authorization = bearer(&token).map_err(|error| error.with_request_id(&context.request_id))?;
            let request = || {
                build()
                    .header("authorization", authorization.clone())
                    .header("x-genesys-request-id", context.request_id_header.clone())
            };
            match self.sender.send(options, request).await {
                Ok((answer, attempts)) => return Ok(Granted { answer, token, attempts: before + attempts }),
                Err(failure) if failure.status() == Some(401) && before == 0 => {
                    self.tokens.reject(&token);
                    before = failure.attempts;
                }
                Err(mut failure) => {
                    failure.attempts += before;
                    let all: Vec<&Secret> = known.iter().copied().chain([&token]).collect();
                    let code = code_of(failure.status(), otherwise);
                    return Err(failure.into_error(code, &all).with_request_id(&context.request_id));
                }
            }
        }
    }
}

fn no_token_in_time(operation: &Operation) -> Error {
    Error::new(Code::Timeout, format!("{} got no access token in time", operation.label)).with_retryable(true)
}

/// The `Authorization` header.
fn bearer(token: &Secret) -> Result<HeaderValue, Error> {
    if token.expose().is_empty() {
        return Err(Error::new(Code::OauthFailed, "The access token is empty"));
    }
    let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| Error::new(Code::OauthFailed, "The access token holds characters that no header can carry"))?;
    header.set_sensitive(true);
    Ok(header)
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

/// A 2xx answer and the token that brought it.
struct Granted {
    answer: Answer,
    token: Secret,
    attempts: u32,
}

/// `url` with one more path part, or with the part in the place of `{channelId}`. `None` for `.` and `..`, which climb up
/// instead of naming something, encoded or not (WHATWG URL, "double-dot URL path segment").
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
    Some(url)
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
}
