//! How long answers take.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::route::Route;

/// The latency of each route: the time between processing and answering. Waiting costs no CPU.
#[derive(Clone, Copy, Default)]
pub(crate) struct Latency([Duration; Route::ALL.len()]);

impl Latency {
    /// Sets the milliseconds of one route, or of all.
    pub(crate) fn set(&mut self, route: Option<Route>, ms: f64) {
        let latency = Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default();
        match route {
            Some(route) => self.0[route.index()] = latency,
            None => self.0 = [latency; Route::ALL.len()],
        }
    }

    /// The latency of a route.
    pub(crate) fn of(&self, route: Route) -> Duration {
        self.0[route.index()]
    }

    /// Milliseconds by name of the route.
    pub(crate) fn json(&self) -> Map<String, Value> {
        Route::ALL.iter().map(|route| (route.name().into(), (self.of(*route).as_secs_f64() * 1000.0).into())).collect()
    }
}
