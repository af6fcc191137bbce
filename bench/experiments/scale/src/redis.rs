//! Just enough of Redis to run the limiter's own script on the simulation's clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use genesys_guest_auth::benching::{
    Allowance, SCRIPT, SharedLimiter, UsageReport, WindowGrant, WindowReport, allowance, arguments,
};
use mlua::{Function, Lua, MultiValue, Table, Value};
use tokio::time::Instant;

/// Redis's clock when the simulation begins, in seconds: as many digits as a real one has.
const BEGINNING: u64 = 1_700_000_000;

/// One Redis, reached within 1 to 5 ms.
pub struct Redis {
    script: Function,
    /// Lives as long as its function.
    _lua: Lua,
    random: Mutex<fastrand::Rng>,
    commands: Mutex<u64>,
}

impl Redis {
    pub fn new(seed: u64) -> mlua::Result<Arc<Self>> {
        let lua = Lua::new();
        let (hash, start) = (Mutex::new(HashMap::new()), Instant::now());
        let call = lua.create_function(move |lua, arguments: MultiValue| {
            let mut hash = hash.lock().expect("one thread");
            command(lua, &mut hash, start.elapsed(), &arguments)
        })?;
        let redis = lua.create_table()?;
        redis.set("call", call)?;
        lua.globals().set("redis", redis)?;
        lua.globals().set("KEYS", lua.create_sequence_from(["limiter"])?)?;
        let body = format!("local ARGV = ...\n{SCRIPT}");
        let script = lua.load(body).set_name("limiter.lua").into_function()?;
        Ok(Arc::new(Self {
            script,
            _lua: lua,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            commands: Mutex::new(0),
        }))
    }

    pub fn commands(&self) -> u64 {
        *self.commands.lock().expect("one thread")
    }

    fn run(&self, report: &UsageReport) -> mlua::Result<Option<Allowance>> {
        *self.commands.lock().expect("one thread") += 1;
        // Arguments come as texts and numbers leave as integers, as on Redis.
        let arguments: Vec<String> = arguments(report).iter().map(ToString::to_string).collect();
        let answer: Vec<f64> = self.script.call(arguments)?;
        Ok(allowance(report, &answer.into_iter().map(|number| number as i64).collect::<Vec<_>>()))
    }
}

/// A process's connection.
pub struct Connection(pub Arc<Redis>);

impl SharedLimiter for Connection {
    fn exchange(&self, report: UsageReport) -> BoxFuture<'static, Option<Allowance>> {
        let redis = Arc::clone(&self.0);
        let trip = Duration::from_micros(redis.random.lock().expect("one thread").u64(500..2500));
        async move {
            tokio::time::sleep(trip).await;
            let answer = redis.run(&report).expect("the script runs");
            tokio::time::sleep(trip).await;
            answer
        }
        .boxed()
    }

    fn take(&self, _: WindowReport) -> BoxFuture<'static, Option<WindowGrant>> {
        std::future::ready(None).boxed()
    }
}

fn command(
    lua: &Lua,
    hash: &mut HashMap<String, String>,
    elapsed: Duration,
    arguments: &MultiValue,
) -> mlua::Result<Value> {
    let words: Vec<String> = arguments.iter().map(Value::to_string).collect::<Result<_, _>>()?;
    let answer: Option<Table> = match words[0].as_str() {
        "TIME" => {
            let seconds = (BEGINNING + elapsed.as_secs()).to_string();
            Some(lua.create_sequence_from([seconds, elapsed.subsec_micros().to_string()])?)
        }
        "HGETALL" => Some(lua.create_sequence_from(hash.iter().flat_map(|(field, value)| [&**field, &**value]))?),
        "HSET" => {
            hash.extend(words[2..].chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())));
            None
        }
        "DEL" => {
            hash.clear();
            None
        }
        // Nobody is silent for so long here.
        "PEXPIRE" => None,
        other => return Err(mlua::Error::runtime(format!("no {other} here"))),
    };
    Ok(answer.map_or(Value::Nil, Value::Table))
}
