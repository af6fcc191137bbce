//! The names of all options, and those that were probably meant by others.

use serde_json::{Map, Value};

use super::parse;

/// Options that are data, at the top. JavaScript reads these and no others.
pub const OPTIONS: [&str; 33] = [
    "environment",
    "clientId",
    "clientSecret",
    "loginUrl",
    "apiUrl",
    "paths",
    "scope",
    "tokenSigningKey",
    "crmBaseUrl",
    "analyticsWebhookUrl",
    "analyticsSigningSecret",
    "auditEmail",
    "maxRetries",
    "retryBaseDelayMs",
    "retryMaxDelayMs",
    "maxRetryAfterMs",
    "timeouts",
    "maxConcurrency",
    "maxConnections",
    "rateLimit",
    "maxSessions",
    "preflightChannel",
    "sessionStore",
    "outbox",
    "proxy",
    "ca",
    "allowInsecureHttp",
    "guestApi",
    "origin",
    "contacts",
    "messagingUrl",
    "cdnUrl",
    "startConversation",
];

/// Functions, which stay in JavaScript.
pub const CALLBACKS: [&str; 2] = ["auditLogCallback", "getAccessToken"];

/// Options inside another one: the path of the group, and its options.
const GROUPS: [(&str, &[&str]); 9] = [
    ("paths", &["token", "guests", "refresh", "channel"]),
    ("timeouts", &["totalMs", "connectMs", "oauthMs", "guestMs", "crmMs", "analyticsMs"]),
    ("rateLimit", &["requests", "perMs"]),
    ("outbox", &["path", "lingerMs", "retryDelaysMs", "maxAgeMs", "maxEvents", "maxBytes"]),
    ("sessionStore", &["redis"]),
    ("sessionStore.redis", &["url", "keyPrefix", "onUnavailable", "commandTimeoutMs", "sentinel", "cluster", "tls"]),
    ("sessionStore.redis.sentinel", &["name", "user", "password"]),
    ("sessionStore.redis.tls", &["ca", "cert", "key"]),
    ("contacts", &["tier"]),
];

/// As much of a name as a message shows.
const MOST_CHARS: usize = 64;

/// What to say of names that are no options: at the top, where a larger object may be shared with other parts of a service, of
/// near misses alone; in a group, which is all ours, of each. One sentence each; values are not shown.
#[must_use]
pub fn misspelt(json: &str) -> Vec<String> {
    let Ok(Value::Object(config)) = parse(json) else { return Vec::new() };
    let known: Vec<&str> = OPTIONS.iter().chain(&CALLBACKS).copied().collect();
    let top = unknown(&config, &known).filter_map(|name| {
        near_miss(name, &known).map(|meant| format!("{} is no option; did you mean {meant}?", shown(name)))
    });
    let groups = GROUPS.iter().filter_map(|(path, known)| group(&config, path).map(|members| (path, members, *known)));
    let nested = groups.flat_map(|(path, members, known)| {
        unknown(members, known).map(move |name| match near_miss(name, known) {
            Some(meant) => format!("{path}.{} is no option; did you mean {path}.{meant}?", shown(name)),
            None => format!("{path}.{} is no option; there are {}", shown(name), known.join(", ")),
        })
    });
    top.chain(nested).collect()
}

fn unknown<'a>(members: &'a Map<String, Value>, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
    members.keys().map(String::as_str).filter(|name| !known.contains(name))
}

fn group<'a>(config: &'a Map<String, Value>, path: &str) -> Option<&'a Map<String, Value>> {
    path.split('.').try_fold(config, |members, name| members.get(name)?.as_object())
}

fn shown(name: &str) -> String {
    name.chars().take(MOST_CHARS).collect()
}

/// The option that a name was probably meant to be: the nearest one, with another spelling, a few wrong letters or some left out.
fn near_miss<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let given = plain(name);
    let nearest = known.iter().map(|option| (strsim::osa_distance(&given, &plain(option)), *option)).min()?;
    if nearest.0 <= tolerance(nearest.1) {
        return Some(nearest.1);
    }
    known.iter().copied().find(|option| is_shortened(&given, &plain(option)))
}

/// `client_id` and `CLIENT-ID` are `clientId` but for the spelling.
fn plain(name: &str) -> String {
    name.chars().take(MOST_CHARS).filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Wrong letters in an option of this length. Short words are often others.
fn tolerance(option: &str) -> usize {
    match option.len() {
        0..=3 => 0,
        4..=7 => 1,
        8..=9 => 2,
        _ => 3,
    }
}

/// Letters were left out, but most are there in their order: `crmUrl` of `crmBaseUrl`.
fn is_shortened(given: &str, option: &str) -> bool {
    let mut rest = option.chars();
    given.len() >= 5
        && given.len() * 5 >= option.len() * 3
        && given.as_bytes()[0] == option.as_bytes()[0]
        && given.chars().all(|letter| rest.any(|other| other == letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(config: &Value) -> Vec<String> {
        misspelt(&config.to_string())
    }

    #[test]
    fn a_near_miss_is_told_from_what_belongs_to_others() {
        let near = [
            ("clientID", "clientId"),
            ("client_id", "clientId"),
            ("cleintId", "clientId"),
            ("CLIENT_SECRET", "clientSecret"),
            ("crmBaseURL", "crmBaseUrl"),
            ("crmUrl", "crmBaseUrl"),
            ("timeout", "timeouts"),
            ("timeoutMs", "timeouts"),
            ("maxRetry", "maxRetries"),
            ("enviroment", "environment"),
            ("Proxy", "proxy"),
            ("auditLogCallBack", "auditLogCallback"),
            ("CA", "ca"),
        ];
        for (name, meant) in near {
            assert_eq!(said(&json!({ name: 1 })), [format!("{name} is no option; did you mean {meant}?")]);
        }
        let others = [
            "port", "host", "name", "env", "logger", "logLevel", "debug", "redis", "database", "baseUrl", "apiKey",
            "url", "region", "cors", "cb", "c", "", "\u{e9}", "password", "tenant",
        ];
        for name in others.into_iter().chain(OPTIONS).chain(CALLBACKS) {
            assert!(said(&json!({ name: null })).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_group_is_ours_alone() {
        let redis = json!({"url": 1, "prefix": 1, "tls": {"cret": 1}, "sentinel": {"username": 1}});
        let config = json!({
            "timeouts": {"totalms": 1, "totalMs": 1}, "paths": 5, "outbox": {"file": "x"}, "sessionStore": {"redis": redis},
        });
        assert_eq!(
            said(&config),
            [
                "timeouts.totalms is no option; did you mean timeouts.totalMs?",
                "outbox.file is no option; there are path, lingerMs, retryDelaysMs, maxAgeMs, maxEvents, maxBytes",
                "sessionStore.redis.prefix is no option; there are url, keyPrefix, onUnavailable, commandTimeoutMs, sentinel, \
                 cluster, tls",
                "sessionStore.redis.sentinel.username is no option; there are name, user, password",
                "sessionStore.redis.tls.cret is no option; did you mean sessionStore.redis.tls.cert?",
            ]
        );
    }
}
