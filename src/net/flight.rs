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
pub(crate) struct Flights<K, T> {
    running: Arc<Mutex<Running<K, T>>>,
}

struct Running<K, T> {
    flights: HashMap<K, Flight<T>>,
    next_number: u64,
}

struct Flight<T> {
    result: Shared<BoxFuture<'static, Result<T, Error>>>,
    task: AbortHandle,
    passengers: usize,
    /// Tells a flight from a later one under the same key.
    number: u64,
}

/// One who waits for a flight.
pub(crate) struct Passenger<K: Hash + Eq, T> {
    running: Arc<Mutex<Running<K, T>>>,
    result: Shared<BoxFuture<'static, Result<T, Error>>>,
    key: K,
    number: u64,
    has_left: bool,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { running: Arc::new(Mutex::new(Running { flights: HashMap::new(), next_number: 0 })) }
    }
}

impl<K, T> Flights<K, T>
where
    K: Hash + Eq + Clone + Send + Unpin + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the flight for `key`, or starts one with `work`. It has begun when this returns.
    pub(crate) fn join<F>(&self, key: K, work: impl FnOnce() -> F) -> Passenger<K, T>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut running = lock(&self.running);
        let number = running.next_number;
        let flight = running.flights.entry(key.clone()).or_insert_with(|| {
            let landing = Landing { running: Arc::clone(&self.running), key: key.clone(), number };
            let work = work();
            let task = tokio::spawn(async move {
                // Also when `work` panics: a flight that stays registered would answer for ever.
                let _landing = landing;
                work.await
            });
            let abort = task.abort_handle();
            let result = task.map(|joined| {
                joined.unwrap_or_else(|_| Err(Error::new(Code::Internal, "A shared task ended before its time")))
            });
            Flight { result: result.boxed().shared(), task: abort, passengers: 0, number }
        });
        flight.passengers += 1;
        let (result, number) = (flight.result.clone(), flight.number);
        running.next_number += 1;
        Passenger { running: Arc::clone(&self.running), result, key, number, has_left: false }
    }
}

impl<K: Hash + Eq, T> Passenger<K, T> {
    /// Lets the flight go on without anybody who waits.
    pub(crate) fn let_go(mut self) {
        self.has_left = true;
    }
}

impl<K: Hash + Eq + Unpin, T: Clone> Future for Passenger<K, T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.result.poll_unpin(context)
    }
}

impl<K: Hash + Eq, T> Drop for Passenger<K, T> {
    fn drop(&mut self) {
        if self.has_left {
            return;
        }
        let mut running = lock(&self.running);
        let Some(flight) = running.flights.get_mut(&self.key).filter(|flight| flight.number == self.number) else {
            return;
        };
        flight.passengers -= 1;
        if flight.passengers == 0 {
            flight.task.abort();
            running.flights.remove(&self.key);
        }
    }
}

struct Landing<K: Hash + Eq, T> {
    running: Arc<Mutex<Running<K, T>>>,
    key: K,
    number: u64,
}

impl<K: Hash + Eq, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        if running.flights.get(&self.key).is_some_and(|flight| flight.number == self.number) {
            running.flights.remove(&self.key);
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
        let (flights, count) = (Flights::default(), Arc::new(AtomicU32::new(0)));
        let work = || {
            let count = Arc::clone(&count);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(count.fetch_add(1, Ordering::SeqCst))
            }
        };
        let results = futures_util::future::join_all((0..100).map(|_| flights.join("key", work))).await;
        assert!(results.into_iter().all(|result| result.unwrap() == 0));
        assert_eq!(flights.join("key", work).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_leaves_takes_nothing_from_the_others() {
        let flights = Flights::default();
        let work = || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(7)
        };
        let staying = flights.join("key", work);
        drop(flights.join("key", work));
        assert_eq!(staying.await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_to_leave_ends_it_unless_it_was_let_go() {
        let flights = Flights::default();
        let ended = Arc::new(AtomicU32::new(0));
        let work = || {
            let ended = Arc::clone(&ended);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(ended.fetch_add(1, Ordering::SeqCst))
            }
        };
        drop(flights.join("dropped", work));
        flights.join("let go", work).let_go();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(ended.load(Ordering::SeqCst), 1);
        assert_eq!(flights.join("dropped", || async { Ok(8) }).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_next_one_starts_afresh() {
        let flights: Flights<&str, u32> = Flights::default();
        let failed = flights.join("key", || async { panic!("on purpose") }).await;
        assert_eq!(failed.unwrap_err().code(), Code::Internal);
        assert_eq!(flights.join("key", || async { Ok(1) }).await.unwrap(), 1);
    }
}
