use std::time::Duration;

use super::*;
use crate::net::RateLimit;
use serde_json::json;

fn minimal() -> Value {
    json!({"environment": "acme", "clientId": "id", "clientSecret": "s3cret-value"})
}

fn with(field: &str, value: Value) -> Result<Config, Error> {
    let mut config = minimal();
    config[field] = value;
    Config::from_json(&config.to_string())
}

#[test]
fn the_tutorials_five_fields_are_enough() {
    let mut config = minimal();
    config["crmBaseUrl"] = json!("https://crm.example/v1/");
    config["analyticsWebhookUrl"] = json!("https://hook.example/in?key=1");
    let config = Config::from_json(&config.to_string()).unwrap();
    assert_eq!(config.credentials.token_url.as_str(), "https://acme.mygenesys.com/oauth/token");
    assert_eq!(config.api.endpoints.guests.as_str(), "https://acme.mygenesys.com/api/v2/engagements/guests");
    assert_eq!(config.api.signing_key.expose(), "acme-guest-signing-key");
    assert_eq!(
        (config.traffic.max_concurrency, config.max_sessions, config.traffic.policy.max_retries),
        (256, 1_000_000, 3)
    );
}

#[test]
fn the_default_signing_key_takes_the_environment_as_it_was_written() {
    for spelling in ["EU-west-1", "api.mypurecloud.ie", "https://login.mypurecloud.ie/"] {
        let config = with("environment", json!(spelling)).unwrap();
        assert_eq!(config.environment.region.map(|region| region.key), Some("eu_west_1"));
        assert_eq!(config.api.signing_key.expose(), format!("{spelling}-guest-signing-key"));
    }
}

#[test]
fn a_rate_limit_has_requests_and_a_period() {
    assert_eq!(with("retryBaseDelayMs", json!(1)).unwrap().traffic.rate_limit, None);
    let limit = with("rateLimit", json!({"requests": 300, "perMs": 60_000})).unwrap().traffic.rate_limit;
    assert_eq!(limit, Some(RateLimit { requests: 300, period: Duration::from_secs(60) }));
}

#[test]
fn every_bad_value_is_named_with_its_rule() {
    let table = [
        ("environment", json!(""), "environment must not be empty"),
        ("environment", json!(5), "environment must be a string"),
        ("environment", json!(null), "environment is required"),
        ("clientId", json!(null), "clientId is required"),
        ("clientSecret", json!({"a": "s3cret-value"}), "clientSecret must be a string"),
        ("crmBaseUrl", json!("crm"), "crmBaseUrl must be an absolute http(s) URL"),
        ("crmBaseUrl", json!("https://crm/?a=s3cret-value"), "crmBaseUrl must not have a query"),
        ("analyticsWebhookUrl", json!("http://example.com/"), "analyticsWebhookUrl must use https"),
        ("loginUrl", json!("https://login.example/?x=1"), "loginUrl must be an http(s) URL without query"),
        ("apiUrl", json!("https://u:s3cret-value@api.example"), "apiUrl must be an http(s) URL without query"),
        ("paths", json!({"guests": "guests"}), "paths.guests must be a path"),
        ("paths", json!({"guests": "//evil.example/x"}), "paths.guests must be a path"),
        ("paths", json!({"guests": "/\\evil.example/x"}), "paths.guests must be a path"),
        ("maxRetries", json!(-1), "maxRetries must be a whole number from 0 to 20"),
        ("maxRetries", json!(1.5), "maxRetries must be a whole number"),
        ("maxRetries", json!("3"), "maxRetries must be a whole number"),
        ("timeouts", json!({"totalMs": 0}), "timeouts.totalMs must be a whole number from 1"),
        ("timeouts", json!(5), "timeouts must be an object"),
        ("maxConcurrency", json!(0), "maxConcurrency must be a whole number"),
        ("rateLimit", json!(300), "rateLimit must be an object"),
        ("rateLimit", json!({"requests": 300}), "rateLimit.perMs must be a whole number from 1 to 86400000"),
        ("rateLimit", json!({"perMs": 60_000}), "rateLimit.requests must be a whole number from 1 to 1000000"),
        ("rateLimit", json!({"requests": 0, "perMs": 60_000}), "rateLimit.requests must be a whole number from 1"),
        ("maxSessions", json!(0), "maxSessions must be a whole number"),
        ("preflightChannel", json!("yes"), "preflightChannel must be true or false"),
        ("allowInsecureHttp", json!(1), "allowInsecureHttp must be true or false"),
        ("auditEmail", json!("none"), "auditEmail must be 'masked', 'hashed' or 'full'"),
        ("analyticsSigningSecret", json!("s3cret-value!"), "analyticsSigningSecret must be base64"),
        ("ca", json!("s3cret-value"), "ca must be PEM"),
        ("ca", json!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "ca must be PEM"),
        ("ca", json!([5]), "ca must be PEM"),
        ("proxy", json!("socks://x"), "proxy must be false, or the URL of a proxy: http:, https:, socks5: or socks5h:"),
        ("tokenSigningKey", json!(""), "tokenSigningKey must not be empty"),
        ("scope", json!([]), "scope must be a string"),
        ("outbox", json!({"lingerMs": -1}), "outbox.lingerMs must be a whole number"),
        ("outbox", json!({"path": 5}), "outbox.path must be a string"),
        ("outbox", json!({"path": "a\u{0}b"}), "outbox.path must name a file"),
        ("outbox", json!({"path": "x", "retryDelaysMs": []}), "outbox.retryDelaysMs must be an array of 1 to 100"),
        ("outbox", json!({"path": "x", "retryDelaysMs": [5, 0]}), "outbox.retryDelaysMs must be an array"),
        ("outbox", json!({"path": "x", "retryDelaysMs": 5}), "outbox.retryDelaysMs must be an array"),
        ("outbox", json!({"path": "x", "maxAgeMs": 0}), "outbox.maxAgeMs must be a whole number from 1"),
        ("outbox", json!({"path": "x", "maxEvents": 0}), "outbox.maxEvents must be a whole number from 1"),
        ("outbox", json!({"path": "x", "maxBytes": 1000}), "outbox.maxBytes must be a whole number from 1048576"),
        ("outbox", json!({"maxEvents": 5}), "outbox.maxEvents is for events on disk"),
        ("sessionStore", json!({}), "sessionStore.redis is required"),
        ("sessionStore", json!({"redis": {}}), "sessionStore.redis.url must be"),
    ];
    for (field, value, message) in table {
        let error = with(field, value.clone()).unwrap_err();
        assert!(error.details().message.starts_with(message), "{field}: {value}: {error}");
        assert!(!format!("{error:?}").contains("s3cret-value"), "{error:?}");
    }
}

#[test]
fn the_secret_is_not_printed() {
    let config = Config::from_json(&minimal().to_string()).unwrap();
    assert!(!format!("{config:?}").contains("s3cret-value"));
}

#[test]
fn a_gateway_may_have_a_path_prefix() {
    let config = with("apiUrl", json!("https://gw.example/genesys/")).unwrap();
    assert_eq!(config.api.endpoints.guests.as_str(), "https://gw.example/genesys/api/v2/engagements/guests");
    assert_eq!(config.credentials.token_url.as_str(), "https://acme.mygenesys.com/oauth/token");
}

#[test]
fn credentials_with_white_space_at_an_end_are_refused() {
    for field in ["clientId", "clientSecret"] {
        for blank in [" ", "\t", "\n", "\r\n", "\u{a0}", "\u{2003}", "\u{3000}", "\u{feff}", "\u{200b}"] {
            for text in [format!("s3cret{blank}"), format!("{blank}s3cret"), blank.to_owned()] {
                let error = with(field, json!(text)).unwrap_err();
                let message = format!("{field} must not begin or end with white space");
                assert_eq!(error.details().message, message, "{text:?}");
            }
        }
        assert!(with(field, json!("within is\u{a0}fine")).is_ok());
    }
}

#[test]
fn what_is_no_option_is_passed_over() {
    assert!(with("port", json!(8080)).is_ok());
    assert!(with("timeouts", json!({"totalms": 5})).is_ok());
    assert!(with("maxRetries", json!(3.0)).is_ok());
}

#[test]
fn an_outbox_with_a_path_has_a_day_to_deliver() {
    assert!(with("outbox", json!({"lingerMs": 5})).unwrap().reports.outbox.is_none());
    let outbox = with("outbox", json!({"path": "events.outbox"})).unwrap().reports.outbox.unwrap();
    let seconds: Vec<u64> = outbox.retry.delays.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [5, 30, 120, 600, 1800, 3600]);
    assert_eq!((outbox.retry.max_age.as_secs(), outbox.max_events, outbox.max_bytes), (86_400, 1_000_000, 1 << 30));
    let own = json!({"path": "x", "retryDelaysMs": [1, 20], "maxAgeMs": 50, "maxEvents": 7, "maxBytes": 1_048_576});
    let outbox = with("outbox", own).unwrap().reports.outbox.unwrap();
    assert_eq!(outbox.retry.delays, [Duration::from_millis(1), Duration::from_millis(20)]);
    assert_eq!((outbox.retry.max_age.as_millis(), outbox.max_events, outbox.max_bytes), (50, 7, 1 << 20));
}

#[test]
fn what_is_no_object_is_refused() {
    for json in ["null", "[]", "5", "\"x\"", ""] {
        assert!(Config::from_json(json).unwrap_err().details().message.starts_with("configuration must be an object"));
    }
}
