//! A server that refuses, played by a listener that counts its connections.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::error::Code;
use crate::sessions::step::{OnUnavailable, STEP_LIMIT};
use crate::shared::settings::{Login, Node, Topology};

/// What one call may cost a server that refuses.
const MOST_CONNECTIONS: u64 = 10;

/// No call may take so long, on however busy a machine.
const PATIENCE_OF_A_TEST: Duration = Duration::from_secs(20);

/// How a server treats its connections.
#[derive(Clone, Copy)]
enum Refusal {
    /// It answers every command with this error.
    Command(&'static str),
    /// It says this, and hangs up.
    Connection(&'static str),
}

struct Server {
    port: u16,
    connections: Arc<AtomicU64>,
    commands: Arc<AtomicU64>,
}

impl Server {
    /// Refuses so many connections, or their commands; later ones are served.
    async fn refusing(refusal: Refusal, count: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, commands) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (accepted, heard) = (Arc::clone(&connections), Arc::clone(&commands));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let refuses = accepted.fetch_add(1, Ordering::SeqCst) < count;
                tokio::spawn(serve(stream, refuses.then_some(refusal), Arc::clone(&heard)));
            }
        });
        Self { port, connections, commands }
    }

    fn client(&self) -> Redis {
        Redis::new(RedisSettings {
            nodes: vec![Node { host: "127.0.0.1".into(), port: self.port }],
            topology: Topology::Standalone,
            tls: None,
            login: Login::default(),
            database: 0,
            key_prefix: "test:".into(),
            command_timeout: Duration::from_millis(250),
            on_unavailable: OnUnavailable::Reject,
        })
    }

    fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    fn commands(&self) -> u64 {
        self.commands.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, refusal: Option<Refusal>, commands: Arc<AtomicU64>) {
    if let Some(Refusal::Connection(line)) = refusal {
        let _ = stream.write_all(format!("-{line}\r\n").as_bytes()).await;
        return;
    }
    let answer = match refusal {
        Some(Refusal::Command(line)) => format!("-{line}\r\n"),
        _ => "+OK\r\n".to_owned(),
    };
    let mut buffer = [0; 1024];
    // One command at a time: nobody here sends the next one before its answer.
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        commands.fetch_add(1, Ordering::SeqCst);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn ping(redis: &Redis, limit: Duration) -> Result<String, Error> {
    let call = redis.run(Instant::now() + limit, |_| Command::new("PING"));
    tokio::time::timeout(PATIENCE_OF_A_TEST, call).await.expect("a call ends")
}

const REFUSALS: [Refusal; 8] = [
    Refusal::Command("LOADING Redis is loading the dataset in memory"),
    Refusal::Command("READONLY You can't write against a read only replica."),
    Refusal::Command("NOAUTH Authentication required."),
    Refusal::Command("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
    Refusal::Command("CLUSTERDOWN The cluster is down"),
    Refusal::Command("ERR max number of clients reached"),
    Refusal::Connection("ERR max number of clients reached"),
    Refusal::Connection("ERR this server has another protocol"),
];

#[tokio::test]
async fn a_server_that_refuses_is_not_stormed() {
    for refusal in REFUSALS {
        let server = Server::refusing(refusal, u64::MAX).await;
        let redis = server.client();
        let error = ping(&redis, STEP_LIMIT).await.unwrap_err();
        assert_eq!((error.code(), error.details().retryable), (Code::StoreUnavailable, true));
        assert!(server.connections() <= MOST_CONNECTIONS, "{} connections: {error}", server.connections());
        assert!(server.commands() <= 2 * MOST_CONNECTIONS, "{} commands: {error}", server.commands());
        redis.close();
    }
}

#[tokio::test]
async fn a_refusal_that_lasts_fails_at_once() {
    for refusal in REFUSALS {
        let server = Server::refusing(refusal, u64::MAX).await;
        let redis = server.client();
        ping(&redis, STEP_LIMIT).await.unwrap_err();
        let before = (server.connections(), server.commands());
        // They have all the time in the world, and none of them waits for a change.
        for _ in 0..20 {
            ping(&redis, PATIENCE_OF_A_TEST * 2).await.unwrap_err();
        }
        let connections = server.connections() - before.0;
        assert!(connections <= 2, "{connections} connections for 20 calls");
        redis.close();
    }
}

#[tokio::test]
async fn a_refusal_that_passes_costs_no_call() {
    for refusal in REFUSALS {
        // NOAUTH needs somebody who corrects the password, CLUSTERDOWN is waited for on one connection.
        if matches!(refusal, Refusal::Command(line) if line.starts_with("NOAUTH") || line.starts_with("CLUSTER")) {
            continue;
        }
        let server = Server::refusing(refusal, 2).await;
        let redis = server.client();
        assert_eq!(ping(&redis, STEP_LIMIT).await.unwrap(), "OK");
        assert_eq!(server.connections(), 3);
    }
}

#[tokio::test]
async fn calls_at_once_share_the_connections_of_one() {
    let server = Server::refusing(REFUSALS[0], u64::MAX).await;
    let redis = server.client();
    let calls = futures_util::future::join_all((0..100).map(|_| ping(&redis, STEP_LIMIT))).await;
    assert!(calls.iter().all(Result::is_err));
    assert!(server.connections() <= MOST_CONNECTIONS, "{} connections", server.connections());
}
