//! The HTTP client of one configuration: an [`Origin`] for each host that it talks to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::Instant;
use url::{Position, Url};

use super::exchange::{Answer, Exchange};
use super::fault::Fault;
use super::operation::Operation;
use super::origin::Origin;
use super::proxies::Proxies;
use super::settings::{Protocol, Settings};
use super::web_socket::{Handshake, WebSocketConnection};
use crate::error::Error;
use crate::sync::lock;

/// One exchange at a time: bounded in time and size, no redirects, no retries, no cookies.
pub(crate) struct Http {
    settings: Settings,
    state: Mutex<ClientState>,
}

enum ClientState {
    /// Reading the system's certificates takes milliseconds, so the first exchange pays and not the constructor.
    New,
    Ready(Box<Origins>),
    Failed(Error),
    Released,
}

struct Origins {
    tls: ClientConfig,
    proxies: Proxies,
    known: Vec<Arc<Origin>>,
}

impl Http {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::new(ClientState::New) }
    }

    fn origin(&self, url: &Url, protocol: Protocol, limit: Duration) -> Result<Arc<Origin>, Fault> {
        let mut state = lock(&self.state);
        if matches!(*state, ClientState::New) {
            // Fails when another provider is installed already, which then serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
            *state = match self.settings.tls() {
                Ok(tls) => {
                    let proxies = Proxies::new(&self.settings.proxy);
                    ClientState::Ready(Box::new(Origins { tls, proxies, known: Vec::new() }))
                }
                Err(error) => ClientState::Failed(error),
            };
        }
        match &mut *state {
            ClientState::Ready(origins) => origins.get(url, protocol, limit, &self.settings).map_err(Fault::Setup),
            ClientState::Failed(error) => Err(Fault::Setup(error.clone())),
            ClientState::New | ClientState::Released => Err(Fault::Setup(Error::closed())),
        }
    }

    /// Closes the connections; exchanges fail from now on.
    pub(crate) fn release(&self) {
        *lock(&self.state) = ClientState::Released;
    }

    /// Sends once and reads the whole answer within `limit`, and before `deadline`, against which waiting for a connection
    /// counts too. `build` makes the request, anew where the server did not take it.
    pub(crate) async fn send(
        &self,
        build: impl Fn() -> Exchange,
        operation: &Operation,
        limit: Duration,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let first = build();
        let origin = self.origin(first.url(), Protocol::Http, limit)?;
        origin.send(first, build, operation, limit, deadline).await
    }

    /// Opens a WebSocket within the limit for connecting, and before `deadline`.
    pub(crate) async fn connect(
        &self,
        handshake: &Handshake,
        operation: &Operation,
        deadline: Instant,
    ) -> Result<WebSocketConnection, Fault> {
        let limit = self.settings.connect_timeout;
        let origin = self.origin(handshake.url(), Protocol::WebSocket, limit)?;
        origin.connect(handshake, operation, limit, deadline).await
    }
}

impl Origins {
    /// The origins of a configuration are few, so that a list is searched fastest.
    fn get(
        &mut self,
        url: &Url,
        protocol: Protocol,
        limit: Duration,
        settings: &Settings,
    ) -> Result<Arc<Origin>, Error> {
        let prefix = &url[..Position::BeforePath];
        if let Some(origin) = self.known.iter().find(|origin| origin.prefix == prefix && origin.protocol == protocol) {
            return Ok(Arc::clone(origin));
        }
        let origin = Arc::new(Origin::new(url, protocol, limit, settings, &self.proxies, &self.tls)?);
        self.known.push(Arc::clone(&origin));
        Ok(origin)
    }
}
