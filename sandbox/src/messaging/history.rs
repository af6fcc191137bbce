//! `GET /api/v2/webmessaging/messages`: the history of a session.

use http::StatusCode;
use http::header::{HeaderName, RETRY_AFTER};
use serde_json::{Value, json};

use super::Messaging;
use super::credentials::{Bad, Holder};
use super::limits::MINUTE;
use super::settings::MessagingSettings;
use super::sign_in::{authentication_required, unauthorized};
use crate::answer::Answer;
use crate::request::Request;

/// Messages of a page when the request does not say.
const PAGE_SIZE: usize = 25;

impl Messaging {
    /// A page of the history, newest first, for the JWT of `getJwt` or a guest's.
    pub(super) fn history(&mut self, settings: &MessagingSettings, request: &Request) -> Answer {
        let holder = match self.bearer_jwt(request) {
            Ok(jwt) => jwt.holder.clone(),
            Err(None) => return authentication_required(request),
            Err(Some(bad)) => return unauthorized(bad, request),
        };
        let token = match &holder {
            Holder::Session(token) => Some(token.as_str()),
            Holder::Subject(subject) => self.sessions.token_of(&subject.id),
        };
        let Some(token) = token.map(String::from) else { return unauthorized(Bad::Unknown, request) };
        let not_found =
            |code| Answer::error(StatusCode::NOT_FOUND, code, "The session was not found", request.correlation);
        let Some(session) = self.sessions.get_mut(&token) else { return not_found("session.not.found") };
        if session.is_over(request.arrived) {
            return not_found("session.expired");
        }
        if let Some(allowed) = settings.limits.histories_per_minute
            && let Err(wait) = session.history.take(Some(allowed), MINUTE, request.arrived)
        {
            return too_many(wait, allowed, request);
        }
        let number = |name: &str| request.query(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0);
        let size: usize = number("pageSize").unwrap_or(PAGE_SIZE);
        let page = number("pageNumber").unwrap_or(1);
        let total = session.messages.len();
        let entities: Vec<&Value> =
            session.messages.iter().rev().skip((page - 1).saturating_mul(size)).take(size).collect();
        let body = json!({
            "entities": entities,
            "pageSize": size,
            "pageNumber": page,
            "total": total,
            "pageCount": total.div_ceil(size),
        });
        Answer::json(StatusCode::OK, body.to_string())
    }
}

/// The refusal of the limits page, with the limit in its body and the headers of the platform.
fn too_many(wait: u64, allowed: u32, request: &Request) -> Answer {
    let message = format!("Rate limit exceeded the maximum. Retry the request in [{wait}] seconds");
    let code = "too.many.requests.retry.after";
    let mut answer = Answer::error(StatusCode::TOO_MANY_REQUESTS, code, &message, request.correlation);
    if let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) {
        let limit = json!({ "key": "get.history.rate.per.minute", "namespace": "web.messaging", "value": allowed });
        body["limit"] = limit;
        answer.body = body.to_string().into();
    }
    answer.set(RETRY_AFTER, &wait.to_string());
    answer.set(HeaderName::from_static("inin-ratelimit-count"), &(allowed + 1).to_string());
    answer.set(HeaderName::from_static("inin-ratelimit-allowed"), &allowed.to_string());
    answer.set(HeaderName::from_static("inin-ratelimit-reset"), &wait.to_string());
    answer
}
