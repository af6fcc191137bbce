//! How connections are made: limits, proxies and certificate authorities.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use reqwest::{Client, NoProxy, Proxy, redirect};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use url::Url;

use crate::error::Error;

/// How long an unused connection is kept: below the idle limits of common load balancers (60 s and more).
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

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
    /// Proxy for every request; without one the environment decides (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    pub proxy: Option<Url>,
    /// Certificate authorities beside the system's and those that `NODE_EXTRA_CA_CERTS` names.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Whether any URL is https; without one, reading the system's certificates would be for nothing.
    pub uses_tls: bool,
}

impl Settings {
    /// The TLS of all clients of an instance: the system's authorities and the extra ones; none at all where no request
    /// goes over TLS.
    pub(super) fn tls(&self) -> Result<ClientConfig, Error> {
        let provider = CryptoProvider::get_default()
            .cloned()
            .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable_roots(error.to_string()))?;
        if !self.uses_tls {
            return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        }
        let verifier = Verifier::new_with_extra_roots(self.all_extra_roots(), provider)
            .map_err(|error| unusable_roots(error.to_string()))?;
        let mut tls = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(tls)
    }

    /// A client for one origin. It has no time limit beside the one for connecting: each exchange has its own.
    pub(super) fn client(&self, tls: ClientConfig) -> Result<Client, Error> {
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .referer(false)
            // Ours decide. Without a limit of none, each request would be copied for a retry that never comes.
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE_CONNECTION)
            .tcp_keepalive(TCP_KEEPALIVE)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .http2_keep_alive_while_idle(true);
        let unusable = |error: reqwest::Error| {
            Error::config("proxy", "cannot be used").with_cause(super::classify::innermost(&error))
        };
        let exempt = exempt_hosts();
        let builder = match &self.proxy {
            // Where `*` stands for all hosts, the matcher still lets addresses without a name through to the proxy.
            _ if exempt.trim() == "*" => builder.no_proxy(),
            Some(url) => {
                builder.proxy(Proxy::all(url.as_str()).map_err(unusable)?.no_proxy(NoProxy::from_string(&exempt)))
            }
            None => builder,
        };
        builder.build().map_err(unusable)
    }

    /// The given authorities and those that Node itself trusts besides the system's. Like Node, a file that cannot be
    /// read is passed over.
    fn all_extra_roots(&self) -> Vec<CertificateDer<'static>> {
        let from_node = std::env::var_os("NODE_EXTRA_CA_CERTS")
            .filter(|path| !path.is_empty())
            .and_then(|path| std::fs::read(path).ok())
            .map(|pem| CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect::<Vec<_>>());
        self.extra_roots.iter().cloned().chain(from_node.unwrap_or_default()).collect()
    }
}

/// Hosts that no proxy is asked for.
fn exempt_hosts() -> String {
    ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default()
}

fn unusable_roots(cause: String) -> Error {
    Error::config("ca", "has no usable certificates: the system has none either, or a given one is damaged")
        .with_cause(cause)
}
