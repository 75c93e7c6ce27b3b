//! Requests as bytes, right or wrong, and what comes back for them.

use crate::Result;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Longer than the app waits for a head.
const TIMEOUT: Duration = Duration::from_secs(40);

/// So long the other side may think. One that then still waits for more will not get it.
const PAUSE: Duration = Duration::from_secs(2);

/// What comes back for these bytes; nothing, if the other side just hangs up, also if that is because nothing more is sent.
///
/// # Errors
/// The other side does not listen, or neither answers nor hangs up.
pub(crate) async fn exchange(port: u16, request: &[u8]) -> Result<Vec<u8>> {
    let (mut from, mut to) = TcpStream::connect(("127.0.0.1", port)).await?.into_split();
    let send = async {
        // Who is refused early hears of it while they still speak.
        let _ = to.write_all(request).await;
        // Not at once: to a server, a client that has said all and one that has gone look the same.
        sleep(PAUSE).await;
        let _ = to.shutdown().await;
        std::future::pending::<()>().await;
    };
    let mut answer = vec![];
    let hear = async {
        // A reset is a way to hang up.
        let _ = from.read_to_end(&mut answer).await;
    };
    let exchanged = async {
        tokio::select! {
            () = send => {}
            () = hear => {}
        }
    };
    timeout(TIMEOUT, exchanged).await.map_err(|_| "neither an answer nor an end")?;
    Ok(answer)
}

/// The status of each answer in there.
pub(crate) fn statuses(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    text.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

/// A request for a path, with these headers and that body, of the length that is said.
pub(crate) fn request(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{line} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}");
    [head.as_bytes(), format!("content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}
