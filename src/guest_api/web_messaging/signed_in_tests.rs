use serde_json::{Value, json};

use super::scripted::*;
use super::*;
use crate::error::Code;
use crate::guest_options::{GuestOptions, SignIn};
use crate::hint::Hint;
use crate::sync::lock;

#[tokio::test]
async fn a_code_becomes_a_jwt_and_one_that_has_ended_is_refreshed() {
    let server = Server::start(vec![
        Turn::Answer(200, "", json!({"jwt": "j1", "refreshToken": "r1"})),
        answering(|asked| vec![error(asked, 401, "User is unauthorized")]),
        Turn::Answer(200, "", json!({"jwt": "j2"})),
        answering(|asked| vec![session(asked, &json!({"newSession": false}))]),
    ])
    .await;
    let created = create(&server, with_code()).await.unwrap();
    let guest = shown(&created);
    assert_eq!(
        (&guest["jwt"], &guest["refreshToken"], &guest["authenticated"]),
        (&json!("j2"), &json!("r1"), &json!(true))
    );
    assert_eq!((&guest["newSession"], guest.get("jwtExpiresIn")), (&json!(false), None));
    let heard: Vec<_> = server.heard().into_iter().filter(Value::is_object).collect();
    assert_eq!(
        heard[0],
        json!({"deploymentId": DEPLOYMENT, "oauth": {"code": "C", "redirectUri": "https://shop.example/cb", "codeVerifier": "V"}})
    );
    assert_eq!(
        (&heard[1]["action"], &heard[1]["data"]),
        (&json!("configureAuthenticatedSession"), &json!({"code": "j1"}))
    );
    assert_eq!(heard[2], json!({"refreshToken": "r1", "deploymentId": DEPLOYMENT}));
    assert_eq!(heard[3]["data"], json!({"code": "j2"}));
}

#[tokio::test]
async fn a_jwt_is_refreshed_three_times_and_not_once_more() {
    let refused = || answering(|asked| vec![error(asked, 401, "User is unauthorized")]);
    let fresh = || Turn::Answer(200, "", json!({"jwt": "j", "refreshToken": "r"}));
    let server = Server::start((0..4).flat_map(|_| [fresh(), refused()]).collect()).await;
    let error = create(&server, with_code()).await.err().unwrap();
    assert_eq!((error.code(), error.details().status), (Code::RefreshFailed, Some(401)));
    assert_eq!(server.heard().iter().filter(|frame| frame["action"].is_string()).count(), 4);
}

#[tokio::test]
async fn without_a_refresh_token_a_refused_jwt_is_the_end() {
    let server = Server::start(vec![answering(|asked| vec![error(asked, 401, "User is unauthorized")])]).await;
    let options = GuestOptions { sign_in: SignIn::from_json(r#"{"jwt":"j"}"#), token: None };
    let error = create(&server, options).await.err().unwrap();
    assert_eq!(error.code(), Code::RefreshFailed);
    assert_eq!(error.details().message, "Guest creation failed: 401 \"User is unauthorized\"");
    assert_eq!(error.details().hint, Some(Hint::SignInEnded.to_string()));
}

#[tokio::test]
async fn a_sign_in_that_is_refused_must_be_made_again() {
    for text in ["Session authentication failed: expired", "Try to authenticate again."] {
        let server = Server::start(vec![answering(|asked| vec![error(asked, 403, text)])]).await;
        let options = GuestOptions { sign_in: SignIn::from_json(r#"{"jwt":"j"}"#), token: None };
        let error = create(&server, options).await.err().unwrap();
        assert_eq!((error.code(), &error.details().hint), (Code::Forbidden, &Some(Hint::SignInRefused.to_string())));
    }
}

#[tokio::test]
async fn a_code_is_spent_once() {
    for (turn, code) in [
        (Turn::Answer(500, "", json!({"code": "internal.server.error"})), Code::GuestCreationFailed),
        (Turn::Answer(401, "", json!({"code": "bad.credentials"})), Code::OauthFailed),
        (Turn::Answer(404, "", json!({})), Code::ChannelUnavailable),
        (Turn::Answer(504, "", json!({})), Code::Timeout),
        (Turn::Answer(200, "", json!({"token": "no jwt"})), Code::GuestCreationFailed),
    ] {
        let server = Server::start(vec![turn]).await;
        let error = create(&server, with_code()).await.err().unwrap();
        assert_eq!((error.code(), error.details().attempts), (code, Some(1)));
        assert_eq!(server.heard().len(), 1);
        assert!(!format!("{error:?}").contains("\"V\""), "{error:?}");
    }
}

#[tokio::test]
async fn signing_out_ends_what_can_be_ended() {
    let expired = || Turn::Answer(400, "", json!({"code": "credentials.expired"}));
    let fresh = || Turn::Answer(200, "", json!({"jwt": "j2"}));
    let (jwt, refresh_token) = (Secret::new("j1"), Secret::new("r1"));
    for (turns, with_refresh_token, outcome) in [
        (vec![Turn::Answer(204, "", json!(null))], true, Ok(())),
        (vec![expired(), fresh(), Turn::Answer(204, "", json!(null))], true, Ok(())),
        (vec![Turn::Answer(401, "", json!({}))], false, Ok(())),
        ((0..4).flat_map(|_| [expired(), fresh()]).take(7).collect(), true, Ok(())),
        (vec![expired(), Turn::Answer(400, "", json!({}))], true, Ok(())),
        (vec![Turn::Answer(404, "", json!({}))], true, Ok(())),
        (vec![Turn::Answer(403, "", json!({}))], true, Err(Code::Forbidden)),
        (vec![Turn::Answer(400, "", json!({"code": "bad.request"}))], true, Err(Code::RefreshFailed)),
    ] {
        let count = turns.len();
        let server = Server::start(turns).await;
        let (api, context) = (api_with(&server, |_| ()), CallContext::new(LIMIT));
        let ended = api.sign_out(&jwt, Some(&refresh_token).filter(|_| with_refresh_token), &context).await;
        assert_eq!(ended.map_err(|error| error.code()), outcome);
        assert_eq!(lock(&server.requests).len(), count);
        assert!(lock(&server.requests)[0].to_lowercase().contains("authorization: bearer j1"));
    }
}
