//! The accept loop: from a socket to requests, with limits that `axum::serve` does not have.
//!
//! A head that does not come in time or is too large never becomes a request. When the process is told to stop,
//! no connection is accepted any more, and the requests under way get time to finish.

use crate::ClientAddress;
use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{io, net::SocketAddr, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest head, in bytes: beyond it the answer is 431.
const LARGEST_HEAD: usize = 64 * 1024;
/// How long requests under way may take once the process was told to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The pause after the system had no socket to give.
const BREATHER: Duration = Duration::from_millis(50);

/// A socket that listens.
pub struct Listening(TcpListener);

/// Listens on that address.
///
/// # Errors
/// One line that names the address, and the port if it is taken.
pub async fn bind(host: &str, port: u16) -> Result<Listening, String> {
    TcpListener::bind((host, port)).await.map(Listening).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} of {host} is taken: stop who has it, or choose another with --port")
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} may not be opened by this user: choose one above 1023 with --port")
        }
        _ => format!("cannot listen on {host}:{port}: {error}; choose another address with --host and --port"),
    })
}

impl Listening {
    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until `stop` is over, then lets the requests under way finish.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let (graceful, mut stop) = (GracefulShutdown::new(), std::pin::pin!(stop));
        loop {
            let socket = tokio::select! {
                accepted = self.0.accept() => accepted,
                () = &mut stop => break,
            };
            match socket {
                Ok((socket, peer)) => {
                    let service =
                        TowerToHyperService::new(router.clone().map_request(move |request| from(peer, request)));
                    let serving = graceful.watch(connection().serve_connection(io_of(socket), service));
                    tokio::spawn(async move {
                        // A client that breaks off or sends no HTTP is no event.
                        let _ = serving.await;
                    });
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted for now");
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
        drop(self.0);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not finish in {} s and are cut off", DRAIN.as_secs());
        }
    }
}

fn from(peer: SocketAddr, request: Request<Incoming>) -> Request {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ClientAddress::of_peer(peer));
    request
}

fn connection() -> http1::Builder {
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(LARGEST_HEAD);
    connection
}

fn io_of(socket: TcpStream) -> TokioIo<TcpStream> {
    // Without it, small answers may wait for more to send.
    let _ = socket.set_nodelay(true);
    TokioIo::new(socket)
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
