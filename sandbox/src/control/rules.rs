//! Calls that script: faults, limits, latency.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Call, Refusal, done, each, written};
use crate::answer::Answer;
use crate::route::Route;
use crate::rules::{Faults, Limit, Scripted};
use crate::state::State;

impl Call<'_> {
    /// All or none: a list with a mistake in it changes nothing.
    pub(super) fn add_faults<F: Scripted + DeserializeOwned>(
        &self,
        list: impl FnOnce(&mut State) -> &mut Faults<F>,
    ) -> Result<Answer, Refusal> {
        let mut faults = Vec::new();
        for value in each(self.json()?) {
            let fault: F = serde_json::from_value(value)?;
            fault.check()?;
            faults.push(fault);
        }
        let mut state = self.shared.lock();
        let list = list(&mut state);
        let ids: Vec<_> = faults.into_iter().map(|fault| list.add(fault)).collect();
        Ok(written(&json!({ "ids": ids })))
    }

    pub(super) fn clear_faults<F: Scripted>(
        &self,
        list: impl FnOnce(&mut State) -> &mut Faults<F>,
    ) -> Result<Answer, Refusal> {
        let id = self.parameter("id")?;
        let cleared = list(&mut self.shared.lock()).clear(id);
        match id {
            Some(id) if cleared == 0 => Err(Refusal::Fault(id)),
            _ => Ok(done()),
        }
    }

    pub(super) fn set_limits(&self) -> Result<Answer, Refusal> {
        let mut limits = Vec::new();
        for value in each(self.json()?) {
            let limit: Limit = serde_json::from_value(value)?;
            limit.check()?;
            limits.push(limit);
        }
        let mut state = self.shared.lock();
        for limit in limits {
            state.limits.set(limit);
        }
        Ok(done())
    }

    pub(super) fn clear_limits(&self) -> Result<Answer, Refusal> {
        let route = self.parameter("route")?;
        self.shared.lock().limits.clear(route);
        Ok(done())
    }

    pub(super) fn set_latency(&self) -> Result<Answer, Refusal> {
        let Value::Object(members) = self.json()? else { return Err(Refusal::LatencyObject) };
        let mut latencies = Vec::new();
        for (name, ms) in &members {
            let route = if name == "*" { None } else { Some(name.parse::<Route>()?) };
            let ms = ms.as_f64().filter(|ms| *ms >= 0.0);
            latencies.push((route, ms.ok_or_else(|| Refusal::Latency(name.clone()))?));
        }
        // All routes first, then the exceptions.
        latencies.sort_by_key(|(route, _)| route.is_some());
        let mut state = self.shared.lock();
        for (route, ms) in latencies {
            state.latency.set(route, ms);
        }
        Ok(done())
    }
}
