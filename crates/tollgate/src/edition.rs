//! Which program is this? What is rolled out need not have a new version, and what the program before it answered may look
//! different, or show what it should not: so kept answers are those of one program.

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    env,
    fs::File,
    io::{self, Read},
    path::Path,
};
use uuid::Uuid;

/// The version, and a few digits that each build has others of.
pub(crate) fn of(version: &str) -> String {
    let digits = env::current_exe().and_then(|program| digits(&program)).unwrap_or_else(|error| {
        tracing::warn!(%error, "the program cannot read its own file; it shares kept answers with no other instance");
        Uuid::new_v4().simple().to_string()
    });
    format!("{version}-{digits}")
}

fn digits(program: &Path) -> io::Result<String> {
    let (mut file, mut piece, mut digest) = (File::open(program)?, vec![0; 1 << 16], Context::new(&SHA256));
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok(URL_SAFE_NO_PAD.encode(&digest.finish().as_ref()[..9]));
        }
        digest.update(&piece[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_builds_of_one_version_are_two_programs() {
        let folder = tempfile::TempDir::new().unwrap();
        let [one, same, other] = ["one", "same", "other"].map(|name| folder.path().join(name));
        let long = vec![7; 200_000];
        for (file, end) in [(&one, 1), (&same, 1), (&other, 2)] {
            std::fs::write(file, [&long[..], &[end]].concat()).unwrap();
        }
        assert_eq!(digits(&one).unwrap(), digits(&same).unwrap());
        assert_ne!(digits(&one).unwrap(), digits(&other).unwrap());
        assert!(of("1.2.3").starts_with("1.2.3-") && of("1.2.3") == of("1.2.3"));
    }
}
