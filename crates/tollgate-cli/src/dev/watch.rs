//! What changed: files of the app, and those elsewhere that it was built from, as the compiler tells.

use crate::{Result, app::App};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, timeout, timeout_at},
};

/// An editor that saves several files, or one in several steps, is done when nothing happened for so long.
const QUIET: Duration = Duration::from_millis(100);
/// For so long at most: something may write all the time.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What lies in an app's folder and makes it another app. What it writes itself, `data` and `target`, is not among it.
const WATCHED: [&str; 7] = ["Cargo.toml", ".env", "build.rs", "src", "config", "templates", "migrations"];

/// Changes, as they come.
pub(super) struct Changes {
    changed: UnboundedReceiver<PathBuf>,
    /// Files outside of the folders, each by itself.
    files: Files,
    /// Ends the watching when dropped.
    watcher: RecommendedWatcher,
}

type Files = Arc<Mutex<HashSet<PathBuf>>>;

impl Changes {
    /// Watches from now on.
    ///
    /// # Errors
    /// The system watches no more files.
    pub(super) fn of(app: &App) -> Result<Self> {
        let (send, changed) = unbounded_channel();
        let roots: Vec<PathBuf> = [&app.folder].into_iter().chain(&app.beside).cloned().collect();
        let (inside, files) = (roots.clone(), Files::default());
        let others = Arc::clone(&files);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let Ok(event) = event else { return };
            let others = others.lock().unwrap_or_else(PoisonError::into_inner);
            let matters = |path: &&PathBuf| is_watched(&inside, path) || others.contains(*path);
            for path in event.paths.iter().filter(|_| is_change(event.kind)).filter(matters) {
                let _ = send.send(path.clone());
            }
        })?;
        for root in &roots {
            watch(&mut watcher, root)?;
        }
        Ok(Self { changed, files, watcher })
    }

    /// Watches what this program was built from as well, wherever it lies: crates behind those beside the app, and files
    /// that are included. Cargo names them beside the program.
    pub(super) fn of_program(&mut self, program: &Path) {
        let named = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // An included file is named as it was said: `/app/src/../films.json`.
        let there = sources(&named).into_iter().filter_map(|file| file.canonicalize().ok());
        let new: Vec<_> = there.filter(|file| files.insert(file.clone())).collect();
        drop(files);
        let folders: HashSet<_> = new.iter().filter_map(|file| file.parent()).collect();
        for folder in folders {
            // One that cannot be watched is no reason to serve nothing.
            let _ = self.watcher.watch(folder, RecursiveMode::NonRecursive);
        }
    }

    /// Watches a folder that has come.
    fn look_into(&mut self, path: &Path) {
        if path.is_dir() {
            let _ = self.watcher.watch(path, RecursiveMode::Recursive);
        }
    }

    /// The next change, once it is quiet again: the name of a file.
    pub(super) async fn next(&mut self) -> String {
        let Some(mut changed) = self.changed.recv().await else { return std::future::pending().await };
        self.look_into(&changed);
        let end = Instant::now() + TIMEOUT;
        while let Ok(Ok(Some(path))) = timeout_at(end, timeout(QUIET, self.changed.recv())).await {
            self.look_into(&path);
            // What an editor writes first, under a name that nobody knows, it gives the name of the file afterwards.
            if path.exists() {
                changed = path;
            }
        }
        changed.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The files of `program: a.rs b.rs`, in which `\ ` is a space of a name.
fn sources(named: &str) -> Vec<PathBuf> {
    let files = named.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, files)| files);
    let files = files.replace("\\ ", "\0");
    files.split_whitespace().map(|file| file.replace('\0', " ").into()).collect()
}

/// The folder itself, for files and folders that come, and the folders in it that matter.
fn watch(watcher: &mut RecommendedWatcher, root: &Path) -> Result {
    let failed = |path: &Path, error: notify::Error| format!("{} cannot be watched: {error}", path.display());
    watcher.watch(root, RecursiveMode::NonRecursive).map_err(|error| failed(root, error))?;
    for folder in WATCHED.iter().map(|name| root.join(name)).filter(|path| path.is_dir()) {
        watcher.watch(&folder, RecursiveMode::Recursive).map_err(|error| failed(&folder, error))?;
    }
    Ok(())
}

/// Reading a file, or looking at when it was read, changes nothing.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)))
}

/// Neither what the app writes nor what editors keep beside a file.
fn is_watched(roots: &[PathBuf], path: &Path) -> bool {
    let Some(inner) = roots.iter().find_map(|root| path.strip_prefix(root).ok()) else { return false };
    let is_known = inner.iter().next().and_then(|first| first.to_str()).is_some_and(|first| WATCHED.contains(&first));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_editors = (name.starts_with('.') && name != ".env") || name.ends_with('~') || name == "4913";
    is_known && !is_editors && !name.ends_with(".swp") && !name.ends_with(".tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_was_built_from_is_what_cargo_names() {
        let named = "/t/my\\ app: /a/src/main.rs /my\\ data/films.json\n";
        assert_eq!(sources(named), [PathBuf::from("/a/src/main.rs"), PathBuf::from("/my data/films.json")]);
        assert_eq!(sources(""), Vec::<PathBuf>::new());
    }

    #[tokio::test]
    async fn a_change_has_the_name_of_a_file_that_is_there() {
        let (folder, (send, changed)) = (tempfile::TempDir::new().unwrap(), unbounded_channel());
        let watcher = notify::recommended_watcher(|_: notify::Result<Event>| {}).unwrap();
        let mut all = Changes { changed, files: Files::default(), watcher };
        fs::write(folder.path().join("mod.rs"), "").unwrap();
        for name in ["sedX1y2", "mod.rs", "sedX1y2"] {
            send.send(folder.path().join(name)).unwrap();
        }
        assert_eq!(all.next().await, "mod.rs");
    }

    #[test]
    fn what_the_app_or_an_editor_writes_is_no_change() {
        let roots = [PathBuf::from("/app")];
        let is = |path: &str| is_watched(&roots, Path::new(path));
        for watched in ["/app/src/movies/mod.rs", "/app/config/dev.toml", "/app/.env", "/app/Cargo.toml"] {
            assert!(is(watched), "{watched}");
        }
        for not in [
            "/app/data/app.db-wal",
            "/app/target/debug/app",
            "/app/src/.mod.rs.swp",
            "/app/src/mod.rs~",
            "/else/src/a.rs",
        ] {
            assert!(!is(not), "{not}");
        }
    }
}
