//! One connection: which version of HTTP it speaks, its requests, and its end.

use super::{
    Site, body,
    limits::ConnectionLimits,
    measures,
    socket::{Requests, Socket, Stream},
    stop::Stage,
    unread,
};
use crate::ClientAddress;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, Version, header, uri::Authority},
    response::Response,
};
use futures_util::future::Either;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tollgate_core::Problem;
use tower::Service;

/// How a client of HTTP/2 begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long we hear out a client that was refused: what is still on its way would otherwise cost it our answer.
const LINGER: Duration = Duration::from_secs(1);
/// Requests of one connection at once, over HTTP/2.
const STREAMS: u32 = 128;
/// The headers of one request, at most.
const HEADERS: usize = 100;

/// Who is at the other end.
#[derive(Clone, Copy)]
pub(super) struct Client {
    pub(super) peer: SocketAddr,
    /// One more than there is room for: it learns whether we live, and nothing else.
    pub(super) is_surplus: bool,
}

/// Serves a connection until its end. Boxed, because each has the size of its own kind then, and not of the largest.
pub(super) async fn serve(site: Arc<Site>, socket: TcpStream, client: Client) {
    // Without it, small answers may wait for more to send.
    let _ = socket.set_nodelay(true);
    let since = Instant::now();
    if let Some(acceptor) = site.tls.clone() {
        let Some(socket) = begun(&site, Box::pin(acceptor.accept(socket))).await else { return };
        let is_http2 = socket.get_ref().1.alpn_protocol() == Some(b"h2");
        Box::pin(Connection { site, client, since }.serve((socket, vec![]), is_http2)).await;
    } else {
        let Some((socket, ahead)) = begun(&site, read_ahead(socket)).await else { return };
        let is_http2 = ahead.starts_with(PREFACE);
        Box::pin(Connection { site, client, since }.serve((socket, ahead), is_http2)).await;
    }
}

/// What a client has to begin with, while anybody waits for it. One that breaks off or says nothing is no event.
async fn begun<T>(site: &Site, beginning: impl Future<Output = io::Result<T>>) -> Option<T> {
    tokio::select! {
        biased;
        begun = timeout(site.limits.head, beginning) => begun.ok()?.ok(),
        () = site.stop.until(Stage::Draining) => None,
    }
}

/// Reads until the version is known.
async fn read_ahead(mut socket: TcpStream) -> io::Result<(TcpStream, Vec<u8>)> {
    let mut ahead = Vec::with_capacity(1024);
    loop {
        let is_new = socket.read_buf(&mut ahead).await? > 0;
        let may_become_http2 = PREFACE.len() > ahead.len() && PREFACE.starts_with(&ahead);
        if !is_new || !may_become_http2 {
            return Ok((socket, ahead));
        }
    }
}

struct Connection {
    site: Arc<Site>,
    client: Client,
    since: Instant,
}

impl Connection {
    async fn serve(self, socket: (impl Stream, Vec<u8>), is_http2: bool) {
        let requests = Arc::new(Requests::default());
        let socket = Socket::new(socket, self.since, !is_http2, &self.site.limits, &requests);
        if is_http2 {
            Box::pin(self.http2(socket, requests)).await;
        } else {
            Box::pin(self.http1(socket, requests)).await;
        }
    }

    async fn http1(self, socket: Socket<impl Stream>, requests: Arc<Requests>) {
        let Self { site, client, .. } = self;
        let stop = site.stop.until(Stage::Draining);
        let ConnectionLimits { head_bytes, .. } = *site.limits;
        let of_service = Arc::clone(&site);
        let service = service_fn(move |request| of_service.answer(client, &requests, request));
        let mut builder = http1::Builder::new();
        builder.header_read_timeout(None).max_headers(HEADERS);
        builder.max_header_size(head_bytes).max_buf_size(head_bytes.max(64 * 1024));
        let mut connection = builder.serve_connection(TokioIo::new(socket), service);
        let is_over = tokio::select! {
            biased;
            _ = &mut connection => true,
            () = stop => false,
        };
        if !is_over {
            Pin::new(&mut connection).graceful_shutdown();
            let _ = (&mut connection).await;
        }
        let parts = connection.into_parts();
        close(&site, parts.io.into_inner(), &parts.read_buf).await;
    }

    async fn http2(self, socket: Socket<impl Stream>, requests: Arc<Requests>) {
        let Self { site, client, .. } = self;
        // Requests that come until a client has heard of it are answered, so nobody has to wait for draining.
        let stop = site.stop.until(if client.is_surplus { Stage::Serving } else { Stage::Leaving });
        let head_bytes = u32::try_from(site.limits.head_bytes).unwrap_or(u32::MAX);
        let of_service = Arc::clone(&requests);
        let service = service_fn(move |request| site.answer(client, &of_service, request));
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(STREAMS).max_header_list_size(head_bytes);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
        let is_over = tokio::select! {
            biased;
            _ = connection.as_mut() => true,
            () = stop => false,
            () = requests.leave.notified() => false,
        };
        if !is_over {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Tells a client why what it sent was no request, and hears it out.
async fn close(site: &Site, socket: Socket<impl Stream>, unread: &Bytes) {
    let (refused, is_gone) = (socket.refused(), socket.is_gone());
    let mut socket = socket.into_inner();
    let _ = timeout(LINGER, async {
        if let Some(status) = refused {
            let problem = unreadable(status, unread, &site.limits);
            measures::refused(problem.status());
            let answer = site.edge.answer_unread(problem);
            socket.write_all(&answer).await?;
            socket.shutdown().await?;
        }
        if !is_gone {
            let mut rest = [0; 1024];
            while socket.read(&mut rest).await? > 0 {}
        }
        io::Result::Ok(())
    })
    .await;
}

/// Why no request came of what was sent.
fn unreadable(status: StatusCode, unread: &Bytes, limits: &ConnectionLimits) -> Problem {
    let (status, why) = match status {
        StatusCode::REQUEST_TIMEOUT => {
            (status, format!("the head of a request has {} seconds to come", limits.head.as_secs_f32()))
        }
        // What has no end of its first line is too long by its target.
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if !unread.contains(&b'\n') => {
            (StatusCode::URI_TOO_LONG, format!("the head of a request has at most {} bytes", limits.head_bytes))
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            (status, format!("the head of a request has at most {HEADERS} headers and {} bytes", limits.head_bytes))
        }
        _ => (status, "this is not HTTP as RFC 9112 has it".to_owned()),
    };
    Problem::new(status).because(why)
}

impl Site {
    /// The answer to a request.
    fn answer(
        self: &Arc<Self>,
        client: Client,
        requests: &Arc<Requests>,
        request: hyper::Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
        let (open, site, version) = (requests.begin(), Arc::clone(self), request.version());
        let mut request = request.map(|body| body::paced(body, &site.limits));
        request.extensions_mut().insert(ClientAddress::of_peer(client.peer));
        // Nothing of it begins before it is asked for.
        let mut road = match client.refusal(&request) {
            Some(problem) => Either::Left(Box::pin(turn_away(Arc::clone(self), request, problem))),
            None => Either::Right(self.router.clone().call(request)),
        };
        async move {
            if version < Version::HTTP_2 {
                open.requests().room().await;
            }
            let Ok(mut response) = (&mut road).await;
            let is_last = client.is_surplus || site.stop.is_leaving();
            if version >= Version::HTTP_2 {
                return Ok(response.map(|body| unread::in_pieces(body, open)));
            }
            if is_last {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| body::kept(body, open)))
        }
    }
}

async fn turn_away(site: Arc<Site>, request: Request, problem: Problem) -> Result<Response, Infallible> {
    measures::refused(problem.status());
    Ok(site.edge.turn_away(request, problem).await)
}

impl Client {
    /// Why its request is not let in.
    fn refusal(self, request: &Request) -> Option<Problem> {
        if request.version() == Version::HTTP_11 && !has_one_host(request.headers()) {
            return Some(Problem::bad_request().because("a request names its host, once (RFC 9112, 3.2)"));
        }
        if self.is_surplus && !crate::health::is_probe(request.uri().path()) {
            return Some(Problem::unavailable().because("there are too many connections").retry_after(1));
        }
        None
    }
}

fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    // Two that somebody on the way joined have a comma, and names of users stand in no host.
    let is_one = |host: &[u8]| !host.iter().any(|byte| matches!(byte, b',' | b'@'));
    let is_host = |host: &HeaderValue| {
        host.is_empty() || (is_one(host.as_bytes()) && Authority::try_from(host.as_bytes()).is_ok())
    };
    hosts.next().is_some_and(is_host) && hosts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_and_a_host() {
        let has = |hosts: &[&'static str]| {
            let lines = hosts.iter().map(|host| (header::HOST, HeaderValue::from_static(host)));
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, value);
            }
            has_one_host(&headers)
        };
        for good in ["api.example.com", "127.0.0.1:8000", "[::1]:8000", "localhost", ""] {
            assert!(has(&[good]), "{good}");
        }
        for bad in [&[][..], &["a", "a"], &["a b"], &["a/b"], &["a,b"], &["me@a"]] {
            assert!(!has(bad), "{bad:?}");
        }
    }
}
