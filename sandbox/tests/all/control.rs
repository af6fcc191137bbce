//! The control API.

use sandbox::Sandbox;
use serde_json::{Value, json};

use crate::support::{Call, FORM, Reply, create, form, sandbox, sign_in};

async fn control(sandbox: &Sandbox, method: &'static str, call: &str, body: Value) -> Reply {
    let path = format!("/__control/{call}");
    let call = Call::new(method, path);
    if body.is_null() { call } else { call.json(&body) }.send(sandbox).await.unwrap()
}

async fn get(sandbox: &Sandbox, call: &str) -> Value {
    control(sandbox, "GET", call, Value::Null).await.json()
}

#[tokio::test]
async fn tells_where_everything_is() {
    let sandbox = sandbox().await;
    let addresses = get(&sandbox, "").await;
    assert_eq!(addresses, serde_json::from_str::<Value>(&sandbox.addresses()).unwrap());
    assert_eq!(addresses["crm"], sandbox.crm_url());
    assert_eq!(addresses["webhook"], sandbox.webhook_url());
    assert_eq!(addresses["control"], sandbox.control_url());
}

#[tokio::test]
async fn leaves_no_trace_of_itself() {
    let sandbox = sandbox().await;
    get(&sandbox, "log").await;
    sign_in(&sandbox).await;
    let counts = get(&sandbox, "counts").await;
    assert_eq!((&counts["total"], &counts["connections"]["opened"]), (&json!(1), &json!(1)));
    assert_eq!(counts["routes"]["token"]["byStatus"], json!({ "200": 1 }));
    assert_eq!(get(&sandbox, "log").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn reads_the_log_in_parts() {
    let sandbox = sandbox().await;
    for path in ["/a", "/crm/profiles", "/b"] {
        Call::new("GET", path).header("x-twice", "1").header("x-twice", "2").send(&sandbox).await.unwrap();
    }
    let paths = async |call| {
        let log = get(&sandbox, call).await;
        log.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths("log?since=1").await, ["/crm/profiles", "/b"]);
    assert_eq!(paths("log?route=unknown&limit=1").await, ["/b"]);
    assert_eq!(get(&sandbox, "log").await[0]["headers"]["x-twice"], "1, 2");
    assert_eq!(control(&sandbox, "GET", "log?since=x", Value::Null).await.status, 400);
    assert_eq!(control(&sandbox, "PUT", "log", json!({ "enabled": false, "capacity": 2 })).await.status, 204);
    assert_eq!(paths("log").await, ["/crm/profiles", "/b"]);
    control(&sandbox, "DELETE", "log", Value::Null).await;
    assert!(paths("log").await.is_empty());
}

#[tokio::test]
async fn scripts_faults() {
    let sandbox = sandbox().await;
    let all = json!([{ "route": "*", "drop": "mid-body" }, { "route": "crm", "body": { "a": 1 }, "count": null }]);
    assert_eq!(control(&sandbox, "POST", "faults", all).await.json(), json!({ "ids": [1, 2] }));
    let faults = get(&sandbox, "faults").await;
    assert_eq!((&faults[0]["fault"]["drop"], &faults[1]["fault"]["body"]), (&json!("mid-body"), &json!("{\"a\":1}")));
    control(&sandbox, "DELETE", "faults?id=1", Value::Null).await;
    assert_eq!(control(&sandbox, "DELETE", "faults?id=1", Value::Null).await.status, 404);
    let reply = Call::new("GET", "/crm/profiles").send(&sandbox).await.unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\"a\":1}"));
    control(&sandbox, "DELETE", "faults", Value::Null).await;
    assert_eq!(get(&sandbox, "faults").await, json!([]));

    for bad in [
        json!({ "route": "creat" }),
        json!({ "route": "*", "stat": 500 }),
        json!({ "route": "*", "status": 1000 }),
        json!({ "route": "*", "headers": { "a b": "c" } }),
        json!({ "route": "*", "probability": 2 }),
        json!([{ "route": "*" }, { "route": "*", "drop": "later" }]),
    ] {
        let reply = control(&sandbox, "POST", "faults", bad).await;
        assert_eq!(reply.status, 400);
        assert!(reply.json()["message"].is_string());
    }
    assert_eq!(get(&sandbox, "faults").await, json!([]), "all or none");
}

#[tokio::test]
async fn sets_limits_and_latency() {
    let sandbox = sandbox().await;
    let limit = json!({ "route": "create", "rate": 5, "burst": 1, "retryAfter": "date" });
    assert_eq!(control(&sandbox, "PUT", "limits", limit).await.status, 204);
    assert_eq!(get(&sandbox, "limits").await[0]["retryAfter"], "date");
    assert_eq!(
        control(&sandbox, "PUT", "limits", json!({ "route": "create", "rate": 5, "burst": 0 })).await.status,
        400
    );
    control(&sandbox, "DELETE", "limits?route=create", Value::Null).await;
    assert_eq!(get(&sandbox, "limits").await, json!([]));

    assert_eq!(control(&sandbox, "PUT", "latency", json!({ "crm": 2.5, "*": 1 })).await.status, 204);
    let latency = get(&sandbox, "latency").await;
    assert_eq!((&latency["crm"], &latency["create"]), (&json!(2.5), &json!(1.0)));
    assert_eq!(control(&sandbox, "PUT", "latency", json!({ "crm": -1 })).await.status, 400);
}

#[tokio::test]
async fn changes_and_shows_the_state() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    for email in ["a@b.example", "b@b.example"] {
        create(&bearer, email).send(&sandbox).await.unwrap();
    }
    Call::new("POST", "/webhook").header("webhook-id", "m").json(&json!({ "n": 1 })).send(&sandbox).await.unwrap();
    let state = get(&sandbox, "state").await;
    assert_eq!(
        (&state["liveGuests"], &state["guestsCreated"], &state["tokensIssued"]),
        (&json!(2), &json!(2), &json!(1))
    );
    assert_eq!(state["guests"][0]["attributes"], json!({ "plan": "pro" }));
    assert_eq!(
        (&state["webhookEvents"][0]["id"], &state["webhookEvents"][0]["json"]),
        (&json!("m"), &json!({ "n": 1 }))
    );
    assert_eq!(get(&sandbox, "state?limit=1").await["guests"][0]["email"], "b@b.example");

    let id = state["guests"][0]["guestId"].clone();
    let change = json!({
        "revokeTokens": [bearer],
        "endGuests": id,
        "profiles": { "X@y": { "tier": "odd" } },
        "settings": { "reportedTokenLifetime": "omit", "answerExtra": { "a": 1 } },
    });
    let done = control(&sandbox, "POST", "state", change).await.json();
    assert_eq!(done, json!({ "tokensRevoked": 1, "guestsEnded": 1 }));
    let state = get(&sandbox, "state").await;
    assert_eq!((&state["liveGuests"], &state["tokens"][0]["revoked"]), (&json!(1), &json!(true)));
    assert_eq!(
        (&state["profiles"]["x@y"], &state["settings"]["answerExtra"]),
        (&json!({ "tier": "odd" }), &json!("{\"a\":1}"))
    );
    let token = Call::new("POST", "/oauth/token").body(FORM, &form("a", "b")).send(&sandbox).await.unwrap();
    assert!(token.json().get("expires_in").is_none());

    let wrong = json!({ "settings": { "expiresIn": "soon" } });
    assert_eq!(control(&sandbox, "POST", "state", wrong).await.status, 400);
    assert_eq!(control(&sandbox, "DELETE", "state", Value::Null).await.status, 204);
    let state = get(&sandbox, "state").await;
    assert_eq!((&state["guestsCreated"], &state["settings"]["answerExtra"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn refuses_what_it_does_not_know() {
    let sandbox = sandbox().await;
    assert_eq!(control(&sandbox, "PATCH", "log", Value::Null).await.status, 405);
    assert_eq!(control(&sandbox, "GET", "logs", Value::Null).await.status, 404);
    assert_eq!(Call::new("POST", "/__control/faults").json("{").send(&sandbox).await.unwrap().status, 400);
    assert_eq!(Call::new("GET", "/__controls").send(&sandbox).await.unwrap().status, 404);
    assert_eq!(sandbox.counts().total, 1, "only the last one was not for the control API");
}
