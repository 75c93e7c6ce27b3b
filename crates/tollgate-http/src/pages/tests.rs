//! Claims about what the pages show, and about what none of them contains.

use super::*;
use axum::{Router, body::Body, http::Request};
use std::collections::BTreeSet;
use tollgate_core::Fault;
use tower::ServiceExt;

fn pages() -> Pages {
    Pages::new(Site {
        name: "lorem-ipsum".into(),
        title: "Lorem Ipsum".into(),
        version: "0.1.0".into(),
        about: "Lorem Ipsum is Tollgate’s reference application: five services behind one sign-in.".into(),
        tagline: Some("the reference application of Tollgate".into()),
        environment: "dev".into(),
        database: "SQLite in ./data".into(),
        providers: [("okta", "Okta"), ("google", "Google")]
            .map(|(id, label)| Provider { id: id.into(), label: label.into() })
            .into(),
        without_passwords: false,
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn ada() -> Frame {
    let session =
        Session { since: "2026-11-20T08:12:00Z".parse().unwrap(), until: "2026-11-20T20:12:00Z".parse().unwrap() };
    let person = Person {
        name: "Ada Osei".into(),
        email: "ada@example.org".into(),
        through: "Google".into(),
        roles: texts(&["clinician", "reader"]),
        session: Some(session),
    };
    Frame { person: Some(person), ..Frame::default() }
}

fn movies(read: NeedState, create: NeedState) -> ServiceEntry {
    ServiceEntry {
        links: vec![],
        name: "movies".into(),
        title: "Movies".into(),
        about: "A catalogue of films that readers browse and curators fill.".into(),
        permissions: vec![
            Need { permission: "read:movies".into(), state: read },
            Need { permission: "create:movies".into(), state: create },
        ],
        docs: "/docs#/movies".into(),
    }
}

fn terminal(status: StatusCode, headers: &[&str], body: &str) -> Terminal {
    Terminal {
        title: "Try it without a token".into(),
        command: "curl -i http://localhost:8000/movies?limit=1".into(),
        status,
        headers: texts(headers),
        body: body.into(),
    }
}

fn home() -> HomePage {
    let headers = ["content-type: application/problem+json", "www-authenticate: Bearer realm=\"lorem-ipsum\""];
    let body =
        "{\n  \"title\": \"Sign in first\",\n  \"status\": 401,\n  \"detail\": \"GET /movies needs read:movies.\"\n}";
    HomePage {
        frame: Frame::default(),
        providers: texts(&["Okta", "Google", "Microsoft"]),
        terminal: Some(terminal(StatusCode::UNAUTHORIZED, &headers, body)),
        services: vec![movies(NeedState::Needed, NeedState::Needed)],
        sample: Some(CodeSample {
            route: "POST /movies".into(),
            file: "apps/lorem-ipsum/src/movies.rs".into(),
            code: vec![
                Part::Faint("/// Adds a film.".into()),
                Part::Plain("\nasync fn ".into()),
                Part::Text("create".into()),
                Part::Plain("(".into()),
                Part::Mark("may: May<Create, Movie>".into()),
                Part::Plain(", …".into()),
            ],
        }),
    }
}

fn home_signed_in() -> HomePage {
    HomePage {
        frame: ada(),
        terminal: Some(terminal(StatusCode::OK, &[], "{ \"items\": [] }")),
        services: vec![movies(NeedState::Granted, NeedState::Denied)],
        ..HomePage::default()
    }
}

fn sign_in_after_an_error() -> SignInPage {
    SignInPage {
        host: "localhost:8000".into(),
        error: Some("E-mail or password is wrong.".into()),
        email: "ada@example.org".into(),
        return_to: "/docs".into(),
        reset: Some("/auth/reset".into()),
        ..SignInPage::default()
    }
}

fn forbidden() -> ProblemPage {
    ProblemPage {
        frame: ada(),
        status: StatusCode::FORBIDDEN,
        heading: "You may not add films".into(),
        detail: Some("Adding a film needs the permission create:movies, and none of your roles gives it.".into()),
        permission: Some("create:movies".into()),
        links: vec![Link::new("/", "Back home"), Link::new("/auth/login", "Sign in as someone else")],
        faults: vec![],
        road: Some(Road {
            passed: texts(&["Yes: ada@example.org, by session cookie."]),
            stopped: "No: create:movies is not among Ada’s permissions.".into(),
        }),
        facts: Facts {
            request_id: "01JD4Q7M5TZ3".into(),
            when: "2026-11-20T10:40:12Z".parse().unwrap(),
            asked_for: "POST /movies".into(),
            permissions: texts(&["read:movies", "read:books"]),
            dev: Some(DevFacts {
                roles: texts(&["curator", "admin"]),
                raised_at: "apps/lorem-ipsum/src/movies.rs:31".into(),
            }),
        },
        json: "{\n  \"status\": 403\n}".into(),
    }
}

fn show(template: &str, page: impl Serialize) -> String {
    pages().render(template, page).unwrap_or_else(|problem| panic!("{:#}", problem.cause().unwrap()))
}

fn show_home(page: HomePage) -> String {
    show(HomePage::TEMPLATE, page)
}

fn show_sign_in(page: SignInPage) -> String {
    show(SignInPage::TEMPLATE, page)
}

fn show_problem(page: ProblemPage) -> String {
    show(ProblemPage::TEMPLATE, page)
}

fn unknown_route() -> ProblemPage {
    ProblemPage { frame: Frame::default(), detail: None, permission: None, road: None, ..forbidden() }
}

fn consent() -> String {
    let want = |title: &str, withheld| Want {
        title: title.into(),
        scope: "read:patients".into(),
        about: "No more than you may do yourself.".into(),
        withheld,
    };
    let page = ConsentPage {
        client: "Field Recorder".into(),
        email: "ada@example.org".into(),
        another: "/auth/login?return_to=%2Foauth%2Fauthorize".into(),
        wants: vec![want("Read patients", false), want("Create patients", true)],
        to: "https://recorder.example.org".into(),
        apps: Some("/auth/apps".into()),
        registered: "Registered on 3 Nov 2026".into(),
        action: "/oauth/consent".into(),
        ..ConsentPage::default()
    };
    show(ConsentPage::TEMPLATE, page)
}

fn apps(ids: &[&str]) -> String {
    let app = |id: &&str| AllowedApp {
        id: (*id).into(),
        name: (*id).into(),
        scopes: texts(&["openid", "read:patients"]),
        since: "3 Nov 2026".into(),
    };
    let apps = ids.iter().map(app).collect();
    show(AppsPage::TEMPLATE, AppsPage { email: "ada@example.org".into(), apps, action: "/auth/apps".into() })
}

fn sessions(browsers: &[Option<&str>]) -> String {
    let session = |browser: Option<&str>| BrowserSession {
        id: "4f2a".into(),
        browser: browser.map(str::to_owned),
        address: browser.map(|_| "192.0.2.7".into()),
        since: "3 Nov 2026, 10:40 UTC".into(),
        is_this: browser.is_some(),
    };
    let sessions = browsers.iter().copied().map(session).collect();
    let (email, action) = ("ada@example.org".into(), "/auth/sessions".into());
    let password = browsers[0].map(|_| "/auth/password".into());
    let page = SessionsPage { email, sessions, action, password };
    show(SessionsPage::TEMPLATE, page)
}

fn sign_out(client: Option<&str>) -> String {
    let fields = vec![("client_id".into(), client.unwrap_or_default().into())];
    let page = SignOutPage {
        client: client.map(str::to_owned),
        email: "ada@example.org".into(),
        action: "/oauth/logout".into(),
        fields,
    };
    show(SignOutPage::TEMPLATE, page)
}

/// Each page with and without what is optional in it.
fn all() -> Vec<String> {
    let empty_home = HomePage { frame: Frame::default(), ..HomePage::default() };
    vec![
        show_home(home()),
        show_home(home_signed_in()),
        show_home(empty_home),
        show_sign_in(SignInPage::default()),
        show_sign_in(sign_in_after_an_error()),
        consent(),
        apps(&[]),
        apps(&["recorder", "tool"]),
        sessions(&[None]),
        sessions(&[Some("Mozilla/5.0"), None]),
        sign_out(None),
        sign_out(Some("Field Recorder")),
        show_problem(forbidden()),
        show_problem(unknown_route()),
    ]
}

/// The values of an attribute, in the order of the page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn what_callers_sent_is_never_markup() {
    let attack = "\"'><script>alert(1)</script>";
    let mut frame = ada();
    frame.person = Some(Person { name: attack.into(), email: attack.into(), ..Person::default() });
    let mut service = movies(NeedState::Granted, NeedState::Denied);
    service.about = attack.into();
    let body = format!("{{ \"{attack}\": \"{attack}\" }}");
    let terminal = Some(terminal(StatusCode::OK, &[attack], &body));
    let home = HomePage { frame: frame.clone(), services: vec![service], terminal, ..home() };
    let sign_in = SignInPage { email: attack.into(), return_to: attack.into(), ..sign_in_after_an_error() };
    let road = Some(Road { passed: texts(&[attack]), stopped: attack.into() });
    let faults = vec![Fault::of(attack, attack)];
    let problem = ProblemPage { frame, road, faults, detail: Some(attack.into()), json: attack.into(), ..forbidden() };
    let (apps, sessions, sign_out) = (apps(&[attack]), sessions(&[Some(attack)]), sign_out(Some(attack)));
    for page in [show_home(home), show_sign_in(sign_in), apps, sessions, sign_out, show_problem(problem)] {
        assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
        assert!(!page.contains("<script>") && !page.contains("\"'>"), "{page}");
    }
}

#[test]
fn no_page_needs_an_exception_from_the_policy() {
    for page in all() {
        let tags = page.split('<').skip(1).filter_map(|tag| tag.split('>').next());
        for tag in tags {
            let handler = tag.split(' ').any(|attribute| attribute.starts_with("on") && attribute.contains('='));
            let code = tag.starts_with("script") && !tag.contains(" src=");
            let inline = code || tag.starts_with("style") || tag.contains(" style=");
            assert!(!handler && !inline && !tag.contains("javascript:"), "<{tag}>");
        }
        for address in ["href", "src", "action"].iter().flat_map(|name| attributes(&page, name)) {
            assert!(!address.contains("://") && !address.starts_with("//"), "{address} leaves this origin");
        }
    }
}

#[test]
fn ids_are_unique_and_each_reference_has_its_target() {
    for page in all() {
        let ids = attributes(&page, "id");
        let unique = BTreeSet::from_iter(&ids);
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
        for reference in ["aria-labelledby", "aria-describedby", "for", "data-copy"] {
            for id in attributes(&page, reference) {
                assert!(unique.contains(&id), "{reference}={id} leads nowhere");
            }
        }
    }
}

#[test]
fn a_visitor_sees_what_is_needed_and_a_signed_in_person_what_they_have() {
    let (visitor, person) = (show_home(home()), show_home(home_signed_in()));
    assert!(visitor.contains(r#"<span class="tag">read:movies</span>"#));
    assert!(visitor.contains("through Okta, Google or Microsoft."));
    assert!(visitor.contains("<mark>may: May&lt;Create, Movie&gt;</mark>"));
    assert!(person.contains(r#"<span class="tag tag-granted">read:movies</span>"#));
    let denied =
        r#"<span class="tag tag-denied"><span class="only-read-aloud">not granted: </span>create:movies</span>"#;
    assert!(person.contains(denied));
    assert!(person.contains("<h1>Signed in as Ada Osei</h1>"));
    assert!(person.contains("since 08:12, ends at 20:12 (UTC)"));
    assert!(!person.contains(">Sign in<"));
}

#[test]
fn an_answer_is_shown_with_its_status_and_parts() {
    let page = show_home(home());
    assert!(page.contains(r#"HTTP/1.1 <span class="code-bad">401 Unauthorized</span>"#));
    assert!(page.contains(r#"<span class="code-key">&quot;status&quot;</span>: 401,"#));
    assert!(show_home(home_signed_in()).contains(r#"<span class="code-good">200 OK</span>"#));
}

#[test]
fn the_sign_in_page_offers_only_what_there_is() {
    let bare = Pages::new(Site::default()).render(SignInPage::TEMPLATE, SignInPage::default()).unwrap();
    assert!(!bare.contains("or continue with") && !bare.contains("Forgot it?") && !bare.contains("role=\"alert\""));
    let full = show_sign_in(sign_in_after_an_error());
    assert!(full.contains("or continue with") && full.contains("Forgot it?"));
    assert!(full.contains(r#"<a class="button" href="/auth/login/google?return_to=&#x2f;docs">Google</a>"#));
    let without = Site { without_passwords: true, ..Site::default() };
    let without = Pages::new(without).render(SignInPage::TEMPLATE, SignInPage::default()).unwrap();
    assert!(!without.contains("password"));
}

#[test]
fn a_failed_sign_in_keeps_the_address_and_says_why() {
    let page = show_sign_in(sign_in_after_an_error());
    assert!(page.contains(r#"value="ada@example.org""#));
    assert!(page.contains("<title>Sign in: E-mail or password is wrong."));
    assert_eq!(attributes(&page, "aria-describedby"), ["sign-in-error"; 2]);
}

#[test]
fn a_road_stops_at_one_gate() {
    for stop in 0..5 {
        let road = Road { passed: vec!["Yes.".into(); stop], stopped: "No.".into() };
        let page = show_problem(ProblemPage { road: Some(road), ..forbidden() });
        let count = |state: &str| page.matches(&format!(">{state}: </span>")).count();
        assert_eq!([count("passed"), count("stopped here"), count("not reached")], [stop, 1, 4 - stop]);
    }
    assert!(!show_problem(unknown_route()).contains("How far the request came"));
}

#[test]
fn a_problem_says_what_was_needed_and_shows_developers_more() {
    let page = show_problem(forbidden());
    assert!(page.contains(r#"needs the permission <span class="tag">create:movies</span>, and none"#));
    assert!(page.contains("Fri 20 Nov 2026, 10:40:12 (UTC)"));
    assert!(page.contains("curator, admin"));
    let facts = Facts { dev: None, ..forbidden().facts };
    let page = show_problem(ProblemPage { facts, ..forbidden() });
    assert!(!page.contains("Raised at") && !page.contains("curator"));
}

#[test]
fn each_fault_is_shown_with_its_place() {
    let nowhere = Fault { pointer: None, parameter: None, detail: "is not good".into() };
    let faults = vec![Fault::of("limitt", "is unknown"), Fault::at("#/rating", "is too large"), nowhere];
    let page = show_problem(ProblemPage { faults, ..forbidden() });
    for (place, detail) in [("limitt", "is unknown"), ("#&#x2f;rating", "is too large"), ("", "is not good")] {
        assert!(page.contains(&format!(r#"<dt class="mono">{place}</dt><dd>{detail}</dd>"#)), "{page}");
    }
}

#[test]
fn a_context_that_does_not_fit_is_an_internal_problem() {
    let problem = pages().render(ProblemPage::TEMPLATE, SignInPage::default()).unwrap_err();
    assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(problem.cause().is_some() && problem.detail().is_none());
}

#[tokio::test]
async fn an_asset_is_kept_for_ever_under_its_own_hash_only() {
    let router: Router = assets();
    let caching = async |address: &str| {
        let request = Request::get(address).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{address}");
        response.headers()["cache-control"].to_str().unwrap().to_owned()
    };
    let page = show_sign_in(SignInPage::default());
    let (links, scripts) = (attributes(&page, "href"), attributes(&page, "src"));
    let addresses: Vec<_> = links.into_iter().chain(scripts).filter(|address| address.starts_with("/-/")).collect();
    assert_eq!(addresses.len(), 3);
    for address in addresses {
        assert_eq!(caching(address).await, "public, max-age=31536000, immutable");
        assert_eq!(caching(&format!("{address}0")).await, "no-cache");
    }
}

#[test]
fn a_page_is_html_that_is_never_stored() {
    let response = html(show_sign_in(SignInPage::default()));
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-security-policy"], POLICY);
}
