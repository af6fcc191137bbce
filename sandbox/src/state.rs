//! Everything that the sandbox knows, behind one lock, and what it decides about one request.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use crate::answer::Answer;
use crate::clock;
use crate::crm::{self, Profiles};
use crate::genesys::Genesys;
use crate::messaging::{Messaging, Opening, Outgoing};
use crate::options::Options;
use crate::record::{Gauges, Log, Tally};
use crate::request::Request;
use crate::route::Route;
use crate::rules::{Fault, Faults, Hangup, Latency, Limits, TokenLimits};
use crate::settings::Settings;
use crate::webhook::Events;

/// How long sockets may take to end when the sandbox stops.
const GOODBYE: Duration = Duration::from_millis(200);

/// What the connections and the handle share.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) gauges: Arc<Gauges>,
    /// How many sockets are open.
    open_sockets: watch::Sender<usize>,
    pub(crate) origin: String,
    /// The certificate to trust, in PEM, when TLS is spoken.
    pub(crate) ca: Option<String>,
}

impl Shared {
    pub(crate) fn new(options: Options, origin: String, ca: Option<String>) -> Self {
        let state = Mutex::new(State::new(options, origin.clone()));
        Self { state, gauges: Arc::default(), open_sockets: watch::Sender::new(0), origin, ca }
    }

    /// The address of the socket.
    pub(crate) fn messaging_url(&self) -> String {
        // `http` becomes `ws`, and `https` `wss`.
        format!("{}/v1", self.origin.replacen("http", "ws", 1))
    }

    /// Takes a socket in; its number.
    pub(crate) fn open_socket(&self, opening: Opening, outgoing: UnboundedSender<Outgoing>) -> u64 {
        self.open_sockets.send_modify(|open| *open += 1);
        self.lock().messaging.open(opening, outgoing)
    }

    /// Forgets a socket whose connection has ended.
    pub(crate) fn close_socket(&self, number: u64) {
        self.lock().messaging.closed(number);
        self.open_sockets.send_modify(|open| *open -= 1);
    }

    /// Waits until sockets that are being closed have said so; not for ever.
    pub(crate) async fn sockets_closed(&self) {
        let mut open = self.open_sockets.subscribe();
        let _ = tokio::time::timeout(GOODBYE, open.wait_for(|open| *open == 0)).await;
    }

    /// The state. Held for microseconds, never across an await; a test's panic elsewhere does not make it unusable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that the sandbox knows.
pub(crate) struct State {
    options: Options,
    origin: String,
    pub(crate) started: Instant,
    pub(crate) settings: Settings,
    pub(crate) genesys: Genesys,
    pub(crate) messaging: Messaging,
    pub(crate) profiles: Profiles,
    pub(crate) events: Events,
    pub(crate) faults: Faults<Fault>,
    pub(crate) limits: Limits,
    token_limits: TokenLimits,
    pub(crate) latency: Latency,
    pub(crate) log: Log,
    pub(crate) tally: Tally,
}

/// What is to be sent, when and how.
pub(crate) struct Plan {
    pub(crate) answer: Answer,
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Arc<Fault>>,
    /// The socket that follows.
    pub(crate) opening: Option<Opening>,
}

impl State {
    fn new(options: Options, origin: String) -> Self {
        let settings = options.settings.clone();
        let mut limits = Limits::default();
        options.limits.iter().cloned().for_each(|limit| limits.set(limit));
        let mut latency = Latency::default();
        options.latency.iter().for_each(|(route, ms)| latency.set(*route, *ms));
        let started = clock::now();
        Self {
            started,
            messaging: Messaging::new(&options, started),
            genesys: Genesys::new(settings.signer(&origin)),
            settings,
            profiles: Profiles::default(),
            events: Events::default(),
            faults: Faults::new(options.seed),
            limits,
            token_limits: TokenLimits::default(),
            latency,
            log: Log::new(options.log, options.log_capacity),
            tally: Tally::default(),
            options,
            origin,
        }
    }

    /// As it was at the start; only the clock goes on.
    pub(crate) fn reset(&mut self) {
        let started = self.started;
        let messaging = self.messaging.reset(&self.options);
        *self = Self { started, messaging, ..Self::new(self.options.clone(), std::mem::take(&mut self.origin)) };
    }

    /// Puts new settings in force.
    pub(crate) fn apply(&mut self, settings: Settings) {
        self.genesys.signer = settings.signer(&self.origin);
        self.settings = settings;
    }

    /// Milliseconds from the start to a moment.
    pub(crate) fn elapsed_ms(&self, moment: Instant) -> f64 {
        moment.saturating_duration_since(self.started).as_secs_f64() * 1000.0
    }

    /// The route of a path and its variable part.
    pub(crate) fn route(&self, path: &str) -> (Route, String) {
        let alias = self
            .settings
            .aliases
            .iter()
            .find_map(|(from, to)| Some(format!("{to}{}", path.strip_prefix(from.as_str())?)));
        let path = alias.map_or(Cow::Borrowed(path), Cow::Owned);
        let (route, part) = Route::find(&path);
        (route, part.into_owned())
    }

    /// Processes a request and decides what the client gets to see of it.
    pub(crate) fn decide(&mut self, request: &Request) -> Plan {
        let fault = self.faults.pick(|fault| fault.concerns(request));
        let mut answer = match &fault {
            None => self.process(request),
            Some(fault) => {
                let truth = if fault.processes() { self.process(request) } else { Answer::empty(StatusCode::OK) };
                if fault.replaces() { fault.answer(request) } else { truth }
            }
        };
        answer.correlate(request.correlation);
        let mut hangup = None;
        if let Some(fault) = &fault {
            fault.decorate(&mut answer);
            hangup = fault.hangup;
        }
        let status = (!matches!(hangup, Some(Hangup::Before | Hangup::After))).then_some(answer.status.as_u16());
        let delay =
            self.latency.of(request.route) + Duration::from_millis(fault.as_ref().map_or(0, |fault| fault.delay_ms));
        self.tally.count(request.route, status, fault.is_some());
        let t_ms = self.elapsed_ms(request.arrived);
        self.log.keep(request, t_ms, status, fault.clone());
        let upgrades = request.route == Route::Socket && answer.status == StatusCode::SWITCHING_PROTOCOLS;
        let opening = if upgrades { self.messaging.opening(request) } else { None };
        Plan { answer, delay, fault, opening }
    }

    /// The true answer.
    fn process(&mut self, request: &Request) -> Answer {
        let (route, correlation) = (request.route, request.correlation);
        match route.method() {
            Some(method) if method != request.method => return Answer::wrong_method(route, &method, correlation),
            _ => {}
        }
        if request.body.len() > self.settings.max_request_bytes {
            return Answer::plain_error(route, StatusCode::PAYLOAD_TOO_LARGE, correlation);
        }
        if route.needs_bearer()
            && let Some(refusal) = self.genesys.refuse_stranger(request)
        {
            return refusal;
        }
        let token_limit = self.settings.token_limit.filter(|_| route.needs_bearer());
        let of_token = token_limit.map(|limit| self.token_limits.take(limit, request));
        let verdict = match of_token {
            Some(verdict) if !verdict.granted => Some(verdict),
            of_token => self.limits.take(request).or(of_token),
        };
        let mut answer = match &verdict {
            Some(verdict) if !verdict.granted => verdict.refusal(request),
            _ => match route {
                Route::Crm => crm::profile(&self.profiles, request),
                Route::Webhook => {
                    let t_ms = self.elapsed_ms(request.arrived);
                    self.events.receive(request, t_ms, &self.log)
                }
                _ => match self.messaging.answer(&self.settings.messaging, &self.origin, request) {
                    Some(answer) => answer,
                    None => self.genesys.answer(&self.settings, request),
                },
            },
        };
        if let Some(verdict) = verdict.filter(|_| self.settings.announces_limits) {
            verdict.describe(&mut answer);
        }
        answer
    }
}
