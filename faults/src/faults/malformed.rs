//! F9: what no honest client sends.
//!
//! Pass: no answer is a 5xx, nothing panics, what was not acknowledged with 201 is not stored, and afterwards the app
//! serves as before.

use crate::{
    Finding, Result, Stage,
    app::App,
    client::Client,
    database::Database,
    raw::{exchange, request, statuses},
};
use percent_encoding::percent_decode_str;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// What parsers must take, must refuse, or may do either with; see the `README.md` beside it.
const SUITE: &str = include_str!("../../../crates/tollgate/tests/claims/data/json-parsing.tsv");
/// How many send at once: most of their time, those wait for who waits for them.
const CROWD: usize = 256;
const MEGABYTE: usize = 1024 * 1024;

/// Something to send, and the answers that it may get, besides none.
type Case = (String, Vec<u8>, Vec<u16>);

/// What came of all.
#[derive(Default)]
struct Heard {
    sent: AtomicUsize,
    answered: AtomicUsize,
    created: AtomicUsize,
    failed: AtomicUsize,
}

impl Heard {
    /// Sends it; what was answered.
    async fn send(&self, port: u16, bytes: &[u8]) -> Result<Vec<u16>> {
        let statuses = statuses(&exchange(port, bytes).await?);
        let count = |is: fn(u16) -> bool| statuses.iter().filter(|status| is(**status)).count();
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.answered.fetch_add(usize::from(!statuses.is_empty()), Ordering::Relaxed);
        self.created.fetch_add(count(|status| status == 201), Ordering::Relaxed);
        self.failed.fetch_add(count(|status| status >= 500), Ordering::Relaxed);
        Ok(statuses)
    }
}

pub(crate) async fn run(stage: &Stage) -> Result<Finding> {
    let folder = TempDir::new()?;
    let database = Database::Sqlite(folder.path().join("app.db"));
    let mut app = App::start(stage, database.setting()).await?;
    let (heard, mut finding) = (Arc::<Heard>::default(), Finding::default());
    let films = count(&mut app.client()).await?;
    let cases = cases(&app.token, stage.pick(100, 10));
    let count_of_cases = cases.len();
    for (name, statuses, expected) in send_all(app.port, &heard, cases).await? {
        let is_expected = statuses.iter().all(|status| expected.contains(status));
        finding.require(is_expected, || format!("{name} is answered {statuses:?}"));
    }
    mutate(&app, &heard, stage.pick(200_000, 5120)).await?;
    let unchanged = count(&mut app.client()).await? == films;
    finding.require(unchanged, || "there are other films than before".to_owned());
    app.kill()?;
    judge(&mut finding, &heard, count_of_cases, database.messages().await?.len());
    finding.require(!app.panicked()?, || "the app panicked".to_owned());
    Ok(finding)
}

fn judge(finding: &mut Finding, heard: &Heard, cases: usize, stored: usize) {
    let [sent, answered, created, failed] =
        [&heard.sent, &heard.answered, &heard.created, &heard.failed].map(|count| count.load(Ordering::Relaxed));
    (finding.acks, finding.lost) = (created, created.saturating_sub(stored));
    finding.require(stored == created, || format!("{stored} messages are stored, {created} were acknowledged"));
    finding.require(failed == 0, || format!("{failed} answers are 5xx"));
    finding.require(created > 0 && 2 * answered > sent, || format!("only {answered} of {sent} were answered"));
    let changed = sent - cases;
    finding.note(format!("{cases} cases and {changed} good requests with bytes changed, {answered} of all answered"));
}

/// Sends all at once; what each was answered, and what it may be.
async fn send_all(port: u16, heard: &Arc<Heard>, cases: Vec<Case>) -> Result<Vec<(String, Vec<u16>, Vec<u16>)>> {
    let send = |(name, bytes, expected): Case| {
        let heard = Arc::clone(heard);
        async move {
            let statuses = heard.send(port, &bytes).await.map_err(|failure| format!("{name}: {failure}"))?;
            Ok((name, statuses, expected))
        }
    };
    cases.into_iter().map(send).collect::<JoinSet<_>>().join_all().await.into_iter().collect()
}

/// How many films there are.
async fn count(client: &mut Client) -> Result<u64> {
    let answer = client.get("/movies?limit=1&total=true").await?.json();
    answer["total"].as_u64().ok_or_else(|| format!("no total: {answer}").into())
}

/// Everything that has a name; the largest body has so many megabytes.
fn cases(token: &str, megabytes: usize) -> Vec<Case> {
    let json = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    let post = |headers: &str, body: &[u8]| request("POST /messages", &format!("{json}{headers}"), body);
    let suite = SUITE
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, text)| (name.to_owned(), post("", &percent_decode_str(text).collect::<Vec<_>>()), vec![400, 422]));
    let bodies = [
        ("deep arrays", post("", &b"[".repeat(10_000)), 400),
        ("deep objects", post("", &b"{\"text\":".repeat(10_000)), 400),
        ("deep and closed", post("", &[b"[".repeat(10_000), b"]".repeat(10_000)].concat()), 400),
        ("not UTF-8", post("", b"{\"text\":\"\xff\xfe\"}"), 400),
        ("half of a surrogate pair", post("", br#"{"text":"\ud800"}"#), 400),
        ("large", post("", &vec![b' '; megabytes * MEGABYTE]), 413),
        ("a bomb", post("content-encoding: gzip\r\n", &bomb(megabytes)), 400),
    ];
    let chunked = |chunks: &[u8]| {
        let head = format!("POST /messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{json}");
        [head.as_bytes(), b"transfer-encoding: chunked\r\n\r\n", chunks].concat()
    };
    let chunk = [&b"10000\r\n"[..], &vec![b' '; 0x1_0000], b"\r\n"].concat();
    let chunks = [
        ("large, in chunks", chunked(&chunk.repeat(16 * megabytes)), 413),
        ("a broken chunk", chunked(b"5\r\n{\"te\r\n0\r\n\r\n"), 400),
        ("a chunk of no number", chunked(b"zz\r\n{}\r\n0\r\n\r\n"), 400),
        ("a chunk beyond all numbers", chunked(b"fffffffffffffffff\r\n{}"), 400),
        ("chunks that do not end", chunked(b"2\r\n{}\r\n"), 400),
    ];
    let all = bodies.into_iter().chain(chunks).map(|(name, bytes, status)| (name.to_owned(), bytes, vec![status, 415]));
    suite.chain(all).chain(heads(&json)).collect()
}

/// What is wrong before any body.
fn heads(json: &str) -> Vec<Case> {
    let get = |headers: &[u8]| [b"GET /movies/1 HTTP/1.1\r\nhost: x\r\n", headers, b"\r\n"].concat();
    let body = format!("{json}content-length: 15\r\n");
    let smuggled = |headers: &str| {
        format!("POST /messages HTTP/1.1\r\nhost: x\r\n{body}{headers}\r\n{{\"text\": \"none\"").into_bytes()
    };
    let path = |path: &[u8]| [b"GET ", path, b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"].concat();
    [
        ("a header too many", get(&(0..101).flat_map(|n| format!("x-{n}: y\r\n").into_bytes()).collect::<Vec<_>>())),
        ("ten thousand headers", get(&b"x: y\r\n".repeat(10_000))),
        ("a long header", get(&[&b"x: "[..], &vec![b'y'; 100_000], b"\r\n"].concat())),
        ("a header that is not UTF-8", get(b"connection: close\r\nx-request-id: \xff\xfe\xff\xfe\xff\xfe\xff\xfe\r\n")),
        ("a token that is not UTF-8", get(b"connection: close\r\nauthorization: Bearer \xff\xfe\r\n")),
        ("NUL in a header", get(b"x: \0\r\n")),
        ("a header without a name", get(b": x\r\n")),
        ("a header that is folded", get(b"connection: close\r\nx: a\r\n b\r\n")),
        ("two lengths", smuggled("content-length: 16\r\n")),
        ("a length and chunks", smuggled("transfer-encoding: chunked\r\n")),
        ("chunks of chunks", smuggled("transfer-encoding: chunked, chunked\r\n")),
        ("an unknown coding", smuggled("transfer-encoding: x\r\n")),
        ("a length below zero", get(b"content-length: -1\r\n")),
        ("a length beyond all numbers", get(b"content-length: 99999999999999999999\r\n")),
        ("a path that is not UTF-8", path(b"/movies/\xff")),
        ("a path that is not UTF-8 once decoded", path(b"/movies/%FF")),
        ("a query that is not UTF-8", path(b"/movies?title=%FF")),
        ("NUL in a path", path(b"/movies/%00")),
        ("a long path", path(&[&b"/movies/"[..], &vec![b'x'; 100_000]].concat())),
        ("no path", path(b"")),
        ("another method", b"\xff /movies HTTP/1.1\r\n\r\n".to_vec()),
        ("another version", b"GET /movies HTTP/9.9\r\n\r\n".to_vec()),
        ("no version", b"GET /movies\r\n\r\n".to_vec()),
        ("another protocol", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20)),
        ("nothing but line ends", b"\r\n".repeat(10_000)),
        ("nothing", vec![]),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes, vec![200, 400, 401, 404, 405, 414, 422, 431, 505]))
    .to_vec()
}

/// Zeros in gzip (RFC 1951, 3.2.6): a zero, and then again and again "258 times what was before".
fn bomb(megabytes: usize) -> Vec<u8> {
    let (mut bytes, mut held, mut count) = (b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), 0_u32, 0);
    // Huffman codes begin with their first bit.
    let again = "1100010100000".bytes().cycle().take(13 * megabytes * MEGABYTE / 258);
    for bit in "110".bytes().chain("00110000".bytes()).chain(again).chain("0000000".bytes()) {
        held |= u32::from(bit == b'1') << count;
        count += 1;
        if count == 8 {
            bytes.extend(held.to_le_bytes().first());
            (held, count) = (0, 0);
        }
    }
    bytes
}

/// Good requests with some bytes changed: the same ones every time.
async fn mutate(app: &App, heard: &Arc<Heard>, times: usize) -> Result {
    let json = format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n", app.token);
    let good = [
        request("POST /messages", &json, br#"{"text": "Hello, and a little more than that."}"#),
        request("DELETE /movies/1", &format!("{json}idempotency-key: 0123456789abcdef\r\n"), b""),
        request("GET /movies?released.gte=1990&title.contains=a&sort=-rating,title&limit=2&total=true", &json, b""),
        request("GET /movies/1", &json, b""),
        request("GET /messages?limit=1&cursor=AAAA", &json, b""),
        request("GET /api/me", &json, b""),
    ];
    let (good, port) = (Arc::new(good), app.port);
    let mut senders: JoinSet<Result> = (0..CROWD)
        .map(|sender| {
            let (good, heard) = (Arc::clone(&good), Arc::clone(heard));
            async move {
                let mut dice = Dice(sender as u64);
                for number in 0..times / CROWD {
                    let bytes = dice.mutated(&good[number % good.len()]);
                    heard
                        .send(port, &bytes)
                        .await
                        .map_err(|failure| format!("{failure} after {:?}", String::from_utf8_lossy(&bytes)))?;
                }
                Ok(())
            }
        })
        .collect();
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    Ok(())
}

/// Splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap_or_default()
    }

    /// One to four changes: a byte is another one, is missing, or comes too often; a piece comes twice, or the rest not.
    fn mutated(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + self.below(40)).min(bytes.len());
            match self.below(if bytes.is_empty() { 1 } else { 12 }) {
                0 => bytes.insert(at, self.below(256).to_le_bytes()[0]),
                1..=4 => bytes[at] = self.below(256).to_le_bytes()[0],
                5..=7 => drop(bytes.remove(at)),
                8 | 9 => bytes.splice(at..at, good[at.min(good.len())..end.min(good.len())].to_vec()).for_each(drop),
                10 => bytes.drain(at..end).for_each(drop),
                _ => bytes.truncate(at),
            }
        }
        bytes
    }
}
