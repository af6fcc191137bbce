//! The regions of Genesys Cloud. Every host of a region is a prefix before its domain.

/// A region.
#[derive(Debug, PartialEq, Eq)]
pub struct Region {
    /// As AWS names it, with `_`: `eu_west_1`.
    pub key: &'static str,
    /// What its hosts end with: `mypurecloud.ie`.
    pub domain: &'static str,
}

/// All of them, as the official SDK (purecloud-platform-client-v2 262) lists them.
pub static REGIONS: [Region; 18] = [
    region("ap_northeast_1", "mypurecloud.jp"),
    region("ap_northeast_2", "apne2.pure.cloud"),
    region("ap_northeast_3", "apne3.pure.cloud"),
    region("ap_south_1", "aps1.pure.cloud"),
    region("ap_southeast_1", "apse1.pure.cloud"),
    region("ap_southeast_2", "mypurecloud.com.au"),
    region("ca_central_1", "cac1.pure.cloud"),
    region("eu_central_1", "mypurecloud.de"),
    region("eu_central_2", "euc2.pure.cloud"),
    region("eu_west_1", "mypurecloud.ie"),
    region("eu_west_2", "euw2.pure.cloud"),
    region("eusc_de_east_1", "edee1.eusc-pure.cloud"),
    region("me_central_1", "mec1.pure.cloud"),
    region("mx_central_1", "mxc1.pure.cloud"),
    region("sa_east_1", "sae1.pure.cloud"),
    region("us_east_1", "mypurecloud.com"),
    region("us_east_2", "use2.us-gov-pure.cloud"),
    region("us_west_2", "usw2.pure.cloud"),
];

const fn region(key: &'static str, domain: &'static str) -> Region {
    Region { key, domain }
}

/// Hosts that stand for their region.
const HOSTS: [&str; 3] = ["api", "login", "apps"];

impl Region {
    /// The region with this key, in any case, with `_` or `-`.
    pub(super) fn of_key(text: &str) -> Option<&'static Self> {
        let key = text.to_ascii_lowercase().replace('-', "_");
        REGIONS.iter().find(|region| region.key == key)
    }

    /// The region with this domain, or with one of the hosts before it, in any case.
    pub(super) fn of_host(text: &str) -> Option<&'static Self> {
        let host = text.to_ascii_lowercase();
        REGIONS.iter().find(|region| match host.strip_suffix(region.domain) {
            Some(rest) => rest.is_empty() || rest.strip_suffix('.').is_some_and(|rest| HOSTS.contains(&rest)),
            None => false,
        })
    }
}
