//! The way to a host: straight, or through a proxy. HTTPS goes through a tunnel (RFC 9110 §9.3.6), plain HTTP is handed to the
//! proxy itself (RFC 9112 §3.2.2).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::client::Settings;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Which requests go through a proxy, and which one.
#[derive(Clone)]
pub(super) struct Proxies(Option<Arc<Matcher>>);

impl Proxies {
    /// The configured one, or those of the environment and of the system.
    pub(super) fn new(settings: &Settings) -> Self {
        let exempt = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
        // Where `*` stands for all hosts, the matcher still lets addresses without a name through to the proxy.
        if exempt.trim() == "*" {
            return Self(None);
        }
        let matcher = match &settings.proxy {
            Some(url) => Matcher::builder().all(url.as_str()).no(exempt).build(),
            None => Matcher::from_system(),
        };
        Self(Some(Arc::new(matcher)))
    }

    fn intercept(&self, uri: &Uri) -> Option<Intercept> {
        self.0.as_ref()?.intercept(uri)
    }

    /// The credentials that a request itself carries to a proxy: where there is no tunnel.
    pub(super) fn credentials(&self, uri: &Uri) -> Option<HeaderValue> {
        if uri.scheme_str() == Some("https") {
            return None;
        }
        self.intercept(uri)?.basic_auth().cloned()
    }
}

/// Connects to hosts, or to the proxies in front of them.
#[derive(Clone)]
pub(super) struct Route {
    tcp: HttpConnector,
    /// A proxy may want TLS for itself.
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Proxies,
}

impl Route {
    pub(super) fn new(tcp: HttpConnector, tls: &ClientConfig, proxies: Proxies) -> Self {
        Self { to_proxy: HttpsConnector::from((tcp.clone(), tls.clone())), tcp, proxies }
    }
}

impl Service<Uri> for Route {
    type Response = Line;
    type Error = BoxError;
    type Future = Connecting<Line>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&uri) else {
            let connecting = self.tcp.call(uri);
            return Box::pin(async { Ok(Line { stream: MaybeHttpsStream::Http(connecting.await?), to_proxy: false }) });
        };
        if uri.scheme_str() != Some("https") {
            let connecting = self.to_proxy.call(proxy.uri().clone());
            return Box::pin(async { Ok(Line { stream: connecting.await?, to_proxy: true }) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        Box::pin(async move { Ok(Line { stream: tunnel.call(uri).await?, to_proxy: false }) })
    }
}

/// A connection, which knows whether its other end is a proxy that reads the requests.
pub(super) struct Line {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    to_proxy: bool,
}

impl Line {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut MaybeHttpsStream<TokioIo<TcpStream>>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.to_proxy)
    }
}

impl Read for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl Write for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, pieces)
    }
}
