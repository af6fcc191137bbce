//! The preflight: is the channel there and switched on? Remembered for five minutes, yes and no alike.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Code, Error};
use crate::guest_api::{CallContext, GuestApi};
use crate::json::Members;
use crate::single_flight::SingleFlight;
use crate::sync::lock;

/// Long enough to cost nothing, short enough that a channel switched on in the admin console works soon.
const REMEMBERED_FOR: Duration = Duration::from_secs(5 * 60);

/// Channels are few; payloads with made-up ones must not grow the memory.
const MOST_REMEMBERED: usize = 10_000;

/// Checks channels before guests are created in them.
pub(crate) struct Preflight {
    api: Arc<GuestApi>,
    verdicts: Arc<Mutex<HashMap<String, (bool, Instant)>>>,
    single_flight: SingleFlight<String, bool>,
}

impl Preflight {
    pub(crate) fn new(api: Arc<GuestApi>) -> Self {
        Self { api, verdicts: Arc::default(), single_flight: SingleFlight::default() }
    }

    /// Fails with [`Code::ChannelUnavailable`] when the channel is unknown or disabled.
    pub(crate) async fn check(&self, channel_id: &str, context: &CallContext) -> Result<(), Error> {
        let now = Instant::now();
        let known = lock(&self.verdicts).get(channel_id).filter(|(_, until)| *until > now).map(|(usable, _)| *usable);
        let usable = match known {
            Some(usable) => usable,
            None => self.ask(channel_id, context).await?,
        };
        if usable {
            return Ok(());
        }
        Err(Error::new(Code::ChannelUnavailable, format!("Channel {channel_id} is unknown or disabled"))
            .with_request_id(context.request_id.clone()))
    }

    async fn ask(&self, channel_id: &str, context: &CallContext) -> Result<bool, Error> {
        let (api, verdicts) = (Arc::clone(&self.api), Arc::clone(&self.verdicts));
        let (channel, context) = (channel_id.to_owned(), context.clone());
        let waiter = self.single_flight.join(channel_id.to_owned(), || async move {
            let answer = api.channel(&channel, &context).await?;
            let usable = answer.is_some_and(|body| is_enabled(&body));
            let mut verdicts = lock(&verdicts);
            if verdicts.len() >= MOST_REMEMBERED {
                let now = Instant::now();
                verdicts.retain(|_, (_, until)| *until > now);
                if verdicts.len() >= MOST_REMEMBERED {
                    verdicts.clear();
                }
            }
            verdicts.insert(channel, (usable, Instant::now() + REMEMBERED_FOR));
            Ok(usable)
        });
        waiter.await
    }
}

/// A channel is disabled when its description says so in any of the ways that Genesys Cloud entities do.
fn is_enabled(body: &str) -> bool {
    let Some(channel) = Members::parse(body) else { return true };
    let is_false = |name| channel.get(name).is_some_and(|value| value.get() == "false");
    let is_true = |name| channel.get(name).is_some_and(|value| value.get() == "true");
    let off = ["status", "state"].into_iter().filter_map(|name| channel.string(name)).any(|state| {
        ["disabled", "inactive", "deleted", "unprovisioned"].contains(&state.to_ascii_lowercase().as_str())
    });
    !(off || is_false("enabled") || is_false("active") || is_true("disabled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_disabled_only_when_it_says_so() {
        for body in ["{}", r#"{"status":"active","enabled":true}"#, r#"{"state":"ACTIVE"}"#, "", "[]"] {
            assert!(is_enabled(body), "{body}");
        }
        for body in [
            r#"{"enabled":false}"#,
            r#"{"status":"Disabled"}"#,
            r#"{"state":"inactive"}"#,
            r#"{"disabled":true}"#,
            r#"{"active":false}"#,
        ] {
            assert!(!is_enabled(body), "{body}");
        }
    }
}
