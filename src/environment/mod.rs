//! `environment` → where to log in, where the API is, and where web messaging is.

mod regions;
mod urls;

use url::Url;

use crate::error::Error;
pub use regions::{REGIONS, Region};
use urls::{UrlRule, origin};
pub(crate) use urls::{base, web_url};

/// Tenants of the tutorial's Guest API.
const TENANTS: &str = ".mygenesys.com";

/// The origins, and the Genesys Cloud domain where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// As configured; the default signing key is made from it.
    pub name: String,
    /// Login origin, with a path prefix if there is one.
    pub login: Url,
    /// API origin, with a path prefix if there is one.
    pub api: Url,
    /// A Genesys Cloud domain such as `mypurecloud.ie`, for the official SDK.
    pub domain: Option<String>,
    /// The region, where `environment` names one.
    pub region: Option<&'static Region>,
    /// Socket of web messaging, `wss://webmessaging.<domain>/v1` or `/v1` at the given origin; tenants have none.
    pub messaging: Option<Url>,
    /// Origin of the deployments' public configuration, `https://api-cdn.<domain>` or the given origin; tenants have none.
    pub cdn: Option<Url>,
}

impl Environment {
    /// - A region's key, in any case, with `_` or `-`; its domain, or `api.`, `login.` or `apps.` before it, also as
    ///   `https://…` → that region;
    /// - an origin (it has `://`) → that origin for everything;
    /// - `X.mygenesys.com` or a bare name `X` → `https://X.mygenesys.com` for login and API;
    /// - another domain (it has a dot) → its hosts, as a region's.
    pub fn parse(environment: &str, allow_insecure_http: bool) -> Result<Self, Error> {
        const FIELD: &str = "environment";
        let name = environment.to_owned();
        if environment.contains("://") {
            let origin = origin(FIELD, environment, allow_insecure_http)?;
            let is_usual = origin.scheme() == "https" && origin.port().is_none();
            return match origin.host_str().and_then(Region::of_host).filter(|_| is_usual) {
                Some(region) => Self::of_domain(name, region.domain),
                None => Ok(Self::of_origin(name, origin)),
            };
        }
        if let Some(region) = Region::of_key(environment).or_else(|| Region::of_host(environment)) {
            return Self::of_domain(name, region.domain);
        }
        let host = environment.to_ascii_lowercase();
        if host.is_empty() || !host.split('.').all(is_label) {
            // Neither a name nor a domain has a `_`.
            let rule = if is_like_key(environment) { UrlRule::UnknownRegion } else { UrlRule::Environment };
            return Err(Error::config(FIELD, rule));
        }
        let tenant = host.strip_suffix(TENANTS).unwrap_or(&host);
        if !tenant.contains('.') {
            let both = origin(FIELD, &format!("https://{tenant}{TENANTS}"), false)?;
            return Ok(Self { messaging: None, cdn: None, ..Self::of_origin(name, both) });
        }
        if ["login.", "api.", "apps."].iter().any(|prefix| host.starts_with(prefix)) {
            return Err(Error::config(FIELD, UrlRule::DomainAlone));
        }
        Self::of_domain(name, &host)
    }

    fn of_origin(name: String, origin: Url) -> Self {
        Self {
            name,
            login: origin.clone(),
            api: origin.clone(),
            domain: None,
            region: None,
            messaging: Some(socket(&origin)),
            cdn: Some(origin),
        }
    }

    fn of_domain(name: String, domain: &str) -> Result<Self, Error> {
        let host = |prefix: &str| origin("environment", &format!("https://{prefix}.{domain}"), false);
        Ok(Self {
            name,
            login: host("login")?,
            api: host("api")?,
            domain: Some(domain.to_owned()),
            region: Region::of_host(domain),
            messaging: Some(socket(&host("webmessaging")?)),
            cdn: Some(host("api-cdn")?),
        })
    }
}

/// Where web messaging listens at an origin.
fn socket(origin: &Url) -> Url {
    let mut url = origin.clone();
    // From http to ws is a change that a URL always takes.
    let _ = url.set_scheme(if origin.scheme() == "https" { "wss" } else { "ws" });
    url.set_path("/v1");
    url
}

fn is_like_key(text: &str) -> bool {
    text.contains('_') && text.split('_').all(is_label)
}

/// RFC 1123 §2.1: letters, digits and inner hyphens, at most 63.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(environment: &str) -> (String, String) {
        let parsed = Environment::parse(environment, false).unwrap();
        (parsed.login.to_string(), parsed.api.to_string())
    }

    #[test]
    fn names_domains_and_origins_are_told_apart() {
        let both = |origin: &str| (origin.to_owned(), origin.to_owned());
        assert_eq!(origins("acme"), both("https://acme.mygenesys.com/"));
        assert_eq!(
            origins("mypurecloud.ie"),
            ("https://login.mypurecloud.ie/".into(), "https://api.mypurecloud.ie/".into())
        );
        assert_eq!(origins("usw2.pure.cloud").0, "https://login.usw2.pure.cloud/");
        assert_eq!(origins("new1.pure.cloud").0, "https://login.new1.pure.cloud/");
        assert_eq!(origins("http://127.0.0.1:8080"), both("http://127.0.0.1:8080/"));
        assert_eq!(origins("https://gateway.example"), both("https://gateway.example/"));
    }

    #[test]
    fn a_region_may_be_spelled_in_many_ways() {
        for Region { key, domain } in &REGIONS {
            let spellings = [
                (*key).to_owned(),
                key.replace('_', "-"),
                key.to_uppercase(),
                key.replacen('_', "-", 1).to_uppercase(),
                (*domain).to_owned(),
                domain.to_uppercase(),
                format!("api.{domain}"),
                format!("Login.{domain}"),
                format!("apps.{domain}"),
                format!("https://api.{domain}"),
                format!("HTTPS://login.{domain}/"),
                format!("https://API.{domain}:443"),
            ];
            for spelling in spellings {
                let parsed = Environment::parse(&spelling, false).unwrap();
                assert_eq!(parsed.region.map(|region| region.key), Some(*key), "{spelling}");
                assert_eq!(parsed.name, spelling);
                assert_eq!(parsed.domain.as_deref(), Some(*domain), "{spelling}");
                assert_eq!(parsed.login.as_str(), format!("https://login.{domain}/"));
                assert_eq!(parsed.api.as_str(), format!("https://api.{domain}/"));
                assert_eq!(parsed.messaging.unwrap().as_str(), format!("wss://webmessaging.{domain}/v1"));
                assert_eq!(parsed.cdn.unwrap().as_str(), format!("https://api-cdn.{domain}/"));
            }
        }
    }

    #[test]
    fn a_tenant_stays_a_tenant_whatever_it_is_called() {
        for name in ["acme", "us-east-1", "api", "login", "ACME"] {
            let parsed = Environment::parse(&format!("{name}.MyGenesys.com"), false).unwrap();
            assert_eq!(parsed.login.as_str(), format!("https://{}.mygenesys.com/", name.to_lowercase()));
            assert_eq!(
                (parsed.api, parsed.domain, parsed.region, parsed.messaging, parsed.cdn),
                (parsed.login, None, None, None, None)
            );
        }
    }

    #[test]
    fn an_origin_serves_everything() {
        // A gateway that only looks like a region is an origin, too.
        for origin in ["http://127.0.0.1:8080/", "https://api.mypurecloud.ie:8443/", "https://mypurecloud.ie.example/"]
        {
            let parsed = Environment::parse(origin, false).unwrap();
            let socket = origin.replacen("http", "ws", 1) + "v1";
            assert_eq!((parsed.login.as_str(), parsed.api.as_str()), (origin, origin));
            assert_eq!(parsed.messaging.unwrap().as_str(), socket);
            assert_eq!(parsed.cdn.unwrap().as_str(), origin);
            assert_eq!((parsed.domain, parsed.region), (None, None));
        }
        assert_eq!(Environment::parse("http://api.mypurecloud.ie", true).unwrap().region, None);
    }

    #[test]
    fn anything_else_is_refused() {
        for environment in [
            "",
            " ",
            "acme corp",
            " eu_west_1",
            "mypurecloud.ie\n",
            "-acme",
            "us_east_9",
            "login.example.com",
            "api.new1.pure.cloud",
            "apps.new1.pure.cloud",
            "login.acme.mygenesys.com",
            "a..b",
            "acme/x",
            "acme.com:443",
            "evil.com#",
            "ftp://x",
            "https://x/y",
            "https://u:p@x",
            "https://u:p@api.mypurecloud.ie",
            "https://api.mypurecloud.ie/v2",
            "http://example.com",
            "http://api.mypurecloud.ie",
        ] {
            let error = Environment::parse(environment, false).unwrap_err();
            assert!(error.details().message.starts_with("environment must"), "{environment}: {error}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_unless_allowed() {
        for host in ["http://localhost:1", "http://[::1]:1", "http://127.9.9.9", "http://api.localhost"] {
            assert!(Environment::parse(host, false).is_ok(), "{host}");
        }
        assert!(Environment::parse("http://10.0.0.1", false).is_err());
        assert!(Environment::parse("http://10.0.0.1", true).is_ok());
    }
}
