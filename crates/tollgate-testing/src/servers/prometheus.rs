//! Prometheus, and `promtool`, which checks what it is told.

use super::{Keeper, find, folder, free_port, give, run};
use std::{fs, path::Path, process::Command};

/// A server of one's own.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    _keeper: Keeper,
}

impl Prometheus {
    /// Whether its programs are there.
    pub fn is_there() -> bool {
        find("prometheus", &[]).is_some() && find("promtool", &[]).is_some()
    }

    /// Starts one with this configuration, into which further files of that folder are copied.
    ///
    /// # Panics
    /// If it is missing or does not start.
    pub fn start(configuration: &str, files: &[&Path]) -> Self {
        let (folder, port) = (folder("prometheus"), free_port());
        let config = folder.join("prometheus.yml");
        fs::write(&config, configuration).unwrap_or_else(|error| panic!("{}: {error}", config.display()));
        for file in files {
            let to = folder.join(file.file_name().unwrap_or_default());
            fs::copy(file, to).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
        give(&folder);
        let mut server = vec!["prometheus".into(), format!("--config.file={}", config.display())];
        server.push(format!("--storage.tsdb.path={}", folder.join("data").display()));
        server.push(format!("--web.listen-address=127.0.0.1:{port}"));
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut keeper = Keeper::new(&folder, &is_ready, &server);
        keeper.tell("start");
        Self { port, _keeper: keeper }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs `promtool`, and answers what it says.
    ///
    /// # Panics
    /// If it finds something wrong.
    pub fn tool(arguments: &[&str]) -> String {
        run(Command::new("promtool").args(arguments))
    }
}
