//! Lines and steps of a call are away before the function can be frozen.

use super::{Alone, asking, event};
use serde_json::Value;
use std::fs::read_to_string;
use tollgate_testing::servers::{Rotel, RuntimeApi};

#[test]
fn what_a_call_says_has_left_before_it_asks_for_the_next() {
    let (receiver, api) = (Rotel::start(), RuntimeApi::start());
    let url = receiver.url();
    let settings = [("LOREM_IPSUM_TELEMETRY__TRACES", &*url), ("LOREM_IPSUM_LOG__FILTER", "info")];
    let function = Alone::start(&api, &settings);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut event = asking("GET", "/movies", event("http_api", "none"));
    event["headers"]["traceparent"] = format!("00-{trace}-00f067aa0ba902b7-01").into();
    let answer: Value = serde_json::from_str(&api.invoke(&event.to_string())).unwrap();
    assert!(api.heard().asks(), "from now on it may be frozen");
    let (steps, lines) = (receiver.log(), read_to_string(function.log()).unwrap());
    let id = answer["headers"]["x-request-id"].as_str().unwrap();
    assert!(lines.lines().any(|line| line.contains(id) && line.contains("answered")), "{id}: {lines}");
    assert!(steps.contains(trace), "{steps}");
}
