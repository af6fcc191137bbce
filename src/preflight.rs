//! The preflight: is the channel there and switched on? Remembered for five minutes, yes and no alike.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::caller::CallContext;
use crate::error::{Code, Error};
use crate::guest_api::{Channel, GuestApi};
use crate::hint::Hint;
use crate::sessions::key::{KeyHash, KeyHasher};
use crate::single_flight::SingleFlight;
use crate::sync::lock;
use crate::text::{LONGEST_IDENTIFIER, beginning};

/// Long enough to cost nothing, short enough that a channel switched on in the admin console works soon.
const REMEMBERED_FOR: Duration = Duration::from_secs(5 * 60);

/// Channels are few; payloads with made-up ones must not grow the memory.
const MOST_REMEMBERED: usize = 10_000;

/// Checks channels before guests are created in them.
pub(crate) struct Preflight {
    api: Arc<dyn GuestApi>,
    /// Payloads can name channels of any length: their hashes have one.
    hasher: KeyHasher,
    verdicts: Arc<Mutex<HashMap<KeyHash, (Channel, Instant)>>>,
    single_flight: SingleFlight<KeyHash, Channel>,
}

impl Preflight {
    pub(crate) fn new(api: Arc<dyn GuestApi>) -> Self {
        Self { api, hasher: KeyHasher::random(), verdicts: Arc::default(), single_flight: SingleFlight::default() }
    }

    /// Fails with [`Code::ChannelUnavailable`] when the channel is unknown or disabled, or not for guests who have not
    /// signed in.
    pub(crate) async fn check(&self, channel_id: &str, is_signed_in: bool, context: &CallContext) -> Result<(), Error> {
        let (key, now) = (self.hasher.hash(channel_id), Instant::now());
        let known = lock(&self.verdicts).get(&key).filter(|(_, until)| *until > now).map(|(channel, _)| *channel);
        let channel = match known {
            Some(channel) => channel,
            None => self.ask(key, channel_id, context).await?,
        };
        let shown = beginning(channel_id, LONGEST_IDENTIFIER);
        let error = match channel {
            Channel::Open => return Ok(()),
            Channel::SignedIn if is_signed_in => return Ok(()),
            Channel::SignedIn => unavailable(shown, "is for guests who have signed in").with_hint(Hint::SignInWanted),
            Channel::Unavailable => unavailable(shown, "is unknown or disabled"),
        };
        Err(error.with_request_id(context.request_id.clone()))
    }

    /// Forgets all verdicts.
    pub(crate) fn reset(&self) {
        lock(&self.verdicts).clear();
    }

    async fn ask(&self, key: KeyHash, channel_id: &str, context: &CallContext) -> Result<Channel, Error> {
        let (api, verdicts) = (Arc::clone(&self.api), Arc::clone(&self.verdicts));
        let (channel, context) = (channel_id.to_owned(), context.clone());
        let waiter = self.single_flight.join(key, || async move {
            let verdict = api.channel(&channel, &context).await?;
            let mut verdicts = lock(&verdicts);
            if verdicts.len() >= MOST_REMEMBERED {
                let now = Instant::now();
                verdicts.retain(|_, (_, until)| *until > now);
                if verdicts.len() >= MOST_REMEMBERED {
                    verdicts.clear();
                }
            }
            verdicts.insert(key, (verdict, Instant::now() + REMEMBERED_FOR));
            Ok(verdict)
        });
        waiter.await
    }
}

fn unavailable(channel_id: &str, why: &str) -> Error {
    Error::new(Code::ChannelUnavailable, format!("Channel {channel_id} {why}"))
}
