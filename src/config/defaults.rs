//! The fields of a configuration in groups: read, checked, and given their defaults.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::fields::{DAY_MS, Fields};
use super::groups::{Api, Reports, Traffic};
use super::outbox;
use super::rule::Rule;
use crate::analytics::{Signer, Webhook};
use crate::audit::{Auditor, EmailMode};
use crate::environment::{Environment, base, web_url};
use crate::error::Error;
use crate::guest_api::Endpoints;
use crate::net::{Policy, ProxyChoice, RateLimit, Settings};
use crate::oauth::{ClientAuthentication, Credentials};
use crate::secret::Secret;

/// The tutorial's paths and scope.
const TOKEN_PATH: &str = "/oauth/token";
const GUESTS_PATH: &str = "/api/v2/engagements/guests";
const REFRESH_PATH: &str = "/api/v2/engagements/guests/refresh";
const CHANNEL_PATH: &str = "/api/v2/journey/actions/channels/{channelId}";
const SCOPE: &str = "guest:write guest:read";

/// The tutorial's figures: three retries, one second.
const MAX_RETRIES: u64 = 3;
const RETRY_BASE: Duration = Duration::from_secs(1);
/// AWS's cap for a back-off.
const RETRY_MAX: Duration = Duration::from_secs(20);
/// One window of a per-minute limit.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Longer than one `Retry-After` window and its queue; a web request has been given up by then.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
/// A TCP retransmission takes 1 s and 3 s; beyond that the host is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const OAUTH_TIMEOUT: Duration = Duration::from_secs(10);
/// The official SDK waits 16 s for an answer.
const GUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// The tutorial's figures.
const CRM_TIMEOUT: Duration = Duration::from_secs(2);
const ANALYTICS_TIMEOUT: Duration = Duration::from_secs(3);

/// Enough for 5,000 calls/s at 50 ms; few enough for one process's file descriptors.
const MAX_CONCURRENCY: u64 = 256;
/// Measured: 128 cost three quarters of the throughput at 512 calls in flight and 20 ms, 256 cost nothing.
const MAX_CONNECTIONS: u64 = 256;
/// Each takes 16 bytes at most while it counts.
const MOST_REQUESTS: u64 = 1_000_000;
/// About 40 MB.
pub(super) const MAX_SESSIONS: u64 = 1_000_000;

pub(super) fn environment(fields: &Fields<'_>) -> Result<Environment, Error> {
    let insecure = fields.flag("allowInsecureHttp", false)?;
    let mut environment = Environment::parse(fields.required_text("environment")?, insecure)?;
    for (field, target) in [("loginUrl", &mut environment.login), ("apiUrl", &mut environment.api)] {
        if let Some(text) = fields.text(field)? {
            *target = base(field, text, insecure)?;
            environment.domain = None;
        }
    }
    Ok(environment)
}

pub(super) fn credentials(
    fields: &Fields<'_>,
    environment: &Environment,
    traffic: &Traffic,
) -> Result<Credentials, Error> {
    let paths = fields.inner("paths")?;
    let timeouts = fields.inner("timeouts")?;
    Ok(Credentials {
        region: environment.region.map(|region| region.key),
        token_url: path(paths.as_ref(), "token", TOKEN_PATH, &environment.login)?,
        client_id: fields.required_credential("clientId")?.to_owned(),
        client_secret: fields.required_credential("clientSecret").map(Secret::new)?,
        scope: Some(fields.text("scope")?.unwrap_or(SCOPE).to_owned()),
        authentication: ClientAuthentication::Form,
        timeout: timeout(timeouts.as_ref(), "oauthMs", OAUTH_TIMEOUT)?,
        total_timeout: traffic.total_timeout,
    })
}

pub(super) fn api(fields: &Fields<'_>, environment: &Environment) -> Result<Api, Error> {
    let paths = fields.inner("paths")?;
    let timeouts = fields.inner("timeouts")?;
    let default_key = || Secret::new(format!("{}-guest-signing-key", environment.name));
    Ok(Api {
        endpoints: Endpoints {
            region: environment.region.map(|region| region.key),
            guests: path(paths.as_ref(), "guests", GUESTS_PATH, &environment.api)?,
            refresh: path(paths.as_ref(), "refresh", REFRESH_PATH, &environment.api)?,
            channel: path(paths.as_ref(), "channel", CHANNEL_PATH, &environment.api)?,
        },
        signing_key: fields.secret("tokenSigningKey")?.unwrap_or_else(default_key),
        timeout: timeout(timeouts.as_ref(), "guestMs", GUEST_TIMEOUT)?,
    })
}

pub(super) fn traffic(fields: &Fields<'_>) -> Result<Traffic, Error> {
    let timeouts = fields.inner("timeouts")?;
    Ok(Traffic {
        settings: Settings {
            connect_timeout: timeout(timeouts.as_ref(), "connectMs", CONNECT_TIMEOUT)?,
            proxy: proxy(fields)?,
            extra_roots: certificates(fields, "ca")?,
            uses_tls: uses_tls(fields),
            max_connections: fields.whole("maxConnections", MAX_CONNECTIONS, 1, 65_535)? as usize,
        },
        policy: Policy {
            max_retries: fields.whole("maxRetries", MAX_RETRIES, 0, 20)? as u32,
            base_delay: fields.millis("retryBaseDelayMs", RETRY_BASE, 0, DAY_MS)?,
            max_delay: fields.millis("retryMaxDelayMs", RETRY_MAX, 0, DAY_MS)?,
            max_retry_after: fields.millis("maxRetryAfterMs", MAX_RETRY_AFTER, 0, DAY_MS)?,
        },
        max_concurrency: fields.whole("maxConcurrency", MAX_CONCURRENCY, 1, 65_535)? as u32,
        rate_limit: rate_limit(fields)?,
        total_timeout: timeout(timeouts.as_ref(), "totalMs", TOTAL_TIMEOUT)?,
    })
}

pub(super) fn reports(fields: &Fields<'_>, client_secret: Option<&Secret>) -> Result<Reports, Error> {
    let insecure = fields.flag("allowInsecureHttp", false)?;
    let timeouts = fields.inner("timeouts")?;
    let crm = match fields.text("crmBaseUrl")? {
        Some(text) => Some(base_url("crmBaseUrl", text, insecure)?),
        None => None,
    };
    let crm_timeout = crm_timeout(fields)?;
    let signer = match fields.secret("analyticsSigningSecret")? {
        Some(secret) => {
            Some(Signer::new(&secret).ok_or_else(|| fields.error("analyticsSigningSecret", Rule::SigningSecret))?)
        }
        None => None,
    };
    let analytics_timeout = timeout(timeouts.as_ref(), "analyticsMs", ANALYTICS_TIMEOUT)?;
    let webhook = match fields.text("analyticsWebhookUrl")? {
        Some(text) => {
            Some(Webhook { url: web_url("analyticsWebhookUrl", text, insecure)?, timeout: analytics_timeout, signer })
        }
        None => None,
    };
    let email = match fields.text("auditEmail")?.unwrap_or("masked") {
        "masked" => EmailMode::Masked,
        "full" => EmailMode::Full,
        "hashed" => EmailMode::Hashed(
            client_secret.cloned().ok_or_else(|| fields.error("clientSecret", Rule::SecretForHashes))?,
        ),
        _ => return Err(fields.error("auditEmail", Rule::AuditEmail)),
    };
    let outbox = outbox::read(fields)?;
    Ok(Reports { crm: crm.map(|url| (url, crm_timeout)), contacts: None, webhook, outbox, auditor: Auditor(email) })
}

const PROXY_SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// Limit for a profile lookup.
pub(super) fn crm_timeout(fields: &Fields<'_>) -> Result<Duration, Error> {
    timeout(fields.inner("timeouts")?.as_ref(), "crmMs", CRM_TIMEOUT)
}

fn timeout(timeouts: Option<&Fields<'_>>, field: &str, default: Duration) -> Result<Duration, Error> {
    timeouts.map_or(Ok(default), |timeouts| timeouts.millis(field, default, 1, DAY_MS))
}

/// A path below a base, kept there: `//host`, a scheme or a backslash would take the bearer token elsewhere.
fn path(paths: Option<&Fields<'_>>, field: &str, default: &str, base: &Url) -> Result<Url, Error> {
    let text = match paths {
        Some(paths) => paths.text(field)?.unwrap_or(default),
        None => default,
    };
    let prefixed = format!("{}{text}", base.path().trim_end_matches('/'));
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.contains('\\');
    let joined =
        base.join(&prefixed).ok().filter(|url| is_path && url.origin() == base.origin() && url.fragment().is_none());
    joined.ok_or_else(|| Error::config(&format!("paths.{field}"), Rule::Path))
}

fn base_url(field: &str, text: &str, insecure: bool) -> Result<Url, Error> {
    let url = web_url(field, text, insecure)?;
    if url.query().is_some() { Err(Error::config(field, Rule::CrmQuery)) } else { Ok(url) }
}

/// Whether any request may go over TLS. A sandbox on loopback does without, and starts ten milliseconds sooner.
fn uses_tls(fields: &Fields<'_>) -> bool {
    const URLS: [&str; 8] =
        ["environment", "loginUrl", "apiUrl", "crmBaseUrl", "analyticsWebhookUrl", "messagingUrl", "cdnUrl", "proxy"];
    let is_plain = |url: &str| {
        let scheme = url.split(':').next().unwrap_or_default();
        ["http", "ws"].iter().any(|plain| scheme.eq_ignore_ascii_case(plain))
    };
    let proxies =
        ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].into_iter().filter_map(|name| std::env::var(name).ok());
    URLS.iter().filter_map(|field| fields.text(field).ok().flatten()).any(|url| !is_plain(url))
        || proxies.into_iter().any(|url| !is_plain(&url))
}

/// Both parts are required: half a limit is none.
fn rate_limit(fields: &Fields<'_>) -> Result<Option<RateLimit>, Error> {
    let Some(limit) = fields.inner("rateLimit")? else { return Ok(None) };
    let part = |field, most| match limit.whole(field, 0, 1, most)? {
        0 => Err(limit.error(field, Rule::Whole { least: 1, most })),
        number => Ok(number),
    };
    let (requests, millis) = (part("requests", MOST_REQUESTS)? as u32, part("perMs", DAY_MS)?);
    Ok(Some(RateLimit { requests, period: Duration::from_millis(millis) }))
}

/// `false`, or the URL of a proxy.
fn proxy(fields: &Fields<'_>) -> Result<ProxyChoice, Error> {
    if fields.get("proxy") == Some(&serde_json::Value::Bool(false)) {
        return Ok(ProxyChoice::None);
    }
    let Some(text) = fields.text("proxy")? else { return Ok(ProxyChoice::Environment) };
    let url = Url::parse(text).ok().filter(|url| PROXY_SCHEMES.contains(&url.scheme()) && url.has_host());
    url.map(ProxyChoice::Url).ok_or_else(|| fields.error("proxy", Rule::Proxy))
}

/// Certificate authorities.
pub(super) fn certificates(fields: &Fields<'_>, field: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let error = || fields.error(field, Rule::Certificates);
    let texts: Vec<&str> = match fields.get(field) {
        None => return Ok(Vec::new()),
        Some(serde_json::Value::String(text)) => vec![text],
        Some(serde_json::Value::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or_else(error)).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(error()),
    };
    let mut roots = Vec::new();
    for text in texts {
        let mut checked = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text.trim_start_matches('\u{feff}').as_bytes()) {
            let certificate = certificate.map_err(|_| error())?;
            checked.add(certificate.clone()).map_err(|_| error())?;
            roots.push(certificate);
        }
        if checked.is_empty() {
            return Err(error());
        }
    }
    Ok(roots)
}
