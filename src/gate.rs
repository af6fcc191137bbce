//! The gate that processes share: the script that Redis runs, what goes into it and what comes out.

use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use url::Url;

use crate::net::fleet::{Fleet, LaneRuling, PATIENCE, Report, Ruling};
use crate::net::lane::LANES;
use crate::redis::{Command, Failed, Redis, Vault, script};
use crate::sessions::key::{KeyHash, KeyHasher};
use crate::sessions::shared::Warn;

/// Runs on Redis with one key, by its own clock.
pub const SCRIPT: &str = include_str!("gate.lua");

const LANE_FIELDS: usize = 4;

script!(
    /// Takes a report, gives a ruling.
    GATE,
    SCRIPT
);

/// The processes that log in as one client to one API: their limit is the same.
pub(crate) struct SharedGate {
    redis: Redis,
    key: String,
    alarm: Arc<Alarm>,
}

/// Where the server refuses the script, for want of a permission as a rule, each process goes on by itself: nobody would notice.
struct Alarm {
    warn: Warn,
    once: Once,
}

impl SharedGate {
    pub(crate) fn new(vault: &Vault, hasher: &KeyHasher, api: &Url, client_id: &str, warn: Warn) -> Self {
        let KeyHash(id) = hasher.hash(&format!("{} {client_id}", api.origin().ascii_serialization()));
        let alarm = Arc::new(Alarm { warn, once: Once::new() });
        Self { redis: vault.redis().clone(), key: vault.name("gate", id), alarm }
    }
}

impl Alarm {
    fn heed(&self, Failed { error, refused }: &Failed) {
        if *refused {
            self.once
                .call_once(|| (self.warn)(format!("{error}. The rate limit is not shared as long as that lasts.")));
        }
    }
}

impl Fleet for SharedGate {
    fn exchange(&self, report: Report) -> BoxFuture<'static, Option<Ruling>> {
        let (redis, key, alarm) = (self.redis.clone(), self.key.clone(), Arc::clone(&self.alarm));
        async move {
            let arguments = arguments(&report);
            let command = |_| {
                let command = Command::script(&GATE).key(&key);
                arguments.iter().fold(command, |command, argument| command.arg(argument.to_string()))
            };
            match redis.hint::<Vec<i64>>(Instant::now() + PATIENCE, command).await {
                Ok(answer) => ruling(&answer),
                Err(failed) => {
                    alarm.heed(&failed);
                    None
                }
            }
        }
        .boxed()
    }
}

/// The script's arguments.
#[must_use]
pub fn arguments(report: &Report) -> Vec<i64> {
    let millis = |time: Duration| time.as_millis() as i64;
    // Lua counts from one.
    let (lane, pause) = report.throttled.map_or((0, 0), |(lane, pause)| (lane as i64 + 1, millis(pause)));
    let mut arguments = vec![lane, pause];
    for lane in &report.lanes {
        arguments.extend([
            i64::from(lane.sent),
            i64::from(lane.refused),
            i64::from(lane.wanted),
            millis(lane.patience),
        ]);
    }
    arguments
}

/// The script's answer; `None` where it is not one.
#[must_use]
pub fn ruling(answer: &[i64]) -> Option<Ruling> {
    let (&[epoch, pause], lanes) = answer.split_first_chunk::<2>()?;
    let (lanes, []) = lanes.as_chunks::<LANE_FIELDS>() else { return None };
    let lanes: [_; LANES] = lanes.try_into().ok()?;
    Some(Ruling {
        epoch,
        pause: Duration::from_millis(pause.max(0) as u64),
        lanes: lanes.map(|[is_paced, granted, first, interval]| LaneRuling {
            is_paced: is_paced != 0,
            granted: u32::try_from(granted).unwrap_or(0),
            first: Duration::from_micros(first.max(0) as u64),
            interval: Duration::from_micros(interval.max(0) as u64),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::fleet::LaneReport;
    use crate::net::lane::Lane;
    use crate::redis::settings::{Login, Node, OnUnavailable, Topology};
    use crate::redis::{KeyMaterial, Settings};
    use crate::secret::Secret;

    #[test]
    fn a_report_names_lanes_as_the_script_counts_them() {
        let mut report = Report { throttled: Some((Lane::Refresh, Duration::from_secs(2))), ..Report::default() };
        report.lanes[1] = LaneReport { sent: 7, refused: 1, wanted: 3, patience: Duration::from_millis(1500) };
        let arguments = arguments(&report);
        assert_eq!(arguments[..2], [2, 2000]);
        assert_eq!(arguments[6..10], [7, 1, 3, 1500]);
        assert_eq!(arguments.len(), 2 + LANES * LANE_FIELDS);
    }

    #[test]
    fn slots_that_are_due_already_are_granted_for_now() {
        let mut answer = vec![3, 0];
        answer.extend([1, 2, -400_000, 10_000]);
        answer.extend([0; 3 * LANE_FIELDS]);
        let ruling = ruling(&answer).unwrap();
        let lane = ruling.lanes[0];
        assert_eq!((ruling.epoch, ruling.pause), (3, Duration::ZERO));
        assert_eq!((lane.is_paced, lane.granted, lane.first), (true, 2, Duration::ZERO));
    }

    #[tokio::test]
    async fn a_hint_that_does_not_come_is_no_failure_of_the_store() {
        // Connections are taken by the system, and nobody answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let settings = Settings {
            nodes: vec![Node { host: "127.0.0.1".into(), port: silent.local_addr().unwrap().port() }],
            topology: Topology::Standalone,
            tls: None,
            login: Login::default(),
            database: 0,
            key_prefix: "test:".into(),
            command_timeout: PATIENCE,
            on_unavailable: OnUnavailable::Reject,
        };
        let secret = Secret::new("client-secret");
        let (redis, material) = (Redis::new(settings), KeyMaterial(&secret));
        let vault = Vault::new(redis.clone(), &material);
        let api = Url::parse("https://api.example.com").unwrap();
        let unwarned = Arc::new(|text: String| panic!("{text}"));
        let gate = SharedGate::new(&vault, &KeyHasher::under(&material.derive("names")), &api, "client", unwarned);
        assert!(gate.exchange(Report::default()).await.is_none());
        assert_eq!(redis.failures(), 0);
        assert!(vault.read("test:t").await.is_err());
        assert_eq!(redis.failures(), 1);
    }

    #[test]
    fn an_answer_of_another_shape_is_none() {
        for answer in [&[][..], &[0; 2], &[0; 17], &[0; 19]] {
            assert!(ruling(answer).is_none(), "{answer:?}");
        }
    }
}
