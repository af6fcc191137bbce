//! A real server that is there and refuses: it is not stormed, and calls do not wait for nothing.

use std::time::Duration;

use genesys_guest_auth::Code;
use redis::Connection;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::authenticate;
use super::server::Server;
use crate::stage::{authenticator, guest, sandbox};

/// What one call may cost a server that refuses.
const MOST_CONNECTIONS: u64 = 10;

/// No call may take so long, on however busy a machine.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// A connection that the server does not refuse: it was there before.
struct Admin(Connection);

impl Admin {
    fn of(server: &Server) -> Self {
        let client = redis::Client::open(server.url()).expect("a valid URL");
        Self(client.get_connection().expect("the server listens"))
    }

    fn ask<T: redis::FromRedisValue>(&mut self, words: &str) -> T {
        let mut words = words.split(' ');
        let mut cmd = redis::cmd(words.next().expect("a command"));
        cmd.arg(words.collect::<Vec<_>>()).query(&mut self.0).expect("the server obeys")
    }

    /// Connections since its start, those included that it turned away.
    fn connections(&mut self) -> u64 {
        let stats: String = self.ask("INFO stats");
        let number = |name: &str| {
            let line = stats.lines().find_map(|line| line.strip_prefix(name)).expect("the server counts");
            line.parse::<u64>().expect("a number")
        };
        number("total_connections_received:") + number("rejected_connections:")
    }
}

/// What a server refuses, and how it comes to do so.
struct Case {
    begin: &'static [&'static str],
    end: &'static [&'static str],
    /// Beside the URL.
    fields: Value,
    says: &'static str,
}

async fn refuses(server: &Server, case: Case) {
    let sandbox = sandbox().await;
    let mut admin = Admin::of(server);
    for words in case.begin {
        let () = admin.ask(words);
    }
    let before = admin.connections();
    let auth = authenticator(&sandbox, server.store(case.fields));
    let error =
        timeout(ENDS_WITHIN, authenticate(&auth, &guest())).await.expect("the call ends").expect_err("Redis refuses");
    assert_eq!(error.code(), Code::StoreUnavailable);
    assert!(error.details().message.contains(case.says), "{error}");
    let after_one = admin.connections();
    assert!((1..=MOST_CONNECTIONS).contains(&(after_one - before)), "{} connections: {error}", after_one - before);
    for _ in 0..20 {
        let error = timeout(ENDS_WITHIN, authenticate(&auth, &guest()))
            .await
            .expect("the call ends")
            .expect_err("Redis refuses");
        assert_eq!(error.code(), Code::StoreUnavailable);
    }
    let later = admin.connections() - after_one;
    assert!(later <= MOST_CONNECTIONS, "{later} connections for 20 calls: {error}");
    if case.end.is_empty() {
        return;
    }
    for words in case.end {
        let () = admin.ask(words);
    }
    let end = Instant::now() + ENDS_WITHIN;
    while authenticate(&auth, &guest()).await.is_err() {
        assert!(Instant::now() < end, "no recovery");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again_and_again() {
    let Some(server) = Server::start().await else { return };
    let url = server.url().replace("redis://", "redis://app:wrong@");
    let case = Case {
        begin: &["ACL SETUSER app on >right ~* +@all"],
        end: &["ACL SETUSER app >wrong"],
        fields: json!({ "url": url }),
        says: "assword",
    };
    refuses(&server, case).await;
}

#[tokio::test]
async fn a_missing_password_is_not_tried_again_and_again() {
    let Some(server) = Server::start().await else { return };
    let case = Case {
        begin: &["CONFIG SET requirepass secret"],
        end: &["CONFIG SET requirepass "],
        fields: json!({}),
        says: "uthentication required",
    };
    refuses(&server, case).await;
}

#[tokio::test]
async fn a_replica_is_not_stormed() {
    let Some(server) = Server::start().await else { return };
    let case = Case {
        begin: &["REPLICAOF 127.0.0.1 1"],
        end: &["REPLICAOF NO ONE"],
        fields: json!({}),
        says: "read only replica",
    };
    refuses(&server, case).await;
}

#[tokio::test]
async fn a_replica_without_its_primary_is_not_stormed() {
    let Some(server) = Server::start().await else { return };
    let case = Case {
        begin: &["CONFIG SET replica-serve-stale-data no", "CONFIG SET replica-read-only no", "REPLICAOF 127.0.0.1 1"],
        end: &["REPLICAOF NO ONE"],
        fields: json!({}),
        says: "MASTER is down",
    };
    refuses(&server, case).await;
}

#[tokio::test]
async fn a_server_with_too_many_clients_is_not_stormed() {
    let Some(server) = Server::start().await else { return };
    let case = Case {
        begin: &["CONFIG SET maxclients 1"],
        end: &["CONFIG SET maxclients 100"],
        fields: json!({}),
        says: "unavailable",
    };
    refuses(&server, case).await;
}

#[tokio::test]
async fn a_cluster_without_slots_is_not_stormed() {
    let Some(server) = Server::start_with(&["--cluster-enabled", "yes"]).await else { return };
    let case = Case { begin: &[], end: &[], fields: json!({}), says: "slot not served" };
    refuses(&server, case).await;
}
