//! Deployments and the upgrade.

use sandbox::{Deployment, Fault, Hangup, Options, Route, Sandbox, SignIn};
use serde_json::json;
use uuid::Uuid;

use super::guest::{DEPLOYMENT, Guest, exchange, exchange_of};
use crate::support::{Call, sandbox};

fn id(text: &str) -> Uuid {
    Uuid::try_parse(text).unwrap()
}

#[tokio::test]
async fn every_uuid_is_a_deployment_until_one_is_named() {
    let sandbox = sandbox().await;
    Guest::configured(&sandbox).await;
    for query in ["", "deploymentId=", "deploymentId=abc"] {
        assert_eq!(Guest::try_connect(&sandbox, query, &[]).await.err(), Some(403), "{query}");
    }
    sandbox.deployment(Deployment::new(Uuid::nil()));
    let other = format!("deploymentId={DEPLOYMENT}");
    assert_eq!(Guest::try_connect(&sandbox, &other, &[]).await.err(), Some(403));
    sandbox.settings(|settings| settings.messaging.handshake.deployment = 404);
    assert_eq!(Guest::try_connect(&sandbox, &other, &[]).await.err(), Some(404));
    let path = format!("/webdeployments/v1/deployments/{DEPLOYMENT}/config.json");
    Call::new("GET", path).send(&sandbox).await.unwrap().assert_error(403, "not.authorized");
}

#[tokio::test]
async fn only_allowed_origins_may_connect() {
    let deployments = vec![Deployment::new(id(DEPLOYMENT)).with_domains(["shop.example"])];
    let sandbox = Sandbox::start(Options { deployments, ..Options::default() }).await.unwrap();
    let query = format!("deploymentId={DEPLOYMENT}&application=web-messaging-sdk-18.1.0");
    let connect = async |headers: &[(&'static str, &str)]| Guest::try_connect(&sandbox, &query, headers).await.err();
    assert_eq!(connect(&[]).await, Some(403));
    assert_eq!(connect(&[("origin", "https://evil.example")]).await, Some(403));
    assert_eq!(connect(&[("origin", "https://www.shop.example:8443")]).await, None);
    // A reference client sends these with its upgrade.
    let habits = [("origin", "shop.example"), ("deploymentid", DEPLOYMENT), ("content-length", "0")];
    let _guest = Guest::try_connect(&sandbox, &query, &habits).await.unwrap();
    let sockets = sandbox.sockets();
    let socket = sockets.last().unwrap();
    assert_eq!(socket.application.as_deref(), Some("web-messaging-sdk-18.1.0"));
    assert_eq!((socket.origin.as_deref(), socket.deployment_id), (Some("shop.example"), id(DEPLOYMENT)));
    let path = format!("/webdeployments/v1/deployments/{DEPLOYMENT}/domains.json");
    let domains = Call::new("GET", path).send(&sandbox).await.unwrap().json();
    assert_eq!(domains, json!({ "allowAllDomains": false, "allowedDomains": ["shop.example"] }));
}

#[tokio::test]
async fn a_deployment_that_is_not_active_refuses() {
    let sandbox = sandbox().await;
    sandbox.deployment(Deployment { status: "Inactive".into(), ..Deployment::new(id(DEPLOYMENT)) });
    assert_eq!(Guest::try_connect(&sandbox, &format!("deploymentId={DEPLOYMENT}"), &[]).await.err(), Some(403));
    let path = format!("/webdeployments/v1/deployments/{DEPLOYMENT}/config.json");
    let reply = Call::new("GET", path).send(&sandbox).await.unwrap();
    let config = reply.json();
    assert_eq!((reply.header("access-control-allow-origin"), &config["status"]), (Some("*"), &json!("Inactive")));
    assert_eq!(config["auth"], json!({ "enabled": false, "allowSessionUpgrade": false }));
    assert_eq!(config["messenger"]["apps"]["conversations"]["messagingEndpoint"], sandbox.url());
    let grant = sandbox.sign_in(SignIn::new("ada"));
    exchange(&sandbox, &exchange_of(&grant)).await.assert_error(403, "not.authorized");
}

#[tokio::test]
async fn what_is_no_upgrade_is_told_so() {
    let sandbox = sandbox().await;
    let path = format!("/v1?deploymentId={DEPLOYMENT}");
    let half = Call::new("GET", path.clone()).header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    half.send(&sandbox).await.unwrap().assert_error(426, "client.failed.request");
    let reply = Call::new("GET", path).send(&sandbox).await.unwrap();
    reply.assert_error(426, "client.failed.request");
    assert_eq!(reply.header("sec-websocket-version"), Some("13"));
}

#[tokio::test]
async fn handshakes_have_faults_and_a_rate() {
    let sandbox = sandbox().await;
    let query = format!("deploymentId={DEPLOYMENT}");
    let connect = async || Guest::try_connect(&sandbox, &query, &[]).await.err();
    sandbox.fault(Fault::on(Route::Socket).status(503).header("Retry-After", "1"));
    sandbox.fault(Fault::on(Route::Socket).hang_up(Hangup::Before));
    sandbox.fault(Fault::on(Route::Socket).header("sec-websocket-accept", "wrong"));
    assert_eq!([connect().await, connect().await, connect().await], [Some(503), Some(0), Some(0)]);
    sandbox.settings(|settings| settings.messaging.limits.connections_per_minute = Some(1));
    sandbox.reset();
    sandbox.settings(|settings| settings.messaging.limits.connections_per_minute = Some(1));
    assert_eq!([connect().await, connect().await], [None, Some(429)]);
    assert_eq!(sandbox.counts().route(Route::Socket).status(101), 1);
}
