//! `sessionStore`: where the processes of a service share what must not happen twice.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use url::Url;

use super::defaults::certificates;
use super::fields::Fields;
use super::rule::Rule;
use crate::error::Error;
use crate::secret::Secret;
use crate::sessions::step::OnUnavailable;
use crate::shared::settings::{Login, Node, RedisSettings, Tls, Topology};

/// Names this package among others on the same server.
const KEY_PREFIX: &str = "genesys-guest-auth:";

/// A server in the same data centre answers in a millisecond; beyond this it is in trouble.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(250);

/// The port that IANA has for Redis, and the one that sentinels usually have.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// A shared store; memory without one.
pub(super) fn store(fields: &Fields<'_>) -> Result<Option<RedisSettings>, Error> {
    let Some(store) = fields.inner("sessionStore")? else { return Ok(None) };
    let Some(redis) = store.inner("redis")? else {
        return Err(store.error("redis", Rule::RedisRequired));
    };
    let urls = urls(&redis)?;
    let topology = topology(&redis)?;
    if urls.len() > 1 && matches!(topology, Topology::Standalone) {
        return Err(redis.error("url", Rule::OneUrl));
    }
    let is_encrypted = urls[0].scheme() == "rediss";
    if urls.iter().any(|url| (url.scheme() == "rediss") != is_encrypted) {
        return Err(redis.error("url", Rule::OneScheme));
    }
    let tls = tls(&redis, fields)?;
    if redis.get("tls").is_some() && !is_encrypted {
        return Err(redis.error("tls", Rule::NeedsTls));
    }
    let database = database(&urls[0]).ok_or_else(|| redis.error("url", Rule::Database))?;
    if database != 0 && matches!(topology, Topology::Cluster) {
        return Err(redis.error("url", Rule::ClusterDatabase));
    }
    let port = if matches!(topology, Topology::Sentinel { .. }) { SENTINEL_PORT } else { PORT };
    Ok(Some(RedisSettings {
        nodes: urls.iter().map(|url| node(url, port)).collect(),
        login: login(&urls[0]),
        tls: is_encrypted.then_some(tls),
        topology,
        database,
        key_prefix: redis.text("keyPrefix")?.unwrap_or(KEY_PREFIX).to_owned(),
        command_timeout: redis.millis("commandTimeoutMs", COMMAND_TIMEOUT, 1, 1000)?,
        on_unavailable: match redis.text("onUnavailable")?.unwrap_or("reject") {
            "reject" => OnUnavailable::Reject,
            "local" => OnUnavailable::Local,
            _ => return Err(redis.error("onUnavailable", Rule::OnUnavailable)),
        },
    }))
}

fn urls(redis: &Fields<'_>) -> Result<Vec<Url>, Error> {
    let error = || redis.error("url", Rule::RedisUrl);
    let texts: Vec<&str> = match redis.get("url") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().map(|item| item.as_str().ok_or_else(error)).collect::<Result<_, _>>()?
        }
        _ => return Err(error()),
    };
    let is_right = |url: &Url| {
        matches!(url.scheme(), "redis" | "rediss")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.query().is_none()
            && url.fragment().is_none()
    };
    texts.into_iter().map(|text| Url::parse(text).ok().filter(is_right).ok_or_else(error)).collect()
}

fn topology(redis: &Fields<'_>) -> Result<Topology, Error> {
    let is_cluster = redis.flag("cluster", false)?;
    let Some(sentinel) = redis.inner("sentinel")? else {
        return Ok(if is_cluster { Topology::Cluster } else { Topology::Standalone });
    };
    if is_cluster {
        return Err(redis.error("sentinel", Rule::SentinelAndCluster));
    }
    let login = Login { user: sentinel.text("user")?.map(str::to_owned), password: sentinel.secret("password")? };
    Ok(Topology::Sentinel { name: sentinel.required_text("name")?.to_owned(), login })
}

fn tls(redis: &Fields<'_>, fields: &Fields<'_>) -> Result<Tls, Error> {
    let mut extra_roots = certificates(fields, "ca")?;
    let Some(tls) = redis.inner("tls")? else {
        return Ok(Tls { extra_roots, identity: None });
    };
    extra_roots.extend(certificates(&tls, "ca")?);
    let identity = match (tls.text("cert")?, tls.text("key")?) {
        (None, None) => None,
        (Some(chain), Some(key)) => {
            let is_chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
            if is_chain.is_ok_and(|chain| chain.is_empty()) || CertificateDer::from_pem_slice(chain.as_bytes()).is_err()
            {
                return Err(tls.error("cert", Rule::CertificateChain));
            }
            if PrivateKeyDer::from_pem_slice(key.as_bytes()).is_err() {
                return Err(tls.error("key", Rule::PrivateKey));
            }
            Some((chain.to_owned(), Secret::new(key)))
        }
        _ => return Err(redis.error("tls", Rule::CertificateAndKey)),
    };
    Ok(Tls { extra_roots, identity })
}

fn node(url: &Url, port: u16) -> Node {
    let host = url.host_str().unwrap_or_default();
    Node { host: host.trim_matches(['[', ']']).to_owned(), port: url.port().unwrap_or(port) }
}

fn login(url: &Url) -> Login {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Login {
        user: Some(decoded(url.username())).filter(|user| !user.is_empty()),
        password: url.password().map(|password| Secret::new(decoded(password))),
    }
}

fn database(url: &Url) -> Option<i64> {
    match url.path().trim_matches('/') {
        "" => Some(0),
        number => number.parse::<u16>().ok().map(i64::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(redis: &Value) -> Result<RedisSettings, Error> {
        let config = json!({ "sessionStore": { "redis": redis } });
        store(&Fields::new(&config)?).map(|store| store.unwrap())
    }

    #[test]
    fn a_url_says_where_and_as_whom() {
        let settings = parsed(&json!({"url": "rediss://app:p%40ss@redis.example:7000/3"})).unwrap();
        assert_eq!(settings.nodes, [Node { host: "redis.example".into(), port: 7000 }]);
        assert_eq!((settings.database, settings.login.user.as_deref()), (3, Some("app")));
        assert_eq!(settings.login.password.as_ref().unwrap().expose(), "p@ss");
        assert!(settings.tls.is_some());
        assert!(!format!("{settings:?}").contains("p@ss"));
    }

    #[test]
    fn the_rest_has_defaults() {
        let settings = parsed(&json!({"url": "redis://[::1]"})).unwrap();
        assert_eq!(settings.nodes, [Node { host: "::1".into(), port: PORT }]);
        assert_eq!((settings.key_prefix.as_str(), settings.command_timeout), (KEY_PREFIX, COMMAND_TIMEOUT));
        assert_eq!(settings.on_unavailable, OnUnavailable::Reject);
        assert!(settings.tls.is_none() && settings.login.password.is_none());
        assert!(store(&Fields::new(&json!({})).unwrap()).unwrap().is_none());
    }

    #[test]
    fn sentinels_and_clusters_have_several_nodes() {
        let urls = json!(["redis://:pw@a", "redis://b:1"]);
        let sentinel = parsed(&json!({"url": urls, "sentinel": {"name": "main"}})).unwrap();
        assert!(matches!(&sentinel.topology, Topology::Sentinel { name, .. } if name == "main"));
        assert_eq!(sentinel.nodes.iter().map(|node| node.port).collect::<Vec<_>>(), [SENTINEL_PORT, 1]);
        assert!(matches!(parsed(&json!({"url": urls, "cluster": true})).unwrap().topology, Topology::Cluster));
    }

    #[test]
    fn every_bad_value_is_named_with_its_rule() {
        let table = [
            (json!({}), "sessionStore.redis.url must be redis[s]://"),
            (json!({"url": "http://h"}), "sessionStore.redis.url must be redis[s]://"),
            (json!({"url": "redis://h?s3cret"}), "sessionStore.redis.url must be redis[s]://"),
            (json!({"url": []}), "sessionStore.redis.url must be redis[s]://"),
            (json!({"url": "redis://h/x"}), "sessionStore.redis.url must name its database by a number"),
            (json!({"url": ["redis://a", "redis://b"]}), "sessionStore.redis.url must be one URL"),
            (json!({"url": ["redis://a", "rediss://b"], "cluster": true}), "sessionStore.redis.url must be all"),
            (json!({"url": "redis://a/1", "cluster": true}), "sessionStore.redis.url must not name a database"),
            (json!({"url": "redis://a", "cluster": 1}), "sessionStore.redis.cluster must be true or false"),
            (json!({"url": "redis://a", "sentinel": {}}), "sessionStore.redis.sentinel.name is required"),
            (
                json!({"url": "redis://a", "sentinel": {"name": "m"}, "cluster": true}),
                "sessionStore.redis.sentinel and cluster",
            ),
            (json!({"url": "redis://a", "tls": {}}), "sessionStore.redis.tls needs a rediss: URL"),
            (json!({"url": "rediss://a", "tls": {"ca": "s3cret"}}), "sessionStore.redis.tls.ca must be PEM"),
            (json!({"url": "rediss://a", "tls": {"cert": "s3cret"}}), "sessionStore.redis.tls must have both"),
            (
                json!({"url": "rediss://a", "tls": {"cert": "s3cret", "key": "s3cret"}}),
                "sessionStore.redis.tls.cert must be a PEM",
            ),
            (json!({"url": "redis://a", "commandTimeoutMs": 0}), "sessionStore.redis.commandTimeoutMs must be a whole"),
            (json!({"url": "redis://a", "onUnavailable": "x"}), "sessionStore.redis.onUnavailable must be"),
        ];
        for (redis, message) in table {
            let error = parsed(&redis).unwrap_err();
            assert!(error.details().message.starts_with(message), "{redis}: {error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
