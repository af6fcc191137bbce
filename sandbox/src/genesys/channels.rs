//! `GET /api/v2/journey/actions/channels/{channelId}`.

use http::StatusCode;
use serde_json::json;

use crate::answer::Answer;
use crate::request::Request;

/// A channel: by its name alone it is active, disabled or not there, so that a test needs no setup.
pub(crate) fn channel(request: &Request) -> Answer {
    let id = &request.part;
    if is_unknown(id) {
        let message = format!("The channel {id} was not found");
        return Answer::error(StatusCode::NOT_FOUND, "not.found", &message, request.correlation);
    }
    let enabled = !is_disabled(id);
    let body = json!({
        "id": id,
        "name": format!("Channel {id}"),
        "type": "webMessaging",
        "status": if enabled { "active" } else { "disabled" },
        "enabled": enabled,
        "selfUri": request.uri.path(),
    });
    Answer::json(StatusCode::OK, body.to_string())
}

/// Whether guests are refused because the channel is switched off or was never set up.
pub(crate) fn is_closed(id: &str) -> bool {
    is_unknown(id) || is_disabled(id)
}

fn is_unknown(id: &str) -> bool {
    id.starts_with("unknown")
}

fn is_disabled(id: &str) -> bool {
    id.starts_with("disabled")
}
