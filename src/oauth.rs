//! The access token: fetched once for all who wait, renewed before it expires, dropped when the API refuses it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method};
use tokio::time::Instant;
use url::Url;

use crate::error::{Code, Error};
use crate::hint::Hint;
use crate::json::Members;
use crate::net::exchange::{Answer, Exchange, basic, host_of};
use crate::net::fault::{self, Failure};
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety};
use crate::net::retry::{SendOptions, Sender};
use crate::secret::Secret;
use crate::single_flight::SingleFlight;
use crate::sync::lock;

/// A token is renewed this long before it expires, or a tenth of its life where that is less.
const RENEWAL_MARGIN: Duration = Duration::from_secs(60);
const RENEWAL_SHARE: u32 = 10;

/// After a failed early renewal the old token serves on; the next try is not made before this.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);

/// Lives beyond this are cut, so that clock arithmetic cannot overflow. Genesys allows 450 days at most.
const LONGEST_LIFE: Duration = Duration::from_secs(450 * 24 * 3600);

const ACQUISITION: Operation = Operation {
    label: "OAuth token acquisition",
    option: "environment or loginUrl",
    retry: RetrySafety::Repeatable,
    limit: None,
    pool: ConnectionPool::new(0),
    body: BodyStyle::Text,
    is_throttle: is_login_throttle,
};

/// What the login host says takes a hundred bytes; more is something else, and takes time to read.
const MOST_LOGIN_ERROR_BYTES: usize = 16 * 1024;

/// The login host says "too many requests" with a 400: `invalid_request`, "rate limit exceeded; …".
fn is_login_throttle(answer: &Answer) -> bool {
    answer.status == 400
        && answer.body.len() <= MOST_LOGIN_ERROR_BYTES
        && Members::parse(&answer.text()).is_some_and(|body| {
            body.string("error").is_some_and(|error| error == "invalid_request")
                && body
                    .string("error_description")
                    .is_some_and(|text| text.to_ascii_lowercase().starts_with("rate limit exceeded"))
        })
}

/// Where and as whom to log in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The token endpoint.
    pub token_url: Url,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: Secret,
    /// The region's key, where `environment` names one.
    pub region: Option<&'static str>,
    /// OAuth scope, space-separated.
    pub scope: Option<String>,
    /// How the client proves who it is.
    pub authentication: ClientAuthentication,
    /// Limit for one exchange.
    pub timeout: Duration,
    /// Limit for a fetch with its retries.
    pub total_timeout: Duration,
}

/// Where the client's id and secret stand in a token request (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In its form, as the tutorial has it.
    Form,
    /// In its `Authorization` header, as Genesys' own clients have it.
    Basic,
}

impl Credentials {
    /// Genesys' own clients send no scope for this grant: what a client may do is set where it is made.
    pub(crate) fn in_genesys_form(self, keeps_scope: bool) -> Self {
        Self { authentication: ClientAuthentication::Basic, scope: self.scope.filter(|_| keeps_scope), ..self }
    }

    /// The form of a token request. The order of its fields is part of the contract.
    fn form(&self) -> Secret {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if self.authentication == ClientAuthentication::Form {
            form.append_pair("client_id", &self.client_id).append_pair("client_secret", self.client_secret.expose());
        }
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        Secret::new(form.finish())
    }

    fn header(&self) -> Option<HeaderValue> {
        let is_wanted = self.authentication == ClientAuthentication::Basic;
        is_wanted.then(|| basic(&self.client_id, self.client_secret.expose())).flatten()
    }

    /// Who was asked, for hints.
    fn asked(&self) -> String {
        let host = host_of(&self.token_url);
        self.region.map_or_else(|| host.clone(), |region| format!("{host} ({region})"))
    }
}

/// Whether the login host does not know the client, or not with this secret (RFC 6749 §5.2).
fn is_login_refused(failure: &Failure) -> bool {
    let Some(answer) = failure.answer() else { return false };
    let is_client_invalid = || {
        Members::parse(&answer.text())
            .is_some_and(|body| body.string("error").is_some_and(|error| error == "invalid_client"))
    };
    answer.status == 401 || (answer.status == 400 && answer.body.len() <= MOST_LOGIN_ERROR_BYTES && is_client_invalid())
}

/// The access token of all processes with the same credentials.
pub(crate) trait SharedAccessToken: Send + Sync {
    /// The token that another process has fetched, or else what `fetch` brings, for all. A token that is the `rejected` one
    /// is dropped for all. While the token cannot be shared, each process fetches for itself.
    fn get<'a>(
        &'a self,
        rejected: Option<&'a Secret>,
        until: Instant,
        fetch: BoxFuture<'a, Result<Grant, Error>>,
    ) -> BoxFuture<'a, Result<Grant, Error>>;
}

/// The OAuth manager of one configuration.
pub struct OAuth(Arc<Inner>);

struct Inner {
    credentials: Credentials,
    sender: Arc<Sender>,
    form: Secret,
    authorization: Option<HeaderValue>,
    shared: Option<Box<dyn SharedAccessToken>>,
    cached: Mutex<Option<Cached>>,
    /// What the API refused last: another process may still offer it.
    rejected: Mutex<Option<Secret>>,
    single_flight: SingleFlight<(), Secret>,
    requests: AtomicU64,
}

struct Cached {
    token: Secret,
    renew_at: Instant,
    expires_at: Instant,
}

/// A token and its life; no life means: use once.
pub(crate) struct Grant {
    pub(crate) token: Secret,
    pub(crate) life: Option<Life>,
}

pub(crate) struct Life {
    pub(crate) whole: Duration,
    pub(crate) left: Duration,
}

impl Life {
    /// A token is renewed this long before its end.
    pub(crate) fn margin(&self) -> Duration {
        RENEWAL_MARGIN.min(self.whole / RENEWAL_SHARE)
    }
}

impl OAuth {
    /// With `shared`, the token is that of all processes.
    pub(crate) fn new(
        credentials: Credentials,
        sender: Arc<Sender>,
        shared: Option<Box<dyn SharedAccessToken>>,
    ) -> Self {
        let (form, authorization) = (credentials.form(), credentials.header());
        Self(Arc::new(Inner {
            shared,
            credentials,
            sender,
            form,
            authorization,
            cached: Mutex::new(None),
            rejected: Mutex::new(None),
            single_flight: SingleFlight::default(),
            requests: AtomicU64::new(0),
        }))
    }

    /// A token that the API should accept. Inside the renewal margin the old one is returned while one renewal runs.
    pub async fn access_token(&self) -> Result<Secret, Error> {
        let now = Instant::now();
        let usable = {
            let cached = lock(&self.0.cached);
            match &*cached {
                Some(token) if now < token.renew_at => return Ok(token.token.clone()),
                Some(token) if now < token.expires_at => Some(token.token.clone()),
                _ => None,
            }
        };
        let inner = Arc::clone(&self.0);
        let waiter = self.0.single_flight.join((), || async move { inner.fetch().await });
        match usable {
            Some(token) => {
                // If the renewal fails, nobody has lost anything yet.
                waiter.detach();
                Ok(token)
            }
            None => waiter.await,
        }
    }

    /// Drops a token that the API refused, unless a newer one has taken its place.
    pub fn reject(&self, token: &Secret) {
        if self.0.shared.is_some() {
            *lock(&self.0.rejected) = Some(token.clone());
        }
        let mut cached = lock(&self.0.cached);
        if cached.as_ref().is_some_and(|cached| cached.token.same_as(token)) {
            *cached = None;
        }
    }

    /// Forgets the token.
    pub(crate) fn reset(&self) {
        *lock(&self.0.cached) = None;
        *lock(&self.0.rejected) = None;
    }

    /// Token requests that were started.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth").field("credentials", &self.0.credentials).finish_non_exhaustive()
    }
}

impl Inner {
    async fn fetch(&self) -> Result<Secret, Error> {
        let outcome = match &self.shared {
            None => self.request().await,
            Some(shared) => {
                let rejected = lock(&self.rejected).clone();
                let until = Instant::now() + self.credentials.total_timeout;
                shared.get(rejected.as_ref(), until, self.request().boxed()).await
            }
        };
        let mut cached = lock(&self.cached);
        match outcome {
            Ok(Grant { token, life }) => {
                let now = Instant::now();
                *cached = life.map(|life| Cached {
                    token: token.clone(),
                    renew_at: now + life.left.saturating_sub(life.margin()),
                    expires_at: now + life.left,
                });
                Ok(token)
            }
            Err(error) => {
                if let Some(cached) = cached.as_mut() {
                    cached.renew_at = Instant::now() + RENEWAL_PAUSE;
                }
                Err(error)
            }
        }
    }

    async fn request(&self) -> Result<Grant, Error> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let options = SendOptions {
            operation: &ACQUISITION,
            timeout: self.credentials.timeout,
            deadline: Instant::now() + self.credentials.total_timeout,
        };
        let known = [&self.credentials.client_secret];
        let build = || {
            let exchange = Exchange::new(Method::POST, self.credentials.token_url.clone())
                .body("application/x-www-form-urlencoded", self.form.expose().to_owned());
            match &self.authorization {
                Some(authorization) => exchange.header("authorization", authorization.clone()),
                None => exchange,
            }
        };
        let (answer, attempts) = self.sender.send(options, build).await.map_err(|failure| {
            let hint = is_login_refused(&failure).then(|| Hint::LoginRefused { asked: self.credentials.asked() });
            failure.into_error(Code::OauthFailed, &known).with_hint(hint)
        })?;
        parse(&answer).ok_or_else(|| {
            fault::refused(&ACQUISITION, Code::OauthFailed, &answer, &known, attempts)
                .with_cause("the answer holds no usable access_token")
        })
    }
}

/// The token and its life; no life where `expires_in` is missing or unusable, which means: use once.
fn parse(answer: &Answer) -> Option<Grant> {
    let text = answer.text();
    let body = Members::parse(&text)?;
    let token = body.string("access_token").filter(|token| !token.is_empty())?;
    // A token that no header can carry would fail every later call with a less telling error.
    HeaderValue::from_str(&token).ok()?;
    let life = body
        .number("expires_in")
        .filter(|seconds| *seconds > 0.0)
        .map(|seconds| Duration::from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())))
        .map(|whole| Life { whole, left: whole });
    Some(Grant { token: Secret::new(token), life })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_hosts_own_rate_limit_counts_as_throttling() {
        let answer =
            |status, body: &str| Answer { status, headers: http::HeaderMap::new(), body: body.to_owned().into() };
        let text = r#"{"error":"invalid_request","error_description":"rate limit exceeded; slow down"}"#;
        assert!(is_login_throttle(&answer(400, text)));
        assert!(!is_login_throttle(&answer(401, text)));
        assert!(!is_login_throttle(&answer(400, r#"{"error":"invalid_request","error_description":"no scope"}"#)));
        assert!(!is_login_throttle(&answer(400, "rate limit exceeded")));
    }
}
