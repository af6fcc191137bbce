//! Calls about web messaging.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::state::{Which, apply};
use super::{Call, Refusal, written};
use crate::answer::Answer;
use crate::clock;
use crate::messaging::{Closing, Deployment, FrameEntry, FrameFault, SessionInfo, SignIn, SocketInfo};
use crate::rules::Scripted as _;

/// What `GET messaging` answers.
#[derive(Serialize)]
struct Known<'a> {
    deployments: Vec<Deployment>,
    sessions: Vec<SessionInfo>,
    sockets: Vec<SocketInfo>,
    contacts: &'a BTreeMap<String, Value>,
}

/// What `POST messaging` may ask for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    #[serde(default)]
    deployments: Vec<Deployment>,
    #[serde(default)]
    contacts: BTreeMap<String, Value>,
    expire_sessions: Option<Which>,
    expire_jwts: Option<Which>,
    expire_refresh_tokens: Option<Which>,
    disconnect: Option<Which>,
    say: Option<Say>,
    close_sockets: Option<CloseSockets>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Say {
    token: Option<String>,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseSockets {
    socket: Option<u64>,
    code: Option<u16>,
    #[serde(default)]
    reason: String,
}

/// A sign-in at the customer's provider.
#[derive(Deserialize)]
struct SignInCall {
    #[serde(default)]
    implicit: bool,
    #[serde(flatten)]
    sign_in: Value,
}

impl Call<'_> {
    /// `GET messaging`
    pub(super) fn messaging(&self) -> Result<Answer, Refusal> {
        let limit = self.parameter("limit")?.unwrap_or(usize::MAX);
        let messaging = &self.shared.lock().messaging;
        Ok(written(&Known {
            deployments: messaging.deployments.list(),
            sessions: messaging.session_infos(limit),
            sockets: messaging.socket_infos(),
            contacts: messaging.contacts.all(),
        }))
    }

    /// `POST messaging`
    pub(super) fn change_messaging(&self) -> Result<Answer, Refusal> {
        let change: Change = serde_json::from_slice(self.body)?;
        let closing = change.close_sockets.map(|close| {
            let CloseSockets { socket, code, reason } = close;
            (socket, Closing { code, reason })
        });
        if let Some((_, closing)) = &closing {
            FrameFault { close: Some(closing.clone()), ..FrameFault::default() }.check()?;
        }
        let mut state = self.shared.lock();
        let state = &mut *state;
        let (messaging, settings) = (&mut state.messaging, &state.settings.messaging);
        change.deployments.into_iter().for_each(|deployment| messaging.deployments.set(deployment));
        change.contacts.into_iter().for_each(|(identifier, contact)| messaging.contacts.set(&identifier, contact));
        let now = clock::now();
        let jwts = apply(change.expire_jwts, |subject| messaging.credentials.expire_jwts(subject, now));
        let refresh_tokens =
            apply(change.expire_refresh_tokens, |subject| messaging.credentials.expire_refresh_tokens(subject, now));
        let said = change.say.map_or(0, |say| messaging.say(settings, say.token.as_deref(), &say.text));
        let disconnected = apply(change.disconnect, |token| messaging.disconnect_all(settings, token));
        let sessions = apply(change.expire_sessions, |token| messaging.expire_sessions(token));
        let closed = closing.map_or(0, |(socket, closing)| messaging.close_sockets(socket, &closing));
        Ok(written(&json!({
            "sessionsExpired": sessions,
            "jwtsExpired": jwts,
            "refreshTokensExpired": refresh_tokens,
            "disconnected": disconnected,
            "said": said,
            "socketsClosed": closed,
        })))
    }

    /// `POST messaging/sign-in`
    pub(super) fn sign_in(&self) -> Result<Answer, Refusal> {
        let SignInCall { implicit, sign_in } = serde_json::from_slice(self.body)?;
        let sign_in: SignIn = serde_json::from_value(sign_in)?;
        let mut state = self.shared.lock();
        let state = &mut *state;
        let (grants, settings) = (&mut state.messaging.grants, &state.settings.messaging);
        Ok(if implicit {
            written(&grants.id_token(settings, sign_in))
        } else {
            written(&grants.code(settings, sign_in))
        })
    }

    /// `GET messaging/frames`
    pub(super) fn frames(&self) -> Result<Answer, Refusal> {
        let since = self.parameter("since")?.unwrap_or(0);
        let socket = self.parameter("socket")?;
        let limit = self.parameter("limit")?.unwrap_or(usize::MAX);
        let state = self.shared.lock();
        let entries: Vec<&FrameEntry> = state.messaging.frames.frames(since, socket).collect();
        Ok(written(&&entries[entries.len().saturating_sub(limit)..]))
    }
}
