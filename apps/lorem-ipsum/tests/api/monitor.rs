//! The monitor, as people see it.

use crate::{
    browser_sign_in::{look, shows},
    patients::{admit, observe, ward},
    process::{Server, command, run, stdout},
};
use serde_json::{Value, json};
use std::{
    env, fs,
    process::Stdio,
    sync::OnceLock,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tollgate_testing::{
    browser::{self, Browser},
    servers::AXE,
};

#[tokio::test]
async fn who_is_not_signed_in_is_sent_to_the_sign_in_and_back() {
    let (app, _, _) = ward().await;
    let person = app.anyone().header("accept", "text/html");
    let sent = person.get("/monitor?state=critical").await;
    assert_eq!((sent.status(), sent.header("location")), (303, "/auth/login?return_to=%2Fmonitor%3Fstate%3Dcritical"));
    assert_eq!(app.anyone().get("/monitor").await.status(), 401, "a program is told");
    let reader = app.actor("rea").role("reader").header("accept", "text/html");
    let refused = reader.get("/monitor").await;
    assert!(refused.status() == 403 && refused.text().contains("You may not do this"));
    assert!(!refused.text().contains(r#"href="/monitor""#), "the way there is shown to those who may go");
}

#[tokio::test]
async fn patients_are_listed_by_how_serious_it_is() {
    let (app, clock, clio) = ward().await;
    for (id, name, place) in
        [("P-2", "Leif Marandi", "Ferry"), ("P-3", "Mei <b>Sørensen", "Ferry"), ("P-4", "Oskar", "Mill Lane")]
    {
        admit(&clio, id, name, place).await;
    }
    observe(&clio, json!({ "patient_id": "P-4", "spo2": 98 })).await;
    clock.advance(Duration::from_hours(7));
    observe(&clio, json!({ "patient_id": "P-1042", "temperature": 36.8 })).await;
    observe(&clio, json!({ "patient_id": "P-2", "heart_rate": 101 })).await;
    observe(&clio, json!({ "patient_id": "P-3", "systolic": 185, "diastolic": 99 })).await;
    let names = async |path: &str| {
        let page = clio.get(path).await;
        assert_eq!(page.status(), 200, "{page}");
        let name = |part: &str| Some(part.split_once("\">")?.1.split_once("</a>")?.0.to_owned());
        page.text().split(r#"rowheader"><a href=""#).skip(1).filter_map(name).collect::<Vec<_>>()
    };
    let all = ["Mei &lt;b&gt;Sørensen", "Leif Marandi", "Oskar", "Ines Okafor"];
    assert_eq!(names("/monitor").await, all, "critical, watch, silent, stable");
    assert_eq!(names("/monitor?state=silent&q=&place=").await, ["Oskar"]);
    assert_eq!(names("/monitor?q=MARANDI").await, ["Leif Marandi"]);
    assert_eq!(names("/monitor?place=Mill%20Lane").await, ["Oskar"]);
    assert_eq!(names("/monitor?sort=name").await, ["Ines Okafor", "Leif Marandi", "Mei &lt;b&gt;Sørensen", "Oskar"]);
    let page = clio.get("/monitor").await.text();
    for text in ["4 patients in 3 places", "185&#x2f;99", "No data", "vital-critical", "17:40 UTC"] {
        assert!(page.contains(text), "{text}");
    }
    let other = app.actor("theo").role("clinician").get("/monitor").await.text();
    assert!(other.contains("Nobody is watched yet") && !other.contains("Marandi"));
    assert!(clio.get("/monitor?q=nobody").await.text().contains("No patient matches"));
    clock.advance(Duration::from_mins(40));
    assert!(clio.get("/monitor").await.text().contains("The last observation came 40 minutes ago."));
    assert_eq!(clio.get("/monitor?page=0").await.status(), 422);
    clio.patch("/patients/P-3", json!({ "discharged": "2026-11-20T18:00:00Z" })).await;
    assert_eq!(names("/monitor").await.len(), 3, "who left is watched no more");
}

#[tokio::test]
async fn a_chart_says_what_it_shows() {
    let (app, clock, clio) = ward().await;
    assert!(clio.get("/monitor/patients/P-1042").await.text().contains("Nothing was observed in the last 72 hours"));
    for temperature in [37.2, 38.4, 39.3] {
        clock.advance(Duration::from_hours(1));
        let seen = json!({ "patient_id": "P-1042", "temperature": temperature, "symptoms": ["Cough"] });
        observe(&clio, seen).await;
    }
    let page = clio.get("/monitor/patients/P-1042?hours=24").await.text();
    for text in [
        "Temperature, last 24 hours",
        "Starts at 37.2 °C and is 39.3 now. Lowest 37.2 at Fri 20, 11:40, highest 39.3 at Fri 20, 13:40.",
        "Alert, critical: Temperature ≥ 39.0 °C since Fri 20, 13:40.",
        "2 open",
        "last observation just now",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("style=") && !page.contains("onclick"), "nothing inline");
    assert_eq!(app.actor("theo").role("clinician").get("/monitor/patients/P-1042").await.status(), 404);
}

#[tokio::test]
async fn cases_are_counted_by_place_and_week() {
    let (_, clock, clio) = ward().await;
    assert!(clio.get("/monitor/places").await.text().contains("No cases in these twelve weeks"));
    observe(&clio, json!({ "patient_id": "P-1042", "temperature": 38.5, "symptoms": ["Cough"] })).await;
    let page = clio.get("/monitor/places").await.text();
    assert!(
        page.contains("16 to 22 Nov, so far") && page.contains("cases, 1 more than the week before. Most: Harbour 1.")
    );
    clock.advance(Duration::from_hours(24 * 7));
    let page = clio.get("/monitor/places").await.text();
    assert!(page.contains("cases, 1 fewer than the week before.") && page.contains("23 to 29 Nov, so far"));
    assert!(clio.get("/monitor/places?back=1").await.text().contains("Most: Harbour 1."));
    let csv = clio.get("/monitor/places.csv").await;
    assert_eq!(csv.header("content-disposition"), r#"attachment; filename="cases.csv""#);
    assert!(
        csv.text().starts_with("place,2026-W37,") && csv.text().contains("\"Harbour\",0,0,0,0,0,0,0,0,0,0,1,0\r\n"),
        "{csv}"
    );
}

/// The app with made-up patients, and a browser in which their clinician is signed in.
fn watched(browser: &Browser) -> (TempDir, Server) {
    let folder = TempDir::new().unwrap();
    let server = Server::start_as(
        command(folder.path(), &["--port", "0"])
            .env("LOREM_IPSUM_PATIENTS__DEMO", "clinician@example.test")
            .stderr(Stdio::null()),
    );
    browser.goto(&format!("{}/monitor", server.url()));
    browser.find("#email").type_into("clinician@example.test");
    browser.find("#password").type_into("lorem-ipsum");
    browser.find("form button.button-primary").click();
    // They are made while the first page is shown.
    browser.wait_until("there are patients", |browser| {
        browser.goto(&format!("{}/monitor", server.url()));
        browser.script("return document.body.innerText").as_str().is_some_and(|text| text.contains("Ines Okafor"))
    });
    (folder, server)
}

/// What axe is, where it is there.
fn axe() -> Option<&'static str> {
    static TEXT: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let is_left_out = env::var("TOLLGATE_WITHOUT").is_ok_and(|parts| parts.split(',').any(|it| it == "axe"));
        (!is_left_out).then(|| fs::read_to_string(AXE.folder().join("node_modules/axe-core/axe.min.js")).unwrap())
    };
    TEXT.get_or_init(read).as_deref()
}

/// What keeps somebody from using the page that is shown, as axe finds it; nothing where axe is left out, or cannot run.
pub(crate) fn barriers(browser: &Browser) -> Vec<String> {
    let has_scripts = browser.script("return matchMedia('(scripting: enabled)').matches") == true;
    let Some(axe) = axe().filter(|_| has_scripts) else { return vec![] };
    let run =
        "return axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations.flatMap((rule) =>
        rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary}`)))";
    let found = browser.script(&format!("{axe}\n{run}"));
    found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

#[test]
fn nothing_keeps_anybody_from_using_a_page() {
    if browser::left_out() {
        return;
    }
    let browser = Browser::start();
    let (_folder, server) = watched(&browser);
    for path in ["/", "/monitor", "/monitor?q=nobody", "/monitor/patients/P-1042", "/monitor/places", "/library"] {
        for (width, dark) in [(1440, false), (1440, true), (390, false)] {
            browser.resize(width);
            browser.prefer_dark(dark);
            browser.goto(&format!("{}{path}", server.url()));
            assert_eq!(barriers(&browser), Vec::<String>::new(), "{path} at {width}, dark: {dark}");
        }
    }
}

#[test]
fn the_monitor_leads_from_the_list_to_a_patient_and_to_the_map() {
    if browser::left_out() {
        return;
    }
    for browser in [Browser::start(), Browser::without_scripts()] {
        let (_folder, server) = watched(&browser);
        look(&browser, "sparklines show the last 24 hours");
        browser.find("#q").type_into("okafor");
        browser.find(".filters .button").click();
        browser.find(".patients tbody th a").click();
        look(&browser, "Oxygen saturation (SpO₂)");
        browser.find(".choices a:last-child").click();
        look(&browser, "in 30 days");
        browser.goto(&format!("{}/monitor/places", server.url()));
        look(&browser, "Cases by place");
        browser.goto(&server.url());
        look(&browser, "Open Patients");
        assert_eq!(browser.console_errors(), Vec::<String>::new());
    }
}

#[test]
fn what_is_observed_is_on_the_page_at_once_and_without_a_reload() {
    if browser::left_out() {
        return;
    }
    let browser = Browser::start();
    let (_folder, server) = watched(&browser);
    browser.goto(&format!("{}/monitor/patients/P-1042", server.url()));
    browser.wait_until("changes are followed", |browser| {
        browser.script("return document.querySelector('main').dataset.followed") == "true"
    });
    browser.wait_until("what changed before is asked for, and not by the clock", |browser| {
        let asked = "performance.getEntriesByName(location.href, 'resource')";
        browser.script(&format!("return String({asked}.some((one) => one.startTime < 20000))")) == "true"
    });
    browser.script("window.kept = 'this page was not left'");
    let form = [("username", "clinician@example.test"), ("password", "lorem-ipsum")];
    let token: Value =
        ureq::post(format!("{}/token", server.url())).send_form(form).unwrap().body_mut().read_json().unwrap();
    let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let seen = json!({ "patient_id": "P-1042", "temperature": 40.9, "spo2": 71 });
    let sent = ureq::post(format!("{}/observations", server.url())).header("authorization", token);
    assert_eq!(sent.send_json(seen).unwrap().status(), 201);
    let start = Instant::now();
    shows(&browser, "40.9");
    shows(&browser, "Temperature ≥ 39.0 °C");
    // By the clock it would be after a minute.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    look(&browser, "40.9");
    assert_eq!(browser.script("return window.kept"), "this page was not left");
    let bar = "const main = document.querySelector('main'); main.setAttribute('aria-busy', 'true');
        return getComputedStyle(main, '::before').animationName";
    assert_eq!(browser.script(bar), "loading", "what takes its time is seen to");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn whose_session_ended_sees_no_patient_any_more() {
    if browser::left_out() {
        return;
    }
    let browser = Browser::start();
    let (folder, server) = watched(&browser);
    browser.goto(&format!("{}/monitor/patients/P-1042", server.url()));
    look(&browser, "Ines Okafor");
    stdout(&run(folder.path(), &["user", "sign-out", "clinician@example.test"]));
    browser.wait_until("the sign-in is in its place", |browser| {
        // As when somebody comes back to the window.
        browser.script("document.dispatchEvent(new Event('visibilitychange'))");
        browser.script("return String(!document.body.innerText.includes('Okafor'))") == "true"
            && browser.url().contains("/auth/")
    });
    assert!(!browser.find("body").text().contains("No connection"));
}

#[test]
fn who_has_no_connection_is_told_that_what_they_see_may_be_old() {
    if browser::left_out() {
        return;
    }
    let browser = Browser::start();
    let (_folder, server) = watched(&browser);
    browser.goto(&format!("{}/monitor/patients/P-1042", server.url()));
    look(&browser, "Ines Okafor");
    assert!(!browser.find("body").text().contains("No connection"));
    drop(server);
    browser.wait_until("that is said", |browser| {
        browser.script("document.dispatchEvent(new Event('visibilitychange'))");
        browser.script("return String(document.body.innerText.includes('No connection since'))") == "true"
    });
    look(&browser, "Ines Okafor");
}

#[tokio::test]
async fn the_shelf_shows_own_books_and_the_words_of_all() {
    let (app, _, _) = ward().await;
    let (ann, bob) = (app.actor("ann").role("reader"), app.actor("bob").role("reader"));
    assert!(ann.get("/library").await.text().contains("No books yet"));
    ann.post("/books", json!({ "author": "Livia <i>", "title": "Mare", "text": ["luna luna"] })).await;
    let page = ann.get("/library").await.text();
    assert!(page.contains("Livia &lt;i&gt;") && page.contains("1 of 1 book<"), "{page}");
    assert!(ann.get("/library?q=terra").await.text().contains("No book matches"));
    assert!(ann.get("/library?q=mare").await.text().contains("1 of 1 book<"), "as people type it");
    let other = bob.get("/library").await.text();
    assert!(!other.contains("Livia") && other.contains("luna"), "{other}");
}
