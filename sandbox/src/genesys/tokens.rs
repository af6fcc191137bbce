//! Access tokens: which were issued, and which are still good.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use uuid::Uuid;

/// Tokens remembered. Far more than a test asks for; a client without a cache asks for one a call.
const MAX_TOKENS: usize = 100_000;

/// The access tokens of the login host.
#[derive(Default)]
pub(crate) struct Tokens {
    known: HashMap<String, Token>,
    /// From the oldest to the newest.
    order: VecDeque<String>,
    issued: u64,
}

struct Token {
    client_id: String,
    scope: String,
    expires: Instant,
    revoked: bool,
}

/// How an access token stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Expired,
    /// Never issued, or revoked.
    Unknown,
}

/// One access token, as [`crate::Sandbox::tokens`] shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TokenInfo {
    /// The token.
    pub token: String,
    /// Who asked for it.
    pub client_id: String,
    /// The scope that was asked for; empty when none was.
    pub scope: String,
    /// Milliseconds until it expires; 0 afterwards.
    pub expires_in_ms: u64,
    /// Whether it was ended before its time.
    pub revoked: bool,
}

impl Tokens {
    /// Makes a token: opaque, like the real ones.
    pub(crate) fn issue(&mut self, client_id: &str, scope: &str, now: Instant, life: Duration) -> String {
        let mut noise = [0; 48];
        for part in noise.chunks_exact_mut(16) {
            part.copy_from_slice(Uuid::new_v4().as_bytes());
        }
        let text = URL_SAFE_NO_PAD.encode(noise);
        if self.order.len() >= MAX_TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let token = Token { client_id: client_id.into(), scope: scope.into(), expires: now + life, revoked: false };
        self.known.insert(text.clone(), token);
        self.order.push_back(text.clone());
        self.issued += 1;
        text
    }

    /// Whether a token is good at this moment.
    pub(crate) fn check(&self, token: &str, now: Instant) -> Standing {
        match self.known.get(token) {
            Some(token) if token.revoked => Standing::Unknown,
            Some(token) if token.expires <= now => Standing::Expired,
            Some(_) => Standing::Good,
            None => Standing::Unknown,
        }
    }

    /// Ends one token, or all of them. How many were ended.
    pub(crate) fn revoke(&mut self, which: Option<&str>) -> usize {
        let mut ended = 0;
        let mut end = |token: &mut Token| ended += usize::from(!std::mem::replace(&mut token.revoked, true));
        match which {
            Some(token) => self.known.get_mut(token).into_iter().for_each(&mut end),
            None => self.known.values_mut().for_each(&mut end),
        }
        ended
    }

    /// How many were ever issued.
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }

    /// The newest tokens, oldest first.
    pub(crate) fn list(&self, now: Instant, limit: usize) -> Vec<TokenInfo> {
        let skipped = self.order.len().saturating_sub(limit);
        let newest = self.order.iter().skip(skipped);
        newest
            .filter_map(|text| {
                let token = self.known.get(text)?;
                Some(TokenInfo {
                    token: text.clone(),
                    client_id: token.client_id.clone(),
                    scope: token.scope.clone(),
                    expires_in_ms: crate::clock::ms_until(token.expires, now),
                    revoked: token.revoked,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn tokens_end_by_time_and_by_order() {
        let now = clock::now();
        let mut tokens = Tokens::default();
        let first = tokens.issue("id", "", now, Duration::from_secs(10));
        let second = tokens.issue("id", "", now, Duration::from_secs(20));
        assert_ne!(first, second);
        assert_eq!(tokens.check(&first, now + Duration::from_millis(9999)), Standing::Good);
        assert_eq!(tokens.check(&first, now + Duration::from_secs(10)), Standing::Expired);
        assert_eq!(tokens.check("other", now), Standing::Unknown);
        assert_eq!(tokens.revoke(Some(&second)), 1);
        assert_eq!(tokens.check(&second, now), Standing::Unknown);
        assert_eq!(tokens.revoke(None), 1, "only one was left");
    }
}
