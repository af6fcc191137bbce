//! The Guest API: create, refresh, attributes, channel. Every call carries a bearer token, to this origin alone.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderValue, Method};
use percent_encoding::utf8_percent_encode;
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use crate::error::{Code, Error};
use crate::guest::{Guest, Refreshed};
use crate::json::quote;
use crate::net::exchange::{Answer, Call, Exchange};
use crate::net::fault::{self, Failure, Fault};
use crate::net::limiter::RateLimitGroup;
use crate::net::redact::COMPONENT;
use crate::net::retry::{Order, Repeat, Sender};
use crate::oauth::OAuth;
use crate::secret::Secret;
use crate::signature::TokenVerifier;
use crate::validation::GuestRequest;

/// Genesys limits each kind of call by itself.
pub(crate) const CREATIONS: RateLimitGroup = RateLimitGroup::new(0);
const REFRESHES: RateLimitGroup = RateLimitGroup::new(1);
const UPDATES: RateLimitGroup = RateLimitGroup::new(2);
const CHANNELS: RateLimitGroup = RateLimitGroup::new(3);

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

/// Who provides access tokens.
pub enum Tokens {
    /// The OAuth manager of the same configuration.
    Managed(Arc<OAuth>),
    /// A function of the caller's.
    Given(Box<dyn Fn() -> BoxFuture<'static, Result<Secret, Error>> + Send + Sync>),
}

impl Tokens {
    async fn get(&self) -> Result<Secret, Error> {
        match self {
            Self::Managed(oauth) => oauth.access_token().await,
            Self::Given(get) => get().await,
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
pub(crate) struct Trip {
    /// `X-Genesys-Request-Id`, the same on every attempt.
    pub(crate) request_id: String,
    /// End of the whole call.
    pub(crate) deadline: Instant,
}

impl Trip {
    pub(crate) fn new(total: Duration) -> Self {
        Self { request_id: uuid::Uuid::new_v4().to_string(), deadline: Instant::now() + total }
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
    pub(crate) async fn create(&self, request: &GuestRequest, trip: &Trip) -> Result<Guest, Error> {
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
        let answer = self
            .authorised(Call::Create, CREATIONS, Repeat::Never, trip, build)
            .await
            .map_err(|refusal| refusal.into_error(Code::GuestCreationFailed, &[]))?;
        let guest = Guest::parse(&answer.answer).ok_or_else(|| {
            fault::refused(Call::Create, Code::GuestCreationFailed, &answer.answer, &[&answer.token], answer.attempts)
                .with_cause("the answer holds no guest")
                .with_request_id(answer.request_id.clone())
        })?;
        self.verify(&guest.token, &answer)?;
        Ok(guest)
    }

    /// Trades a refresh token for a new guest token. A 409 is an error with [`Code::Conflict`].
    pub(crate) async fn refresh(&self, refresh_token: &Secret, trip: &Trip) -> Result<Refreshed, Error> {
        let body = Secret::new(format!("{{\"refreshToken\":{}}}", quote(refresh_token.expose())));
        let build = || Exchange::new(Method::POST, self.endpoints.refresh.clone()).json(body.expose().to_owned());
        let answer = self
            .authorised(Call::Refresh, REFRESHES, Repeat::Once, trip, build)
            .await
            .map_err(|refusal| refusal.into_error(Code::RefreshFailed, &[refresh_token]))?;
        let fresh = Refreshed::parse(&answer.answer).ok_or_else(|| {
            fault::refused(
                Call::Refresh,
                Code::RefreshFailed,
                &answer.answer,
                &[&answer.token, refresh_token],
                answer.attempts,
            )
            .with_cause("the answer holds no token")
            .with_request_id(answer.request_id.clone())
        })?;
        self.verify(&fresh.token, &answer)?;
        Ok(fresh)
    }

    /// Replaces the guest's attributes with a JSON object.
    pub(crate) async fn put_attributes(&self, guest_id: &str, attributes: &str, trip: &Trip) -> Result<(), Error> {
        let url = below(&self.endpoints.guests, guest_id)
            .ok_or_else(|| Error::new(Code::EnrichmentFailed, "The guest's id cannot stand in a path"))?;
        let body = bytes::Bytes::from(format!("{{\"attributes\":{attributes}}}"));
        let build = || Exchange::new(Method::PUT, url.clone()).json(body.clone());
        let outcome = self.authorised(Call::Attributes, UPDATES, Repeat::Freely, trip, build).await;
        outcome.map(drop).map_err(|refusal| refusal.into_error(Code::EnrichmentFailed, &[]))
    }

    /// What the API says of a channel; `None` where it does not know it.
    pub(crate) async fn channel(&self, channel_id: &str, trip: &Trip) -> Result<Option<String>, Error> {
        let Some(url) = below(&self.endpoints.channel, channel_id) else { return Ok(None) };
        let build = || Exchange::new(Method::GET, url.clone());
        match self.authorised(Call::Channel, CHANNELS, Repeat::Freely, trip, build).await {
            Ok(answer) => Ok(Some(answer.answer.text().into_owned())),
            Err(refusal) if refusal.failure.status() == Some(404) => Ok(None),
            Err(refusal) => Err(refusal.into_error(Code::GuestCreationFailed, &[])),
        }
    }

    fn verify(&self, token: &Secret, answer: &Granted) -> Result<(), Error> {
        self.verifier.verify(token.expose()).map_err(|error| {
            let error = error.with_request_id(answer.request_id.clone()).with_attempts(answer.attempts);
            error.with_answer(answer.answer.status, answer.answer.correlation_id(), String::new())
        })
    }

    /// Sends with a token; a 401 drops that token for all and repeats the call once with a new one.
    async fn authorised(
        &self,
        call: Call,
        group: RateLimitGroup,
        repeat: Repeat,
        trip: &Trip,
        build: impl Fn() -> Exchange,
    ) -> Result<Granted, Refusal> {
        let order = Order { call, repeat, group: Some(group), timeout: self.timeout, deadline: trip.deadline };
        let mut before = 0;
        loop {
            let refused = |mut failure: Failure, token| {
                failure.attempts += before;
                Refusal { failure, token, request_id: trip.request_id.clone() }
            };
            let token = match tokio::time::timeout_at(trip.deadline, self.tokens.get()).await {
                Ok(Ok(token)) => token,
                Ok(Err(error)) => {
                    return Err(refused(
                        Failure { call, fault: Fault::Setup(error), attempts: 0, retry_after: None },
                        None,
                    ));
                }
                Err(_) => {
                    let error = Error::new(Code::Timeout, format!("{} got no access token in time", call.label()))
                        .with_retryable(true);
                    return Err(refused(
                        Failure { call, fault: Fault::Setup(error), attempts: 0, retry_after: None },
                        None,
                    ));
                }
            };
            let headers = Headers::new(&token, &trip.request_id).map_err(|error| {
                refused(Failure { call, fault: Fault::Setup(error), attempts: 0, retry_after: None }, None)
            })?;
            match self.sender.send(order, || headers.add_to(build())).await {
                Ok((answer, attempts)) => {
                    return Ok(Granted {
                        answer,
                        token,
                        attempts: before + attempts,
                        request_id: trip.request_id.clone(),
                    });
                }
                Err(failure) if failure.status() == Some(401) && before == 0 => {
                    self.tokens.reject(&token);
                    before = failure.attempts;
                }
                Err(failure) => return Err(refused(failure, Some(token))),
            }
        }
    }
}

/// The two headers of every API call, built once for all attempts.
struct Headers {
    authorization: HeaderValue,
    request_id: HeaderValue,
}

impl Headers {
    fn new(token: &Secret, request_id: &str) -> Result<Self, Error> {
        let unusable = || Error::new(Code::OauthFailed, "The access token holds characters that no header can carry");
        if token.expose().is_empty() {
            return Err(Error::new(Code::OauthFailed, "The access token is empty"));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| unusable())?;
        authorization.set_sensitive(true);
        Ok(Self { authorization, request_id: HeaderValue::from_str(request_id).map_err(|_| unusable())? })
    }

    fn add_to(&self, exchange: Exchange) -> Exchange {
        exchange
            .header("authorization", self.authorization.clone())
            .header("x-genesys-request-id", self.request_id.clone())
    }
}

/// A 2xx answer and the token that brought it.
struct Granted {
    answer: Answer,
    token: Secret,
    attempts: u32,
    request_id: String,
}

/// A failure, the token that was used and the id under which it was sent.
struct Refusal {
    failure: Failure,
    token: Option<Secret>,
    request_id: String,
}

impl Refusal {
    /// Some statuses have a code of their own, whatever the call was.
    fn into_error(self, otherwise: Code, known: &[&Secret]) -> Error {
        let code = match self.failure.status() {
            Some(403) => Code::Forbidden,
            Some(409) => Code::Conflict,
            Some(429) => Code::RateLimited,
            _ => otherwise,
        };
        let all: Vec<&Secret> = known.iter().copied().chain(&self.token).collect();
        self.failure.into_error(code, &all).with_request_id(self.request_id)
    }
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
