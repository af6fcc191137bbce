//! A script on a real server, by a clock of the test's own, and what goes into it.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::server::Server;

const KEY: &str = "limiter";

/// A clock of the test's own, as many digits as a real one has.
pub(super) const BEGINNING_MICROS: i64 = 1_700_000_000_000_000;

/// A server that runs the script.
pub(super) struct Scripted {
    connection: RefCell<redis::Connection>,
    script: &'static str,
}

impl Scripted {
    pub(super) fn on(server: &Server, script: &'static str) -> Self {
        let client = redis::Client::open(server.url()).expect("a valid URL");
        let connection = client.get_connection().expect("the server listens");
        Self { connection: RefCell::new(connection), script }
    }

    pub(super) fn forget(&self) {
        redis::cmd("FLUSHALL").exec(&mut *self.connection.borrow_mut()).expect("the server obeys");
    }

    pub(super) fn store(&self, fields: &HashMap<String, String>) {
        if !fields.is_empty() {
            redis::cmd("HSET").arg(KEY).arg(fields).exec(&mut *self.connection.borrow_mut()).expect("the server obeys");
        }
    }

    pub(super) fn run(&self, arguments: &[String]) -> Vec<i64> {
        redis::cmd("EVAL")
            .arg(self.script)
            .arg(1)
            .arg(KEY)
            .arg(arguments)
            .query(&mut *self.connection.borrow_mut())
            .expect("the server obeys")
    }

    /// The same by the clock of a test.
    pub(super) fn run_at(&self, micros: i64, arguments: &[String]) -> Vec<i64> {
        const CLOCK: &str = "redis.call('TIME')";
        assert_eq!(self.script.matches(CLOCK).count(), 1);
        let script = self.script.replace(CLOCK, "{ KEYS[2], KEYS[3] }");
        let time = [micros / 1_000_000, micros % 1_000_000];
        redis::cmd("EVAL")
            .arg(script)
            .arg(3)
            .arg(KEY)
            .arg(&time)
            .arg(arguments)
            .query(&mut *self.connection.borrow_mut())
            .expect("the server obeys")
    }

    pub(super) fn stored(&self) -> HashMap<String, String> {
        redis::cmd("HGETALL").arg(KEY).query(&mut *self.connection.borrow_mut()).expect("the server obeys")
    }

    /// Nothing that was left behind may spoil the next exchange.
    pub(super) fn has_finite_state(&self) -> bool {
        self.stored().values().all(|value| value.parse::<f64>().is_ok_and(f64::is_finite))
    }
}

/// Without a file of what failed: what is drawn anew each time needs none.
pub(super) fn runner() -> TestRunner {
    TestRunner::new(Config { failure_persistence: None, ..Config::default() })
}

/// From one exchange to the next: mostly moments, at times an hour, or a server with another clock.
pub(super) fn step_micros() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => Just(0),
        4 => 0..50_000_i64,
        4 => 0..3_000_000_i64,
        2 => 0..400_000_000_i64,
        1 => -7_200_000_000..7_200_000_000_i64,
    ]
}

/// Numbers as nobody should write them.
pub(super) fn strange() -> impl Strategy<Value = String> {
    let words = ["nan", "-nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "-1", "0.5", "0x10", "", "x"];
    prop_oneof![
        4 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        2 => (0..10_u32).prop_map(|number| number.to_string()),
    ]
}
