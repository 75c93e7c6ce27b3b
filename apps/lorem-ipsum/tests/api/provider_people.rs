//! Somebody of a certified provider who is kept out here: two instances, on each store, by the API and by the command line.

use crate::{
    oidc_provider::{agent, clients, command, me, token, until},
    process::{Server, failure, run, stdout},
};
use serde_json::{Value, json};
use std::{process::Stdio, thread::sleep, time::Duration};
use tempfile::TempDir;
use tollgate_testing::servers::{Mongo, OidcProvider, Postgres};

const WHO: &str = "peer|service";
const PATH: &str = "/provider-people/peer%7Cservice";

/// Two instances of the app on one database, where a provider hands out tokens.
struct World {
    folder: TempDir,
    provider: OidcProvider,
    database: Option<String>,
    instances: [Server; 2],
}

impl World {
    fn on(database: Option<String>) -> Self {
        let (folder, provider) = (TempDir::new().unwrap(), OidcProvider::start(&clients()));
        let start = || {
            let mut command = command(&folder, &provider, &["--port", "0"]);
            command.envs(database.iter().map(|url| ("LOREM_IPSUM_DATABASE__URL", url)));
            Server::start_as(command.stderr(Stdio::null()))
        };
        let instances = [start(), start()];
        Self { folder, provider, database, instances }
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = command(&self.folder, &self.provider, arguments);
        command.envs(self.database.iter().map(|url| ("LOREM_IPSUM_DATABASE__URL", url))).output().unwrap()
    }

    fn user(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&stdout(&self.run(&[&["user", "--json"], arguments].concat()))).unwrap()
    }

    /// What the first instance answers to a demo user, or to nobody.
    fn ask(&self, who: Option<&str>, method: &str, path: &str, body: &str) -> (u16, Value) {
        let app = self.instances[0].url();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{app}{path}"));
        if let Some(who) = who {
            let port = app.rsplit(':').next().unwrap();
            let token = stdout(&self.run(&["token", &format!("{who}@example.test"), "--port", port]));
            request = request.header("authorization", format!("Bearer {}", token.trim()));
        }
        let request = request.header("content-type", "application/json").body(body.to_owned()).unwrap();
        let answer = agent().run(request).unwrap();
        let (status, text) = (answer.status().as_u16(), answer.into_body().read_to_string().unwrap());
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    fn lets_in(&self, token: &str) -> [bool; 2] {
        self.instances.each_ref().map(|app| me(app, token).0 == 200)
    }
}

fn an_admin_keeps_somebody_out_and_lets_them_in(database: Option<String>) {
    let world = World::on(database);
    let (old, out, r#in) = (token(&world.provider, "read:movies"), r#"{"disabled":true}"#, r#"{"disabled":false}"#);
    assert_eq!(world.lets_in(&old), [true, true]);
    for (who, refused) in [(None, 401), (Some("reader"), 403)] {
        for (method, path) in [("GET", "/provider-people"), ("GET", PATH), ("PUT", PATH)] {
            assert_eq!(world.ask(who, method, path, out).0, refused, "{method} {path}");
        }
    }
    assert_eq!(world.ask(Some("admin"), "GET", PATH, "").0, 404, "nothing was said of them");

    let (status, said) = world.ask(Some("admin"), "PUT", PATH, out);
    assert_eq!((status, &said["disabled"], &said["issuer"]), (200, &json!(true), &json!("peer")), "{said}");
    assert_eq!(me(&world.instances[0], &old).0, 401, "at once where it was said");
    until("the other instance knows", || me(&world.instances[1], &old).0 == 401);
    assert_eq!(world.lets_in(&token(&world.provider, "read:movies")), [false, false], "new tokens neither");
    let listed = world.ask(Some("admin"), "GET", "/provider-people?disabled=true", "").1;
    assert_eq!(listed["items"][0]["person_id"], WHO, "{listed}");

    assert_eq!(world.ask(Some("admin"), "PUT", PATH, r#in).0, 200);
    // Tokens tell seconds apart.
    sleep(Duration::from_millis(1100));
    let new = token(&world.provider, "read:movies");
    until("both let them in again", || world.lets_in(&new) == [true, true]);
    assert_eq!(world.lets_in(&old), [false, false], "what was issued before stays void");
    let audit = world.ask(Some("admin"), "GET", "/audit?resource=provider_people&sort=event_id", "").1;
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, ["disable", "enable"], "{audit}");

    assert_eq!(world.user(&["disable", WHO])["disabled"], true);
    until("a command reaches both", || world.lets_in(&new) == [false, false]);
}

#[test]
fn who_is_kept_out_stays_out_with_any_token_on_sqlite() {
    an_admin_keeps_somebody_out_and_lets_them_in(None);
}

#[test]
fn who_is_kept_out_stays_out_with_any_token_on_postgres() {
    let schema = format!("people_{}", std::process::id());
    an_admin_keeps_somebody_out_and_lets_them_in(Some(format!("{}?schema={schema}", Postgres::shared())));
}

#[test]
fn who_is_kept_out_stays_out_with_any_token_on_mongodb() {
    let name = format!("people_{}", std::process::id());
    an_admin_keeps_somebody_out_and_lets_them_in(Some(Mongo::shared().replace("/?", &format!("/{name}?"))));
}

#[test]
fn people_of_providers_are_managed_from_the_command_line() {
    let world = World::on(None);
    let old = token(&world.provider, "read:movies");
    assert!(failure(&world.run(&["user", "get", WHO])).contains("they have not signed in"));
    assert!(failure(&world.run(&["user", "get", "other|service"])).contains("no user with the e-mail address"));
    assert!(stdout(&world.run(&["user", "sign-out", WHO])).contains("signed out everywhere"));
    until("their tokens end", || world.lets_in(&old) == [false, false]);
    assert_eq!(world.user(&["get", WHO])["disabled"], false);
    assert_eq!(world.user(&["sessions", WHO]), json!([]));
    assert_eq!(world.user(&["disable", WHO])["disabled"], true);
    let listed = stdout(&world.run(&["user", "list"]));
    assert!(listed.contains("reader@example.test") && listed.contains(WHO), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with(WHO) && line.ends_with("no role  disabled")), "{listed}");
    let mut with_role = command(&world.folder, &world.provider, &["user", "list"]);
    let with_role = with_role.env("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__ROLES", "[\"reader\"]").output().unwrap();
    let listed = stdout(&with_role);
    assert!(listed.lines().any(|line| line.starts_with(WHO) && line.ends_with("reader  disabled")), "{listed}");
    let all = world.user(&["list"]);
    assert_eq!(all.as_array().unwrap().last().unwrap()["person_id"], WHO);
    assert_eq!(world.user(&["enable", WHO])["disabled"], false);
    for command in [&["roles", WHO, "admin"][..], &["delete", WHO], &["reset-link", WHO]] {
        assert!(failure(&world.run(&[&["user"], command].concat())).contains("is known to a provider"));
    }
    // Without that issuer in the settings, nobody is called so.
    assert!(failure(&run(world.folder.path(), &["user", "get", WHO])).contains("no user with the e-mail address"));
}
