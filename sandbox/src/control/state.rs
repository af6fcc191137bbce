//! Calls that ask and change what the sandbox knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Call, Refusal, done, written};
use crate::answer::Answer;
use crate::clock;
use crate::record::LogEntry;
use crate::route::Route;
use crate::state::Shared;

/// Where everything is.
#[derive(Serialize)]
pub(crate) struct Addresses<'a> {
    url: &'a str,
    login: &'a str,
    api: &'a str,
    crm: String,
    webhook: String,
    messaging: String,
    cdn: &'a str,
    control: String,
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<&'a str>,
}

/// What `GET state` answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Known<Guests, Live, Created, Tokens, Issued, Events, Received, Profiles, Settings> {
    guests: Guests,
    live_guests: Live,
    guests_created: Created,
    tokens: Tokens,
    tokens_issued: Issued,
    webhook_events: Events,
    webhook_received: Received,
    profiles: Profiles,
    settings: Settings,
}

impl Shared {
    /// Where everything is: what the program prints when it listens.
    pub(crate) fn addresses(&self) -> Addresses<'_> {
        let url = self.origin.as_str();
        Addresses {
            url,
            login: url,
            api: url,
            crm: format!("{url}/crm"),
            webhook: format!("{url}/webhook"),
            messaging: self.messaging_url(),
            cdn: url,
            control: format!("{url}{}", super::PREFIX),
            pid: std::process::id(),
            ca: self.ca.as_deref(),
        }
    }
}

/// One of them, or all.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Which {
    All(bool),
    One(String),
    Some(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    revoke_tokens: Option<Which>,
    end_guests: Option<Which>,
    settings: Option<Value>,
    #[serde(default)]
    profiles: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogChange {
    enabled: Option<bool>,
    capacity: Option<usize>,
}

impl Call<'_> {
    pub(super) fn log(&self) -> Result<Answer, Refusal> {
        let since = self.parameter("since")?.unwrap_or(0);
        let route: Option<Route> = self.parameter("route")?;
        let limit = self.parameter("limit")?.unwrap_or(usize::MAX);
        let state = self.shared.lock();
        let wanted = |entry: &&LogEntry| route.is_none_or(|route| route == entry.route);
        let entries: Vec<_> = state.log.since(since).filter(wanted).collect();
        Ok(written(&&entries[entries.len().saturating_sub(limit)..]))
    }

    pub(super) fn set_log(&self) -> Result<Answer, Refusal> {
        let LogChange { enabled, capacity } = serde_json::from_slice(self.body)?;
        let mut state = self.shared.lock();
        if let Some(enabled) = enabled {
            state.log.enabled = enabled;
            state.messaging.frames.enabled = enabled;
        }
        if let Some(capacity) = capacity {
            state.log.resize(capacity);
            state.messaging.frames.resize(capacity);
        }
        Ok(done())
    }

    pub(super) fn state(&self) -> Result<Answer, Refusal> {
        let limit = self.parameter("limit")?.unwrap_or(usize::MAX);
        let now = clock::now();
        let state = self.shared.lock();
        let events = &state.events;
        let skipped = events.kept.len().saturating_sub(limit);
        // Not by way of `Value`, which refuses what the guests' attributes may hold: half a surrogate pair.
        Ok(written(&Known {
            guests: state.genesys.guests.list(now, limit),
            live_guests: state.genesys.guests.count(now),
            guests_created: state.genesys.guests.created(),
            tokens: state.genesys.tokens.list(now, limit),
            tokens_issued: state.genesys.tokens.issued(),
            webhook_events: events.kept.iter().skip(skipped).collect::<Vec<_>>(),
            webhook_received: events.received,
            profiles: &state.profiles,
            settings: &state.settings,
        }))
    }

    pub(super) fn change_state(&self) -> Result<Answer, Refusal> {
        let change: Change = serde_json::from_slice(self.body)?;
        let mut state = self.shared.lock();
        if let Some(patch) = change.settings {
            let settings = state.settings.patched(patch)?;
            state.apply(settings);
        }
        let revoked = apply(change.revoke_tokens, |which| state.genesys.tokens.revoke(which));
        let ended = apply(change.end_guests, |which| state.genesys.guests.end(which));
        state.profiles.extend(change.profiles.into_iter().map(|(email, profile)| (email.to_lowercase(), profile)));
        Ok(written(&json!({ "tokensRevoked": revoked, "guestsEnded": ended })))
    }
}

/// Does something to one, some or all; how many it was done to.
pub(super) fn apply(which: Option<Which>, mut act: impl FnMut(Option<&str>) -> usize) -> usize {
    match which {
        None | Some(Which::All(false)) => 0,
        Some(Which::All(true)) => act(None),
        Some(Which::One(one)) => act(Some(&one)),
        Some(Which::Some(several)) => several.iter().map(|one| act(Some(one))).sum(),
    }
}
