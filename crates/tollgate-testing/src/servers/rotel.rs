//! A receiver of traces: `rotel`, which takes OTLP and writes down what it got.

use super::{Keeper, Wheel, folder, free_port};
use std::fs;

/// The package that carries the program.
pub const ROTEL: Wheel = Wheel {
    name: "rotel",
    package: "rotel==0.0.1a15",
    checksum: "2f4117e58410c933e0dc042a268ef738dab2e3a5d63b5831209acdac2a6ddcb7",
    holds: "rotel/rotel-agent",
};

/// A receiver of one's own.
#[derive(Debug)]
pub struct Rotel {
    keeper: Keeper,
    port: u16,
}

impl Rotel {
    /// Starts one.
    ///
    /// # Panics
    /// If it is missing or does not start.
    pub fn start() -> Self {
        let program = ROTEL.folder().join(ROTEL.holds).display().to_string();
        let (folder, port, other) = (folder("rotel"), free_port(), free_port());
        let mut server = vec![program, "start".into()];
        server.extend(["--otlp-http-endpoint".into(), format!("127.0.0.1:{port}")]);
        server.extend(["--otlp-grpc-endpoint".into(), format!("127.0.0.1:{other}")]);
        let quiet = ["--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"];
        server.extend(quiet.map(Into::into));
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut rotel = Self { keeper: Keeper::new(&folder, &is_ready, &server), port };
        rotel.keeper.tell("start");
        rotel
    }

    /// Where traces are sent.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/traces", self.port)
    }

    /// What it got so far, in words.
    pub fn log(&self) -> String {
        fs::read_to_string(self.keeper.folder.join("log")).unwrap_or_default()
    }
}
