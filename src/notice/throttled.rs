//! Tells of what goes wrong again and again: of the first time at once, then at most once a minute, with the number of times.
//! A server that refuses everything would else flood the log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Notice, OnNotice};
use crate::sync::lock;

/// The least time between two notices.
const INTERVAL: Duration = Duration::from_secs(60);

/// Makes the notice: of the last time, and of how many there were since the notice before.
type Describe = fn(last: &str, count: u64) -> Notice;

pub(crate) struct ThrottledNotice {
    describe: Describe,
    on_notice: OnNotice,
    untold: Mutex<Untold>,
}

#[derive(Default)]
struct Untold {
    count: u64,
    last: String,
    told_at: Option<Instant>,
}

impl ThrottledNotice {
    pub(crate) fn new(describe: Describe, on_notice: OnNotice) -> Arc<Self> {
        Arc::new(Self { describe, on_notice, untold: Mutex::default() })
    }

    /// It went wrong once more. Must be called within a Tokio runtime.
    pub(crate) fn add(self: &Arc<Self>, last: String) {
        let mut untold = lock(&self.untold);
        untold.count += 1;
        untold.last = last;
        let is_first = untold.count == 1;
        match untold.told_at.map(|told_at| told_at + INTERVAL).filter(|next| Instant::now() < *next) {
            None => {
                drop(untold);
                self.report();
            }
            Some(next) if is_first => {
                let own = Arc::downgrade(self);
                tokio::spawn(async move {
                    sleep_until(next).await;
                    if let Some(own) = own.upgrade() {
                        own.report();
                    }
                });
            }
            Some(_) => {}
        }
    }

    /// As if nothing had gone wrong so far.
    pub(crate) fn reset(&self) {
        *lock(&self.untold) = Untold::default();
    }

    /// Tells now of what no notice has named yet.
    pub(crate) fn report(&self) {
        let mut untold = lock(&self.untold);
        let (count, last) = (std::mem::take(&mut untold.count), std::mem::take(&mut untold.last));
        if count > 0 {
            untold.told_at = Some(Instant::now());
            drop(untold);
            (self.on_notice)((self.describe)(&last, count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_times_a_minute_are_two_notices() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let on_notice = {
            let told = Arc::clone(&told);
            move |notice| lock(&told).push(notice)
        };
        let losses =
            ThrottledNotice::new(|last, count| Notice::Undelivered(format!("{last}, {count}")), Arc::new(on_notice));
        let heard = || std::mem::take(&mut *lock(&told));
        let said = |text: &str| [Notice::Undelivered(text.to_owned())];
        for number in 1..=1000 {
            losses.add(number.to_string());
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert_eq!(heard(), said("1, 1"));
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(heard(), said("1000, 999"));
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(heard(), []);
        losses.add("again".into());
        assert_eq!(heard(), said("again, 1"));
        losses.add("last".into());
        losses.report();
        losses.report();
        assert_eq!(heard(), said("last, 1"));
        tokio::time::sleep(2 * INTERVAL).await;
        assert_eq!(heard(), []);
    }
}
