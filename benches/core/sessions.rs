//! The memory store behind the duplicate guard.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use genesys_guest_auth::benching::MeasuredSessions;

const LIFE: Duration = Duration::from_secs(3600);
const MOST: usize = 10_000_000;

fn key(number: usize) -> String {
    format!("guest.{number}@example.com::web-chat-emea")
}

fn filled(size: usize) -> MeasuredSessions {
    let store = MeasuredSessions::new(MOST * 2);
    for number in 0..size {
        store.take(&key(number), LIFE);
    }
    store
}

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sessions");
    for size in [1_000, 1_000_000] {
        let store = filled(size);
        let own = key(size / 2);
        group.bench_function(BenchmarkId::new("a duplicate is refused", size), |bencher| {
            bencher.iter(|| black_box(store.take(black_box(&own), LIFE)));
        });
        let new = key(MOST + 1);
        group.bench_function(BenchmarkId::new("a session begins and ends", size), |bencher| {
            bencher.iter(|| {
                black_box(store.take(black_box(&new), LIFE));
                store.end(&new);
            });
        });
    }
    group.finish();
}

/// The slowest of ten million insertions while the store grows, and the fastest of the thousand slowest.
#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
pub(crate) fn print_worst_insert() {
    let store = MeasuredSessions::new(MOST);
    let mut slowest = vec![Duration::ZERO; 1000];
    let begun = Instant::now();
    for number in 0..MOST {
        let key = key(number);
        let started = Instant::now();
        store.take(&key, LIFE);
        let took = started.elapsed();
        if took > slowest[0] {
            slowest[0] = took;
            slowest.sort_unstable();
        }
    }
    let (worst, thousandth) = (slowest[slowest.len() - 1], slowest[0]);
    println!(
        "worst insert while growing to {MOST}: {worst:?}; the 1,000th slowest: {thousandth:?}; mean {:?}",
        begun.elapsed() / MOST as u32
    );
}
