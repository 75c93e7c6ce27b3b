//! The pages of the sign-in, as a person goes through them: with scripts and without, on a desk and on a phone.
//!
//! With `TOLLGATE_PICTURES=folder` each page that was looked at is a picture there: light, dark, and on a phone.

use crate::{
    both::offer_two,
    monitor::barriers,
    oidc_provider::{self, sign_in_there},
    process::{Server, command, run, stdout},
};
use aws_lc_rs::hmac;
use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tollgate_testing::{
    browser::{self, Browser},
    servers::free_port,
};

const PASSWORD: &str = "a long password of four words";
const EMAIL: &str = "ann@example.test";

/// Does it with scripts and without.
fn with_and_without_scripts(walk: impl Fn(&Browser)) {
    if browser::left_out() {
        return;
    }
    for browser in [Browser::start(), Browser::without_scripts()] {
        walk(&browser);
        assert_eq!(
            browser.console_errors().into_iter().filter(|error| !is_expected(error)).collect::<Vec<_>>(),
            [""; 0]
        );
    }
}

/// The console tells of each answer of 400 and more; and pages of the provider want a font from elsewhere.
fn is_expected(error: &str) -> bool {
    error.contains("the server responded with a status of") || error.contains("fonts.googleapis.com")
}

/// Waits for a page that says that.
pub(crate) fn shows(browser: &Browser, text: &str) {
    let text = text.to_lowercase();
    browser.wait_until(&text, |browser| {
        let body = browser.script("return document.body ? document.body.innerText.toLowerCase() : ''");
        body.as_str().is_some_and(|body| body.contains(&text))
    });
}

/// Waits for a page of ours that says that, and looks at it: nothing is wider than a phone, nothing is in anybody's way.
pub(crate) fn look(browser: &Browser, text: &str) {
    shows(browser, text);
    if let Some(folder) = env::var_os("TOLLGATE_PICTURES") {
        picture(browser, Path::new(&folder), text);
    }
    assert_eq!(barriers(browser), Vec::<String>::new(), "{text}");
    browser.resize(375);
    let widths = browser.script("return [document.documentElement.scrollWidth, document.body.scrollWidth]");
    assert_eq!(widths, serde_json::json!([375, 375]), "{text}: wider than a phone");
    browser.resize(1440);
}

fn picture(browser: &Browser, folder: &Path, text: &str) {
    fs::create_dir_all(folder).unwrap();
    let name: String = text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    for (kind, width, dark) in [("light", 1440, false), ("dark", 1440, true), ("phone", 375, false)] {
        browser.resize(width);
        browser.prefer_dark(dark);
        browser.screenshot(folder.join(format!("{name}-{kind}.png")));
    }
    browser.prefer_dark(false);
}

/// An app with a user of its own.
fn app(folder: &TempDir, port: &str) -> Server {
    let server = Server::start_as(&mut command(folder.path(), &["--port", port]));
    let add = ["create-user", "--name", "Ann Lee", "--email", EMAIL, "--password", PASSWORD, "--role", "reader"];
    stdout(&run(folder.path(), &add));
    server
}

pub(crate) fn sign_in(browser: &Browser, email: &str, password: &str) {
    browser.find("#email").type_into(email);
    browser.find("#password").type_into(password);
    browser.find("form button.button-primary").click();
}

fn press(browser: &Browser, button: &str) {
    browser.find(button).click();
}

/// An address where a client waits for codes; it says `Thank you` to all.
fn client() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        listener.incoming().map_while(Result::ok).for_each(|stream| drop(std::thread::spawn(|| thank(stream))));
    });
    format!("http://{address}/back")
}

/// A browser opens connections ahead of need.
fn thank(mut stream: TcpStream) {
    let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    if head.count() > 0 {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n";
        let _ = write!(stream, "{head}<link rel=icon href=data:,>Thank you");
    }
}

#[test]
fn a_person_allows_somebody_elses_client_and_takes_it_back() {
    let (folder, back) = (TempDir::new().unwrap(), client());
    fs::create_dir(folder.path().join("config")).unwrap();
    let settings = format!(
        "[[identity.clients]]\nid = \"prints\"\nname = \"Photo prints\"\nkind = \"confidential\"\nthird_party = true\n\
         secret = \"w8Jq3nVb0zKxTr5LmYc7Hd2Gf9Pa4Se1\"\nredirect_uris = [\"{back}\"]\n"
    );
    fs::write(folder.path().join("config/default.toml"), settings).unwrap();
    let server = app(&folder, "0");
    let ask = format!(
        "{}/oauth/authorize?response_type=code&client_id=prints&redirect_uri={back}&state=s1&code_challenge_method=S256\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&scope=openid%20email%20read:movies%20create:movies",
        server.url()
    );
    with_and_without_scripts(|browser| {
        browser.goto(&ask);
        sign_in(browser, EMAIL, PASSWORD);
        look(browser, "Allow Photo prints?");
        let told = browser.find(".grants").text();
        assert!(told.contains("Read movies") && told.contains("you may not do it yourself"), "{told}");
        press(browser, "button[value=deny]");
        shows(browser, "Thank you");
        assert!(browser.url().starts_with(&format!("{back}?error=access_denied")), "{}", browser.url());
        browser.goto(&ask);
        press(browser, "button[value=allow]");
        shows(browser, "Thank you");
        assert!(browser.url().starts_with(&format!("{back}?code=")), "{}", browser.url());
        browser.goto(&ask);
        shows(browser, "Thank you");
        browser.goto(&format!("{}/auth/apps", server.url()));
        look(browser, "Photo prints");
        press(browser, "main form button");
        look(browser, "You allowed none, or withdrew it.");
        browser.goto(&ask);
        look(browser, "Allow Photo prints?");
    });
}

/// What an authenticator app shows so many steps from now.
fn code(secret: &str, later: u64) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = secret.chars().filter_map(|c| alphabet.find(c)).map(|digit| format!("{digit:05b}"));
    let bits: Vec<char> = digits.collect::<String>().chars().collect();
    let byte = |bits: &[char]| u8::from_str_radix(&bits.iter().collect::<String>(), 2).unwrap();
    let key: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30 + later;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key), &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[test]
fn a_person_sets_up_a_second_factor_and_signs_in_with_it() {
    with_and_without_scripts(|browser| {
        let folder = TempDir::new().unwrap();
        let server = app(&folder, "0");
        browser.goto(&format!("{}/auth/second-factor", server.url()));
        sign_in(browser, EMAIL, PASSWORD);
        look(browser, "Set up a second factor");
        let secret = browser.find(".gate-secret").text();
        browser.find("#current").type_into(PASSWORD);
        // As good as never the right one.
        browser.find("#code").type_into(&code(&secret, 1000));
        press(browser, "form button.button-primary");
        look(browser, "The code is wrong. Type the one that the app shows now.");
        assert_eq!(browser.find(".gate-secret").text(), secret, "what was scanned is still good");
        let used = code(&secret, 0);
        browser.find("#current").type_into(PASSWORD);
        browser.find("#code").type_into(&used);
        press(browser, "form button.button-primary");
        look(browser, "Keep these recovery codes");
        let recovery = browser.find(".gate-codes li").text();
        press(browser, ".gate-links a");
        look(browser, "Signed in as Ann Lee");
        browser.goto(&format!("{}/auth/second-factor", server.url()));
        look(browser, "Recovery codes left: 10.");

        sign_out(browser, &server.url());
        sign_in(browser, EMAIL, PASSWORD);
        look(browser, "Enter your code");
        browser.find("#code").type_into(&used);
        press(browser, "form button.button-primary");
        look(browser, "The code is wrong, or was used before.");
        browser.find("#code").type_into(&code(&secret, 1));
        press(browser, "form button.button-primary");
        look(browser, "Signed in as Ann Lee");

        sign_out(browser, &server.url());
        sign_in(browser, EMAIL, PASSWORD);
        press(browser, ".gate-links a");
        look(browser, "Use a recovery code");
        browser.find("#code").type_into(&recovery);
        press(browser, "form button.button-primary");
        look(browser, "Signed in as Ann Lee");
    });
}

/// By the buttons of the home page; ends on the sign-in page.
pub(crate) fn sign_out(browser: &Browser, app: &str) {
    browser.goto(app);
    press(browser, ".hero-actions form button");
    look(browser, "Every route says who may call it.");
    press(browser, ".topbar .button-primary");
}

#[test]
fn a_person_who_forgot_a_password_chooses_another_by_the_link() {
    let folder = TempDir::new().unwrap();
    let server = app(&folder, "0");
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    let other = "five words make it better";
    with_and_without_scripts(|browser| {
        browser.goto(&format!("{}/auth/login", server.url()));
        press(browser, ".field-line a");
        look(browser, "A link to do so will be sent to your address.");
        browser.find("#email").type_into(EMAIL);
        press(browser, "form button");
        look(browser, "a link is on its way");

        let link = stdout(&run(folder.path(), &["user", "reset-link", EMAIL, "--port", &port]));
        browser.goto(link.trim());
        look(browser, "You will be signed out everywhere.");
        browser.find("#new").type_into("too short");
        press(browser, "form button");
        look(browser, "a password has at least 15 characters");
        browser.find("#new").type_into(other);
        press(browser, "form button");
        look(browser, "Your password was changed. Sign in with the new one.");
        sign_in(browser, EMAIL, PASSWORD);
        look(browser, "E-mail or password is wrong.");
        browser.find("#password").type_into(other);
        press(browser, "form button.button-primary");
        look(browser, "Signed in as Ann Lee");
        browser.goto(link.trim());
        look(browser, "This link is no longer good");

        let link = stdout(&run(folder.path(), &["user", "reset-link", EMAIL, "--port", &port]));
        browser.goto(link.trim());
        browser.find("#new").type_into(PASSWORD);
        press(browser, "form button");
        look(browser, "Your password was changed.");
    });
}

#[test]
fn a_person_chooses_among_providers() {
    if browser::left_out() {
        return;
    }
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let (_providers, settings) = offer_two(port);
    let mut command = command(folder.path(), &["--port", &port.to_string()]);
    command.env("LOREM_IPSUM_IDENTITY__EMBEDDED", "false").env("LOREM_IPSUM_IDENTITY__PASSWORD_GRANT", "false");
    let app = Server::start_as(command.envs(settings));
    for browser in [Browser::start(), Browser::without_scripts()] {
        browser.goto(&app.url());
        press(&browser, ".topbar .button-primary");
        look(&browser, "Afterwards you are back at");
        assert_eq!(browser.find(".providers").text().replace('\n', " "), "Other Peer");
        press(&browser, ".providers a");
        sign_in_there(&browser, "ann");
        look(&browser, "Signed in as ann");
        browser.goto(&format!("{}/api/me", app.url()));
        shows(&browser, "other|ann");
    }
}

#[test]
fn who_is_disabled_is_out_at_once_and_told_nothing_new() {
    let folder = TempDir::new().unwrap();
    let server = app(&folder, "0");
    with_and_without_scripts(|browser| {
        browser.goto(&format!("{}/auth/login", server.url()));
        sign_in(browser, EMAIL, PASSWORD);
        look(browser, "Signed in as Ann Lee");
        stdout(&run(folder.path(), &["user", "disable", EMAIL]));
        browser.goto(&format!("{}/movies", server.url()));
        look(browser, "Sign in first");
        press(browser, ".hero-actions .button-primary");
        sign_in(browser, EMAIL, PASSWORD);
        look(browser, "E-mail or password is wrong.");
        stdout(&run(folder.path(), &["user", "enable", EMAIL]));
        browser.find("#password").type_into(PASSWORD);
        press(browser, "form button.button-primary");
        shows(browser, "The Land Girls");
        sign_out(browser, &server.url());
    });
}

#[test]
fn who_is_kept_out_is_sent_back_from_their_provider() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let provider = oidc_provider::provider_of(port);
    let command = |arguments: &[&str]| {
        let mut command = oidc_provider::command(&folder, &provider, arguments);
        command.env("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__CLIENT_ID", "web");
        command.env("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__CLIENT_SECRET", oidc_provider::SECRET);
        command
    };
    let app = Server::start_as(&mut command(&["--port", &port.to_string()]));
    with_and_without_scripts(|browser| {
        browser.goto(&format!("{}/auth/login", app.url()));
        press(browser, ".providers a");
        sign_in_there(browser, "ann");
        look(browser, "Signed in as ann");
        stdout(&command(&["user", "disable", "peer|ann"]).output().unwrap());
        browser.goto(&app.url());
        look(browser, "Every route says who may call it.");
        press(browser, ".topbar .button-primary");
        press(browser, ".providers a");
        look(browser, "this account is not allowed in here");
        stdout(&command(&["user", "enable", "peer|ann"]).output().unwrap());
        browser.goto(&format!("{}/auth/login/peer", app.url()));
        look(browser, "Signed in as ann");
    });
}
