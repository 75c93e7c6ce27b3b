//! What changed: files of the app, and of the crates beside it that it is built from.

use crate::{Result, app::App};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, timeout, timeout_at},
};

/// An editor that saves several files, or one in several steps, is done when nothing happened for so long.
const QUIET: Duration = Duration::from_millis(100);
/// For so long at most: something may write all the time.
const PATIENCE: Duration = Duration::from_secs(2);

/// What lies in an app's folder and makes it another app. What it writes itself, `data` and `target`, is not among it.
const WATCHED: [&str; 7] = ["Cargo.toml", ".env", "build.rs", "src", "config", "templates", "migrations"];

/// Changes, as they come.
pub(super) struct Changes {
    changed: UnboundedReceiver<PathBuf>,
    /// Ends the watching when dropped.
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Watches from now on.
    ///
    /// # Errors
    /// The system watches no more files.
    pub(super) fn of(app: &App) -> Result<Self> {
        let (send, changed) = unbounded_channel();
        let roots: Vec<PathBuf> = [&app.folder].into_iter().chain(&app.beside).cloned().collect();
        let inside = roots.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let Ok(event) = event else { return };
            for path in event.paths.iter().filter(|path| is_change(event.kind) && is_watched(&inside, path)) {
                let _ = send.send(path.clone());
            }
        })?;
        for root in &roots {
            watch(&mut watcher, root)?;
        }
        Ok(Self { changed, _watcher: watcher })
    }

    /// The next change, once it is quiet again: the name of the first file.
    pub(super) async fn next(&mut self) -> String {
        let Some(first) = self.changed.recv().await else { return std::future::pending().await };
        let end = Instant::now() + PATIENCE;
        while let Ok(Ok(Some(_))) = timeout_at(end, timeout(QUIET, self.changed.recv())).await {}
        first.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
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
