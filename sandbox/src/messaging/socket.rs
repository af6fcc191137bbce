//! The task of one socket: it reads, writes what waits, and watches the clock.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Result};

use super::faults::{Closing, Cut, RawFrame, RawOpcode};
use super::frames::{Envelope, Refusal};
use super::opaque::seconds_of;
use super::outgoing::{Outgoing, Queue};
use super::record::{FrameKind, Seen, Sender};
use super::sockets::Opening;
use crate::clock;
use crate::server::Line;
use crate::state::Shared;

/// No message of a client may be longer, whatever the settings say.
const MAX_MESSAGE: usize = 1024 * 1024;
/// A socket's read buffer: frames are small, and sockets many.
const READ_BUFFER: usize = 4096;
/// The close frame of a server that ends a connection for reasons of its own (RFC 6455 §7.4.1).
const GOING_AWAY: Closing = Closing { code: Some(1001), reason: String::new() };
/// How long a client may take to answer a close frame.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Takes a socket in, before its client hears of it, and serves it once its connection has been upgraded.
pub(crate) fn start(shared: Arc<Shared>, line: Arc<Line>, upgrade: OnUpgrade, opening: Opening) {
    let (sender, outgoing) = unbounded_channel();
    let number = shared.open_socket(opening, sender);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            serve(&shared, &line, number, upgraded, outgoing).await;
        }
        shared.close_socket(number);
    });
}

async fn serve(shared: &Shared, line: &Line, number: u64, upgraded: Upgraded, outgoing: UnboundedReceiver<Outgoing>) {
    let opened = clock::now();
    let settings = shared.lock().settings.messaging.clone();
    let most = settings.max_frame_bytes.unwrap_or(MAX_MESSAGE).min(MAX_MESSAGE);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_frame_size(Some(most))
        .max_message_size(Some(MAX_MESSAGE));
    let web = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let ping = settings.ping_seconds.map(seconds_of).filter(|ping| !ping.is_zero());
    let mut task = Task {
        shared,
        line,
        number,
        web,
        queue: Queue::default(),
        heard: opened,
        idle: settings.idle_seconds.map(seconds_of),
        end: settings.max_age_seconds.map(|age| opened + seconds_of(age)),
        ping: ping.map(|every| (opened + every, every)),
        closing: false,
    };
    task.run(outgoing).await;
}

struct Task<'a> {
    shared: &'a Shared,
    line: &'a Line,
    number: u64,
    web: WebSocketStream<TokioIo<Upgraded>>,
    queue: Queue,
    /// When the client was last heard.
    heard: Instant,
    idle: Option<Duration>,
    /// When the connection ends, whatever it does.
    end: Option<Instant>,
    /// When the next ping goes out, and the time between two.
    ping: Option<(Instant, Duration)>,
    closing: bool,
}

impl Task<'_> {
    async fn run(&mut self, mut outgoing: UnboundedReceiver<Outgoing>) {
        loop {
            let now = clock::now();
            if self.keep_time(now).await.is_break() {
                return;
            }
            while let Some(thing) = self.queue.pop(now) {
                if !self.closing && self.send(thing).await.is_break() {
                    return;
                }
            }
            let due = self.due();
            let rest = due.unwrap_or(now).into();
            tokio::select! {
                // What is there already goes out before more is read.
                biased;
                thing = outgoing.recv(), if !self.closing => match thing {
                    Some(thing) => self.queue.push(thing, clock::now()),
                    // The sandbox has been reset, and knows this socket no more.
                    None => drop(self.close(GOING_AWAY).await),
                },
                message = self.web.next() => match message {
                    Some(Ok(message)) => self.receive(&message),
                    Some(Err(error)) => return self.fail(&error).await,
                    None => return,
                },
                () = tokio::time::sleep_until(rest), if due.is_some() => {}
            }
        }
    }

    /// When the clock is next to be looked at.
    fn due(&self) -> Option<Instant> {
        if self.closing {
            return self.end;
        }
        let session = self.shared.lock().messaging.due(self.number);
        let idle = self.idle.map(|idle| self.heard + idle);
        let ping = self.ping.map(|(next, _)| next);
        [session, idle, self.end, ping, self.queue.due()].into_iter().flatten().min()
    }

    /// Does what is due: the session's expiry, pings, the end.
    async fn keep_time(&mut self, now: Instant) -> ControlFlow<()> {
        let is_over = self.end.is_some_and(|end| end <= now);
        if self.closing {
            return if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        }
        let is_idle = self.idle.is_some_and(|idle| self.heard + idle <= now);
        if is_idle || is_over {
            return self.close(GOING_AWAY).await;
        }
        self.shared.lock().messaging.tick(self.number, now);
        match &mut self.ping {
            Some((next, every)) if *next <= now => {
                *next = now + *every;
                self.record(FrameKind::Ping, "");
                flow(&self.web.send(Message::Ping(Bytes::new())).await)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn receive(&mut self, message: &Message) {
        let now = clock::now();
        self.heard = now;
        let mut state = self.shared.lock();
        let state = &mut *state;
        let (messaging, started) = (&mut state.messaging, state.started);
        let mut keep = |kind, text: &str, code| {
            let seen = Seen { from: Sender::Client, kind, text, code };
            messaging.frames.keep(self.number, started, &seen);
        };
        match message {
            Message::Text(_) | Message::Binary(_) if self.closing => {}
            Message::Text(text) => messaging.receive(&state.settings.messaging, self.number, text.as_str(), now),
            Message::Binary(bytes) => {
                keep(FrameKind::Binary, &String::from_utf8_lossy(bytes), None);
                messaging.send(self.number, &Envelope::refusal(Refusal::bad_request(), None), None);
            }
            Message::Ping(_) => keep(FrameKind::Ping, "", None),
            Message::Pong(_) => keep(FrameKind::Pong, "", None),
            Message::Close(close) => {
                let reason = close.as_ref().map_or("", |close| close.reason.as_str());
                keep(FrameKind::Close, reason, close.as_ref().map(|close| close.code.into()));
                // The library answers; the connection ends with the next look at it.
                self.closing = true;
            }
            Message::Frame(_) => {}
        }
    }

    async fn send(&mut self, thing: Outgoing) -> ControlFlow<()> {
        match thing {
            Outgoing::Text { text, .. } => {
                self.record(FrameKind::Text, &text);
                flow(&self.web.send(Message::text(text)).await)
            }
            Outgoing::Raw(frames) => flow(&self.send_raw(&frames).await),
            Outgoing::Close(closing) => self.close(closing).await,
            Outgoing::Shutdown => {
                let _ = self.close(GOING_AWAY).await;
                ControlFlow::Break(())
            }
            Outgoing::Cut(cut) => {
                self.line.hang_up(cut == Cut::Reset);
                ControlFlow::Break(())
            }
        }
    }

    async fn send_raw(&mut self, frames: &[RawFrame]) -> Result<()> {
        for raw in frames {
            self.record(FrameKind::Raw, &raw.text);
            let mut payload = raw.text.clone().into_bytes();
            if payload.len() < raw.pad_to {
                payload.resize(raw.pad_to, b' ');
            }
            let opcode = match raw.opcode {
                RawOpcode::Continuation => OpCode::Data(Data::Continue),
                RawOpcode::Text => OpCode::Data(Data::Text),
                RawOpcode::Binary => OpCode::Data(Data::Binary),
                RawOpcode::Ping => OpCode::Control(Control::Ping),
                RawOpcode::Pong => OpCode::Control(Control::Pong),
            };
            let payload = Bytes::from(payload);
            let header = FrameHeader { is_final: raw.fin, opcode, ..FrameHeader::default() };
            for _ in 0..raw.times {
                self.web.feed(Message::Frame(Frame::from_payload(header.clone(), payload.clone()))).await?;
            }
        }
        self.web.flush().await
    }

    /// Sends a close frame, and gives the client a while to answer it.
    async fn close(&mut self, closing: Closing) -> ControlFlow<()> {
        let Closing { code, reason } = closing;
        let seen = Seen { from: Sender::Server, kind: FrameKind::Close, text: &reason, code };
        self.keep(&seen);
        self.closing = true;
        self.end = Some(clock::now() + CLOSE_PATIENCE);
        let frame = code.map(|code| CloseFrame { code: code.into(), reason: reason.as_str().into() });
        flow(&self.web.close(frame).await)
    }

    /// Says what was wrong with what came, as far as the other side still listens.
    async fn fail(&mut self, error: &Error) {
        let code = match error {
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            Error::Protocol(_) => CloseCode::Protocol,
            _ => return,
        };
        let frame = CloseFrame { code, reason: "".into() };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, self.web.close(Some(frame))).await;
    }

    fn record(&self, kind: FrameKind, text: &str) {
        self.keep(&Seen::new(Sender::Server, kind, text));
    }

    fn keep(&self, seen: &Seen<'_>) {
        let mut state = self.shared.lock();
        let started = state.started;
        state.messaging.frames.keep(self.number, started, seen);
    }
}

/// A client that is gone needs no answer.
fn flow(sent: &Result<()>) -> ControlFlow<()> {
    if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
