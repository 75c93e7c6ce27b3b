//! PostgreSQL: `initdb` and `postgres`, from the `PATH` or from where `pg_config` says.

use super::{Keeper, as_server, find, folder, free_port, give, output, run};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The variable with the URL of the server that all tests share: `cargo xtask test` sets it.
pub const SHARED: &str = "TOLLGATE_POSTGRES_URL";

/// Who may come in how: the superuser as they are, everybody else with a password.
const DOORS: &str = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// A server of one's own.
#[derive(Debug)]
pub struct Postgres {
    keeper: Keeper,
    port: u16,
}

impl Postgres {
    /// Whether its programs are installed.
    pub fn is_there() -> bool {
        ["initdb", "postgres", "pg_isready", "psql"].iter().all(|name| look_for(name).is_some())
    }

    /// The URL of a server that tests share: that of `cargo xtask test`, or one that ends with this process.
    pub fn shared() -> String {
        static OWN: OnceLock<Postgres> = OnceLock::new();
        env::var(SHARED).unwrap_or_else(|_| OWN.get_or_init(Self::start).url())
    }

    /// Makes a server and starts it.
    ///
    /// # Panics
    /// If PostgreSQL is missing or does not start.
    pub fn start() -> Self {
        Self::start_with(|_| vec![])
    }

    /// The same, with settings, as in `ssl=on`; the function may put files into the folder of the data.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(prepare: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let (folder, port) = (folder("postgres"), free_port());
        let data = folder.join("data");
        make(&data);
        fs::write(data.join("pg_hba.conf"), DOORS).unwrap_or_else(|error| panic!("pg_hba.conf: {error}"));
        let settings = prepare(&data);
        give(&folder);
        let mut server = as_server(&program("postgres"));
        server.extend(["-D".into(), data.display().to_string()]);
        let always = [format!("port={port}"), "listen_addresses=127.0.0.1".into(), "unix_socket_directories=".into()];
        let small = ["max_connections=300".into(), "shared_buffers=32MB".into()];
        for setting in always.into_iter().chain(small).chain(settings) {
            server.extend(["-c".into(), setting]);
        }
        let is_ready = format!("'{}' -h 127.0.0.1 -p {port} -t 1", program("pg_isready").display());
        let mut postgres = Self { keeper: Keeper::new(&folder, &is_ready, &server), port };
        postgres.resume();
        postgres
    }

    /// Where it is, for its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data.
    pub fn data(&self) -> PathBuf {
        self.keeper.folder.join("data")
    }

    /// Stops it as an operator does: sessions are told, nothing is lost.
    pub fn stop(&mut self) {
        self.keeper.tell("stop");
    }

    /// Restarts it as `pg_ctl restart -m immediate` does, and returns once it answers: sessions break off.
    pub fn restart(&mut self) {
        self.keeper.tell("quit");
        self.keeper.tell("start");
    }

    /// Kills it with all its sessions: nobody is told anything.
    pub fn kill(&mut self) {
        self.keeper.tell("kill");
    }

    /// Starts it again, and returns once it answers.
    pub fn resume(&mut self) {
        self.keeper.tell("start");
    }
}

/// With what a server proves that it is `localhost`: an authority (`ca.pem`), a certificate of its and the key, made in
/// a folder by `openssl`, which PostgreSQL's own package needs; the settings that take them.
///
/// # Panics
/// If `openssl` is missing.
pub fn certify(folder: &Path) -> Vec<String> {
    let openssl = |arguments: &str| run(Command::new("openssl").args(arguments.split(' ')).current_dir(folder));
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(&format!("req -x509 {key} -subj /CN=Authority -keyout ca.key -out ca.pem"));
    let name = "-subj /CN=localhost -addext subjectAltName=DNS:localhost";
    openssl(&format!("req {key} {name} -keyout server.key -out server.csr"));
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out server.pem",
    );
    ["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key"].map(str::to_owned).into()
}

/// Makes a cluster; where the server can, one that sorts text unlike its bytes, so that whoever relies on its order
/// is found out.
fn make(data: &Path) {
    let initdb = as_server(&program("initdb"));
    let run = |more: &[&str]| {
        let mut command = Command::new(&initdb[0]);
        command.args(&initdb[1..]).args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        output(command.args(["--locale=C"]).args(more).arg("-D").arg(data))
    };
    let icu = run(&["--locale-provider=icu", "--icu-locale=en-US"]);
    icu.or_else(|_| run(&[])).unwrap_or_else(|failure| panic!("initdb: {failure}"));
}

/// A program of PostgreSQL.
fn program(name: &str) -> PathBuf {
    look_for(name).unwrap_or_else(|| {
        panic!(
            "{name} is missing (Debian package postgresql); `cargo xtask test` gets it, \
             `cargo xtask test --without postgres` does without"
        )
    })
}

/// On the `PATH`, in the folder that `pg_config` tells, or where Debian keeps the newest version.
fn look_for(name: &str) -> Option<PathBuf> {
    let told = output(Command::new("pg_config").arg("--bindir")).unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.push(told.trim().into());
    folders.reverse();
    find(name, &folders)
}

/// A statement through `psql`, for what a test does behind the back of the tested; its output.
///
/// # Panics
/// If the server refuses it.
pub fn psql(url: &str, sql: &str) -> String {
    run(Command::new(program("psql")).args([url, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]))
}
