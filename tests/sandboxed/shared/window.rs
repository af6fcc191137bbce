//! The window's script on a real server: what it answers, and what it leaves there.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use genesys_guest_auth::benching::{WINDOW_SCRIPT, WindowReport, window_arguments, window_grant};
use proptest::prelude::*;
use sandbox::{Route, TokenLimit};
use serde_json::json;

use super::authenticate;
use super::scripted::{BEGINNING_MICROS, Scripted, runner, step_micros, strange};
use super::server::Server;
use super::window_twin::WindowTwin;
use crate::stage::{authenticator, guests, sandbox};

const PROCESSES: u64 = 4;

fn report() -> impl Strategy<Value = WindowReport> {
    let few = || prop_oneof![2 => Just(0), 3 => 0..6_u32, 1 => 0..200_u32];
    let period = prop_oneof![Just(60_060), 1..3_000_u64];
    let age = prop_oneof![0..3_000_u64, 0..100_000_u64];
    let answered = proptest::collection::vec((age, few()), 0..6);
    (0..PROCESSES, 1..40_u64, 1..100_u32, period, any::<bool>(), few(), few(), answered).prop_map(
        |(process, number, requests, hold, has_past, held, wanted, answered)| WindowReport {
            process,
            number,
            requests,
            hold: Duration::from_millis(hold),
            has_past,
            held,
            wanted,
            answered,
        },
    )
}

#[tokio::test]
async fn the_windows_script_and_its_twin_agree() {
    let Some(server) = Server::start().await else { return };
    let scripted = Scripted::on(&server, WINDOW_SCRIPT);
    let exchanges = proptest::collection::vec((step_micros(), report(), any::<bool>()), 1..60);
    runner()
        .run(&exchanges, |exchanges| {
            scripted.forget();
            let (mut twin, mut micros) = (WindowTwin::default(), BEGINNING_MICROS);
            for (number, (step, mut report, is_new)) in exchanges.into_iter().enumerate() {
                micros += step;
                if is_new {
                    report.number = 100 + number as u64;
                }
                let arguments = window_arguments(&report);
                let answer = scripted.run_at(micros, &arguments);
                prop_assert_eq!(&answer, &twin.exchange(micros.div_euclid(1000), &arguments), "{:?}", report);
                prop_assert!(window_grant(&report, &answer).is_some(), "{:?} for {:?}", answer, report);
                prop_assert!(is_whole(&scripted.stored()), "{:?}", scripted.stored());
            }
            Ok(())
        })
        .unwrap();
}

/// Nothing that was left behind may spoil the next exchange.
fn is_whole(stored: &HashMap<String, String>) -> bool {
    stored.values().flat_map(|text| text.split(' ')).all(|word| word.parse::<u64>().is_ok())
}

#[tokio::test]
async fn nothing_that_is_not_finite_enters_or_leaves_the_windows_script() {
    let Some(server) = Server::start().await else { return };
    let scripted = Scripted::on(&server, WINDOW_SCRIPT);
    let process = |number: u64| format!("{number:016x}");
    let names: Vec<String> = (0..PROCESSES + 2).map(process).chain(["closed".to_owned()]).collect();
    let words = || proptest::collection::vec(strange(), 1..9);
    let text = words().prop_map(|words| words.join(" "));
    let fields = proptest::collection::hash_map(proptest::sample::select(names), text, 0..8);
    runner()
        .run(&(fields, words(), report()), |(fields, strange, mut report)| {
            scripted.forget();
            scripted.store(&fields);
            scripted.run(&[vec![process(9), "1".to_owned()], strange].concat());
            // An honest process gets on all the same.
            (report.process, report.number) = (PROCESSES + 5, 1);
            let answer = scripted.run(&window_arguments(&report));
            prop_assert!(window_grant(&report, &answer).is_some(), "{:?} for {:?}", answer, report);
            let own = &scripted.stored()[&process(report.process)];
            prop_assert!(own.split(' ').all(|word| word.parse::<u64>().is_ok()), "{}", own);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn two_processes_keep_to_one_limit() {
    const LIMIT: TokenLimit = TokenLimit { requests: 30, per_ms: 500, fixed: false };
    let Some(server) = Server::start().await else { return };
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.token_limit = Some(LIMIT));
    let mut config = server.store(json!({}));
    config["rateLimit"] = json!({ "requests": LIMIT.requests, "perMs": LIMIT.per_ms });
    let processes = [(); 2].map(|()| authenticator(&sandbox, config.clone()));
    let requests = guests(100);
    let calls = requests.iter().enumerate().map(|(call, request)| authenticate(&processes[call % 2], request));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    let created = sandbox.counts().route(Route::Create).clone();
    assert_eq!(created.total, 100, "{created:?}");
    let [window] = &server.keys("window").await[..] else { panic!("one window") };
    let life: i64 = server.ask(&["PTTL", window]).await;
    assert!((1..=11_000).contains(&life), "{life} ms");
}
