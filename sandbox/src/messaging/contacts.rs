//! External contacts: who has which e-mail address.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::Answer;
use crate::crm;
use crate::request::Request;
use crate::route::Route;

/// What an identifier may be.
const TYPES: [&str; 11] = [
    "Email",
    "Phone",
    "Cookie",
    "ExternalId",
    "AppleOpaqueId",
    "SocialLine",
    "SocialFacebook",
    "SocialTwitter",
    "SocialWhatsapp",
    "SocialWhatsappBsuid",
    "SocialInstagram",
];
/// Characters of an identifier.
const MAX_VALUE: usize = 255;

/// Contacts that a test has set, by identifier in lower case; null means that there is none.
#[derive(Default)]
pub(crate) struct Contacts(BTreeMap<String, Value>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lookup {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl Contacts {
    /// Sets the contact of an identifier, which gets an id when it has none; null for no contact.
    pub(crate) fn set(&mut self, identifier: &str, mut contact: Value) {
        if let Some(members) = contact.as_object_mut() {
            let id = members.entry("id").or_insert_with(|| Uuid::new_v4().to_string().into()).clone();
            let uri = format!("/api/v2/externalcontacts/contacts/{}", id.as_str().unwrap_or_default());
            members.entry("selfUri").or_insert_with(|| uri.into());
        }
        self.0.insert(identifier.to_lowercase(), contact);
    }

    pub(crate) fn all(&self) -> &BTreeMap<String, Value> {
        &self.0
    }

    /// Answers a look-up by identifier, or by id.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let correlation = request.correlation;
        let found = if request.route == Route::Contact {
            self.0.values().find(|contact| contact["id"] == request.part.as_str()).cloned()
        } else {
            match self.look_up(request) {
                Ok(found) => found,
                Err(refusal) => return *refusal,
            }
        };
        match found {
            Some(contact) => Answer::json(StatusCode::OK, contact.to_string()),
            None => Answer::error(StatusCode::NOT_FOUND, "not.found", "The contact was not found", correlation),
        }
    }

    fn look_up(&self, request: &Request) -> Result<Option<Value>, Box<Answer>> {
        let bad = |status, code, message| Answer::error(status, code, message, request.correlation);
        let bad_request = || bad(StatusCode::BAD_REQUEST, "bad.request", "Invalid request body");
        let Lookup { kind, value } = serde_json::from_slice(&request.body).map_err(|_| bad_request())?;
        if !TYPES.contains(&kind.as_str()) || value.chars().count() > MAX_VALUE {
            return Err(bad_request().into());
        }
        let value = value.trim().to_lowercase();
        let valid = match kind.as_str() {
            "Email" => value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()),
            "Phone" => value.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())),
            _ => !value.is_empty(),
        };
        if !valid {
            let message = "The value is not a valid identifier";
            return Err(bad(StatusCode::UNPROCESSABLE_ENTITY, "validation.failed", message).into());
        }
        Ok(match self.0.get(&value) {
            Some(Value::Null) => None,
            Some(contact) => Some(contact.clone()),
            None if kind == "Email" => crm::made_up(&value).map(|profile| made_up(&value, &profile)),
            None => None,
        })
    }
}

/// The contact of an e-mail that no test has set: the same person as in the CRM.
fn made_up(email: &str, profile: &Value) -> Value {
    let customer = &profile["customerId"];
    let digits = customer.as_str().and_then(|id| id.strip_prefix("CUST-")).unwrap_or_default();
    let id = format!("6a1f0f5e-0000-4000-8000-{digits:0>12}");
    json!({
        "id": id,
        "division": { "id": "6a1f0f5e-0000-4000-8000-0000000000d1", "name": "Home" },
        "firstName": "Ada",
        "lastName": format!("Example {digits}"),
        "workEmail": email,
        "externalIds": [{
            "externalSource": { "id": "6a1f0f5e-0000-4000-8000-0000000000cc", "name": "shop" },
            "value": customer,
        }],
        "identifiers": [{ "type": "Email", "value": email, "dateCreated": "2026-01-02T03:04:05Z" }],
        "surveyOptOut": false,
        "customFields": { "tier": profile["tier"] },
        "type": "Curated",
        "createDate": "2026-01-02T03:04:05Z",
        "modifyDate": profile["lastInteraction"],
        "selfUri": format!("/api/v2/externalcontacts/contacts/{id}"),
    })
}
