//! One frame of a client: what it asks for, and whether it may.

use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Messaging;
use super::credentials::Holder;
use super::frames::{Envelope, Incoming, Refusal};
use super::limits::MINUTE;
use super::record::{FrameKind, Seen, Sender};
use super::sessions::Session;
use super::settings::MessagingSettings;

/// One frame of a client, and what there is to know about it.
pub(super) struct Turn<'a> {
    pub(super) settings: &'a MessagingSettings,
    pub(super) socket: u64,
    pub(super) frame: &'a Incoming,
    pub(super) now: Instant,
}

impl Turn<'_> {
    pub(super) fn response(&self, class: &str, body: Value) -> Envelope {
        Envelope::response(class, body, self.frame)
    }
}

impl Messaging {
    /// Processes a text of a client.
    pub(super) fn receive(&mut self, settings: &MessagingSettings, socket: u64, text: &str, now: Instant) {
        self.frames.keep(socket, self.started, &Seen::new(Sender::Client, FrameKind::Text, text));
        let frame = Incoming::read(text);
        let action = frame.as_ref().and_then(|frame| frame.text("action"));
        if let Some(fault) = self.faults.meet(action, text) {
            self.send_instead(socket, &fault, frame.as_ref());
            return;
        }
        let Some(frame) = frame else {
            return self.send(socket, &Envelope::refusal(Refusal::bad_request(), None), None);
        };
        let turn = Turn { settings, socket, frame: &frame, now };
        if let Err(refusal) = self.process(&turn) {
            self.send(socket, &Envelope::refusal(refusal, Some(&frame)), Some(&frame));
        }
    }

    fn process(&mut self, turn: &Turn<'_>) -> Result<(), Refusal> {
        let action = turn.frame.text("action").ok_or_else(Refusal::bad_request)?;
        let limit = turn.settings.limits.requests_per_minute;
        let socket = self.sockets.get_mut(&turn.socket).ok_or_else(Refusal::bad_request)?;
        let within = socket.requests.take(limit, MINUTE, turn.now);
        within.map_err(|wait| Refusal::too_many_requests(wait, "Request rate too high for this connection"))?;
        match action {
            "configureSession" => self.configure(turn, None),
            "configureAuthenticatedSession" => {
                let jwt = turn.frame.member("data").and_then(|data| data["code"].as_str());
                self.configure(turn, Some(jwt.ok_or_else(|| Refusal::missing("data.code"))?))
            }
            _ => self.process_configured(turn, action),
        }
    }

    /// What needs a session on this connection.
    fn process_configured(&mut self, turn: &Turn<'_>, action: &str) -> Result<(), Refusal> {
        let token = self.configured_token(turn, action)?;
        let session = self.sessions.get(&token).ok_or_else(Refusal::bad_request)?;
        if session.is_over(turn.now) {
            self.send(turn.socket, &turn.response("SessionExpiredEvent", json!({})), Some(turn.frame));
            return Ok(());
        }
        match action {
            "onMessage" => self.message(turn, &token),
            "echo" => self.echo(turn, &token),
            "getJwt" => self.history_jwt(turn, &token),
            "getConfiguration" => {
                self.configuration(turn);
                Ok(())
            }
            "closeSession" => self.close_session(turn, &token),
            "disconnectCustomer" => {
                self.disconnect(turn.settings, &token);
                Ok(())
            }
            "onAttachment" | "getAttachment" | "deleteAttachment" | "resumeToken" => {
                Err(Refusal::error(4000, "The feature is not available"))
            }
            _ => Err(Refusal::bad_request()),
        }
    }

    /// The token of the session on this connection, which the frame must name. An echo may leave it out, as there are
    /// clients that do.
    fn configured_token(&self, turn: &Turn<'_>, action: &str) -> Result<String, Refusal> {
        let configured = self.sockets.get(&turn.socket).and_then(|socket| socket.token.clone());
        let configured = configured.ok_or_else(Refusal::bad_request)?;
        match turn.frame.text("token") {
            Some(token) if token == configured => Ok(configured),
            None if action == "echo" => Ok(configured),
            None => Err(Refusal::missing("token")),
            Some(_) => Err(Refusal::text(4007, "Session not found")),
        }
    }

    fn echo(&mut self, turn: &Turn<'_>, token: &str) -> Result<(), Refusal> {
        let limit = turn.settings.limits.echoes_per_minute;
        let socket = self.sockets.get_mut(&turn.socket).ok_or_else(Refusal::bad_request)?;
        let within = socket.echoes.take(limit, MINUTE, turn.now);
        within.map_err(|wait| Refusal::too_many_requests(wait, "Health check rate too high for this connection"))?;
        let session = self.sessions.get(token).ok_or_else(Refusal::bad_request)?;
        let text = turn.frame.member("message").and_then(|message| message["text"].as_str()).unwrap_or("ping");
        let body = json!({
            "text": text,
            "type": "Text",
            "direction": "Inbound",
            "id": Uuid::new_v4().simple().to_string(),
            "metadata": {
                "durationSeconds": (turn.settings.session_seconds as i64).to_string(),
                "expirationDate": session.expires_s.to_string(),
            },
        });
        self.send(turn.socket, &turn.response("StructuredMessage", body), Some(turn.frame));
        Ok(())
    }

    fn history_jwt(&mut self, turn: &Turn<'_>, token: &str) -> Result<(), Refusal> {
        let deployment = self.sessions.get(token).map(|session| session.deployment).ok_or_else(Refusal::bad_request)?;
        let holder = Holder::Session(token.into());
        let seconds = turn.settings.history_jwt_seconds;
        let jwt = self.credentials.issue(turn.settings, holder, deployment, seconds, turn.now);
        let body = json!({ "jwt": jwt.text, "exp": jwt.expires_s });
        self.send(turn.socket, &turn.response("JwtResponse", body), Some(turn.frame));
        Ok(())
    }

    fn configuration(&mut self, turn: &Turn<'_>) {
        let body = json!({
            "allowedMedia": allowed_media(),
            "blockedExtensions": [".exe"],
            "maxCustomDataBytes": turn.settings.max_custom_data_bytes,
            "messageRoutingEnabled": true,
            "sessionDurationSeconds": turn.settings.session_seconds as i64,
        });
        self.send(turn.socket, &turn.response("GetConfigurationResponse", body), Some(turn.frame));
    }

    /// The session takes no more messages until it is configured with `startNew`.
    fn close_session(&mut self, turn: &Turn<'_>, token: &str) -> Result<(), Refusal> {
        let session = self.sessions.get_mut(token).ok_or_else(Refusal::bad_request)?;
        session.read_only = true;
        let others: Vec<_> = session.sockets.iter().copied().filter(|socket| *socket != turn.socket).collect();
        let body = SessionState { connected: false, new: false, cleared: false }.body(turn.settings, session);
        self.send(turn.socket, &turn.response("SessionResponse", body), Some(turn.frame));
        if turn.frame.flag("closeAllConnections") {
            self.dismiss(&others, &Self::connection_closed(None, turn.settings), turn.settings);
        }
        Ok(())
    }
}

/// What a `SessionResponse` says beside the session itself.
pub(super) struct SessionState {
    pub(super) connected: bool,
    pub(super) new: bool,
    pub(super) cleared: bool,
}

impl SessionState {
    pub(super) fn body(&self, settings: &MessagingSettings, session: &Session) -> Value {
        json!({
            "connected": self.connected,
            "newSession": self.new,
            "readOnly": session.read_only,
            "clearedExistingSession": self.cleared,
            "autoStarted": session.auto_started,
            "maxCustomDataBytes": settings.max_custom_data_bytes,
            "allowedMedia": allowed_media(),
            "blockedExtensions": [".exe"],
            "durationSeconds": settings.session_seconds as i64,
            "expirationDate": session.expires_s,
        })
    }
}

fn allowed_media() -> Value {
    json!({ "inbound": { "fileTypes": [{ "type": "*/*" }], "maxFileSizeKB": 10240 } })
}
