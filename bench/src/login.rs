//! `--login`: does the time of a refused sign-in tell who has an account?
//!
//! Three populations, in turn, each try with a wrong password: addresses that nobody has, users with an argon2 hash, users
//! who were taken over with a bcrypt hash. Behind a proxy each try may come from elsewhere, so that none is throttled. The
//! result is kept in `bench/LOGIN.md`, which is a part of the report.

use crate::{
    load::said,
    median,
    report::machine,
    section,
    servers::{ours, post, start_ours},
};
use serde_json::{Value, json};
use std::{error::Error, fs, time::Instant};
use tempfile::TempDir;

/// How many tries each.
const TRIES: usize = 1000;
/// How many users of each kind: the tries of one account are limited too.
const USERS: usize = 100;
/// What medians may differ by: the greater of the two counts.
const MOST: (f64, f64) = (2.0, 0.02);
/// The hash of nobody's password, as new ones are made.
const ARGON2: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$VG9sbGdhdGVOb2JvZHlTYQ$VG9sbGdhdGVUb2xsZ2F0ZVRvbGxnYXRlVG9sbGdhdGU";
const KINDS: [&str; 3] = ["nobody", "argon2", "bcrypt"];

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    let bcrypt = bcrypt::hash("a password of theirs", 10)?;
    let user = |kind: &str, hash: &str, n: usize| {
        let (name, email) = (format!("User {n}"), format!("{kind}{n}@example.test"));
        json!({ "name": name, "email": email, "password_hash": hash, "roles": [], "disabled": false, "demo": false })
    };
    let users = (0..USERS).flat_map(|n| [user("argon2", ARGON2, n), user("bcrypt", &bcrypt, n)]);
    let file = folder.path().join("users.json");
    fs::write(&file, users.collect::<Value>().to_string())?;
    said(ours(folder.path(), None)?.args(["load", "users"]).arg(&file))?;
    let server = start_ours(folder.path(), None)?;
    let mut times = [vec![], vec![], vec![]];
    for n in 0..TRIES {
        for (kind, times) in KINDS.iter().zip(&mut times) {
            times.push(try_once(server.target.port, kind, n)?);
        }
    }
    tell(times)
}

/// How long a wrong password takes, in milliseconds.
fn try_once(port: u16, kind: &str, n: usize) -> Result<f64, Box<dyn Error>> {
    let form = format!("username={kind}{}@example.test&password=wrong+password+altogether", n % USERS);
    let from = format!("X-Forwarded-For: 10.{}.{}.{}", kind.len() + usize::from(kind.as_bytes()[0]), n >> 8, n & 255);
    let begun = Instant::now();
    let answer = post(port, "/token", &format!("{from}\r\nContent-Type: application/x-www-form-urlencoded"), &form)?;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    if answer.starts_with("HTTP/1.1 401") { Ok(took) } else { Err(answer.into()) }
}

fn tell(times: [Vec<f64>; 3]) -> Result<(), Box<dyn Error>> {
    let medians = times.map(|times| median(times).unwrap_or_default());
    let (least, most) = (medians.iter().copied().fold(f64::MAX, f64::min), medians.iter().copied().fold(0.0, f64::max));
    let (differ, bearable) = (most - least, MOST.0.max(least * MOST.1));
    let row = |(kind, median): (&str, f64)| format!("| {kind} | {median:.2} |\n");
    let section = format!(
        "## Does the time of a sign-in tell who has an account?\n\n\
         Written by `cargo run --release -p bench -- --login`: {TRIES} tries of each kind, in turn, with a wrong password; \
         {machine}. The medians differ by {differ:.2} ms; {bearable:.2} ms are bearable (2 ms or 2 %, whichever is more).\n\n\
         | who | median, ms |\n|---|---|\n{rows}",
        machine = machine(),
        rows = KINDS.into_iter().zip(medians).map(row).collect::<String>(),
    );
    section::keep("LOGIN.md", &section)?;
    if differ <= bearable { Ok(()) } else { Err("the time of a sign-in tells who has an account".into()) }
}
