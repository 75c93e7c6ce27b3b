//! `cargo xtask fuzz`: the test with somebody else's fuzzer, for as long as one likes and with other dice each time.

use crate::{
    Result, parts,
    steps::{cargo, stream},
};

/// Of the test (`apps/lorem-ipsum/tests/api/schemathesis.rs`).
const SECONDS: &str = "TOLLGATE_FUZZ_SECONDS";

/// Gets the fuzzer, then runs it for so many seconds.
pub(crate) fn run(seconds: &str) -> Result {
    seconds.parse::<u32>().map_err(|_| format!("{seconds:?} is no number of seconds\n{}", crate::USAGE))?;
    parts::prepare_only(&["schemathesis"], &[])?;
    let mut test = cargo(&["test", "--quiet", "--package", "lorem-ipsum", "--test", "api", "--"]);
    stream(test.args(["schemathesis::", "--nocapture"]).env(SECONDS, seconds))
}
