//! The limiter that processes share: the script that Redis runs, what goes into it and what comes out.

use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use url::Url;

use super::command::{Command, Script, script};
use super::connection::{FailedCommand, Redis};
use super::store::SharedStore;
use super::window::{WINDOW, window_arguments, window_grant};
use crate::net::limiter::SharedLimiter;
use crate::net::limiter::group::GROUPS;
use crate::net::limiter::shared::{Allowance, GroupAllowance, HINT_TIMEOUT, UsageReport, WindowGrant, WindowReport};
use crate::sessions::key::KeyHash;
use crate::sessions::shared::Warn;

/// Runs on Redis with one key, by its own clock.
pub const SCRIPT: &str = include_str!("limiter.lua");

const GROUP_FIELDS: usize = 4;

/// The script's own bounds of a pause, of the wait for a slot, and of the time between two.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
const LONGEST_INTERVAL: Duration = Duration::from_secs(10);

script!(
    /// Takes a report, gives an allowance.
    LIMITER,
    SCRIPT
);

/// The processes that log in as one client to one API: their limit is the same.
pub(super) struct RedisLimiter {
    redis: Redis,
    key: String,
    window_key: String,
    refusal: Arc<RefusalWarning>,
}

/// Where the server refuses the script, for want of a permission as a rule, each process goes on by itself: nobody would
/// notice.
struct RefusalWarning {
    warn: Warn,
    once: Once,
}

impl RedisLimiter {
    pub(super) fn new(shared: &SharedStore, api: &Url, client_id: &str, warn: Warn) -> Self {
        let KeyHash(id) = shared.hasher.hash(&format!("{} {client_id}", api.origin().ascii_serialization()));
        let refusal = Arc::new(RefusalWarning { warn, once: Once::new() });
        let [key, window_key] = ["gate", "window"].map(|kind| shared.store.name(kind, id));
        Self { redis: shared.store.redis().clone(), key, window_key, refusal }
    }

    /// Runs a script on a key.
    fn run(
        &self,
        script: &'static Script,
        key: &str,
        arguments: Vec<String>,
    ) -> impl Future<Output = Option<Vec<i64>>> + Send + use<> {
        let (redis, key, refusal) = (self.redis.clone(), key.to_owned(), Arc::clone(&self.refusal));
        async move {
            let command = |_| arguments.iter().fold(Command::script(script).key(&key), Command::arg);
            redis.hint(Instant::now() + HINT_TIMEOUT, command).await.map_err(|failed| refusal.heed(&failed)).ok()
        }
    }
}

impl RefusalWarning {
    fn heed(&self, FailedCommand { error, refused }: &FailedCommand) {
        if *refused {
            self.once
                .call_once(|| (self.warn)(format!("{error}. The rate limit is not shared as long as that lasts.")));
        }
    }
}

impl SharedLimiter for RedisLimiter {
    fn exchange(&self, report: UsageReport) -> BoxFuture<'static, Option<Allowance>> {
        let arguments = arguments(&report).iter().map(ToString::to_string).collect();
        let answer = self.run(&LIMITER, &self.key, arguments);
        async move { allowance(&report, &answer.await?) }.boxed()
    }

    fn take(&self, report: WindowReport) -> BoxFuture<'static, Option<WindowGrant>> {
        let answer = self.run(&WINDOW, &self.window_key, window_arguments(&report));
        async move { window_grant(&report, &answer.await?) }.boxed()
    }
}

/// The script's arguments.
#[must_use]
pub fn arguments(report: &UsageReport) -> Vec<i64> {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    // Lua counts from one. A pause that is rounded to nothing would be none.
    let (group, pause) = report.throttled.map_or((0, 0), |(group, pause)| {
        (i64::from(group.index() as u32 + 1), millis(pause.max(Duration::from_millis(1))))
    });
    let mut arguments = vec![group, pause];
    for group in &report.groups {
        arguments.extend([
            i64::from(group.sent),
            i64::from(group.refused),
            i64::from(group.wanted),
            millis(group.max_wait),
        ]);
    }
    arguments
}

/// The script's answer to `report`; `None` where it is not one. Nothing is believed that the script cannot say: a process
/// that is told nonsense goes on by itself, as if nobody had answered.
#[must_use]
pub fn allowance(report: &UsageReport, answer: &[i64]) -> Option<Allowance> {
    let (&[epoch, pause], groups) = answer.split_first_chunk::<2>()?;
    let (groups, []) = groups.as_chunks::<GROUP_FIELDS>() else { return None };
    let groups: [_; GROUPS] = groups.try_into().ok()?;
    let pause = span(pause, Duration::from_millis, LONGEST_PAUSE)?;
    let mut allowance = Allowance { epoch, pause, ..Allowance::default() };
    for ((own, asked), [is_paced, granted, first, interval]) in
        allowance.groups.iter_mut().zip(&report.groups).zip(groups)
    {
        *own = GroupAllowance {
            is_paced: is_paced != 0,
            granted: u32::try_from(granted).ok().filter(|granted| *granted <= asked.wanted)?,
            // A slot of the last second, which may be used late, is for now.
            first: span(first.max(0), Duration::from_micros, LONGEST_WAIT)?,
            interval: span(interval, Duration::from_micros, LONGEST_INTERVAL)?,
        };
        // The script grants at least one slot to whoever can wait for the first.
        if own.is_paced && own.granted == 0 && asked.wanted > 0 && own.first < asked.max_wait {
            return None;
        }
    }
    Some(allowance)
}

fn span(number: i64, unit: fn(u64) -> Duration, longest: Duration) -> Option<Duration> {
    u64::try_from(number).ok().map(unit).filter(|span| *span <= longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::limiter::RateLimitGroup;
    use crate::net::limiter::shared::GroupUsage;
    use crate::secret::Secret;
    use crate::sessions::step::OnUnavailable;
    use crate::shared::settings::{Login, Node, RedisSettings, Topology};

    #[test]
    fn a_report_names_groups_as_the_script_counts_them() {
        let mut report =
            UsageReport { throttled: Some((RateLimitGroup::new(1), Duration::from_secs(2))), ..UsageReport::default() };
        report.groups[1] = GroupUsage { sent: 7, refused: 1, wanted: 3, max_wait: Duration::from_millis(1500) };
        let arguments = arguments(&report);
        assert_eq!(arguments[..2], [2, 2000]);
        assert_eq!(arguments[6..10], [7, 1, 3, 1500]);
        assert_eq!(arguments.len(), 2 + GROUPS * GROUP_FIELDS);
    }

    #[test]
    fn a_pause_that_rounds_to_nothing_is_still_a_pause() {
        let throttled = Some((RateLimitGroup::new(0), Duration::from_micros(300)));
        assert_eq!(arguments(&UsageReport { throttled, ..UsageReport::default() })[..2], [1, 1]);
    }

    #[test]
    fn slots_that_are_due_already_are_granted_for_now() {
        let allowance = allowance(&wants(2), &answer([1, 2, -400_000, 10_000])).unwrap();
        let group = allowance.groups[0];
        assert_eq!((allowance.epoch, allowance.pause), (3, Duration::ZERO));
        assert_eq!((group.is_paced, group.granted, group.first), (true, 2, Duration::ZERO));
    }

    #[tokio::test]
    async fn a_hint_that_does_not_come_is_no_failure_of_the_store() {
        // Connections are taken by the system, and nobody answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let settings = RedisSettings {
            nodes: vec![Node { host: "127.0.0.1".into(), port: silent.local_addr().unwrap().port() }],
            topology: Topology::Standalone,
            tls: None,
            login: Login::default(),
            database: 0,
            key_prefix: "test:".into(),
            command_timeout: HINT_TIMEOUT,
            on_unavailable: OnUnavailable::Reject,
        };
        let secret = Secret::new("client-secret");
        let shared = SharedStore::new(settings, &secret);
        let redis = shared.store.redis();
        let api = Url::parse("https://api.example.com").unwrap();
        let unwarned = Arc::new(|text: String| panic!("{text}"));
        let limiter = RedisLimiter::new(&shared, &api, "client", unwarned);
        assert!(limiter.exchange(UsageReport::default()).await.is_none());
        assert_eq!(redis.failures(), 0);
        assert!(shared.store.read("test:t").await.is_err());
        assert_eq!(redis.failures(), 1);
    }

    #[test]
    fn an_answer_of_another_shape_is_none() {
        for answer in [&[][..], &[0; 2], &[0; 17], &[0; 19]] {
            assert!(allowance(&UsageReport::default(), answer).is_none(), "{answer:?}");
        }
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_none() {
        let never = i64::MIN;
        for group in [
            [1, 0, 0, never],
            [1, 0, never, never],
            // The caller would ask again at once, for ever.
            [1, 0, 0, 100_000],
            [1, 3, 0, 100_000],
            [1, i64::from(u32::MAX), 0, 0],
            [1, 1, i64::MAX, 0],
            [1, 1, 0, i64::MAX],
            [1, 1, 0, -1],
        ] {
            assert!(allowance(&wants(2), &answer(group)).is_none(), "{group:?}");
        }
        assert!(allowance(&wants(2), &answer([1, 0, 60_000_000, 100_000])).is_some(), "too late for the caller");
        let mut endless = answer([0; GROUP_FIELDS]);
        endless[1] = i64::MAX;
        assert!(allowance(&wants(2), &endless).is_none());
    }

    fn wants(wanted: u32) -> UsageReport {
        let mut report = UsageReport::default();
        report.groups[0] = GroupUsage { wanted, max_wait: Duration::from_secs(60), ..GroupUsage::default() };
        report
    }

    /// In epoch 3, without a pause; nothing for the other groups.
    fn answer(group: [i64; GROUP_FIELDS]) -> Vec<i64> {
        [&[3, 0][..], &group, &[0; (GROUPS - 1) * GROUP_FIELDS]].concat()
    }
}
