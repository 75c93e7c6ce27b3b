//! What is shown of who calls, and how that is known.

use super::{panel, row};
use crate::dashboards::model::{Dashboard, Row, Unit};

pub(super) fn identity() -> Dashboard {
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
