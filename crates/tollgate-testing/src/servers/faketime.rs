//! A calendar of one's own for a process: libfaketime, which is loaded in front of the system's library.

use std::{fs, path::PathBuf};

/// Where the library is, if it is installed.
pub fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|folder| folder.path());
    let inside = folders.map(|folder| folder.join("faketime/libfaketime.so.1"));
    inside.into_iter().find(|file| file.is_file())
}
