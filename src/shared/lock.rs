//! A lock that keeps processes from doing the same work at once.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

use super::command::{Command, script};
use super::connection::Redis;
use super::encrypted_store::delete_unchanged;
use crate::error::Error;
use crate::sessions::step::{RENEW_EVERY, RESERVED_FOR, step_deadline};

/// A lock outlives its holder by this at most, as a reservation does.
const LOCKED_FOR: Duration = RESERVED_FOR;

script!(
    /// Takes a lock, or prolongs one's own.
    LOCK,
    "local v = redis.call('GET', KEYS[1])
if v and v ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1"
);

/// A lock, renewed while its holder works. Dropping it releases it.
pub(super) struct Lock {
    redis: Redis,
    name: String,
    /// A UUID of version 4: 122 random bits that nobody else has.
    owner: [u8; 16],
    runtime: Handle,
    is_held: bool,
}

impl Lock {
    /// A lock that nobody else holds, or nothing.
    pub(super) async fn try_acquire(redis: &Redis, name: String) -> Result<Option<Self>, Error> {
        let owner = *uuid::Uuid::new_v4().as_bytes();
        // Made before the lock is taken, so that dropping it also releases a lock whose answer got lost.
        let mut lock = Self { redis: redis.clone(), name, owner, runtime: Handle::current(), is_held: true };
        lock.is_held = lock.take().await?;
        Ok(lock.is_held.then_some(lock))
    }

    async fn take(&self) -> Result<bool, Error> {
        let command = |_| Command::script(&LOCK).key(&self.name).arg(self.owner).millis(LOCKED_FOR);
        self.redis.run(step_deadline(), command).await
    }

    /// Does the work; nobody else begins it meanwhile.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let renewals = async {
            let mut ticks = interval(RENEW_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                // Where the lock is lost, the work goes on all the same; another process may then do it too.
                let _ = self.take().await;
            }
        };
        tokio::select! {
            done = work => done,
            () = renewals => unreachable!("renewals go on for ever"),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.is_held {
            let (redis, name, owner) = (self.redis.clone(), std::mem::take(&mut self.name), self.owner);
            self.runtime.spawn(async move {
                // A lock that is not released ends by itself.
                let _ = delete_unchanged(&redis, &name, &owner).await;
            });
        }
    }
}

/// How long to wait before trying again to get somebody else's lock: random, so that those who wait do not ask together.
pub(super) fn lock_retry_delay() -> Duration {
    const SHORTEST_MS: u64 = 20;
    const LONGEST_MS: u64 = 60;
    Duration::from_millis(fastrand::u64(SHORTEST_MS..LONGEST_MS))
}
