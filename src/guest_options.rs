//! What a call says of a guest beside the payload: who it has been, and how it has signed in.

use crate::json::{Members, quote};
use crate::secret::Secret;

/// Both need web messaging.
#[derive(Debug, Clone, Default)]
pub struct GuestOptions {
    /// How the guest has signed in; without it the guest is anonymous.
    pub sign_in: Option<SignIn>,
    /// The guest's identity from an earlier call, to resume its session or to sign it in.
    pub token: Option<Secret>,
}

impl GuestOptions {
    /// Reads `{ signIn?, token? }`; none where either is not what it must be.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        let members = Members::parse_own(json)?;
        let sign_in = match members.get("signIn") {
            Some(sign_in) => Some(SignIn::from_json(sign_in.get())?),
            None => None,
        };
        let token = match members.get("token") {
            Some(_) => Some(Secret::new(members.string("token").filter(|token| !token.is_empty())?)),
            None => None,
        };
        Some(Self { sign_in, token })
    }
}

/// How a guest has signed in, at the identity provider of the organisation.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// With an authorization code, which can be used once.
    Code {
        /// The code.
        code: Secret,
        /// Where the provider sent it.
        redirect_uri: String,
        /// PKCE's, where it was used (RFC 7636).
        code_verifier: Option<Secret>,
        /// Where one was sent to the provider.
        nonce: Option<Secret>,
        /// The same, in seconds.
        max_age: Option<u32>,
        /// Who issued the code (RFC 9207).
        iss: Option<String>,
    },
    /// With an ID token of the implicit flow. It brings no refresh token.
    IdToken {
        /// The token.
        id_token: Secret,
        /// Where one was sent to the provider.
        nonce: Option<Secret>,
    },
    /// With a JWT that an exchange has brought already.
    Jwt(Secret),
}

impl SignIn {
    /// Reads `{ code, redirectUri, codeVerifier?, nonce?, maxAge?, iss? }`, `{ idToken, nonce? }` or `{ jwt }`; none where it
    /// is nothing of these.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        let members = Members::parse_own(json)?;
        let text = |name| members.string(name).filter(|text| !text.is_empty()).map(std::borrow::Cow::into_owned);
        let secret = |name| text(name).map(Secret::new);
        match (secret("code"), secret("idToken"), secret("jwt")) {
            (Some(code), None, None) => Some(Self::Code {
                code,
                redirect_uri: text("redirectUri")?,
                code_verifier: secret("codeVerifier"),
                nonce: secret("nonce"),
                max_age: members.number("maxAge").map(|seconds| seconds as u32),
                iss: text("iss"),
            }),
            (None, Some(id_token), None) => Some(Self::IdToken { id_token, nonce: secret("nonce") }),
            (None, None, Some(jwt)) => Some(Self::Jwt(jwt)),
            _ => None,
        }
    }

    /// The member `oauth` of an exchange.
    pub(crate) fn oauth(&self) -> String {
        let text = |name: &str, value: Option<&str>| value.map(|value| format!("\"{name}\":{}", quote(value)));
        let secret = |name, value: &Option<Secret>| text(name, value.as_ref().map(Secret::expose));
        let members = match self {
            Self::Code { code, redirect_uri, code_verifier, nonce, max_age, iss } => vec![
                text("code", Some(code.expose())),
                text("redirectUri", Some(redirect_uri)),
                secret("codeVerifier", code_verifier),
                secret("nonce", nonce),
                max_age.map(|seconds| format!("\"maxAge\":{seconds}")),
                text("iss", iss.as_deref()),
            ],
            Self::IdToken { id_token, nonce } => {
                vec![text("idToken", Some(id_token.expose())), secret("nonce", nonce)]
            }
            Self::Jwt(_) => Vec::new(),
        };
        format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","))
    }

    /// The credentials in it.
    pub(crate) fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::Code { code, code_verifier, nonce, .. } => {
                [Some(code), code_verifier.as_ref(), nonce.as_ref()].into_iter().flatten().collect()
            }
            Self::IdToken { id_token, nonce } => [Some(id_token), nonce.as_ref()].into_iter().flatten().collect(),
            Self::Jwt(jwt) => vec![jwt],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(json: &str) -> SignIn {
        SignIn::from_json(json).unwrap()
    }

    #[test]
    fn sign_ins_are_written_as_genesys_clients_write_them() {
        for (given, written) in [
            (
                r#"{"code":"C","redirectUri":"https://shop.example/cb","codeVerifier":"V"}"#,
                r#"{"code":"C","redirectUri":"https://shop.example/cb","codeVerifier":"V"}"#,
            ),
            (r#"{"idToken":"I","nonce":"N"}"#, r#"{"idToken":"I","nonce":"N"}"#),
            (
                r#"{"iss":"https://idp.example","maxAge":300,"nonce":"N","redirectUri":"R","code":"C"}"#,
                r#"{"code":"C","redirectUri":"R","nonce":"N","maxAge":300,"iss":"https://idp.example"}"#,
            ),
        ] {
            assert_eq!(sign_in(given).oauth(), written);
        }
    }

    #[test]
    fn a_sign_in_is_one_thing_and_whole() {
        for json in [
            "{}",
            "null",
            r#"{"code":"C"}"#,
            r#"{"code":"","redirectUri":"R"}"#,
            r#"{"code":"C","redirectUri":"R","jwt":"J"}"#,
            r#"{"idToken":"I","jwt":"J"}"#,
            r#"{"jwt":1}"#,
        ] {
            assert!(SignIn::from_json(json).is_none(), "{json}");
        }
    }
}
