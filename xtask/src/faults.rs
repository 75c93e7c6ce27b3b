//! `cargo xtask faults`: breaks things under the release build of the reference application, and keeps what came of it.

use crate::{
    Result, parts,
    steps::{cargo, stream},
};

/// Which parts the faults need; the others are for tests alone.
const PARTS: [&str; 7] = ["postgres", "nginx", "mongodb", "redis", "faketime", "oidc-provider", "tmpfs"];

/// Builds both, then hands over to the program in `faults/`, which knows the rest of the command line.
pub(crate) fn run(options: &[&str]) -> Result {
    let without = options.windows(2).filter(|pair| pair[0] == "--without").flatten().copied().collect::<Vec<_>>();
    parts::prepare_only(&PARTS, &parts::left_out(&without)?)?;
    stream(&mut cargo(&["build", "--release", "--package", "lorem-ipsum", "--features", "lambda mongodb redis"]))?;
    stream(cargo(&["run", "--quiet", "--release", "--package", "faults", "--"]).args(options))
}
