//! `configureSession` and `configureAuthenticatedSession`: begin, resume, sign in, step up.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::Messaging;
use super::conversation::structured;
use super::credentials::Holder;
use super::deployments::Deployment;
use super::frames::{Envelope, Refusal};
use super::grants::Subject;
use super::limits::MINUTE;
use super::sessions::Session;
use super::settings::RateShape;
use super::turn::{SessionState, Turn};

impl Messaging {
    /// Configures a session on a connection: anonymously, or with a guest's JWT.
    pub(super) fn configure(&mut self, turn: &Turn<'_>, jwt: Option<&str>) -> Result<(), Refusal> {
        let token = turn.frame.text("token").ok_or_else(|| Refusal::missing("token"))?;
        if turn.settings.uuid_tokens && Uuid::try_parse(token).is_err() {
            return Err(Refusal::bad_request());
        }
        let deployment = self.named_deployment(turn)?;
        if self.sessions.get(token).is_some_and(|session| session.deployment != deployment.id) {
            return Err((&turn.settings.foreign_token).into());
        }
        self.take_configure(turn, token)?;
        match jwt {
            None => self.configure_anonymous(turn, token, &deployment),
            Some(jwt) => {
                let subject = self.subject_of(jwt, turn, &deployment)?;
                self.configure_authenticated(turn, token, &deployment, &subject)
            }
        }
    }

    /// The deployment of the frame, which must be that of the handshake.
    fn named_deployment(&self, turn: &Turn<'_>) -> Result<Deployment, Refusal> {
        let id = turn.frame.text("deploymentId").ok_or_else(|| Refusal::missing("deploymentId"))?;
        let deployment = self.deployments.find(id).ok_or_else(|| Refusal::text(400, "Deployment not found"))?;
        let socket = self.sockets.get(&turn.socket).ok_or_else(Refusal::bad_request)?;
        if deployment.id == socket.opening.deployment { Ok(deployment) } else { Err(Refusal::bad_request()) }
    }

    fn take_configure(&mut self, turn: &Turn<'_>, token: &str) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(token) else { return Ok(()) };
        let within = session.configured.take(turn.settings.limits.configures_per_minute, MINUTE, turn.now);
        let message = "Configure rate too high for this session";
        within.map_err(|wait| match turn.settings.configure_rate {
            RateShape::TooManyRequests => Refusal::too_many_requests(wait, message),
            RateShape::Error => Refusal::error(4029, message),
            RateShape::Text => Refusal::text(429, message),
        })
    }

    fn configure_anonymous(&mut self, turn: &Turn<'_>, token: &str, deployment: &Deployment) -> Result<(), Refusal> {
        if !deployment.takes_anonymous() {
            return Err((&turn.settings.anonymous).into());
        }
        if self.sessions.get(token).is_some_and(|session| session.subject.is_some() && !session.is_over(turn.now)) {
            return Err(Refusal::text(4017, "An authenticated session cannot become anonymous"));
        }
        let new = self.begin_or_resume(turn, token, deployment.id);
        self.attach(turn, token, &SessionState { connected: true, new, cleared: false })
    }

    fn configure_authenticated(
        &mut self,
        turn: &Turn<'_>,
        token: &str,
        deployment: &Deployment,
        subject: &Arc<Subject>,
    ) -> Result<(), Refusal> {
        if self.sessions.get(token).is_some_and(|session| {
            session.subject.is_some() && !session.is_of(&subject.id) && !session.is_over(turn.now)
        }) {
            return Err(Refusal::unauthorized());
        }
        // The step up is bound to the connection: the token may be the one of its session, or a new one.
        let anonymous = |messaging: &Self, token: &str| {
            messaging.sessions.get(token).is_some_and(|session| session.subject.is_none() && !session.is_over(turn.now))
        };
        let configured = self.sockets.get(&turn.socket).and_then(|socket| socket.token.clone());
        let from = [configured, Some(token.to_owned())].into_iter().flatten().find(|token| anonymous(self, token));
        let stepping_up = from.filter(|_| !turn.frame.flag("startNew"));
        let cleared = self.replace_session_of(&subject.id, token, turn);
        let new = match &stepping_up {
            None => self.begin_or_resume(turn, token, deployment.id),
            Some(from) => {
                if from != token {
                    self.rename(from, token);
                }
                false
            }
        };
        if let Some(mut session) = self.sessions.remove(token) {
            session.subject = Some(subject.clone());
            self.sessions.put(token, session);
        }
        if stepping_up.is_some() {
            self.tell_sign_in(turn, token, subject);
        }
        self.attach(turn, token, &SessionState { connected: true, new, cleared })
    }

    /// The subject of a guest's JWT of this deployment.
    fn subject_of(&self, jwt: &str, turn: &Turn<'_>, deployment: &Deployment) -> Result<Arc<Subject>, Refusal> {
        if !deployment.auth {
            return Err(Refusal::text(403, "Turn on the Feature Toggle or fix the configuration."));
        }
        match self.credentials.jwt(jwt, turn.now) {
            Ok(jwt) if jwt.deployment == deployment.id => match &jwt.holder {
                Holder::Subject(subject) => Ok(subject.clone()),
                Holder::Session(_) => Err(Refusal::unauthorized()),
            },
            _ => Err(Refusal::unauthorized()),
        }
    }

    /// Makes a session where there is none to resume; whether it did.
    fn begin_or_resume(&mut self, turn: &Turn<'_>, token: &str, deployment: Uuid) -> bool {
        let known = self.sessions.get(token);
        let lives = known.is_some_and(|session| session.read_only || !session.is_over(turn.now));
        if lives && !turn.frame.flag("startNew") {
            return false;
        }
        let before = self.sessions.remove(token);
        let mut session = Session::new(turn.settings, deployment, turn.now);
        if let Some(before) = before {
            // Its connections go on with the new one, and its rates with them.
            (session.sockets, session.configured, session.sent) = (before.sockets, before.configured, before.sent);
        }
        self.sessions.put(token, session);
        true
    }

    /// Ends a subject's session under another token, and tells its connections; whether there was one.
    fn replace_session_of(&mut self, subject: &str, token: &str, turn: &Turn<'_>) -> bool {
        let Some(other) = self.sessions.token_of(subject).filter(|other| *other != token).map(String::from) else {
            return false;
        };
        let Some(session) = self.sessions.remove(&other) else { return false };
        let devices: Vec<_> = session.sockets.iter().copied().filter(|socket| *socket != turn.socket).collect();
        self.dismiss(&devices, &Self::connection_closed(Some("signedIn"), turn.settings), turn.settings);
        !session.is_over(turn.now)
    }

    /// Goes on with a session under a new token.
    fn rename(&mut self, from: &str, to: &str) {
        let Some(session) = self.sessions.remove(from) else { return };
        for socket in &session.sockets {
            if let Some(socket) = self.sockets.get_mut(socket) {
                socket.token = Some(to.into());
            }
        }
        self.sessions.put(to, session);
    }

    fn tell_sign_in(&mut self, turn: &Turn<'_>, token: &str, subject: &Subject) {
        let events = json!([{ "eventType": "Presence", "presence": { "type": "SignIn" } }]);
        let mut body = structured("Event", "Inbound");
        body["events"] = events;
        body["channel"]["from"] = json!({});
        for (name, value) in [("firstName", &subject.first_name), ("lastName", &subject.last_name)] {
            if let Some(value) = value {
                body["channel"]["from"][name] = value.as_str().into();
            }
        }
        if let Some(session) = self.sessions.get_mut(token) {
            session.keep(body.clone());
        }
        self.send(turn.socket, &Envelope::push("StructuredMessage", body), Some(turn.frame));
    }

    /// Puts the connection into the session, and answers. One connection too many closes the oldest.
    fn attach(&mut self, turn: &Turn<'_>, token: &str, state: &SessionState) -> Result<(), Refusal> {
        if self.sockets.get(&turn.socket).is_some_and(|socket| socket.token.as_deref() != Some(token)) {
            self.detach(turn.socket);
        }
        let socket = self.sockets.get_mut(&turn.socket).ok_or_else(Refusal::bad_request)?;
        socket.token = Some(token.into());
        socket.told_expiry = false;
        let session = self.sessions.get_mut(token).ok_or_else(Refusal::bad_request)?;
        if !session.sockets.contains(&turn.socket) {
            session.sockets.push(turn.socket);
        }
        let most = turn.settings.limits.connections.map_or(usize::MAX, |most| most as usize);
        let surplus = session.sockets[..session.sockets.len().saturating_sub(most)].to_vec();
        let body = state.body(turn.settings, session);
        self.send(turn.socket, &turn.response("SessionResponse", body), Some(turn.frame));
        self.dismiss(&surplus, &Self::connection_closed(None, turn.settings), turn.settings);
        Ok(())
    }
}
