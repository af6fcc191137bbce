//! Exchanges by way of reqwest, which knows proxies: CONNECT, credentials, exemptions, the system's own settings.

use super::classify::{classify, innermost};
use super::client::{Answer, Exchange, IDLE_CONNECTION, Received, Settings, unusable_roots};
use super::fault::Fault;
use crate::error::Error;

#[derive(Clone)]
pub(super) struct Proxied(reqwest::Client);

impl Proxied {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(IDLE_CONNECTION);
        builder = if settings.uses_tls {
            let roots = settings.all_extra_roots();
            let roots = roots.iter().map(|root| reqwest::Certificate::from_der(root)).collect::<Result<Vec<_>, _>>();
            builder.tls_certs_merge(roots.map_err(|error| unusable_roots(innermost(&error)))?)
        } else {
            builder.tls_certs_only([])
        };
        if let Some(url) = &settings.proxy {
            let proxy = reqwest::Proxy::all(url.clone())
                .map_err(|_| Error::config("proxy", "must be the URL of an HTTP proxy"))?
                .no_proxy(reqwest::NoProxy::from_env());
            builder = builder.no_proxy().proxy(proxy);
        }
        // Where `*` stands for all hosts, reqwest lets addresses without a name through to the proxy.
        let exempt = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy"));
        if exempt.is_ok_and(|hosts| hosts.trim() == "*") {
            builder = builder.no_proxy();
        }
        builder.build().map(Self).map_err(|error| unusable_roots(innermost(&error)))
    }

    pub(super) async fn send(&self, exchange: Exchange) -> Result<Answer, Fault> {
        let fault = |error: reqwest::Error| classify(error.is_connect(), &error);
        let mut request = reqwest::Request::new(exchange.method, exchange.url);
        *request.headers_mut() = exchange.headers;
        *request.body_mut() = Some(exchange.body.into());
        let mut response = self.0.execute(request).await.map_err(fault)?;
        let mut body = Received::expect(response.content_length())?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        while let Some(piece) = response.chunk().await.map_err(fault)? {
            body.push(piece)?;
        }
        Ok(Answer { status, headers, body: body.finish() })
    }
}
