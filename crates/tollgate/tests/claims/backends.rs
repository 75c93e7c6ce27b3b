//! Other APIs are asked within bounds: of time, of tries, of size, and never where a caller points.

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;
use tollgate::{
    backends::{Backend, HttpClient},
    http::StatusCode,
    prelude::*,
};
use tollgate_testing::{Reply, TestApp};

/// Knows tomorrow, or does not answer.
struct Weather(HttpClient);

impl From<HttpClient> for Weather {
    fn from(client: HttpClient) -> Self {
        Self(client)
    }
}

/// What it said.
#[output]
#[derive(serde::Deserialize)]
struct Forecast {
    celsius: f64,
}

async fn tomorrow(_: Public, weather: Backend<Weather>, Path(city): Path<String>) -> Result<Json<Forecast>> {
    let city = if city == "nothing" { "" } else { &city };
    Ok(Json(weather.0.get(["cities", city]).query("units", "metric & more").read().await?))
}

async fn order(_: Public, weather: Backend<Weather>, Path(key): Path<String>) -> Result<Json<Forecast>> {
    let request = weather.0.post(["orders"]).json(&"rain");
    Ok(Json(if key == "none" { request } else { request.idempotency_key(&key) }.read().await?))
}

async fn is_there(_: Public, weather: Backend<Option<Weather>>) -> Json<bool> {
    Json(weather.is_some())
}

/// The other side: answers what it is told to, in turn, and 200 once nothing is left; it keeps what it was asked.
#[derive(Clone, Default)]
struct Other {
    next: Arc<Mutex<Vec<u16>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Other {
    fn then(&self, answers: &[u16]) {
        *self.next.lock().unwrap() = answers.iter().rev().copied().collect();
        self.asked.lock().unwrap().clear();
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    async fn answer(State(other): State<Self>, request: Request) -> Response {
        let authorization = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap());
        other.asked.lock().unwrap().push(format!("{} {} {authorization}", request.method(), request.uri()));
        let status = other.next.lock().unwrap().pop().unwrap_or(200);
        match status {
            0 => sleep(Duration::from_secs(30)).await,
            1 => return "[".repeat(9000).into_response(),
            2 => return "no forecast".into_response(),
            _ => {}
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        (status, [("location", "http://127.0.0.1:9/")], r#"{"celsius":21.5}"#).into_response()
    }
}

async fn start(more: &str) -> (TestApp, Other) {
    let other = Other::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(Other::answer).with_state(other.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = format!("[backends.weather]\nurl = 'http://127.0.0.1:{port}/v1/'\nresponse_kibibytes = 4\n{more}");
    let service = Service::new("weather").get("/tomorrow/{city}", tomorrow).post("/orders/{key}", order);
    let app = App::new("claims").settings(settings.leak()).service(service).backend::<Weather>("weather");
    (TestApp::new(app).await, other)
}

async fn ask(app: &TestApp, city: &str) -> Reply {
    app.anyone().get(&format!("/tomorrow/{city}")).await
}

#[tokio::test]
async fn what_a_caller_sent_is_one_segment_and_one_value_with_the_apps_own_token() {
    let (app, other) = start("token = 'a token of the app'").await;
    for (city, segment) in [
        ("..%2F..%2Fadmin%3Fa=b", "..%2F..%2Fadmin%3Fa%3Db"),
        (".%09.", ".%09."),
        ("1%0A0", "1%0A0"),
        ("%252e%252e", "%252e%252e"),
        ("..;", "..%3B"),
        ("%C3%85s", "%C3%85s"),
    ] {
        other.then(&[]);
        let reply = ask(&app, city).await;
        assert_eq!((reply.status(), reply.json()["celsius"].as_f64()), (200, Some(21.5)), "{city}");
        let asked = other.asked.lock().unwrap().join("\n");
        let expected = format!("GET /v1/cities/{segment}?units=metric+%26+more Bearer a token of the app");
        assert_eq!(asked, expected, "{city}");
    }
    for city in ["%2e%2e", ".%2e", "%2e", "nothing"] {
        other.then(&[]);
        assert_eq!((ask(&app, city).await.status(), other.asked()), (404, 0), "{city}");
    }
}

#[tokio::test]
async fn what_may_be_repeated_is_tried_again_and_what_may_not_is_not() {
    let (app, other) = start("").await;
    other.then(&[503, 502]);
    assert_eq!((ask(&app, "york").await.status(), other.asked()), (200, 3));
    other.then(&[503, 503, 503]);
    assert_eq!((ask(&app, "york").await.status(), other.asked()), (503, 3), "three tries are all");
    other.then(&[404]);
    assert_eq!((ask(&app, "york").await.status(), other.asked()), (502, 1), "the same question has the same answer");
    other.then(&[503]);
    let post = async |key: &str| app.anyone().post(&format!("/orders/{key}"), serde_json::json!({})).await.status();
    assert_eq!((post("none").await, other.asked()), (503, 1), "it may have happened");
    other.then(&[503]);
    assert_eq!((post("k-1").await, other.asked()), (200, 2), "the key says that it is the same");
}

#[tokio::test]
async fn many_failures_are_no_storm() {
    let (app, other) = start("").await;
    other.then(&[503; 1000]);
    for _ in 0..100 {
        assert_eq!(ask(&app, "york").await.status(), 503);
    }
    let tried = other.asked();
    assert!((101..=120).contains(&tried), "{tried} tries of 100 requests");
}

#[tokio::test]
async fn what_is_late_or_large_or_points_elsewhere_is_a_problem_that_names_nothing() {
    let (app, other) = start("timeout_milliseconds = 300\ntries = 1").await;
    let expected = [(0, 504), (1, 502), (2, 502), (302, 502), (429, 503)];
    for (told, status) in expected {
        other.then(&[told]);
        let reply = ask(&app, "york").await;
        assert_eq!((reply.status(), other.asked()), (status, 1), "{told}");
        assert!(!reply.text().contains("weather") && !reply.text().contains("127.0.0.1"), "{}", reply.text());
    }
    other.then(&[429]);
    assert_eq!(ask(&app, "york").await.header("retry-after"), "1");
    let (app, hangs) = start("timeout_milliseconds = 600").await;
    hangs.then(&[0]);
    assert_eq!((ask(&app, "york").await.status(), hangs.asked()), (200, 2), "one that hangs leaves time for another");
}

#[tokio::test]
async fn an_api_that_is_unwell_is_seen_and_does_not_take_the_app_out() {
    let (app, other) = start("health = '/health'\ntries = 1").await;
    let ready = async || app.anyone().get("/readyz").await;
    other.then(&[500]);
    let unwell = ready().await;
    assert_eq!((unwell.status(), &unwell.json()["status"]), (200, &"degraded".into()));
    assert_eq!(unwell.json()["checks"]["backends.weather"]["detail"], "it does not answer as it should");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(ready().await.json()["checks"]["backends.weather"]["status"], "ok");
    assert!(other.asked.lock().unwrap().iter().all(|asked| asked.starts_with("GET /v1/health ")));
}

#[tokio::test]
async fn an_api_that_the_app_can_do_without_need_not_be_there() {
    for (settings, expected) in [("", false), ("backends.weather.url = 'https://a.example'", true)] {
        let service = Service::new("weather").get("/weather", is_there);
        let app = App::new("claims").settings(settings).service(service).optional_backend::<Weather>("weather");
        assert_eq!(TestApp::new(app).await.anyone().get("/weather").await.json(), expected);
    }
}

#[tokio::test]
async fn an_api_without_an_address_or_with_a_wrong_one_does_not_start() {
    let told = |settings: &'static str| async move {
        let app = App::new("claims").settings(settings).backend::<Weather>("weather");
        let design = std::panic::AssertUnwindSafe(TestApp::new(app));
        let panic = futures_util::FutureExt::catch_unwind(design).await.expect_err("it started");
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    };
    assert!(told("").await.contains("backends.weather: the app asks this API; set CLAIMS_BACKENDS__WEATHER__URL"));
    let wether = "[backends.weather]\nurl = 'https://a.example'\n[backends.wether]\nurl = 'https://a.example'";
    assert!(told(wether).await.contains("backends.wether: the app asks no such API; it asks: weather"));
    let plain = told("backends.weather.url = 'http://weather.example'").await;
    assert!(
        plain.contains("backends.weather.url: must be `https`; `http` is for loopback addresses, or set `insecure`"),
        "{plain}"
    );
    for (settings, said) in [
        ("backends.weather = { url = 'https://a.example', tries = 0 }", "tries is 0: choose 1 or more"),
        ("backends.weather = { url = 'https://a.example', timeout_milliseconds = 0 }", "timeout_milliseconds is 0"),
        ("backends.weather = { url = 'https://a.example', response_kibibytes = 0 }", "response_kibibytes is 0"),
        ("backends.weather = { url = 'https://u:hunter2@a.example' }", "url: must have neither user nor fragment"),
        (
            "backends.weather = { url = 'http://u:hunter2@a', insecure = true }",
            "url: must have neither user nor fragment",
        ),
        ("backends.weather = { url = 'weather', insecure = true }", "url: is no URL"),
        ("backends.weather = { url = 'ftp://a', insecure = true }", "url: must be `https`"),
    ] {
        let told = told(settings).await;
        assert!(told.contains(&format!("backends.weather.{said}")) && !told.contains("hunter2"), "{told}");
    }
}
