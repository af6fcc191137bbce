//! A guest of web messaging: who it is, and what a call returns of it.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::frames::Session;
use super::sign_in::{GuestGrant, jwt_life};
use crate::audit::Timestamp;
use crate::guest::{DEFAULT_LIFE, Guest, LONGEST_LIFE};
use crate::json::quote;
use crate::secret::Secret;
use crate::signature::hmac;
use crate::validation::GuestRequest;

/// The id of a guest. Its token is its identity and a secret, so the id is made from it, and tells nothing of it to whoever
/// does not know the client secret.
pub(super) fn guest_id(token: &Secret, client_secret: &Secret) -> String {
    let digest = hmac(client_secret, token.expose());
    let bytes = std::array::from_fn(|i| digest[i]);
    // RFC 9562 §5.8: version 8 is for bits of one's own.
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// A new guest's token.
pub(super) fn new_token() -> Secret {
    Secret::new(Uuid::new_v4().to_string())
}

/// How long a session lives from the time of its answer on.
pub(super) fn life(session: &Session, now: f64) -> Duration {
    let until_end =
        session.ends_at.map(|end| Duration::from_secs_f64((end - now).clamp(0.0, LONGEST_LIFE.as_secs_f64())));
    until_end.or(session.life).unwrap_or(DEFAULT_LIFE).min(LONGEST_LIFE)
}

/// All that makes a guest.
pub(super) struct Parts<'a> {
    pub(super) id: String,
    pub(super) token: Secret,
    pub(super) session: &'a Session,
    /// When the server answered.
    pub(super) now: f64,
    pub(super) grant: Option<&'a GuestGrant>,
    pub(super) request: &'a GuestRequest,
}

impl Parts<'_> {
    /// The guest, as yet without `customAttributes`.
    pub(super) fn into_guest(self) -> Guest {
        let Self { id, token, session, now, grant, request } = self;
        let expires_in = life(session, now);
        let refresh_token = grant.and_then(|grant| grant.refresh_token.clone());
        let jwt = grant.map(|grant| {
            let life = jwt_life(&grant.jwt, now).map(|life| format!(",\"jwtExpiresIn\":{}", life.as_secs()));
            format!(",\"jwt\":{}{}", quote(grant.jwt.expose()), life.unwrap_or_default())
        });
        let json = format!(
            "{{\"guestId\":{},\"token\":{},\"expiresIn\":{},\"refreshToken\":{},\"email\":{},\"consent\":true,\
             \"channelId\":{},\"createdDate\":\"{}\",\"newSession\":{},\"authenticated\":{},\"customAttributes\":{{}}{}}}",
            quote(&id),
            quote(token.expose()),
            expires_in.as_secs(),
            quote(refresh_token.as_ref().map_or("", Secret::expose)),
            quote(&request.email),
            quote(request.channel_id.as_str()),
            Timestamp::now(),
            session.is_new,
            grant.is_some(),
            jwt.unwrap_or_default(),
        );
        Guest { id, token, expires_in, expires_at: Instant::now() + expires_in, refresh_token, json: Secret::new(json) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::exchange::server_time;
    use http::header::DATE;
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn the_id_is_a_uuid_of_version_8_that_depends_on_token_and_secret() {
        let id = |token: &str, secret: &str| guest_id(&Secret::new(token), &Secret::new(secret));
        let one = Uuid::parse_str(&id("t", "s")).unwrap();
        assert_eq!((one.get_version_num(), one.get_variant()), (8, uuid::Variant::RFC4122));
        assert_eq!(id("t", "s"), id("t", "s"));
        assert!(id("t", "s") != id("u", "s") && id("t", "s") != id("t", "r"));
    }

    #[test]
    fn a_life_counts_by_the_servers_clock() {
        let session = |ends_at, life: Option<u64>| Session {
            is_connected: true,
            is_new: true,
            is_read_only: false,
            ends_at,
            life: life.map(Duration::from_secs),
            max_attribute_bytes: None,
        };
        let date = HeaderMap::from_iter([(DATE, HeaderValue::from_static("Thu, 01 Jan 1970 00:01:40 GMT"))]);
        let now = server_time(&date);
        assert_eq!(life(&session(Some(160.0), Some(9)), now).as_secs(), 60);
        assert_eq!(life(&session(Some(40.0), Some(9)), now).as_secs(), 0);
        assert_eq!(life(&session(None, Some(9)), now).as_secs(), 9);
        assert_eq!(life(&session(None, None), now), DEFAULT_LIFE);
        assert_eq!(life(&session(Some(1e300), None), now), LONGEST_LIFE);
    }
}
