//! The tutorial's other classes, from Rust.

use futures_util::FutureExt as _;
use futures_util::future::{join, ready};
use genesys_guest_auth::Code;
use genesys_guest_auth::bearer::GetToken;
use genesys_guest_auth::components::{ContextEnricher, OAuthManager, TokenManager};
use genesys_guest_auth::config::{EnricherConfig, OAuthConfig, TokenManagerConfig};
use sandbox::{Route, Sandbox};
use serde_json::json;

use crate::stage::{guest, parsed, sandbox};

fn manager(sandbox: &Sandbox) -> OAuthManager {
    let config = json!({ "environment": sandbox.url(), "clientId": "client", "clientSecret": "secret" });
    OAuthManager::new(OAuthConfig::from_json(&config.to_string()).expect("a valid configuration"))
}

fn tokens_of(manager: OAuthManager) -> Box<GetToken> {
    Box::new(move |_| manager.access_token().boxed())
}

#[tokio::test]
async fn an_oauth_manager_fetches_one_token_for_all_and_none_after_its_end() {
    let sandbox = sandbox().await;
    let manager = manager(&sandbox);
    let (one, other) = join(manager.access_token(), manager.access_token()).await;
    assert!(one.unwrap().same_as(&other.unwrap()));
    assert_eq!(sandbox.counts().route(Route::Token).total, 1);
    let early = manager.access_token();
    let (early, ()) = join(early, manager.close(None)).await;
    early.unwrap();
    assert_eq!(manager.access_token().await.unwrap_err().code(), Code::Closed);
}

#[tokio::test]
async fn guests_are_created_rotated_and_enriched_apart() {
    let sandbox = sandbox().await;
    let config = json!({ "environment": sandbox.url() }).to_string();
    let tokens = TokenManager::new(TokenManagerConfig::from_json(&config).unwrap(), tokens_of(manager(&sandbox)));
    let request = guest();
    let created = tokens.create(request.clone()).await.unwrap();
    let fresh = tokens.rotate(created.refresh_token.clone().unwrap()).await.unwrap();
    assert!(!fresh.same_as(&created.token));

    let config = json!({ "environment": sandbox.url(), "crmBaseUrl": sandbox.crm_url() }).to_string();
    let config = EnricherConfig::from_json(&config).unwrap();
    let enricher = ContextEnricher::new(config, Some(tokens_of(manager(&sandbox))), drop).unwrap();
    let payload = json!({ "email": request.email, "consent": true, "channelId": "web" }).to_string();
    let reports = parsed(&enricher.enrich(created.json.expose().to_owned(), payload).await.unwrap());
    assert_eq!(reports["analytics"]["guestId"], json!(created.id));
    assert_eq!(reports["audit"]["enrichment"], json!("applied"));
    assert_eq!(sandbox.guests()[0].updates, 1);
}

#[tokio::test]
async fn an_enricher_with_an_api_needs_tokens_and_the_other_way_round() {
    let refusal = |config: serde_json::Value, get_token: Option<Box<GetToken>>| {
        let config = EnricherConfig::from_json(&config.to_string()).unwrap();
        ContextEnricher::new(config, get_token, drop).err().unwrap().to_string()
    };
    let no_tokens: Box<GetToken> = Box::new(|_| ready(Err(genesys_guest_auth::Error::closed())).boxed());
    assert!(refusal(json!({ "environment": "mypurecloud.com" }), None).starts_with("getAccessToken"));
    assert!(refusal(json!({}), Some(no_tokens)).starts_with("environment"));
}
