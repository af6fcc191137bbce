//! Many processes behind one rate limit, on a paused clock. Prints JSON.
//!
//! `scale [minutes] [seed]`

mod caller;
mod figures;
mod redis;
mod server;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use caller::{Caller, Strategy};
use figures::{Seen, Totals, summary};
use redis::Redis;
use server::{Counting, Limit, Server};

/// The package's default for a whole call.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Genesys Cloud's limit for one token of a client.
const PER_TOKEN: (u32, Duration) = (300, Duration::from_secs(60));

/// When calls come.
#[derive(Clone, Copy)]
enum Demand {
    /// So many times the limit, one by one at random.
    Poisson(f64),
    /// So many at once in each process.
    AtOnce(u32),
}

#[derive(Clone, Copy)]
struct Case {
    strategy: Strategy,
    limit: Limit,
    processes: usize,
    demand: Demand,
    length: Duration,
    timeout: Duration,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let minutes: u64 = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut results = Vec::new();
    for strategy in [Strategy::Backoff, Strategy::Independent, Strategy::Shared] {
        for counting in [Counting::FixedWindow, Counting::SlidingWindow] {
            for demand in [0.5, 0.9, 1.0, 2.0] {
                let case = Case {
                    strategy,
                    limit: Limit { counting, most: PER_TOKEN.0, period: PER_TOKEN.1 },
                    processes: 200,
                    demand: Demand::Poisson(demand),
                    length: Duration::from_secs(60 * minutes),
                    timeout: TOTAL_TIMEOUT,
                };
                results.push(case.run(seed)?);
            }
        }
        let case = Case {
            strategy,
            limit: Limit { counting: Counting::TokenBucket, most: 100, period: Duration::from_secs(1) },
            processes: 8,
            demand: Demand::AtOnce(250),
            length: Duration::ZERO,
            timeout: Duration::from_secs(3600),
        };
        results.push(case.run(seed)?);
    }
    println!("{}", json!({ "minutes": minutes, "seed": seed, "results": results }));
    Ok(())
}

impl Case {
    fn run(self, seed: u64) -> Result<Value, Box<dyn std::error::Error>> {
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let figures = runtime.block_on(LocalSet::new().run_until(self.simulate(seed)))?;
        let mut result = json!({
            "strategy": format!("{:?}", self.strategy),
            "server": format!("{:?}", self.limit.counting),
            "demand": match self.demand { Demand::Poisson(times) => json!(times), Demand::AtOnce(_) => json!("at once") },
        });
        if let (Some(result), Value::Object(figures)) = (result.as_object_mut(), figures) {
            result.extend(figures);
        }
        eprint!(".");
        Ok(result)
    }

    async fn simulate(self, seed: u64) -> mlua::Result<Value> {
        let (server, redis, start) = (Rc::new(Server::new(self.limit)), Redis::new(seed)?, Instant::now());
        let seen = Rc::new(RefCell::new(vec![Seen::default(); self.processes]));
        let mut processes = JoinSet::new();
        for number in 0..self.processes {
            let caller = Rc::new(Caller::new(self.strategy, &redis));
            processes.spawn_local(self.process(number, caller, Rc::clone(&server), Rc::clone(&seen)));
        }
        while processes.join_next().await.is_some() {}
        let (requests, refused) = server.counts();
        let totals = Totals { requests, refused, commands: redis.commands() };
        let length = if self.length.is_zero() { start.elapsed() } else { self.length };
        let capacity = self.limit.per_second() * length.as_secs_f64();
        Ok(summary(&seen.borrow(), &totals, capacity))
    }

    async fn process(self, number: usize, caller: Rc<Caller>, server: Rc<Server>, seen: Rc<RefCell<Vec<Seen>>>) {
        let mut calls = JoinSet::new();
        let end = Instant::now() + self.length;
        let call = || {
            let (caller, server, seen) = (Rc::clone(&caller), Rc::clone(&server), Rc::clone(&seen));
            async move {
                let start = Instant::now();
                let is_accepted = caller.call(&server, start + self.timeout).await;
                let seen = &mut seen.borrow_mut()[number];
                seen.calls += 1;
                if is_accepted {
                    seen.waits.push(start.elapsed());
                }
            }
        };
        match self.demand {
            Demand::AtOnce(times) => (0..times).for_each(|_| {
                calls.spawn_local(call());
            }),
            Demand::Poisson(times) => {
                let per_second = self.limit.per_second() * times / self.processes as f64;
                loop {
                    tokio::time::sleep(Duration::from_secs_f64(-(1.0 - fastrand::f64()).ln() / per_second)).await;
                    if Instant::now() >= end {
                        break;
                    }
                    calls.spawn_local(call());
                }
            }
        }
        while calls.join_next().await.is_some() {}
    }
}
