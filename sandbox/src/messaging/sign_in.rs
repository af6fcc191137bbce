//! The REST calls that trade a sign-in for a guest's JWT: exchange, refresh, revoke.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::Messaging;
use super::credentials::{Bad, Holder, Jwt};
use super::deployments::Deployment;
use super::grants::{Grant, Subject, challenge_of};
use super::opaque::seconds_of;
use super::settings::{MessagingSettings, RestRefusal};
use crate::answer::Answer;
use crate::request::Request;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exchange {
    deployment_id: Option<String>,
    oauth: Option<OAuth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OAuth {
    code: Option<String>,
    id_token: Option<String>,
    redirect_uri: Option<String>,
    nonce: Option<String>,
    code_verifier: Option<String>,
    #[serde(rename = "iss")]
    _issuer: Option<String>,
    #[serde(rename = "maxAge")]
    _max_age: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refresh {
    refresh_token: Option<String>,
    deployment_id: Option<String>,
}

impl Messaging {
    /// `POST …/oauthcodegrantjwtexchange`
    pub(super) fn exchange(&mut self, settings: &MessagingSettings, request: &Request) -> Answer {
        self.exchanged(settings, request).unwrap_or_else(|refusal| *refusal)
    }

    fn exchanged(&mut self, settings: &MessagingSettings, request: &Request) -> Result<Answer, Box<Answer>> {
        let body: Exchange = read(request)?;
        let deployment = self.signing_deployment(body.deployment_id.as_deref(), request)?;
        let oauth = body.oauth.ok_or_else(|| missing("oauth", request))?;
        let credential = match (&oauth.code, &oauth.id_token) {
            (Some(code), None) => code,
            (None, Some(id_token)) => id_token,
            _ => return Err(invalid("oauth", "Exactly one of code and idToken must be given", request).into()),
        };
        if oauth.code.is_some() && oauth.redirect_uri.is_none() {
            return Err(missing("oauth.redirectUri", request).into());
        }
        let now = request.arrived;
        let refused = || refusal(&settings.sign_in, request);
        let grant = self.grants.get_mut(credential).ok_or_else(refused)?;
        if grant.expires <= now || !grant.allows(&oauth, deployment.id) {
            return Err(refused().into());
        }
        if let Some((spent, answer)) = &grant.spent {
            let reusable = settings.code_reuse_seconds.is_some_and(|seconds| now < *spent + seconds_of(seconds));
            return if reusable { Ok(Answer::json(StatusCode::OK, answer.clone())) } else { Err(refused().into()) };
        }
        let (subject, is_code) = (grant.subject.clone(), grant.is_code);
        let answer = self.issue(settings, subject, deployment.id, is_code, now);
        if let Some(grant) = self.grants.get_mut(credential) {
            grant.spent = Some((now, answer.clone()));
        }
        Ok(Answer::json(StatusCode::OK, answer))
    }

    /// The tokens of an exchange; without a code, the guest signs in again when the JWT ends.
    fn issue(
        &mut self,
        settings: &MessagingSettings,
        subject: Arc<Subject>,
        deployment: Uuid,
        refreshable: bool,
        now: Instant,
    ) -> String {
        if settings.exchange_ends_jwt {
            self.credentials.revoke_jwts(&subject.id);
        }
        let holder = Holder::Subject(subject.clone());
        let jwt = self.credentials.issue(settings, holder, deployment, settings.jwt_seconds, now).text;
        if !refreshable {
            return json!({ "jwt": jwt }).to_string();
        }
        let refresh_token = self.credentials.issue_refresh_token(settings, subject, deployment, now);
        json!({ "jwt": jwt, "refreshToken": refresh_token }).to_string()
    }

    /// `POST …/token/refresh`
    pub(super) fn refresh(&mut self, settings: &MessagingSettings, request: &Request) -> Answer {
        self.refreshed(settings, request).unwrap_or_else(|refusal| *refusal)
    }

    fn refreshed(&mut self, settings: &MessagingSettings, request: &Request) -> Result<Answer, Box<Answer>> {
        let body: Refresh = read(request)?;
        let token = body.refresh_token.ok_or_else(|| missing("refreshToken", request))?;
        if settings.refresh_needs_deployment && body.deployment_id.is_none() {
            return Err(missing("deploymentId", request).into());
        }
        let known =
            self.credentials.refresh_token(&token, request.arrived).map_err(|bad| unauthorized(bad, request))?;
        let (subject, deployment) = (known.subject.clone(), known.deployment);
        if body.deployment_id.is_some_and(|id| Uuid::try_parse(&id).ok() != Some(deployment)) {
            return Err(unauthorized(Bad::Unknown, request).into());
        }
        let holder = Holder::Subject(subject);
        let jwt = self.credentials.issue(settings, holder, deployment, settings.jwt_seconds, request.arrived);
        Ok(Answer::json(StatusCode::OK, json!({ "jwt": jwt.text }).to_string()))
    }

    /// `DELETE …/token/revoke`: whoever is connected for the subject hears of it.
    pub(super) fn revoke(&mut self, settings: &MessagingSettings, request: &Request) -> Answer {
        let subject = match self.bearer_jwt(request) {
            Ok(Jwt { holder: Holder::Subject(subject), .. }) => subject.clone(),
            Ok(_) => return unauthorized(Bad::Unknown, request),
            Err(None) => return authentication_required(request),
            Err(Some(Bad::Expired)) => return refusal(&settings.revoke_ended, request),
            Err(Some(bad)) => return unauthorized(bad, request),
        };
        self.credentials.revoke(&subject.id);
        self.log_out(settings, &subject.id);
        Answer::empty(StatusCode::NO_CONTENT)
    }

    /// The JWT that a request bears; an error without a reason when it bears none.
    pub(super) fn bearer_jwt(&self, request: &Request) -> Result<&Jwt, Option<Bad>> {
        let text = request.bearer().ok_or(None)?;
        self.credentials.jwt(text, request.arrived).map_err(Some)
    }

    fn signing_deployment(&self, id: Option<&str>, request: &Request) -> Result<Deployment, Box<Answer>> {
        let id = id.ok_or_else(|| missing("deploymentId", request))?;
        let correlation = request.correlation;
        let deployment = self
            .deployments
            .find(id)
            .ok_or_else(|| Answer::error(StatusCode::NOT_FOUND, "not.found", "Deployment not found", correlation))?;
        if deployment.auth {
            return Ok(deployment);
        }
        let message = "Authentication is not enabled for this deployment";
        Err(Answer::error(StatusCode::FORBIDDEN, "not.authorized", message, correlation).into())
    }
}

impl Grant {
    /// Whether it was made for a request like this one. Without PKCE a verifier does not matter.
    fn allows(&self, oauth: &OAuth, deployment: Uuid) -> bool {
        let verified = match (&self.challenge, &oauth.code_verifier) {
            (Some(challenge), Some(verifier)) => *challenge == challenge_of(verifier),
            (Some(_), None) => false,
            (None, _) => true,
        };
        verified
            && self.is_code == oauth.code.is_some()
            && self.deployment.is_none_or(|only| only == deployment)
            && (!self.is_code || self.redirect_uri == oauth.redirect_uri)
            && self.nonce.as_ref().is_none_or(|nonce| oauth.nonce.as_ref() == Some(nonce))
    }
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Box<Answer>> {
    let correlation = request.correlation;
    if !request.has_type("application/json") {
        let (status, message) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json");
        return Err(Answer::error(status, "unsupported.media.type", message, correlation).into());
    }
    serde_json::from_slice(&request.body).map_err(|error| {
        let code = if error.is_data() { "constraint.validation" } else { "bad.request" };
        Answer::error(StatusCode::BAD_REQUEST, code, "Invalid request body", correlation).into()
    })
}

fn missing(field: &str, request: &Request) -> Answer {
    Answer::bad_field("parameters.missing", field, &format!("The field {field} is missing"), request.correlation)
}

fn invalid(field: &str, message: &str, request: &Request) -> Answer {
    Answer::bad_field("constraint.validation", field, message, request.correlation)
}

fn refusal(refusal: &RestRefusal, request: &Request) -> Answer {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::UNAUTHORIZED);
    Answer::error(status, &refusal.code, "The request could not be authenticated.", request.correlation)
}

pub(super) fn authentication_required(request: &Request) -> Answer {
    let message = "No authentication bearer token specified in authorization header.";
    Answer::unauthorized("authentication.required", message, request.correlation)
}

pub(super) fn unauthorized(bad: Bad, request: &Request) -> Answer {
    let code = match bad {
        Bad::Expired => "credentials.expired",
        Bad::Unknown => "bad.credentials",
    };
    Answer::unauthorized(code, "The request could not be authenticated.", request.correlation)
}
