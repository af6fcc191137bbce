//! One exchange over HTTP: bounded in time and size, no redirects, no retries, no cookies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::Instant;
use url::Url;

use super::fault::Fault;
use super::transport::Transport;
use crate::error::Error;
use crate::sync::lock;

/// The largest answer that is read. A guest answer has about 1 KiB; more than this is a mistake or an attack.
pub(crate) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How long an unused connection is kept: below the idle limits of common load balancers (60 s and more).
pub(super) const IDLE_CONNECTION: Duration = Duration::from_secs(30);

pub(super) const USER_AGENT: &str = concat!("genesys-guest-auth/", env!("CARGO_PKG_VERSION"));

/// How connections are made.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Limit for a TCP and TLS handshake.
    pub connect_timeout: Duration,
    /// Proxy for every request; without one the environment decides (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub proxy: Option<Url>,
    /// Certificate authorities beside the system's and those that `NODE_EXTRA_CA_CERTS` names.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Whether any URL is https; without one, reading the system's certificates would be for nothing.
    pub uses_tls: bool,
}

impl Settings {
    /// The given authorities and those that Node itself trusts besides the system's. Like Node, a file that cannot be
    /// read is passed over.
    pub(super) fn all_extra_roots(&self) -> Vec<CertificateDer<'static>> {
        let from_node = std::env::var_os("NODE_EXTRA_CA_CERTS")
            .filter(|path| !path.is_empty())
            .and_then(|path| std::fs::read(path).ok())
            .map(|pem| CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect::<Vec<_>>());
        self.extra_roots.iter().cloned().chain(from_node.unwrap_or_default()).collect()
    }
}

/// The error for a client that cannot be made.
pub(super) fn unusable_roots(cause: impl Into<String>) -> Error {
    Error::config("ca", "has no usable certificates: the system has none either, or a given one is damaged")
        .with_cause(cause)
}

/// Which of the calls an exchange belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    OAuth,
    Create,
    Refresh,
    Attributes,
    Channel,
    Crm,
    Webhook,
    WarmUp,
}

impl Call {
    /// For messages: "… could not reach", "… timed out".
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::OAuth => "OAuth token acquisition",
            Self::Create => "Guest creation",
            Self::Refresh => "Guest token refresh",
            Self::Attributes => "Guest attribute update",
            Self::Channel => "Channel check",
            Self::Crm => "CRM profile lookup",
            Self::Webhook => "Analytics webhook delivery",
            Self::WarmUp => "Connection warm-up",
        }
    }
}

/// A request, ready to be sent any number of times.
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Exchange {
    /// A request with the headers that all of ours carry.
    pub(crate) fn new(method: Method, mut url: Url) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        // A CRM or a webhook may want them (RFC 7617); a URL on the wire has none (RFC 9110 §4.2.4).
        if let Some(credentials) = basic_credentials(&url) {
            headers.insert(header::AUTHORIZATION, credentials);
            let _ = url.set_username("").and_then(|()| url.set_password(None));
        }
        Self { method, url, headers, body: Bytes::new() }
    }

    /// Adds a JSON body.
    pub(crate) fn json(self, body: impl Into<Bytes>) -> Self {
        self.body("application/json", body)
    }

    /// Adds a body of another media type.
    pub(crate) fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = body.into();
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

fn basic_credentials(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What came back, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The server's `ININ-Correlation-Id`.
    pub(crate) fn correlation_id(&self) -> Option<String> {
        self.headers.get("inin-correlation-id")?.to_str().ok().map(str::to_owned)
    }

    /// The body as text: what is not UTF-8 becomes U+FFFD and a byte order mark is dropped, as axios reads it.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        let bytes = self.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.body);
        String::from_utf8_lossy(bytes)
    }
}

/// The HTTP client of one configuration: connections are pooled and shared by all its calls.
pub(crate) struct Http {
    settings: Settings,
    transport: Mutex<State>,
}

enum State {
    /// Reading the system's certificates takes milliseconds, so the first exchange pays and not the constructor.
    NotBuilt,
    Built(Result<Arc<Transport>, Error>),
    Released,
}

impl Http {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, transport: Mutex::new(State::NotBuilt) }
    }

    fn transport(&self) -> Result<Arc<Transport>, Fault> {
        let mut state = lock(&self.transport);
        if matches!(*state, State::NotBuilt) {
            *state = State::Built(self.build());
        }
        match &*state {
            State::Built(Ok(transport)) => Ok(Arc::clone(transport)),
            State::Built(Err(error)) => Err(Fault::Setup(error.clone())),
            State::NotBuilt | State::Released => Err(Fault::Setup(Error::closed())),
        }
    }

    fn build(&self) -> Result<Arc<Transport>, Error> {
        // Fails when another provider is installed already, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Transport::new(&self.settings).map(Arc::new)
    }

    /// Closes the connections; exchanges fail from now on.
    pub(crate) fn release(&self) {
        *lock(&self.transport) = State::Released;
    }

    /// Sends once and reads the whole answer before `until`.
    pub(crate) async fn send(&self, exchange: Exchange, until: Instant) -> Result<Answer, Fault> {
        let host = host_of(&exchange.url);
        let started = Instant::now();
        let transport = self.transport()?;
        match tokio::time::timeout_at(until, transport.send(exchange)).await {
            Ok(result) => result.map_err(|fault| fault.at_host(host)),
            Err(_) => Err(Fault::TimedOut { host, after: started.elapsed() }),
        }
    }
}

/// A body on its way in, with its limit.
#[derive(Default)]
pub(super) struct Received {
    first: Bytes,
    rest: Vec<u8>,
}

impl Received {
    /// Whether a declared length is small enough.
    pub(super) fn expect(length: Option<u64>) -> Result<Self, Fault> {
        if length.is_some_and(|length| length > MAX_ANSWER_BYTES as u64) {
            return Err(Fault::TooLarge { host: String::new() });
        }
        Ok(Self::default())
    }

    /// Takes the next piece. Nearly every answer comes in one, which then needs no copy.
    pub(super) fn push(&mut self, piece: Bytes) -> Result<(), Fault> {
        if self.first.len() + self.rest.len() + piece.len() > MAX_ANSWER_BYTES {
            return Err(Fault::TooLarge { host: String::new() });
        }
        if self.first.is_empty() && self.rest.is_empty() {
            self.first = piece;
        } else {
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
            self.rest.extend_from_slice(&piece);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.into() }
    }
}

/// `host:port` for messages: never the path, which may hold an e-mail address, nor credentials.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
