//! The opening handshake of a WebSocket (RFC 6455 §4), over the same proxies, authorities and time limits as all requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::Upgraded;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use super::exchange::Exchange;
use crate::error::{Code, Error};

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A connection that speaks WebSocket from now on. Dropping it closes it.
pub(crate) struct WebSocketConnection {
    pub(crate) stream: Upgraded,
    /// Of the server's answer.
    pub(crate) headers: HeaderMap,
    /// For messages.
    pub(crate) host: String,
    /// Its place among the connections to its origin.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// One handshake: what is asked, and what the answer must prove.
pub(crate) struct Handshake {
    url: Url,
    origin: Option<HeaderValue>,
    key: String,
}

impl Handshake {
    /// For a `ws:` or `wss:` URL. `origin` is the header of this name (§10.2).
    pub(crate) fn new(url: &Url, origin: Option<&HeaderValue>) -> Result<Self, Error> {
        let mut url = url.clone();
        let scheme = if url.scheme() == "ws" { "http" } else { "https" };
        let mut key = [0; 16];
        if url.set_scheme(scheme).is_err() || getrandom::fill(&mut key).is_err() {
            return Err(Error::new(Code::Internal, "The handshake of a WebSocket could not be prepared"));
        }
        Ok(Self { url, origin: origin.cloned(), key: STANDARD.encode(key) })
    }

    /// The same address for the client of HTTP requests.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// §4.1, without extensions and subprotocols.
    pub(super) fn exchange(&self) -> Exchange {
        let key = HeaderValue::from_str(&self.key).unwrap_or_else(|_| unreachable!("base64 is ASCII"));
        let exchange = Exchange::new(Method::GET, self.url.clone())
            .header("connection", HeaderValue::from_static("Upgrade"))
            .header("upgrade", HeaderValue::from_static("websocket"))
            .header("sec-websocket-version", HeaderValue::from_static("13"))
            .header("sec-websocket-key", key);
        match &self.origin {
            Some(origin) => exchange.header("origin", origin.clone()),
            None => exchange,
        }
    }

    /// What is wrong with an answer of status 101, if anything is (§4.1, items 2 to 6).
    pub(super) fn complaint(&self, headers: &HeaderMap) -> Option<&'static str> {
        let has = |name, token: &str| {
            headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
        };
        let proof = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{}{GUID}", self.key).as_bytes()));
        let is_proven = headers
            .get(header::SEC_WEBSOCKET_ACCEPT)
            .is_some_and(|value| value.as_bytes().trim_ascii() == proof.as_bytes());
        if !has(header::UPGRADE, "websocket") || !has(header::CONNECTION, "upgrade") {
            return Some("an upgrade to another protocol than WebSocket");
        }
        if !is_proven {
            return Some("a handshake without the right Sec-WebSocket-Accept");
        }
        let chosen = [header::SEC_WEBSOCKET_EXTENSIONS, header::SEC_WEBSOCKET_PROTOCOL];
        let is_chosen = chosen.iter().any(|name| headers.get(name).is_some_and(|value| !value.is_empty()));
        is_chosen.then_some("a handshake with an extension or a subprotocol that was not asked for")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 §1.3.
    fn handshake() -> Handshake {
        let url = Url::parse("http://server.example/chat").unwrap();
        Handshake { url, origin: None, key: "dGhlIHNhbXBsZSBub25jZQ==".into() }
    }

    fn answer(changed: &[(&'static str, &'static str)]) -> HeaderMap {
        let good = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in good.iter().chain(changed) {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_answer_must_prove_that_it_speaks_websocket() {
        assert_eq!(handshake().complaint(&answer(&[])), None);
        assert_eq!(handshake().complaint(&answer(&[("sec-websocket-extensions", "")])), None);
        for (name, value) in [
            ("upgrade", "h2c"),
            ("connection", "close"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp="),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("sec-websocket-protocol", "chat"),
        ] {
            assert!(handshake().complaint(&answer(&[(name, value)])).is_some(), "{name}: {value}");
        }
    }

    #[test]
    fn the_request_asks_for_a_websocket_over_http() {
        let origin = HeaderValue::from_static("https://shop.example");
        let asked = Handshake::new(&Url::parse("wss://m.example/v1?a=b").unwrap(), Some(&origin)).unwrap();
        assert_eq!(asked.url().as_str(), "https://m.example/v1?a=b");
        let request = asked.exchange().into_request();
        assert_eq!(
            (request.method(), request.headers()["origin"].to_str().unwrap()),
            (&Method::GET, "https://shop.example")
        );
        assert_eq!(STANDARD.decode(request.headers()["sec-websocket-key"].as_bytes()).unwrap().len(), 16);
    }
}
