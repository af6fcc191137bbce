//! TLS, and HTTP/2 over it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sandbox::{Fault, Hangup, Options, Route, Sandbox};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::soon;

async fn sandbox() -> Sandbox {
    Sandbox::start(Options { tls: true, ..Options::default() }).await.unwrap()
}

async fn handshake(
    sandbox: &Sandbox,
    name: &'static str,
    ca: Option<&str>,
    alpn: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.into()];
    let socket = TcpStream::connect(sandbox.url().trim_start_matches("https://")).await?;
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

async fn open_http2(sandbox: &Sandbox) -> http2::SendRequest<Empty<Bytes>> {
    let stream = handshake(sandbox, "localhost", sandbox.ca(), "h2").await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn profile(sender: &mut http2::SendRequest<Empty<Bytes>>) -> hyper::Result<Response<Incoming>> {
    let request = Request::get("https://localhost/crm/profiles?email=a@b").body(Empty::new()).unwrap();
    soon(sender.send_request(request)).await
}

#[tokio::test]
async fn only_its_own_authority_is_enough_to_trust_it() {
    let sandbox = sandbox().await;
    for name in ["127.0.0.1", "localhost"] {
        let stream = handshake(&sandbox, name, sandbox.ca(), "http/1.1").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    assert!(handshake(&sandbox, "localhost", None, "h2").await.is_err());
    assert!(handshake(&sandbox, "example.org", sandbox.ca(), "h2").await.is_err());
    soon(async {
        while sandbox.counts().connections.failed < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn http2_serves_many_requests_on_one_connection() {
    let sandbox = sandbox().await;
    let mut sender = open_http2(&sandbox).await;
    for _ in 0..3 {
        let reply = profile(&mut sender).await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        assert!(reply.into_body().collect().await.unwrap().to_bytes().starts_with(b"{\"customerId\""));
    }
    let log = sandbox.log_of(Route::Crm);
    assert!(log.iter().all(|entry| entry.connection == 1 && entry.path == "/crm/profiles"));
}

#[tokio::test]
async fn http2_faults_end_the_connection() {
    let sandbox = sandbox().await;
    for hangup in [Hangup::Before, Hangup::After] {
        let mut sender = open_http2(&sandbox).await;
        sandbox.fault(Fault::on(Route::Crm).hang_up(hangup));
        assert!(profile(&mut sender).await.is_err());
        soon(async {
            while !sender.is_closed() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    let mut sender = open_http2(&sandbox).await;
    sandbox.fault(Fault::on(Route::Crm).hang_up(Hangup::MidBody));
    let reply = profile(&mut sender).await.unwrap();
    assert!(soon(reply.into_body().collect()).await.is_err());
}

#[tokio::test]
async fn goaway_answers_and_takes_no_more() {
    let sandbox = sandbox().await;
    let mut sender = open_http2(&sandbox).await;
    sandbox.fault(Fault::on(Route::Crm).hang_up(Hangup::Goaway));
    let reply = profile(&mut sender).await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    assert!(reply.into_body().collect().await.is_ok());
    soon(async {
        while !sender.is_closed() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
