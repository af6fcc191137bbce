//! A guest as the API answered it: the few fields that are needed here, and the whole answer untouched.

use std::time::Duration;

use tokio::time::Instant;

use crate::json::{Members, quote, spread};
use crate::net::exchange::Answer;
use crate::secret::Secret;

/// How long a session is kept when the answer does not say: the tutorial's figure for a guest token.
pub(crate) const DEFAULT_LIFE: Duration = Duration::from_secs(3600);

/// A year: longer lives are cut, so that clock arithmetic cannot overflow.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// A guest that the API created or refreshed.
#[derive(Clone)]
pub struct Guest {
    /// `guestId`.
    pub id: String,
    /// `token`, signed.
    pub token: Secret,
    /// `expiresIn`.
    pub expires_in: Duration,
    /// When the token ends: so long after the answer.
    pub expires_at: Instant,
    /// `refreshToken`, if there is one.
    pub refresh_token: Option<Secret>,
    /// The whole answer as JSON text, also fields that this package does not know.
    pub json: Secret,
}

impl Guest {
    /// Reads an answer; `None` when it is not a guest.
    pub(crate) fn parse(answer: &Answer) -> Option<Self> {
        Self::from_json(answer.text().into_owned())
    }

    /// Reads the JSON of an answer.
    pub(crate) fn from_json(json: String) -> Option<Self> {
        let (id, token, expires_in, refresh_token) = {
            let body = Members::parse(&json)?;
            let id = body.string("guestId").filter(|id| !id.is_empty())?.into_owned();
            let token = Secret::new(body.string("token")?);
            (id, token, life(body.number("expiresIn")), body.string("refreshToken").map(Secret::new))
        };
        let expires_at = Instant::now() + expires_in;
        Some(Self { id, token, expires_in, expires_at, refresh_token, json: Secret::new(json) })
    }

    /// The same guest with the token of a refresh, or with what is left of its life.
    pub(crate) fn renewed(&self, fresh: &Refreshed) -> Option<Self> {
        let mut changed =
            format!("{{\"token\":{},\"expiresIn\":{}", quote(fresh.token.expose()), fresh.expires_in.as_secs());
        if let Some(refresh_token) = &fresh.refresh_token {
            changed.push_str(",\"refreshToken\":");
            changed.push_str(&quote(refresh_token.expose()));
        }
        changed.push('}');
        let (whole, changed) = (Members::parse(self.json.expose())?, Members::parse(&changed)?);
        let renewed = Self::from_json(spread(whole.iter().chain(changed.iter()), &[]))?;
        // Not in whole seconds, as the answer says it: a session must not end before its token.
        let expires_in = fresh.expires_in;
        Some(Self { expires_in, expires_at: Instant::now() + expires_in, ..renewed })
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("id", &self.id).field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// What a refresh answers.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// The new guest token, signed.
    pub token: Secret,
    /// Its life.
    pub expires_in: Duration,
    /// The next refresh token, where the server rotates them.
    pub refresh_token: Option<Secret>,
}

impl Refreshed {
    pub(crate) fn parse(answer: &Answer) -> Option<Self> {
        let text = answer.text();
        let body = Members::parse(&text)?;
        Some(Self {
            token: Secret::new(body.string("token")?),
            expires_in: life(body.number("expiresIn")),
            refresh_token: body.string("refreshToken").map(Secret::new),
        })
    }
}

fn life(seconds: Option<f64>) -> Duration {
    seconds
        .filter(|seconds| *seconds >= 0.0)
        .map_or(DEFAULT_LIFE, |seconds| Duration::from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str =
        r#"{"guestId":"g","token":"t.s","expiresIn":900,"refreshToken":"r","email":"a@b.co","routing":null,"n":1.0}"#;

    #[test]
    fn the_whole_answer_is_kept() {
        let guest = Guest::from_json(JSON.into()).unwrap();
        assert_eq!((guest.id.as_str(), guest.expires_in.as_secs()), ("g", 900));
        assert_eq!(guest.json.expose(), JSON);
    }

    #[test]
    fn a_refresh_replaces_its_fields_in_place() {
        let fresh = Refreshed { token: Secret::new("t2.s"), expires_in: Duration::from_secs(60), refresh_token: None };
        let guest = Guest::from_json(JSON.into()).unwrap().renewed(&fresh).unwrap();
        assert_eq!(
            guest.json.expose(),
            r#"{"guestId":"g","token":"t2.s","expiresIn":60,"refreshToken":"r","email":"a@b.co","routing":null,"n":1.0}"#
        );
        assert_eq!(guest.refresh_token.unwrap().expose(), "r");
    }

    #[test]
    fn a_renewed_guest_lives_as_long_as_the_refresh_says_to_the_millisecond() {
        let expires_in = Duration::from_millis(1999);
        let fresh = Refreshed { token: Secret::new("t2.s"), expires_in, refresh_token: None };
        assert_eq!(Guest::from_json(JSON.into()).unwrap().renewed(&fresh).unwrap().expires_in, expires_in);
    }

    #[test]
    fn what_is_no_guest_is_refused() {
        for json in [
            "",
            "null",
            "[]",
            "\"ok\"",
            "{}",
            r#"{"guestId":"g"}"#,
            r#"{"guestId":1,"token":"t"}"#,
            r#"{"guestId":"","token":"t"}"#,
        ] {
            assert!(Guest::from_json(json.into()).is_none(), "{json}");
        }
    }

    #[test]
    fn an_odd_life_has_a_default() {
        assert_eq!(life(None), DEFAULT_LIFE);
        assert_eq!(life(Some(-1.0)), DEFAULT_LIFE);
        assert_eq!(life(Some(0.0)), Duration::ZERO);
        assert_eq!(life(Some(f64::MAX)), LONGEST_LIFE);
    }
}
