//! What every endpoint refuses, and what every answer has.

use sandbox::{Options, Route, Sandbox};

use crate::support::{Call, GUESTS, connect, create, sandbox, sign_in};

const ENDPOINTS: [(Route, &str, &str); 7] = [
    (Route::Token, "POST", "/oauth/token"),
    (Route::Create, "POST", GUESTS),
    (Route::Refresh, "POST", "/api/v2/engagements/guests/refresh"),
    (Route::Attributes, "PUT", "/api/v2/engagements/guests/1"),
    (Route::Channel, "GET", "/api/v2/journey/actions/channels/1"),
    (Route::Crm, "GET", "/crm/profiles?email=a"),
    (Route::Webhook, "POST", "/webhook"),
];

#[tokio::test]
async fn another_method_is_refused_with_the_right_one() {
    let sandbox = sandbox().await;
    for (route, method, path) in ENDPOINTS {
        let reply = Call::new("DELETE", path).send(&sandbox).await.unwrap();
        assert_eq!((reply.status, reply.header("allow")), (405, Some(method)), "{route}");
        assert_eq!(sandbox.counts().route(route).status(405), 1);
    }
}

#[tokio::test]
async fn the_api_asks_for_a_bearer_token_and_its_neighbours_do_not() {
    let sandbox = sandbox().await;
    for (route, method, path) in ENDPOINTS {
        let reply = Call::new(method, path).send(&sandbox).await.unwrap();
        match route {
            Route::Token | Route::Crm | Route::Webhook => assert_ne!(reply.status, 401, "{route}"),
            _ => {
                reply.assert_error(401, "authentication.required");
                assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
                let reply = Call::new(method, path).bearer("stranger").send(&sandbox).await.unwrap();
                reply.assert_error(401, "bad.credentials");
            }
        }
    }
    let basic = Call::new("POST", GUESTS).header("authorization", "Basic YTpi").send(&sandbox).await.unwrap();
    basic.assert_error(401, "authentication.required");
}

#[tokio::test]
async fn bodies_must_be_json_and_not_too_long() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    for (route, method, path) in ENDPOINTS.into_iter().filter(|(_, method, _)| *method != "GET").skip(1) {
        let text = Call::new(method, path).bearer(&bearer).body("text/plain", "{}").send(&sandbox).await.unwrap();
        assert_eq!(text.status, 415, "{route}");
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(512_000));
        let reply = Call::new(method, path).bearer(&bearer).json(&long).send(&sandbox).await.unwrap();
        assert_eq!(reply.status, 413, "{route}");
    }
    let charset =
        Call::new("POST", "/webhook").body("Application/JSON; charset=utf-8", "{}").send(&sandbox).await.unwrap();
    assert_eq!(charset.status, 204);
}

#[tokio::test]
async fn other_paths_are_not_found_and_logged() {
    let sandbox = sandbox().await;
    let reply = Call::new("PATCH", "/api/v2/engagements/guests/a/b?x=1").send(&sandbox).await.unwrap();
    reply.assert_error(404, "not.found");
    let entry = &sandbox.log()[0];
    assert_eq!((entry.route, entry.method.as_str(), entry.query.as_str()), (Route::Unknown, "PATCH", "x=1"));
}

#[tokio::test]
async fn aliases_play_a_gateway() {
    let sandbox = sandbox().await;
    sandbox.settings(|settings| settings.aliases = vec![("/gw/v1".into(), "/api/v2".into())]);
    let bearer = sign_in(&sandbox).await;
    let path = "/gw/v1/journey/actions/channels/web";
    let reply = Call::new("GET", path).bearer(&bearer).send(&sandbox).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(sandbox.log_of(Route::Channel)[0].path, path, "the log shows what was sent");
}

#[tokio::test]
async fn logs_and_counts_requests() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    let mut socket = connect(&sandbox).await;
    create(&bearer, "a@b.example").header("x-genesys-request-id", "r1").send_on(&mut socket).await.unwrap();
    create(&bearer, "a@b.example").send_on(&mut socket).await.unwrap();
    let log = sandbox.log_of(Route::Create);
    assert_eq!((log[0].status, log[1].status), (Some(200), Some(409)));
    assert_eq!((log[0].seq, log[1].seq), (2, 3));
    assert_eq!((log[0].connection, log[1].connection), (2, 2));
    assert_eq!(log[0].header("x-genesys-request-id"), Some("r1"));
    assert_eq!(log[0].json()["email"], "a@b.example");
    assert!(log[0].t_ms <= log[1].t_ms);
    let counts = sandbox.counts();
    let create = counts.route(Route::Create);
    assert_eq!((create.total, create.status(200), create.status(409), counts.total), (2, 1, 1, 3));
    assert_eq!((counts.connections.opened, create.peak_in_flight, create.in_flight), (2, 1, 0));

    sandbox.reset();
    assert!(sandbox.log().is_empty() && sandbox.guests().is_empty() && sandbox.tokens().is_empty());
    assert_eq!(sandbox.counts().total, 0);
    sandbox.set_logging(false);
    sign_in(&sandbox).await;
    assert_eq!((sandbox.log().len(), sandbox.counts().total), (0, 1));
}

#[tokio::test]
async fn the_log_is_bounded() {
    let sandbox = Sandbox::start(Options { log_capacity: 3, ..Options::default() }).await.unwrap();
    for _ in 0..5 {
        Call::new("POST", "/webhook").json("{}").send(&sandbox).await.unwrap();
    }
    let seqs: Vec<_> = sandbox.log().iter().map(|entry| entry.seq).collect();
    assert_eq!((seqs, sandbox.webhook_events().len()), (vec![3, 4, 5], 3));
}

#[tokio::test]
async fn several_threads_share_one_state() {
    let sandbox = Sandbox::start(Options { threads: 3, ..Options::default() }).await.unwrap();
    let bearer = sign_in(&sandbox).await;
    for number in 0..9 {
        let reply = create(&bearer, &format!("{number}@b.example")).send(&sandbox).await.unwrap();
        assert_eq!(reply.status, 200);
    }
    assert_eq!(sandbox.guests().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_stop_the_sandbox() {
    let sandbox = sandbox().await;
    sandbox.latency(None, 5.0);
    let bearer = sign_in(&sandbox).await;
    tokio::time::advance(std::time::Duration::from_secs(100_000)).await;
    assert_eq!(
        create(&bearer, "a@b.example").send(&sandbox).await.unwrap().status,
        200,
        "its own clock did not advance"
    );
    assert_eq!(sandbox.guests().len(), 1);
}

#[tokio::test]
async fn it_stops_when_dropped() {
    let sandbox = sandbox().await;
    let mut socket = connect(&sandbox).await;
    Call::new("GET", "/x").send_on(&mut socket).await.unwrap();
    let address = sandbox.url().trim_start_matches("http://").to_owned();
    drop(sandbox);
    assert!(Call::new("GET", "/x").send_on(&mut socket).await.is_err());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
