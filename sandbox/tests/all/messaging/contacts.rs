//! External contacts.

use sandbox::Sandbox;
use serde_json::{Value, json};

use crate::support::{Call, Reply, sandbox, sign_in};

const LOOKUP: &str = "/api/v2/externalcontacts/identifierlookup/contacts";

async fn look_up(sandbox: &Sandbox, bearer: &str, body: Value) -> Reply {
    let path = format!("{LOOKUP}?expand=identifiers,externalSources");
    Call::new("POST", path).bearer(bearer).json(&body).send(sandbox).await.unwrap()
}

#[tokio::test]
async fn looks_contacts_up_by_identifier() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    let email = |value: &str| json!({ "type": "Email", "value": value });
    let made_up = look_up(&sandbox, &bearer, email("Ada@shop.example")).await.json();
    let profile = Call::new("GET", "/crm/profiles?email=ada@shop.example").send(&sandbox).await.unwrap().json();
    assert_eq!(made_up["externalIds"][0]["value"], profile["customerId"]);
    assert_eq!(made_up["customFields"]["tier"], profile["tier"]);
    look_up(&sandbox, &bearer, email("nocrm@shop.example")).await.assert_error(404, "not.found");

    sandbox.set_contact("+15550100", json!({ "id": "c-1", "firstName": "Bo", "mergedTo": { "id": "c-2" } }));
    sandbox.set_contact("live@shop.example", json!({ "id": "c-2", "firstName": "Bea" }));
    sandbox.set_contact("gone@shop.example", Value::Null);
    let merged = look_up(&sandbox, &bearer, json!({ "type": "Phone", "value": "+15550100" })).await.json();
    assert_eq!(merged["mergedTo"]["id"], "c-2");
    let live = Call::new("GET", "/api/v2/externalcontacts/contacts/c-2").bearer(&bearer).send(&sandbox).await.unwrap();
    assert_eq!(live.json()["firstName"], "Bea");
    look_up(&sandbox, &bearer, email("gone@shop.example")).await.assert_error(404, "not.found");
    let unknown = Call::new("GET", "/api/v2/externalcontacts/contacts/c-3").bearer(&bearer).send(&sandbox).await;
    unknown.unwrap().assert_error(404, "not.found");
}

#[tokio::test]
async fn refuses_what_is_no_look_up() {
    let sandbox = sandbox().await;
    let bearer = sign_in(&sandbox).await;
    look_up(&sandbox, "other", json!({})).await.assert_error(401, "bad.credentials");
    for body in
        [json!({}), json!({ "type": "Pigeon", "value": "x" }), json!({ "type": "Email", "value": "a".repeat(256) })]
    {
        look_up(&sandbox, &bearer, body).await.assert_error(400, "bad.request");
    }
    for (kind, value) in [("Email", "ada"), ("Phone", "5550100"), ("Cookie", " ")] {
        let reply = look_up(&sandbox, &bearer, json!({ "type": kind, "value": value })).await;
        reply.assert_error(422, "validation.failed");
    }
}
