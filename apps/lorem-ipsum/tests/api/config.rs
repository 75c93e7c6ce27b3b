//! Settings of the built binary: where they come from, what is refused, what is shown.

use crate::{
    aws_emulator::until,
    process::{Server, command, failure, stdout},
};
use std::{fs, path::Path, process::Output};
use tempfile::TempDir;

/// What the command `config` does there, with these variables.
fn config(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let variables = variables.iter().map(|(name, value)| (format!("LOREM_IPSUM_{name}"), *value));
    command(folder, &[&["config"], arguments].concat()).envs(variables).output().unwrap()
}

/// The effective value of a setting, and where it was said.
fn told(folder: &Path, setting: &str, variables: &[(&str, &str)]) -> (String, String) {
    let told: serde_json::Value = serde_json::from_str(&stdout(&config(folder, &["--json"], variables))).unwrap();
    (told[setting]["value"].to_string(), told[setting]["origin"].as_str().unwrap().to_owned())
}

#[test]
fn each_source_wins_over_the_one_before() {
    let folder = TempDir::new().unwrap();
    let port = |variables: &[_]| told(folder.path(), "server.port", variables);
    let said = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(port(&[]), said("8000", "default"));
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/default.toml"), "[server]\nport = 8001").unwrap();
    assert_eq!(port(&[("ENV", "stage")]), said("8001", "config/default.toml"));
    fs::write(folder.path().join("config/stage.toml"), "[server]\nport = 8002").unwrap();
    assert_eq!(port(&[("ENV", "stage")]), said("8002", "config/stage.toml"));
    fs::write(folder.path().join(".env"), "export LOREM_IPSUM_SERVER__PORT=8003 # here\nPATH=/nowhere\n").unwrap();
    assert_eq!(port(&[("ENV", "stage")]), said("8003", "LOREM_IPSUM_SERVER__PORT in .env"));
    assert_eq!(port(&[("SERVER__PORT", "8004")]), said("8004", "LOREM_IPSUM_SERVER__PORT"));
    assert_eq!(port(&[("server__Port", "8005")]), said("8005", "LOREM_IPSUM_server__Port"));
}

#[test]
fn the_environment_picks_its_database_from_variables_alone() {
    let folder = TempDir::new().unwrap();
    let databases = [("DEV", "sqlite:./dev.db"), ("STAGE", "sqlite:./stage.db"), ("PROD", "sqlite:./prod.db")];
    let check = |env: Option<&str>| {
        let mut check = command(folder.path(), &["check"]);
        check.envs(databases.map(|(env, url)| (format!("LOREM_IPSUM_DATABASE__{env}"), url)));
        check.env("LOREM_IPSUM_IDENTITY__EMBEDDED", "true").env("LOREM_IPSUM_DATABASE__ADDITIVE", "true");
        check.env("LOREM_IPSUM_SERVER__PUBLIC_URL", "https://lorem.example");
        stdout(check.envs(env.map(|env| ("LOREM_IPSUM_ENV", env))).output().as_ref().unwrap())
    };
    for (env, file) in [(None, "dev.db"), (Some("stage"), "stage.db"), (Some("prod"), "prod.db")] {
        assert!(check(env).contains(file), "{env:?}");
        assert!(!folder.path().join(file).exists(), "to check makes nothing");
    }
    let url = told(folder.path(), "database.url", &[("ENV", "stage"), ("DATABASE__STAGE", "sqlite:./x.db")]);
    assert_eq!(url.1, "LOREM_IPSUM_DATABASE__STAGE");
}

#[test]
fn lists_come_from_variables_too() {
    let folder = TempDir::new().unwrap();
    let (roles, _) = told(folder.path(), "access.anyone", &[("ACCESS__ANYONE", "read:movies, read:messages")]);
    assert_eq!(roles, r#"["read:movies","read:messages"]"#);
    let client = r#"[{"id": "page", "kind": "public", "redirect_uris": ["https://page.example/back"]}]"#;
    assert!(
        stdout(&config(folder.path(), &[], &[("IDENTITY__CLIENTS", client)])).contains("https://page.example/back")
    );
}

#[test]
fn a_slip_is_told_with_its_place_and_what_was_meant_before_anything_happens() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/default.toml"), "[databse]\nurl = \"sqlite:./hunter2.db\"").unwrap();
    fs::write(folder.path().join(".env"), "LOREM_IPSUM_SERVER__HSOT=hunter2").unwrap();
    let mut check = command(folder.path(), &["check"]);
    let said = failure(&check.env("LOREM_IPSUM_LOG__FLITER", "hunter2").output().unwrap());
    for part in [
        "LOREM_IPSUM_LOG__FLITER: there is no setting `log.fliter`; did you mean `log.filter` (LOREM_IPSUM_LOG__FILTER)?",
        "LOREM_IPSUM_SERVER__HSOT in .env: there is no setting `server.hsot`; did you mean `server.host`",
        "config/default.toml: there is no setting `databse`; did you mean `database`",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("hunter2") && !folder.path().join("data").exists(), "{said}");
}

#[test]
fn what_is_missing_is_told_with_the_variable_that_sets_it() {
    let folder = TempDir::new().unwrap();
    let okta = [("LOREM_IPSUM_IDENTITY__ISSUERS__OKTA__PRESET", "okta")];
    let said = failure(&command(folder.path(), &["check"]).envs(okta).output().unwrap());
    assert!(said.contains("set LOREM_IPSUM_IDENTITY__ISSUERS__OKTA__DOMAIN"), "{said}");
    let okta = [("LOREM_IPSUM_IDENTITY__ISSUERS__OKTA__DOMAIN", "dev-1.okta.com")];
    let said = failure(&command(folder.path(), &["check"]).envs(okta).output().unwrap());
    assert!(said.contains("set LOREM_IPSUM_IDENTITY__ISSUERS__OKTA__PRESET"), "{said}");
}

/// Where a secret may stand, and what it must look like to be taken.
const SECRETS: [(&str, &str); 4] = [
    ("DATABASE__URL", "postgres://app:canary-of-the-url@127.0.0.1:1/films"),
    ("DATABASE__PARAMETERS__PASSWORD", "canary-of-a-parameter"),
    ("IDENTITY__ISSUERS__OLD__SECRET", "canary-q7Tf2mXv9LkWc4RzB8nYp1Hd6Js3Ga5"),
    ("IDENTITY__ISSUERS__OLD__CLIENT_SECRET", "canary-of-a-client"),
];

#[test]
fn secrets_are_hidden_in_what_config_prints() {
    let folder = TempDir::new().unwrap();
    let clients = r#"[{"id": "a", "kind": "machine", "secret": "canary-of-a-client-of-ours-which-is-long"}]"#;
    let issuer = [("PRESET", "secret"), ("ISSUER", "old"), ("AUDIENCE", "api")];
    let issuer = issuer.map(|(name, value)| (format!("IDENTITY__ISSUERS__OLD__{name}"), value));
    let mut all: Vec<(&str, &str)> = issuer.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    all.extend(SECRETS);
    all.push(("IDENTITY__CLIENTS", clients));
    for arguments in [&[][..], &["--json"]] {
        let printed = stdout(&config(folder.path(), arguments, &all));
        assert!(!printed.contains("canary"), "{printed}");
        assert!(printed.contains("identity.clients.0.secret") && printed.contains("hidden"), "{printed}");
    }
    // Slips that are easily made: as others write headers, one table in place of a list of them.
    fs::create_dir(folder.path().join("config")).unwrap();
    let client = "[identity.clients]\nid = \"a\"\nkind = \"machine\"\nsecret = \"canary\"";
    fs::write(folder.path().join("config/default.toml"), client).unwrap();
    let printed = stdout(&config(folder.path(), &[], &[("TELEMETRY__TRACES_HEADERS", "x-api-key=canary")]));
    assert!(!printed.contains("canary") && printed.contains("identity.clients  "), "{printed}");
}

#[test]
fn no_mistake_shows_the_value_it_is_about() {
    let folder = TempDir::new().unwrap();
    for name in [
        "SERVER__PORT",
        "SERVER",
        "DATABASE",
        "DATABASE__MIGRATE",
        "DATABASE__PARAMETERS",
        "ACCESS__ROLES",
        "IDENTITY__ISSUERS",
        "IDENTITY__ISSUERS__A",
        "IDENTITY__ISSUERS__A__PRESET",
        "IDENTITY__CLIENTS",
        "AUDIT__KEEP_DAYS",
        "NO_SUCH__SETTING",
        "DATABASE__URL",
        "SERVER__HOST__MORE",
        "TELEMETRY__METRICS",
        "LIMITS__ADDRESS",
        "LIMITS__ROUTES",
        "ENV",
    ] {
        for value in ["canary", "postgres://u:canary@\"h, expected `x`", "[\"canary\"]", "{\"canary\": \"canary\"}"] {
            if (name, value) == ("ENV", "canary") {
                continue; // It is a name as good as any.
            }
            let mut check = command(folder.path(), &["check"]);
            let said = failure(&check.env(format!("LOREM_IPSUM_{name}"), value).output().unwrap());
            let value_is_key = value.starts_with('{');
            assert!(value_is_key || !said.contains("canary"), "{name}={value}: {said}");
            assert!(said.contains(name) || said.contains("database.url"), "{name}={value}: {said}");
        }
    }
    for (name, setting) in [
        ("SERVER__ORIGINS", "server.origins.0"),
        ("SERVER__PUBLIC_URL", "server.public_url"),
        ("TELEMETRY__TRACES", "telemetry.traces"),
    ] {
        let mut check = command(folder.path(), &["check"]);
        check.env(format!("LOREM_IPSUM_{name}"), "https://user:canary@host.example/#canary");
        let said = failure(&check.output().unwrap());
        assert!(said.contains(setting) && !said.contains("canary"), "{said}");
    }
    for line in ["canary", "LOREM_IPSUM_SERVER__PORT=\"canary", "LOREM_IPSUM_SERVER__PORT=canary"] {
        fs::write(folder.path().join(".env"), line).unwrap();
        let said = failure(&command(folder.path(), &["check"]).output().unwrap());
        assert!(said.contains(".env") && !said.contains("canary"), "{said}");
    }
}

#[test]
fn a_client_secret_in_a_mounted_file_is_taken_over_when_it_is_rotated() {
    const OLD: &str = "q7Tf2mXv9LkWc4RzB8nYp1Hd6Js3Ga5E";
    const NEW: &str = "Z1xCvB3nMa5SdFg7HjKl9QwErTy2UiOp";
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, format!("{OLD}\n")).unwrap();
    let client = serde_json::json!([{
        "id": "robot", "kind": "machine", "permissions": ["read:movies"],
        "secret": format!("secret:file:{}", file.display()),
    }]);
    let mut start = command(folder.path(), &["--port", "0"]);
    start.env("LOREM_IPSUM_IDENTITY__CLIENTS", client.to_string()).env("LOREM_IPSUM_SECRETS__REFRESH_SECONDS", "1");
    let server = Server::start_as(&mut start);
    let gets_in = |secret: &str| {
        let form = [("grant_type", "client_credentials"), ("client_id", "robot"), ("client_secret", secret)];
        ureq::post(format!("{}/oauth/token", server.url())).send_form(form).is_ok()
    };
    assert!(gets_in(OLD) && !gets_in(NEW));
    fs::write(&file, NEW).unwrap();
    until("the new secret is known", || gets_in(NEW));
    assert!(!gets_in(OLD));
}

#[test]
fn the_settings_of_the_guide_are_good() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(".env"), include_str!("../guide/settings.env")).unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/prod.toml"), include_str!("../guide/secrets.toml")).unwrap();
    let shown = stdout(&config(folder.path(), &[], &[]));
    assert!(shown.contains("LOREM_IPSUM_DATABASE__STAGE in .env") && !shown.contains("password@"), "{shown}");
    let shown = stdout(&config(folder.path(), &[], &[("ENV", "prod"), ("DATABASE__PROD", "sqlite:./x.db")]));
    assert!(shown.contains("secret:aws-sm:my-app/sso-secrets#client_id (config/prod.toml)"), "{shown}");
    assert!(shown.contains("LOREM_IPSUM_DATABASE__PROD"), "variables win over files: {shown}");
    let shared = concat!(
        include_str!("../guide/limits.toml"),
        include_str!("../guide/live.toml"),
        include_str!("../guide/redis.toml"),
        include_str!("../guide/pager.toml")
    );
    fs::write(folder.path().join("config/default.toml"), shared).unwrap();
    let shown = stdout(&config(folder.path(), &[], &[]));
    let limit = shown.lines().find(|line| line.starts_with("limits.address ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(limit.contains("600 per minute") && limit.contains("config/default.toml"), "{limit}");
    assert!(!shown.contains("redis://user"), "{shown}");
}

#[test]
fn the_roles_of_the_guide_reach_what_it_says() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/default.toml"), include_str!("../guide/roles.toml")).unwrap();
    let matrix = stdout(&command(folder.path(), &["routes"]).output().unwrap());
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut lines = matrix.lines().map(words);
    let (roles, routes) = (lines.next().unwrap(), lines.collect::<Vec<_>>());
    let reach = |method: &str, path: &str, role: &str| {
        let route = routes.iter().find(|words| words[0] == method && words[1] == path).unwrap();
        let role = roles.iter().position(|name| name == role).unwrap();
        route[route.len() - roles.len() + role].clone()
    };
    for (method, path, role, reached) in [
        ("GET", "/movies", "anyone", "all"),
        ("GET", "/messages", "anyone", "-"),
        ("GET", "/messages", "reader", "some"),
        ("GET", "/messages", "moderator", "all"),
        ("GET", "/messages", "auditor", "some"),
        ("DELETE", "/messages/{message_id}", "moderator", "all"),
        ("DELETE", "/messages/{message_id}", "reader", "-"),
        ("DELETE", "/movies/{movie_id}", "admin", "all"),
    ] {
        assert_eq!(reach(method, path, role), reached, "{method} {path}, {role}:\n{matrix}");
    }
}

#[test]
fn an_app_describes_itself_to_tools_without_its_secrets() {
    let folder = TempDir::new().unwrap();
    let mut describe = command(folder.path(), &["describe"]);
    let issuer = [("PRESET", "okta"), ("DOMAIN", "dev-1.okta.com"), ("CLIENT_ID", "0oa"), ("CLIENT_SECRET", "s3cr3t")];
    describe.envs(issuer.map(|(name, value)| (format!("LOREM_IPSUM_IDENTITY__ISSUERS__OKTA__{name}"), value)));
    // It is not fetched: a tool may ask where the app could not run.
    describe.env("LOREM_IPSUM_DATABASE__PROD", "secret:aws-sm:films/database#url").env("LOREM_IPSUM_ENV", "prod");
    let said = stdout(&describe.output().unwrap());
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&told["name"], &told["prefix"]), (&"lorem-ipsum".into(), &"LOREM_IPSUM".into()));
    assert_eq!(told["issuers"][0]["issuer"], "https://dev-1.okta.com/oauth2/default");
    assert_eq!(told["issuers"][0]["audiences"], serde_json::json!(["api://default"]));
    let url = &told["settings"]["database.url"];
    assert!(
        url["hidden"] == true && url["origin"].as_str().unwrap().starts_with("secret:aws-sm:films/database#url"),
        "{url}"
    );
    assert!(!said.contains("s3cr3t"), "{said}");
}

#[test]
fn a_socket_that_is_not_there_is_not_taken() {
    let folder = TempDir::new().unwrap();
    let said = failure(&command(folder.path(), &["serve", "--socket"]).output().unwrap());
    assert!(said.contains("--socket takes a listening socket from standard input"), "{said}");
}

#[test]
fn a_filter_that_turns_off_the_log_by_mistake_is_refused_and_the_one_that_counts_is_shown() {
    let folder = TempDir::new().unwrap();
    for (name, value) in [("LOREM_IPSUM_LOG__FILTER", "inof"), ("RUST_LOG", "info,tollgate::request=lots")] {
        let said = failure(command(folder.path(), &["check"]).env(name, value).output().as_ref().unwrap());
        assert!(said.contains("log.filter (or RUST_LOG): `") && said.contains("is no level"), "{said}");
    }
    let shown = |filter: &str| {
        let mut config = command(folder.path(), &["config"]);
        let text =
            stdout(config.env("RUST_LOG", filter).env("LOREM_IPSUM_LOG__FILTER", "warn").output().as_ref().unwrap());
        let line = text.lines().find(|line| line.starts_with("log.filter")).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(shown("debug"), ["debug", "RUST_LOG"]);
    assert_eq!(shown(""), ["warn", "LOREM_IPSUM_LOG__FILTER"]);
    let mut check = command(folder.path(), &["check"]);
    let said = check.env("RUST_LOG", "").env("LOREM_IPSUM_LOG__FILTER", "debug").output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("DEBUG"), "an empty RUST_LOG turns nothing off");
}

#[test]
fn which_environment_it_is_is_not_left_to_chance() {
    let folder = TempDir::new().unwrap();
    let mut twice = command(folder.path(), &["check"]);
    let said = failure(twice.env("LOREM_IPSUM_ENV", "prod").env("lorem_ipsum_env", "dev").output().as_ref().unwrap());
    assert!(said.contains("LOREM_IPSUM_ENV and lorem_ipsum_env are one setting"), "{said}");
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/prod.toml"), "[server]\nport = 8002").unwrap();
    let port = |env: &str| told(folder.path(), "server.port", &[("ENV", env)]);
    assert_eq!(port("Prod"), ("8002".to_owned(), "config/prod.toml".to_owned()));
    let said = command(folder.path(), &["config"]).env("LOREM_IPSUM_ENV", "production").output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("nothing is said for the environment `production`; there are settings for `prod`"), "{said}");
}
