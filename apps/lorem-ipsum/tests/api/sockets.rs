//! What a client may do to a socket, and what becomes of the others.

use crate::{
    process::{Server, command, run, stdout},
    telemetry::until,
};
use faults::http2;
use serde_json::Value;
use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_testing::servers::free_port;

/// An app with these settings of `[server]`.
pub(crate) fn start(folder: &Path, settings: &[(&str, &str)]) -> Server {
    Server::start_as(&mut configured(command(folder, &["--port", "0"]), settings))
}

fn configured(mut command: Command, settings: &[(&str, &str)]) -> Command {
    command.stderr(Stdio::null());
    command.envs(settings.iter().map(|(name, value)| (format!("LOREM_IPSUM_SERVER__{name}"), value)));
    command
}

pub(crate) fn connect(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
}

/// What comes until the server closes the connection, and when it did.
pub(crate) fn rest(mut socket: TcpStream, since: Instant) -> (String, Duration) {
    let mut text = vec![];
    let _ = socket.read_to_end(&mut text);
    (String::from_utf8_lossy(&text).into_owned(), since.elapsed())
}

/// The answer to these bytes, after which the connection is closed.
fn told(server: &Server, bytes: &[u8]) -> String {
    let mut socket = connect(server);
    socket.write_all(bytes).unwrap();
    rest(socket, Instant::now()).0
}

pub(crate) fn status(text: &str) -> u16 {
    text.strip_prefix("HTTP/1.1 ").and_then(|text| text.get(..3)).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The status, if the answer is a problem document that says the same, with the headers that every answer has.
pub(crate) fn problem(text: &str) -> u16 {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let document: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(head.contains("content-type: application/problem+json") && head.contains("nosniff"), "{head}");
    assert!(head.contains("connection: close") || head.contains("x-request-id: "), "{head}");
    assert!(document["request_id"].is_string() && document["detail"].is_string(), "{document}");
    assert_eq!(document["status"], status(text));
    status(text)
}

pub(crate) fn token(folder: &Path, server: &Server) -> String {
    token_of("reader", folder, server)
}

fn token_of(user: &str, folder: &Path, server: &Server) -> String {
    let (user, port) = (format!("{user}@example.test"), server.port().to_string());
    stdout(&run(folder, &["token", &user, "--port", &port])).trim().to_owned()
}

const LIVE: &[u8] = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

/// One answer on a connection that stays open.
fn ask(socket: &mut TcpStream, request: &[u8]) -> String {
    socket.write_all(request).unwrap();
    let mut bytes = [0; 4096];
    let length = socket.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[test]
fn what_is_no_request_is_answered_with_a_problem() {
    let folder = TempDir::new().unwrap();
    let server = start(folder.path(), &[("HEAD_KIBIBYTES", "16"), ("HEAD_SECONDS", "1")]);
    let long = "a".repeat(20_000);
    let many = "X: 1\r\n".repeat(101);
    let cases: [(u16, String); 10] = [
        (400, "\u{1}\u{2}\r\n\r\n".into()),
        (400, "GET / HTTP/3.7\r\nHost: a\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost a\r\n\r\n".into()),
        (400, "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n".into()),
        (400, "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n".into()),
        (400, "POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".into()),
        (414, format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")),
        (431, format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")),
        (431, format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")),
        (408, "GET / HTTP/1.1\r\nHost: a\r\n".into()),
    ];
    for (expected, sent) in cases {
        let answer = told(&server, sent.as_bytes());
        assert_eq!(problem(&answer), expected, "{:?}: {answer}", &sent[..sent.len().min(60)]);
    }
    let old = told(&server, b"GET /livez HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.0 200"), "HTTP/1.0 knows no Host: {old}");
    let all = told(&server, b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&all), 204, "it asks for the server as a whole: {all}");
}

#[test]
fn who_is_slow_is_let_go_at_the_limit() {
    let folder = TempDir::new().unwrap();
    let limits = [("HEAD_SECONDS", "2"), ("IDLE_SECONDS", "3"), ("STALL_SECONDS", "2")];
    let server = start(folder.path(), &limits);
    let token = token(folder.path(), &server);
    let mut idle = connect(&server);
    assert_eq!(status(&ask(&mut idle, LIVE)), 200);
    let mut late = connect(&server);
    late.write_all(b"GET /").unwrap();
    let mut body = connect(&server);
    let head = "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9";
    write!(body, "{head}\r\nAuthorization: Bearer {token}\r\n\r\n{{").unwrap();
    let began = Instant::now();
    let ends = [idle, late, body].map(|socket| thread::spawn(move || rest(socket, began)));
    let [idle, late, body] = ends.map(|end| end.join().unwrap());
    assert_eq!((idle.0.as_str(), problem(&late.0), problem(&body.0)), ("", 408, 408));
    for ((_, took), limit) in [(idle, 3), (late, 2), (body, 2)] {
        let limit = Duration::from_secs(limit);
        assert!(
            took + Duration::from_millis(100) >= limit && took < limit + Duration::from_secs(3),
            "{took:?} of {limit:?}"
        );
    }
}

#[test]
fn who_gives_an_answer_no_room_is_let_go_and_others_on_the_connection_have_as_long_again() {
    let folder = TempDir::new().unwrap();
    let limits = [("IDLE_SECONDS", "300"), ("STALL_SECONDS", "2"), ("BYTES_PER_SECOND", "1000000")];
    let server = start(folder.path(), &limits);
    let token = token_of("clinician", folder.path(), &server);
    let list = |stream| http2::get(stream, "/movies?limit=100", &token);
    // The last of them is told of changes, and has room.
    let changes = [http2::get(5, "/alerts/live", &token), http2::room(5, 1 << 24), http2::room(0, 1 << 24)].concat();
    let alone = [http2::beginning(0), list(1), list(3)].concat();
    let (little, shared) = ([http2::beginning(1), list(1)].concat(), [alone.clone(), changes].concat());
    let began = Instant::now();
    let ends = [alone, little, shared].map(|sent| {
        let mut socket = connect(&server);
        socket.write_all(&sent).unwrap();
        let mut speaker = socket.try_clone().unwrap();
        // Whoever speaks is not idle, and does not read for that.
        thread::spawn(move || {
            while speaker.write_all(&http2::PING).is_ok() {
                thread::sleep(Duration::from_millis(100));
            }
        });
        thread::spawn(move || rest(socket, began).1)
    });
    let took = ends.map(|end| end.join().unwrap());
    for (took, limit) in took.into_iter().zip([2, 2, 4]) {
        let limit = Duration::from_secs(limit);
        assert!(took + Duration::from_millis(100) >= limit && took < limit + Duration::from_secs(3), "{took:?}");
    }
}

#[test]
fn a_full_house_is_told_so_and_still_answers_probes() {
    let folder = TempDir::new().unwrap();
    let server = start(folder.path(), &[("CONNECTIONS", "3")]);
    let mut inside: Vec<_> = (0..2).map(|_| connect(&server)).collect();
    assert!(inside.iter_mut().all(|socket| status(&ask(socket, LIVE)) == 200));
    let mut third = connect(&server);
    assert_eq!(status(&ask(&mut third, LIVE)), 200);
    let refused = told(&server, b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(problem(&refused), 503);
    assert!(refused.contains("retry-after: 1"), "{refused}");
    assert_eq!(status(&told(&server, LIVE)), 200);
    drop(inside);
    let open = || status(&ask(&mut connect(&server), b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"));
    let began = Instant::now();
    while open() != 200 {
        assert!(began.elapsed() < Duration::from_secs(10), "there is room again");
    }
}

#[test]
fn who_finds_no_place_is_sent_away_at_once_and_probes_are_not() {
    let folder = TempDir::new().unwrap();
    let port = free_port().to_string();
    let url = format!("http://127.0.0.1:{port}");
    let settings = [("REQUESTS", "1"), ("PROXIES", "1"), ("PUBLIC_URL", &*url)];
    let server = Server::start_as(&mut configured(command(folder.path(), &["--port", &port]), &settings));
    let sign_in = move |number: usize| {
        let form = format!("username=user{number}@example.test&password=wrong+password+altogether");
        let head =
            "POST /token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded";
        let length = form.len();
        format!("{head}\r\nX-Forwarded-For: 10.0.0.{number}\r\nContent-Length: {length}\r\n\r\n{form}")
    };
    // A password's hash takes longer than anybody waits for a place.
    let answers = thread::scope(|scope| {
        let server = &server;
        let tries: Vec<_> =
            (0..12).map(|number| scope.spawn(move || told(server, sign_in(number).as_bytes()))).collect();
        for _ in 0..20 {
            assert_eq!(status(&ask(&mut connect(server), LIVE)), 200);
        }
        tries.into_iter().map(|answer| answer.join().unwrap()).collect::<Vec<_>>()
    });
    let (away, heard): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| status(answer) == 503);
    assert!(!heard.is_empty() && !away.is_empty(), "{} heard, {} sent away", heard.len(), away.len());
    assert!(away.iter().all(|answer| problem(answer) == 503 && answer.contains("retry-after: 1")), "{away:?}");
}

#[test]
fn several_processes_may_share_a_port() {
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    let shared = [("REUSE_PORT", "true")];
    let first = start(folders[0].path(), &shared);
    let mut second = command(folders[1].path(), &["--port", &first.port().to_string()]);
    second = configured(second, &shared);
    let second = Server::start_as(&mut second);
    assert_eq!(first.port(), second.port());
    drop(first);
    assert_eq!(status(&ask(&mut connect(&second), LIVE)), 200);
}

#[test]
fn on_its_way_out_it_is_not_ready_and_finishes_what_it_was_asked() {
    let folder = TempDir::new().unwrap();
    let mut server = start(folder.path(), &[("SHUTDOWN__WAIT_SECONDS", "2")]);
    let mut kept = connect(&server);
    assert!(!ask(&mut kept, LIVE).contains("connection: close"));
    let mut under_way = connect(&server);
    under_way.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
    server.signal("-TERM");
    let ready = b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";
    let began = Instant::now();
    let mut said = ask(&mut connect(&server), ready);
    while status(&said) == 200 && began.elapsed() < Duration::from_secs(1) {
        said = ask(&mut connect(&server), ready);
    }
    assert!(status(&said) == 503 && said.contains(r#"{"status":"stopping","checks":{}}"#), "{said}");
    let last = ask(&mut kept, LIVE);
    assert!(status(&last) == 200 && last.contains("connection: close"), "{last}");
    thread::sleep(Duration::from_secs(2));
    under_way.write_all(b"Host: a\r\n\r\n").unwrap();
    let (last, _) = rest(under_way, began);
    assert!(status(&last) == 200 && last.contains("connection: close"), "{last}");
    assert!(server.ended());
}

/// A request whose body does not come: it is under way until somebody gives it up.
fn hanging(server: &Server, token: &str) -> TcpStream {
    let mut socket = connect(server);
    let head = "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9";
    write!(socket, "{head}\r\nAuthorization: Bearer {token}\r\n\r\n{{").unwrap();
    // It is under way once somebody who came later has been answered.
    assert_eq!(status(&ask(&mut connect(server), LIVE)), 200);
    socket
}

/// An app that gives up no body, with these settings of its end; what it says goes into the file `said`.
fn patient(folder: &Path, shutdown: [(&str, &str); 2]) -> Server {
    let mut command =
        configured(command(folder, &["--port", "0"]), &[("STALL_SECONDS", "300"), shutdown[0], shutdown[1]]);
    Server::start_as(command.stderr(fs::File::create(folder.join("said")).unwrap()))
}

/// That nothing is accepted any more.
fn is_closed(server: &Server) -> Result<(), String> {
    match TcpStream::connect(("127.0.0.1", server.port())) {
        Ok(_) => Err("it still listens".to_owned()),
        Err(_) => Ok(()),
    }
}

#[test]
fn what_does_not_end_in_time_is_cut_off_and_told() {
    let folder = TempDir::new().unwrap();
    let mut server = patient(folder.path(), [("SHUTDOWN__WAIT_SECONDS", "0"), ("SHUTDOWN__DRAIN_SECONDS", "2")]);
    let _under_way = hanging(&server, &token(folder.path(), &server));
    let began = Instant::now();
    server.signal("-TERM");
    assert!(!server.ended(), "a request that was cut off is a failure");
    assert!(began.elapsed() >= Duration::from_secs(2), "it had two seconds: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let said = fs::read_to_string(folder.path().join("said")).unwrap();
    assert!(said.contains("1 connections were cut off"), "{said}");
}

#[test]
fn whoever_tells_it_twice_while_it_leaves_wants_the_end_at_once() {
    let folder = TempDir::new().unwrap();
    let mut server = patient(folder.path(), [("SHUTDOWN__WAIT_SECONDS", "300"), ("SHUTDOWN__DRAIN_SECONDS", "300")]);
    let _under_way = hanging(&server, &token(folder.path(), &server));
    server.signal("-TERM");
    thread::sleep(Duration::from_secs(1));
    assert_eq!(status(&ask(&mut connect(&server), LIVE)), 200, "told once, it goes on");
    let began = Instant::now();
    server.signal("-INT");
    assert!(!server.ended(), "what was under way was cut off");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn whoever_tells_it_twice_while_it_drains_wants_the_end_at_once() {
    let folder = TempDir::new().unwrap();
    let mut server = patient(folder.path(), [("SHUTDOWN__WAIT_SECONDS", "0"), ("SHUTDOWN__DRAIN_SECONDS", "300")]);
    let mut under_way = hanging(&server, &token(folder.path(), &server));
    server.signal("-TERM");
    until("the end of its listening", || is_closed(&server));
    under_way.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let silence = under_way.read(&mut [0; 64]).unwrap_err();
    assert!(
        matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "it waits for the request: {silence}"
    );
    let began = Instant::now();
    server.signal("-TERM");
    assert!(!server.ended(), "what was under way was cut off");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// With curl, which speaks HTTP/2 and TLS.
mod curl {
    use super::*;
    use tollgate_testing::servers::certify;

    /// Body, version and status; or what went wrong.
    fn curl(arguments: &[&str]) -> String {
        let output = Command::new("curl").args(["-sS", "-w", " %{http_version} %{http_code}"]).args(arguments).output();
        let output = output.unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    #[test]
    fn http2_is_spoken_to_those_who_know() {
        let folder = TempDir::new().unwrap();
        let server = start(folder.path(), &[]);
        let live = format!("{}/livez", server.url());
        assert_eq!(curl(&["--http2-prior-knowledge", &live]), r#"{"status":"ok"} 2 200"#);
        assert_eq!(curl(&[&live]), r#"{"status":"ok"} 1.1 200"#);
        let said = curl(&["--http2-prior-knowledge", "-d", "a=b", &format!("{}/token", server.url())]);
        assert!(said.ends_with(" 2 400"), "{said}");
    }

    #[test]
    fn a_certificate_is_renewed_without_a_restart() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        certify(folder.path());
        let files = [("TLS__CERTIFICATE", path("server.pem")), ("TLS__KEY", path("server.key"))];
        let files: Vec<_> = files.iter().map(|(name, path)| (*name, path.as_str())).collect();
        let server = start(folder.path(), &files);
        let (live, resolve) =
            (format!("https://localhost:{}/livez", server.port()), format!("localhost:{}:127.0.0.1", server.port()));
        let ask = |version: &str, authority: &str| {
            curl(&[version, "--cacert", &path(authority), "--resolve", &resolve, &live])
        };
        assert_eq!(ask("--http2", "ca.pem"), r#"{"status":"ok"} 2 200"#);
        assert_eq!(ask("--http1.1", "ca.pem"), r#"{"status":"ok"} 1.1 200"#);
        assert!(server.banner.contains("https://127.0.0.1"), "{}", server.banner);
        let health = || {
            let variables = files.iter().map(|(name, value)| (format!("LOREM_IPSUM_SERVER__{name}"), value));
            command(folder.path(), &["health", "--port", &server.port().to_string()]).envs(variables).output().unwrap()
        };
        assert!(health().status.success(), "{}", String::from_utf8_lossy(&health().stderr));
        for other in ["ca.pem", "server.key"] {
            let mut with_other = command(folder.path(), &["health", "--port", &server.port().to_string()]);
            with_other.env("LOREM_IPSUM_SERVER__TLS__CERTIFICATE", path(other));
            let output = with_other.env("LOREM_IPSUM_SERVER__TLS__KEY", path("server.key")).output().unwrap();
            crate::process::failure(&output);
        }
        fs::copy(path("ca.pem"), path("old.pem")).unwrap();
        // A half-written file is not taken.
        fs::write(path("server.pem"), "").unwrap();
        thread::sleep(Duration::from_secs(6));
        assert_eq!(ask("--http1.1", "old.pem"), r#"{"status":"ok"} 1.1 200"#);
        certify(folder.path());
        let began = Instant::now();
        while !ask("--http2", "ca.pem").ends_with(" 2 200") {
            assert!(began.elapsed() < Duration::from_secs(30), "the new certificate is never shown");
            thread::sleep(Duration::from_millis(200));
        }
        assert!(ask("--http2", "old.pem").contains(" 000"));
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_told_in_a_line() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        certify(folder.path());
        for (key, said) in
            [("none.key", "No such file"), ("ca.key", "cannot be used together"), ("ca.pem", "no private key")]
        {
            let files = [("TLS__CERTIFICATE", path("server.pem")), ("TLS__KEY", path(key))];
            let variables = files.map(|(name, value)| (format!("LOREM_IPSUM_SERVER__{name}"), value));
            let output = command(folder.path(), &["--port", "0"]).envs(variables).output().unwrap();
            let failure = crate::process::failure(&output);
            assert!(failure.contains("server.tls: ") && failure.contains(key) && failure.contains(said), "{failure}");
        }
    }
}
