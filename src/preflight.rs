//! The preflight: is the channel there and switched on? Remembered for five minutes, yes and no alike.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::caller::CallContext;
use crate::error::{Code, Error};
use crate::guest_api::{Channel, GuestApi};
use crate::single_flight::SingleFlight;
use crate::sync::lock;

/// Long enough to cost nothing, short enough that a channel switched on in the admin console works soon.
const REMEMBERED_FOR: Duration = Duration::from_secs(5 * 60);

/// Channels are few; payloads with made-up ones must not grow the memory.
const MOST_REMEMBERED: usize = 10_000;

/// What to do about a channel that wants its guests to sign in.
const SIGN_IN: &str = "Give signIn: how the guest has signed in";

/// Checks channels before guests are created in them.
pub(crate) struct Preflight {
    api: Arc<dyn GuestApi>,
    verdicts: Arc<Mutex<HashMap<String, (Channel, Instant)>>>,
    single_flight: SingleFlight<String, Channel>,
}

impl Preflight {
    pub(crate) fn new(api: Arc<dyn GuestApi>) -> Self {
        Self { api, verdicts: Arc::default(), single_flight: SingleFlight::default() }
    }

    /// Fails with [`Code::ChannelUnavailable`] when the channel is unknown or disabled, or not for guests who have not
    /// signed in.
    pub(crate) async fn check(&self, channel_id: &str, is_signed_in: bool, context: &CallContext) -> Result<(), Error> {
        let now = Instant::now();
        let known = lock(&self.verdicts).get(channel_id).filter(|(_, until)| *until > now).map(|(channel, _)| *channel);
        let channel = match known {
            Some(channel) => channel,
            None => self.ask(channel_id, context).await?,
        };
        let error = match channel {
            Channel::Open => return Ok(()),
            Channel::SignedIn if is_signed_in => return Ok(()),
            Channel::SignedIn => {
                unavailable(channel_id, "is for guests who have signed in").with_hint(Some(SIGN_IN.to_owned()))
            }
            Channel::Unavailable => unavailable(channel_id, "is unknown or disabled"),
        };
        Err(error.with_request_id(context.request_id.clone()))
    }

    async fn ask(&self, channel_id: &str, context: &CallContext) -> Result<Channel, Error> {
        let (api, verdicts) = (Arc::clone(&self.api), Arc::clone(&self.verdicts));
        let (channel, context) = (channel_id.to_owned(), context.clone());
        let waiter = self.single_flight.join(channel_id.to_owned(), || async move {
            let verdict = api.channel(&channel, &context).await?;
            let mut verdicts = lock(&verdicts);
            if verdicts.len() >= MOST_REMEMBERED {
                let now = Instant::now();
                verdicts.retain(|_, (_, until)| *until > now);
                if verdicts.len() >= MOST_REMEMBERED {
                    verdicts.clear();
                }
            }
            verdicts.insert(channel, (verdict, Instant::now() + REMEMBERED_FOR));
            Ok(verdict)
        });
        waiter.await
    }
}

fn unavailable(channel_id: &str, why: &str) -> Error {
    Error::new(Code::ChannelUnavailable, format!("Channel {channel_id} {why}"))
}
