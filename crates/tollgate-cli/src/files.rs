//! Files that are written all or not at all.

use crate::Result;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What is going to be written, by path; nothing is until [`write`](Self::write).
#[derive(Default)]
pub(crate) struct Files(Vec<(PathBuf, Vec<u8>)>);

impl Files {
    /// Adds a file.
    pub(crate) fn add(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        self.0.push((path.into(), content.into()));
    }

    /// Which there are.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// Writes all of them below a folder. Each takes its place in one step, so that nobody reads half of one.
    ///
    /// # Errors
    /// The file that could not be written, and why.
    pub(crate) fn write(&self, below: &Path) -> Result {
        for (path, content) in &self.0 {
            let path = below.join(path);
            replace(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// Puts a file in its place in one step.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.tollgate-new"));
    fs::write(&beside, content)?;
    fs::rename(&beside, path)
}
