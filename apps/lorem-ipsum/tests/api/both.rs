//! Both kinds of sign-in at once: the app has users of its own, and a certified provider has others.

use crate::{
    browser_sign_in::{look, sign_in, sign_out},
    oidc_provider::{self, SECRET, add_film, get, me, provider_of, sign_in_there, token},
    process::{Server, stdout},
};
use serde_json::{Value, json};
use std::process::Command;
use tempfile::TempDir;
use tollgate_testing::{
    browser::{self, Browser},
    servers::{OidcProvider, free_port},
};

const PASSWORD: &str = "a long password of four words";

/// The settings of two providers, `other` and `peer`, where people of the app at that port sign in.
pub(crate) fn offer_two(port: u16) -> ([OidcProvider; 2], Vec<(String, String)>) {
    let (other, peer) = (provider_of(port), provider_of(port));
    let mut settings = vec![];
    for (name, provider) in [("OTHER", &other), ("PEER", &peer)] {
        let back = format!("http://127.0.0.1:{port}/auth/callback");
        let back = if name == "OTHER" { format!("{back}/other") } else { back };
        for (key, value) in [
            ("PRESET", "generic"),
            ("ISSUER", &provider.issuer()),
            ("CLIENT_ID", "web"),
            ("CLIENT_SECRET", SECRET),
            ("REDIRECT_URI", &back),
        ] {
            settings.push((format!("LOREM_IPSUM_IDENTITY__ISSUERS__{name}__{key}"), value.to_owned()));
        }
    }
    ([other, peer], settings)
}

/// The app with users of its own and the provider `peer`, whose people are curators.
struct World {
    folder: TempDir,
    provider: OidcProvider,
    port: u16,
}

impl World {
    /// With an own user Ann, an admin who has the address that the provider's `ann` has as well.
    fn start() -> (Self, Server) {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        std::fs::create_dir(folder.path().join("config")).unwrap();
        let settings = format!(
            "[identity.issuers.peer]\nroles = [\"curator\"]\nclient_id = \"web\"\nclient_secret = \"{SECRET}\"\n"
        );
        std::fs::write(folder.path().join("config/default.toml"), settings).unwrap();
        let world = Self { folder, provider: provider_of(port), port };
        let app = Server::start_as(&mut world.command(&["--port", &port.to_string()]));
        let email = "ann@example.test";
        world.run(&["create-user", "--name", "Ann Admin", "--email", email, "--password", PASSWORD, "--role", "admin"]);
        (world, app)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        oidc_provider::command(&self.folder, &self.provider, arguments)
    }

    fn run(&self, arguments: &[&str]) -> String {
        stdout(&self.command(arguments).output().unwrap())
    }

    /// An access token of a user of the app.
    fn own_token(&self, email: &str) -> String {
        self.run(&["token", email, "--port", &self.port.to_string()]).trim().to_owned()
    }
}

fn me_in(browser: &Browser, app: &Server) -> Value {
    browser.goto(&format!("{}/api/me", app.url()));
    browser.script("return JSON.parse(document.body.innerText)")
}

fn through_the_provider(browser: &Browser, app: &Server, name: &str) {
    browser.goto(&format!("{}/auth/login", app.url()));
    browser.find(".providers a").click();
    sign_in_there(browser, name);
    look(browser, "Signed in as");
}

#[test]
fn own_users_and_those_of_a_provider_sign_in_on_one_page_and_are_never_each_other() {
    if browser::left_out() {
        return;
    }
    let (world, app) = World::start();
    let browser = Browser::start();
    browser.goto(&format!("{}/auth/login?return_to=/", app.url()));
    look(&browser, "or continue with");
    sign_in(&browser, "ann@example.test", PASSWORD);
    look(&browser, "Signed in as Ann Admin");
    let own = me_in(&browser, &app);
    assert_eq!([&own["provider"], &own["roles"]], [&json!("this app"), &json!(["admin"])], "{own}");

    // The same address, verified there: another person, with the roles of the provider alone.
    through_the_provider(&browser, &app, "ann");
    let terminal = browser.find(".terminal").text();
    assert!(terminal.contains("Bearer $TOKEN") && !terminal.contains("token ann@example.test"), "{terminal}");
    let there = me_in(&browser, &app);
    let told = [&there["id"], &there["provider"], &there["email"], &there["roles"]];
    assert_eq!(told, [&json!("peer|ann"), &json!("peer"), &own["email"], &json!(["curator"])], "{there}");
    let sessions = world.run(&["user", "sessions", "ann@example.test"]);
    assert!(sessions.contains("signed in nowhere"), "who signs in otherwise has left before: {sessions}");

    // And back: nothing is left of the provider's session.
    browser.goto(&format!("{}/auth/login?return_to=/", app.url()));
    sign_in(&browser, "ann@example.test", PASSWORD);
    look(&browser, "Signed in as Ann Admin");
    assert_eq!(me_in(&browser, &app), own, "who is who has not changed");
    assert!(world.run(&["user", "sessions", "peer|ann"]).contains("signed in nowhere"));
    sign_out(&browser, &app.url());
    browser.goto(&format!("{}/api/me", app.url()));
    look(&browser, "Sign in first");
}

#[test]
fn an_address_that_a_provider_has_not_verified_is_nobodys() {
    if browser::left_out() {
        return;
    }
    let (_world, app) = World::start();
    let browser = Browser::start();
    through_the_provider(&browser, &app, "unverified-ann");
    let told = me_in(&browser, &app);
    let who = [&told["id"], &told["email"], &told["roles"]];
    assert_eq!(who, [&json!("peer|unverified-ann"), &Value::Null, &json!(["curator"])], "{told}");
    sign_out(&browser, &app.url());
    // A provider's person has no password here, whatever they type.
    sign_in(&browser, "unverified-ann@example.test", "anything at all, and long");
    look(&browser, "E-mail or password is wrong.");
}

#[test]
fn tokens_of_both_pass_the_same_routes_each_with_its_own_roles() {
    let (world, app) = World::start();
    let (reader, admin) = (world.own_token("reader@example.test"), world.own_token("ann@example.test"));
    let theirs = token(&world.provider, "read:movies");
    let who = |token: &str| me(&app, token).1["provider"].clone();
    assert_eq!([who(&reader), who(&theirs)], ["this app", "peer"]);
    let may = [(&reader, 403), (&admin, 201), (&theirs, 201)];
    for (id, (token, status)) in (9001..).zip(may) {
        assert_eq!(add_film(&app, token, id), status, "{}", who(token));
    }
    let users = |token: &str| {
        let request = oidc_provider::agent().get(format!("{}/users", app.url()));
        request.header("authorization", format!("Bearer {token}")).call().unwrap().status().as_u16()
    };
    assert_eq!([users(&reader), users(&theirs), users(&admin)], [403, 403, 200], "curators manage no users");
    assert_eq!(get(&format!("{}/users", app.url())).status(), 401);

    // What ends the one is nothing to the other, though they have one address.
    world.run(&["user", "disable", "peer|service"]);
    oidc_provider::until("the provider's token is void", || me(&app, &theirs).0 == 401);
    assert_eq!([me(&app, &reader).0, me(&app, &admin).0], [200, 200]);
    world.run(&["user", "enable", "peer|service"]);
    world.run(&["user", "sign-out", "ann@example.test"]);
    oidc_provider::until("the own token is void", || me(&app, &admin).0 == 401);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = token(&world.provider, "read:movies");
    oidc_provider::until("the provider's people come in", || me(&app, &again).0 == 200);
}
