//! The browser against a page that does what pages do: late content, scripts, a second window, mistakes.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use tollgate_testing::browser::{self, Browser};

const PAGE: &str = r##"<!doctype html>
<title>Greeter</title>
<link rel="icon" href="data:,">
<form><input id="name"> <button>Greet</button></form>
<a href="/other" target="_blank">Other</a>
<script>
    document.querySelector("form").addEventListener("submit", event => {
        event.preventDefault();
        const answer = document.createElement("p");
        answer.id = "answer";
        answer.textContent = "Hello " + document.querySelector("#name").value;
        setTimeout(() => document.body.append(answer), 200);
    });
</script>"##;

/// A server that answers [`PAGE`] to everything, until the test's process ends.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(|stream| answer(&stream.unwrap())));
    format!("http://{address}/")
}

fn answer(mut stream: &TcpStream) {
    // A browser opens connections ahead of need, and closes them without a request.
    let head = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    if head.count() > 0 {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n{PAGE}").unwrap();
    }
}

fn open() -> Option<Browser> {
    if browser::left_out() {
        return None;
    }
    let browser = Browser::start();
    browser.goto(&serve());
    Some(browser)
}

#[test]
fn a_browser_types_clicks_and_waits_for_the_answer() {
    let Some(browser) = open() else { return };
    browser.find("#name").type_into("Žofie");
    browser.find("button").click();
    assert_eq!(browser.find("#answer").text(), "Hello Žofie");
    assert_eq!(browser.script("return { title: document.title, forms: document.forms.length }")["title"], "Greeter");
    assert!(browser.console_errors().is_empty());
}

#[test]
fn a_browser_shows_what_it_sees() {
    let Some(browser) = open() else { return };
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("page.png");
    browser.screenshot(&picture);
    assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_browser_reports_console_errors_once() {
    let Some(browser) = open() else { return };
    browser.script("console.log('fine'); console.error('not fine')");
    let errors = browser.console_errors();
    assert!(errors.len() == 1 && errors[0].contains("not fine"), "{errors:?}");
    assert!(browser.console_errors().is_empty());
}

#[test]
fn a_browser_switches_to_the_window_that_a_link_opened() {
    let Some(browser) = open() else { return };
    let first = browser.windows();
    browser.find("a").click();
    browser.wait_until("a second window opens", |browser| browser.windows().len() == 2);
    let second = browser.windows().into_iter().find(|window| !first.contains(window)).unwrap();
    browser.switch_to(&second);
    browser.wait_until("it shows the other page", |browser| browser.url().ends_with("/other"));
}

#[test]
#[should_panic(expected = "javascript error: not today")]
fn a_browser_fails_a_test_with_the_words_of_the_page() {
    let Some(browser) = open() else { panic!("javascript error: not today") };
    browser.script("throw new Error('not today')");
}

#[test]
fn without_scripts_a_page_does_what_its_forms_do() {
    if browser::left_out() {
        return;
    }
    let browser = Browser::without_scripts();
    browser.goto(&serve());
    browser.find("button").click();
    browser.wait_until("the form is sent", |browser| browser.url().ends_with("/?"));
}

#[test]
fn a_page_is_shown_as_on_a_phone_and_in_the_dark() {
    let Some(browser) = open() else { return };
    let is_dark = "return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]";
    browser.resize(1000);
    assert_eq!(browser.script(is_dark), serde_json::json!([1000, false]));
    browser.prefer_dark(true);
    assert_eq!(browser.script(is_dark), serde_json::json!([1000, true]));
}
