//! What is sent on sockets: the truth, what a fault has instead, the end.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;

use super::Messaging;
use super::faults::{Closing, FrameFault};
use super::frames::{Envelope, Incoming, Refusal};
use super::outgoing::Outgoing;
use super::settings::MessagingSettings;
use super::sockets::{Opening, Socket, SocketInfo};

/// No frame of the sandbox is longer: there are clients that cannot read one that comes in parts.
const MAX_FRAME: usize = 16 * 1024 - 1;

impl Messaging {
    /// Takes a socket in; its number.
    pub(crate) fn open(&mut self, opening: Opening, outgoing: UnboundedSender<Outgoing>) -> u64 {
        self.last_socket += 1;
        self.sockets.insert(self.last_socket, Socket::new(opening, outgoing));
        self.last_socket
    }

    /// Forgets a socket whose connection has ended.
    pub(crate) fn closed(&mut self, number: u64) {
        self.detach(number);
        self.sockets.remove(&number);
    }

    /// Takes a socket out of its session.
    pub(super) fn detach(&mut self, number: u64) {
        let token = self.sockets.get_mut(&number).and_then(|socket| socket.token.take());
        if let Some(session) = token.and_then(|token| self.sessions.get_mut(&token)) {
            session.sockets.retain(|other| *other != number);
        }
    }

    /// The open sockets, oldest first.
    pub(crate) fn socket_infos(&self) -> Vec<SocketInfo> {
        self.sockets.iter().map(|(number, socket)| socket.info(*number)).collect()
    }

    /// Sends a frame, unless a fault has other plans. The cause is the client's frame that it comes from.
    pub(super) fn send(&mut self, to: u64, envelope: &Envelope, cause: Option<&Incoming>) {
        let mut text = envelope.text();
        if text.len() > MAX_FRAME {
            text = Envelope::refusal(Refusal::text(400, "The message is too large"), cause).text();
        }
        let action = cause.and_then(|cause| cause.text("action"));
        match self.faults.hit(action, &envelope.class, &text) {
            None => self.put(to, Outgoing::Text { text, delay: Duration::ZERO, reorder: false }),
            Some(fault) => self.send_faulty(to, text, &fault, cause),
        }
    }

    fn send_faulty(&self, to: u64, text: String, fault: &FrameFault, cause: Option<&Incoming>) {
        if fault.drop || self.send_instead(to, fault, cause) {
            return;
        }
        let delay = Duration::from_millis(fault.delay_ms);
        for _ in 0..fault.duplicate {
            self.put(to, Outgoing::Text { text: text.clone(), delay, reorder: false });
        }
        self.put(to, Outgoing::Text { text, delay, reorder: fault.reorder });
    }

    /// Sends what a fault has instead of the truth; whether it has anything.
    pub(super) fn send_instead(&self, to: u64, fault: &FrameFault, cause: Option<&Incoming>) -> bool {
        let delay = Duration::from_millis(fault.delay_ms);
        let error = fault.error.as_ref().map(|error| error.envelope(cause).text());
        let error = error.map(|text| Outgoing::Text { text, delay, reorder: false });
        let raw = (!fault.frames.is_empty()).then(|| Outgoing::Raw(fault.frames.clone()));
        let close = fault.close.clone().map(Outgoing::Close);
        let cut = fault.cut.map(Outgoing::Cut);
        let things: Vec<_> = [error, raw, close, cut].into_iter().flatten().collect();
        let any = !things.is_empty();
        for thing in things {
            self.put(to, thing);
        }
        any
    }

    /// Puts something into a socket's queue. One that is about to end takes no more.
    pub(super) fn put(&self, to: u64, outgoing: Outgoing) {
        if let Some(socket) = self.sockets.get(&to) {
            let _ = socket.outgoing.send(outgoing);
        }
    }

    /// Tells sockets that their connection is over, and closes them.
    pub(super) fn dismiss(&mut self, sockets: &[u64], envelope: &Envelope, settings: &MessagingSettings) {
        for number in sockets {
            self.detach(*number);
            self.send(*number, envelope, None);
            if let Some(code) = settings.close_code {
                self.put(*number, Outgoing::Close(Closing { code: Some(code), reason: String::new() }));
            }
        }
    }

    /// The event for a connection that is closed for a reason, or for none.
    pub(super) fn connection_closed(reason: Option<&str>, settings: &MessagingSettings) -> Envelope {
        let body = reason.map_or_else(|| json!({}), |reason| json!({ settings.closed_member.name(): reason }));
        Envelope::push("ConnectionClosedEvent", body)
    }

    /// Closes every socket, as a server does that is stopped.
    pub(crate) fn close_all(&self) {
        for number in self.sockets.keys() {
            self.put(*number, Outgoing::Shutdown);
        }
    }

    /// When something of a socket's session is due: its expiry.
    pub(super) fn due(&self, number: u64) -> Option<Instant> {
        let socket = self.sockets.get(&number).filter(|socket| !socket.told_expiry)?;
        Some(self.sessions.get(socket.token.as_deref()?)?.expires)
    }

    /// Tells a socket that its session has expired, once.
    pub(super) fn tick(&mut self, number: u64, now: Instant) {
        if self.due(number).is_some_and(|due| due <= now) {
            if let Some(socket) = self.sockets.get_mut(&number) {
                socket.told_expiry = true;
            }
            self.send(number, &Envelope::push("SessionExpiredEvent", json!({})), None);
        }
    }
}
