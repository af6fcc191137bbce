//! Results on their way to JavaScript: queued by any thread, delivered to one function in batches.
//!
//! One weak thread-safe function serves an environment. It is called once for whatever has gathered since its last turn,
//! which costs a third of a call for each result, and it keeps no process alive: the JavaScript side counts its pending
//! calls and does that itself.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use napi::bindgen_prelude::{Function, ToNapiValue};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use napi_derive::napi;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::{runtime::runtime, text};
use crate::error::{Code, Error};
use crate::json::quote;
use crate::secret::Secret;
use crate::sync::lock;

type Dispatch = ThreadsafeFunction<(), (), Batch, Status, false, true, 0>;

/// What JavaScript is told. `lib/bridge.js` knows the numbers.
enum Message {
    /// 0: a call succeeded; the result is JSON.
    Resolve { call: u32, json: String },
    /// 1: a call failed; a JSON object with the error's structure.
    Reject { call: u32, json: String },
    /// 2: something to warn of: a code, a space, a sentence.
    Warning { text: String },
    /// 3: an outbox has nothing left to deliver.
    Idle,
    /// 4: a token manager wants an access token; its number.
    TokenWanted { request: u32, source: u32 },
    /// 5: a function of a session store is called; its number, and a JSON array.
    StoreCalled { request: u32, arguments: String },
}

/// The result of a call that has none.
pub(super) const NOTHING: &str = "null";

/// All that has gathered. In JavaScript, the text of one flat JSON array, `[kind, number, value, …]`: one string costs less than
/// an element for each value, and one `JSON.parse` less than many.
pub struct Batch(Vec<Message>);

/// The connection of one JavaScript environment to the core.
#[napi]
pub struct Bridge {
    shared: Arc<Shared>,
}

/// What tasks need of a [`Bridge`].
pub(super) struct Shared {
    dispatch: Dispatch,
    queue: Arc<Queue>,
    abortable: Mutex<HashMap<u32, AbortHandle>>,
    wanted: Mutex<HashMap<u32, oneshot::Sender<Option<Secret>>>>,
    called: Mutex<HashMap<u32, oneshot::Sender<Option<bool>>>>,
    next_request: AtomicU32,
}

#[derive(Default)]
struct Queue {
    messages: Mutex<Vec<Message>>,
    scheduled: AtomicBool,
    /// The environment is gone. Not every runtime says so when the function is called.
    closed: AtomicBool,
}

#[napi]
impl Bridge {
    /// `dispatch` gets every batch.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, dispatch: Function<'_, Batch, ()>) -> napi::Result<Self> {
        let queue = Arc::new(Queue::default());
        let (taken, closing) = (Arc::clone(&queue), Arc::clone(&queue));
        let dispatch = dispatch.build_threadsafe_function::<()>().weak::<true>().build_callback(move |_| {
            // First: what is queued from here on needs, and gets, a turn of its own.
            taken.scheduled.store(false, Ordering::SeqCst);
            Ok(Batch(std::mem::take(&mut *lock(&taken.messages))))
        })?;
        env.add_env_cleanup_hook((), move |()| {
            closing.closed.store(true, Ordering::SeqCst);
            lock(&closing.messages).clear();
        })?;
        let shared = Shared {
            dispatch,
            queue,
            abortable: Mutex::default(),
            wanted: Mutex::default(),
            called: Mutex::default(),
            next_request: AtomicU32::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Ends a call: its future is dropped, and it settles with the code `ABORTED`.
    #[napi(catch_unwind)]
    pub fn abort(&self, call: u32) {
        if let Some(handle) = lock(&self.shared.abortable).remove(&call) {
            handle.abort();
        }
    }

    /// The answer to a wanted token; without a token, the request for it fails.
    #[napi(catch_unwind)]
    pub fn provide_token(&self, request: u32, token: Option<String>) {
        if let Some(waiting) = lock(&self.shared.wanted).remove(&request) {
            // Nobody waits any more when the call was aborted meanwhile.
            let _ = waiting.send(token.map(Secret::new));
        }
    }

    /// What a function of a session store has said; without an answer, its call failed.
    #[napi(catch_unwind)]
    pub fn answer_store(&self, request: u32, answer: Option<bool>) {
        if let Some(waiting) = lock(&self.shared.called).remove(&request) {
            let _ = waiting.send(answer);
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    /// Runs a call. It settles exactly once: with its outcome, or, when it is aborted or panics, with `broken_off`. `work`
    /// makes its future where it stays: kilobytes that would else be moved several times.
    pub(super) fn run<F>(
        self: &Arc<Self>,
        call: u32,
        abortable: bool,
        work: impl FnOnce() -> F + Send + 'static,
        broken_off: impl FnOnce(Error) -> String + Send + 'static,
    ) -> napi::Result<()>
    where
        F: Future<Output = Result<String, String>> + Send,
    {
        let settlement = Settlement { shared: Arc::clone(self), call, abortable, broken_off: Some(broken_off) };
        // Held until the handle is registered: a task that ends at once must find it there to remove it.
        let mut registry = abortable.then(|| lock(&self.abortable));
        let task = runtime()?.spawn(async move {
            let settlement = settlement;
            let outcome = work().await;
            settlement.settle(outcome);
        });
        if let Some(registry) = &mut registry {
            registry.insert(call, task.abort_handle());
        }
        Ok(())
    }

    /// Warns through the process' own channel.
    pub(super) fn warn(self: &Arc<Self>, text: String) {
        self.send(Message::Warning { text });
    }

    /// Tells that an outbox has run empty.
    pub(super) fn idle(self: &Arc<Self>) {
        self.send(Message::Idle);
    }

    /// Asks the token manager `source` for a token.
    pub(super) fn want_token(self: &Arc<Self>, source: u32) -> BoxFuture<'static, Result<Secret, Error>> {
        let (sender, receiver) = oneshot::channel();
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        lock(&self.wanted).insert(request, sender);
        self.send(Message::TokenWanted { request, source });
        async move {
            match receiver.await {
                Ok(Some(token)) => Ok(token),
                _ => Err(Error::new(Code::OauthFailed, "getAccessToken gave no token").with_callback(request)),
            }
        }
        .boxed()
    }

    /// Calls a function of a session store, whose number begins `arguments`; `None` is the answer of one that failed.
    pub(super) fn call_store(self: &Arc<Self>, arguments: String) -> (u32, oneshot::Receiver<Option<bool>>) {
        let (sender, receiver) = oneshot::channel();
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        lock(&self.called).insert(request, sender);
        self.send(Message::StoreCalled { request, arguments });
        (request, receiver)
    }

    /// Nobody waits for the answer any more.
    pub(super) fn forget_store_call(&self, request: u32) {
        lock(&self.called).remove(&request);
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
        // Waking the JavaScript thread costs more than most of what it is woken for: the tasks that can run now, many of
        // which end calls, go first, and their results come along.
        let shared = Arc::clone(self);
        runtime.spawn(async move {
            tokio::task::yield_now().await;
            shared.deliver();
        });
    }

    fn deliver(&self) {
        self.dispatch.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// Makes sure that a call settles, whatever becomes of its task.
struct Settlement<F: FnOnce(Error) -> String> {
    shared: Arc<Shared>,
    call: u32,
    abortable: bool,
    broken_off: Option<F>,
}

impl<F: FnOnce(Error) -> String> Settlement<F> {
    fn settle(mut self, outcome: Result<String, String>) {
        self.broken_off = None;
        let call = self.call;
        self.shared.send(match outcome {
            Ok(json) => Message::Resolve { call, json },
            Err(json) => Message::Reject { call, json },
        });
    }
}

impl<F: FnOnce(Error) -> String> Drop for Settlement<F> {
    fn drop(&mut self) {
        if self.abortable {
            lock(&self.shared.abortable).remove(&self.call);
        }
        if let Some(broken_off) = self.broken_off.take() {
            let error = if std::thread::panicking() {
                Error::new(Code::Internal, "The call ended in a defect of genesys-guest-auth; please report it")
            } else {
                Error::new(Code::Aborted, "The call was aborted")
            };
            self.shared.send(Message::Reject { call: self.call, json: broken_off(error) });
        }
    }
}

/// `broken_off` for calls that have nothing to tell but the error.
pub(super) fn plain(error: Error) -> String {
    failed(&error, None)
}

/// `{ error, audit? }`.
pub(super) fn failed(error: &Error, audit: Option<&str>) -> String {
    let audit = audit.map(|audit| format!(",\"audit\":{audit}")).unwrap_or_default();
    format!("{{\"error\":{}{audit}}}", text(error))
}

impl Batch {
    fn to_json(&self) -> String {
        const NUMBERS: usize = 16;
        let size = |message: &Message| match message {
            Message::Resolve { json, .. } | Message::Reject { json, .. } => json.len() + NUMBERS,
            Message::Warning { text } => text.len() + 2 * NUMBERS,
            Message::StoreCalled { arguments, .. } => arguments.len() + NUMBERS,
            Message::Idle | Message::TokenWanted { .. } => 2 * NUMBERS,
        };
        let mut all = String::with_capacity(self.0.iter().map(size).sum::<usize>() + NUMBERS);
        for message in &self.0 {
            all.push(if all.is_empty() { '[' } else { ',' });
            // Writing to a string cannot fail.
            let _ = match message {
                Message::Resolve { call, json } => write!(all, "0,{call},{json}"),
                Message::Reject { call, json } => write!(all, "1,{call},{json}"),
                Message::Warning { text } => write!(all, "2,0,{}", quote(text)),
                Message::Idle => write!(all, "3,0,0"),
                Message::TokenWanted { request, source } => write!(all, "4,{request},{source}"),
                Message::StoreCalled { request, arguments } => write!(all, "5,{request},{arguments}"),
            };
        }
        all.push_str(if all.is_empty() { "[]" } else { "]" });
        all
    }
}

impl ToNapiValue for Batch {
    unsafe fn to_napi_value(env: sys::napi_env, batch: Self) -> napi::Result<sys::napi_value> {
        let json = batch.to_json();
        // ASCII, which most answers are, is copied without being decoded.
        let create = if json.is_ascii() { sys::napi_create_string_latin1 } else { sys::napi_create_string_utf8 };
        let mut value = std::ptr::null_mut();
        // SAFETY: `env` is the environment whose thread this runs on; pointer and length describe `json`, which is copied.
        napi::check_status!(unsafe { create(env, json.as_ptr().cast(), json.len().cast_signed(), &raw mut value) })?;
        Ok(value)
    }
}
