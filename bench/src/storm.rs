//! `--storm` (P7): ten thousand callers, each with a token of their own, signed with RS256 by an issuer elsewhere.
//!
//! In each round a server that knows none of the tokens gets all of them, over and over; beside it, one that gets a single
//! token, from the same script. So a round has ten thousand verifications, and the rest is remembered.

use crate::{
    load::{after, here, said},
    median,
    report::machine,
    section,
    servers::{Server, memory, start_ours_with},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use std::{
    error::Error,
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

const TOKENS: usize = 10_000;
const ROUNDS: usize = 5;
const SECONDS: u32 = 3;
const ISSUER: &str = "https://issuer.example";
/// The least ratio, and the most memory that the tokens may take, in MiB.
const TARGET: (f64, f64) = (0.5, 64.0);

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let folder = TempDir::new()?;
    make_tokens(folder.path())?;
    let (mut rows, mut missed) = (String::new(), vec![]);
    for connections in [32, 128] {
        let (mut storms, mut calms, mut grown) = (vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            let server = start(folder.path())?;
            calms.push(ask(&server, folder.path(), "one", connections)?);
            drop(server);
            let server = start(folder.path())?;
            let before = memory(&server)?.now;
            storms.push(ask(&server, folder.path(), "all", connections)?);
            grown.push(memory(&server)?.now - before);
        }
        let [storm, calm, grown] = [storms, calms, grown].map(|all| median(all).unwrap_or_default());
        let ratio = storm / calm;
        let _ = writeln!(rows, "| {connections} | {storm:.0} | {calm:.0} | **{ratio:.2}** | {grown:.1} |");
        if ratio < TARGET.0 || grown > TARGET.1 {
            missed.push(format!("{connections} connections: {ratio:.2} of one token, {grown:.1} MiB"));
        }
    }
    section::keep("STORM.md", &text(&rows))?;
    section::judge(&missed)
}

fn text(rows: &str) -> String {
    let machine = machine();
    format!(
        "## P7: a storm of {TOKENS} distinct RS256 tokens\n\n\
         Written by `cargo run --release -p bench -- --storm`: medians of {ROUNDS} interleaved rounds of {SECONDS} s on a route \
         without database, each on a new process, which verifies all tokens once; {machine}. Target: {} of one token, \
         bounded memory.\n\n\
         | connections | all tokens, requests/s | one token, requests/s | ratio | memory more, MiB |\n|---|---|---|---|---|\n{rows}",
        TARGET.0
    )
}

/// A key, its public half for the app, and the tokens: `one` and `all`, one in each line.
fn make_tokens(folder: &Path) -> Result<(), Box<dyn Error>> {
    let openssl = |arguments: &[&str]| said(Command::new("openssl").args(arguments).current_dir(folder));
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem"])?;
    openssl(&["rsa", "-in", "key.pem", "-traditional", "-outform", "DER", "-out", "key.der"])?;
    let modulus = openssl(&["rsa", "-in", "key.pem", "-noout", "-modulus"])?;
    let modulus = modulus.trim().strip_prefix("Modulus=").ok_or("openssl prints no modulus")?;
    let jwk = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": base64url(modulus)?, "e": "AQAB" });
    fs::write(folder.join("keys.json"), json!({ "keys": [jwk] }).to_string())?;
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let key = EncodingKey::from_rsa_der(&fs::read(folder.join("key.der"))?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let header = Header { kid: Some("1".into()), typ: Some("at+jwt".into()), ..Header::new(Algorithm::RS256) };
    let token = |subject: usize| {
        let claims = json!({ "iss": ISSUER, "aud": "urn:bench", "sub": format!("caller-{subject}"), "client_id": "bench",
            "iat": now, "exp": now + 3600, "jti": subject.to_string() });
        encode(&header, &claims, &key)
    };
    let tokens = (0..TOKENS).map(token).collect::<Result<Vec<_>, _>>()?;
    fs::write(folder.join("one"), &tokens[0])?;
    Ok(fs::write(folder.join("all"), tokens.join("\n"))?)
}

/// Hexadecimal digits as base64url.
fn base64url(hex: &str) -> Result<String, Box<dyn Error>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String =
        hex.chars().map(|c| c.to_digit(16).map(|c| format!("{c:04b}"))).collect::<Option<_>>().ok_or(hex)?;
    let digit = |six: &[u8]| {
        let six = format!("{:0<6}", String::from_utf8_lossy(six));
        usize::from_str_radix(&six, 2).map(|digit| char::from(DIGITS[digit]))
    };
    Ok(bits.as_bytes().chunks(6).map(digit).collect::<Result<String, _>>()?)
}

fn start(folder: &Path) -> Result<Server, Box<dyn Error>> {
    let issuer = [("PRESET", "keys"), ("ISSUER", ISSUER), ("AUDIENCE", "urn:bench"), ("FILE", "keys.json")];
    let issuer = issuer.map(|(name, value)| (format!("BENCH_IDENTITY__ISSUERS__ELSEWHERE__{name}"), value.to_owned()));
    start_ours_with(folder, None, &issuer)
}

fn ask(server: &Server, folder: &Path, tokens: &str, connections: u32) -> Result<f64, Box<dyn Error>> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", &format!("-c{connections}"), &format!("-d{SECONDS}s"), "-s"]).arg(here("wrk").join("storm.lua"));
    wrk.env("BENCH_TOKENS", folder.join(tokens)).arg(format!("http://127.0.0.1:{}/hello", server.target.port));
    let text = said(&mut wrk)?;
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(format!("a token was refused:\n{text}").into());
    }
    let rate = after(&text, "Requests/sec:").and_then(|rate| rate.parse().ok());
    rate.ok_or_else(|| format!("wrk said:\n{text}").into())
}
