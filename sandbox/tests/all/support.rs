//! A client that speaks HTTP by hand: it sees how a connection ends, and may send what others would not.

use std::io;
use std::time::Duration;

use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const GUESTS: &str = "/api/v2/engagements/guests";

/// A sandbox with the default options.
pub(crate) async fn sandbox() -> Sandbox {
    Sandbox::start(Options::default()).await.unwrap()
}

/// A request.
pub(crate) struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether the body has the length that the headers claim.
    pub(crate) complete: bool,
}

impl Call {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: String::new() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, kind: &str, body: &(impl ToString + ?Sized)) -> Self {
        self.body = body.to_string();
        self.header("content-type", kind)
    }

    pub(crate) fn json(self, body: &(impl ToString + ?Sized)) -> Self {
        self.body("application/json", body)
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(self, sandbox: &Sandbox) -> io::Result<Reply> {
        let mut socket = connect(sandbox).await;
        self.send_on(&mut socket).await
    }

    pub(crate) async fn send_on(self, socket: &mut TcpStream) -> io::Result<Reply> {
        let Self { method, path, headers, body } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: sandbox\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text.extend([name, ": ", &value, "\r\n"]);
        }
        text += "\r\n";
        text += &body;
        socket.write_all(text.as_bytes()).await?;
        Reply::read(socket).await
    }
}

pub(crate) async fn connect(sandbox: &Sandbox) -> TcpStream {
    TcpStream::connect(sandbox.url().trim_start_matches("http://")).await.unwrap()
}

impl Reply {
    /// Reads an answer, or as much of it as comes.
    pub(crate) async fn read(socket: &mut TcpStream) -> io::Result<Self> {
        let mut seen = Vec::new();
        let mut reply: Option<(Self, usize, usize)> = None;
        loop {
            if let Some((reply, start, length)) = &mut reply
                && seen.len() >= *start + *length
            {
                reply.complete = true;
                break;
            }
            if socket.read_buf(&mut seen).await? == 0 {
                break;
            }
            if reply.is_none()
                && let Some(end) = seen.windows(4).position(|part| part == b"\r\n\r\n")
            {
                let head = Self::head(std::str::from_utf8(&seen[..end]).unwrap());
                let length = head.header("content-length").map_or(0, |text| text.parse().unwrap());
                reply = Some((head, end + 4, length));
            }
        }
        let (mut reply, start, _) = reply.ok_or(io::ErrorKind::UnexpectedEof)?;
        reply.body = String::from_utf8_lossy(&seen[start..]).into_owned();
        Ok(reply)
    }

    fn head(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.into(), value.into()));
        Self { status, headers: headers.collect(), body: String::new(), complete: false }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// An error of the API host, with everything that makes one.
    #[track_caller]
    pub(crate) fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        let body = self.json();
        assert_eq!((&body["status"], &body["code"]), (&json!(status), &json!(code)));
        assert_eq!(body["contextId"].as_str(), self.header("inin-correlation-id"));
        assert!(body["message"].is_string() && body["details"].is_array() && body["errors"] == json!([]), "{body}");
    }
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The form that clients send.
pub(crate) fn form(id: &str, secret: &str) -> String {
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=guest%3Awrite+guest%3Aread")
}

/// An access token.
pub(crate) async fn sign_in(sandbox: &Sandbox) -> String {
    let reply = Call::new("POST", "/oauth/token").body(FORM, &form("id", "secret")).send(sandbox).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["access_token"].as_str().unwrap().into()
}

/// The request that creates a guest.
pub(crate) fn create(token: &str, email: &str) -> Call {
    let body = json!({ "email": email, "consent": true, "channelId": "web", "attributes": { "plan": "pro" } });
    Call::new("POST", GUESTS).bearer(token).json(&body)
}

/// What must not take longer than a test's patience.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), work).await.expect("it took too long")
}
