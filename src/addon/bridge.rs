//! Results on their way to JavaScript: queued by any thread, delivered to one function in batches.
//!
//! One weak thread-safe function serves an environment. It is called once for whatever has gathered since its last turn,
//! which costs a third of a call for each result, and it keeps no process alive: the JavaScript side counts its pending
//! calls and does that itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::message::{Message, MessageBatch};
use super::runtime::runtime;
use crate::caller;
use crate::error::{Code, Error};
use crate::json::quote;
use crate::secret::Secret;
use crate::sync::lock;

type Dispatch = ThreadsafeFunction<(), (), MessageBatch, Status, false, true, 0>;

/// What a call resolves with.
pub(super) trait Reply: Sized {
    /// As JSON.
    fn into_json(self) -> Result<String, Error>;
}

impl Reply for () {
    fn into_json(self) -> Result<String, Error> {
        Ok("null".to_owned())
    }
}

impl Reply for usize {
    fn into_json(self) -> Result<String, Error> {
        Ok(self.to_string())
    }
}

impl Reply for Secret {
    fn into_json(self) -> Result<String, Error> {
        Ok(quote(self.expose()))
    }
}

/// JSON already.
impl Reply for String {
    fn into_json(self) -> Result<String, Error> {
        Ok(self)
    }
}

impl<T: Reply> Reply for Result<T, Error> {
    fn into_json(self) -> Result<String, Error> {
        self?.into_json()
    }
}

/// The connection of one JavaScript environment to the core.
#[napi]
pub struct Bridge {
    handle: Arc<BridgeHandle>,
}

/// What tasks need of a [`Bridge`].
pub(super) struct BridgeHandle {
    dispatch: OnceLock<Dispatch>,
    queue: Arc<MessageQueue>,
    abortable: Mutex<HashMap<u32, AbortHandle>>,
    token_requests: Mutex<HashMap<u32, oneshot::Sender<Option<Secret>>>>,
    store_requests: Mutex<HashMap<u32, oneshot::Sender<Option<bool>>>>,
    next_request: AtomicU32,
}

#[derive(Default)]
struct MessageQueue {
    messages: Mutex<Vec<Message>>,
    scheduled: AtomicBool,
    /// The environment is gone. Not every runtime says so when the function is called.
    closed: AtomicBool,
}

#[napi]
impl Bridge {
    /// Calls can be made with it at once.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env) -> napi::Result<Self> {
        let queue = Arc::new(MessageQueue::default());
        let closing = Arc::clone(&queue);
        env.add_env_cleanup_hook((), move |()| {
            closing.closed.store(true, Ordering::SeqCst);
            lock(&closing.messages).clear();
        })?;
        let handle = BridgeHandle {
            dispatch: OnceLock::new(),
            queue,
            abortable: Mutex::default(),
            token_requests: Mutex::default(),
            store_requests: Mutex::default(),
            next_request: AtomicU32::new(0),
        };
        Ok(Self { handle: Arc::new(handle) })
    }

    /// From now on `dispatch` gets every batch, beginning with what has gathered.
    #[napi(catch_unwind)]
    pub fn connect(
        &self,
        #[napi(ts_arg_type = "(batch: string) => void")] dispatch: Function<'_, MessageBatch, ()>,
    ) -> napi::Result<()> {
        let taken = Arc::clone(&self.handle.queue);
        let dispatch = dispatch.build_threadsafe_function::<()>().weak::<true>().build_callback(move |_| {
            // First, so that a message queued from here on asks for a turn of its own.
            taken.scheduled.store(false, Ordering::SeqCst);
            Ok(MessageBatch(std::mem::take(&mut *lock(&taken.messages))))
        })?;
        if self.handle.dispatch.set(dispatch).is_ok() && !lock(&self.handle.queue.messages).is_empty() {
            self.handle.deliver();
        }
        Ok(())
    }

    /// Ends a call: its future is dropped, and it settles with the code `ABORTED`.
    #[napi(catch_unwind)]
    pub fn abort(&self, call: u32) {
        if let Some(handle) = lock(&self.handle.abortable).remove(&call) {
            handle.abort();
        }
    }

    /// The answer to a wanted token; without a token, the request for it fails.
    #[napi(catch_unwind)]
    pub fn provide_token(&self, request: u32, token: Option<String>) {
        if let Some(waiting) = lock(&self.handle.token_requests).remove(&request) {
            // Nobody waits any more when the call was aborted meanwhile.
            let _ = waiting.send(token.map(Secret::new));
        }
    }

    /// What a function of a session store has said; without an answer, its call failed.
    #[napi(catch_unwind)]
    pub fn answer_store(&self, request: u32, answer: Option<bool>) {
        if let Some(waiting) = lock(&self.handle.store_requests).remove(&request) {
            let _ = waiting.send(answer);
        }
    }

    pub(super) fn handle(&self) -> &Arc<BridgeHandle> {
        &self.handle
    }
}

impl BridgeHandle {
    /// Begins a call. It settles exactly once: with what `work` brings, or, when it is aborted or panics, with an error that
    /// says so.
    pub(super) fn begin(
        self: &Arc<Self>,
        call: u32,
        abortable: bool,
        work: impl Future<Output = impl Reply> + Send + 'static,
    ) {
        let plain = |error: Error| failure(&error, None);
        self.begin_with(call, abortable, work.map(move |reply| reply.into_json().map_err(plain)), plain);
    }

    /// Begins a call that makes its own `Failure`; `broken_off` makes it where the call is aborted or panics.
    pub(super) fn begin_with(
        self: &Arc<Self>,
        call: u32,
        abortable: bool,
        work: impl Future<Output = Result<String, String>> + Send + 'static,
        broken_off: impl FnOnce(Error) -> String + Send + 'static,
    ) {
        let mut settlement = Settlement { handle: Arc::clone(self), call, abortable, broken_off: Some(broken_off) };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return settlement.fail(error),
        };
        // Held until the handle is registered: a task that ends at once must find it there to remove it.
        let mut registry = abortable.then(|| lock(&self.abortable));
        // Combinators keep a future once; an `async` block would keep it a second time while it is awaited.
        let task = runtime.spawn(caller::scope(call, work).map(move |outcome| settlement.settle(outcome)));
        if let Some(registry) = &mut registry {
            registry.insert(call, task.abort_handle());
        }
    }

    /// Polls `work` once and returns its result if it is done by then. If not, a call begins that goes on with it, and
    /// nothing is returned. That first poll is outside of the runtime.
    pub(super) fn begin_unless_ready<T: Reply>(
        self: &Arc<Self>,
        call: u32,
        abortable: bool,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut work = Box::pin(work);
        let ready = (&mut work).now_or_never();
        if ready.is_none() {
            self.begin(call, abortable, work);
        }
        ready
    }

    /// Warns through the process' own channel.
    pub(super) fn warn(self: &Arc<Self>, code: &'static str, message: String) {
        self.send(Message::Warning { code, message });
    }

    /// Tells that an outbox has run empty.
    pub(super) fn idle(self: &Arc<Self>) {
        self.send(Message::Idle);
    }

    /// Calls the function of `owner` that provides access tokens, for the call `caller`.
    pub(super) fn want_token(
        self: &Arc<Self>,
        owner: u32,
        caller: Option<u32>,
    ) -> BoxFuture<'static, Result<Secret, Error>> {
        let (sender, receiver) = oneshot::channel();
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        lock(&self.token_requests).insert(request, sender);
        self.send(Message::TokenWanted { request, owner, caller });
        async move {
            match receiver.await {
                Ok(Some(token)) => Ok(token),
                _ => Err(Error::new(Code::OauthFailed, "getAccessToken gave no token").with_callback(request)),
            }
        }
        .boxed()
    }

    /// Calls a function of the session store whose number `arguments` begin with. The answer is `None` where it failed.
    pub(super) fn call_store(self: &Arc<Self>, arguments: String) -> (u32, oneshot::Receiver<Option<bool>>) {
        let (sender, receiver) = oneshot::channel();
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        lock(&self.store_requests).insert(request, sender);
        self.send(Message::StoreCalled { request, arguments });
        (request, receiver)
    }

    /// Nobody waits for the answer any more.
    pub(super) fn forget_store_call(&self, request: u32) {
        lock(&self.store_requests).remove(&request);
    }

    fn send(self: &Arc<Self>, message: Message) {
        if self.queue.closed.load(Ordering::SeqCst) {
            return;
        }
        lock(&self.queue.messages).push(message);
        if self.queue.scheduled.swap(true, Ordering::SeqCst) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            self.deliver();
            return;
        };
        // Waking the JavaScript thread costs more than most of what it is woken for. Tasks that can run now go first: many
        // of them end calls, and one wake-up then delivers all their results.
        let handle = Arc::clone(self);
        runtime.spawn(async move {
            tokio::task::yield_now().await;
            handle.deliver();
        });
    }

    fn deliver(&self) {
        // Before the bridge is connected, messages wait in the queue; `connect` delivers them.
        if let Some(dispatch) = self.dispatch.get() {
            dispatch.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// Makes sure that a call settles, whatever becomes of its task.
struct Settlement<F: FnOnce(Error) -> String> {
    handle: Arc<BridgeHandle>,
    call: u32,
    abortable: bool,
    broken_off: Option<F>,
}

impl<F: FnOnce(Error) -> String> Settlement<F> {
    fn settle(mut self, outcome: Result<String, String>) {
        self.broken_off = None;
        let call = self.call;
        self.handle.send(match outcome {
            Ok(json) => Message::Resolve { call, json },
            Err(json) => Message::Reject { call, json },
        });
    }

    /// Does nothing once the call has settled.
    fn fail(&mut self, error: Error) {
        if let Some(broken_off) = self.broken_off.take() {
            self.handle.send(Message::Reject { call: self.call, json: broken_off(error) });
        }
    }
}

impl<F: FnOnce(Error) -> String> Drop for Settlement<F> {
    fn drop(&mut self) {
        if self.abortable {
            lock(&self.handle.abortable).remove(&self.call);
        }
        self.fail(if std::thread::panicking() {
            Error::new(Code::Internal, "The call ended in a defect of genesys-guest-auth; please report it")
        } else {
            Error::new(Code::Aborted, "The call was aborted")
        });
    }
}

/// A limit as JavaScript gives it.
pub(super) fn milliseconds(limit: Option<u32>) -> Option<Duration> {
    limit.map(|limit| Duration::from_millis(limit.into()))
}

/// A `Failure` as JSON: `{ error, audit? }`.
pub(super) fn failure(error: &Error, audit: Option<&str>) -> String {
    let audit = audit.map(|audit| format!(",\"audit\":{audit}")).unwrap_or_default();
    format!("{{\"error\":{}{audit}}}", serde_json::to_string(error).unwrap_or_default())
}
