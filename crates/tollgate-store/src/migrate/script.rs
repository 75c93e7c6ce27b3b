//! Which scripts has a database not seen? Each is applied once, in order, and never changed afterwards.

use crate::{Error, Result};
use jiff::Timestamp;

/// One migration, as its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its number and name, as in `0001_first`.
    pub name: String,
    /// What it does.
    pub text: String,
    /// SHA-256 of the text.
    pub checksum: String,
}

/// A migration that a database has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its number and name.
    pub name: String,
    /// SHA-256 of its text at that time.
    pub checksum: String,
    /// When.
    pub when: Timestamp,
}

/// The scripts that a database has not seen.
///
/// # Errors
/// [`Error::Schema`]: one that it has seen is missing or was changed, or a new one comes before one of those.
pub fn pending<'a>(scripts: &'a [Script], history: &[Applied]) -> Result<&'a [Script]> {
    for (index, applied) in history.iter().enumerate() {
        let name = &applied.name;
        let (what, remedy) = match scripts.get(index) {
            Some(script) if script.name == *name && script.checksum == applied.checksum => continue,
            Some(script) if script.name == *name => {
                ("was changed after it was applied", "put its text back, and write another")
            }
            Some(_) if scripts.iter().any(|script| script.name == *name) => {
                ("comes after one that was not applied", "give the new one a higher number")
            }
            _ => ("was applied, and there is no such file", "put it back"),
        };
        return Err(Error::Schema(Error::source_of(format!("the migration {name} {what}; {remedy}"))));
    }
    Ok(&scripts[history.len()..])
}

/// Why a script stopped, with the place; nothing of it was kept.
pub fn stopped(script: &Script, place: &str, why: &str) -> Error {
    let name = &script.name;
    Error::Schema(Error::source_of(format!("the migration {name} stopped at {place}: {why}; nothing of it was kept")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(name: &str, checksum: &str) -> Script {
        Script { name: name.into(), text: String::new(), checksum: checksum.into() }
    }

    fn applied(name: &str, checksum: &str) -> Applied {
        Applied { name: name.into(), checksum: checksum.into(), when: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn what_was_applied_is_never_applied_again_and_never_changed() {
        let scripts = [script("0001_a", "x"), script("0002_b", "y"), script("0003_c", "z")];
        let seen = |history: &[Applied]| {
            pending(&scripts, history).map(<[Script]>::len).map_err(|error| crate::error_text(&error))
        };
        assert_eq!(seen(&[]), Ok(3));
        assert_eq!(seen(&[applied("0001_a", "x")]), Ok(2));
        for (history, words) in [
            (vec![applied("0001_a", "changed")], "was changed after"),
            (vec![applied("0002_b", "y")], "comes after one that was not applied"),
            (vec![applied("0001_a", "x"), applied("0002_gone", "y")], "there is no such file"),
        ] {
            assert!(seen(&history).unwrap_err().contains(words), "{history:?}");
        }
    }
}
