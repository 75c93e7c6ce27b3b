//! PgBouncer in transaction mode, in front of a PostgreSQL.

use super::{Keeper, as_server, find, folder, free_port, give};
use std::{fs, path::PathBuf};

/// A pooler of one's own.
#[derive(Debug)]
pub struct PgBouncer {
    keeper: Keeper,
    port: u16,
}

impl PgBouncer {
    /// Whether its program is installed.
    pub fn is_there() -> bool {
        look_for().is_some()
    }

    /// Starts a pooler that gives each transaction one of `size` sessions of the server at that URL.
    ///
    /// # Panics
    /// If PgBouncer is missing or does not start.
    pub fn start(server: &str, size: usize) -> Self {
        let (folder, port) = (folder("pgbouncer"), free_port());
        let address = server.rsplit_once('@').and_then(|(_, address)| address.split_once('/'));
        let (host, of) = address.and_then(|(address, _)| address.split_once(':')).unwrap_or((server, "5432"));
        let config = format!(
            "[databases]\npostgres = host={host} port={of} user=postgres\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {size}\n\
             max_client_conn = 200\n"
        );
        let file = folder.join("pgbouncer.ini");
        fs::write(&file, config).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        give(&folder);
        let program = find("pgbouncer", &[PathBuf::from("/usr/sbin")])
            .unwrap_or_else(|| panic!("pgbouncer is missing (Debian package pgbouncer); `cargo xtask test` gets it"));
        let mut command = as_server(&program);
        command.push(file.display().to_string());
        let is_ready = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        let mut keeper = Keeper::new(&folder, &format!("bash -c '{is_ready}'"), &command);
        keeper.tell("start");
        Self { keeper, port }
    }

    /// Stops it: its clients' connections break off.
    pub fn stop(&mut self) {
        self.keeper.tell("stop");
    }

    /// Starts it again, and returns once it answers.
    pub fn resume(&mut self) {
        self.keeper.tell("start");
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

fn look_for() -> Option<PathBuf> {
    find("pgbouncer", &["/usr/sbin".into()])
}
