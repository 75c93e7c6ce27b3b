//! Clients that take their time with a body or a handshake, and what that takes from the others.

use crate::sockets::{connect, problem, rest, start, status, token};
use std::{
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_testing::servers::certify;

const TEXT: &[u8] = br#"{"text":"Hello"}"#;

/// Begins to send a message.
fn begin(socket: &mut TcpStream, token: &str) {
    let head = "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close";
    let length = TEXT.len();
    write!(socket, "{head}\r\nContent-Length: {length}\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
    socket.write_all(&TEXT[..1]).unwrap();
}

#[test]
fn who_sends_a_body_slowly_takes_the_only_place_from_nobody() {
    let folder = TempDir::new().unwrap();
    let server = start(folder.path(), &[("REQUESTS", "1")]);
    let token = token(folder.path(), &server);
    let slow: Vec<_> = (0..10)
        .map(|_| {
            let mut socket = connect(&server);
            begin(&mut socket, &token);
            socket
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    let mut other = connect(&server);
    write!(other, "GET /movies/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n")
        .unwrap();
    let (answer, _) = rest(other, Instant::now());
    assert_eq!(status(&answer), 200, "{answer}");
    for mut socket in slow {
        socket.write_all(&TEXT[1..]).unwrap();
        let (answer, _) = rest(socket, Instant::now());
        assert_eq!(status(&answer), 201, "{answer}");
    }
}

#[test]
fn a_request_has_its_time_and_no_more_however_its_body_comes() {
    let folder = TempDir::new().unwrap();
    let server = start(folder.path(), &[("REQUEST_SECONDS", "1"), ("STALL_SECONDS", "20")]);
    let token = token(folder.path(), &server);
    let (mut socket, began) = (connect(&server), Instant::now());
    begin(&mut socket, &token);
    let mut speaker = socket.try_clone().unwrap();
    thread::spawn(move || {
        for byte in &TEXT[1..TEXT.len() - 1] {
            thread::sleep(Duration::from_millis(200));
            let _ = speaker.write_all(&[*byte]);
        }
    });
    let (answer, took) = rest(socket, began);
    assert_eq!(problem(&answer), 503, "{answer}");
    assert!(answer.contains("retry-after: 1") && answer.contains("no answer within 1 s"), "{answer}");
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn a_handshake_that_stands_still_is_let_go_at_the_limit() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    certify(folder.path());
    let (certificate, key) = (path("server.pem"), path("server.key"));
    let files = [("TLS__CERTIFICATE", certificate.as_str()), ("TLS__KEY", key.as_str())];
    let server = start(folder.path(), &[files[0], files[1], ("HEAD_SECONDS", "2")]);
    // Nothing, and the head of a record that never comes (RFC 8446, 5.1).
    let ends = [&b""[..], b"\x16\x03\x01\x02\x00"].map(|sent| {
        let (mut socket, began) = (connect(&server), Instant::now());
        socket.write_all(sent).unwrap();
        thread::spawn(move || rest(socket, began))
    });
    for end in ends {
        let (answer, took) = end.join().unwrap();
        assert_eq!(answer, "");
        let limit = Duration::from_secs(2);
        assert!(took + Duration::from_millis(100) >= limit && took < limit + Duration::from_secs(3), "{took:?}");
    }
}
