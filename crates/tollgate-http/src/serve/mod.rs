//! The accept loop: from a socket to requests, with limits that `axum::serve` does not have.
//!
//! ```text
//! limits.rs      how long, how much and how many          tls.rs    a certificate that may be renewed
//! connection.rs  one connection, HTTP/1.1 or HTTP/2       stop.rs   how a process ends without anybody noticing
//! socket.rs      watches its client, below hyper          body.rs   the same for bodies
//! unread.rs      what a client of HTTP/2 does not take in  probe.rs  the other end: is the app well?
//! measures.rs    how many there are
//! ```
//!
//! A head that does not come in time or is too large never becomes a request. When the process is told to stop, it is
//! not ready any more, and a while later no connection is accepted, and the requests under way get time to finish.

mod body;
mod connection;
mod limits;
mod measures;
mod probe;
mod socket;
mod stop;
mod tls;
mod unread;

pub(crate) use body::TooSlow;
pub use limits::ConnectionLimits;
pub(crate) use measures::metrics;
pub use probe::Probe;
pub use stop::Stop;
pub use tls::Tls;

use crate::Edge;
use axum::Router;
use connection::Client;
use measures::Counted;
#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::SockRef;
use std::{io, net::SocketAddr, os::fd::AsFd, sync::Arc, time::Duration};
use stop::Stage;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// The pause after the system had no socket to give.
const BREATHER: Duration = Duration::from_millis(50);
/// Connections beyond the limit: for probes, and to tell others that there is no room.
const SURPLUS: usize = 64;
/// How often the log is told that there is no room for another.
const TELL: Duration = Duration::from_secs(1);
/// How long connections stay for a last request after nothing is accepted any more.
const LAST: Duration = Duration::from_secs(1);
/// Connections that wait in the system until they are accepted.
const BACKLOG: u32 = 4096;

/// What the system keeps of answers to one client that were not sent yet, in bytes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// A socket that listens.
pub struct Listening(TcpListener);

tollgate_core::debug_by_name!(Listening);

impl From<TcpListener> for Listening {
    fn from(listener: TcpListener) -> Self {
        Self(listener)
    }
}

/// Listens on that address. With `shared`, others may listen on it too, and the system spreads connections over them
/// (`SO_REUSEPORT`).
///
/// # Errors
/// One line that names the address, and the port if it is taken.
pub async fn bind(host: &str, port: u16, shared: bool) -> Result<Listening, String> {
    listen(host, port, shared).await.map(Listening).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} of {host} is taken: stop who has it, or choose another with --port")
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} may not be opened by this user: choose one above 1023 with --port")
        }
        _ => format!("cannot listen on {host}:{port}: {error}; choose another address with --host and --port"),
    })
}

/// Takes over the socket that is standard input, on which whoever started this process listens already: `inetd` in its
/// mode `wait`, systemd with `StandardInput=socket`, a program that keeps the port while it restarts the app.
///
/// # Errors
/// Standard input is no such socket.
pub fn take_socket() -> Result<Listening, String> {
    let taken = || {
        let listener = std::net::TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
        listener.local_addr()?;
        listener.set_nonblocking(true)?;
        bound_unsent(&listener)?;
        TcpListener::from_std(listener)
    };
    let refused = |error| format!("--socket takes a listening socket from standard input, and there is none: {error}");
    taken().map(Listening).map_err(refused)
}

async fn listen(host: &str, port: u16, shared: bool) -> io::Result<TcpListener> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in lookup_host((host, port)).await? {
        match listen_on(address, shared) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_on(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(shared)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    bound_unsent(&listener)?;
    Ok(listener)
}

/// Connections take this over: who does not read cannot fill the system's memory with what is not even sent yet.
fn bound_unsent(listener: &impl AsFd) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(listener).set_tcp_notsent_lowat(UNSENT)?;
    let _ = listener;
    Ok(())
}

/// What is served, and how.
pub struct Serving {
    /// Answers requests.
    pub router: Router,
    /// Writes the refusals of what comes to no route.
    pub edge: Arc<Edge>,
    /// What connections are held to.
    pub limits: ConnectionLimits,
    /// The certificate; without one, connections are in the clear.
    pub tls: Option<Tls>,
    /// Told when the process is on its way out.
    pub stop: Stop,
    /// How long everything goes on after the process was told to stop, so that balancers learn of it.
    pub wait: Duration,
    /// How long requests under way may take after that.
    pub drain: Duration,
}

tollgate_core::debug_by_name!(Serving);

/// What every connection needs to know.
struct Site {
    router: Router,
    edge: Arc<Edge>,
    limits: Arc<ConnectionLimits>,
    tls: Option<TlsAcceptor>,
    stop: Stop,
}

/// How serving came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request was answered.
    Whole,
    /// This many connections were cut off.
    Cut(usize),
}

impl Listening {
    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until `told` to stop, then leaves; whoever tells it a second time wants the end at once.
    pub async fn serve(self, serving: Serving, mut told: impl AsyncFnMut()) -> Ended {
        let Serving { router, edge, limits, tls, stop, wait, drain } = serving;
        let most = limits.connections;
        let acceptor = tls.as_ref().map(Tls::acceptor);
        let site = Arc::new(Site { router, edge, limits: Arc::new(limits), tls: acceptor, stop: stop.clone() });
        let accepting = Accepting { listener: self.0, site, rooms: Rooms::new(most) };
        let renewing = async {
            match &tls {
                Some(tls) => tls.renew().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = accepting.forever() => {}
            () = renewing => {}
            () = told() => {}
        }
        stop.advance(Stage::Leaving);
        let is_told_again = tokio::select! {
            () = accepting.forever() => false,
            () = sleep(wait) => false,
            () = told() => true,
        };
        let rooms = accepting.end();
        let finish = async {
            // What a balancer keeps of connections it uses up now; it cannot make new ones.
            let _ = timeout(wait.min(LAST), rooms.empty()).await;
            stop.advance(Stage::Draining);
            let _ = timeout(drain, rooms.empty()).await;
        };
        if !is_told_again {
            tokio::select! {
                () = finish => {}
                () = told() => {}
            }
        }
        rooms.left()
    }
}

/// The loop that accepts connections.
struct Accepting {
    listener: TcpListener,
    site: Arc<Site>,
    rooms: Rooms,
}

impl Accepting {
    async fn forever(&self) {
        let (mut is_short, mut told) = (false, None);
        loop {
            let room = self.rooms.take().await;
            if room.1 {
                self.tell(&mut told);
            }
            match self.listener.accept().await {
                Ok(accepted) => {
                    is_short = false;
                    serve(&self.site, accepted, room);
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    // Told once, and not twenty times a second.
                    if !is_short {
                        tracing::error!(%error, "no connection can be accepted for now");
                    }
                    is_short = true;
                    sleep(BREATHER).await;
                }
            }
        }
    }

    /// Tells the log that there is no room, but not for each who comes: that would be one more load.
    fn tell(&self, told: &mut Option<Instant>) {
        if told.is_none_or(|told| told.elapsed() >= TELL) {
            *told = Some(Instant::now());
            let most = self.rooms.most;
            tracing::warn!(most, "more connections than may be open at once: their requests are sent away with 503");
        }
    }

    /// Accepts those who are at the door already, for the system breaks their connections off once nobody listens.
    fn end(self) -> Rooms {
        let Self { listener, site, rooms } = self;
        let Ok(listener) = listener.into_std() else { return rooms };
        while let (Some(room), Ok((socket, peer))) = (rooms.try_take(), listener.accept()) {
            let socket = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
            if let Ok(socket) = socket {
                serve(&site, (socket, peer), room);
            }
        }
        rooms
    }
}

fn serve(site: &Arc<Site>, (socket, peer): (TcpStream, SocketAddr), (room, is_surplus): (OwnedSemaphorePermit, bool)) {
    let serving = connection::serve(Arc::clone(site), socket, Client { peer, is_surplus });
    let counted = Counted::begin();
    tokio::spawn(async move {
        serving.await;
        drop((room, counted));
    });
}

/// Room for connections.
struct Rooms {
    most: usize,
    free: Arc<Semaphore>,
    surplus: Arc<Semaphore>,
}

impl Rooms {
    fn new(most: usize) -> Self {
        Self { most, free: Arc::new(Semaphore::new(most)), surplus: Arc::new(Semaphore::new(SURPLUS)) }
    }

    fn try_take(&self) -> Option<(OwnedSemaphorePermit, bool)> {
        let free = Arc::clone(&self.free).try_acquire_owned().map(|room| (room, false));
        free.or_else(|_| Arc::clone(&self.surplus).try_acquire_owned().map(|room| (room, true))).ok()
    }

    async fn take(&self) -> (OwnedSemaphorePermit, bool) {
        loop {
            if let Some(room) = self.try_take() {
                return room;
            }
            let (free, surplus) = (self.free.acquire(), self.surplus.acquire());
            // Which of them it was, the next turn tells.
            tokio::select! {
                _ = free => {}
                _ = surplus => {}
            }
        }
    }

    /// Waits until every connection is over.
    async fn empty(&self) {
        let all = |rooms: usize| u32::try_from(rooms).unwrap_or(u32::MAX);
        let _ = tokio::join!(self.free.acquire_many(all(self.most)), self.surplus.acquire_many(all(SURPLUS)));
    }

    fn left(&self) -> Ended {
        let taken = self.most - self.free.available_permits() + SURPLUS - self.surplus.available_permits();
        if taken == 0 { Ended::Whole } else { Ended::Cut(taken) }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
