//! One origin: its client, and what its answers teach about its connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, StatusCode, Version};
use reqwest::{Client, Response};
use rustls::ClientConfig;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::{Position, Url};

use super::cause::{Cause, Place};
use super::classify::{classify, is_refused_tunnel, is_unprocessed, wants_login};
use super::exchange::{Answer, Exchange, host_of};
use super::fault::Fault;
use super::operation::{ConnectionPool, Operation};
use super::proxies::Proxies;
use super::receive::receive;
use super::settings::{self, Pooling, Protocol, Settings};
use super::tunnel::refused_status;
use super::web_socket::{Handshake, WebSocketConnection};
use crate::error::Error;
use crate::sync::lock;

/// A request that an HTTP/2 server did not take goes out again at once, so often at most.
const MOST_UNPROCESSED: u32 = 8;

/// A request that has waited for a connection is not sent any more when so little time is left for its answer.
const LEAST_TIME: Duration = Duration::from_millis(50);

/// An unused HTTP/1.1 connection is closed after this, where the server does not announce its own limit: Node's servers
/// close theirs after five seconds.
const HTTP1_IDLE: Duration = Duration::from_secs(4);
/// HTTP/2 connections are pinged, and announced limits may be longer than is of use.
const LONGEST_IDLE: Duration = Duration::from_secs(60);
/// A connection is closed so long before its server would.
const IDLE_MARGIN: Duration = Duration::from_secs(1);

/// After a server closed a connection without a word, so that a request was lost, none of its connections is used twice
/// for this long.
const NO_REUSE: Duration = Duration::from_secs(600);

/// One scheme, host and port.
pub(super) struct Origin {
    /// What its URLs begin with.
    pub(super) prefix: String,
    /// What its connections are for.
    pub(super) protocol: Protocol,
    /// For messages.
    host: String,
    url: Url,
    proxy: Option<Url>,
    /// What the proxy said to the first tunnel that it refused.
    proxy_status: OnceCell<Option<u16>>,
    tls: ClientConfig,
    connect_timeout: Duration,
    connections: [Arc<Semaphore>; ConnectionPool::COUNT],
    state: Mutex<State>,
}

struct State {
    client: Client,
    is_http2: bool,
    /// The idle limit that the client was made with; none while connections are not reused.
    idle: Option<Duration>,
    /// When connections may be reused again.
    reuse_from: Option<Instant>,
    /// When the last answer came.
    heard: Option<Instant>,
}

impl Origin {
    /// `limit` is that of the first exchange: all addresses of a name must be tried within it.
    pub(super) fn new(
        url: &Url,
        protocol: Protocol,
        limit: Duration,
        settings: &Settings,
        proxies: &Proxies,
        tls: &ClientConfig,
    ) -> Result<Self, Error> {
        // Most servers behind TLS speak HTTP/2; the first answer tells.
        let idle = Some(if url.scheme() == "https" { LONGEST_IDLE } else { HTTP1_IDLE });
        let connect_timeout = settings.connect_timeout.min(limit);
        let proxy = proxies.of(url).cloned();
        let client = settings::client(tls.clone(), proxy.as_ref(), &Pooling { idle, connect_timeout, protocol })?;
        Ok(Self {
            prefix: url[..Position::BeforePath].to_owned(),
            protocol,
            host: host_of(url),
            url: url.clone(),
            proxy,
            proxy_status: OnceCell::new(),
            tls: tls.clone(),
            connect_timeout,
            connections: std::array::from_fn(|_| Arc::new(Semaphore::new(settings.max_connections.max(1)))),
            state: Mutex::new(State { client, is_http2: false, idle, reuse_from: None, heard: None }),
        })
    }

    /// For messages: the host, and the proxy on the way to it.
    pub(super) fn name(&self) -> String {
        match &self.proxy {
            Some(proxy) => format!("{} through the proxy {}", self.host, host_of(proxy)),
            None => self.host.clone(),
        }
    }

    /// One exchange within `limit`, once there is a connection to be had. `build` makes the request, anew where the server
    /// did not take it.
    pub(super) async fn send(
        &self,
        first: Exchange,
        build: impl Fn() -> Exchange,
        operation: &Operation,
        limit: Duration,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let _place = self.place(operation, deadline).await?;
        if operation.retry.needs_live_connection() {
            // Ends of connections that have reached this machine are heard of before one is chosen.
            tokio::task::yield_now().await;
        }
        self.in_time(operation, limit, deadline, self.exchange(first, build)).await
    }

    /// Opens a WebSocket within `limit`, once there is a connection to be had. A server that refuses is a
    /// [`Fault::Status`].
    pub(super) async fn connect(
        &self,
        handshake: &Handshake,
        operation: &Operation,
        limit: Duration,
        deadline: Instant,
    ) -> Result<WebSocketConnection, Fault> {
        let place = self.place(operation, deadline).await?;
        let opened = async {
            let response = self.response(handshake.exchange(), || handshake.exchange()).await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(Fault::Status(receive(response).await?.into()));
            }
            let headers = response.headers().clone();
            if let Some(what) = handshake.complaint(&headers) {
                return Err(Fault::Unreadable { host: String::new(), what });
            }
            let stream = response.upgrade().await.map_err(|error| classify(&error, self.connect_timeout))?;
            Ok(WebSocketConnection { stream, headers, host: self.name(), place })
        };
        self.in_time(operation, limit, deadline, opened).await
    }

    /// A place among the connections; none is needed where requests share one.
    async fn place(&self, operation: &Operation, deadline: Instant) -> Result<Option<OwnedSemaphorePermit>, Fault> {
        let connections = &self.connections[operation.pool.index()];
        match Arc::clone(connections).try_acquire_owned() {
            Ok(place) => Ok(Some(place)),
            Err(_) if lock(&self.state).is_http2 => Ok(None),
            Err(_) => {
                let asked = Instant::now();
                let place = tokio::time::timeout_at(deadline, Arc::clone(connections).acquire_owned()).await;
                if place.is_err() || Instant::now() + LEAST_TIME > deadline {
                    return Err(Fault::Queued { host: self.name(), after: asked.elapsed() });
                }
                Ok(place.ok().and_then(Result::ok))
            }
        }
    }

    /// What is done over a connection, within `limit`.
    async fn in_time<T>(
        &self,
        operation: &Operation,
        limit: Duration,
        deadline: Instant,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let started = Instant::now();
        let until = deadline.min(started + limit);
        match tokio::time::timeout_at(until, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(fault)) => {
                if matches!(fault, Fault::Broken { .. }) {
                    self.lost_a_request();
                }
                Err(self.located(self.explain(fault).await, operation.option))
            }
            Err(_) => {
                self.timed_out(started);
                Err(Fault::TimedOut { host: self.name(), after: started.elapsed() })
            }
        }
    }

    /// Fills in where it happened, which the place that saw the fault did not know.
    fn located(&self, fault: Fault, option: &'static str) -> Fault {
        let proxy = self.proxy.as_ref().map(host_of);
        let is_lookup_remote = self.proxy.as_ref().is_some_and(|proxy| proxy.scheme() != "socks5");
        let place = Place { host: &self.host, proxy: proxy.as_deref(), is_lookup_remote, option };
        fault.at(self.name(), &place)
    }

    /// Says what a proxy answered that refused a tunnel.
    async fn explain(&self, fault: Fault) -> Fault {
        match (fault, &self.proxy) {
            (Fault::Unreached { host, cause }, _) if wants_login(&cause) => {
                Fault::Unreached { host, cause: Cause::of_proxy(407) }
            }
            (Fault::Unreached { host, cause }, Some(proxy)) if is_refused_tunnel(&cause) => {
                let status = self.proxy_status.get_or_init(|| refused_status(proxy, &self.url)).await;
                Fault::Unreached { host, cause: status.map_or(cause, Cause::of_proxy) }
            }
            (fault, _) => fault,
        }
    }

    async fn exchange(&self, first: Exchange, build: impl Fn() -> Exchange) -> Result<Answer, Fault> {
        let answer = receive(self.response(first, build).await?).await?;
        // Plain http is handed to the proxy itself, whose own refusal this is.
        if answer.status == 407 && self.proxy.is_some() {
            return Err(Fault::Unreached { host: self.name(), cause: Cause::of_proxy(answer.status) });
        }
        Ok(answer)
    }

    async fn response(&self, first: Exchange, build: impl Fn() -> Exchange) -> Result<Response, Fault> {
        let mut request = first.into_request();
        let mut unprocessed = 0;
        loop {
            match self.client().execute(request).await {
                Ok(response) => {
                    self.learn(response.version(), response.headers());
                    return Ok(response);
                }
                Err(error) if unprocessed < MOST_UNPROCESSED && is_unprocessed(&error) => {
                    unprocessed += 1;
                    request = build().into_request();
                }
                Err(error) => return Err(classify(&error, self.connect_timeout)),
            }
        }
    }

    fn client(&self) -> Client {
        let mut state = lock(&self.state);
        if state.reuse_from.is_some_and(|from| from <= Instant::now()) {
            state.reuse_from = None;
            self.renew(&mut state, Some(HTTP1_IDLE));
        }
        state.client.clone()
    }

    fn learn(&self, version: Version, headers: &HeaderMap) {
        let mut state = lock(&self.state);
        let is_first = state.heard.replace(Instant::now()).is_none();
        state.is_http2 = version == Version::HTTP_2;
        if state.is_http2 || state.reuse_from.is_some() {
            return;
        }
        let idle = announced(headers).map_or(Some(HTTP1_IDLE), |limit| {
            limit.checked_sub(IDLE_MARGIN).filter(|rest| !rest.is_zero()).map(|rest| rest.min(LONGEST_IDLE))
        });
        // Several servers may answer for one origin: the least patient one counts.
        if idle < state.idle || (is_first && idle != state.idle) {
            self.renew(&mut state, idle);
        }
    }

    /// The path may be dead where nothing has come from there since the request went out: other connections may get
    /// through.
    fn timed_out(&self, started: Instant) {
        let mut state = lock(&self.state);
        if state.heard.is_none_or(|heard| heard < started) {
            let idle = state.idle;
            self.renew(&mut state, idle);
        }
    }

    fn lost_a_request(&self) {
        let mut state = lock(&self.state);
        if !state.is_http2 {
            state.reuse_from = Some(Instant::now() + NO_REUSE);
            if state.idle.is_some() {
                self.renew(&mut state, None);
            }
        }
    }

    /// Leaves all connections: requests under way keep theirs, new ones get others.
    fn renew(&self, state: &mut State, idle: Option<Duration>) {
        let pooling = Pooling { idle, connect_timeout: self.connect_timeout, protocol: self.protocol };
        if let Ok(client) = settings::client(self.tls.clone(), self.proxy.as_ref(), &pooling) {
            (state.client, state.idle) = (client, idle);
        }
    }
}

/// `Keep-Alive: timeout=…`, in seconds.
fn announced(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let timeout = value
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"));
    timeout.and_then(|(_, seconds)| seconds.trim().parse().ok()).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn an_announced_idle_limit_is_read() {
        let limit = |value: &'static str| {
            announced(&HeaderMap::from_iter([(
                http::HeaderName::from_static("keep-alive"),
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(limit("timeout=5"), Some(Duration::from_secs(5)));
        assert_eq!(limit("max=100, Timeout = 15"), Some(Duration::from_secs(15)));
        assert_eq!(limit("max=100"), None);
        assert_eq!(limit("timeout=soon"), None);
    }
}
