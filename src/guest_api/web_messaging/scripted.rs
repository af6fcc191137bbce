//! A server that does on each connection what a test says, also what no decent server does.

use std::collections::VecDeque;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::guest_options::{GuestOptions, SignIn};
use crate::net::client::Http;
use crate::net::limiter::Limits;
use crate::net::retry::Policy;
use crate::net::settings::{ProxyChoice, Settings};
use crate::sync::lock;

/// One connection.
pub(super) enum Turn {
    /// An HTTP answer: to a request, or to a handshake that is refused.
    Answer(u16, &'static str, Value),
    /// A socket.
    Socket(Box<dyn FnOnce(ServerSocket) -> BoxFuture<'static, ()> + Send>),
}

/// Answers a handshake and does what `work` says.
pub(super) fn socket<F>(work: impl FnOnce(ServerSocket) -> F + Send + 'static) -> Turn
where
    F: Future<Output = ()> + Send + 'static,
{
    Turn::Socket(Box::new(move |socket| work(socket).boxed()))
}

/// A socket that takes one frame, answers with these frames and waits for the end.
pub(super) fn answering(frames: impl FnOnce(&Value) -> Vec<Value> + Send + 'static) -> Turn {
    socket(|mut socket| async move {
        let asked = socket.read().await;
        for frame in frames(&asked) {
            socket.write(&frame).await;
        }
        socket.ended().await;
    })
}

/// The server's end of a socket.
pub(super) struct ServerSocket {
    pub(super) stream: WebSocketStream<TcpStream>,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl ServerSocket {
    /// The next frame; what else it is, as a string.
    pub(super) async fn read(&mut self) -> Value {
        let frame = loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => break serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Close(frame))) => {
                    break json!(format!("close {}", frame.map_or(0, |frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break json!("end"),
            }
        };
        lock(&self.heard).push(frame.clone());
        frame
    }

    pub(super) async fn write(&mut self, frame: &Value) {
        let _ = self.stream.send(Message::text(frame.to_string())).await;
    }

    /// Waits until the client closes.
    pub(super) async fn ended(&mut self) {
        while !self.read().await.is_string() {}
    }
}

/// A server, and what it has heard.
pub(super) struct Server {
    pub(super) url: Url,
    /// Frames, ends of sockets, and bodies of requests, in order.
    pub(super) heard: Arc<Mutex<Vec<Value>>>,
    /// Heads of requests.
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// One turn for each connection, in order.
    pub(super) async fn start(turns: Vec<Turn>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let (heard, requests) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let own = (Arc::clone(&heard), Arc::clone(&requests));
        let mut turns = VecDeque::from(turns);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(turn) = turns.pop_front() else { return };
                tokio::spawn(serve(stream, turn, Arc::clone(&own.0), Arc::clone(&own.1)));
            }
        });
        Self { url, heard, requests }
    }

    pub(super) fn heard(&self) -> Vec<Value> {
        lock(&self.heard).clone()
    }
}

async fn serve(mut stream: TcpStream, turn: Turn, heard: Arc<Mutex<Vec<Value>>>, requests: Arc<Mutex<Vec<String>>>) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        read.push(byte);
    }
    let request = String::from_utf8(read).unwrap();
    let header = |name: &str| {
        let of = |line: &str| {
            line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        request.lines().find_map(of)
    };
    lock(&requests).push(request.clone());
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    if !body.is_empty() {
        lock(&heard).push(serde_json::from_slice(&body).unwrap());
    }
    match turn {
        Turn::Answer(status, headers, body) => {
            let body = body.to_string();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Turn::Socket(work) => {
            let key = header("sec-websocket-key").unwrap();
            let proof =
                digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {}\r\n\
                 date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n",
                STANDARD.encode(proof)
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            let stream = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            work(ServerSocket { stream, heard }).await;
        }
    }
}

/// The answer to a configure; `changed` takes the place of its members.
pub(super) fn session(asked: &Value, changed: &Value) -> Value {
    // 2026-01-01T01:00:00Z, an hour after the handshake.
    let mut body = json!({"connected": true, "newSession": true, "readOnly": false, "maxCustomDataBytes": 2048,
        "expirationDate": 1_767_229_200});
    for (name, value) in changed.as_object().unwrap() {
        body[name] = value.clone();
    }
    json!({"type": "response", "class": "SessionResponse", "code": 200, "body": body, "tracingId": asked["tracingId"]})
}

/// An in-band error.
pub(super) fn error(asked: &Value, code: u16, text: &str) -> Value {
    json!({"type": "response", "class": "string", "code": code, "body": text, "tracingId": asked["tracingId"]})
}

pub(super) const DEPLOYMENT: &str = "6a1f0f5e-0000-4000-8000-000000000001";
pub(super) const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn api_with(server: &Server, change: impl FnOnce(&mut WebMessagingSettings)) -> WebMessaging {
    let settings =
        Settings { connect_timeout: LIMIT, proxy: ProxyChoice::None, max_connections: 4, ..Settings::default() };
    let soon = Duration::from_millis(1);
    let policy = Policy { max_retries: 3, base_delay: soon, max_delay: soon, max_retry_after: LIMIT };
    let sender = Arc::new(Sender::new(Http::new(settings), policy, Limits::in_flight(8)));
    let mut messaging = server.url.join("v1").unwrap();
    messaging.set_scheme("ws").unwrap();
    let mut settings = WebMessagingSettings {
        messaging,
        cdn: server.url.clone(),
        api: server.url.clone(),
        origin: Some(HeaderValue::from_static("https://shop.example")),
        start_conversation: false,
        timeout: LIMIT,
    };
    change(&mut settings);
    WebMessaging::new(&sender, settings, Secret::new("client secret"))
}

pub(super) fn request(options: GuestOptions) -> GuestRequest {
    GuestRequest {
        email: "ada@shop.example".into(),
        channel_id: DEPLOYMENT.into(),
        name: None,
        attributes: None,
        options,
    }
}

pub(super) async fn create(server: &Server, options: GuestOptions) -> Result<Created, Error> {
    api_with(server, |_| ()).create(&request(options), &CallContext::new(LIMIT)).await
}

pub(super) fn with_code() -> GuestOptions {
    let json = r#"{"code":"C","redirectUri":"https://shop.example/cb","codeVerifier":"V"}"#;
    GuestOptions { sign_in: SignIn::from_json(json), token: None }
}

pub(super) fn shown(created: &Created) -> Value {
    serde_json::from_str(created.guest.json.expose()).unwrap()
}

pub(super) async fn failure(turns: Vec<Turn>) -> Error {
    let server = Server::start(turns).await;
    create(&server, GuestOptions::default()).await.err().unwrap()
}

/// Waits until the server has heard so much.
pub(super) async fn heard(server: &Server, count: usize) {
    while server.heard().len() < count {
        tokio::task::yield_now().await;
    }
}
