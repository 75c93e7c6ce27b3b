//! A person with a browser: signs in on the home page, authorizes the docs page, and tries a route.

use crate::process::Server;
use tempfile::TempDir;
use tollgate_testing::browser::{self, Browser};

fn sign_in(browser: &Browser, email: &str) {
    browser.find("#email").type_into(email);
    browser.find("#password").type_into("lorem-ipsum");
    browser.find("form button.button-primary").click();
}

fn body_has(browser: &Browser, text: &'static str) {
    browser.wait_until(text, |browser| {
        browser.script("return document.body.innerText").as_str().is_some_and(|body| body.contains(text))
    });
}

#[test]
fn a_browser_signs_in_authorizes_the_docs_and_tries_a_route() {
    if browser::left_out() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let browser = Browser::start();

    browser.goto(&server.url());
    body_has(&browser, "Every route says who may call it.");
    browser.find(".topbar .button-primary").click();
    sign_in(&browser, "reader@example.test");
    body_has(&browser, "Signed in as Rea Lindgren");
    assert_eq!(browser.find(".tag-granted").text(), "read:movies");

    browser.goto(&format!("{}/docs", server.url()));
    browser.find(".btn.authorize").click();
    browser.find(".modal-ux .auth-container .btn.authorize").click();
    body_has(&browser, "Logout");
    browser.find(".modal-ux .btn-done").click();

    browser.find("#operations-movies-movies_list .opblock-summary-control").click();
    browser.find("#operations-movies-movies_list .try-out__btn").click();
    browser.find("#operations-movies-movies_list .execute").click();
    browser.wait_until("the answer of GET /movies", |browser| {
        let status = "const cell = document.querySelector('tr.response .response-col_status'); \
                      return cell ? cell.innerText : ''";
        browser.script(status).as_str().is_some_and(|status| status.starts_with("200"))
    });
    let curl = browser.script("return document.querySelector('.curl').innerText");
    assert!(curl.as_str().unwrap().contains("Authorization: Bearer"), "{curl}");
    body_has(&browser, "The Land Girls");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn a_problem_in_a_browser_is_a_page() {
    if browser::left_out() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    let browser = Browser::start();
    browser.goto(&format!("{}/movies", server.url()));
    body_has(&browser, "Sign in first");
    browser.find(".hero-actions .button-primary").click();
    sign_in(&browser, "reader@example.test");
    body_has(&browser, "The Land Girls");
}
