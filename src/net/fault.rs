//! What can go wrong in an exchange, and the error that it becomes.

use std::time::Duration;

use http::header;
use url::Url;

use super::cause::{Cause, Kind, Place};
use super::exchange::{Answer, MAX_ANSWER_BYTES};
use super::operation::{BodyStyle, Operation, RetrySafety};
use super::{redact, retry_after};
use crate::error::{Code, Error};
use crate::hint::Hint;
use crate::secret::Secret;

/// Why an exchange brought no success. The text goes behind the name of the call.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Fault {
    /// An answer, but not a 2xx one.
    #[error("failed: {}", .0.status)]
    Status(Box<Answer>),
    /// The request was never sent.
    #[error("could not reach {host}: {cause}")]
    Unreached { host: String, cause: Cause },
    /// The connection broke after the request was, or may have been, sent.
    #[error("lost its connection to {host}: {cause}")]
    Broken { host: String, cause: Cause },
    /// No whole answer in time.
    #[error("got no answer from {host} within {} ms", after.as_millis())]
    TimedOut { host: String, after: Duration },
    /// No turn in the queue before the end of the call. What was sent before, the server did not take.
    #[error("got no answer from the queue within {} ms", after.as_millis())]
    NoTurn { after: Duration },
    /// No connection was free in time; nothing was sent.
    #[error("got no free connection to {host} within {} ms", after.as_millis())]
    Queued { host: String, after: Duration },
    /// More than [`MAX_ANSWER_BYTES`].
    #[error("got an answer over {MAX_ANSWER_BYTES} bytes from {host}")]
    TooLarge { host: String },
    /// A body in a content coding that was not offered.
    #[error("got an answer from {host} in the content coding {coding:?}; gzip and deflate are understood")]
    Coding { host: String, coding: String },
    /// What no answer is.
    #[error("got {what} from {host}")]
    Unreadable { host: String, what: &'static str },
    /// A pause lasts longer than the call may wait; nothing was sent.
    #[error("was not sent: the server asked all calls to wait for another {} ms", wait.as_millis())]
    Paused { wait: Duration },
    /// As many requests have been made as the server is known to take, and the next ones come too late; nothing was sent.
    #[error("was not sent: the rate limit leaves no request for another {} ms", wait.as_millis())]
    LimitReached { wait: Duration },
    /// No client could be made from the configuration, or no token was to be had.
    #[error(transparent)]
    Setup(Error),
}

impl Fault {
    /// A connection that broke for a reason that is told in words.
    pub(crate) fn broken(host: String, reason: String) -> Self {
        Self::Broken { host, cause: Cause::new(Kind::Reset, reason) }
    }

    /// Fills in where it happened; `host` is for messages.
    pub(super) fn at(self, host: String, place: &Place<'_>) -> Self {
        match self {
            Self::Unreached { cause, .. } => Self::Unreached { host, cause: cause.at(place) },
            Self::Broken { cause, .. } => Self::Broken { host, cause: cause.at(place) },
            Self::TooLarge { .. } => Self::TooLarge { host },
            Self::Unreadable { what, .. } => Self::Unreadable { host, what },
            Self::Coding { coding, .. } => Self::Coding { host, coding },
            other => other,
        }
    }
}

/// A call that failed for good.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) operation: &'static Operation,
    pub(crate) fault: Fault,
    /// Requests sent.
    pub(crate) attempts: u32,
    /// What the server asked to wait, when it did.
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    /// The last answer, if there was one.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match &self.fault {
            Fault::Status(answer) => Some(answer),
            _ => None,
        }
    }

    /// Its status.
    pub(crate) fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }

    /// Why, without the host and whatever the server wrote: for warnings.
    pub(crate) fn reason(&self) -> String {
        match &self.fault {
            Fault::Status(answer) => format!("status {}", answer.status),
            Fault::Unreached { cause, .. } | Fault::Broken { cause, .. } => cause.to_string(),
            Fault::TimedOut { after, .. } => format!("no answer within {} ms", after.as_millis()),
            Fault::NoTurn { after } => format!("no turn within {} ms", after.as_millis()),
            Fault::Queued { after, .. } => format!("no free connection within {} ms", after.as_millis()),
            Fault::TooLarge { .. } => "the answer was too large".to_owned(),
            Fault::Coding { coding, .. } => format!("the answer was in the content coding {coding:?}"),
            Fault::Unreadable { what, .. } => format!("the answer was {what}"),
            Fault::Paused { .. } => "paused".to_owned(),
            Fault::LimitReached { .. } => "the rate limit is used up".to_owned(),
            Fault::Setup(error) => error.details().message.clone(),
        }
    }

    /// The error for the caller. `code` is for an answer of the server's; `known` are the credentials that the request
    /// carried, which a server may have echoed.
    pub(crate) fn into_error(self, code: Code, known: &[&Secret]) -> Error {
        let Self { operation, fault, attempts, retry_after } = self;
        let fault = match fault {
            Fault::Coding { host, coding } => Fault::Coding { host, coding: redact::text(&coding, known) },
            other => other,
        };
        let message = format!("{} {fault}", operation.label);
        let is_repeatable = operation.retry != RetrySafety::IfUnprocessed;
        let error = match fault {
            Fault::Status(answer) => {
                return refused(operation, code, &answer, known, attempts).with_retry_after(retry_after);
            }
            Fault::Setup(error) => return error,
            Fault::Unreached { cause, .. } => underlying(message, &cause).with_retryable(!cause.is_lasting()),
            Fault::Broken { cause, .. } => {
                underlying(message, &cause).with_retryable(is_repeatable && !cause.is_lasting())
            }
            Fault::Queued { .. } | Fault::NoTurn { .. } => Error::new(Code::Timeout, message).with_retryable(true),
            Fault::TooLarge { .. } | Fault::Unreadable { .. } => Error::new(Code::Network, message),
            Fault::Coding { host, coding } => {
                Error::new(Code::Network, message).with_hint(Hint::ContentCoding { host, coding })
            }
            Fault::TimedOut { .. } => Error::new(Code::Timeout, message).with_retryable(is_repeatable),
            Fault::Paused { wait } | Fault::LimitReached { wait } => {
                let error = Error::new(Code::RateLimited, message).with_hint(Hint::of_rate_limit(Some(wait)));
                error.with_retryable(true).with_retry_after(Some(wait))
            }
        };
        error.with_attempts(attempts)
    }
}

fn underlying(message: String, cause: &Cause) -> Error {
    Error::new(Code::Network, message)
        .with_cause(cause.to_string())
        .with_cause_code(cause.code())
        .with_hint(cause.hint())
}

/// The error for an answer that is not what was asked for: another status, or a body without what is needed.
pub(crate) fn refused(operation: &Operation, code: Code, answer: &Answer, known: &[&Secret], attempts: u32) -> Error {
    let body = redact::body(&answer.text(), known, answer.is_success());
    let shown = match operation.body {
        BodyStyle::Json => body.as_json(),
        BodyStyle::Text => body.as_text(),
    };
    let is_repeatable = operation.retry != RetrySafety::IfUnprocessed;
    let retryable = match answer.status {
        503 => is_repeatable || retry_after::parse(&answer.headers).is_some(),
        408 | 500 | 502 | 504 => is_repeatable,
        _ => operation.is_throttled(answer),
    };
    Error::new(code, format!("{} failed: {} {shown}", operation.label, answer.status))
        .with_retryable(retryable)
        .with_answer(answer.status, answer.correlation_id(), body.into_text())
        .with_attempts(attempts)
        .with_hint(hint_of(operation, answer, known))
}

/// What an answer's status says to whoever has sent the request.
fn hint_of(operation: &Operation, answer: &Answer, known: &[&Secret]) -> Option<Hint> {
    match answer.status {
        300..=399 => {
            let location = answer.headers.get(header::LOCATION)?.to_str().ok()?;
            // Never the path, which may hold what is nobody's business.
            let target = match Url::parse(location).map(|url| url.origin()) {
                Ok(origin) if origin.is_tuple() => redact::text(&origin.ascii_serialization(), known),
                Ok(_) => return None,
                Err(_) => "Another path of the same host".to_owned(),
            };
            Some(Hint::Redirect { target, option: operation.option })
        }
        _ if operation.is_throttled(answer) => Some(Hint::of_rate_limit(retry_after::parse(&answer.headers))),
        _ => None,
    }
}
