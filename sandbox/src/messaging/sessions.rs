//! Sessions: who talks under which token.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::grants::Subject;
use super::limits::Window;
use super::opaque::seconds_of;
use super::settings::MessagingSettings;
use crate::clock;

/// Sessions remembered: far more than a test makes, and a few hundred megabytes at the most.
const MAX_SESSIONS: usize = 200_000;
/// Messages of a session's history.
const MAX_MESSAGES: usize = 1000;

/// A session: a conversation, or room for one.
pub(super) struct Session {
    /// Its place among all sessions.
    number: u64,
    pub(super) deployment: Uuid,
    pub(super) conversation: Option<Uuid>,
    pub(super) subject: Option<Arc<Subject>>,
    pub(super) created_ms: i64,
    pub(super) expires: Instant,
    pub(super) expires_s: i64,
    pub(super) read_only: bool,
    pub(super) auto_started: bool,
    /// The connections that it is configured on, oldest first.
    pub(super) sockets: Vec<u64>,
    /// Oldest first.
    pub(super) messages: VecDeque<Value>,
    pub(super) attributes: Option<Value>,
    pub(super) sent: Window,
    pub(super) configured: Window,
    pub(super) history: Window,
}

/// A session, as [`crate::Sandbox::sessions`] shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionInfo {
    /// The guest's token.
    pub token: String,
    /// The deployment.
    pub deployment_id: Uuid,
    /// The conversation, once there is one.
    pub conversation_id: Option<Uuid>,
    /// Who has signed in.
    pub subject: Option<String>,
    /// When it was made, as ISO 8601.
    pub created_date: String,
    /// Milliseconds until it expires; 0 afterwards.
    pub expires_in_ms: u64,
    /// Whether it takes no more messages.
    pub read_only: bool,
    /// Whether a Join has started the conversation.
    pub auto_started: bool,
    /// The sockets that it is configured on, oldest first.
    pub sockets: Vec<u64>,
    /// The custom attributes last sent.
    pub custom_attributes: Option<Value>,
    /// Its messages and events, oldest first.
    pub messages: Vec<Value>,
}

impl Session {
    pub(super) fn new(settings: &MessagingSettings, deployment: Uuid, now: Instant) -> Self {
        let mut session = Self {
            number: 0,
            deployment,
            conversation: None,
            subject: None,
            created_ms: clock::wall_ms(),
            expires: now,
            expires_s: 0,
            read_only: false,
            auto_started: false,
            sockets: Vec::new(),
            messages: VecDeque::new(),
            attributes: None,
            sent: Window::default(),
            configured: Window::default(),
            history: Window::default(),
        };
        session.touch(settings, now);
        session
    }

    /// Lets its life begin anew, as each message does.
    pub(super) fn touch(&mut self, settings: &MessagingSettings, now: Instant) {
        self.expires = now + seconds_of(settings.session_seconds);
        self.expires_s = clock::wall_ms() / 1000 + settings.session_seconds as i64;
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.expires <= now
    }

    /// Keeps a message. The first one begins the conversation.
    pub(super) fn keep(&mut self, message: Value) {
        self.conversation.get_or_insert_with(Uuid::new_v4);
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }

    pub(super) fn is_of(&self, subject: &str) -> bool {
        self.subject.as_ref().is_some_and(|known| known.id == subject)
    }
}

/// The sessions, by token.
#[derive(Default)]
pub(super) struct Sessions {
    by_token: HashMap<String, Session>,
    /// Tokens from the oldest to the newest.
    order: BTreeMap<u64, String>,
    last_number: u64,
    /// The token of a subject's session: there is one at a time.
    by_subject: HashMap<String, String>,
}

impl Sessions {
    pub(super) fn get(&self, token: &str) -> Option<&Session> {
        self.by_token.get(token)
    }

    pub(super) fn get_mut(&mut self, token: &str) -> Option<&mut Session> {
        self.by_token.get_mut(token)
    }

    /// Puts a session in the place of the one with this token.
    pub(super) fn put(&mut self, token: &str, mut session: Session) {
        self.remove(token);
        if let Some(subject) = &session.subject {
            self.by_subject.insert(subject.id.clone(), token.into());
        }
        self.last_number += 1;
        session.number = self.last_number;
        self.order.insert(session.number, token.into());
        self.by_token.insert(token.into(), session);
        if self.by_token.len() > MAX_SESSIONS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.remove(&oldest);
        }
    }

    pub(super) fn remove(&mut self, token: &str) -> Option<Session> {
        let session = self.by_token.remove(token)?;
        self.order.remove(&session.number);
        if let Some(subject) = &session.subject
            && self.by_subject.get(&subject.id).is_some_and(|known| known == token)
        {
            self.by_subject.remove(&subject.id);
        }
        Some(session)
    }

    /// The token of a subject's session.
    pub(super) fn token_of(&self, subject: &str) -> Option<&str> {
        self.by_subject.get(subject).map(String::as_str)
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        self.order.values().cloned().collect()
    }

    /// The newest sessions, oldest first.
    pub(super) fn list(&self, now: Instant, limit: usize) -> Vec<SessionInfo> {
        let skipped = self.order.len().saturating_sub(limit);
        let newest = self.order.values().skip(skipped);
        newest.filter_map(|token| Some(self.by_token.get(token)?.info(token, now))).collect()
    }
}

impl Session {
    fn info(&self, token: &str, now: Instant) -> SessionInfo {
        SessionInfo {
            token: token.into(),
            deployment_id: self.deployment,
            conversation_id: self.conversation,
            subject: self.subject.as_ref().map(|subject| subject.id.clone()),
            created_date: clock::iso(self.created_ms),
            expires_in_ms: clock::ms_until(self.expires, now),
            read_only: self.read_only,
            auto_started: self.auto_started,
            sockets: self.sockets.clone(),
            custom_attributes: self.attributes.clone(),
            messages: self.messages.iter().cloned().collect(),
        }
    }
}
