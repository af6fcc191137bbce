//! How connections are made, and the reqwest clients that make them.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use reqwest::{Client, Proxy, redirect};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use url::Url;

use super::exchange::MOST_HEADERS;
use super::resolver::SystemResolver;
use super::tls;
use crate::error::Error;

/// An HTTP/2 connection is asked for a sign of life this often, and left when none comes.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// The kernel asks for a sign of life on a connection that was silent for so long, three times.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
/// What was sent and is not acknowledged by then ends the connection. No exchange waits longer by default.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

const USER_AGENT: &str = concat!("genesys-guest-auth/", env!("CARGO_PKG_VERSION"));

/// How connections are made.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Limit for a TCP and TLS handshake.
    pub connect_timeout: Duration,
    /// The proxies.
    pub proxy: ProxyChoice,
    /// Certificate authorities beside the system's and those that `NODE_EXTRA_CA_CERTS` names.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Whether any URL is https; without one, reading the system's certificates would be for nothing.
    pub uses_tls: bool,
    /// HTTP/1.1 connections to one origin in one pool.
    pub max_connections: usize,
}

/// Which proxies are used.
#[derive(Debug, Clone, Default)]
pub enum ProxyChoice {
    /// Those of `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`.
    #[default]
    Environment,
    /// This one: http, https, socks5 (names are looked up here) or socks5h (by the proxy).
    Url(Url),
    /// None, whatever the environment says.
    None,
}

/// What is spoken on a connection once it stands. The two share none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    WebSocket,
}

/// What differs from one client of an instance to the next.
pub(super) struct Pooling {
    /// How long an unused connection is kept; nothing → none is used a second time.
    pub(super) idle: Option<Duration>,
    /// Limit for connecting, over all addresses of a name.
    pub(super) connect_timeout: Duration,
    /// What the connections are for.
    pub(super) protocol: Protocol,
}

impl Settings {
    /// One TLS configuration for all clients of an instance, so that they share the sessions that can be resumed.
    pub(super) fn tls(&self) -> Result<ClientConfig, Error> {
        if self.uses_tls { tls::config(&self.extra_roots) } else { tls::unused() }
    }
}

/// A client for one origin. It has no time limit beside the one for connecting: each exchange has its own.
pub(super) fn client(mut tls: ClientConfig, proxy: Option<&Url>, pooling: &Pooling) -> Result<Client, Error> {
    // RFC 6455 §4.1: the handshake is an HTTP/1.1 request.
    if pooling.protocol == Protocol::WebSocket {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(SystemResolver)
        .default_headers(headers)
        .redirect(redirect::Policy::none())
        .referer(false)
        // Ours decide. Without a limit of none, each request would be copied for a retry that never comes.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .connect_timeout(pooling.connect_timeout)
        .pool_idle_timeout(pooling.idle)
        .pool_max_idle_per_host(if pooling.idle.is_some() { usize::MAX } else { 0 })
        .tcp_keepalive(TCP_KEEPALIVE)
        .tcp_user_timeout(TCP_USER_TIMEOUT)
        .http1_max_headers(MOST_HEADERS)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true);
    let unusable =
        |error: reqwest::Error| Error::config("proxy", "cannot be used").with_cause(super::cause::innermost(&error));
    let builder = match proxy {
        Some(url) => builder.proxy(Proxy::all(url.as_str()).map_err(unusable)?),
        None => builder.no_proxy(),
    };
    builder.build().map_err(unusable)
}
