//! A calendar that is put forward under a program: `libfaketime`, loaded before the C library. Its stopwatch goes on as
//! before.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The calendar of one program.
#[derive(Debug)]
pub struct Faketime {
    library: PathBuf,
    file: PathBuf,
}

impl Faketime {
    /// A calendar that is kept in that folder, and shows what time it is.
    ///
    /// # Panics
    /// If the library is missing, or the folder cannot be written.
    pub fn start(folder: &Path) -> Self {
        let library = faketime().unwrap_or_else(|| {
            panic!(
                "libfaketime is missing; `cargo xtask test` gets it, `cargo xtask test --without faketime` does without"
            )
        });
        let calendar = Self { library, file: folder.join("calendar") };
        calendar.put_forward(0);
        calendar
    }

    /// What the program finds in its environment.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }

    /// Puts it so many seconds ahead of the machine's.
    ///
    /// # Panics
    /// If its file cannot be written.
    pub fn put_forward(&self, seconds: u64) {
        // Whole at once: it is read by every look at the calendar.
        let new = self.file.with_extension("new");
        let written = fs::write(&new, format!("+{seconds}\n")).and_then(|()| fs::rename(&new, &self.file));
        written.unwrap_or_else(|error: io::Error| panic!("{}: {error}", self.file.display()));
    }
}

/// Where the library is, if it is installed.
pub fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.is_file())
}
