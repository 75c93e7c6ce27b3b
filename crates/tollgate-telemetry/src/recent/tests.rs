use super::*;
use tracing_subscriber::{Registry, layer::SubscriberExt};

fn ann(say: &mut dyn FnMut(&'static str, &dyn std::fmt::Display)) {
    say("actor", &"ann");
}

fn request(path: &str, status: u16) {
    let request = tracing::debug_span!(target: "tollgate::trace", "request", http.route = "/notes");
    let _within = request.enter();
    let store = tracing::debug_span!(
        target: "tollgate::trace", "store", db.operation.name = "read", db.operation.batch.size = tracing::field::Empty
    );
    std::thread::sleep(Duration::from_millis(2));
    store.record("db.operation.batch.size", 7);
    drop(store);
    tracing::info!(target: "tollgate::request", method = "GET", path, route = "/notes", status, "answered");
}

#[test]
fn a_request_is_kept_with_its_steps_and_whose_it_was() {
    let recent = Recent::new(ann, |path| !path.starts_with("/-/"));
    let subscriber = Registry::default().with(recent.layer());
    tracing::subscriber::with_default(subscriber, || {
        request("/notes", 200);
        request("/notes/7", 404);
        request("/-/console", 200);
        // What is no request's is not heard.
        tracing::info!(target: "tollgate::request", path = "/", "answered");
    });
    let seen = recent.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].fact("path"), seen[0].status(), seen[0].fact("actor")), ("/notes/7", 404, "ann"));
    let step = &seen[1].steps[0];
    assert_eq!((step.name, step.group()), ("store", Some(7)));
    assert!(step.waited >= Duration::from_millis(2) && step.waited <= step.took && step.took <= seen[1].took);
    assert_eq!(recent.problems().len(), 1);
    assert_eq!(recent.calls()[&("GET".into(), "/notes".into())], 2);
    let points = recent.points();
    let last = points.last().unwrap();
    assert_eq!((points.len(), last.requests, last.problems, last.groups), (60, 2, 1, [(2, 2.0 / 7.0), (0, 0.0)]));
}

#[test]
fn only_the_last_are_kept_and_all_are_counted() {
    let recent = Recent::new(ann, |path| !path.starts_with("/-/"));
    tracing::subscriber::with_default(Registry::default().with(recent.layer()), || {
        (0..KEPT + 5).for_each(|n| request(&format!("/{n}"), 200));
    });
    assert_eq!((recent.requests().len(), recent.requests()[0].fact("path")), (KEPT, "/204"));
    assert_eq!(recent.points().last().unwrap().requests as usize, KEPT + 5);
}

#[test]
fn secrets_and_long_texts_are_not_kept() {
    let recent = Recent::new(ann, |_| true);
    tracing::subscriber::with_default(Registry::default().with(recent.layer()), || {
        request(&format!("/notes?token=abc&x={}", "y".repeat(1000)), 200);
    });
    let path = recent.requests()[0].fact("path").to_owned();
    assert!(path.starts_with("/notes?token=[hidden]&x=yy") && path.chars().count() == LONGEST + 1, "{path}");
}
