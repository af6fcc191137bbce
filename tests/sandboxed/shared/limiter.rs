//! The limiter's script on a real server: what it answers, and what it leaves there.

use std::collections::HashMap;
use std::time::Duration;

use genesys_guest_auth::benching::{GROUPS, GroupUsage, RateLimitGroup, SCRIPT, UsageReport, allowance, arguments};
use proptest::prelude::*;
use sandbox::{Fault, Route};
use serde_json::json;

use super::limiter_twin::Twin;
use super::scripted::{BEGINNING_MICROS, Scripted, runner, step_micros, strange};
use super::server::Server;
use super::{Pair, authenticate};
use crate::stage::{authenticator, guest};

fn usage() -> impl Strategy<Value = GroupUsage> {
    let count = || prop_oneof![2 => Just(0), 2 => 0..30_u32, 1 => 0..1000_u32];
    (count(), count(), 0..=8_u32, prop_oneof![0..100_u64, 0..60_000_u64]).prop_map(|(sent, refused, wanted, wait)| {
        GroupUsage { sent, refused, wanted, max_wait: Duration::from_millis(wait) }
    })
}

fn report() -> impl Strategy<Value = UsageReport> {
    let pause = prop_oneof![Just(0), 0..5_000_u64, 0..5_000_000_u64, 0..3_600_000_000_u64];
    let throttled = proptest::option::weighted(0.3, (0..GROUPS as u8, pause)).prop_map(|throttled| {
        throttled.map(|(group, pause)| (RateLimitGroup::new(group.into()), Duration::from_micros(pause)))
    });
    (throttled, proptest::array::uniform4(usage())).prop_map(|(throttled, groups)| UsageReport { throttled, groups })
}

#[tokio::test]
async fn the_script_and_its_twin_agree() {
    let Some(server) = Server::start().await else { return };
    let scripted = Scripted::on(&server, SCRIPT);
    let exchanges = proptest::collection::vec((step_micros(), report()), 1..40);
    runner()
        .run(&exchanges, |exchanges| {
            scripted.forget();
            let (mut twin, mut micros) = (Twin::default(), BEGINNING_MICROS);
            for (step, report) in exchanges {
                micros += step;
                let arguments = arguments(&report);
                let answer = scripted.run_at(micros, &arguments_of(&report));
                let now = (micros / 1_000_000 * 1000) as f64 + (micros % 1_000_000) as f64 / 1000.0;
                prop_assert_eq!(&answer, &twin.exchange(now, &arguments), "{:?}", report);
                prop_assert!(allowance(&report, &answer).is_some(), "{:?} for {:?}", answer, report);
                prop_assert!(scripted.has_finite_state(), "{:?}", scripted.stored());
            }
            Ok(())
        })
        .unwrap();
}

fn fields() -> impl Strategy<Value = HashMap<String, String>> {
    const OF_ALL: [&str; 5] = ["reopens", "paused", "group", "epoch", "seen"];
    const OF_A_GROUP: [&str; 12] =
        ["at", "since", "cycle", "sum1", "sum10", "sum60", "pace", "rough", "before", "until", "grown", "next"];
    let groups = (1..=GROUPS).flat_map(|group| OF_A_GROUP.map(|field| format!("{group}{field}")));
    let names: Vec<String> = OF_ALL.map(str::to_owned).into_iter().chain(groups).collect();
    proptest::collection::hash_map(proptest::sample::select(names), strange(), 0..40)
}

#[tokio::test]
async fn nothing_that_is_not_finite_enters_or_leaves_the_script() {
    let Some(server) = Server::start().await else { return };
    let scripted = Scripted::on(&server, SCRIPT);
    let arguments = || proptest::collection::vec(strange(), 2 + 4 * GROUPS);
    runner()
        .run(&(fields(), arguments(), report()), |(fields, strange, report)| {
            scripted.forget();
            scripted.store(&fields);
            scripted.run(&strange);
            prop_assert!(scripted.has_finite_state(), "{:?}", scripted.stored());
            // An honest process gets on all the same.
            let answer = scripted.run(&arguments_of(&report));
            prop_assert!(allowance(&report, &answer).is_some(), "{:?} for {:?}", answer, report);
            prop_assert!(scripted.has_finite_state(), "{:?}", scripted.stored());
            Ok(())
        })
        .unwrap();
}

fn arguments_of(report: &UsageReport) -> Vec<String> {
    arguments(report).iter().map(ToString::to_string).collect()
}

/// Nothing granted in no time was a pace of 0/0: creations stopped for five minutes, and each process asked for slots as
/// fast as Redis could answer.
#[tokio::test]
async fn a_cold_start_under_429s_without_a_pause_stops_nobody() {
    let Some(pair) = Pair::set(json!({})).await else { return };
    let mut config = pair.server.store(json!({}));
    config["retryBaseDelayMs"] = json!(1);
    let auth = authenticator(&pair.sandbox, config);
    pair.sandbox.fault(Fault::on(Route::Create).status(429));
    for _ in 0..3 {
        let call = tokio::time::timeout(Duration::from_secs(5), authenticate(&auth, &guest())).await;
        call.expect("a call waits for a slot that never comes").unwrap();
    }
    let stats: String = pair.server.ask(&["INFO", "commandstats"]).await;
    let scripts: u32 = stats
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next()?.parse::<u32>().ok())
        .sum();
    assert!(scripts < 50, "{scripts} scripts for three calls");
}
