//! `--live`: readers of changes on one instance, the memory that they take, and how soon they hear.

use crate::{
    report::machine,
    section,
    servers::{add_users, memory, password_token, post, start_ours_with},
};
use std::{
    error::Error,
    fmt::Write as _,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const READERS: usize = 500;
/// How many changes they are told of.
const CHANGES: usize = 200;
/// The most that is wanted, in MB (millions of bytes).
const MOST: f64 = 100.0;

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    let settings = [("BENCH_LIVE__READERS_PER_PERSON".to_owned(), (READERS + 1).to_string())];
    add_users(folder.path(), None)?;
    let mut server = start_ours_with(folder.path(), None, &settings)?;
    server.target.own = password_token(server.target.port, "own")?;
    let (port, token) = (server.target.port, server.target.own.clone());
    thread::sleep(Duration::from_secs(3));
    let idle = memory(&server)?.now;
    let readers = (0..READERS).map(|_| follow(port, &token)).collect::<Result<Vec<_>, _>>()?;
    thread::sleep(Duration::from_secs(3));
    let open = memory(&server)?.now;
    let threads: Vec<_> = readers.into_iter().map(|reader| thread::spawn(move || hear(reader))).collect();
    let head = format!("Authorization: Bearer {token}\r\nContent-Type: application/json");
    let start = Instant::now();
    for number in 0..CHANGES {
        let answer = post(port, "/signals", &head, &format!(r#"{{"text": "signal {number}"}}"#))?;
        if !answer.starts_with("HTTP/1.1 201") {
            return Err(answer.into());
        }
    }
    let written = start.elapsed();
    for thread in threads {
        thread.join().map_err(|_| "a reader did not hear everything")??;
    }
    let (told, most) = (start.elapsed(), memory(&server)?.most);
    section::keep("LIVE.md", &text([idle, open, most].map(|mebibytes| mebibytes * 1.048_576), written, told))?;
    let most = most * 1.048_576;
    section::judge(&if most > MOST { vec![format!("{READERS} readers take {most:.1} MB")] } else { vec![] })
}

/// A reader that is told of what comes from now on.
fn follow(port: u16, token: &str) -> Result<BufReader<TcpStream>, Box<dyn Error>> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_mins(1)))?;
    write!(socket, "GET /signals/live HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n")?;
    let mut reader = BufReader::with_capacity(1024, socket);
    wait_for(&mut reader, "event: ready")?;
    Ok(reader)
}

fn hear(mut reader: BufReader<TcpStream>) -> Result<(), String> {
    (0..CHANGES).try_for_each(|_| wait_for(&mut reader, "event: created")).map_err(|error| error.to_string())
}

fn wait_for(reader: &mut BufReader<TcpStream>, wanted: &str) -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    while line.trim_end() != wanted {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(format!("the stream ended before `{wanted}`").into());
        }
    }
    Ok(())
}

fn text([idle, open, most]: [f64; 3], written: Duration, told: Duration) -> String {
    let mut rows = String::new();
    for (what, value, target) in [
        ("idle", idle, String::new()),
        ("with the streams open", open, String::new()),
        ("at most, while all are told of all changes", most, MOST.to_string()),
    ] {
        let _ = writeln!(rows, "| memory {what} | {value:.1} | {target} |");
    }
    format!(
        "## Live changes: {READERS} readers\n\n\
         Written by `cargo run --release -p bench -- --live`: resident memory of one instance on SQLite that {READERS} \
         streams are open on, each of which is told of {CHANGES} rows that are written one after the other; {}.\n\n\
         | what | MB | target |\n|---|---|---|\n{rows}\n\
         The rows were written within {:.1} s, and all {} events were heard {:.2} s after the last of them.\n",
        machine(),
        written.as_secs_f64(),
        READERS * CHANGES,
        told.saturating_sub(written).as_secs_f64(),
    )
}
