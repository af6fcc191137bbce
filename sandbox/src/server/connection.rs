//! One connection, from its handshake to its end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::exchange::exchange;
use super::payload::Payload;
use super::wire::{Line, Open, Socket, Wire};
use crate::state::Shared;

/// Serves a connection until one of the sides has enough.
pub(crate) async fn serve(tcp: TcpStream, number: u64, shared: Arc<Shared>, acceptor: Option<TlsAcceptor>) {
    let line = Arc::new(Line::new(number));
    let open = Open::new(shared.gauges.clone(), line.clone());
    // An answer is one write; waiting for more only adds latency. A socket that refuses is about to end anyway.
    let _ = tcp.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return speak_http1(Wire::new(tcp, line.clone(), open), line, shared).await;
    };
    match acceptor.accept(tcp).await {
        Ok(tls) => {
            let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
            let wire = Wire::new(tls, line.clone(), open);
            if is_http2 { speak_http2(wire, line, shared).await } else { speak_http1(wire, line, shared).await }
        }
        Err(_) => drop(shared.gauges.failed.fetch_add(1, Relaxed)),
    }
}

async fn speak_http1<S: Socket + Send + 'static>(wire: Wire<S>, line: Arc<Line>, shared: Arc<Shared>) {
    let service = service_fn(answering(line.clone(), shared));
    let connection = http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(wire), service);
    run(pin!(connection.with_upgrades()), http1::UpgradeableConnection::graceful_shutdown, &line).await;
}

async fn speak_http2<S: Socket + Send + 'static>(wire: Wire<S>, line: Arc<Line>, shared: Arc<Shared>) {
    let service = service_fn(answering(line.clone(), shared));
    let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(wire), service);
    run(pin!(connection), http2::Connection::graceful_shutdown, &line).await;
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Payload>, Infallible>> + Send>>;

fn answering(line: Arc<Line>, shared: Arc<Shared>) -> impl Fn(Request<Incoming>) -> Answering {
    move |request| Box::pin(exchange(shared.clone(), line.clone(), request))
}

/// Drives a connection, until its line is cut. Errors are the client's to see.
async fn run<C: Future>(mut connection: Pin<&mut C>, stop_gracefully: impl Fn(Pin<&mut C>), line: &Line) {
    loop {
        tokio::select! {
            // A script takes effect before the answer that it is about.
            biased;
            () = line.cut.notified() => return,
            () = line.last.notified() => stop_gracefully(connection.as_mut()),
            _ = connection.as_mut() => return,
        }
    }
}
