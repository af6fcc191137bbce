//! One exchange over HTTP: bounded in time and size, no redirects, no retries, no cookies.

use std::sync::{Arc, Mutex};

use reqwest::Client;
use rustls::ClientConfig;
use tokio::time::Instant;
use url::{Position, Url};

use super::classify::{classify, is_unprocessed};
use super::exchange::{Answer, Exchange, host_of};
use super::fault::Fault;
use super::settings::Settings;
use crate::error::Error;
use crate::sync::lock;

/// A request that an HTTP/2 server did not take goes out again at once, so often at most.
const MOST_UNPROCESSED: u32 = 8;

/// The HTTP client of one configuration: a client for each origin, whose connections all calls share.
pub(crate) struct Http {
    settings: Settings,
    state: Mutex<State>,
}

enum State {
    /// Reading the system's certificates takes milliseconds, so the first exchange pays and not the constructor.
    New,
    Ready(Box<Origins>),
    Failed(Error),
    Released,
}

struct Origins {
    tls: ClientConfig,
    known: Vec<Arc<Origin>>,
}

/// One scheme, host and port.
struct Origin {
    /// What its URLs begin with.
    prefix: String,
    client: Client,
}

impl Http {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::new(State::New) }
    }

    fn origin(&self, url: &Url) -> Result<Arc<Origin>, Fault> {
        let mut state = lock(&self.state);
        if matches!(*state, State::New) {
            // Fails when another provider is installed already, which then serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
            *state = match self.settings.tls() {
                Ok(tls) => State::Ready(Box::new(Origins { tls, known: Vec::new() })),
                Err(error) => State::Failed(error),
            };
        }
        match &mut *state {
            State::Ready(origins) => origins.get(url, &self.settings).map_err(Fault::Setup),
            State::Failed(error) => Err(Fault::Setup(error.clone())),
            State::New | State::Released => Err(Fault::Setup(Error::closed())),
        }
    }

    /// Closes the connections; exchanges fail from now on.
    pub(crate) fn release(&self) {
        *lock(&self.state) = State::Released;
    }

    /// Sends once and reads the whole answer before `until`. `build` makes the request, anew where the server did not take
    /// it.
    pub(crate) async fn send(&self, build: impl Fn() -> Exchange, until: Instant) -> Result<Answer, Fault> {
        let exchange = build();
        let host = || host_of(build().url());
        let origin = self.origin(exchange.url())?;
        let started = Instant::now();
        match tokio::time::timeout_at(until, origin.exchange(exchange, &build)).await {
            Ok(result) => result.map_err(|fault| fault.at_host(host())),
            Err(_) => Err(Fault::TimedOut { host: host(), after: started.elapsed() }),
        }
    }
}

impl Origins {
    /// The origins of a configuration are few, so that a list is searched fastest.
    fn get(&mut self, url: &Url, settings: &Settings) -> Result<Arc<Origin>, Error> {
        let prefix = &url[..Position::BeforePath];
        if let Some(origin) = self.known.iter().find(|origin| origin.prefix == prefix) {
            return Ok(Arc::clone(origin));
        }
        let origin = Arc::new(Origin { prefix: prefix.to_owned(), client: settings.client(self.tls.clone())? });
        self.known.push(Arc::clone(&origin));
        Ok(origin)
    }
}

impl Origin {
    async fn exchange(&self, first: Exchange, build: impl Fn() -> Exchange) -> Result<Answer, Fault> {
        let mut request = first.into_request();
        let mut unprocessed = 0;
        loop {
            match self.client.execute(request).await {
                Ok(response) => return Answer::read(response).await,
                Err(error) if unprocessed < MOST_UNPROCESSED && is_unprocessed(&error) => {
                    unprocessed += 1;
                    request = build().into_request();
                }
                Err(error) => return Err(classify(&error)),
            }
        }
    }
}
