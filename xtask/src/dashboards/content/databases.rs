//! What is shown of databases and Redis.

use super::{panel, row};
use crate::dashboards::model::{Dashboard, Row, Unit};

pub(super) fn databases() -> Dashboard {
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
