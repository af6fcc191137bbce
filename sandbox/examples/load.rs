//! Measures the sandbox: calls as a client makes them (create, profile, attributes, webhook) over kept connections.
//!
//! ```text
//! cargo build --release -p sandbox --example load
//! taskset -c 0 target/release/sandbox --port 8080 --no-log &
//! taskset -c 1 target/release/examples/load 127.0.0.1:8080 64 10
//! ```
//!
//! The arguments are the address, the connections and the seconds. It speaks HTTP by hand, because a client that did
//! more would be slower than the server, and the measurement would be its own.

use std::error::Error;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Many enough to keep the server busy, few enough to need no tuning.
const CONNECTIONS: u64 = 64;
const SECONDS: u64 = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: load ADDRESS [CONNECTIONS] [SECONDS]")?;
    let connections = arguments.next().map_or(Ok(CONNECTIONS), |text| text.parse())?;
    let seconds = arguments.next().map_or(Ok(SECONDS), |text| text.parse())?;

    let bearer = Client::connect(&address).await?.sign_in().await?;
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let mut tasks = Vec::new();
    for number in 0..connections {
        let mut client = Client::connect(&address).await?;
        let bearer = bearer.clone();
        tasks.push(tokio::spawn(async move { client.call_until(end, number, &bearer).await }));
    }
    let mut requests = 0;
    let mut slowest = Duration::ZERO;
    for task in tasks {
        let (made, worst) = task.await??;
        requests += made;
        slowest = slowest.max(worst);
    }
    let rate = requests as f64 / start.elapsed().as_secs_f64();
    println!("{requests} requests over {connections} connections: {rate:.0} a second, slowest {slowest:?}");
    Ok(())
}

struct Client {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(address: &str) -> Outcome<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(4096) })
    }

    async fn sign_in(&mut self) -> Outcome<String> {
        let form = "grant_type=client_credentials&client_id=load&client_secret=load&scope=guest%3Awrite";
        let head = "POST /oauth/token HTTP/1.1\r\nhost: sandbox\r\ncontent-type: application/x-www-form-urlencoded";
        let answer = self.exchange(format!("{head}\r\ncontent-length: {}\r\n\r\n{form}", form.len())).await?;
        Ok(member(&answer, "\"access_token\":\"")?.into())
    }

    /// Repeats the four requests of one call; how many requests it made, and the longest wait.
    async fn call_until(&mut self, end: Instant, number: u64, bearer: &str) -> Outcome<(u64, Duration)> {
        let (mut made, mut slowest) = (0, Duration::ZERO);
        let mut guest = String::new();
        while Instant::now() < end {
            let cycle = made / 4;
            for request in 0..4 {
                let sent = Instant::now();
                let answer = match request {
                    0 => {
                        let body = format!(
                            r#"{{"email":"guest{cycle}@c{number}.example","consent":true,"channelId":"web","name":"Ada","attributes":{{"plan":"pro","n":{cycle}}}}}"#
                        );
                        self.exchange(json("POST", "/api/v2/engagements/guests", bearer, &body)).await?
                    }
                    1 => {
                        let path = format!("/crm/profiles?email=guest{cycle}%40c{number}.example");
                        self.exchange(format!("GET {path} HTTP/1.1\r\nhost: sandbox\r\n\r\n")).await?
                    }
                    2 => {
                        let body = r#"{"attributes":{"plan":"pro","tier":"gold","authMethod":"guest-api"}}"#;
                        self.exchange(json("PUT", &format!("/api/v2/engagements/guests/{guest}"), bearer, body)).await?
                    }
                    _ => {
                        let body = format!(r#"{{"guestId":"{guest}","channelId":"web","authLatencyMs":3}}"#);
                        self.exchange(json("POST", "/webhook", "", &body)).await?
                    }
                };
                slowest = slowest.max(sent.elapsed());
                if request == 0 {
                    guest = member(&answer, "\"guestId\":\"")?.into();
                }
                made += 1;
            }
        }
        Ok((made, slowest))
    }

    /// One request and its answer, which must be a success.
    async fn exchange(&mut self, request: String) -> Outcome<String> {
        self.socket.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err("the connection was closed".into());
            }
            let Some(head_end) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..head_end])?;
            let length: usize = match head.split_once("content-length: ") {
                Some((_, rest)) => rest.split("\r\n").next().unwrap_or_default().parse()?,
                None => 0,
            };
            if self.buffer.len() < head_end + 4 + length {
                continue;
            }
            let text = std::str::from_utf8(&self.buffer)?;
            if !text.starts_with("HTTP/1.1 20") {
                return Err(format!("not a success: {text}").into());
            }
            return Ok(text[head_end + 4..].into());
        }
    }
}

fn json(method: &str, path: &str, bearer: &str, body: &str) -> String {
    let authorization = if bearer.is_empty() { String::new() } else { format!("authorization: Bearer {bearer}\r\n") };
    let id = "x-genesys-request-id: 5f1b2f0e-3c2a-4b53-9d8e-2f1f0a3c9b77\r\nuser-agent: load\r\naccept: */*\r\n";
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: sandbox\r\n{authorization}{id}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The text of a JSON string member.
fn member<'a>(json: &'a str, start: &str) -> Outcome<&'a str> {
    let (_, rest) = json.split_once(start).ok_or_else(|| format!("{start} is missing in {json}"))?;
    Ok(rest.split('"').next().unwrap_or_default())
}
