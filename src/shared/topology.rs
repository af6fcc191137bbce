//! One connection, ready for commands: to a server, to the primary that sentinels name, or to a cluster.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisResult, TlsCertificates, TlsMode, Value,
};
use rustls::pki_types::CertificateDer;

use super::settings::{Login, RedisSettings, Tls, Topology};

/// Commands share it: answers come in the order of the commands.
#[derive(Clone)]
pub(super) enum ServerConnection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ServerConnection {
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    pub(super) async fn send(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Node(node) => node.req_packed_command(cmd).await,
            Self::Cluster(cluster) => cluster.req_packed_command(cmd).await,
        }
    }
}

/// Connects and logs in; `limit` is for each server. The whole of it is for the caller to limit.
pub(super) async fn open(settings: &RedisSettings, limit: Duration) -> RedisResult<ServerConnection> {
    let certificates = match &settings.tls {
        Some(tls) => Some(certificates(tls).await),
        None => None,
    };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(limit))
        .set_response_timeout(Some(settings.command_timeout));
    match &settings.topology {
        Topology::Standalone => {
            let info = infos(settings)?.swap_remove(0);
            let client = match &certificates {
                Some(certificates) => Client::build_with_tls(info, certificates.clone())?,
                None => Client::open(info)?,
            };
            client.get_multiplexed_async_connection_with_config(&config).await.map(ServerConnection::Node)
        }
        Topology::Sentinel { name, login } => {
            let mut sentinels = sentinels(settings, name, login, certificates)?.build()?;
            let primary = sentinels.async_get_client().await?;
            primary.get_multiplexed_async_connection_with_config(&config).await.map(ServerConnection::Node)
        }
        Topology::Cluster => {
            let mut builder = ClusterClient::builder(infos(settings)?)
                .connection_timeout(limit)
                .response_timeout(settings.command_timeout)
                .retries(CLUSTER_RETRIES);
            if let Some(certificates) = certificates {
                builder = builder.certs(certificates);
            }
            builder.build()?.get_async_connection().await.map(ServerConnection::Cluster)
        }
    }
}

/// MOVED and ASK are followed this often; what lasts longer is the concern of whoever waits.
const CLUSTER_RETRIES: u32 = 3;

fn infos(settings: &RedisSettings) -> RedisResult<Vec<ConnectionInfo>> {
    let mut redis = RedisConnectionInfo::default().set_db(settings.database).set_skip_set_lib_name();
    if let Some(user) = &settings.login.user {
        redis = redis.set_username(user);
    }
    if let Some(password) = &settings.login.password {
        redis = redis.set_password(password.expose());
    }
    addresses(settings).map(|address| Ok(address.into_connection_info()?.set_redis_settings(redis.clone()))).collect()
}

fn addresses(settings: &RedisSettings) -> impl Iterator<Item = ConnectionAddr> {
    settings.nodes.iter().map(|node| match settings.tls {
        None => ConnectionAddr::Tcp(node.host.clone(), node.port),
        Some(_) => {
            ConnectionAddr::TcpTls { host: node.host.clone(), port: node.port, insecure: false, tls_params: None }
        }
    })
}

fn sentinels(
    settings: &RedisSettings,
    name: &str,
    login: &Login,
    certificates: Option<TlsCertificates>,
) -> RedisResult<SentinelClientBuilder> {
    // The first that answers is believed: one that hangs must not be asked first for ever.
    let mut addresses: Vec<ConnectionAddr> = addresses(settings).collect();
    fastrand::shuffle(&mut addresses);
    let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
        .set_client_to_redis_db(settings.database);
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates);
    }
    if let Some(user) = &settings.login.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &settings.login.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    if let Some(user) = &login.user {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = &login.password {
        builder = builder.set_client_to_sentinel_password(password.expose());
    }
    Ok(builder)
}

async fn certificates(tls: &Tls) -> TlsCertificates {
    let client_tls = tls.identity.as_ref().map(|(chain, key)| ClientTlsConfig {
        client_cert: chain.clone().into_bytes(),
        client_key: key.expose().as_bytes().to_vec(),
    });
    // The client takes either the system's authorities or given ones; whoever adds some wants both.
    let root_cert = if tls.extra_roots.is_empty() {
        None
    } else {
        let system = tokio::task::spawn_blocking(|| rustls_native_certs::load_native_certs().certs);
        let system = system.await.unwrap_or_default();
        Some(tls.extra_roots.iter().chain(usable(&system)).map(pem).collect::<String>().into_bytes())
    };
    TlsCertificates { client_tls, root_cert }
}

/// A damaged one among the system's would spoil all.
fn usable<'a>(certificates: &'a [CertificateDer<'static>]) -> impl Iterator<Item = &'a CertificateDer<'static>> {
    certificates.iter().filter(|one| rustls::RootCertStore::empty().add((*one).clone()).is_ok())
}

fn pem(certificate: &CertificateDer<'static>) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate))
}
