//! Measures web messaging in the sandbox: handshakes and configures, each on a connection of its own.
//!
//! ```text
//! cargo build --release -p sandbox --bins --example sockets
//! taskset -c 0 target/release/sandbox --port 8080 --no-log &
//! taskset -c 1 target/release/examples/sockets 127.0.0.1:8080 32 10
//! ```
//!
//! The arguments are the address, the connections at once and the seconds. It speaks HTTP and WebSocket by hand, because
//! a client that did more would be slower than the server, and the measurement would be its own.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Many enough to keep the server busy, few enough to need no tuning.
const CONNECTIONS: u64 = 32;
const SECONDS: u64 = 10;
const DEPLOYMENT: &str = "6a1f0f5e-0000-4000-8000-000000000001";
/// Clients mask what they send (RFC 6455 §5.3); this mask leaves it as it is.
const MASK: [u8; 4] = [0; 4];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: sockets ADDRESS [CONNECTIONS] [SECONDS]")?;
    let connections = arguments.next().map_or(Ok(CONNECTIONS), |text| text.parse())?;
    let seconds = arguments.next().map_or(Ok(SECONDS), |text| text.parse())?;

    lift_limit(&address).await?;
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..connections)
        .map(|number| {
            let address = address.clone();
            tokio::spawn(async move { configure_until(end, number, &address).await })
        })
        .collect();
    let mut sessions = 0;
    let mut slowest = Duration::ZERO;
    for task in tasks {
        let (made, worst) = task.await??;
        sessions += made;
        slowest = slowest.max(worst);
    }
    let rate = sessions as f64 / start.elapsed().as_secs_f64();
    println!("{sessions} sessions, {connections} at once: {rate:.0} a second, slowest {slowest:?}");
    Ok(())
}

/// The real service takes a thousand handshakes a minute for a deployment.
async fn lift_limit(address: &str) -> Outcome<()> {
    let body = r#"{"settings":{"messaging":{"limits":{"connectionsPerMinute":null}}}}"#;
    let head = "POST /__control/state HTTP/1.1\r\nhost: sandbox\r\nconnection: close";
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer.into()) }
}

/// Connects, upgrades, configures and leaves, again and again; how often, and the longest of it.
async fn configure_until(end: Instant, number: u64, address: &str) -> Outcome<(u64, Duration)> {
    let upgrade = format!(
        "GET /v1?deploymentId={DEPLOYMENT}&application=sockets-1 HTTP/1.1\r\nhost: sandbox\r\nupgrade: websocket\r\n\
         connection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let (mut made, mut slowest) = (0, Duration::ZERO);
    let mut text = String::new();
    let mut buffer = Vec::with_capacity(4096);
    while Instant::now() < end {
        let began = Instant::now();
        let mut socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        // A reset leaves no port behind that waits for a minute.
        socket.set_zero_linger()?;
        socket.write_all(upgrade.as_bytes()).await?;
        read_until(&mut socket, &mut buffer, "HTTP/1.1 101", |seen| seen.ends_with(b"\r\n\r\n")).await?;
        text.clear();
        write!(
            text,
            r#"{{"token":"00000000-0000-4000-{number:04x}-{made:012x}","deploymentId":"{DEPLOYMENT}","startNew":false,"tracingId":"{made}","action":"configureSession"}}"#
        )?;
        socket.write_all(&masked(&text)).await?;
        // Two bytes of a header and two of a length (RFC 6455 §5.2), for what is between 126 and 65,535 bytes.
        let whole = |seen: &[u8]| match seen {
            [_, _, high, low, rest @ ..] => rest.len() == usize::from(u16::from_be_bytes([*high, *low])),
            _ => false,
        };
        read_until(&mut socket, &mut buffer, "\u{81}~", whole).await?;
        slowest = slowest.max(began.elapsed());
        made += 1;
    }
    Ok((made, slowest))
}

/// A text of 126 to 65,535 bytes in one frame: final, a text, masked, with a length in two bytes.
fn masked(text: &str) -> Vec<u8> {
    let [high, low] = (text.len() as u16).to_be_bytes();
    [&[0x81, 0xfe, high, low][..], &MASK, text.as_bytes()].concat()
}

/// Reads what begins in a certain way, until it is whole.
async fn read_until(
    socket: &mut TcpStream,
    buffer: &mut Vec<u8>,
    start: &str,
    whole: impl Fn(&[u8]) -> bool,
) -> Outcome<()> {
    buffer.clear();
    let start: Vec<u8> = start.chars().map(|char| char as u8).collect();
    while !whole(buffer) {
        if socket.read_buf(buffer).await? == 0 {
            return Err("the connection was closed".into());
        }
        if !buffer.starts_with(&start[..start.len().min(buffer.len())]) {
            return Err(String::from_utf8_lossy(buffer).into());
        }
    }
    Ok(())
}
