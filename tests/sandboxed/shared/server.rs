//! A Redis or Valkey server of a test's own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// For a server to start on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    process: Child,
    port: u16,
    directory: std::path::PathBuf,
    more: Vec<&'static str>,
}

impl Server {
    /// Nothing, and a loud line, where it is not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with these arguments.
    pub(crate) async fn start_with(more: &[&'static str]) -> Option<Self> {
        let program = program();
        if Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("SKIPPED: {program} is not installed, shared sessions are not tested");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let directory = std::env::temp_dir().join(format!("genesys-guest-auth-redis-{port}"));
        std::fs::create_dir_all(&directory).expect("a temporary folder");
        let more = more.to_vec();
        let server = Self { process: launch(port, &directory, &more), port, directory, more };
        server.is_up().await;
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `sessionStore` for it, with these fields.
    pub(crate) fn store(&self, fields: Value) -> Value {
        let mut redis = json!({ "url": self.url() });
        let (Value::Object(all), Value::Object(more)) = (&mut redis, fields) else { unreachable!() };
        all.extend(more);
        json!({ "sessionStore": { "redis": redis } })
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    pub(crate) async fn restart(&mut self) {
        self.process = launch(self.port, &self.directory, &self.more);
        self.is_up().await;
    }

    /// `STOP` pauses it, `CONT` lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        Command::new("kill")
            .args([format!("-{name}"), self.process.id().to_string()])
            .status()
            .expect("kill is installed");
    }

    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("a valid URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("the server listens");
        let mut cmd = redis::cmd(words[0]);
        cmd.arg(&words[1..]);
        cmd.query_async(&mut connection).await.expect("the server obeys")
    }

    /// The keys of a kind: the letter behind the prefix.
    pub(crate) async fn keys(&self, kind: &str) -> Vec<String> {
        self.ask(&["KEYS", &format!("genesys-guest-auth:{kind}:*")]).await
    }

    async fn is_up(&self) {
        let end = Instant::now() + PATIENCE;
        let client = redis::Client::open(self.url()).expect("a valid URL");
        while client.get_multiplexed_async_connection().await.is_err() {
            assert!(Instant::now() < end, "the server does not start");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The one to test: `TEST_REDIS=valkey` means Valkey.
fn program() -> String {
    let kind = std::env::var("TEST_REDIS").unwrap_or_else(|_| "redis".to_owned());
    format!("{kind}-server")
}

fn launch(port: u16, directory: &std::path::Path, more: &[&str]) -> Child {
    Command::new(program())
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(directory)
        .args(more)
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
