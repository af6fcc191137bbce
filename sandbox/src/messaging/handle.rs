//! Web messaging in the hands of a test: what it sets, does and sees.

use serde_json::Value;

use super::frames::Envelope;
use super::outgoing::Outgoing;
use super::{
    Closing, CodeGrant, Deployment, FrameEntry, FrameFault, IdTokenGrant, Messaging, MessagingSettings, SessionInfo,
    SignIn, SocketInfo,
};
use crate::rules::Scripted as _;
use crate::{FaultInfo, Sandbox, clock};

impl Sandbox {
    /// The socket: `ws://127.0.0.1:PORT/v1`, or `wss://…`.
    #[must_use]
    pub fn messaging_url(&self) -> String {
        self.shared.messaging_url()
    }

    /// Adds a deployment, or changes it. From the first one on, the others do not exist.
    pub fn deployment(&self, deployment: Deployment) {
        self.shared.lock().messaging.deployments.set(deployment);
    }

    /// A guest signs in at the customer's provider with a code flow; what the exchange needs.
    #[must_use]
    pub fn sign_in(&self, sign_in: SignIn) -> CodeGrant {
        let mut state = self.shared.lock();
        let state = &mut *state;
        state.messaging.grants.code(&state.settings.messaging, sign_in)
    }

    /// A guest signs in at the customer's provider with an implicit flow; what the exchange needs.
    #[must_use]
    pub fn sign_in_implicitly(&self, sign_in: SignIn) -> IdTokenGrant {
        let mut state = self.shared.lock();
        let state = &mut *state;
        state.messaging.grants.id_token(&state.settings.messaging, sign_in)
    }

    /// Lets the time of guests' JWTs be over: those of a subject, or all.
    pub fn expire_jwts(&self, subject: Option<&str>) {
        self.shared.lock().messaging.credentials.expire_jwts(subject, clock::now());
    }

    /// Lets the time of refresh tokens be over: those of a subject, or all.
    pub fn expire_refresh_tokens(&self, subject: Option<&str>) {
        self.shared.lock().messaging.credentials.expire_refresh_tokens(subject, clock::now());
    }

    /// Sets the external contact of an e-mail or another identifier; null for none.
    pub fn set_contact(&self, identifier: &str, contact: Value) {
        self.shared.lock().messaging.contacts.set(identifier, contact);
    }

    /// Every frame of every socket since the record was last cleared, oldest first.
    #[must_use]
    pub fn frames(&self) -> Vec<FrameEntry> {
        self.shared.lock().messaging.frames.frames(0, None).cloned().collect()
    }

    /// The frames of one socket.
    #[must_use]
    pub fn frames_of(&self, socket: u64) -> Vec<FrameEntry> {
        self.shared.lock().messaging.frames.frames(0, Some(socket)).cloned().collect()
    }

    /// Empties the record of frames.
    pub fn clear_frames(&self) {
        self.shared.lock().messaging.frames.clear();
    }

    /// Adds a fault of frames. The oldest fault that fits a frame hits it.
    ///
    /// # Panics
    ///
    /// When the fault makes no sense: a close code that cannot be sent.
    pub fn frame_fault(&self, fault: FrameFault) {
        if let Err(invalid) = fault.check() {
            panic!("{invalid}");
        }
        self.shared.lock().messaging.faults.add(fault);
    }

    /// The faults of frames in force and what they have done.
    #[must_use]
    pub fn frame_faults(&self) -> Vec<FaultInfo<FrameFault>> {
        self.shared.lock().messaging.faults.list()
    }

    /// Takes all faults of frames away.
    pub fn clear_frame_faults(&self) {
        self.shared.lock().messaging.faults.clear(None);
    }

    /// The open sockets, oldest first.
    #[must_use]
    pub fn sockets(&self) -> Vec<SocketInfo> {
        self.shared.lock().messaging.socket_infos()
    }

    /// Closes open sockets: one, or all.
    pub fn close_sockets(&self, socket: Option<u64>, closing: &Closing) {
        self.shared.lock().messaging.close_sockets(socket, closing);
    }

    /// The sessions, oldest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.shared.lock().messaging.session_infos(usize::MAX)
    }

    /// Lets the time of sessions be over: of one, or of all.
    pub fn expire_sessions(&self, token: Option<&str>) {
        self.shared.lock().messaging.expire_sessions(token);
    }

    /// Somebody on the other side says something in one session, or in all.
    pub fn say(&self, token: Option<&str>, text: &str) {
        let mut state = self.shared.lock();
        let state = &mut *state;
        state.messaging.say(&state.settings.messaging, token, text);
    }

    /// The other side ends one conversation, or all.
    pub fn disconnect(&self, token: Option<&str>) {
        let mut state = self.shared.lock();
        let state = &mut *state;
        state.messaging.disconnect_all(&state.settings.messaging, token);
    }
}

impl Messaging {
    pub(crate) fn session_infos(&self, limit: usize) -> Vec<SessionInfo> {
        self.sessions.list(clock::now(), limit)
    }

    /// The sessions that are meant: one, or all.
    fn meant(&self, token: Option<&str>) -> Vec<String> {
        match token {
            Some(token) => self.sessions.get(token).map(|_| token.to_owned()).into_iter().collect(),
            None => self.sessions.tokens(),
        }
    }

    pub(crate) fn close_sockets(&self, socket: Option<u64>, closing: &Closing) -> usize {
        let meant = self.sockets.keys().filter(|number| socket.is_none_or(|socket| socket == **number));
        meant.map(|number| self.put(*number, Outgoing::Close(closing.clone()))).count()
    }

    /// Ends sessions now; their sockets hear of it at once.
    pub(crate) fn expire_sessions(&mut self, token: Option<&str>) -> usize {
        let now = clock::now();
        let meant = self.meant(token);
        for token in &meant {
            let Some(session) = self.sessions.get_mut(token) else { continue };
            session.expires = now;
            session.expires_s = clock::wall_ms() / 1000;
            let sockets = session.sockets.clone();
            for socket in sockets {
                self.tick(socket, now);
            }
        }
        meant.len()
    }

    pub(crate) fn say(&mut self, settings: &MessagingSettings, token: Option<&str>, text: &str) -> usize {
        let meant = self.meant(token);
        for token in &meant {
            self.say_outbound(settings, token, text, None);
        }
        meant.len()
    }

    pub(crate) fn disconnect_all(&mut self, settings: &MessagingSettings, token: Option<&str>) -> usize {
        let meant = self.meant(token);
        for token in &meant {
            self.disconnect(settings, token);
        }
        meant.len()
    }

    /// A subject is logged out everywhere.
    pub(super) fn log_out(&mut self, settings: &MessagingSettings, subject: &str) {
        let Some(token) = self.sessions.token_of(subject).map(String::from) else { return };
        let Some(session) = self.sessions.remove(&token) else { return };
        self.dismiss(&session.sockets, &Envelope::push("LogoutEvent", serde_json::json!({})), settings);
    }
}
