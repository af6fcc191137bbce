//! Where the servers are and how they are reached; every value is valid.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::secret::Secret;
use crate::sessions::custom::CustomStore;
use crate::sessions::step::OnUnavailable;

/// Where the processes of a service share their sessions.
#[derive(Debug, Clone)]
pub enum SessionStoreSettings {
    /// Sessions, guests, the access token and the rate limit, on Redis or Valkey.
    Redis(RedisSettings),
    /// Sessions alone, in a store of the caller's own. JSON has no word for it.
    Custom(CustomStore),
}

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// How the servers work together.
#[derive(Debug, Clone)]
pub enum Topology {
    /// One server.
    Standalone,
    /// Sentinels at the nodes' addresses say which server is the primary.
    Sentinel {
        /// What they call it.
        name: String,
        /// For the sentinels themselves.
        login: Login,
    },
    /// The nodes are some of a cluster.
    Cluster,
}

/// Who logs in.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// ACL user; the default user without one.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
}

/// TLS for every connection.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Certificate authorities beside the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Certificate chain and private key of the client, both PEM.
    pub identity: Option<(String, Secret)>,
}

/// A shared store on Redis or Valkey.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// One server, some sentinels, or some nodes of a cluster.
    pub nodes: Vec<Node>,
    /// How they work together.
    pub topology: Topology,
    /// `Some` where connections are encrypted.
    pub tls: Option<Tls>,
    /// For the servers.
    pub login: Login,
    /// Database number; 0 in a cluster.
    pub database: i64,
    /// In front of every key.
    pub key_prefix: String,
    /// Limit for one command.
    pub command_timeout: Duration,
    /// What happens while no server can be reached.
    pub on_unavailable: OnUnavailable,
}

impl RedisSettings {
    /// The servers as messages name them.
    pub(super) fn label(&self) -> String {
        self.nodes.iter().map(|node| format!("{}:{}", node.host, node.port)).collect::<Vec<_>>().join(", ")
    }
}
