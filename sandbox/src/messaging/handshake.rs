//! The upgrade of `GET /v1?deploymentId=…` to a socket.

use http::header::{
    CONNECTION, HOST, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Messaging;
use super::limits::MINUTE;
use super::settings::MessagingSettings;
use super::sockets::Opening;
use crate::answer::Answer;
use crate::request::Request;

impl Messaging {
    /// Decides about an upgrade: 101, or why not.
    pub(super) fn handshake(&mut self, settings: &MessagingSettings, request: &Request) -> Answer {
        let Some(key) = key(&request.headers) else { return no_upgrade(request) };
        let refused = |status: u16, message| {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
            Answer::error(status, "not.authorized", message, request.correlation)
        };
        let id = request.query("deploymentId").unwrap_or_default();
        let Some(deployment) = self.deployments.find(&id) else {
            return refused(settings.handshake.deployment, "Deployment not found");
        };
        if !deployment.is_active() {
            return refused(settings.handshake.inactive, "The deployment is not active");
        }
        if !deployment.admits(request.header(&ORIGIN), request.header(&HOST)) {
            return refused(settings.handshake.origin, "The origin is not allowed");
        }
        let limit = settings.limits.connections_per_minute;
        let window = self.handshakes.entry(deployment.id).or_default();
        if let Err(wait) = window.take(limit, MINUTE, request.arrived) {
            let status = StatusCode::from_u16(settings.handshake.rate).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
            let message = format!("Rate limit exceeded the maximum. Retry the request in [{wait}] seconds");
            let mut answer = Answer::error(status, "too.many.requests.retry.after", &message, request.correlation);
            answer.set(RETRY_AFTER, &wait.to_string());
            return answer;
        }
        let mut answer = Answer::empty(StatusCode::SWITCHING_PROTOCOLS);
        answer.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        answer.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        answer.set(SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key));
        answer
    }

    /// What a handshake said that has been answered with 101.
    pub(crate) fn opening(&self, request: &Request) -> Option<Opening> {
        Some(Opening {
            deployment: self.deployments.find(&request.query("deploymentId")?)?.id,
            application: request.query("application").map(Into::into),
            origin: request.header(&ORIGIN).map(Into::into),
            connection: request.connection,
        })
    }
}

/// The key of a request that asks for a socket (RFC 6455 §4.2.1). Extensions and subprotocols are not negotiated.
fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let has = |name: &HeaderName, wanted: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    let asks = has(&UPGRADE, "websocket") && has(&CONNECTION, "upgrade") && has(&SEC_WEBSOCKET_VERSION, "13");
    headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).filter(|key| asks && key.len() == 24)
}

fn no_upgrade(request: &Request) -> Answer {
    let message = "This is a WebSocket";
    let mut answer = Answer::error(StatusCode::UPGRADE_REQUIRED, "client.failed.request", message, request.correlation);
    answer.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    answer
}
