//! What a guest's sign-in is worth: a JWT for the sign-in, another JWT for a refresh token, and the end of both.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use url::Url;

use crate::bearer::bearer;
use crate::caller::CallContext;
use crate::error::{Code, Error};
use crate::guest_options::SignIn;
use crate::json::{Members, quote};
use crate::net::exchange::{Answer, Exchange, server_time};
use crate::net::fault::{self, Failure};
use crate::net::limiter::RateLimitGroup;
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::retry::{SendOptions, Sender};
use crate::secret::Secret;

/// The code of a sign-in can be spent once: a second request could only find out that the first one arrived.
const EXCHANGE: Operation = operation("Guest sign-in", RetrySafety::IfUnprocessed, RateLimitGroup::new(2));
/// Refresh tokens are not used up.
const REFRESH: Operation = operation("Guest token refresh", RetrySafety::Repeatable, RateLimitGroup::new(1));
const REVOCATION: Operation = operation("Guest sign-out", RetrySafety::Repeatable, RateLimitGroup::new(1));

const EXCHANGE_PATH: &str = "/api/v2/webdeployments/token/oauthcodegrantjwtexchange";
const REFRESH_PATH: &str = "/api/v2/webdeployments/token/refresh";
const REVOCATION_PATH: &str = "/api/v2/webdeployments/token/revoke";

/// Refreshes after which a JWT that is still refused counts as ended, as Genesys' own client has it.
pub(super) const MOST_REFRESHES: u32 = 3;

/// A JWT that does not say when it ends is taken to live so long: Genesys' documented figure.
pub(super) const USUAL_LIFE: Duration = Duration::from_secs(15 * 60);

/// A JWT with more than this in its claims is not looked into.
const MOST_CLAIMS_BYTES: usize = 16 * 1024;

const fn operation(label: &'static str, retry: RetrySafety, limit: RateLimitGroup) -> Operation {
    Operation {
        label,
        option: "environment or apiUrl",
        retry,
        limit: Some(limit.without_access_token()),
        pool: ConnectionPool::new(0),
        body: BodyStyle::Text,
        is_throttle: no_other_throttle,
    }
}

/// What an exchange or a refresh brings.
#[derive(Debug, Clone)]
pub struct GuestGrant {
    /// The guest's JWT.
    pub jwt: Secret,
    /// How long it is good, as far as it says.
    pub jwt_expires_in: Option<Duration>,
    /// For other JWTs after it.
    pub refresh_token: Option<Secret>,
}

/// Trades what guests have from their sign-in. No access token is needed.
pub(crate) struct GuestTokens {
    sender: Arc<Sender>,
    api: Url,
    timeout: Duration,
}

impl GuestTokens {
    /// `timeout` is the limit for one exchange.
    pub(crate) fn new(sender: Arc<Sender>, api: Url, timeout: Duration) -> Self {
        Self { sender, api, timeout }
    }

    /// Trades a sign-in for a JWT. A JWT is what it is.
    pub(crate) async fn exchange(
        &self,
        deployment_id: &str,
        sign_in: &SignIn,
        context: &CallContext,
    ) -> Result<GuestGrant, Error> {
        if let SignIn::Jwt(jwt) = sign_in {
            return Ok(GuestGrant { jwt: jwt.clone(), jwt_expires_in: None, refresh_token: None });
        }
        let body = Secret::new(format!("{{\"deploymentId\":{},\"oauth\":{}}}", quote(deployment_id), sign_in.oauth()));
        let known = sign_in.secrets();
        let build = || Exchange::new(Method::POST, self.at(EXCHANGE_PATH)).json(body.expose().to_owned());
        let (answer, attempts) = self.send(&EXCHANGE, context, build).await.map_err(|failure| {
            let code = exchange_code(failure.status());
            failure.into_error(code, &known).with_request_id(&context.request_id)
        })?;
        let text = answer.text();
        let members = Members::parse(&text);
        let secret = |name| members.as_ref()?.string(name).filter(|text| !text.is_empty()).map(Secret::new);
        let jwt = secret("jwt")
            .ok_or_else(|| without_jwt(&EXCHANGE, Code::GuestCreationFailed, &answer, &known, attempts, context))?;
        Ok(granted(jwt, secret("refreshToken"), &answer))
    }

    /// Trades a refresh token, which stays good, for a JWT.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &Secret,
        deployment_id: Option<&str>,
        context: &CallContext,
    ) -> Result<GuestGrant, Error> {
        let deployment = deployment_id.map(|id| format!(",\"deploymentId\":{}", quote(id))).unwrap_or_default();
        let body = Secret::new(format!("{{\"refreshToken\":{}{deployment}}}", quote(refresh_token.expose())));
        let known = [refresh_token];
        let build = || Exchange::new(Method::POST, self.at(REFRESH_PATH)).json(body.expose().to_owned());
        let (answer, attempts) = self.send(&REFRESH, context, build).await.map_err(|failure| {
            let code = refresh_code(failure.status());
            failure.into_error(code, &known).with_request_id(&context.request_id)
        })?;
        let text = answer.text();
        let jwt =
            Members::parse(&text).and_then(|body| body.string("jwt").filter(|jwt| !jwt.is_empty()).map(Secret::new));
        let jwt = jwt.ok_or_else(|| without_jwt(&REFRESH, Code::RefreshFailed, &answer, &known, attempts, context))?;
        Ok(granted(jwt, None, &answer))
    }

    /// Ends the sign-in of a JWT, and all its connections. One that has ended already is refreshed first where there is a
    /// refresh token: only a good one can say whose sign-in is to end.
    pub(crate) async fn revoke(
        &self,
        jwt: &Secret,
        refresh_token: Option<&Secret>,
        context: &CallContext,
    ) -> Result<(), Error> {
        let mut jwt = jwt.clone();
        let mut refreshes = 0;
        loop {
            let authorization = bearer(&jwt).map_err(|_| unusable_jwt().with_request_id(&context.request_id))?;
            let build = || {
                Exchange::new(Method::DELETE, self.at(REVOCATION_PATH)).header("authorization", authorization.clone())
            };
            let Err(failure) = self.send(&REVOCATION, context, build).await else { return Ok(()) };
            let fresh = match Revocation::of(&failure) {
                Revocation::Done => return Ok(()),
                Revocation::Failed(code) => {
                    let known: Vec<&Secret> = [Some(&jwt), refresh_token].into_iter().flatten().collect();
                    return Err(failure.into_error(code, &known).with_request_id(&context.request_id));
                }
                Revocation::Ended => match refresh_token {
                    Some(token) if refreshes < MOST_REFRESHES => self.refresh(token, None, context).await,
                    _ => return Ok(()),
                },
            };
            jwt = match fresh {
                Ok(fresh) => fresh.jwt,
                // Neither token is good for anything any more.
                Err(error) if error.code() == Code::RefreshFailed && is_refusal(&error) => return Ok(()),
                Err(error) => return Err(error),
            };
            refreshes += 1;
        }
    }

    async fn send(
        &self,
        operation: &'static Operation,
        context: &CallContext,
        build: impl Fn() -> Exchange,
    ) -> Result<(Answer, u32), Failure> {
        let options = SendOptions { operation, timeout: self.timeout, deadline: context.deadline };
        let request = || build().header("x-genesys-request-id", context.request_id_header.clone());
        self.sender.send(options, request).await
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.api.clone();
        url.set_path(&format!("{}{path}", self.api.path().trim_end_matches('/')));
        url
    }
}

/// What a refused revocation means.
enum Revocation {
    /// There is nothing to revoke.
    Done,
    /// The JWT has ended.
    Ended,
    Failed(Code),
}

impl Revocation {
    fn of(failure: &Failure) -> Self {
        let Some(answer) = failure.answer() else { return Self::Failed(Code::RefreshFailed) };
        match answer.status {
            404 | 409 => Self::Done,
            401 => Self::Ended,
            400 if answer.error_code().as_deref() == Some("credentials.expired") => Self::Ended,
            403 => Self::Failed(Code::Forbidden),
            429 => Self::Failed(Code::RateLimited),
            408 | 504 => Self::Failed(Code::Timeout),
            _ => Self::Failed(Code::RefreshFailed),
        }
    }
}

/// Whether a server has refused, in contrast to one that was not there.
fn is_refusal(error: &Error) -> bool {
    error.details().status.is_some_and(|status| (400..500).contains(&status))
}

fn exchange_code(status: Option<u16>) -> Code {
    match status {
        Some(401) => Code::OauthFailed,
        Some(403) => Code::Forbidden,
        Some(404) => Code::ChannelUnavailable,
        Some(408 | 504) => Code::Timeout,
        Some(409) => Code::Conflict,
        Some(429) => Code::RateLimited,
        _ => Code::GuestCreationFailed,
    }
}

fn refresh_code(status: Option<u16>) -> Code {
    match status {
        Some(408 | 504) => Code::Timeout,
        Some(429) => Code::RateLimited,
        _ => Code::RefreshFailed,
    }
}

fn granted(jwt: Secret, refresh_token: Option<Secret>, answer: &Answer) -> GuestGrant {
    let jwt_expires_in = jwt_life(&jwt, server_time(&answer.headers));
    GuestGrant { jwt, jwt_expires_in, refresh_token }
}

fn without_jwt(
    operation: &Operation,
    code: Code,
    answer: &Answer,
    known: &[&Secret],
    attempts: u32,
    context: &CallContext,
) -> Error {
    fault::refused(operation, code, answer, known, attempts)
        .with_cause("the answer holds no jwt")
        .with_request_id(&context.request_id)
}

fn unusable_jwt() -> Error {
    Error::new(Code::RefreshFailed, "Guest sign-out failed: the JWT holds characters that no header can carry")
}

/// When a JWT says that it ends, in seconds since 1970. Nobody vouches for that: it is for planning alone.
pub(crate) fn jwt_ends_at(jwt: &Secret) -> Option<f64> {
    let claims = jwt.expose().split('.').nth(1).filter(|claims| claims.len() <= MOST_CLAIMS_BYTES)?;
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?).ok()?;
    Members::parse(&claims)?.number("exp").filter(|end| *end > 0.0)
}

/// How long a JWT is good from `now` on, in seconds since 1970, as far as it says.
pub(crate) fn jwt_life(jwt: &Secret, now: f64) -> Option<Duration> {
    jwt_ends_at(jwt).map(|end| Duration::try_from_secs_f64((end - now).max(0.0).floor()).unwrap_or(USUAL_LIFE))
}

#[cfg(test)]
#[path = "sign_in_tests.rs"]
mod tests;
