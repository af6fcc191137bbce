//! Messages and events between a guest and the other side.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Messaging;
use super::deployments::Disconnect;
use super::frames::{Envelope, Refusal};
use super::limits::SECOND;
use super::settings::{AttributeCount, MessagingSettings};
use super::turn::Turn;
use crate::clock;

/// The body of a message that has only just come into being.
pub(super) fn structured(kind: &str, direction: &str) -> Value {
    json!({
        "type": kind,
        "direction": direction,
        "id": Uuid::new_v4().simple().to_string(),
        "channel": { "time": clock::iso(clock::wall_ms()) },
    })
}

fn presence(kind: &str, direction: &str) -> Value {
    let mut body = structured("Event", direction);
    body["events"] = json!([{ "eventType": "Presence", "presence": { "type": kind } }]);
    body
}

impl Messaging {
    /// `onMessage`: a text, an attachment, or events.
    pub(super) fn message(&mut self, turn: &Turn<'_>, token: &str) -> Result<(), Refusal> {
        let message = turn.frame.member("message").filter(|message| message.is_object());
        let message = message.ok_or_else(|| Refusal::missing("message"))?;
        let session = self.sessions.get_mut(token).ok_or_else(Refusal::bad_request)?;
        let within = session.sent.take(turn.settings.limits.messages_per_second, SECOND, turn.now);
        within.map_err(|wait| Refusal::too_many_requests(wait, "Message rate too high for this session"))?;
        if session.read_only {
            return Err(Refusal::text(409, "The session is read-only"));
        }
        let attributes = turn.frame.custom_attributes();
        if let Some(attributes) = attributes {
            check_attributes(attributes, turn.settings)?;
        }
        let said = match message["type"].as_str() {
            Some("Event") => self.events(turn, token, message),
            _ => self.say_inbound(turn, token, message),
        };
        if said.is_ok()
            && let Some(attributes) = attributes
            && let Some(session) = self.sessions.get_mut(token)
        {
            session.attributes = Some(attributes.clone());
        }
        said
    }

    fn say_inbound(&mut self, turn: &Turn<'_>, token: &str, message: &Value) -> Result<(), Refusal> {
        let text = message["text"].as_str();
        let content =
            message.get("content").filter(|content| content.as_array().is_some_and(|parts| !parts.is_empty()));
        if text.is_none() && content.is_none() {
            return Err(Refusal::missing("message.text"));
        }
        let (length, most) = (text.map_or(0, str::len), turn.settings.max_text_bytes);
        if length > most {
            return Err(Refusal::text(4011, format!("Message length {length} is larger than {most}")));
        }
        let mut body = structured(message["type"].as_str().unwrap_or("Text"), "Inbound");
        if let Some(text) = text {
            body["text"] = text.into();
        }
        if let Some(content) = content {
            body["content"] = content.clone();
        }
        self.echo_inbound(turn, token, body, message)?;
        if let (Some(reply), Some(text)) = (&turn.settings.auto_reply, text) {
            self.say_outbound(turn.settings, token, &reply.replace("{text}", text), Some(turn));
        }
        Ok(())
    }

    fn events(&mut self, turn: &Turn<'_>, token: &str, message: &Value) -> Result<(), Refusal> {
        let event = message.pointer("/events/0").ok_or_else(|| Refusal::missing("message.events"))?;
        match (event["eventType"].as_str(), event.pointer("/presence/type").and_then(Value::as_str)) {
            // Typing is for the other side alone.
            (Some("Typing"), _) => Ok(()),
            (Some("Presence"), Some("Join")) => self.join(turn, token, message),
            (Some("Presence"), Some("Clear")) => self.clear(turn, token, message),
            (Some("Presence"), Some("Disconnect")) => {
                self.disconnect(turn.settings, token);
                Ok(())
            }
            _ => Err(Refusal::bad_request()),
        }
    }

    /// The conversation begins, and is welcomed the first time.
    fn join(&mut self, turn: &Turn<'_>, token: &str, message: &Value) -> Result<(), Refusal> {
        let session = self.sessions.get_mut(token).ok_or_else(Refusal::bad_request)?;
        let first = !std::mem::replace(&mut session.auto_started, true);
        self.echo_inbound(turn, token, presence("Join", "Inbound"), message)?;
        if let Some(welcome) = turn.settings.welcome.as_ref().filter(|_| first) {
            self.say_outbound(turn.settings, token, welcome, Some(turn));
        }
        Ok(())
    }

    /// The conversation is forgotten, and every connection of it closed.
    fn clear(&mut self, turn: &Turn<'_>, token: &str, message: &Value) -> Result<(), Refusal> {
        let deployment = self.sessions.get(token).map(|session| session.deployment).ok_or_else(Refusal::bad_request)?;
        let clears = self.deployments.find(&deployment.to_string()).is_some_and(|deployment| deployment.clear);
        if !clears {
            return Err(Refusal::text(403, "Presence events Conversation Clear are not supported"));
        }
        self.echo_inbound(turn, token, presence("Clear", "Inbound"), message)?;
        let Some(session) = self.sessions.remove(token) else { return Ok(()) };
        for socket in &session.sockets {
            self.send(*socket, &Envelope::push("SessionClearedEvent", json!({})), None);
        }
        self.dismiss(&session.sockets, &Self::connection_closed(None, turn.settings), turn.settings);
        Ok(())
    }

    /// Shows a guest's own message to all of the guest's connections: with the tracing id on the one it came from.
    fn echo_inbound(&mut self, turn: &Turn<'_>, token: &str, mut body: Value, message: &Value) -> Result<(), Refusal> {
        let session = self.sessions.get_mut(token).ok_or_else(Refusal::bad_request)?;
        body["channel"]["messageId"] = Uuid::new_v4().to_string().into();
        body["channel"]["from"] = json!({});
        let mut metadata = message["metadata"].as_object().cloned().unwrap_or_default();
        metadata.insert("correlationId".into(), Uuid::new_v4().to_string().into());
        if session.subject.is_some() {
            metadata.insert("authenticated".into(), "true".into());
        }
        body["metadata"] = Value::Object(metadata);
        session.touch(turn.settings, turn.now);
        session.keep(body.clone());
        let sockets = session.sockets.clone();
        let push = Envelope::push("StructuredMessage", body);
        for socket in sockets {
            if socket == turn.socket {
                self.send(socket, &push.clone().traced(turn.frame), Some(turn.frame));
            } else {
                self.send(socket, &push, None);
            }
        }
        Ok(())
    }

    /// Says something to a guest.
    pub(super) fn say_outbound(
        &mut self,
        settings: &MessagingSettings,
        token: &str,
        text: &str,
        turn: Option<&Turn<'_>>,
    ) {
        let mut body = structured("Text", "Outbound");
        body["text"] = text.into();
        body["channel"]["type"] = "Private".into();
        body["originatingEntity"] = if turn.is_some() { "Bot" } else { "Human" }.into();
        body["metadata"] = json!({ "correlationId": Uuid::new_v4() });
        if let Some(session) = self.sessions.get_mut(token) {
            session.touch(settings, turn.map_or_else(clock::now, |turn| turn.now));
        }
        self.push_to_all(token, body);
    }

    /// The other side ends the conversation; what that means is the deployment's to say.
    pub(super) fn disconnect(&mut self, settings: &MessagingSettings, token: &str) {
        let Some(session) = self.sessions.get_mut(token) else { return };
        let deployment = self.deployments.find(&session.deployment.to_string());
        session.read_only = deployment.is_some_and(|deployment| deployment.disconnect == Disconnect::ReadOnly);
        session.touch(settings, clock::now());
        let mut body = presence("Disconnect", "Outbound");
        body["metadata"] = if session.read_only { json!({ "readOnly": "true" }) } else { json!({}) };
        self.push_to_all(token, body);
    }

    fn push_to_all(&mut self, token: &str, body: Value) {
        let Some(session) = self.sessions.get_mut(token) else { return };
        session.keep(body.clone());
        let sockets = session.sockets.clone();
        let push = Envelope::push("StructuredMessage", body);
        for socket in sockets {
            self.send(socket, &push, None);
        }
    }
}

/// Custom attributes are texts by name, of a few bytes.
fn check_attributes(attributes: &Value, settings: &MessagingSettings) -> Result<(), Refusal> {
    let members = attributes.as_object().filter(|members| members.values().all(Value::is_string));
    let members = members.ok_or_else(Refusal::bad_request)?;
    let most = settings.max_custom_data_bytes;
    if bytes_of(members, settings.attribute_count) <= most {
        return Ok(());
    }
    let message = format!("Custom Attributes in channel metadata is larger than {most} bytes");
    Err(Refusal::text(4013, message))
}

fn bytes_of(members: &Map<String, Value>, count: AttributeCount) -> usize {
    match count {
        AttributeCount::KeysAndValues => {
            members.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum()
        }
        AttributeCount::Json => serde_json::to_string(members).map_or(0, |text| text.len()),
    }
}
