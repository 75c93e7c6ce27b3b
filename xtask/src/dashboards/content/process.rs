//! What is shown of the process itself.

use super::{panel, row};
use crate::dashboards::model::{Dashboard, Row, Unit};

pub(super) fn process() -> Dashboard {
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
