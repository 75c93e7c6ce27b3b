//! Real servers for tests, and a small disk: private ones, on loopback, with their data in a temporary folder.
//!
//! Each is kept by a small shell script that outlives the test and does nothing but wait: when the test's process ends,
//! however it ends, the server is stopped and its folder removed. Nothing but std, so that `cargo xtask` can start the
//! servers that all tests share.

mod aws_emulator;
mod envoy;
mod faketime;
mod kubernetes;
mod lambda_emulator;
mod mongo;
mod nginx;
mod npm;
mod oidc_provider;
mod pgbouncer;
mod pip;
mod postgres;
mod prometheus;
mod redis;
mod rotel;
mod runtime_api;
mod tmpfs;
mod wheel;

pub use aws_emulator::AwsEmulator;
pub use envoy::{ENVOY, Envoy};
pub use faketime::{Faketime, faketime};
pub use kubernetes::Kubernetes;
pub use lambda_emulator::{LAMBDA_EMULATOR, LambdaEmulator};
pub use mongo::{Mongo, SHARED_MONGO};
pub use nginx::Nginx;
pub use npm::{AXE, Npm, OIDC_PROVIDER, OPENID_CLIENT};
pub use oidc_provider::OidcProvider;
pub use pgbouncer::PgBouncer;
pub use pip::{CHECKOV, Pip, SCHEMATHESIS};
pub use postgres::{Postgres, SHARED, certify, psql};
pub use prometheus::Prometheus;
pub use redis::{Frozen, Redis};
pub use rotel::{ROTEL, Rotel};
pub use runtime_api::{Call, RuntimeApi};
pub use tmpfs::Tmpfs;
pub use wheel::{GRAFANA_SDK, HADOLINT, Wheel};

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::{BuildHasher, Hasher},
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

/// One server and its folder; both are gone when this is dropped.
#[derive(Debug)]
struct Keeper {
    shell: Child,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Keeper {
    /// Takes charge of a server that is to run as `server`, and answers once `is_ready` succeeds.
    fn new(folder: &Path, is_ready: &str, server: &[String]) -> Self {
        let mut command = shell(include_str!("keeper.sh"));
        command.arg(folder).arg(is_ready).args(server);
        let mut shell = command.spawn().unwrap_or_else(|error| panic!("cannot run sh: {error}"));
        let answers = shell.stdout.take().unwrap_or_else(|| unreachable!("it is piped"));
        Self { shell, answers: BufReader::new(answers), folder: folder.to_owned() }
    }

    fn tell(&mut self, command: &str) {
        let said = self.shell.stdin.as_mut().map(|input| writeln!(input, "{command}"));
        let mut answer = String::new();
        let heard = self.answers.read_line(&mut answer);
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(answer == "done\n", "{command}: {answer:?}, {said:?}, {heard:?}\n{}", log());
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}

/// A shell that outlives us: its standard input ends when we do.
fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "keeper.sh"]);
    // A terminal interrupts a whole group; the keeper has work to do then.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// A port that is free, below those that the system gives to outgoing connections, which take listening ports away.
///
/// # Panics
/// If none is.
pub fn free_port() -> u16 {
    let random = || 20_000 + u16::try_from(RandomState::new().build_hasher().finish() % 12_000).unwrap_or_default();
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..100).map(|_| random()).find(free).unwrap_or_else(|| panic!("no free port from 20000 to 32000"))
}

/// A new folder, which the server's user owns.
fn folder(name: &str) -> PathBuf {
    let random = RandomState::new().build_hasher().finish();
    let folder = env::temp_dir().join(format!("tollgate-{name}-{random:016x}"));
    fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    give(&folder);
    folder
}

/// Lets the server's user own a folder and all in it.
fn give(folder: &Path) {
    if let Some(user) = unprivileged() {
        run(Command::new("chown").args(["-R", user]).arg(folder));
    }
}

/// Who runs servers that refuse to run as root, where we are root.
fn unprivileged() -> Option<&'static str> {
    let is = |user: &[&str], what: &str| {
        output(Command::new("id").args(user)).is_ok_and(|id| id.trim() == what || what.is_empty())
    };
    is(&["-u"], "0").then(|| if is(&["-u", "postgres"], "") { "postgres" } else { "nobody" })
}

/// A program as the server's user runs it.
fn as_server(program: &Path) -> Vec<String> {
    let program = program.display().to_string();
    match unprivileged() {
        None => vec![program],
        Some(user) => {
            let group = run(Command::new("id").args(["-g", user]));
            let (as_user, in_group) = (format!("--reuid={user}"), format!("--regid={}", group.trim()));
            vec!["setpriv".into(), as_user, in_group, "--clear-groups".into(), "--".into(), program]
        }
    }
}

/// Where a server program is: on the `PATH`, or in one of these folders.
fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn run(command: &mut Command) -> String {
    output(command).unwrap_or_else(|failure| panic!("{}: {failure}", command.get_program().display()))
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
