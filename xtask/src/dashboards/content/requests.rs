//! What is shown of requests: how many, how long, how they end.

use super::{panel, row};
use crate::dashboards::model::{Dashboard, Row, Unit};

pub(super) fn requests() -> Dashboard {
    Dashboard {
        name: "requests",
        title: "Tollgate: requests",
        rows: vec![all_requests(), under_load(), repeated(), by_route()],
    }
}

fn all_requests() -> Row {
    row(
        "All requests",
        [
            panel(
                "Requests",
                "Answered per second, by class of status.",
                Unit::PerSecond,
                &[(
                    r#"sum by (class) (label_replace(rate(http_server_request_duration_seconds_count{job="$job"}[$__rate_interval]), "class", "${1}xx", "http_response_status_code", "(.).."))"#,
                    "{{class}}",
                )],
            ),
            panel(
                "Failures",
                "The share of 5xx. Above one in a hundred, somebody is told.",
                Unit::Share,
                &[(
                    r#"(sum(rate(http_server_request_duration_seconds_count{job="$job",http_response_status_code=~"5.."}[$__rate_interval])) or vector(0)) / sum(rate(http_server_request_duration_seconds_count{job="$job"}[$__rate_interval]))"#,
                    "5xx",
                )],
            ),
            panel(
                "Under way",
                "Requests that are not answered yet, by instance.",
                Unit::Count,
                &[(r#"http_server_active_requests{job="$job"}"#, "{{instance}}")],
            ),
        ],
    )
}

fn by_route() -> Row {
    row(
        "By route",
        [
            panel(
                "Requests",
                "Answered per second; what has no route was not found.",
                Unit::PerSecond,
                &[(
                    r#"sum by (http_request_method, http_route) (rate(http_server_request_duration_seconds_count{job="$job"}[$__rate_interval]))"#,
                    "{{http_request_method}} {{http_route}}",
                )],
            ),
            panel(
                "Median",
                "Half of the requests take at most so long.",
                Unit::Seconds,
                &[(
                    r#"histogram_quantile(0.5, sum by (http_route, le) (rate(http_server_request_duration_seconds_bucket{job="$job"}[$__rate_interval])))"#,
                    "{{http_route}}",
                )],
            ),
            panel(
                "99 of 100",
                "All but one in a hundred take at most so long.",
                Unit::Seconds,
                &[(
                    r#"histogram_quantile(0.99, sum by (http_route, le) (rate(http_server_request_duration_seconds_bucket{job="$job"}[$__rate_interval])))"#,
                    "{{http_route}}",
                )],
            ),
        ],
    )
}

fn under_load() -> Row {
    row(
        "Under load",
        [
            panel(
                "Places",
                "Requests that have one, and that wait for one. Where some always wait, there are too many of them.",
                Unit::Count,
                &[
                    (r#"sum by (instance) (tollgate_requests_in_flight{job="$job"})"#, "{{instance}}"),
                    (r#"sum by (instance) (tollgate_requests_queued{job="$job"})"#, "{{instance}} waiting"),
                    (r#"min(tollgate_requests_places{job="$job"})"#, "at most"),
                ],
            ),
            panel(
                "Sent away",
                "Answered 503, because there was no place for them.",
                Unit::PerSecond,
                &[(
                    r#"sum by (instance) (rate(tollgate_requests_shed_total{job="$job"}[$__rate_interval]))"#,
                    "{{instance}}",
                )],
            ),
            panel(
                "Connections",
                "Open, and the requests a second that were refused before a route was asked.",
                Unit::Count,
                &[
                    (r#"tollgate_connections_open{job="$job"}"#, "{{instance}}"),
                    (
                        r#"sum by (reason) (rate(tollgate_connection_refusals_total{job="$job"}[$__rate_interval]))"#,
                        "{{reason}}",
                    ),
                ],
            ),
            panel(
                "Over a limit",
                "Answered 429, by what is limited.",
                Unit::PerSecond,
                &[(
                    r#"sum by (limit) (rate(tollgate_limit_refusals_total{job="$job"}[$__rate_interval]))"#,
                    "{{limit}}",
                )],
            ),
        ],
    )
}

fn repeated() -> Row {
    row(
        "Answered before",
        [
            panel(
                "Kept answers",
                "Requests to cached routes: answered with what was kept, with what another computed, or computed.",
                Unit::PerSecond,
                &[(
                    r#"sum by (result) (rate(tollgate_cache_requests_total{job="$job"}[$__rate_interval]))"#,
                    "{{result}}",
                )],
            ),
            panel(
                "Idempotency keys",
                "Requests with one. Keys that are used for another request are a mistake of their client.",
                Unit::PerSecond,
                &[(
                    r#"sum by (result) (rate(tollgate_idempotent_requests_total{job="$job"}[$__rate_interval]))"#,
                    "{{result}}",
                )],
            ),
        ],
    )
}
