//! The socket of a guest: opened for one call, asked for a session, and closed again.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use reqwest::Upgraded;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::frames::{Frame, FrameError, Session, Speaker};
use crate::net::exchange::{Answer, MAX_ANSWER_BYTES};
use crate::net::fault::Fault;
use crate::net::web_socket::WebSocketConnection;
use crate::secret::Secret;

/// For reading: a session's answer has less than 1 KiB. The library's own default is 128 KiB for each guest.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Messages of all kinds, pings too, that may come before the one that is waited for.
const MOST_MESSAGES: u32 = 1000;

/// What a server has to answer to a close before the connection is dropped.
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// In-band code of a session in which nothing can be said any more.
const READ_ONLY: u16 = 409;

/// A socket that has a session.
pub(crate) struct OpenSession {
    socket: Socket,
    pub(super) session: Session,
}

struct Socket {
    stream: WebSocketStream<Upgraded>,
    host: String,
    headers: HeaderMap,
    _place: Option<OwnedSemaphorePermit>,
}

impl OpenSession {
    /// Asks for the session of a token on a new connection; one that can only be read is ended, and another one begun.
    pub(super) async fn open(
        connection: WebSocketConnection,
        speaker: &Speaker<'_>,
        jwt: Option<&Secret>,
    ) -> Result<Self, Fault> {
        let mut socket = Socket::new(connection).await;
        let resumed = match socket.session(speaker, &speaker.configure(jwt, false)).await {
            Ok(session) if session.is_new || !session.is_read_only => Some(session),
            Ok(_) => None,
            Err(Fault::Status(answer)) if answer.status == READ_ONLY => None,
            Err(fault) => return Err(fault),
        };
        let session = if let Some(session) = resumed {
            session
        } else {
            socket.end_session(speaker).await?;
            socket.session(speaker, &speaker.configure(jwt, true)).await?
        };
        Ok(Self { socket, session })
    }

    /// Of the handshake's answer.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.socket.headers
    }

    /// Starts a conversation with these attributes, a JSON object of strings.
    pub(super) async fn join(&mut self, speaker: &Speaker<'_>, attributes: &str) -> Result<(), Fault> {
        self.socket.send(&speaker.join(attributes)).await?;
        let mut inbox = Inbox::default();
        loop {
            match self.socket.next(speaker, &mut inbox).await? {
                Frame::Taken => return Ok(()),
                Frame::Refused(refusal) => return Err(refused(refusal, &self.socket.headers)),
                Frame::Ended(event) => return Err(ended(event)),
                Frame::Session(_) | Frame::Other => {}
            }
        }
    }

    /// Closes the connection; the session lives on. No call waits for that.
    pub(super) fn close(mut self) {
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        tokio::spawn(timeout(CLOSING_TIME, async move {
            let stream = &mut self.socket.stream;
            // The server's own close ends the stream; what still comes before it is for nobody.
            if stream.close(Some(normal)).await.is_ok() {
                while let Some(Ok(_)) = stream.next().await {}
            }
        }));
    }
}

/// What has come while one answer is waited for.
#[derive(Default)]
struct Inbox {
    messages: u32,
    bytes: usize,
}

impl Socket {
    async fn new(connection: WebSocketConnection) -> Self {
        let WebSocketConnection { stream, headers, host, place } = connection;
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_ANSWER_BYTES))
            .max_frame_size(Some(MAX_ANSWER_BYTES));
        let stream = WebSocketStream::from_raw_socket(stream, Role::Client, Some(limits)).await;
        Self { stream, host, headers, _place: place }
    }

    /// Sends a frame that asks for a session.
    async fn session(&mut self, speaker: &Speaker<'_>, frame: &Secret) -> Result<Session, Fault> {
        self.send(frame).await?;
        let mut inbox = Inbox::default();
        loop {
            match self.next(speaker, &mut inbox).await? {
                Frame::Session(session) if session.is_connected => return Ok(session),
                Frame::Refused(refusal) => return Err(refused(refusal, &self.headers)),
                Frame::Ended(event) => return Err(ended(event)),
                Frame::Session(_) | Frame::Taken | Frame::Other => {}
            }
        }
    }

    /// Ends the session of the token for all its connections. Servers answer in different ways.
    async fn end_session(&mut self, speaker: &Speaker<'_>) -> Result<(), Fault> {
        self.send(&speaker.close_session()).await?;
        let mut inbox = Inbox::default();
        loop {
            match self.next(speaker, &mut inbox).await? {
                Frame::Session(session) if !session.is_connected => return Ok(()),
                Frame::Ended("ConnectionClosedEvent") | Frame::Taken => return Ok(()),
                Frame::Refused(refusal) => return Err(refused(refusal, &self.headers)),
                Frame::Ended(event) => return Err(ended(event)),
                Frame::Session(_) | Frame::Other => {}
            }
        }
    }

    async fn send(&mut self, frame: &Secret) -> Result<(), Fault> {
        let sent = self.stream.send(Message::text(frame.expose())).await;
        sent.map_err(|error| self.fault(&error))
    }

    async fn next(&mut self, speaker: &Speaker<'_>, inbox: &mut Inbox) -> Result<Frame, Fault> {
        loop {
            let message = match self.stream.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(self.fault(&error)),
                None => return Err(self.fault(&SocketError::ConnectionClosed)),
            };
            inbox.messages += 1;
            inbox.bytes += message.len();
            if inbox.messages > MOST_MESSAGES {
                return Err(Fault::Unreadable {
                    host: self.host.clone(),
                    what: "message after message, but no answer",
                });
            }
            if inbox.bytes > MAX_ANSWER_BYTES {
                return Err(Fault::TooLarge { host: self.host.clone() });
            }
            match message {
                Message::Text(text) => return Ok(speaker.read(&text)),
                Message::Binary(_) => {
                    return Err(Fault::Unreadable { host: self.host.clone(), what: "a binary message" });
                }
                Message::Close(_) => return Err(self.fault(&SocketError::ConnectionClosed)),
                // The library has answered a ping already.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    fn fault(&self, error: &SocketError) -> Fault {
        let host = self.host.clone();
        match error {
            SocketError::Capacity(_) => Fault::TooLarge { host },
            SocketError::Utf8(_) => Fault::Unreadable { host, what: "text that is not UTF-8" },
            SocketError::Io(error) => Fault::broken(host, error.to_string()),
            // What a connection does that breaks off.
            SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | SocketError::ConnectionClosed
            | SocketError::AlreadyClosed => Fault::broken(host, "the server closed the socket".to_owned()),
            _ => Fault::Unreadable { host, what: "what no WebSocket message is" },
        }
    }
}

/// An in-band error as the answer that it is, so that it is judged and repeated as all others are.
fn refused(refusal: FrameError, handshake: &HeaderMap) -> Fault {
    let mut headers = HeaderMap::new();
    if let Some(wait) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil() as u64));
    }
    if let Some(id) = handshake.get("inin-correlation-id") {
        headers.insert("inin-correlation-id", id.clone());
    }
    Fault::Status(Answer { status: refusal.code, headers, body: refusal.text.into() }.into())
}

/// An event in the place of an answer.
fn ended(event: &'static str) -> Fault {
    Fault::Status(Answer { status: 200, headers: HeaderMap::new(), body: event.into() }.into())
}
