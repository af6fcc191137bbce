//! The organisation's external contacts in Genesys Cloud as its CRM: who has an e-mail address.

use std::time::Duration;

use http::Method;
use percent_encoding::utf8_percent_encode;
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use super::profile::Profile;
use crate::bearer::{BearerSender, Denied};
use crate::caller::CallContext;
use crate::json::{Members, quote};
use crate::net::exchange::{Answer, Exchange};
use crate::net::limiter::RateLimitGroup;
use crate::net::operation::{BodyStyle, ConnectionPool, Operation, RetrySafety, no_other_throttle};
use crate::net::redact::COMPONENT;
use crate::net::retry::SendOptions;

/// Looking up changes nothing. How often it is tried is a matter of the CRM's own, short limit.
const LOOKUP: Operation = Operation {
    label: "External contact lookup",
    option: "environment or apiUrl",
    retry: RetrySafety::Repeatable,
    limit: Some(RateLimitGroup::new(3)),
    pool: ConnectionPool::new(1),
    body: BodyStyle::Text,
    is_throttle: no_other_throttle,
};

const LOOKUP_PATH: &str = "/api/v2/externalcontacts/identifierlookup/contacts";
const CONTACTS_PATH: &str = "/api/v2/externalcontacts/contacts/";

/// Characters that an identifier may have.
const LONGEST_IDENTIFIER: usize = 255;

/// Contacts that were merged into others, which were merged themselves.
const MOST_MERGES: u32 = 3;

/// How external contacts are used.
#[derive(Debug, Clone)]
pub struct ContactsSettings {
    /// The API's origin, with a path prefix if there is one.
    pub api: Url,
    /// The custom field that holds the customer's tier.
    pub tier: String,
    /// Limit for a lookup with its repeats.
    pub timeout: Duration,
}

pub(super) struct Contacts {
    bearer: BearerSender,
    pub(super) settings: ContactsSettings,
}

/// What an answer that is no success means.
enum Miss {
    NoContact,
    /// It may be there the next time.
    Again,
    Failed(String),
}

impl Contacts {
    pub(super) fn new(bearer: BearerSender, settings: ContactsSettings) -> Self {
        Self { bearer, settings }
    }

    /// The profile of whoever has this address, if anybody has, or why there is no telling.
    pub(super) async fn ask(&self, email: &str, context: &CallContext) -> Result<Option<Profile>, String> {
        if email.chars().count() > LONGEST_IDENTIFIER {
            return Ok(None);
        }
        let deadline = context.deadline.min(Instant::now() + self.settings.timeout);
        let body = format!("{{\"type\":\"Email\",\"value\":{}}}", quote(email));
        let lookup = || Exchange::new(Method::POST, self.at(LOOKUP_PATH)).json(body.clone());
        let mut answer = match self.send(deadline, context, lookup).await {
            Err(Miss::Again) => self.send(deadline, context, lookup).await,
            outcome => outcome,
        };
        let mut followed = 0;
        loop {
            let text = match &answer {
                Ok(answer) => answer.text(),
                Err(Miss::NoContact) => return Ok(None),
                Err(Miss::Again) => return Err("status 409".to_owned()),
                Err(Miss::Failed(reason)) => return Err(reason.clone()),
            };
            let contact = Members::parse(&text).ok_or("the answer is no JSON object")?;
            let Some(id) = live_id(&contact).filter(|_| followed < MOST_MERGES) else {
                return Ok(Some(profile(&contact, &self.settings.tier)));
            };
            followed += 1;
            let url = self.at(&format!("{CONTACTS_PATH}{}", utf8_percent_encode(&id, COMPONENT)));
            answer = self.send(deadline, context, || Exchange::new(Method::GET, url.clone())).await;
        }
    }

    async fn send(
        &self,
        deadline: Instant,
        context: &CallContext,
        build: impl Fn() -> Exchange,
    ) -> Result<Answer, Miss> {
        let options = SendOptions { operation: &LOOKUP, timeout: self.settings.timeout, deadline };
        match self.bearer.send(options, context, build).await {
            Ok(granted) => Ok(granted.answer),
            Err(Denied::NoToken(error)) => Err(Miss::Failed(error.details().message.clone())),
            Err(Denied::Failed(failure, _)) => {
                let code = failure.answer().and_then(Answer::error_code);
                Err(match (failure.status(), code.as_deref()) {
                    // 422: the address is no identifier, so that no contact can have it.
                    (Some(404 | 422), _) | (Some(409), Some("identifier.entity.missing")) => Miss::NoContact,
                    (Some(409), Some("request.conflict")) => Miss::Again,
                    _ => Miss::Failed(failure.reason()),
                })
            }
        }
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.settings.api.clone();
        url.set_path(&format!("{}{path}", self.settings.api.path().trim_end_matches('/')));
        url
    }
}

/// The id of the contact that this one has become, where it is not itself.
fn live_id(contact: &Members<'_>) -> Option<String> {
    let own = contact.string("id");
    ["mergedTo", "canonicalContact"]
        .into_iter()
        .filter_map(|name| match contact.get(name).map(RawValue::get)? {
            object if object.starts_with('{') => Members::parse(object)?.string("id").map(String::from),
            _ => contact.string(name).map(String::from),
        })
        .find(|id| !id.is_empty() && own.as_deref() != Some(id))
        // What climbs up in a path names nothing.
        .filter(|id| !matches!(id.as_str(), "." | ".."))
}

/// What of a contact a profile has: who it is, and what the organisation says of it. Addresses and numbers stay where they
/// are.
fn profile(contact: &Members<'_>, tier: &str) -> Profile {
    let custom = contact.get("customFields").and_then(|fields| Members::parse(fields.get()));
    let tier = custom.as_ref().and_then(|fields| fields.get(tier)).map(RawValue::get);
    let names: Vec<_> =
        ["firstName", "middleName", "lastName"].into_iter().filter_map(|name| contact.string(name)).collect();
    let name = Some(names.join(" ")).filter(|name| !name.is_empty()).map(|name| quote(&name));
    let raw = |name| contact.get(name).map(|value| value.get().to_owned()).filter(|value| value != "null");
    let members = [
        ("customerId", raw("id")),
        ("tier", tier.map(str::to_owned)),
        ("name", name),
        ("contactType", raw("type")),
        ("externalIds", raw("externalIds")),
        ("customFields", raw("customFields")),
    ];
    let members = members.into_iter().filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)));
    let json = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    Profile::parse(&json).unwrap_or_else(|| unreachable!("what is put together of JSON is JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(contact: &str, tier: &str) -> (String, String) {
        let profile = profile(&Members::parse(contact).unwrap(), tier);
        (profile.merged_into(None, "T"), profile.tier().get().to_owned())
    }

    #[test]
    fn a_contact_becomes_a_profile() {
        let contact = r#"{"id":"c-1","firstName":"Ada","lastName":"Example","workEmail":"ada@shop.example","type":"Curated",
            "customFields":{"level":"gold","score":7},"externalIds":[{"value":"CRM-7"}],"middleName":null}"#;
        let (merged, tier) = read(contact, "level");
        assert_eq!(tier, "\"gold\"");
        assert!(merged.starts_with(
            r#"{"customerId":"c-1","tier":"gold","name":"Ada Example","contactType":"Curated","externalIds":"#
        ));
        assert!(!merged.contains("ada@shop.example"), "{merged}");
        assert_eq!(read("{}", "level").1, "null");
    }

    #[test]
    fn a_merged_contact_points_at_the_live_one() {
        let live = |contact: &str| live_id(&Members::parse(contact).unwrap());
        assert_eq!(live(r#"{"id":"a","mergedTo":{"id":"b"}}"#).as_deref(), Some("b"));
        assert_eq!(live(r#"{"id":"a","canonicalContact":"c"}"#).as_deref(), Some("c"));
        for own in [
            r#"{"id":"a"}"#,
            r#"{"id":"a","mergedTo":null}"#,
            r#"{"id":"a","canonicalContact":{"id":"a"}}"#,
            r#"{"mergedTo":".."}"#,
        ] {
            assert_eq!(live(own), None, "{own}");
        }
    }
}
