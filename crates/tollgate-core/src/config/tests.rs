use super::*;
use crate::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    server: Server,
    database: Database,
    roles: BTreeMap<String, Vec<String>>,
    films: Option<Films>,
}

/// Where it listens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Server {
    /// The port. Default: 8000, | and more. In no unit.
    port: u16,
    origins: Vec<String>,
    ports: Vec<u16>,
    fast: Option<bool>,
}

impl Default for Server {
    fn default() -> Self {
        Self { port: 8000, origins: vec![], ports: vec![], fast: None }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Database {
    #[schemars(extend("x-by-environment" = true))]
    url: Option<Secret>,
    /// What is said apart.
    parameters: BTreeMap<String, Secret>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Films {
    /// Which key opens the archive.
    key: Secret,
    size: usize,
}

fn sources(toml: &'static str, variables: &[(&str, &str)]) -> Sources {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let built_in = vec![(None, toml), (Some("stage"), "[server]\nport = 8001")];
    Sources { variables, ..Sources::built_in("myapi", "dev", built_in) }
}

impl Sources {
    /// All layers as one value.
    fn load(&self) -> Result<Settings, Invalid> {
        let configuration = self.read(schema_of::<Settings>())?;
        configuration.check()?;
        configuration.typed_without(&[])
    }
}

fn loaded(variables: &[(&str, &str)]) -> Settings {
    sources("", variables).load().unwrap()
}

fn refusal(toml: &'static str, variables: &[(&str, &str)]) -> String {
    sources(toml, variables).load().unwrap_err().to_string()
}

#[test]
fn the_environment_wins_over_the_file_env_and_that_over_other_files() {
    let folder = std::env::temp_dir().join(format!("tollgate-config-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let port = |variables: &[_]| {
        let sources = Sources { folder: folder.clone(), dotenv: folder.join(".env"), ..sources("", variables) };
        sources.load().unwrap().server.port
    };
    assert_eq!(port(&[]), 8000);
    assert_eq!(port(&[("MYAPI_ENV", "stage")]), 8001);
    std::fs::write(folder.join("stage.toml"), "[server]\nport = 8002").unwrap();
    assert_eq!(port(&[("MYAPI_ENV", "stage")]), 8002);
    std::fs::write(folder.join(".env"), "MYAPI_SERVER__PORT=8003\nMYAPI_ENV=stage\nOTHER=1").unwrap();
    assert_eq!(port(&[]), 8003);
    assert_eq!(port(&[("MYAPI_SERVER__PORT", "9000")]), 9000);
    assert_eq!(port(&[("myapi_server__port", "9001")]), 9001);
    let twice = "MYAPI_ENV=dev\nMYAPI_SERVER__PORT=1\nMYAPI_ENV=stage\nMYAPI_SERVER__PORT=2";
    std::fs::write(folder.join(".env"), twice).unwrap();
    std::fs::write(folder.join("stage.toml"), "[server]\norigins = [\"staged\"]").unwrap();
    let sources = Sources { folder: folder.clone(), dotenv: folder.join(".env"), ..sources("", &[]) };
    let Server { port, origins, .. } = sources.load().unwrap().server;
    assert_eq!((port, origins), (2, vec!["staged".to_owned()]), "of two lines the last counts, as in a shell");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_variable_is_read_as_what_its_setting_is() {
    let server = |name: &str, value: &str| loaded(&[(&format!("MYAPI_SERVER__{name}"), value)]).server;
    assert_eq!(
        server("ORIGINS", "https://a.example, https://b.example").origins,
        ["https://a.example", "https://b.example"]
    );
    assert_eq!(server("ORIGINS", r#"["a,b", "1"]"#).origins, ["a,b", "1"]);
    assert_eq!(server("ORIGINS", "1").origins, ["1"]);
    assert!(server("ORIGINS", "").origins.is_empty());
    assert_eq!(server("PORTS", "1,2").ports, [1, 2]);
    assert_eq!(server("FAST", "true").fast, Some(true));
    let given = [("MYAPI_DATABASE__URL", "12"), ("MYAPI_ROLES__READER", "read:films,read:books")];
    assert_eq!(loaded(&given).database.url.unwrap().reveal(), "12");
    assert_eq!(loaded(&given).roles["reader"], ["read:films", "read:books"]);
    assert_eq!(loaded(&[("MYAPI_ROLES", r#"{"a": ["b"]}"#)]).roles["a"], ["b"]);
}

#[test]
fn a_variable_means_the_entry_that_a_file_writes_otherwise() {
    let sources = sources("[roles]\nFilm-Club = [\"a\"]", &[("MYAPI_ROLES__FILM_CLUB", "b")]);
    assert_eq!(sources.load().unwrap().roles, [("Film-Club".into(), vec!["b".into()])].into());
}

#[test]
fn each_environment_has_its_database() {
    let all = [("MYAPI_DATABASE__DEV", "d"), ("MYAPI_DATABASE__STAGE", "s"), ("MYAPI_DATABASE__PROD", "p")];
    let url = |more: &[(&'static str, &'static str)]| {
        loaded(&[&all, more].concat()).database.url.unwrap().reveal().to_owned()
    };
    assert_eq!(url(&[]), "d");
    assert_eq!(url(&[("MYAPI_ENV", "stage")]), "s");
    assert_eq!(url(&[("myapi_env", "prod"), ("MYAPI_DATABASE__URL", "general")]), "p");
    assert_eq!(url(&[("MYAPI_ENV", "qa"), ("MYAPI_DATABASE__QA", "q")]), "q");
    let file = "[database]\ndev = \"d\"\nstage = \"s\"\nurl = \"u\"";
    let url = |env| sources(file, &[("MYAPI_ENV", env)]).load().unwrap().database.url.unwrap();
    assert_eq!(["dev", "stage", "prod"].map(|env| url(env).reveal().to_owned()), ["d", "s", "u"]);
    let said = refusal("", &[("MYAPI_DATABASE__QA", "q")]);
    assert!(said.contains("there is no setting `database.qa`"), "{said}");
}

#[test]
fn what_nothing_reads_is_refused_with_the_setting_that_was_meant() {
    let said = refusal("[server]\nprot = 1\n[roels]\na = []", &[("MYAPI_SERVER__PROT", "1"), ("MYAPI_PORT", "1")]);
    let expected = [
        "MYAPI_PORT: there is no setting `port`; did you mean `server.port` (MYAPI_SERVER__PORT)?",
        "MYAPI_SERVER__PROT: there is no setting `server.prot`; did you mean `server.port` (MYAPI_SERVER__PORT)?",
        "built in: there is no setting `roels`; did you mean `roles` (MYAPI_ROLES)?",
        "built in: there is no setting `server.prot`; did you mean `server.port` (MYAPI_SERVER__PORT)?",
    ];
    assert_eq!(said, expected.join("\n"));
    let said = refusal("", &[("MYAPI_SERVER__PORT__X", "1"), ("MYAPI_ZZZ", "1")]);
    let expected = [
        "MYAPI_SERVER__PORT__X: there is no setting `server.port.x`; `server.port` has no settings within",
        "MYAPI_ZZZ: there is no setting `zzz`; there is: server, database, roles, films",
    ];
    assert_eq!(said, expected.join("\n"));
}

#[test]
fn addresses_that_kubernetes_gives_are_no_settings() {
    let given = [
        ("SERVICE_HOST", "10.0.0.1"),
        ("SERVICE_PORT", "80"),
        ("SERVICE_PORT_HTTP", "80"),
        ("PORT", "tcp://10.0.0.1:80"),
        ("PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    // The service of the app, and one beside it.
    let given = ["", "REDIS_"]
        .into_iter()
        .flat_map(|service| given.into_iter().map(move |(name, value)| (format!("MYAPI_{service}{name}"), value)));
    let given: Vec<_> = given.collect();
    let said = refusal("", &[("MYAPI_SERVER_PORT", "8000")]);
    assert!(said.contains("there is no setting `server_port`"), "{said}");
    loaded(&given.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>());
}

#[test]
fn what_is_missing_is_told_with_the_variable_to_set() {
    let said = refusal("[films]", &[]);
    let of = |name: &str, variable: &str| {
        format!("`films.{name}` is missing: set {variable}, or `{name}` in [films] of /nonexistent/*.toml")
    };
    assert_eq!(said, [of("key", "MYAPI_FILMS__KEY"), of("size", "MYAPI_FILMS__SIZE")].join("\n"));
}

#[test]
fn a_value_that_does_not_fit_is_told_by_its_place_and_never_shown() {
    for (variable, setting) in [
        ("MYAPI_SERVER__PORT", "server.port"),
        ("MYAPI_SERVER", "server"),
        ("MYAPI_SERVER__PORTS", "server.ports.0"),
        ("MYAPI_SERVER__FAST", "server.fast"),
        ("MYAPI_ROLES", "roles"),
    ] {
        let said = refusal("", &[(variable, "postgres://u:hunter2@\"h, expected ")]);
        assert!(
            said.starts_with(&format!("{variable}: `{setting}`: expected ")) && !said.contains("hunter2"),
            "{said}"
        );
    }
    let said = refusal("", &[("MYAPI_SERVER__PORT", "70000")]);
    assert_eq!(said, "MYAPI_SERVER__PORT: `server.port`: expected a whole number from 0 to 65535");
    for toml in
        ["[server]\nport = \"hunter2", "[server]\nport = \"hunter2\"", "hunter2", "[server]\nports = [\"hunter2\"]"]
    {
        let said = refusal(toml, &[]);
        assert!(said.starts_with("built in") && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn effective_values_are_listed_with_where_they_were_said_and_secrets_hidden() {
    let toml = "[server]\norigins = [\"secret:aws-ssm:/origin\"]\n[database]\nurl = \"hunter2\"\n[films]\nkey = \"secret:file:/run/key\"\nsize = 1";
    let mut configuration = sources(toml, &[("MYAPI_SERVER__PORT", "9000")]).read(schema_of::<Settings>()).unwrap();
    let references: Vec<_> = configuration.references().map(|(path, text)| (path.clone(), text.to_owned())).collect();
    assert_eq!(references.len(), 2);
    for (path, _) in references {
        configuration.resolve(&path, &"hunter2".into());
    }
    let typed: Settings = configuration.typed_without(&[]).unwrap();
    let films = typed.films.unwrap();
    assert_eq!((typed.server.origins[0].as_str(), films.key.reveal()), ("hunter2", "hunter2"));
    assert_eq!(films.size, 1);
    let expected = "\
env                  dev        default
server.port          9000       MYAPI_SERVER__PORT
server.origins       (hidden)   secret:aws-ssm:/origin (built in)
server.ports         []         default
server.fast          (not set)  default
database.url         (hidden)   built in
database.parameters  (not set)  default
roles                {}         default
films.key            (hidden)   secret:file:/run/key (built in)
films.size           1          built in
";
    assert_eq!(configuration.table(), expected);
    let json = configuration.json();
    assert_eq!(json["server.port"], json!({ "value": 9000, "origin": "MYAPI_SERVER__PORT" }));
    assert_eq!(json["database.url"], json!({ "hidden": true, "origin": "built in" }));
}

#[test]
fn a_secret_is_hidden_also_in_what_is_not_what_it_should_be() {
    for toml in [
        "[database]\nparameters = \"password=hunter2\"",
        "[database]\nparameters = [\"hunter2\"]",
        "database = \"hunter2\"",
        "[films]\nkey = { a = \"hunter2\" }",
        "[[films]]\nkey = \"hunter2\"",
        "films = \"hunter2\"",
    ] {
        let configuration = sources(toml, &[]).read(schema_of::<Settings>()).unwrap();
        let printed = format!("{}{}", configuration.table(), configuration.json());
        assert!(!printed.contains("hunter2"), "{toml}: {printed}");
    }
}

#[test]
fn a_secret_is_typed_as_the_setting_it_stands_for() {
    let mut configuration =
        sources("[server]\nport = \"secret:aws-ssm:/port\"", &[]).read(schema_of::<Settings>()).unwrap();
    configuration.resolve(&vec!["server".into(), "port".into()], &"9000".into());
    assert_eq!(configuration.typed_without::<Settings>(&[]).unwrap().server.port, 9000);
}

#[test]
fn a_secret_may_be_a_list() {
    let mut configuration =
        sources("", &[("MYAPI_SERVER__ORIGINS", "secret:aws-ssm:/a")]).read(schema_of::<Settings>()).unwrap();
    configuration.resolve(&vec!["server".into(), "origins".into()], &"a, b".into());
    assert_eq!(configuration.typed_without::<Settings>(&[]).unwrap().server.origins, ["a", "b"]);
}

#[test]
fn the_page_has_a_row_for_each_setting() {
    let page = page("MYAPI", &schema_of::<Settings>());
    assert!(page.contains("## `[server]`\n\nWhere it listens.\n"), "{page}");
    for row in [
        "| `server.port` | `MYAPI_SERVER__PORT` | 8000, \\| and more | The port. In no unit. |",
        "| `database.parameters` | `MYAPI_DATABASE__PARAMETERS` |  | What is said apart. |",
        "| `films.key` | `MYAPI_FILMS__KEY` | required | A secret. Which key opens the archive. |",
    ] {
        assert!(page.contains(row), "{row}\n{page}");
    }
}

#[test]
fn a_variable_in_two_spellings_does_not_say_two_things() {
    let refused = |variables: &[(&str, &str)]| refusal("", variables);
    for (one, two) in [("MYAPI_ENV", "myapi_env"), ("MYAPI_SERVER__PORT", "MYAPI_server__port")] {
        let said = refused(&[(one, "8001"), (two, "8002")]);
        assert_eq!(said, format!("{one} and {two} are one setting and say different things: leave one of them"));
        assert_eq!(said, refused(&[(two, "8001"), (one, "8002")]));
    }
    assert_eq!(loaded(&[("MYAPI_SERVER__PORT", "8001"), ("myapi_server__port", "8001")]).server.port, 8001);
    loaded(&[
        ("OTHER_ENV", "a"),
        ("other_env", "b"),
        ("MYAPI", "a"),
        ("myapi", "b"),
        ("MYAPIX_A", "a"),
        ("myapix_a", "b"),
    ]);
}

#[test]
fn the_name_of_an_environment_knows_no_case_and_one_that_nothing_knows_is_told() {
    let folder = std::env::temp_dir().join(format!("tollgate-config-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let read = |env: &str, variables: &[(&str, &str)]| {
        let variables = [&[("MYAPI_ENV", env)], variables].concat();
        let sources = Sources { folder: folder.clone(), ..sources("", &variables) };
        let read = sources.read(schema_of::<Settings>()).unwrap();
        (read.typed_without::<Settings>(&[]).unwrap().server.port, read.doubt().map(str::to_owned))
    };
    for (file, env, port) in [("stage", "Stage", 8001), ("prod", "PROD", 8002), ("Canary", "canary", 8003)] {
        if env != "Stage" {
            std::fs::write(folder.join(format!("{file}.toml")), format!("[server]\nport = {port}")).unwrap();
        }
        assert_eq!(read(env, &[]), (port, None), "{env}");
    }
    let said = read("production", &[]).1.unwrap();
    assert_eq!(
        said,
        "nothing is said for the environment `production`; there are settings for `canary`, `prod`, `stage`"
    );
    assert_eq!(read("qa", &[("MYAPI_DATABASE__QA", "q")]).1, None);
    assert_eq!(read("dev", &[]).1, None);
    std::fs::remove_dir_all(&folder).unwrap();
    let without_files = |variables: &[(&str, &str)]| {
        let variables = [&[("MYAPI_ENV", "production")], variables].concat();
        let sources = Sources { built_in: vec![], ..sources("", &variables) };
        sources.read(schema_of::<Settings>()).unwrap().doubt().map(str::to_owned)
    };
    assert_eq!(without_files(&[]), None, "an app whose environments have variables alone");
    let (of_prod, own) = (("MYAPI_DATABASE__PROD", "p"), ("MYAPI_DATABASE__PRODUCTION", "p"));
    let said = "nothing is said for the environment `production`; there are settings for `prod`";
    assert_eq!(without_files(&[of_prod]).as_deref(), Some(said));
    assert_eq!(without_files(&[of_prod, own]), None);
}
