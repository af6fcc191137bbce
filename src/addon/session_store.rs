//! The functions of a session store that JavaScript has.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::bridge::BridgeHandle;
use super::message::number_or_null;
use crate::caller;
use crate::config::{CustomStore, SessionStoreSettings};
use crate::error::Error;
use crate::sessions::custom::{StoreCall, StoreFunctions};
use crate::sessions::step::{OnUnavailable, whole_millis};

/// The store that the number `owner` stands for in JavaScript.
pub(super) fn custom(bridge: &Arc<BridgeHandle>, owner: u32, local: bool) -> SessionStoreSettings {
    SessionStoreSettings::Custom(CustomStore {
        functions: Arc::new(JavaScript { bridge: Arc::clone(bridge), owner }),
        on_unavailable: if local { OnUnavailable::Local } else { OnUnavailable::Reject },
    })
}

struct JavaScript {
    bridge: Arc<BridgeHandle>,
    owner: u32,
}

impl StoreFunctions for JavaScript {
    fn call(&self, call: StoreCall) -> BoxFuture<'static, Result<bool, Error>> {
        let (request, answer) = self.bridge.call_store(arguments(self.owner, &call));
        // Made now: a call that is dropped before it is polled must be forgotten too.
        let mut called = Called { bridge: Arc::clone(&self.bridge), request, answer };
        async move {
            match (&mut called.answer).await {
                Ok(Some(answer)) => Ok(answer),
                _ => Err(call.failed("failed").with_callback(called.request)),
            }
        }
        .boxed()
    }
}

/// A function that was called. Functions may never answer: who does not wait any more forgets them.
struct Called {
    bridge: Arc<BridgeHandle>,
    request: u32,
    answer: oneshot::Receiver<Option<bool>>,
}

impl Drop for Called {
    fn drop(&mut self) {
        self.bridge.forget_store_call(self.request);
    }
}

/// `[owner, call, name, key, holder?, ttlMs?]` as JSON. Hexadecimal digits need no escapes.
fn arguments(owner: u32, call: &StoreCall) -> String {
    let StoreCall { function, key, owner: holder, life } = call;
    let holder = holder.as_ref().map(|holder| format!(",\"{holder}\"")).unwrap_or_default();
    let life = life.map(|life| format!(",{}", whole_millis(life))).unwrap_or_default();
    let caller = number_or_null(caller::current());
    format!("[{owner},{caller},\"{}\",\"{key}\"{holder}{life}]", function.as_str())
}
