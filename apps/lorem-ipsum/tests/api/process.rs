//! The built binary in an empty folder, as on a fresh machine.

use crate::telemetry::until;
use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;
use tollgate_testing::servers::free_port;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_lorem-ipsum");

/// A command of the app, in that folder, with nothing of this process' environment that is about the app.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").stdin(Stdio::null());
    // Made-up patients are work, and here there is nobody to look at them.
    command.env("LOREM_IPSUM_PATIENTS__DEMO", "");
    command
}

/// The app at an address that it knows, so that what a proxy on this machine forwards is no stranger's.
pub(crate) fn at_home(folder: &Path) -> Command {
    let port = free_port().to_string();
    let mut command = command(folder, &["--port", &port]);
    command.env("LOREM_IPSUM_SERVER__PUBLIC_URL", format!("http://127.0.0.1:{port}"));
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command that failed said: one line that begins with `error: `, and a non-zero exit.
pub(crate) fn failure(output: &Output) -> String {
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    said
}

/// The app as a server; it ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) banner: String,
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_as(command(folder, &["--port", "0"]).stderr(Stdio::null()))
    }

    pub(crate) fn start_as(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut banner = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !banner.contains("Ctrl-C") {
            assert_ne!(lines.read_line(&mut banner).unwrap(), 0, "the app ended: {banner}");
        }
        Self { child, banner }
    }

    pub(crate) fn url(&self) -> String {
        let line = self.banner.lines().find_map(|line| line.trim().strip_prefix("app ")).unwrap();
        line.trim().trim_end_matches('/').to_owned()
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.url().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits until it has ended; whether it did so in peace.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_start_begins_with_where_the_app_is_and_then_says_what_was_made() {
    let folder = TempDir::new().unwrap();
    let (path, read) = (folder.path().join("said"), || std::fs::read_to_string(folder.path().join("said")).unwrap());
    let said = std::fs::File::create(path).unwrap();
    let mut command = command(folder.path(), &["--port", "0"]);
    let mut child = command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
    let made = |kind: &str| format!("resource=\"{kind}\"");
    until("users", || if read().matches(&made("users")).count() == 4 { Ok(()) } else { Err(read()) });
    child.kill().unwrap();
    child.wait().unwrap();
    let (banner, log) =
        read().split_once("Ctrl-C stops it.").map(|(one, two)| (one.to_owned(), two.to_owned())).unwrap();
    assert!(banner.starts_with("lorem-ipsum ") && !banner.contains("tollgate::audit"), "{banner}");
    assert_eq!(log.matches(&made("auth_keys")).count(), 2, "{log}");
}

#[test]
fn the_printed_curl_lines_work_when_pasted() {
    if std::env::var("TOLLGATE_WITHOUT").is_ok_and(|parts| parts.split(',').any(|part| part == "curl")) {
        return eprintln!("left out: curl");
    }
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    assert!(server.banner.contains("added 2987 movies"), "{}", server.banner);
    for user in ["reader@example.test", "curator@example.test", "admin@example.test"] {
        assert!(server.banner.contains(user), "{}", server.banner);
    }
    let lines: Vec<&str> = server.banner.lines().map(str::trim).collect();
    let pasted: Vec<&str> = lines.iter().copied().filter(|line| line.contains("curl ")).collect();
    assert_eq!(pasted.len(), 2, "{}", server.banner);
    let shell = Command::new("sh").arg("-c").arg(pasted.join("\n")).output().unwrap();
    assert!(shell.stderr.is_empty(), "no more than the answer: {}", String::from_utf8_lossy(&shell.stderr));
    let answer = String::from_utf8_lossy(&shell.stdout);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{pasted:?}: {answer}"));
    assert_eq!(answer["items"].as_array().unwrap().len(), 3);
    assert_eq!(answer["items"][0]["title"], "The Land Girls");
}

#[test]
fn a_second_start_finds_everything_as_it_was() {
    let folder = TempDir::new().unwrap();
    drop(Server::start(folder.path()));
    let server = Server::start(folder.path());
    assert!(!server.banner.contains("added") && !server.banner.contains("created"), "{}", server.banner);
    assert!(server.banner.contains("reader@example.test"));
}

#[test]
fn a_port_that_is_taken_is_told_in_a_line() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = failure(&run(folder.path(), &["--port", &port]));
    assert!(said.contains(&port) && said.contains("--port"), "{said}");
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn a_database_that_cannot_be_written_is_told_in_a_line() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("data"), "a file, where a folder is needed").unwrap();
    let said = failure(&run(folder.path(), &["--port", "0"]));
    assert!(said.contains("data/lorem-ipsum.db") && said.contains("database.url"), "{said}");
}

#[test]
fn a_check_says_what_there_is_and_nothing_that_did_not_happen() {
    let folder = TempDir::new().unwrap();
    let issuer = [
        ("PRESET", "secret"),
        ("ISSUER", "legacy"),
        ("AUDIENCE", "https://api.example.com"),
        ("SECRET", "Zk3vN1pXq8mTf7Ls0RbYw5Hd2Gc9JeUa"),
    ];
    let mut check = command(folder.path(), &["check"]);
    check.envs(issuer.map(|(name, value)| (format!("LOREM_IPSUM_IDENTITY__ISSUERS__LEGACY__{name}"), value)));
    let checked = check.output().unwrap();
    let starts: Vec<_> =
        stdout(&checked).lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(starts, ["settings", "services", "database", "issuer"]);
    assert_eq!(String::from_utf8_lossy(&checked.stderr), "", "no key was made that the audit log could tell of");
}

#[test]
fn a_check_fails_where_the_next_start_would() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("migrations")).unwrap();
    let script = |table: &str| {
        std::fs::write(folder.path().join("migrations/0001_first.sqlite.sql"), table).unwrap();
        stdout(&run(folder.path(), &["migrate", "run"]));
        run(folder.path(), &["check"])
    };
    let other = script("CREATE TABLE movies (movie_id TEXT PRIMARY KEY, title TEXT NOT NULL) STRICT;");
    let (checked, started) = (failure(&other), failure(&run(folder.path(), &["--port", "0"])));
    assert!(checked.contains("`movie_id` is TEXT there and int32 here"), "{checked}");
    assert_eq!(checked, started);
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    let lacking = script(
        "CREATE TABLE movies (movie_id INTEGER PRIMARY KEY, title TEXT NOT NULL, released INTEGER NOT NULL, rating REAL NOT NULL) STRICT;",
    );
    assert!(stdout(&lacking).contains("the next start adds what is missing of:"), "a start adds an index and tables");
}

#[test]
fn a_setting_that_is_misspelt_is_refused_with_the_right_one() {
    let folder = TempDir::new().unwrap();
    let output = command(folder.path(), &["check"]).env("LOREM_IPSUM_SERVER__PROT", "1").output().unwrap();
    assert!(failure(&output).contains("did you mean `server.port` (LOREM_IPSUM_SERVER__PORT)?"));
}

#[test]
fn outside_dev_nothing_starts_without_an_issuer() {
    let folder = TempDir::new().unwrap();
    let output = command(folder.path(), &["--port", "0"]).env("LOREM_IPSUM_ENV", "prod").output().unwrap();
    assert!(failure(&output).contains("identity.embedded"));
    assert!(!folder.path().join("data").exists());
}

#[cfg(unix)]
#[test]
fn an_environment_that_cannot_be_read_is_not_dev() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = TempDir::new().unwrap();
    let env = OsStr::from_bytes(b"prod\xff");
    assert!(
        failure(&command(folder.path(), &["check"]).env("LOREM_IPSUM_ENV", env).output().unwrap()).contains("prod")
    );
}

#[test]
fn demo_users_come_in_nowhere_else_though_the_database_knows_them() {
    let folder = TempDir::new().unwrap();
    drop(Server::start(folder.path()));
    let token = |variables: &[(&str, &str)]| {
        command(folder.path(), &["token", "admin@example.test"]).envs(variables.iter().copied()).output().unwrap()
    };
    assert!(token(&[]).status.success());
    assert!(
        failure(&token(&[("LOREM_IPSUM_SERVER__HOST", "0.0.0.0"), ("LOREM_IPSUM_IDENTITY__PASSWORD_GRANT", "false")]))
            .contains("admin@example.test")
    );
    let prod = [
        ("LOREM_IPSUM_ENV", "prod"),
        ("LOREM_IPSUM_IDENTITY__EMBEDDED", "true"),
        ("LOREM_IPSUM_SERVER__PUBLIC_URL", "https://lorem.example"),
    ];
    assert!(failure(&token(&prod)).contains("admin@example.test"));
}

#[test]
fn check_routes_openapi_and_version_say_what_they_know() {
    let folder = TempDir::new().unwrap();
    let provider = [("PRESET", "generic"), ("ISSUER", "http://127.0.0.1:1"), ("AUDIENCE", "api")];
    let provider = provider.map(|(name, value)| (format!("LOREM_IPSUM_IDENTITY__ISSUERS__SSO__{name}"), value));
    let routes = command(folder.path(), &["routes"]).envs(provider).output().unwrap();
    assert_eq!(stdout(&routes), include_str!("../../access-matrix.txt"), "as it is kept in the repository");
    let legend = String::from_utf8_lossy(&routes.stderr);
    assert!(legend.contains("some   the rows that the policy gives"), "{legend}");
    assert_eq!(stdout(&run(folder.path(), &["openapi"])), include_str!("../../openapi.json"));
    assert_eq!(stdout(&run(folder.path(), &["--version"])), format!("lorem-ipsum {}\n", env!("CARGO_PKG_VERSION")));
    assert!(
        stdout(&run(folder.path(), &["check"])).contains("lorem-ipsum.db is not there yet; the first start makes it")
    );
    assert!(!folder.path().join("data").exists(), "none of them needs a database");
    let banner = Server::start(folder.path()).banner.clone();
    assert_eq!(banner.matches("created ").count(), 1, "many tables are one line: {banner}");
    assert!(stdout(&run(folder.path(), &["check"])).contains("as the model says"));
}

/// What a page links to and loads, on this server.
fn links(page: &str) -> Vec<String> {
    let after = ["href=\"", "src=\"", "action=\""].into_iter().flat_map(|name| page.split(name).skip(1));
    let links = after.map(|rest| rest.split(['"', '#']).next().unwrap().replace("&#x2f;", "/").replace("&amp;", "&"));
    links.filter(|link| link.starts_with('/')).collect()
}

#[test]
fn every_link_on_a_page_leads_somewhere() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let get = |path: &str| agent.get(format!("{}{path}", server.url())).header("accept", "text/html").call().unwrap();
    for page in ["/", "/docs", "/auth/login?return_to=/", "/nothing"] {
        let links = links(&get(page).into_body().read_to_string().unwrap());
        assert!(links.iter().any(|link| link == "/") || page.starts_with("/auth"), "{page} does not lead home");
        for link in links {
            assert_eq!(get(&link).status(), 200, "{page} leads to {link}");
        }
    }
}

#[test]
fn check_tells_of_roles_that_speak_of_no_resource() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    let slip = "[access.roles]\ncurator = [\"read:movies\", \"update:movie\", \"read:*\"]";
    std::fs::write(folder.path().join("config/default.toml"), slip).unwrap();
    let said = stdout(&run(folder.path(), &["check"]));
    assert!(said.contains("role `curator` may `update:movie`, but there is no such resource"), "{said}");
    assert_eq!(said.matches("no such resource").count(), 1, "{said}");
}

#[test]
fn a_command_in_another_folder_says_which_database_it_makes_there() {
    let folder = TempDir::new().unwrap();
    let list = || run(folder.path(), &["user", "list"]);
    let said = String::from_utf8(list().stderr).unwrap();
    assert!(said.contains("made a new database: ./data/lorem-ipsum.db"), "{said}");
    let said = String::from_utf8(list().stderr).unwrap();
    assert!(!said.contains("made a new database"), "{said}");
}

#[test]
fn a_created_user_is_a_reader_and_gets_a_token() {
    let folder = TempDir::new().unwrap();
    let create = |email: &str, more: &[&str]| {
        let arguments = ["create-user", "--name", "New", "--email", email];
        run(folder.path(), &[&arguments[..], more].concat())
    };
    assert!(stdout(&create("new@example.test", &["--password", "a long password of four words"])).contains("reader"));
    let help = stdout(&run(folder.path(), &["--help"]));
    assert!(help.contains("(`create-user` is `user create`)") && !help.contains("\n  create-user"), "{help}");
    assert!(
        failure(&create("NEW@example.test", &["--password", "a long password of four words"]))
            .contains("new@example.test")
    );
    assert!(failure(&create("short@example.test", &["--password", "short"])).contains("15"));
    assert!(
        failure(&create("x@example.test", &["--password", "a long password of four words", "--role", "raeder"]))
            .contains("reader")
    );
    let token = stdout(&run(folder.path(), &["token", "new@example.test"]));
    assert_eq!(token.trim().split('.').count(), 3);
    assert!(failure(&run(folder.path(), &["token", "nobody@example.test"])).contains("nobody@example.test"));
}

/// In a terminal of its own, as `script` of util-linux makes one.
#[cfg(target_os = "linux")]
#[test]
fn a_missing_password_is_asked_for_twice_and_not_shown() {
    let folder = TempDir::new().unwrap();
    let line = format!("{BINARY} create-user --name New --email new@example.test");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).current_dir(folder.path());
    let mut terminal = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut keys = terminal.stdin.take().unwrap();
    let mut shown = String::new();
    let mut screen = BufReader::new(terminal.stdout.take().unwrap());
    for _ in 0..2 {
        let prompt = shown.len();
        while !shown[prompt..].contains(": ") {
            let mut byte = [0];
            screen.read_exact(&mut byte).unwrap();
            shown.push(byte[0].into());
        }
        // Nobody types faster than a terminal stops to show what is typed.
        std::thread::sleep(std::time::Duration::from_secs(1));
        keys.write_all(b"correct horse battery staple\n").unwrap();
    }
    screen.read_to_string(&mut shown).unwrap();
    assert!(terminal.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("Password: ") && shown.contains("Once more: "), "{shown}");
    assert!(shown.contains("created new@example.test") && !shown.contains("correct horse"), "{shown}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_keeps_nobody_from_an_answer() {
    let folder = TempDir::new().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let server = Server::start_as(command(folder.path(), &["--port", "0"]).stderr(full));
    let answer = ureq::get(format!("{}/livez", server.url())).call().unwrap();
    assert_eq!(answer.status(), 200);
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_a_database_that_the_app_made() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let _server = Server::start(folder.path());
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn demo_users_come_in_nowhere_that_others_reach() {
    let folder = TempDir::new().unwrap();
    drop(Server::start(folder.path()));
    let behind_a_proxy = [("LOREM_IPSUM_SERVER__PUBLIC_URL", "https://lorem.example")];
    let output = command(folder.path(), &["token", "admin@example.test"]).envs(behind_a_proxy).output().unwrap();
    assert!(failure(&output).contains("admin@example.test"));
}

/// And nowhere in `dev`: a developer's `localhost` has many apps, most of them without TLS.
#[test]
fn behind_tls_browsers_are_told_to_try_nothing_else() {
    let (folder, port) = (TempDir::new().unwrap(), tollgate_testing::servers::free_port());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let said = |path: &str| {
        let answer = agent.get(format!("http://127.0.0.1:{port}{path}")).call().unwrap();
        answer.headers().get("strict-transport-security").map(|value| value.to_str().unwrap().to_owned())
    };
    let settings = [("LOREM_IPSUM_SERVER__PORT", &*port.to_string()), ("LOREM_IPSUM_DATABASE__ADDITIVE", "true")];
    let prod = [
        ("LOREM_IPSUM_ENV", "prod"),
        ("LOREM_IPSUM_IDENTITY__EMBEDDED", "true"),
        ("LOREM_IPSUM_SERVER__PUBLIC_URL", "https://lorem.example"),
    ];
    for (more, expected) in [(&prod[..], Some("max-age=31536000")), (&[], None)] {
        let mut app = command(folder.path(), &[]);
        let _server = Server::start_as(app.envs(settings).envs(more.iter().copied()).stderr(Stdio::null()));
        for path in ["/", "/movies", "/nothing", "/auth/login", "/oauth/jwks", "/readyz"] {
            assert_eq!(said(path).as_deref(), expected, "{path}");
        }
    }
}

#[test]
fn told_to_stop_it_stops() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    server.signal("-TERM");
    assert!(server.ended());
    let mut rest = String::new();
    if let Some(mut stderr) = server.child.stderr.take() {
        stderr.read_to_string(&mut rest).unwrap();
    }
    assert!(!rest.contains("panicked"), "{rest}");
}
