//! URLs of a configuration.

use url::{Host, Url};

use super::regions::REGIONS;
use crate::error::Error;

/// A rule that a URL can break, worded to complete the sentence "`field` …".
#[derive(Debug, thiserror::Error)]
pub(super) enum UrlRule {
    #[error(
        "must be a region (eu_west_1), a Genesys Cloud domain (mypurecloud.ie), a name (acme) or an origin (https://host:port)"
    )]
    Environment,
    #[error("must be a region that is known: {}", REGIONS.each_ref().map(|region| region.key).join(", "))]
    UnknownRegion,
    #[error("must be the domain alone (mypurecloud.ie), without login., api. or apps. before it")]
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

/// An origin: scheme, host and port, nothing behind them.
pub(super) fn origin(field: &str, text: &str, allow_insecure_http: bool) -> Result<Url, Error> {
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
