//! Which files are as they were written? Those that are not were edited, and are never written over.
//!
//! `infra/tollgate.json` keeps a hash of each file as it was written. A file with that hash may be replaced by a newer
//! one; of another, the newer one is laid beside it as `FILE.new`.

use crate::{Result, files::Files};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

/// Where the hashes are.
const FILE: &str = "infra/tollgate.json";

/// What is remembered.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// The version of this command that wrote last.
    version: String,
    /// SHA-256 by path.
    files: BTreeMap<String, String>,
}

/// What became of a file.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Became {
    /// It was not there.
    New,
    /// It was as it had been written, and is newer now.
    Updated,
    /// It is as it would be written.
    Same,
    /// It was edited, and the newer one lies beside it.
    Edited,
    /// It was edited, and there is no newer one.
    Kept,
    /// It was deleted, and stays so.
    Deleted,
}

/// Writes what was not edited, and says what became of each file.
///
/// # Errors
/// A file cannot be read or written.
pub(super) fn write(folder: &Path, wanted: &[(String, Vec<u8>)]) -> Result<Vec<(String, Became)>> {
    let mut kept = read(folder)?;
    let mut files = Files::default();
    let mut became = vec![];
    for (path, content) in wanted {
        let now = judge(&kept, &folder.join(path), path, content)?;
        match now {
            Became::New | Became::Updated => files.add(path, content.clone()),
            Became::Edited => files.add(format!("{path}.new"), content.clone()),
            Became::Same | Became::Kept | Became::Deleted => {}
        }
        if matches!(now, Became::New | Became::Updated | Became::Same) {
            kept.files.insert(path.clone(), hash(content));
        }
        became.push((path.clone(), now));
    }
    env!("CARGO_PKG_VERSION").clone_into(&mut kept.version);
    files.add(FILE, serde_json::to_string_pretty(&kept)? + "\n");
    files.write(folder)?;
    Ok(became)
}

/// Whether that file is one of those that were written.
///
/// # Errors
/// What was written is not understood.
pub(super) fn wrote(folder: &Path, path: &str) -> Result<bool> {
    Ok(read(folder)?.files.contains_key(path))
}

fn judge(kept: &Kept, file: &Path, path: &str, content: &[u8]) -> Result<Became> {
    let written = kept.files.get(path);
    Ok(match fs::read(file) {
        Ok(there) if there == content => Became::Same,
        Ok(there) if written.is_some_and(|written| *written == hash(&there)) => Became::Updated,
        Ok(_) if written.is_some_and(|written| *written == hash(content)) => Became::Kept,
        Ok(_) => Became::Edited,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if written.is_some() {
                Became::Deleted
            } else {
                Became::New
            }
        }
        Err(error) => return Err(format!("{}: {error}", file.display()).into()),
    })
}

fn read(folder: &Path) -> Result<Kept> {
    match fs::read(folder.join(FILE)) {
        Ok(text) => Ok(serde_json::from_slice(&text).map_err(|error| format!("{FILE} is not understood: {error}"))?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
        Err(error) => Err(format!("{FILE}: {error}").into()),
    }
}

fn hash(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(folder: &Path, content: &str) -> Became {
        write(folder, &[("infra/main.tf".into(), content.into())]).unwrap()[0].1
    }

    #[test]
    fn an_edit_is_never_written_over() {
        let folder = tempfile::TempDir::new().unwrap();
        let (folder, file) = (folder.path(), folder.path().join("infra/main.tf"));
        assert_eq!(one(folder, "first"), Became::New);
        assert_eq!(one(folder, "first"), Became::Same);
        assert_eq!(one(folder, "second"), Became::Updated);
        fs::write(&file, "mine").unwrap();
        assert_eq!(one(folder, "second"), Became::Kept);
        assert!(!folder.join("infra/main.tf.new").exists(), "there is nothing newer");
        assert_eq!(one(folder, "third"), Became::Edited);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(fs::read_to_string(folder.join("infra/main.tf.new")).unwrap(), "third");
        fs::remove_file(&file).unwrap();
        assert_eq!(one(folder, "third"), Became::Deleted);
        assert!(!file.exists());
    }
}
