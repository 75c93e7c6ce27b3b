//! What the dashboards show.

use super::model::{Dashboard, Panel, Row, Unit};

type Queries<'q> = &'q [(&'static str, &'static str)];

pub(super) fn dashboards() -> [Dashboard; 4] {
    [requests(), databases(), identity(), process()]
}

fn row(title: &'static str, panels: impl Into<Vec<Panel>>) -> Row {
    Row { title, panels: panels.into() }
}

fn panel(title: &'static str, about: &'static str, unit: Unit, queries: Queries<'_>) -> Panel {
    Panel { title, about, unit, queries: queries.to_vec() }
}

fn requests() -> Dashboard {
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

fn databases() -> Dashboard {
    Dashboard { name: "databases", title: "Tollgate: databases", rows: vec![groups(), postgres(), redis()] }
}

fn groups() -> Row {
    row(
        "Travelling together",
        [
            panel(
                "Group size",
                "How many callers share a statement, on average. It grows with the load, and the load of the database does not.",
                Unit::Count,
                &[(
                    r#"sum by (resource, work) (rate(tollgate_group_size_sum{job="$job"}[$__rate_interval])) / sum by (resource, work) (rate(tollgate_group_size_count{job="$job"}[$__rate_interval]))"#,
                    "{{work}} {{resource}}",
                )],
            ),
            panel(
                "Waiting",
                "Callers who wait for the next group.",
                Unit::Count,
                &[(r#"sum by (resource, work) (tollgate_group_waiting{job="$job"})"#, "{{work}} {{resource}}")],
            ),
            panel(
                "Turned away",
                "Callers who were answered 503, because too many waited or for too long.",
                Unit::PerSecond,
                &[(
                    r#"sum by (resource, work) (rate(tollgate_group_refused_total{job="$job"}[$__rate_interval]))"#,
                    "{{work}} {{resource}}",
                )],
            ),
        ],
    )
}

fn postgres() -> Row {
    row(
        "PostgreSQL",
        [
            panel(
                "Transactions",
                "Connections of the pool for transactions, and how many there may be.",
                Unit::Count,
                &[
                    (
                        r#"sum by (db_client_connection_pool_name, db_client_connection_state) (db_client_connection_count{job="$job"})"#,
                        "{{db_client_connection_pool_name}} {{db_client_connection_state}}",
                    ),
                    (
                        r#"sum by (db_client_connection_pool_name) (db_client_connection_max{job="$job"})"#,
                        "{{db_client_connection_pool_name}} at most",
                    ),
                ],
            ),
            panel(
                "Waiting for a transaction",
                "Who waits, and who waited in vain, which is a 503.",
                Unit::Count,
                &[
                    (
                        r#"sum by (db_client_connection_pool_name) (db_client_connection_pending_requests{job="$job"})"#,
                        "{{db_client_connection_pool_name}} waiting",
                    ),
                    (
                        r#"sum by (db_client_connection_pool_name) (increase(db_client_connection_timeouts_total{job="$job"}[$__rate_interval]))"#,
                        "{{db_client_connection_pool_name}} in vain",
                    ),
                ],
            ),
            panel(
                "Statements under way",
                "On shared connections, by what they are for.",
                Unit::Count,
                &[(r#"sum by (lines) (tollgate_postgres_statements{job="$job"})"#, "{{lines}}")],
            ),
        ],
    )
}

fn redis() -> Row {
    row(
        "Redis",
        [
            panel(
                "Calls",
                "By what became of them. After one that was lost, the others are spared for a second: answers are computed, \
                 and each instance counts by itself.",
                Unit::PerSecond,
                &[(
                    r#"sum by (result) (rate(tollgate_redis_calls_total{job="$job"}[$__rate_interval]))"#,
                    "{{result}}",
                )],
            ),
            panel(
                "99 of 100",
                "All but one call in a hundred take at most so long. None takes longer than 50 ms.",
                Unit::Seconds,
                &[(
                    r#"histogram_quantile(0.99, sum by (instance, le) (rate(tollgate_redis_call_duration_seconds_bucket{job="$job"}[$__rate_interval])))"#,
                    "{{instance}}",
                )],
            ),
        ],
    )
}

fn identity() -> Dashboard {
    Dashboard { name: "identity", title: "Tollgate: identity", rows: vec![tokens(), issuers(), people()] }
}

fn tokens() -> Row {
    row(
        "Tokens",
        [
            panel(
                "Known tokens",
                "The share of tokens that were verified before, which costs microseconds.",
                Unit::Share,
                &[(
                    r#"sum(rate(tollgate_token_cache_requests_total{job="$job",result="hit"}[$__rate_interval])) / sum(rate(tollgate_token_cache_requests_total{job="$job"}[$__rate_interval]))"#,
                    "hits",
                )],
            ),
            panel(
                "Refused tokens",
                "By reason; the caller is not told it.",
                Unit::PerSecond,
                &[(
                    r#"sum by (reason) (rate(tollgate_token_refusals_total{job="$job"}[$__rate_interval]))"#,
                    "{{reason}}",
                )],
            ),
            panel(
                "Lacked a permission",
                "Requests of somebody who is signed in, answered 403.",
                Unit::PerSecond,
                &[(
                    r#"sum by (permission) (rate(tollgate_permission_refusals_total{job="$job"}[$__rate_interval]))"#,
                    "{{permission}}",
                )],
            ),
        ],
    )
}

fn issuers() -> Row {
    row(
        "Issuers",
        [
            panel(
                "Age of keys",
                "Since the key set in use was fetched. It is renewed within the hour.",
                Unit::Seconds,
                &[(r#"time() - max by (issuer) (tollgate_jwks_fetched_timestamp_seconds{job="$job"})"#, "{{issuer}}")],
            ),
            panel(
                "Usable keys",
                "In the key set of each issuer.",
                Unit::Count,
                &[(r#"min by (issuer) (tollgate_jwks_keys{job="$job"})"#, "{{issuer}}")],
            ),
            panel(
                "Fetches",
                "Key sets asked for, by outcome.",
                Unit::Count,
                &[(
                    r#"sum by (issuer, result) (increase(tollgate_jwks_fetches_total{job="$job"}[$__rate_interval]))"#,
                    "{{issuer}} {{result}}",
                )],
            ),
        ],
    )
}

fn people() -> Row {
    row(
        "People",
        [panel(
            "Sign-ins",
            "Tried, by way and outcome.",
            Unit::PerSecond,
            &[(
                r#"sum by (way, result) (rate(tollgate_logins_total{job="$job"}[$__rate_interval]))"#,
                "{{way}} {{result}}",
            )],
        )],
    )
}

fn process() -> Dashboard {
    Dashboard { name: "process", title: "Tollgate: process", rows: vec![system(), runtime(), secrets()] }
}

fn system() -> Row {
    row(
        "Process",
        [
            panel(
                "Processors",
                "How many are used.",
                Unit::Count,
                &[(r#"rate(process_cpu_seconds_total{job="$job"}[$__rate_interval])"#, "{{instance}}")],
            ),
            panel(
                "Memory",
                "Resident memory.",
                Unit::Bytes,
                &[(r#"process_resident_memory_bytes{job="$job"}"#, "{{instance}}")],
            ),
            panel(
                "Files and sockets",
                "Open ones, and how many may be.",
                Unit::Count,
                &[
                    (r#"process_open_fds{job="$job"}"#, "{{instance}}"),
                    (r#"min(process_max_fds{job="$job"})"#, "at most"),
                ],
            ),
            panel(
                "Up for",
                "Since the process started.",
                Unit::Seconds,
                &[(r#"time() - process_start_time_seconds{job="$job"}"#, "{{instance}}")],
            ),
            panel("Threads", "Of the system.", Unit::Count, &[(r#"process_threads{job="$job"}"#, "{{instance}}")]),
            panel(
                "Lost lines of the log",
                "Whoever reads them is too slow.",
                Unit::PerSecond,
                &[(r#"rate(tollgate_log_lines_dropped_total{job="$job"}[$__rate_interval])"#, "{{instance}}")],
            ),
        ],
    )
}

fn runtime() -> Row {
    row(
        "Runtime",
        [
            panel(
                "Busy workers",
                "How many of the threads that run tasks do. Near their number, the processors are the limit.",
                Unit::Count,
                &[
                    (r#"rate(tokio_busy_seconds_total{job="$job"}[$__rate_interval])"#, "{{instance}}"),
                    (r#"min(tokio_workers{job="$job"})"#, "at most"),
                ],
            ),
            panel("Tasks", "Not ended yet.", Unit::Count, &[(r#"tokio_alive_tasks{job="$job"}"#, "{{instance}}")]),
            panel(
                "Waiting tasks",
                "In the queue that workers share.",
                Unit::Count,
                &[(r#"tokio_global_queue_depth{job="$job"}"#, "{{instance}}")],
            ),
        ],
    )
}

fn secrets() -> Row {
    row(
        "Secrets that are kept elsewhere",
        [panel(
            "Lookups",
            "By setting and outcome. After a failure the last value stays: somebody has to look before it is rotated.",
            Unit::Count,
            &[(
                r#"sum by (setting, result) (increase(tollgate_secret_lookups_total{job="$job"}[$__rate_interval]))"#,
                "{{setting}} {{result}}",
            )],
        )],
    )
}
