//! Traces, as a receiver gets them.

use super::{Issuer, Watched, until};
use serde_json::json;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tollgate_testing::servers::{Rotel, free_port};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A step that arrived.
#[derive(Debug, Clone)]
struct Step {
    trace: String,
    parent: String,
    id: String,
    name: String,
    text: String,
}

/// The steps that a receiver wrote down.
fn steps(log: &str) -> Vec<Step> {
    let read = |text: &str| {
        let said = |word: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(word));
            line.unwrap_or_default().trim_start_matches([' ', ':']).trim().to_owned()
        };
        let (trace, parent, id, name) = (said("Trace ID"), said("Parent ID"), said("ID "), said("Name "));
        Step { trace, parent, id, name, text: text.to_owned() }
    };
    log.split("Span #").skip(1).map(read).collect()
}

#[test]
fn a_request_is_a_step_of_its_callers_trace_and_has_steps_of_its_own() {
    let (folder, receiver, issuer) = (TempDir::new().unwrap(), Rotel::start(), Issuer::start());
    let url = receiver.url();
    let mut settings = vec![("TELEMETRY__TRACES", &*url), ("SERVER__PROXIES", "1")];
    settings.extend(issuer.settings());
    let app = Watched::start(folder.path(), &settings);
    let admin = app.token("admin");
    let request = app.agent.post(app.at("/messages?secret=canary-of-a-query")).header("authorization", &admin);
    let request = request.header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    let answer = request.header("cookie", "canary-of-a-cookie").send_json(json!({ "text": "canary-of-a-body" }));
    assert_eq!(answer.unwrap().status(), 201);

    let steps = until("the steps of the request", || {
        let log = receiver.log();
        let steps: Vec<_> = steps(&log).into_iter().filter(|step| step.trace == TRACE).collect();
        if steps.len() >= 4 { Ok(steps) } else { Err(format!("{steps:#?}")) }
    });
    let step = |name: &str| {
        steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("{name}: {steps:#?}")).clone()
    };
    let request = step("POST /messages");
    assert_eq!(request.parent, CALLER);
    assert!(request.text.contains("http.response.status_code: Int(201)"), "{}", request.text);
    for name in ["token", "permission", "store"] {
        assert_eq!(step(name).parent, request.id, "{name}");
    }
    assert!(step("permission").text.contains("resource: Str(messages)"));
    let store = step("store").text;
    for said in
        ["db.operation.name: Str(insert)", "db.collection.name: Str(messages)", "db.operation.batch.size: Int(1)"]
    {
        assert!(store.contains(said), "{said}: {store}");
    }
    let log = receiver.log();
    for canary in ["canary-of-a-query", "canary-of-a-cookie", "canary-of-a-body", admin.trim_start_matches("Bearer ")] {
        assert!(!log.contains(canary), "{canary}");
    }
    calls_to_others_take_the_trace_along(&issuer, &receiver);
}

fn calls_to_others_take_the_trace_along(issuer: &Issuer, receiver: &Rotel) {
    let heads = issuer.heads.lock().unwrap().clone();
    assert!(!heads.is_empty());
    for head in heads {
        let said = head.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap_or_else(|| panic!("{head}"));
        let (trace, id) = (said[3..35].to_owned(), said[36..52].to_owned());
        until("the step of the call", || {
            let found = steps(&receiver.log()).into_iter().find(|step| step.trace == trace && step.id == id);
            found.map(|step| assert_eq!(step.name, "call")).ok_or(format!("{trace} {id}"))
        });
    }
}

#[test]
fn what_is_not_sampled_is_not_sent_but_for_callers_who_sample() {
    let (folder, receiver) = (TempDir::new().unwrap(), Rotel::start());
    let url = receiver.url();
    let none = [("TELEMETRY__TRACES", &*url), ("TELEMETRY__TRACES_SAMPLED", "0.0"), ("SERVER__PROXIES", "1")];
    let app = Watched::start(folder.path(), &none);
    for _ in 0..10 {
        app.get("/livez", "");
    }
    app.agent.get(app.at("/livez")).header("traceparent", format!("00-{TRACE}-{CALLER}-00")).call().unwrap();
    let sampled = "00000000000000000000000000000abc";
    app.agent.get(app.at("/livez")).header("traceparent", format!("00-{sampled}-{CALLER}-01")).call().unwrap();
    until("the sampled request", || {
        let log = receiver.log();
        if log.contains(sampled) { Ok(()) } else { Err(log) }
    });
    let others: Vec<_> = steps(&receiver.log()).into_iter().filter(|step| step.trace != sampled).collect();
    assert!(others.is_empty(), "{others:#?}");
}

/// Or anybody would choose under which id they are recorded, and take everybody's places.
#[test]
fn without_a_proxy_no_caller_says_what_is_traced_nor_under_which_id() {
    let (folder, receiver) = (TempDir::new().unwrap(), Rotel::start());
    let (url, log) = (receiver.url(), folder.path().join("log"));
    let settings = [("TELEMETRY__TRACES", &*url), ("TELEMETRY__TRACES_SAMPLED", "1.0"), ("LOG__FORMAT", "json")];
    let mut start = super::command(folder.path(), &settings);
    let app = Watched::start_as(start.stderr(std::fs::File::create(&log).unwrap()));
    for flags in ["00", "01"] {
        let request = app.agent.get(app.at("/movies/1")).header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"));
        assert_eq!(request.call().unwrap().status(), 401);
    }
    let steps = until("both steps", || {
        let steps: Vec<_> =
            steps(&receiver.log()).into_iter().filter(|step| step.name == "GET /movies/{movie_id}").collect();
        if steps.len() == 2 { Ok(steps) } else { Err(format!("{steps:#?}")) }
    });
    for step in &steps {
        assert!(step.trace != TRACE && step.parent != CALLER, "{step:#?}");
        assert!(
            step.text.contains("Link") && step.text.contains(TRACE),
            "it says which one it came from: {}",
            step.text
        );
    }
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains(TRACE) && log.contains(&steps[0].trace), "{log}");
}

#[test]
fn a_receiver_that_is_away_or_refuses_is_told() {
    let folder = TempDir::new().unwrap();
    // Who has no such route answers 404.
    let other = Watched::start(folder.path(), &[]);
    let (nowhere, refusing) = (format!("http://127.0.0.1:{}/v1/traces", free_port()), other.at("/v1/traces"));
    for (place, result, why) in
        [(nowhere, "unreachable", "labels.why"), (refusing, "refused", "the receiver answers 404")]
    {
        let log = folder.path().join(result);
        let own = [("TELEMETRY__TRACES", &*place), ("LOG__FORMAT", "json"), ("TELEMETRY__METRICS", "127.0.0.1:0")];
        let mut start = super::command(folder.path(), &own);
        let app = Watched::start_as(start.stderr(std::fs::File::create(&log).unwrap()));
        app.get("/movies/1", "");
        until("a line that says so", || {
            let log = std::fs::read_to_string(&log).unwrap();
            let line = log.lines().find(|line| line.contains("steps of traces are lost")).ok_or(log.clone())?;
            if line.contains(why) { Ok(()) } else { Err(line.to_owned()) }
        });
        let (metrics, name) = (app.metrics(), format!("tollgate_trace_batches_total{{result=\"{result}\"}} "));
        let count = metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<u64>().ok());
        assert!(count.is_some_and(|count| count > 0), "{metrics}");
    }
}

#[test]
fn a_receiver_that_is_away_holds_nobody_up() {
    let folder = TempDir::new().unwrap();
    let nowhere = format!("http://127.0.0.1:{}/v1/traces", free_port());
    let app = Watched::start(folder.path(), &[("TELEMETRY__TRACES", &nowhere)]);
    let start = Instant::now();
    for _ in 0..3000 {
        assert_eq!(app.get("/livez", "").status(), 200);
    }
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}

#[test]
fn settings_of_traces_that_cannot_be_are_told_in_a_line() {
    let folder = TempDir::new().unwrap();
    for (settings, words) in [
        ([("TELEMETRY__TRACES", "http://collector.example/v1/traces")].as_slice(), "telemetry.traces must be `https`"),
        (
            &[("TELEMETRY__TRACES", "http://127.0.0.1:1/"), ("TELEMETRY__TRACES_SAMPLED", "2")],
            "telemetry.traces_sampled",
        ),
    ] {
        let said = crate::process::failure(&super::command(folder.path(), settings).output().unwrap());
        assert!(said.contains(words), "{said}");
    }
}
