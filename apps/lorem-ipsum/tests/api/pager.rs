//! Critical alerts reach the pager: another API, here a server of the test's own that is well, slow, in trouble or away.

use crate::{
    patients::{admit, observe},
    process::{Server, at_home, command, stdout},
    telemetry::until,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard},
    thread::spawn,
};
use tempfile::TempDir;
use tollgate_testing::{Client, TestApp, servers::free_port};

/// A pager. It keeps what it was told, and does not know the clinician `unknown`.
#[derive(Clone)]
struct Pager {
    url: String,
    /// What it answers; locked, it is slow.
    answer: Arc<Mutex<u16>>,
    told: Arc<Mutex<Vec<Told>>>,
}

#[derive(Debug, Clone)]
struct Told {
    head: String,
    body: Value,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{name}: {}", self.head))
    }
}

impl Pager {
    fn start(answer: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pager = Self { url, answer: Arc::new(Mutex::new(answer)), told: Arc::default() };
        let here = pager.clone();
        spawn(move || {
            for client in listener.incoming().flatten() {
                let here = here.clone();
                spawn(move || here.hear(&client));
            }
        });
        pager
    }

    fn hear(&self, mut client: &TcpStream) {
        let (mut reader, mut head, mut is_known) = (BufReader::new(client), String::new(), true);
        while reader.read_line(&mut head).is_ok_and(|length| length > 2) {}
        if head.starts_with("POST /pages ") {
            let length = Told { head: head.clone(), body: Value::Null }.header("content-length").parse().unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            is_known = body["clinician"] != "unknown";
            self.told.lock().unwrap().push(Told { head, body });
        }
        let answer = if is_known { *self.answer.lock().unwrap() } else { 422 };
        let _ = write!(client, "HTTP/1.1 {answer} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }

    /// It answers nobody while this lives.
    fn slow(&self) -> MutexGuard<'_, u16> {
        self.answer.lock().unwrap()
    }

    fn is_now(&self, answer: u16) {
        *self.slow() = answer;
    }

    fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }
}

/// A clinician of the app, whose pager that is, with a patient.
async fn ward(pager: &Pager) -> (TestApp, Client) {
    let settings = format!("[backends.pager]\nurl = '{}'\ntimeout_milliseconds = 20000", pager.url);
    let app = TestApp::new(lorem_ipsum::app().settings(settings.leak())).await;
    let clio = app.actor("clio").role("clinician");
    admit(&clio, "P-1042", "Ines Okafor", "Harbour").await;
    (app, clio)
}

fn fever() -> Value {
    json!({ "patient_id": "P-1042", "temperature": 39.4 })
}

/// The critical alerts, once as many of them as that were told.
async fn once_told(clio: &Client, count: usize) -> Vec<Value> {
    let start = std::time::Instant::now();
    loop {
        let alerts = clio.get("/alerts?level=2&told.is_null=false").await.json()["items"].as_array().unwrap().clone();
        if alerts.len() == count {
            return alerts;
        }
        assert!(start.elapsed().as_secs() < 60, "{alerts:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "it holds up the pager's thread, none of the runtime's")]
async fn a_critical_alert_is_told_once_without_a_name_and_nobody_waits_for_that() {
    let pager = Pager::start(202);
    let (_app, clio) = ward(&pager).await;
    let slow = pager.slow();
    assert_eq!(observe(&clio, fever()).await["opened"], 2, "watch and critical");
    assert_eq!(clio.get("/alerts?told.is_null=false&total=true").await.json()["total"], 0, "it has not answered");
    drop(slow);
    let alert = &once_told(&clio, 1).await[0];
    observe(&clio, fever()).await;
    observe(&clio, json!({ "patient_id": "P-1042", "spo2": 88 })).await;
    once_told(&clio, 2).await;
    let [first, second] = &*pager.told() else { panic!("{:?}", pager.told()) };
    assert_eq!(first.header("idempotency-key"), alert["alert_id"]);
    let expected = json!({
        "clinician": "clio", "patient_id": "P-1042", "rule": "Temperature ≥ 39.0 °C", "value": 39.4,
        "since": alert["opened"],
    });
    assert_eq!((&first.body, &second.body["rule"]), (&expected, &json!("SpO₂ < 92 %")));
}

#[tokio::test]
async fn what_is_sent_under_a_key_is_told_after_its_commit() {
    let pager = Pager::start(202);
    let (app, clio) = ward(&pager).await;
    let keyed = app.actor("clio").role("clinician").header("idempotency-key", "round-7");
    for _ in 0..2 {
        assert_eq!(keyed.post("/observations", fever()).await.status(), 201);
    }
    once_told(&clio, 1).await;
    assert_eq!(pager.told().len(), 1);
}

#[tokio::test]
async fn a_page_that_is_refused_holds_up_no_other() {
    let pager = Pager::start(202);
    let (app, clio) = ward(&pager).await;
    let (unknown, mut feverish) = (app.actor("unknown").role("clinician"), Vec::new());
    for number in 0..25 {
        let patient_id = format!("P-2{number:03}");
        admit(&unknown, &patient_id, "Olu Brandt", "Harbour").await;
        feverish.push(json!({ "patient_id": patient_id, "temperature": 39.4 }));
    }
    assert_eq!(unknown.post("/observations/batch", json!({ "observations": feverish })).await.status(), 201);
    observe(&clio, fever()).await;
    once_told(&clio, 1).await;
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "it holds up the pager's thread, none of the runtime's")]
async fn who_opens_alerts_at_once_sends_each_page_once() {
    let pager = Pager::start(202);
    let (_app, clio) = ward(&pager).await;
    let slow = pager.slow();
    for reading in [("temperature", 39.4), ("spo2", 85.0), ("heart_rate", 190.0)] {
        observe(&clio, json!({ "patient_id": "P-1042", reading.0: reading.1 })).await;
    }
    // As long as whoever does not wait for their turn needs to send what is being sent.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    drop(slow);
    once_told(&clio, 3).await;
    assert_eq!(pager.told().len(), 3, "{:?}", pager.told());
}

/// The app as a process, with that pager.
fn served(folder: &Path, url: &str, more: &[(&str, &str)]) -> (Server, String) {
    let mut command = at_home(folder);
    command.env("LOREM_IPSUM_BACKENDS__PAGER__URL", url).envs(more.iter().copied()).stderr(Stdio::null());
    let server = Server::start_as(&mut command);
    let form = [("username", "clinician@example.test"), ("password", "lorem-ipsum")];
    let answer: Value = ureq::post(server.url() + "/token").send_form(form).unwrap().body_mut().read_json().unwrap();
    let clio = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let ines = json!({ "patient_id": "P-1042", "name": "Ines Okafor", "born": 1968, "place": "Harbour" });
    post(&server, &clio, "/patients", ines);
    (server, clio)
}

fn post(server: &Server, who: &str, path: &str, body: Value) {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = ureq::post(server.url() + path).header("authorization", who).header("traceparent", trace);
    let request = request.header("tracestate", "vendor=its-own");
    assert_eq!(request.send_json(body).unwrap().status(), 201);
}

fn told(server: &Server, who: &str) -> usize {
    let list = ureq::get(server.url() + "/alerts?told.is_null=false").header("authorization", who).call();
    list.unwrap().body_mut().read_json::<Value>().unwrap()["items"].as_array().unwrap().len()
}

#[test]
fn a_pager_in_trouble_is_told_later_and_one_alert_is_one_page() {
    let (folder, pager) = (TempDir::new().unwrap(), Pager::start(503));
    let (server, clio) = served(folder.path(), &pager.url, &[]);
    post(&server, &clio, "/observations", fever());
    until("three tries", || if pager.told().len() >= 3 { Ok(()) } else { Err(format!("{:?}", pager.told())) });
    assert_eq!(told(&server, &clio), 0);
    let tell = || command(folder.path(), &["job", "patients_tell"]);
    pager.is_now(500);
    let failed = tell().env("LOREM_IPSUM_BACKENDS__PAGER__URL", &pager.url).output().unwrap();
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && said.contains("backend `pager`: answered 500"), "{said}");
    let away = format!("http://127.0.0.1:{}", free_port());
    let failed = tell().env("LOREM_IPSUM_BACKENDS__PAGER__URL", away).output().unwrap();
    assert!(String::from_utf8_lossy(&failed.stderr).contains("could not be reached"));
    pager.is_now(202);
    stdout(&tell().env("LOREM_IPSUM_BACKENDS__PAGER__URL", &pager.url).output().unwrap());
    assert_eq!(told(&server, &clio), 1);
    let keys: Vec<_> = pager.told().iter().map(|told| told.header("idempotency-key").to_owned()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[test]
fn a_page_is_part_of_the_trace_and_a_pager_that_is_unwell_is_seen() {
    let (folder, pager) = (TempDir::new().unwrap(), Pager::start(202));
    // Whether anybody takes the steps is another matter.
    let receiver = format!("http://127.0.0.1:{}/v1/traces", free_port());
    let more = [
        ("LOREM_IPSUM_TELEMETRY__TRACES", &*receiver),
        ("LOREM_IPSUM_BACKENDS__PAGER__HEALTH", "/health"),
        ("LOREM_IPSUM_SERVER__PROXIES", "1"),
    ];
    let (server, clio) = served(folder.path(), &pager.url, &more);
    post(&server, &clio, "/observations", fever());
    until("a page", || if told(&server, &clio) == 1 { Ok(()) } else { Err(format!("{:?}", pager.told())) });
    let sent = pager.told()[0].header("traceparent").to_owned();
    assert!(sent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && sent.ends_with("-01"), "{sent}");
    assert_eq!(pager.told()[0].header("tracestate"), "vendor=its-own", "what others wrote into it goes on");

    pager.is_now(500);
    let ready: Value = until("it is seen", || {
        let ready: Value = ureq::get(server.url() + "/readyz").call().unwrap().body_mut().read_json().unwrap();
        if ready["status"] == "degraded" { Ok(ready) } else { Err(ready.to_string()) }
    });
    assert_eq!(ready["checks"]["backends.pager"]["status"], "degraded", "{ready}");
}
