//! What a proxy said to a `CONNECT` that it refused. The client keeps that to itself, so it is asked once more.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::exchange::basic_credentials;

/// A proxy on the way to everything answers at once, or its status is not worth waiting for.
const LIMIT: Duration = Duration::from_secs(2);

/// A status line is shorter than this.
const MOST_BYTES: usize = 1024;

/// The status of an `http:` proxy's answer to `CONNECT host:port` (RFC 9110 §9.3.6); `None` where none is to be had.
pub(super) async fn refused_status(proxy: &Url, target: &Url) -> Option<u16> {
    tokio::time::timeout(LIMIT, ask(proxy, target)).await.ok().flatten()
}

async fn ask(proxy: &Url, target: &Url) -> Option<u16> {
    if proxy.scheme() != "http" {
        return None;
    }
    let host = proxy.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let mut stream = TcpStream::connect((host, proxy.port_or_known_default()?)).await.ok()?;
    let authority = format!("{}:{}", target.host_str()?, target.port_or_known_default()?);
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n", authorization(proxy));
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let mut piece = [0; 256];
    while !answer.contains(&b'\n') && answer.len() < MOST_BYTES {
        match stream.read(&mut piece).await.ok()? {
            0 => break,
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
    status(&String::from_utf8_lossy(&answer))
}

fn authorization(proxy: &Url) -> String {
    let credentials = basic_credentials(proxy);
    let value = credentials.as_ref().and_then(|value| value.to_str().ok());
    value.map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default()
}

/// The status of `HTTP/1.1 403 Forbidden`.
fn status(line: &str) -> Option<u16> {
    let (version, rest) = line.split_once(' ')?;
    let status = version.starts_with("HTTP/").then(|| rest.get(..3)).flatten()?;
    status.parse().ok().filter(|status| (300..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read() {
        assert_eq!(status("HTTP/1.1 407 Proxy Authentication Required\r\n"), Some(407));
        assert_eq!(status("HTTP/1.0 403\r\n"), Some(403));
        for line in ["HTTP/1.1 200 OK", "", "SSH-2.0-x", "HTTP/1.1 99", "HTTP/1.1 4\u{e9}3"] {
            assert_eq!(status(line), None, "{line}");
        }
    }
}
