//! The cache, which instances share: its user is made switched off, and is switched on with a password that nobody has seen.
//!
//! The password goes to AWS twice, to the user and, within the address, into the secret that the app reads; from here it
//! goes nowhere else. Whoever filled that secret has switched the user on as well, and is left alone.

use super::{place::Place, runner::Runner, secret};
use crate::{Failure, Result};
use serde_json::json;
use std::{fs::File, io::Read};

/// What the app may: everything but what looks at others or at the server.
const MAY: &str = "on ~* +@all -@dangerous";

/// Switches the user on, if there is a cache whose address nobody knows yet.
///
/// # Errors
/// A step failed.
pub(super) fn prepare(runner: &mut Runner, place: &Place) -> Result {
    if runner.is_dry() {
        return if place.has("redis") { switch_on(runner, place, "$USER", "$ADDRESS", "$SECRET") } else { Ok(()) };
    }
    let outputs = place.outputs()?;
    let cache = outputs.value("redis");
    let field = |name: &str| cache[name].as_str();
    let (Some(user), Some(address), Some(name)) = (field("user_id"), field("address"), field("secret")) else {
        return Ok(());
    };
    if name.contains('#') || secret::has_value(place, name)? {
        return Ok(());
    }
    switch_on(runner, place, user, address, name)
}

fn switch_on(runner: &mut Runner, place: &Place, user: &str, address: &str, name: &str) -> Result {
    let password = password()?;
    let mut modify = place.aws(&["elasticache", "modify-user", "--user-id", user, "--access-string", MAY])?;
    modify.args(["--authentication-mode", "file:///dev/stdin", "--query", "Status", "--output", "text"]);
    let mode = json!({ "Type": "password", "Passwords": [&password] }).to_string();
    runner.fed("switch on the user of the cache", "(a password)", &mut modify, || Ok(mode))?;
    secret::put(runner, place, name, address.replace("PASSWORD", &password))
}

/// 256 bits of the system's, as 64 digits.
fn password() -> Result<String> {
    let mut halves = [[0; 16]; 2];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(halves.as_flattened_mut()));
    read.map_err(|error| Failure(format!("/dev/urandom: {error}")))?;
    let [one, other] = halves.map(u128::from_ne_bytes);
    Ok(format!("{one:032x}{other:032x}"))
}
