//! Counters: cheap, and always on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::route::Route;

const ROUTES: usize = Route::ALL.len();

/// What was counted since the start or the last reset.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// All requests.
    pub total: u64,
    /// By route.
    #[serde(serialize_with = "by_name")]
    pub routes: [RouteCounts; ROUTES],
    /// Connections.
    pub connections: Connections,
}

/// What was counted on one route.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RouteCounts {
    /// Requests.
    pub total: u64,
    /// Requests by the status answered.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests whose connection was closed instead of answered.
    pub dropped: u64,
    /// Requests that a fault hit.
    pub faulted: u64,
    /// Requests that run now.
    pub in_flight: u64,
    /// The most that ever ran at once.
    pub peak_in_flight: u64,
    /// Requests that the client gave up before they were answered.
    pub aborted: u64,
}

/// Connections, without those of the control API.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Connections {
    /// Accepted.
    pub opened: u64,
    /// Open now.
    pub open: u64,
    /// TLS handshakes that failed.
    pub failed: u64,
}

impl Counts {
    /// What was counted on a route.
    #[must_use]
    pub fn route(&self, route: Route) -> &RouteCounts {
        &self.routes[route.index()]
    }
}

impl RouteCounts {
    /// How many requests were answered with this status.
    #[must_use]
    pub fn status(&self, status: u16) -> u64 {
        self.by_status.get(&status).copied().unwrap_or_default()
    }
}

fn by_name<S: Serializer>(routes: &[RouteCounts; ROUTES], target: S) -> Result<S::Ok, S::Error> {
    let mut map = target.serialize_map(Some(ROUTES))?;
    for route in Route::ALL {
        map.serialize_entry(route.name(), &routes[route.index()])?;
    }
    map.end()
}

/// What is counted under the lock: requests that were decided.
#[derive(Default)]
pub(crate) struct Tally([Line; ROUTES]);

#[derive(Default)]
struct Line {
    total: u64,
    dropped: u64,
    faulted: u64,
    /// A route answers few statuses: a list is quicker than a map.
    by_status: Vec<(u16, u64)>,
}

impl Tally {
    pub(crate) fn count(&mut self, route: Route, status: Option<u16>, faulted: bool) {
        let line = &mut self.0[route.index()];
        line.total += 1;
        line.faulted += u64::from(faulted);
        let Some(status) = status else {
            line.dropped += 1;
            return;
        };
        match line.by_status.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += 1,
            None => line.by_status.push((status, 1)),
        }
    }

    /// The counters as a test sees them.
    pub(crate) fn counts(&self, gauges: &Gauges) -> Counts {
        let route = |route: Route| {
            let (line, gauge) = (&self.0[route.index()], &gauges.routes[route.index()]);
            RouteCounts {
                total: line.total,
                by_status: line.by_status.iter().copied().collect(),
                dropped: line.dropped,
                faulted: line.faulted,
                in_flight: gauge.in_flight.load(Relaxed),
                peak_in_flight: gauge.peak.load(Relaxed),
                aborted: gauge.aborted.load(Relaxed),
            }
        };
        Counts {
            total: self.0.iter().map(|line| line.total).sum(),
            routes: Route::ALL.map(route),
            connections: Connections {
                opened: gauges.opened.load(Relaxed),
                open: gauges.open.load(Relaxed),
                failed: gauges.failed.load(Relaxed),
            },
        }
    }
}

/// What is counted without the lock: things that begin and end.
#[derive(Default)]
pub(crate) struct Gauges {
    routes: [Gauge; ROUTES],
    pub(crate) opened: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) failed: AtomicU64,
}

#[derive(Default)]
struct Gauge {
    in_flight: AtomicU64,
    peak: AtomicU64,
    aborted: AtomicU64,
}

impl Gauges {
    /// Forgets the past. What runs now still runs.
    pub(crate) fn reset(&self) {
        for gauge in &self.routes {
            gauge.peak.store(gauge.in_flight.load(Relaxed), Relaxed);
            gauge.aborted.store(0, Relaxed);
        }
        self.opened.store(self.open.load(Relaxed), Relaxed);
        self.failed.store(0, Relaxed);
    }
}

/// A request that runs. Dropped before it has landed, it was given up by the client.
pub(crate) struct Flight {
    gauges: Arc<Gauges>,
    route: Route,
    landed: bool,
}

impl Flight {
    pub(crate) fn start(gauges: Arc<Gauges>, route: Route) -> Self {
        let gauge = &gauges.routes[route.index()];
        let running = gauge.in_flight.fetch_add(1, Relaxed) + 1;
        gauge.peak.fetch_max(running, Relaxed);
        Self { gauges, route, landed: false }
    }

    /// The answer goes out.
    pub(crate) fn land(mut self) {
        self.landed = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let gauge = &self.gauges.routes[self.route.index()];
        gauge.in_flight.fetch_sub(1, Relaxed);
        gauge.aborted.fetch_add(u64::from(!self.landed), Relaxed);
    }
}
