//! What is known of a customer.

use serde_json::value::RawValue;

use crate::json::{Members, spread};

/// A profile: the members of a JSON object, as written.
#[derive(Clone)]
pub(crate) struct Profile {
    members: Vec<(String, String)>,
    tier: Option<Box<RawValue>>,
}

impl Profile {
    /// Reads an answer; `None` when it is not a JSON object.
    pub(crate) fn parse(answer: &str) -> Option<Self> {
        let profile = Members::parse(answer)?;
        let members = profile.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Some(Self { members, tier: profile.get("tier").map(ToOwned::to_owned) })
    }

    /// `tier` as JSON; `null` where there is none.
    pub(crate) fn tier(&self) -> &RawValue {
        self.tier.as_deref().unwrap_or(RawValue::NULL)
    }

    /// The request's attributes, then the profile's fields, then ours; later ones win.
    pub(crate) fn merged_into(&self, attributes: Option<&str>, consent_timestamp: &str) -> String {
        let ours = [("consentTimestamp", consent_timestamp), ("authMethod", "guest-api"), ("sessionVersion", "1.0")];
        let own = attributes.and_then(Members::parse_own);
        let profile = self.members.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        spread(own.iter().flat_map(Members::iter).chain(profile), &ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_fields_win() {
        let profile = Profile::parse(r#"{"customerId":"c","tier":"gold","authMethod":"forged"}"#).unwrap();
        assert_eq!(
            profile.merged_into(Some(r#"{"tier":"none","cart":[1]}"#), "2026-01-01T00:00:00.000Z"),
            r#"{"tier":"gold","cart":[1],"customerId":"c","authMethod":"guest-api","consentTimestamp":"2026-01-01T00:00:00.000Z","sessionVersion":"1.0"}"#
        );
    }

    #[test]
    fn the_tier_stays_what_it_was() {
        assert_eq!(Profile::parse(r#"{"tier":"gold"}"#).unwrap().tier().get(), "\"gold\"");
        assert_eq!(Profile::parse(r#"{"tier":3}"#).unwrap().tier().get(), "3");
        assert_eq!(Profile::parse("{}").unwrap().tier().get(), "null");
    }
}
