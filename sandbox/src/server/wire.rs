//! A socket that can be cut while it is in use.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;

use crate::record::Gauges;

/// What an exchange may do to the connection that it came on.
#[derive(Default)]
pub(crate) struct Line {
    /// The number of the connection, from 1.
    pub(crate) number: u64,
    /// Close at once, whatever is going on.
    pub(crate) cut: Notify,
    /// Take no more requests.
    pub(crate) last: Notify,
    reset: AtomicBool,
    /// The control API is spoken here: a client under test does not know of this connection.
    hidden: AtomicBool,
}

impl Line {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    /// Takes the connection out of the counters.
    pub(crate) fn hide(&self, gauges: &Gauges) {
        if !self.hidden.swap(true, Relaxed) {
            gauges.opened.fetch_sub(1, Relaxed);
            gauges.open.fetch_sub(1, Relaxed);
        }
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.hidden.load(Relaxed)
    }

    /// Closes the connection at once: with a reset, or with an orderly end.
    pub(crate) fn hang_up(&self, reset: bool) {
        self.reset.store(reset, Relaxed);
        self.cut.notify_one();
    }
}

/// Counts a connection as long as it lives: with the wire, which may outlive HTTP.
pub(super) struct Open(Arc<Gauges>, Arc<Line>);

impl Open {
    pub(super) fn new(gauges: Arc<Gauges>, line: Arc<Line>) -> Self {
        gauges.opened.fetch_add(1, Relaxed);
        gauges.open.fetch_add(1, Relaxed);
        Self(gauges, line)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.1.is_hidden() {
            self.0.open.fetch_sub(1, Relaxed);
        }
    }
}

/// A socket, or TLS on one.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A socket that resets its connection when it is dropped, if its line says so.
pub(crate) struct Wire<S: Socket> {
    socket: S,
    line: Arc<Line>,
    _open: Open,
}

impl<S: Socket> Wire<S> {
    pub(crate) fn new(socket: S, line: Arc<Line>, open: Open) -> Self {
        Self { socket, line, _open: open }
    }
}

impl<S: Socket> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.line.reset.load(Relaxed) {
            // A socket that is gone already cannot be reset, and need not be.
            let _ = self.socket.tcp().set_zero_linger();
        }
    }
}

impl<S: Socket> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, into)
    }
}

impl<S: Socket> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
