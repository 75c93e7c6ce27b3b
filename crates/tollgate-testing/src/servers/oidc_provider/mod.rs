//! `oidc-provider`, a certified OpenID provider of the npm registry: what real ones say and do.

use super::{Keeper, OIDC_PROVIDER, folder, free_port};
use std::fs;

const SCRIPT: &str = include_str!("provider.mjs");

/// A provider of one's own. Its keys are new whenever it starts.
#[derive(Debug)]
pub struct OidcProvider {
    keeper: Keeper,
    port: u16,
    front: u16,
}

impl OidcProvider {
    /// Starts one with these clients: a JSON list, in the words of dynamic registration (RFC 7591).
    ///
    /// # Panics
    /// If Node.js or the package are missing or do not start.
    pub fn start(clients: &str) -> Self {
        let port = free_port();
        Self::start_at(clients, port, port)
    }

    /// The same behind something that others reach at the port `front` of 127.0.0.1: it names itself by that.
    ///
    /// # Panics
    /// As [`start`](Self::start) does.
    pub fn start_behind(front: u16, clients: &str) -> Self {
        Self::start_at(clients, free_port(), front)
    }

    fn start_at(clients: &str, port: u16, front: u16) -> Self {
        let folder = folder("oidc-provider");
        let script = folder.join("provider.mjs");
        fs::write(&script, SCRIPT).unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        let [script, packages] = [script, OIDC_PROVIDER.folder()].map(|path| path.display().to_string());
        let server = ["node".into(), script, port.to_string(), clients.to_owned(), packages, front.to_string()];
        let is_ready = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
        let mut provider = Self { keeper: Keeper::new(&folder, &is_ready, &server), port, front };
        provider.keeper.tell("start");
        provider
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.front)
    }

    /// Where it listens on 127.0.0.1, whatever is in front of it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.keeper.tell("kill");
    }

    /// Starts it again, at the same place, with other keys.
    pub fn resume(&mut self) {
        self.keeper.tell("start");
    }
}
