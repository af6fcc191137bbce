//! Exchanges by way of hyper's own pooled client: HTTP/1.1, and HTTP/2 where TLS agrees on it. (reqwest, which is made of the
//! same parts, costs ten microseconds more a request.)

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::Verifier;
use tower_service::Service;

use super::classify::classify;
use super::client::{Answer, Exchange, IDLE_CONNECTION, Received, Settings, unusable_roots};
use super::fault::Fault;
use super::route::{BoxError, Connecting, Proxies, Route};
use crate::error::Error;

/// The client of one configuration; clones share its connections.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client<InTime<HttpsConnector<Route>>, Full<Bytes>>,
    proxies: Proxies,
}

impl Transport {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let (tls, proxies) = (tls(settings)?, Proxies::new(settings));
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let route = Route::new(tcp, &tls, proxies.clone());
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(route);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .build(InTime { connector: https, limit: settings.connect_timeout });
        Ok(Self { client, proxies })
    }

    pub(super) async fn send(&self, exchange: Exchange) -> Result<Answer, Fault> {
        let mut request = http::Request::new(Full::new(exchange.body));
        *request.method_mut() = exchange.method;
        *request.headers_mut() = exchange.headers;
        *request.uri_mut() = Uri::try_from(exchange.url.as_str()).map_err(|error| {
            Fault::Setup(Error::config("configuration", format!("holds a URL that cannot be sent: {error}")))
        })?;
        if let Some(credentials) = self.proxies.credentials(request.uri()) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, credentials);
        }
        let response = self.client.request(request).await.map_err(|error| classify(error.is_connect(), &error))?;
        let (head, mut incoming) = response.into_parts();
        let mut body = Received::expect(incoming.size_hint().exact())?;
        while let Some(frame) = incoming.frame().await {
            // Trailers are passed over.
            if let Ok(piece) = frame.map_err(|error| classify(false, &error))?.into_data() {
                body.push(piece)?;
            }
        }
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.finish() })
    }
}

/// The system's authorities and the extra ones; none at all where no request goes over TLS.
fn tls(settings: &Settings) -> Result<ClientConfig, Error> {
    let provider =
        CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable_roots(error.to_string()))?;
    if !settings.uses_tls {
        return Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth());
    }
    let verifier = Verifier::new_with_extra_roots(settings.all_extra_roots(), provider)
        .map_err(|error| unusable_roots(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// A connector whose whole work, the TLS handshake included, has a limit.
#[derive(Clone)]
struct InTime<C> {
    connector: C,
    limit: Duration,
}

impl<C> Service<Uri> for InTime<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = Connecting<C::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, limit) = (self.connector.call(uri), self.limit);
        Box::pin(async move {
            let late = || format!("no connection within {} ms", limit.as_millis()).into();
            tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(late()))
        })
    }
}
