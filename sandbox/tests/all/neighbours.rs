//! The CRM and the webhook.

use serde_json::json;

use crate::support::{Call, sandbox};

#[tokio::test]
async fn profiles_are_the_same_for_the_same_address() {
    let (one, other) = (sandbox().await, sandbox().await);
    let ask = async |sandbox, email: &str| {
        Call::new("GET", format!("/crm/profiles?email={email}")).send(sandbox).await.unwrap()
    };
    let profile = ask(&one, "ada%2Bx%40example.org").await.json();
    assert_eq!(profile, ask(&other, "ADA%2bx@example.org").await.json());
    assert_ne!(profile, ask(&one, "bob@example.org").await.json());
    let names: Vec<_> = profile.as_object().unwrap().keys().collect();
    assert_eq!(names, ["customerId", "tier", "lastInteraction"]);

    ask(&one, "nocrm.ada@example.org").await.assert_error(404, "not.found");
    one.set_profile("Nocrm.Ada@example.org", json!({ "tier": "gold" }));
    assert_eq!(ask(&one, "nocrm.ada@example.org").await.json(), json!({ "tier": "gold" }));
    one.set_profile("bob@example.org", json!(null));
    ask(&one, "bob@example.org").await.assert_error(404, "not.found");
    Call::new("GET", "/crm/profiles").send(&one).await.unwrap().assert_error(400, "parameters.missing");
}

#[tokio::test]
async fn keeps_events_with_their_headers() {
    let sandbox = sandbox().await;
    let event = Call::new("POST", "/webhook").header("webhook-id", "msg_1").json(r#"{"guestId":"g"}"#);
    let reply = event.send(&sandbox).await.unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let events = sandbox.webhook_events();
    assert_eq!((events[0].id.as_deref(), events[0].body.as_str()), (Some("msg_1"), r#"{"guestId":"g"}"#));
    assert_eq!(events[0].headers.get("content-type"), Some("application/json"));

    Call::new("POST", "/webhook").json("{").send(&sandbox).await.unwrap().assert_error(400, "bad.request");
    let text = Call::new("POST", "/webhook").body("text/plain", "{}").send(&sandbox).await.unwrap();
    text.assert_error(415, "unsupported.media.type");
    assert_eq!(sandbox.webhook_events().len(), 1);
}
