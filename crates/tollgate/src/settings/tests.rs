//! What refuses to start, and what it says. Each case is one step away from settings that are good.

use crate::App;

const GOOD: &str = r#"
[server]
host = "0.0.0.0"
public_url = "https://api.example.com"

[identity.issuers.okta]
preset = "okta"
domain = "dev-123456.okta.com"
"#;

/// Why an app with these settings does not start in that environment; nothing if it does.
fn refusal(env: &str, toml: &str) -> String {
    let toml: &'static str = toml.to_owned().leak();
    let settings = match App::new("app").settings(toml).built_in_settings(env) {
        Ok(settings) => settings,
        Err(failure) => return failure.to_string(),
    };
    let clients = || settings.identity.clients.iter().find_map(|client| client.read().err());
    settings.check().err().or_else(clients).unwrap_or_default()
}

#[test]
fn an_app_with_an_issuer_starts_anywhere() {
    assert_eq!(refusal("prod", GOOD), "");
    assert_eq!(refusal("dev", ""), "");
    assert_eq!(refusal("prod", "[server]\npublic_url = \"https://a.example\"\n[identity]\nembedded = true"), "");
}

#[test]
fn what_would_be_open_by_accident_is_refused_with_the_setting_to_change() {
    let generic = "[identity.issuers.one]\npreset = \"generic\"\nissuer = ";
    let secret = "[identity.issuers.old]\npreset = \"secret\"\nissuer = \"old\"\naudience = \"api\"\nsecret = ";
    let cases = [
        ("no issuer", String::new(), "name one in [identity.issuers]"),
        ("no issuer in dev either", "[identity]\nembedded = false".into(), "name one in [identity.issuers]"),
        ("no audience", format!("{generic}\"https://id.example\""), "identity.issuers.one.audience is missing"),
        ("an http issuer", format!("{generic}\"http://id.example\"\naudience = \"api\""), "must be `https`"),
        (
            "an http issuer on loopback",
            format!("{generic}\"http://127.0.0.1:8080\"\naudience = \"api\""),
            "identity.issuers.one is asked for its keys in the clear",
        ),
        ("a secret of an example", format!("{secret}\"your-256-bit-secret-your-256-bit-secret\""), "can be guessed"),
        ("the secret that was in our guide", format!("{secret}\"q7Tf2mXv9LkWc4RzNb8HsJd6PgYe3UaV\""), "can be guessed"),
        (
            "a secret of an example for a client",
            "[server]\npublic_url = \"https://a.example\"\n[identity]\nembedded = true\n[[identity.clients]]\nid = \"nightly\"\n\
             name = \"Nightly\"\nkind = \"machine\"\nsecret = \"changeme-changeme-changeme-changeme\""
                .into(),
            "the client `nightly` has a secret that can be guessed",
        ),
        ("a short secret", format!("{secret}\"q7Tf2mXv9LkWc4Rz\""), "identity.issuers.old.secret is shorter"),
        (
            "the embedded issuer without TLS",
            "[server]\nhost = \"0.0.0.0\"\n[identity]\nembedded = true".into(),
            "set server.public_url",
        ),
        (
            "passwords in the clear",
            format!("[identity]\npassword_grant = true\n{}", GOOD.replace("https://api", "http://api")),
            "identity.password_grant sends passwords in the clear",
        ),
        ("a name of our own", GOOD.replace("issuers.okta", "issuers.oauth2"), "identity.issuers.oauth2"),
        ("half of TLS", format!("{GOOD}[server.tls]\nkey = \"a.key\""), "server.tls.certificate"),
        ("an unknown key", format!("{GOOD}realm = \"x\""), "there is no setting `identity.issuers.okta.realm`"),
        (
            "no preset",
            GOOD.replace("preset = \"okta\"", ""),
            "`identity.issuers.okta.preset` is missing: set APP_IDENTITY__ISSUERS__OKTA__PRESET",
        ),
    ];
    for (what, toml, said) in cases {
        let refusal = refusal("prod", &toml);
        assert!(refusal.contains(said), "{what}: {refusal:?}");
        assert!(!refusal.contains("q7Tf2mXv9LkWc4Rz") && !refusal.contains("your-256"), "{refusal}");
    }
}

#[test]
fn a_number_beyond_its_bounds_is_refused_with_them() {
    for (what, toml, said) in [
        (
            "no places",
            format!("{GOOD}[server.shutdown]\ndrain_seconds = 5000"),
            "server.shutdown.drain_seconds is 5000: choose 0 to 3600",
        ),
        (
            "no room",
            GOOD.replace("host = ", "connections = 0\nhost = "),
            "server.connections is 0: choose 1 to 1000000",
        ),
        (
            "a session that ends as it begins",
            format!("{GOOD}[identity]\nsession_hours = 0"),
            "identity.session_hours is 0: choose 1 to 8784",
        ),
        (
            "a key for longer than there is a calendar",
            format!("{GOOD}[identity]\nsigning_key_days = 4000000000"),
            "identity.signing_key_days is 4000000000: choose 1 to 36500",
        ),
        (
            "a long token",
            format!("{GOOD}[identity]\naccess_token_minutes = 1441"),
            "identity.access_token_minutes is 1441",
        ),
        ("a short password", format!("{GOOD}[identity]\nshortest_password = 7"), "identity.shortest_password is 7"),
        ("an audit log of no days", format!("{GOOD}[audit]\nkeep_days = 0"), "audit.keep_days is 0: choose 1 to 36500"),
        (
            "an audit log of more days than there are",
            format!("{GOOD}[audit]\nkeep_days = 4000000000"),
            "audit.keep_days is 4000000000",
        ),
        (
            "a pause of too many seconds",
            format!("{GOOD}[secrets]\nrefresh_seconds = 4294967296"),
            "`secrets.refresh_seconds`: expected a whole number from 0 to 4294967295",
        ),
    ] {
        let refusal = refusal("prod", &toml);
        assert!(refusal.contains(said), "{what}: {refusal:?}");
    }
}

#[test]
fn loopback_behind_a_proxy_is_as_open_as_the_proxy() {
    let embedded = "[server]\nproxies = 1\n[identity]\nembedded = true\n";
    assert!(refusal("prod", embedded).contains("set server.public_url"));
    let grant = "[server]\nproxies = 1\n[identity]\npassword_grant = true\n";
    assert!(refusal("dev", grant).contains("identity.password_grant sends passwords in the clear"));
    for settings in [embedded, grant] {
        let here = settings.replace("proxies = 1", "proxies = 1\npublic_url = \"http://127.0.0.1:8080\"");
        assert_eq!(refusal("dev", &here), "");
        assert_eq!(refusal("dev", &settings.replace("proxies = 1", "")), "");
    }
}

/// Issuers, cookies and links are made of it.
#[test]
fn the_public_url_is_an_origin() {
    let with = |url: &str| GOOD.replace("https://api.example.com", url);
    for none in [
        "",
        "api.example.com",
        "localhost:8000",
        "https://",
        "ftp://api.example.com",
        "https://api.example.com/v1",
        "https://api.example.com?a=b",
        "https://api.example.com/#a",
        "https://u:q7Tf2mXv9LkWc4Rz@api.example.com",
    ] {
        let said = refusal("prod", &with(none));
        assert_eq!(
            said, "server.public_url must be scheme, host and port alone, as in `https://api.example.com`",
            "{none}"
        );
    }
    for one in ["https://api.example.com", "https://api.example.com/", "HTTPS://API.example.com:443"] {
        assert_eq!(refusal("prod", &with(one)), "");
        let toml: &'static str = with(one).leak();
        let settings = App::new("app").settings(toml).built_in_settings("prod").unwrap();
        assert_eq!(settings.public_url(), "https://api.example.com", "{one}");
    }
}

#[test]
fn a_role_that_a_setting_names_is_there() {
    let said = |setting: &str| {
        let toml: &'static str = format!("{GOOD}{setting}\n[access.roles]\nreader = []").leak();
        let app = App::new("app").settings(toml);
        let settings = app.built_in_settings("prod").unwrap();
        app.design(settings).err().map(|failure| failure.to_string()).unwrap_or_default()
    };
    assert_eq!(said("roles = [\"reader\"]\n[identity]\nsecond_factor = [\"reader\"]\ndefault_role = \"reader\""), "");
    for (setting, named) in [
        ("roles = [\"reader\", \"raeder\"]", "issuers.okta.roles"),
        ("[identity]\nsecond_factor = [\"raeder\"]", "second_factor"),
        ("[identity]\ndefault_role = \"raeder\"", "default_role"),
    ] {
        assert_eq!(said(setting), format!("identity.{named}: there is no role `raeder`; add it to [access.roles]"));
    }
}

/// What a proxy forwards comes from others, wherever the app listens, unless somebody says where the proxy does.
#[test]
fn demo_users_exist_on_this_machine_alone() {
    let demo =
        "[[identity.demo_users]]\nname = \"D\"\nemail = \"d@example.test\"\npassword = \"known to all\"\nroles = []\n";
    let count = |toml: &str| {
        let toml: &'static str = format!("{demo}{toml}").leak();
        App::new("app").settings(toml).built_in_settings("dev").unwrap().demo_users().len()
    };
    assert_eq!(count(""), 1);
    assert_eq!(count("[server]\nproxies = 1\npublic_url = \"http://127.0.0.1:8080\""), 1);
    for server in ["proxies = 1", "host = \"0.0.0.0\"", "public_url = \"https://api.example.com\""] {
        assert_eq!(count(&format!("[server]\n{server}")), 0, "{server}");
    }
}

#[test]
fn the_origins_whose_pages_may_read_are_named_one_by_one_as_browsers_write_them() {
    let said =
        |env: &str, origin: &str| refusal(env, &GOOD.replace("host = ", &format!("origins = [\"{origin}\"]\nhost = ")));
    for good in
        ["https://app.example.com", "https://app.example.com:8443", "http://localhost:3000", "http://[::1]:3000"]
    {
        assert_eq!(said("prod", good), "", "{good}");
    }
    for none in
        ["*", "null", "", "app.example.com", "https://*", "https://*.example.com", "file:///a", "capacitor://localhost"]
    {
        let said = said("dev", none);
        assert!(said.starts_with("server.origins.0 ") && !said.contains("did you mean"), "{none}: {said:?}");
    }
    for other in [
        "https://app.example.com/",
        "https://APP.example.com",
        "https://app.example.com:443",
        "https://u:hunter2@app.example.com",
    ] {
        let said = said("dev", other);
        assert!(said.contains("did you mean `https://app.example.com`?") && !said.contains("hunter2"), "{said}");
    }
    assert_eq!(said("dev", "http://192.168.1.5:3000"), "", "a phone on the desk");
    assert!(said("prod", "http://app.example.com").contains("outside `dev`"));
}

#[test]
fn in_development_a_provider_on_this_machine_needs_no_tls() {
    let local = "[identity.issuers.one]\npreset = \"generic\"\nissuer = \"http://127.0.0.1:8080\"\naudience = \"api\"";
    assert_eq!(refusal("dev", local), "");
    assert!(refusal("dev", &local.replace("127.0.0.1", "id.example")).contains("must be `https`"));
}

#[test]
fn the_reference_has_every_setting_with_its_meaning() {
    let page = App::new("myapi").settings_page();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let meaning = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        assert!(meaning.trim_start_matches("A secret.").trim().len() > 5, "a doc comment is missing: {row}");
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(file, &page).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    assert!(committed == page, "docs/reference/configuration.md is stale: run this test with UPDATE_EXPECT=1");
}
