//! `environment` → where to log in and where the API is.

use url::{Host, Url};

use crate::error::Error;

/// A rule that a URL can break, worded to complete the sentence "`field` …".
#[derive(Debug, thiserror::Error)]
enum UrlRule {
    #[error(
        "must be a name (acme), a Genesys Cloud domain (mypurecloud.ie) or an origin (https://host:port){}",
        if *.is_region { "; a region such as us_east_1 is given by its domain, mypurecloud.com" } else { "" }
    )]
    Environment { is_region: bool },
    #[error("must be the domain alone (mypurecloud.ie), without login. or api. before it")]
    DomainAlone,
    #[error("must be an origin (https://host:port) without path, query or credentials")]
    Origin,
    #[error("must be an http(s) URL without query or credentials")]
    Base,
    #[error("must be an absolute http(s) URL")]
    Web,
    #[error("must not have a fragment")]
    Fragment,
    #[error("must use https: plain http is for loopback hosts, or set allowInsecureHttp")]
    Https,
}

/// The two origins, and the Genesys Cloud domain where there is one.
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
}

impl Environment {
    /// A bare name `acme` → `https://acme.mygenesys.com` for both; a domain (it has a dot) → `https://login.<domain>` and
    /// `https://api.<domain>`; an origin (it has `://`) → both.
    pub fn parse(environment: &str, allow_insecure_http: bool) -> Result<Self, Error> {
        const FIELD: &str = "environment";
        let name = environment.to_owned();
        if environment.contains("://") {
            let origin = origin(FIELD, environment, allow_insecure_http)?;
            return Ok(Self { name, login: origin.clone(), api: origin, domain: None });
        }
        let is_host_name = !environment.is_empty() && environment.split('.').all(is_label);
        if !is_host_name {
            return Err(Error::config(FIELD, UrlRule::Environment { is_region: environment.contains('_') }));
        }
        if environment.starts_with("login.") || environment.starts_with("api.") {
            return Err(Error::config(FIELD, UrlRule::DomainAlone));
        }
        let host = |host: String| origin(FIELD, &format!("https://{host}"), false);
        if environment.contains('.') {
            let (login, api) = (host(format!("login.{environment}"))?, host(format!("api.{environment}"))?);
            return Ok(Self { name, login, api, domain: Some(environment.to_owned()) });
        }
        let both = host(format!("{environment}.mygenesys.com"))?;
        Ok(Self { name, login: both.clone(), api: both, domain: None })
    }
}

/// RFC 1123 §2.1: letters, digits and inner hyphens, at most 63.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// An origin: scheme, host and port, nothing behind them.
fn origin(field: &str, text: &str, allow_insecure_http: bool) -> Result<Url, Error> {
    let url = web_url(field, text, allow_insecure_http)?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.username().is_empty() && url.password().is_none();
    if is_bare { Ok(url) } else { Err(Error::config(field, UrlRule::Origin)) }
}

/// An origin, with a path prefix if there is one, as a gateway may want it.
pub(crate) fn base(field: &str, text: &str, allow_insecure_http: bool) -> Result<Url, Error> {
    let url = web_url(field, text, allow_insecure_http)?;
    let is_bare = url.query().is_none() && url.username().is_empty() && url.password().is_none();
    if is_bare { Ok(url) } else { Err(Error::config(field, UrlRule::Base)) }
}

/// An http(s) URL; plain http to loopback alone, unless allowed. No message repeats the URL, which may hold credentials.
pub(crate) fn web_url(field: &str, text: &str, allow_insecure_http: bool) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|_| Error::config(field, UrlRule::Web))?;
    if url.fragment().is_some() {
        return Err(Error::config(field, UrlRule::Fragment));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_insecure_http || is_loopback(&url) => Ok(url),
        "http" => Err(Error::config(field, UrlRule::Https)),
        _ => Err(Error::config(field, UrlRule::Web)),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // RFC 6761 §6.3: never leaves the machine.
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
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
        assert_eq!(origins("http://127.0.0.1:8080"), both("http://127.0.0.1:8080/"));
        assert_eq!(origins("https://gateway.example"), both("https://gateway.example/"));
    }

    #[test]
    fn anything_else_is_refused() {
        for environment in [
            "",
            " ",
            "acme corp",
            "-acme",
            "us_east_1",
            "login.mypurecloud.ie",
            "api.mypurecloud.ie",
            "a..b",
            "acme/x",
            "acme.com:443",
            "evil.com#",
            "ftp://x",
            "https://x/y",
            "https://u:p@x",
            "http://example.com",
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
