//! Sockets and threads. The sandbox has threads and a runtime of its own, so that a test whose clock is paused, or whose
//! runtime is busy, does not disturb it.

mod connection;
mod exchange;
mod payload;
mod tls;
mod wire;

pub(crate) use wire::Line;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;

use crate::options::Options;
use crate::state::Shared;

/// Connections that may wait to be accepted: a test opens a thousand at once, and the usual 128 would make the rest
/// wait a second for TCP's retry.
const BACKLOG: u32 = 4096;

/// The running threads.
pub(crate) struct Server {
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Listens, and serves from threads of its own.
    pub(crate) async fn start(options: Options) -> io::Result<(Self, Arc<Shared>)> {
        let certificate = if options.tls { Some(tls::make().map_err(io::Error::other)?) } else { None };
        let (acceptor, ca) = certificate.map(|made| (made.acceptor, made.ca)).unzip();
        let (stop, stopped) = watch::channel(false);

        let mut threads = Vec::new();
        let mut others = Vec::new();
        for number in 1..options.threads.max(1) {
            let (sender, receiver) = mpsc::unbounded_channel();
            others.push(sender);
            let stopped = stopped.clone();
            threads.push(spawn(number, move |runtime| runtime.block_on(serve_handed(receiver, stopped)))?);
        }
        let (ready, listening) = oneshot::channel();
        threads.push(spawn(0, move |runtime| {
            runtime.block_on(async {
                let started = listen(options.port).and_then(|listener| {
                    let scheme = if acceptor.is_some() { "https" } else { "http" };
                    let origin = format!("{scheme}://{}", listener.local_addr()?);
                    Ok((listener, Arc::new(Shared::new(options, origin, ca))))
                });
                match started {
                    Ok((listener, shared)) => {
                        let _ = ready.send(Ok(shared.clone()));
                        accept(listener, shared, acceptor, others, stopped).await;
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        })?);
        let server = Self { stop, threads };
        let shared = listening.await.map_err(io::Error::other)??;
        Ok((server, shared))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        for thread in self.threads.drain(..) {
            // A panic there has been printed there.
            let _ = thread.join();
        }
    }
}

/// A thread with a runtime. One thread a runtime: no work is stolen, so one core serves as much as it can.
fn spawn(number: usize, work: impl FnOnce(&Runtime) + Send + 'static) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("sandbox-{number}")).spawn(move || work(&runtime))
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // A fixed port can be taken again at once after a restart. On Windows the option means something else.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// After a failed accept. Too many files are open, as a rule: the next succeeds when one of them is closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

/// What a connection needs to be served.
struct Accepted {
    tcp: TcpStream,
    number: u64,
    shared: Arc<Shared>,
    acceptor: Option<TlsAcceptor>,
}

impl Accepted {
    fn serve(self) {
        tokio::spawn(connection::serve(self.tcp, self.number, self.shared, self.acceptor));
    }
}

type Handed = (std::net::TcpStream, u64, Arc<Shared>, Option<TlsAcceptor>);

/// Accepts, and deals the connections out in turn.
async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    acceptor: Option<TlsAcceptor>,
    others: Vec<mpsc::UnboundedSender<Handed>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut number = 0;
    loop {
        let tcp = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => {
                shared.lock().messaging.close_all();
                return shared.sockets_closed().await;
            }
        };
        let Ok((tcp, _)) = tcp else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        number += 1;
        let turn = number as usize % (others.len() + 1);
        let accepted = Accepted { tcp, number, shared: shared.clone(), acceptor: acceptor.clone() };
        match others.get(turn.wrapping_sub(1)) {
            None => accepted.serve(),
            Some(other) => {
                if let Ok(tcp) = accepted.tcp.into_std() {
                    let _ = other.send((tcp, number, accepted.shared, accepted.acceptor));
                }
            }
        }
    }
}

/// Serves what the accepting thread hands over.
async fn serve_handed(mut handed: mpsc::UnboundedReceiver<Handed>, mut stopped: watch::Receiver<bool>) {
    let mut known: Option<Arc<Shared>> = None;
    loop {
        let next = tokio::select! {
            next = handed.recv() => next,
            _ = stopped.wait_for(|stop| *stop) => None,
        };
        let Some((tcp, number, shared, acceptor)) = next else {
            // The accepting thread closes the sockets; those of this thread need it for that.
            if let Some(shared) = known {
                shared.sockets_closed().await;
            }
            return;
        };
        known = Some(shared.clone());
        if let Ok(tcp) = TcpStream::from_std(tcp) {
            Accepted { tcp, number, shared, acceptor }.serve();
        }
    }
}
