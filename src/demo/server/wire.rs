//! Connections that can be made to fail: a handler may write any bytes in place of its response and then close or
//! reset the connection, as a broken server or a network would.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// A listener of [`WireStream`]s.
pub(super) struct WireListener(pub(super) TcpListener);

impl Listener for WireListener {
    type Io = WireStream;
    type Addr = Connection;

    async fn accept(&mut self) -> (WireStream, Connection) {
        let (inner, _) = Listener::accept(&mut self.0).await;
        // Without it a kept-alive connection may answer 40 ms late; where it fails, it is merely slow.
        let _ = inner.set_nodelay(true);
        let connection = Connection::default();
        (
            WireStream {
                inner,
                connection: connection.clone(),
                written: 0,
            },
            connection,
        )
    }

    fn local_addr(&self) -> io::Result<Connection> {
        self.0.local_addr().map(|_: SocketAddr| Connection::default())
    }
}

/// A handler's hold on the connection that its request came by.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection(Arc<Mutex<Option<Takeover>>>);

/// What is sent instead of the response.
#[derive(Clone, Debug)]
pub(super) struct Takeover {
    /// Bytes on the wire: status line, headers and body, as far as they get.
    pub(super) bytes: Vec<u8>,
    pub(super) then: Ending,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// In good order.
    Close,
    /// With a reset.
    Reset,
}

impl Connection {
    /// Sends `takeover` in place of the response that the handler returns.
    pub(super) fn take_over(&self, takeover: Takeover) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(takeover);
    }

    fn taken_over(&self) -> Option<Takeover> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Connected<IncomingStream<'_, WireListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, WireListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A TCP stream whose next response may be replaced.
pub(super) struct WireStream {
    inner: TcpStream,
    connection: Connection,
    /// How many bytes of the takeover are sent.
    written: usize,
}

impl AsyncRead for WireStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(takeover) = self.connection.taken_over() else {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        };
        while self.written < takeover.bytes.len() {
            let from = self.written;
            self.written += ready!(Pin::new(&mut self.inner).poll_write(cx, &takeover.bytes[from..]))?;
        }
        match takeover.then {
            Ending::Close => ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?,
            Ending::Reset => self.inner.set_zero_linger()?,
        }
        // The error makes hyper drop the connection.
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
