//! The sandbox over HTTP, under `/__control`. Bodies are JSON.
//!
//! | call | what it does |
//! | --- | --- |
//! | `GET /` | the addresses, as printed at the start |
//! | `GET /log?since=&route=&limit=` | the requests after number `since`; of one route; the newest `limit` |
//! | `PUT /log` | `{enabled?, capacity?}` |
//! | `DELETE /log` | empties it |
//! | `GET /counts` · `DELETE /counts` | the counters; sets them to 0 |
//! | `GET /faults` | the faults and what they have done |
//! | `POST /faults` | a [`Fault`](crate::Fault), or an array of them → `{ids}` |
//! | `DELETE /faults?id=` | one, or all |
//! | `GET /limits` · `PUT /limits` · `DELETE /limits?route=` | a [`Limit`](crate::Limit), or an array of them |
//! | `GET /latency` · `PUT /latency` | milliseconds by route; `"*"` for all, and it is read first |
//! | `GET /state?limit=` | live guests, access tokens, webhook events, profiles, settings; the newest `limit` of each |
//! | `POST /state` | `{revokeTokens?, endGuests?: true or the one to end, settings?, profiles?}` |
//! | `DELETE /state` | as it was at the start |
//! | `GET /messaging?limit=` | deployments, sessions, open sockets, contacts |
//! | `POST /messaging` | `{deployments?, contacts?, say?, disconnect?, closeSockets?, expireSessions?, expireJwts?, expireRefreshTokens?}` |
//! | `POST /messaging/sign-in` | a [`SignIn`](crate::SignIn) with `implicit?` → what the exchange needs |
//! | `GET /messaging/frames?since=&socket=&limit=` · `DELETE` | the frames of every socket, or of one |
//! | `GET /messaging/faults` · `POST` · `DELETE /messaging/faults?id=` | a [`FrameFault`](crate::FrameFault), or an array of them |

mod messaging;
mod refusal;
mod rules;
mod state;

use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::request::form;
use crate::state::Shared;
use refusal::Refusal;

const PREFIX: &str = "/__control";

/// Which call a path means; nothing when it is not the control API's.
pub(crate) fn call(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(PREFIX)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// Answers a call.
pub(crate) fn answer(shared: &Shared, call: &str, head: &Parts, body: &[u8]) -> Answer {
    let call = Call { shared, name: call, query: head.uri.query().unwrap_or_default(), body };
    match call.answer(&head.method) {
        Ok(answer) => answer,
        Err(refusal) => Answer::json(refusal.status(), json!({ "message": refusal.to_string() }).to_string()),
    }
}

/// One call of the control API.
struct Call<'a> {
    shared: &'a Shared,
    name: &'a str,
    query: &'a str,
    body: &'a [u8],
}

impl Call<'_> {
    fn answer(&self, method: &Method) -> Result<Answer, Refusal> {
        match (method.as_str(), self.name) {
            ("GET", "") => Ok(written(&self.shared.addresses())),
            ("GET", "log") => self.log(),
            ("PUT", "log") => self.set_log(),
            ("DELETE", "log") => {
                self.shared.lock().log.clear();
                Ok(done())
            }
            ("GET", "counts") => Ok(written(&self.shared.lock().tally.counts(&self.shared.gauges))),
            ("DELETE", "counts") => {
                self.shared.lock().tally = crate::record::Tally::default();
                self.shared.gauges.reset();
                Ok(done())
            }
            ("GET", "faults") => Ok(written(&self.shared.lock().faults.list())),
            ("POST", "faults") => self.add_faults(|state| &mut state.faults),
            ("DELETE", "faults") => self.clear_faults(|state| &mut state.faults),
            ("GET", "limits") => Ok(written(&self.shared.lock().limits.list())),
            ("PUT", "limits") => self.set_limits(),
            ("DELETE", "limits") => self.clear_limits(),
            ("GET", "latency") => Ok(written(&self.shared.lock().latency.json())),
            ("PUT", "latency") => self.set_latency(),
            ("GET", "state") => self.state(),
            ("POST", "state") => self.change_state(),
            ("DELETE", "state") => {
                self.shared.lock().reset();
                self.shared.gauges.reset();
                Ok(done())
            }
            ("GET", "messaging") => self.messaging(),
            ("POST", "messaging") => self.change_messaging(),
            ("POST", "messaging/sign-in") => self.sign_in(),
            ("GET", "messaging/frames") => self.frames(),
            ("DELETE", "messaging/frames") => {
                self.shared.lock().messaging.frames.clear();
                Ok(done())
            }
            ("GET", "messaging/faults") => Ok(written(&self.shared.lock().messaging.faults.list())),
            ("POST", "messaging/faults") => self.add_faults(|state| &mut state.messaging.faults),
            ("DELETE", "messaging/faults") => self.clear_faults(|state| &mut state.messaging.faults),
            (
                _,
                "" | "log" | "counts" | "faults" | "limits" | "latency" | "state" | "messaging" | "messaging/sign-in"
                | "messaging/frames" | "messaging/faults",
            ) => Err(Refusal::Method(method.clone())),
            (_, name) => Err(Refusal::Call(name.to_owned())),
        }
    }

    fn json(&self) -> Result<Value, Refusal> {
        Ok(serde_json::from_slice(self.body)?)
    }

    /// A query parameter that must be readable when it is there.
    fn parameter<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some((_, value)) = form(self.query).find(|(found, _)| found == name) else { return Ok(None) };
        let parsed = value.parse().map(Some);
        parsed.map_err(|_| Refusal::Parameter { name: name.to_owned(), value: value.into_owned() })
    }
}

/// One value, or each of an array.
fn each(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        value => vec![value],
    }
}

fn done() -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
}

fn written(value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(text) => Answer::json(StatusCode::OK, text),
        Err(error) => {
            Answer::json(StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": error.to_string() }).to_string())
        }
    }
}
