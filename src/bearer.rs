//! Calls of the Genesys Cloud API with an access token of the organisation's.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::HeaderValue;

use crate::caller::CallContext;
use crate::error::{Code, Error};
use crate::net::exchange::{Answer, Exchange};
use crate::net::fault::Failure;
use crate::net::operation::Operation;
use crate::net::retry::{SendOptions, Sender};
use crate::oauth::OAuth;
use crate::secret::Secret;

/// Gets an access token for the call of this number, where one has a number.
pub type GetToken = dyn Fn(Option<u32>) -> BoxFuture<'static, Result<Secret, Error>> + Send + Sync;

/// Who provides access tokens.
pub(crate) enum Tokens {
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

/// Sends requests with a token. Tokens go to the API's origin alone: whoever calls this sees to it.
pub(crate) struct BearerSender {
    pub(crate) sender: Arc<Sender>,
    pub(crate) tokens: Tokens,
}

/// A 2xx answer and the token that brought it.
pub(crate) struct Granted {
    pub(crate) answer: Answer,
    pub(crate) token: Secret,
    pub(crate) attempts: u32,
}

/// Why there is no such answer.
pub(crate) enum Denied {
    /// No usable token was to be had; nothing was sent.
    NoToken(Error),
    /// The request failed with this token.
    Failed(Failure, Secret),
}

impl BearerSender {
    /// Sends with a token; a 401 drops that token for all and repeats the call once with a new one.
    pub(crate) async fn send(
        &self,
        options: SendOptions,
        context: &CallContext,
        build: impl Fn() -> Exchange,
    ) -> Result<Granted, Denied> {
        let mut before = 0;
        loop {
            let token = match tokio::time::timeout_at(options.deadline, self.tokens.get(context)).await {
                Ok(token) => token.map_err(Denied::NoToken)?,
                Err(_) => return Err(Denied::NoToken(no_token_in_time(options.operation))),
            };
            let authorization = bearer(&token).map_err(Denied::NoToken)?;
            let request = || build().header("authorization", authorization.clone());
            match self.sender.send(options, request).await {
                Ok((answer, attempts)) => return Ok(Granted { answer, token, attempts: before + attempts }),
                Err(failure) if failure.status() == Some(401) && before == 0 => {
                    self.tokens.reject(&token);
                    before = failure.attempts;
                }
                Err(mut failure) => {
                    failure.attempts += before;
                    return Err(Denied::Failed(failure, token));
                }
            }
        }
    }
}

fn no_token_in_time(operation: &Operation) -> Error {
    Error::new(Code::Timeout, format!("{} got no access token in time", operation.label)).with_retryable(true)
}

/// The `Authorization` header.
pub(crate) fn bearer(token: &Secret) -> Result<HeaderValue, Error> {
    if token.expose().is_empty() {
        return Err(Error::new(Code::OauthFailed, "The access token is empty"));
    }
    let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| Error::new(Code::OauthFailed, "The access token holds characters that no header can carry"))?;
    header.set_sensitive(true);
    Ok(header)
}
