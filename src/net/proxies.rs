//! Which requests go through a proxy, and through which one.

use std::env;
use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use super::settings::ProxyChoice;

/// The proxies of a configuration, or those of the environment.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    exempt: Vec<Exemption>,
}

/// An entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exemption {
    hosts: Hosts,
    /// None → every port.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpNet),
    /// A name and all names below it, in lower case.
    Domain(String),
}

impl Proxies {
    pub(super) fn new(choice: &ProxyChoice) -> Self {
        let variable = |names: [&str; 2]| names.into_iter().find_map(|name| env::var(name).ok()).unwrap_or_default();
        let exempt = exemptions(&variable(["NO_PROXY", "no_proxy"]));
        match choice {
            ProxyChoice::None => Self::default(),
            ProxyChoice::Url(url) => Self { http: Some(url.clone()), https: Some(url.clone()), exempt },
            ProxyChoice::Environment => {
                let all = proxy_url(&variable(["ALL_PROXY", "all_proxy"]));
                // A CGI server puts a request's `Proxy` header into HTTP_PROXY.
                let is_cgi = env::var_os("REQUEST_METHOD").is_some();
                let http = if is_cgi { "http_proxy" } else { "HTTP_PROXY" };
                Self {
                    http: proxy_url(&variable([http, "http_proxy"])).or_else(|| all.clone()),
                    https: proxy_url(&variable(["HTTPS_PROXY", "https_proxy"])).or(all),
                    exempt,
                }
            }
        }
    }

    /// The proxy for an origin. What goes to this machine itself never leaves it.
    pub(super) fn of(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        let host = url.host()?;
        let is_exempt = self.exempt.iter().any(|one| one.covers(&host, url.port_or_known_default()));
        (!is_loopback(&host) && !is_exempt).then_some(proxy)
    }
}

/// `scheme://…`, or `host:port`, which means http.
fn proxy_url(text: &str) -> Option<Url> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.contains("://") { Url::parse(text).ok() } else { Url::parse(&format!("http://{text}")).ok() }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn exemptions(text: &str) -> Vec<Exemption> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|entry| !entry.is_empty())
        .map(Exemption::parse)
        .collect()
}

impl Exemption {
    fn parse(entry: &str) -> Self {
        let (host, port) = split_port(entry);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let hosts = if host == "*" {
            Hosts::All
        } else if let Ok(network) = host.parse::<IpNet>() {
            Hosts::Network(network)
        } else if let Ok(address) = bare.parse::<IpAddr>() {
            Hosts::Network(address.into())
        } else {
            let domain = host.trim_start_matches('*').trim_matches('.');
            Hosts::Domain(domain.to_ascii_lowercase())
        };
        Self { hosts, port }
    }

    fn covers(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        if self.port.is_some() && self.port != port {
            return false;
        }
        match (&self.hosts, host) {
            (Hosts::All, _) => true,
            (Hosts::Network(network), Host::Ipv4(address)) => network.contains(&IpAddr::V4(*address)),
            (Hosts::Network(network), Host::Ipv6(address)) => network.contains(&IpAddr::V6(*address)),
            (Hosts::Domain(domain), Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                let above = name.strip_suffix(domain.as_str());
                !domain.is_empty() && above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            _ => false,
        }
    }
}

/// `host:port`, `[address]:port`; an IPv6 address without brackets has colons of its own.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    let Some((host, port)) = entry.rsplit_once(':') else { return (entry, None) };
    let is_address = host.contains(':') && !host.ends_with(']');
    match port.parse() {
        Ok(port) if !is_address => (host, Some(port)),
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(exempt: &str, url: &str) -> bool {
        let proxy = Url::parse("http://proxy.test:3128").ok();
        let proxies = Proxies { http: proxy.clone(), https: proxy, exempt: exemptions(exempt) };
        proxies.of(&Url::parse(url).unwrap()).is_some()
    }

    #[test]
    fn every_form_of_an_exemption_is_understood() {
        let exempt = [
            ("api.test", "https://api.test"),
            ("api.test", "https://v2.api.test"),
            ("API.Test", "https://api.test."),
            (".test", "https://api.test"),
            ("*.test", "https://api.test"),
            ("other,api.test", "https://api.test"),
            ("other  api.test", "https://api.test"),
            ("api.test:443", "https://api.test"),
            ("*.test:8443", "https://api.test:8443"),
            ("10.1.2.3", "http://10.1.2.3"),
            ("10.0.0.0/8", "http://10.1.2.3"),
            ("10.1.2.3:81", "http://10.1.2.3:81"),
            ("2001:db8::1", "http://[2001:db8::1]"),
            ("[2001:db8::1]", "http://[2001:db8::1]"),
            ("[2001:db8::1]:81", "http://[2001:db8::1]:81"),
            ("2001:db8::/32", "http://[2001:db8::1]"),
            ("*", "https://api.test"),
            ("*", "http://10.1.2.3"),
        ];
        for (entry, url) in exempt {
            assert!(!proxied(entry, url), "{entry} covers {url}");
        }
        let others = [
            ("", "https://api.test"),
            ("api.test", "https://my-api.test"),
            ("api.test", "https://api.test.example"),
            ("api.test:8443", "https://api.test"),
            ("10.0.0.0/8", "http://11.1.2.3"),
            ("10.1.2.3:81", "http://10.1.2.3"),
            (".", "https://api.test"),
        ];
        for (entry, url) in others {
            assert!(proxied(entry, url), "{entry} does not cover {url}");
        }
    }

    #[test]
    fn what_goes_to_this_machine_is_never_proxied() {
        for url in ["http://localhost:1", "http://LOCALHOST.", "http://127.0.0.1", "http://127.8.9.1", "http://[::1]:1"]
        {
            assert!(!proxied("", url), "{url}");
        }
        assert!(proxied("", "http://localhost.example"));
    }

    #[test]
    fn a_proxy_may_be_written_without_its_scheme_and_with_an_at_in_its_password() {
        assert_eq!(proxy_url("proxy.test:3128").unwrap().as_str(), "http://proxy.test:3128/");
        let url = proxy_url("http://user:p@ss@proxy.test:3128").unwrap();
        assert_eq!((url.host_str(), url.password()), (Some("proxy.test"), Some("p%40ss")));
        assert_eq!(proxy_url(" "), None);
    }
}
