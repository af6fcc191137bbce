//! One piece of work shared by all who want it at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::AbortHandle;

use crate::error::{Code, Error};
use crate::sync::lock;

/// Work under way, by key. It runs in a task of its own: a caller that goes away takes nothing from the others, and the
/// last one to go ends it.
pub(crate) struct SingleFlight<K, T> {
    tasks: Arc<Mutex<Tasks<K, T>>>,
}

struct Tasks<K, T> {
    by_key: HashMap<K, SharedTask<T>>,
    next_number: u64,
}

struct SharedTask<T> {
    result: Shared<BoxFuture<'static, Result<T, Error>>>,
    task: AbortHandle,
    waiters: usize,
    /// Tells it from a later one under the same key.
    number: u64,
}

/// A caller that waits for a task.
pub(crate) struct Waiter<K: Hash + Eq, T> {
    tasks: Arc<Mutex<Tasks<K, T>>>,
    result: Shared<BoxFuture<'static, Result<T, Error>>>,
    key: K,
    number: u64,
    is_detached: bool,
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self { tasks: Arc::new(Mutex::new(Tasks { by_key: HashMap::new(), next_number: 0 })) }
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Hash + Eq + Clone + Send + Unpin + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the task for `key`, or starts one with `work`. It has begun when this returns.
    pub(crate) fn join<F>(&self, key: K, work: impl FnOnce() -> F) -> Waiter<K, T>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut tasks = lock(&self.tasks);
        let number = tasks.next_number;
        let entry = tasks.by_key.entry(key.clone()).or_insert_with(|| {
            let remove = RemoveOnDrop { tasks: Arc::clone(&self.tasks), key: key.clone(), number };
            let work = work();
            let task = tokio::spawn(async move {
                // Removes the task also when `work` panics: else every later caller would get that task's result.
                let _remove = remove;
                work.await
            });
            let abort = task.abort_handle();
            let result = task.map(|joined| {
                joined.unwrap_or_else(|_| Err(Error::new(Code::Internal, "A shared task ended before its time")))
            });
            SharedTask { result: result.boxed().shared(), task: abort, waiters: 0, number }
        });
        entry.waiters += 1;
        let (result, number) = (entry.result.clone(), entry.number);
        tasks.next_number += 1;
        Waiter { tasks: Arc::clone(&self.tasks), result, key, number, is_detached: false }
    }
}

impl<K: Hash + Eq, T> Waiter<K, T> {
    /// Lets the task go on although nobody waits for it.
    pub(crate) fn detach(mut self) {
        self.is_detached = true;
    }
}

impl<K: Hash + Eq + Unpin, T: Clone> Future for Waiter<K, T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.result.poll_unpin(context)
    }
}

impl<K: Hash + Eq, T> Drop for Waiter<K, T> {
    fn drop(&mut self) {
        if self.is_detached {
            return;
        }
        let mut tasks = lock(&self.tasks);
        let Some(entry) = tasks.by_key.get_mut(&self.key).filter(|entry| entry.number == self.number) else {
            return;
        };
        entry.waiters -= 1;
        if entry.waiters == 0 {
            entry.task.abort();
            tasks.by_key.remove(&self.key);
        }
    }
}

struct RemoveOnDrop<K: Hash + Eq, T> {
    tasks: Arc<Mutex<Tasks<K, T>>>,
    key: K,
    number: u64,
}

impl<K: Hash + Eq, T> Drop for RemoveOnDrop<K, T> {
    fn drop(&mut self) {
        let mut tasks = lock(&self.tasks);
        if tasks.by_key.get(&self.key).is_some_and(|entry| entry.number == self.number) {
            tasks.by_key.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn all_who_come_meanwhile_share_one_result() {
        let (single_flight, count) = (SingleFlight::default(), Arc::new(AtomicU32::new(0)));
        let work = || {
            let count = Arc::clone(&count);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(count.fetch_add(1, Ordering::SeqCst))
            }
        };
        let results = futures_util::future::join_all((0..100).map(|_| single_flight.join("key", work))).await;
        assert!(results.into_iter().all(|result| result.unwrap() == 0));
        assert_eq!(single_flight.join("key", work).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_leaves_takes_nothing_from_the_others() {
        let single_flight = SingleFlight::default();
        let work = || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(7)
        };
        let staying = single_flight.join("key", work);
        drop(single_flight.join("key", work));
        assert_eq!(staying.await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_to_leave_ends_it_unless_it_was_detached() {
        let single_flight = SingleFlight::default();
        let ended = Arc::new(AtomicU32::new(0));
        let work = || {
            let ended = Arc::clone(&ended);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(ended.fetch_add(1, Ordering::SeqCst))
            }
        };
        drop(single_flight.join("dropped", work));
        single_flight.join("detached", work).detach();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(ended.load(Ordering::SeqCst), 1);
        assert_eq!(single_flight.join("dropped", || async { Ok(8) }).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_next_one_starts_afresh() {
        let single_flight: SingleFlight<&str, u32> = SingleFlight::default();
        let failed = single_flight.join("key", || async { panic!("on purpose") }).await;
        assert_eq!(failed.unwrap_err().code(), Code::Internal);
        assert_eq!(single_flight.join("key", || async { Ok(1) }).await.unwrap(), 1);
    }
}
