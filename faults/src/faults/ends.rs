//! What is ended on one instance, ended on all: a user kept out, a role taken away, an API key revoked.

use crate::{
    Finding, Result, Stage,
    client::{Answer, Client},
    oauth::Browser,
};
use hyper::Method;
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

const WITHIN: Duration = Duration::from_secs(1);
const ADMIN: &str = "admin@example.test";
const READER: &str = "reader@example.test";

/// What ends, the request that ends it, and what undoes that for the next round.
struct End {
    what: &'static str,
    method: Method,
    path: String,
    body: Value,
    undo: Option<Value>,
    /// Which token or key is good for nothing afterwards.
    ended: Arc<str>,
}

/// Each of them so many times, said to the first of these instances; how long the slowest took until no instance was left.
pub(super) async fn everywhere(stage: &Stage, ports: &[u16], issuer: &str, finding: &mut Finding) -> Result<Duration> {
    let mut slowest = Duration::ZERO;
    for _ in 0..stage.pick(10, 1) {
        for end in 0..3 {
            let mut admin = signed_in(ports[0], issuer, ADMIN).await?;
            let end = of(end, &mut admin, ports[0], issuer).await?;
            slowest = slowest.max(once(stage, ports, &mut admin, &end, finding).await?);
        }
    }
    Ok(slowest)
}

async fn signed_in(port: u16, issuer: &str, email: &str) -> Result<Client> {
    let mut browser = Browser::sign_in_as(Client::new(port, &"".into()), issuer, email).await?;
    Ok(Client::new(port, &browser.tokens().await?.access))
}

async fn of(number: usize, admin: &mut Client, port: u16, issuer: &str) -> Result<End> {
    if number == 2 {
        let wanted = json!({ "name": "faults", "scopes": ["read:movies"], "service": true });
        let made = expect(&admin.post("/api-keys", None, &wanted).await?)?;
        let path = format!("/api-keys/{}", text(&made["key"]["key_id"])?);
        let ended = text(&made["secret"])?.into();
        return Ok(End { what: "a key", method: Method::DELETE, path, body: Value::Null, undo: None, ended });
    }
    let mut reader = signed_in(port, issuer, READER).await?;
    let me = expect(&reader.get("/api/me").await?)?;
    let path = format!("/users/{}", text(&me["id"])?);
    let (what, body, undo) = if number == 0 {
        ("a user", json!({ "disabled": true }), json!({ "disabled": false }))
    } else {
        ("a role", json!({ "roles": [] }), json!({ "roles": ["reader"] }))
    };
    Ok(End { what, method: Method::PATCH, path, body, undo: Some(undo), ended: reader.token() })
}

async fn once(stage: &Stage, ports: &[u16], admin: &mut Client, end: &End, finding: &mut Finding) -> Result<Duration> {
    let mut readers: Vec<_> = ports.iter().map(|port| Client::new(*port, &end.ended)).collect();
    for reader in &mut readers {
        expect(&reader.get("/api/me").await?)?;
    }
    expect(&admin.change(&end.method, &end.path, &end.body).await?)?;
    let begun = Instant::now();
    for (number, reader) in readers.iter_mut().enumerate() {
        while reader.get("/api/me").await?.status.is_success() && begun.elapsed() < stage.within(WITHIN) {
            sleep(Duration::from_millis(10)).await;
        }
        let ended = begun.elapsed() < stage.within(WITHIN);
        finding.require(ended, || format!("instance {number} still takes {} after {WITHIN:?}", end.what));
    }
    let took = begun.elapsed();
    finding.acks += 1;
    if let Some(undo) = &end.undo {
        expect(&admin.change(&end.method, &end.path, undo).await?)?;
    }
    Ok(took)
}

fn expect(answer: &Answer) -> Result<Value> {
    if answer.status.is_success() { Ok(answer.json()) } else { Err(format!("it is answered {}", answer.status).into()) }
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| format!("no text: {value}").into())
}
