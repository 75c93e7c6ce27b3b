//! How to reach a server, and how patient to be with it: everything is in one URL.

use crate::{
    driver::{INSERTS, POINTS, SHARED_KINDS, WAITING},
    tls::Verify,
};
use std::{collections::BTreeSet, error::Error as _, fmt, path::PathBuf, str::FromStr, time::Duration};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tollgate_core::nearest;
use tollgate_store::{Error, Result};

/// A database, as its URL says.
///
/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETER=VALUE&…`, with the parameters of libpq that
/// [`tokio_postgres`] knows (`connect_timeout`, `target_session_attrs`, `application_name`, …), and these, each once:
///
/// | parameter | default | what it says |
/// |---|---|---|
/// | `schema` | `public` | where the tables are; every statement says so, `search_path` plays no part |
/// | `sslmode` | `prefer` | see below |
/// | `sslrootcert` | | a PEM file of certificate authorities, in place of those of the web |
/// | `pgbouncer` | `false` | whether a pooler in transaction mode stands between: nothing is prepared or set that would outlive a transaction |
/// | `statement_timeout` | 30 | seconds after which the server gives a statement up (503); two later it is given up itself |
/// | `lock_timeout` | 2 | seconds a statement waits for another's lock (503): first a moment where others follow, then on a connection of its own |
/// | `acquire_timeout` | 2 | seconds a transaction waits for a connection, and a change for one on which it waits for a lock (503) |
/// | `transactions` | 4 | how many transactions may be under way |
/// | `shared_connections` | 8 | how many connections serve lists and counts, as many updates and deletes, and as many SQL of the app's own; beside them, two serve point reads, one groups of inserts, and four those who wait for a lock. Each is made when it is needed |
/// | `iam` | `false` | whether the app signs in to RDS or Aurora as the AWS role that it runs as, without a password; see below |
///
/// Through a pooler, `statement_timeout` and `lock_timeout` hold in transactions only; elsewhere those of the role do:
/// `ALTER ROLE app SET statement_timeout = '30s'`.
///
/// `sslmode` means what it means to libpq. Only the last two tell the server from somebody in between:
///
/// | `sslmode` | encrypted | certificate |
/// |---|---|---|
/// | `disable` | no | |
/// | `prefer` | if the server can; else everything, rows included, can be read on its way | not looked at |
/// | `require` | yes | not looked at; with `sslrootcert` as `verify-ca` |
/// | `verify-ca` | yes | signed by an authority |
/// | `verify-full` | yes | signed by an authority, for this very host |
///
/// Where the certificate is not looked at, somebody in between may pose as the server, and ask for the password itself.
///
/// `iam` takes the feature `aws`, `sslmode=verify-full` and, because Amazon's authorities for RDS are not those of the
/// web, `sslrootcert`. The URL names the host as AWS does, which tells the region (else the AWS SDKs' settings do), and a
/// user that was granted `rds_iam`. Credentials are those that the AWS SDKs find (environment, profile, process, web
/// identity, ECS, EC2); the role needs `rds-db:connect`.
#[derive(Clone)]
pub struct Config {
    pub(crate) server: tokio_postgres::Config,
    pub(crate) schema: String,
    pub(crate) verify: Verify,
    pub(crate) root_cert: Option<PathBuf>,
    pub(crate) pgbouncer: bool,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) acquire_timeout: Duration,
    pub(crate) transactions: usize,
    pub(crate) shared: usize,
    pub(crate) iam: bool,
}

tollgate_core::debug_by_name!(Config);

/// A host that has vanished is noticed after that long, not after the quarter of an hour that TCP allows.
const SILENCE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// How much later than its statement's end an answer may come.
const SLACK: Duration = Duration::from_secs(2);
/// How long a transaction may do nothing, holding its locks.
const IDLE: Duration = Duration::from_secs(5);

impl Default for Config {
    fn default() -> Self {
        Self {
            server: tokio_postgres::Config::new(),
            schema: "public".into(),
            verify: Verify::Nothing,
            root_cert: None,
            pgbouncer: false,
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(2),
            acquire_timeout: Duration::from_secs(2),
            transactions: 4,
            shared: 8,
            iam: false,
        }
    }
}

impl Config {
    /// The name of the database; it is the user's where the URL names none.
    pub(crate) fn database(&self) -> &str {
        self.server.get_dbname().or(self.server.get_user()).unwrap_or_default()
    }

    /// How many connections one process keeps open at most: for what a server must allow (`max_connections`), times the
    /// instances.
    pub fn most_connections(&self) -> usize {
        POINTS + INSERTS + WAITING + SHARED_KINDS * self.shared + self.transactions
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the part that is not understood, never the password.
    pub fn parse(url: &str) -> Result<Self> {
        let (mut config, mut ssl) = (Self::default(), SslMode::Prefer);
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut theirs, mut said) = (vec![], BTreeSet::new());
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = form_urlencoded::parse(parameter.as_bytes()).next().unwrap_or_default();
            if !said.insert(name.clone()) {
                return Err(refused(&format!("`{name}` is said twice; say it once")));
            }
            match &*name {
                "sslmode" => (ssl, config.verify) = ssl_mode(&value)?,
                _ if config.set(&name, &value).map_err(|why| refused(&format!("`{name}` {why}")))? => (),
                _ => theirs.push(parameter),
            }
        }
        let server: Result<tokio_postgres::Config, _> = format!("{address}?{}", theirs.join("&")).parse();
        config.server = server.map_err(|error| refused(&words(&error)))?;
        config.server.ssl_mode(ssl);
        config.complete()
    }

    /// Takes a parameter that is ours; false if it is not.
    fn set(&mut self, name: &str, value: &str) -> Result<bool, &'static str> {
        match name {
            "schema" if !value.is_empty() && !value.contains(['"', '\0']) => value.clone_into(&mut self.schema),
            "schema" => return Err("is no name"),
            "sslrootcert" => self.root_cert = Some(value.into()),
            "pgbouncer" => self.pgbouncer = parsed(value, BOOL)?,
            "iam" => self.iam = parsed(value, BOOL)?,
            "statement_timeout" => self.statement_timeout = seconds(value)?,
            "lock_timeout" => self.lock_timeout = seconds(value)?,
            "acquire_timeout" => self.acquire_timeout = seconds(value)?,
            "transactions" => self.transactions = count(value)?,
            "shared_connections" => self.shared = count(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn complete(mut self) -> Result<Self> {
        if self.server.get_hosts().is_empty() && self.server.get_hostaddrs().is_empty() {
            return Err(refused("it names no host"));
        }
        if self.server.get_user().is_none() {
            return Err(refused("it names no user"));
        }
        if self.verify == Verify::Nothing && self.root_cert.is_some() && self.server.get_ssl_mode() == SslMode::Require
        {
            self.verify = Verify::Authority;
        }
        let connect = *self.server.get_connect_timeout().unwrap_or(&CONNECT);
        let name = self.server.get_application_name().unwrap_or("tollgate").to_owned();
        self.server.connect_timeout(connect).application_name(name);
        let (idle, silence) = (SILENCE / 3, *self.server.get_tcp_user_timeout().unwrap_or(&SILENCE));
        self.server.keepalives_idle(idle).keepalives_interval(idle).keepalives_retries(2).tcp_user_timeout(silence);
        Ok(self)
    }

    /// What is answered, waited for a little longer than the server may take: it gives up first, if it is there at all.
    pub(crate) async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T> {
        let late = |_| Error::Unavailable(Error::source_of("it does not answer in time"));
        timeout(self.statement_timeout + SLACK, answer).await.map_err(late)
    }

    /// How long making a connection may take.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.server.get_connect_timeout().map_or(CONNECT, |per_address| *per_address * 2)
    }

    /// What a session is told at its start. A pooler would refuse it: its sessions are not ours.
    pub(crate) fn session(&self, more: &str) -> tokio_postgres::Config {
        let mut server = self.server.clone();
        if !self.pgbouncer {
            let (given, statement, lock) =
                (self.server.get_options().unwrap_or_default(), self.statement_timeout, self.lock_timeout);
            let timeouts =
                format!("-c statement_timeout={} -c lock_timeout={}", statement.as_millis(), lock.as_millis());
            server.options(format!("{timeouts}{more} {given}"));
        }
        server
    }

    /// How a transaction starts. Whoever reads a row that another changes waits and reads what became of it.
    pub(crate) fn begin(&self) -> String {
        let timeouts = [
            ("idle_in_transaction_session_timeout", IDLE),
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
        ];
        let set = timeouts.map(|(name, time)| format!("SET LOCAL {name} = {}", time.as_millis()));
        let set = if self.pgbouncer { &set[..] } else { &set[..1] };
        format!("BEGIN ISOLATION LEVEL READ COMMITTED; {}", set.join("; "))
    }
}

/// Where the database is: `db.example.com:5432/films`.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hosts, ports) = (self.server.get_hosts(), self.server.get_ports());
        for (index, host) in hosts.iter().enumerate() {
            let port = ports.get(index).or(ports.last()).unwrap_or(&5432);
            f.write_str(if index == 0 { "" } else { "," })?;
            match host {
                Host::Tcp(name) => write!(f, "{name}:{port}")?,
                #[cfg(unix)]
                Host::Unix(folder) => write!(f, "{}", folder.display())?,
            }
        }
        for address in self.server.get_hostaddrs().iter().filter(|_| hosts.is_empty()) {
            write!(f, "{address}")?;
        }
        let user = self.server.get_user().unwrap_or_default();
        write!(f, "/{}", self.server.get_dbname().unwrap_or(user))
    }
}

fn ssl_mode(value: &str) -> Result<(SslMode, Verify)> {
    Ok(match value {
        "disable" => (SslMode::Disable, Verify::Nothing),
        "prefer" => (SslMode::Prefer, Verify::Nothing),
        "require" => (SslMode::Require, Verify::Nothing),
        "verify-ca" => (SslMode::Require, Verify::Authority),
        "verify-full" => (SslMode::Require, Verify::Host),
        _ => return Err(refused("`sslmode` is disable, prefer, require, verify-ca or verify-full")),
    })
}

const BOOL: &str = "is true or false";
const SECONDS: &str = "is a number of seconds, from 1 to 86400";
const COUNT: &str = "is a number from 1 to 1000";

fn parsed<T: FromStr>(value: &str, what: &'static str) -> Result<T, &'static str> {
    value.parse().map_err(|_| what)
}

fn seconds(value: &str) -> Result<Duration, &'static str> {
    let seconds = Some(parsed(value, SECONDS)?).filter(|seconds| (1..=86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or(SECONDS)
}

fn count(value: &str) -> Result<usize, &'static str> {
    Some(parsed(value, COUNT)?).filter(|count| (1..=1000).contains(count)).ok_or(COUNT)
}

/// What may stand in a URL: ours, and what [`tokio_postgres`] knows.
const KNOWN: [&str; 27] = [
    "schema",
    "sslmode",
    "sslrootcert",
    "pgbouncer",
    "iam",
    "statement_timeout",
    "lock_timeout",
    "acquire_timeout",
    "transactions",
    "shared_connections",
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "load_balance_hosts",
];

/// Why a URL is not understood, with the name that an unknown one may mean.
fn words(error: &tokio_postgres::Error) -> String {
    let why = error.source().map_or(String::new(), ToString::to_string);
    let unknown = why.strip_prefix("unknown option `").and_then(|rest| rest.strip_suffix('`'));
    match unknown.and_then(|unknown| nearest(unknown, KNOWN)) {
        Some(near) => format!("{why}, did you mean `{near}`?"),
        None => why,
    }
}

fn refused(why: &str) -> Error {
    let form = "write it as postgres://user:password@host:5432/database";
    Error::invalid(format!("`database.url` is not understood: {why}; {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(url: &str) -> String {
        match Config::parse(url).map(|config| config.to_string()) {
            Err(Error::Invalid(why)) => why.to_string(),
            other => panic!("{url} was understood: {other:?}"),
        }
    }

    #[test]
    fn all_is_in_the_url() {
        let url = "postgres://app:p%40ss@db.example.com:6432/films?schema=myapi&sslmode=verify-full&pgbouncer=true\
                   &connect_timeout=3&transactions=9";
        let config = Config::parse(url).unwrap();
        assert_eq!(config.to_string(), "db.example.com:6432/films");
        assert_eq!((config.schema.as_str(), config.pgbouncer, config.transactions), ("myapi", true, 9));
        assert_eq!(config.server.get_password(), Some(&b"p@ss"[..]));
        assert_eq!((config.server.get_ssl_mode(), config.verify), (SslMode::Require, Verify::Host));
        assert_eq!(config.server.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(config.most_connections(), 2 + 3 + 4 + 3 * 8 + 9);
    }

    #[test]
    fn a_file_of_authorities_is_not_ignored() {
        let verify = |parameters: &str| Config::parse(&format!("postgres://app@db/films?{parameters}")).unwrap().verify;
        assert_eq!(verify("sslmode=require"), Verify::Nothing);
        assert_eq!(verify("sslmode=require&sslrootcert=/etc/ca.pem"), Verify::Authority);
        assert_eq!(verify("sslrootcert=/etc/ca.pem&sslmode=verify-full"), Verify::Host);
    }

    #[test]
    fn what_is_not_understood_is_named_without_the_password() {
        let mistakes = [
            ("?schema=a%22b", "`schema` is no name"),
            ("?sslmode=verify", "`sslmode` is disable, prefer, require, verify-ca or verify-full"),
            ("?pgbouncer=yes", "`pgbouncer` is true or false"),
            ("?statement_timeout=30s", "`statement_timeout` is a number of seconds, from 1 to 86400"),
            ("?lock_timeout=0", "`lock_timeout` is a number of seconds, from 1 to 86400"),
            ("?schema=a&schema=b", "`schema` is said twice; say it once"),
            ("?sslmode=verify-full&sslmode=disable", "`sslmode` is said twice; say it once"),
            ("?transactions=0", "`transactions` is a number from 1 to 1000"),
            ("?shcema=x", "unknown option `shcema`, did you mean `schema`?"),
            ("?connect_timeout=x", "invalid value for option `connect_timeout`"),
        ];
        for (parameters, words) in mistakes {
            let why = why(&format!("postgres://app:hunter2@db/films{parameters}"));
            assert!(why.starts_with("`database.url` is not understood: ") && why.contains(words), "{why}");
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert!(why("postgres://db/films").contains("it names no user"));
        assert!(why("postgres:///films?user=app").contains("it names no host"));
    }
}
