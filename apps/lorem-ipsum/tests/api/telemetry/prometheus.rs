//! Metrics, as a Prometheus sees them that runs with the configuration and the rules of `infra/prometheus`.

use super::{Issuer, Watched, until, workspace};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Write, fs};
use tempfile::TempDir;
use tollgate_testing::servers::Prometheus;

#[test]
fn alerts_are_raised_when_they_should_be_and_only_then() {
    let folder = workspace("infra/prometheus");
    let file = |name: &str| folder.join(name).display().to_string();
    Prometheus::tool(&["check", "config", &file("prometheus.yml")]);
    let said = Prometheus::tool(&["test", "rules", &file("rules.test.yml")]);
    assert!(said.contains("SUCCESS"), "{said}");
    let (rules, tests) =
        (fs::read_to_string(file("rules.yml")).unwrap(), fs::read_to_string(file("rules.test.yml")).unwrap());
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} has no test");
    }
}

#[test]
fn metrics_have_an_address_of_their_own_and_bounded_labels() {
    let folder = TempDir::new().unwrap();
    let app = Watched::start(folder.path(), &[("TELEMETRY__METRICS", "127.0.0.1:0")]);
    assert_eq!(app.get("/metrics", "").status(), 404, "not where callers are");
    for path in 0..50 {
        app.get(&format!("/invented/{path}?secret=canary"), "Bearer canary");
        app.get("/movies/1", "Bearer canary");
    }
    let shown = app.metrics();
    assert!(!shown.contains("canary") && !shown.contains("invented"), "{shown}");
    let counted = |labels: &str| {
        let line = format!("http_server_request_duration_seconds_count{{{labels}}} ");
        shown.lines().find_map(|shown| shown.strip_prefix(&line)).map(str::to_owned)
    };
    for metric in ["db_client_connection_max{", "db_client_connection_pending_requests{", "tollgate_connections_open "]
    {
        assert!(shown.lines().any(|line| line.starts_with(metric)), "{metric}: {shown}");
    }
    let labels = r#"http_request_method="GET",http_route="",http_response_status_code="404""#;
    assert_eq!(counted(labels).as_deref(), Some("51"), "{shown}");
    let labels = r#"http_request_method="GET",http_route="/movies/{movie_id}",http_response_status_code="401""#;
    assert_eq!(counted(labels).as_deref(), Some("50"), "{shown}");
}

#[test]
fn an_address_for_metrics_that_is_taken_is_told_in_a_line() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = super::command(folder.path(), &[("TELEMETRY__METRICS", &address)]);
    let said = crate::process::failure(&command.output().unwrap());
    assert!(said.contains("telemetry.metrics") && said.contains("is taken"), "{said}");
}

#[test]
fn outside_dev_metrics_have_the_usual_address_and_a_second_process_goes_on_without() {
    let folder = TempDir::new().unwrap();
    // Whether it is had here or by somebody else: it is taken.
    let _taken = std::net::TcpListener::bind("127.0.0.1:9464");
    let log = folder.path().join("log");
    let settings = [
        ("ENV", "staging"),
        ("DATABASE__ADDITIVE", "true"),
        ("IDENTITY__EMBEDDED", "true"),
        ("SERVER__PUBLIC_URL", "https://app.example"),
    ];
    let start = |more: &[(&str, &str)]| {
        let mut command = super::command(folder.path(), &[&settings[..], more].concat());
        Watched::start_as(command.stderr(fs::File::create(&log).unwrap())).server
    };
    let said = || fs::read_to_string(&log).unwrap();
    let second = start(&[]);
    assert!(!second.banner.contains("/metrics"));
    let is_told = |log: String| log.contains("telemetry.metrics: 127.0.0.1:9464 is taken").then_some(()).ok_or(log);
    until("that the address is taken", || is_told(said()));
    drop(second);
    assert!(start(&[("TELEMETRY__METRICS", "127.0.0.1:0")]).banner.contains("/metrics"));
    assert!(!start(&[("TELEMETRY__METRICS", "off")]).banner.contains("/metrics"));
    assert!(!said().contains("telemetry.metrics"), "{}", said());
}

mod redis {
    use super::*;

    mod postgres {
        use super::*;
        use std::{
            thread,
            time::{Duration, SystemTime, UNIX_EPOCH},
        };
        use tollgate_testing::servers::{Postgres, Redis, psql};

        #[test]
        fn every_query_of_the_dashboards_finds_something() {
            let (folder, issuer, redis) = (TempDir::new().unwrap(), Issuer::start(), Redis::start());
            let url = format!("{}?schema=watched_{}", Postgres::shared(), std::process::id());
            let secret = folder.path().join("secret");
            fs::write(&secret, redis.url()).unwrap();
            let secret = format!("secret:file:{}", secret.display());
            let mut settings =
                vec![("TELEMETRY__METRICS", "127.0.0.1:0"), ("DATABASE__URL", &url), ("REDIS__URL", &secret)];
            settings.extend([("SECRETS__REFRESH_SECONDS", "1"), ("LIMITS__ACTOR", "1000000 per minute")]);
            settings.extend(issuer.settings());
            let app = Watched::start(folder.path(), &settings);
            let watching = watch(app.told("metrics"));
            let queries = queries();
            assert!(queries.len() > 40, "{}", queries.len());
            until("queries that find nothing", || {
                everything_happens(&app);
                let empty: Vec<_> = queries.iter().filter(|query| watching.finds(query).is_empty()).collect();
                if empty.is_empty() { Ok(()) } else { Err(format!("{empty:#?}")) }
            });
            watching.has_good_rules();
            let shown = app.metrics();
            let rules = fs::read_to_string(workspace("infra/prometheus/rules.yml")).unwrap();
            for name in metric_names(&(queries.concat() + &rules), &shown) {
                assert!(shown.contains(&format!("\n{name}")), "{name} is asked for and not shown");
            }
            is_told_in_the_reference(&shown);
        }

        /// The numbers of an app at one moment.
        struct Numbers(String);

        impl Numbers {
            fn of(app: &Watched) -> Self {
                Self(app.metrics())
            }

            /// What is shown under that name, of all that have these labels together.
            fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
                let value = |line: &str| {
                    let (name_and_labels, value) = line.rsplit_once(' ')?;
                    let (of, said) = name_and_labels.split_once('{').unwrap_or((name_and_labels, ""));
                    let has = |(label, value): &(&str, &str)| said.contains(&format!("{label}=\"{value}\""));
                    (of == name && labels.iter().all(has)).then(|| value.parse::<f64>().unwrap())
                };
                self.0.lines().filter_map(value).reduce(|one, other| one + other)
            }

            fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
                self.find(name, labels).unwrap_or_else(|| panic!("{name} {labels:?}: {}", self.0))
            }
        }

        #[expect(clippy::cast_possible_truncation, reason = "it is a count")]
        fn whole(number: f64) -> i64 {
            number.round() as i64
        }

        /// The numbers before something happened, and after.
        struct Moved(Numbers, Numbers);

        impl Moved {
            fn while_it(app: &Watched, happens: impl FnOnce()) -> Self {
                let before = Numbers::of(app);
                happens();
                Self(before, Numbers::of(app))
            }

            fn by(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
                whole(self.1.sum(name, labels) - self.0.find(name, labels).unwrap_or_default())
            }
        }

        /// Where a query of a dashboard finds a number that never moves, it shows a calm day for ever.
        #[test]
        fn each_number_follows_what_it_counts() {
            let (folder, issuer, redis) = (TempDir::new().unwrap(), Issuer::start(), Redis::start());
            let schema = format!("counted_{}", std::process::id());
            let waits = "lock_timeout=60&acquire_timeout=60";
            let url = format!("{}?schema={schema}&transactions=1&{waits}", Postgres::shared());
            let redis_url = redis.url();
            let mut settings =
                vec![("TELEMETRY__METRICS", "127.0.0.1:0"), ("DATABASE__URL", &url), ("REDIS__URL", &redis_url)];
            settings.extend([("SERVER__REQUESTS", "2"), ("LIMITS__ROUTES", r#"{"GET /words": "1 per day"}"#)]);
            settings.extend(issuer.settings());
            let app = Watched::start(folder.path(), &settings);
            let (admin, reader) = (app.token("admin"), app.token("reader"));
            reads_are_counted(&app, &admin);
            writes_are_counted(&app, &admin);
            refusals_are_counted(&app, &reader);
            who_waits_is_counted(&app, &admin, &schema);
            the_process_is_measured(&app);
        }

        fn reads_are_counted(app: &Watched, token: &str) {
            let moved = Moved::while_it(app, || (1..=5).for_each(|id| drop(app.get(&format!("/movies/{id}"), token))));
            let film = [("http_route", "/movies/{movie_id}"), ("http_response_status_code", "200")];
            assert_eq!(moved.by("http_server_request_duration_seconds_count", &film), 5);
            assert_eq!(moved.by("tollgate_token_cache_requests_total", &[("result", "miss")]), 1, "a new token");
            assert_eq!(moved.by("tollgate_token_cache_requests_total", &[("result", "hit")]), 4);
            assert_eq!(moved.by("tollgate_group_size_sum", &[("resource", "movies"), ("work", "read")]), 5);
            let best = || drop(app.get("/movies/new?year=1999&rating=1", token));
            let moved = Moved::while_it(app, || (0..3).for_each(|_| best()));
            assert_eq!(moved.by("tollgate_cache_requests_total", &[("result", "miss")]), 1);
            assert_eq!(moved.by("tollgate_cache_requests_total", &[("result", "hit")]), 2);
            assert!(moved.by("tollgate_redis_calls_total", &[("result", "answered")]) >= 3);
            assert!(moved.by("tollgate_redis_call_duration_seconds_count", &[]) >= 3);
        }

        fn write(app: &Watched, token: &str, key: &str, text: &str) -> u16 {
            let request = app.agent.post(app.at("/messages")).header("authorization", token);
            request.header("idempotency-key", key).send_json(json!({ "text": text })).unwrap().status().as_u16()
        }

        fn writes_are_counted(app: &Watched, token: &str) {
            let moved = Moved::while_it(app, || {
                let request = app.agent.post(app.at("/messages")).header("authorization", token);
                assert_eq!(request.send_json(json!({ "text": "without a key" })).unwrap().status(), 201);
                assert_eq!(["one", "one", "two"].map(|text| write(app, token, "key", text)), [201, 201, 422]);
            });
            assert_eq!(moved.by("tollgate_group_size_sum", &[("resource", "messages"), ("work", "insert")]), 1);
            for result in ["done", "replayed", "reused"] {
                assert_eq!(moved.by("tollgate_idempotent_requests_total", &[("result", result)]), 1, "{result}");
            }
        }

        fn refusals_are_counted(app: &Watched, reader: &str) {
            let moved = Moved::while_it(app, || {
                app.agent.delete(app.at("/movies/1")).header("authorization", reader).call().unwrap();
                app.get("/movies/1", "Bearer not-a-token");
                let form = [("username", "reader@example.test"), ("password", "wrong")];
                app.agent.post(app.at("/token")).send_form(form).unwrap();
                app.token("reader");
                assert_eq!([(); 2].map(|()| app.get("/words", reader).status().as_u16()), [200, 429]);
            });
            assert_eq!(moved.by("tollgate_permission_refusals_total", &[("permission", "delete:movies")]), 1);
            assert_eq!(moved.by("tollgate_token_refusals_total", &[]), 1);
            for result in ["success", "failure"] {
                let labels = [("way", "password"), ("result", result)];
                assert_eq!(moved.by("tollgate_logins_total", &labels), 1, "{result}");
            }
            assert_eq!(moved.by("tollgate_limit_refusals_total", &[("limit", "route")]), 1);
        }

        /// Two writes while the table of keys is locked: one has the only connection for transactions, the other waits for
        /// it, and both places are taken.
        fn who_waits_is_counted(app: &Watched, token: &str, schema: &str) {
            let lock = format!("BEGIN; LOCK TABLE \"{schema}\".tollgate_requests; SELECT pg_sleep(8); COMMIT");
            thread::scope(|scope| {
                scope.spawn(|| psql(&Postgres::shared(), &lock));
                thread::sleep(Duration::from_secs(1));
                for key in ["first", "second"] {
                    scope.spawn(move || assert_eq!(write(app, token, key, key), 201));
                }
                until("both wait", || {
                    let now = Numbers::of(app);
                    let found = [
                        now.sum("db_client_connection_count", &[("db_client_connection_state", "used")]),
                        now.sum("db_client_connection_pending_requests", &[]),
                        now.sum("tollgate_requests_in_flight", &[]),
                        now.sum("http_server_active_requests", &[]),
                    ];
                    if found.map(whole) == [1, 1, 2, 2] { Ok(()) } else { Err(format!("{found:?}")) }
                });
                let moved = Moved::while_it(app, || assert_eq!(app.get("/movies/1", token).status(), 503));
                assert_eq!(moved.by("tollgate_requests_shed_total", &[]), 1);
            });
            let now = Numbers::of(app);
            for name in ["db_client_connection_pending_requests", "tollgate_requests_in_flight"] {
                assert_eq!(whole(now.sum(name, &[])), 0, "{name}");
            }
        }

        fn the_process_is_measured(app: &Watched) {
            let (now, time) = (Numbers::of(app), SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64());
            for name in ["tollgate_jwks_fetched_timestamp_seconds", "process_start_time_seconds"] {
                assert!((-1.0..300.0).contains(&(time - now.sum(name, &[]))), "{name}");
            }
            for (name, least) in [
                ("tollgate_jwks_keys", 1.0),
                ("tollgate_jwks_fetches_total", 1.0),
                ("process_resident_memory_bytes", 1e6),
                ("process_cpu_seconds_total", 0.01),
                ("process_threads", 2.0),
                ("process_open_fds", 4.0),
                ("tokio_workers", 1.0),
                ("tokio_alive_tasks", 1.0),
                ("tokio_busy_seconds_total", 0.001),
                ("tollgate_connections_open", 1.0),
            ] {
                assert!(now.sum(name, &[]) >= least, "{name}");
            }
        }

        /// Something of everything that is counted.
        fn everything_happens(app: &Watched) {
            let (reader, admin) = (app.token("reader"), app.token("admin"));
            for id in 1..20 {
                app.get(&format!("/movies/{id}"), &admin);
            }
            app.get("/movies", "Bearer not-a-token");
            app.agent.delete(app.at("/movies/1")).header("authorization", &reader).call().unwrap();
            app.agent
                .post(app.at("/token"))
                .send_form([("username", "no@example.test"), ("password", "wrong")])
                .unwrap();
            app.get("/movies/new?year=2005&rating=8", &admin);
            let message = json!({ "text": "Hello" });
            for _ in 0..2 {
                let request = app.agent.post(app.at("/messages")).header("authorization", &admin);
                request.header("idempotency-key", "hello").send_json(&message).unwrap();
            }
        }
    }
}

/// A Prometheus that watches the app, with the configuration that is for everybody, only faster.
fn watch(metrics: &str) -> Watching {
    let folder = workspace("infra/prometheus");
    let configuration = fs::read_to_string(folder.join("prometheus.yml")).unwrap();
    let address = metrics.trim_start_matches("http://").trim_end_matches("/metrics");
    let configuration = configuration.replace("127.0.0.1:9464", address).replace(": 15s", ": 1s");
    Watching(Prometheus::start(&configuration, &[&folder.join("rules.yml")]))
}

struct Watching(Prometheus);

impl Watching {
    fn ask(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = ureq::get(format!("{}/api/v1/{path}", self.0.url())).query_pairs(query.iter().copied());
        let answer: Value =
            request.call().unwrap_or_else(|error| panic!("{query:?}: {error}")).body_mut().read_json().unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"].clone()
    }

    /// The numbers that a query of a dashboard finds, as Grafana would ask it.
    fn finds(&self, query: &str) -> Vec<Value> {
        let query = query.replace("$__rate_interval", "1m").replace("$job", "tollgate");
        let data = self.ask("query", &[("query", &query)]);
        let found = data["result"].as_array().unwrap_or_else(|| panic!("{data}"));
        found.iter().filter(|found| found["value"][1] != "NaN").cloned().collect()
    }

    /// Whether all rules are computed without an error, and those that record find something.
    fn has_good_rules(&self) {
        let rules = until("rules that are not good", || {
            let groups = self.ask("rules", &[])["groups"].as_array().unwrap().clone();
            let rules: Vec<Value> =
                groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect();
            let bad: Vec<_> = rules.iter().filter(|rule| rule["health"] != "ok").collect();
            if bad.is_empty() { Ok(rules) } else { Err(format!("{bad:#?}")) }
        });
        for rule in rules.iter().filter(|rule| rule["type"] == "recording") {
            let found = || self.finds(rule["name"].as_str().unwrap());
            until("what is recorded", || if found().is_empty() { Err(rule.to_string()) } else { Ok(()) });
        }
    }
}

/// The queries of all dashboards.
fn queries() -> Vec<String> {
    let mut queries = vec![];
    for file in fs::read_dir(workspace("infra/grafana")).unwrap() {
        let dashboard: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        let targets = dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array());
        queries.extend(targets.flatten().map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    queries
}

/// The metrics that a text speaks of: words of ours that are not the labels of what is shown.
fn metric_names(text: &str, shown: &str) -> BTreeSet<String> {
    let labels: BTreeSet<&str> = shown.lines().flat_map(labels).collect();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    let is_ours =
        |word: &&str| ["http_", "db_", "tollgate_", "process_", "tokio_"].iter().any(|ours| word.starts_with(ours));
    words.filter(is_ours).filter(|word| !labels.contains(word)).map(str::to_owned).collect()
}

/// The reference has the list of metrics that the app shows; `UPDATE_EXPECT=1` writes it anew.
fn is_told_in_the_reference(shown: &str) {
    const BEGINS: &str = "<!-- metrics -->\n";
    const ENDS: &str = "<!-- /metrics -->";
    let file = workspace("docs/reference/metrics.md");
    let page = fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGINS).unwrap();
    let (told, after) = rest.split_once(ENDS).unwrap();
    let list = list(shown);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, format!("{before}{BEGINS}{list}{ENDS}{after}")).unwrap();
    } else {
        assert_eq!(told, list, "docs/reference/metrics.md: UPDATE_EXPECT=1 writes it anew");
    }
}

/// Each metric with its kind, its labels and what it means.
fn list(shown: &str) -> String {
    let mut list = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    let mut rows = BTreeSet::new();
    for help in shown.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, meaning) = help.split_once(' ').unwrap();
        let kind = format!("# TYPE {name} ");
        let kind = shown.lines().find_map(|line| line.strip_prefix(&kind)).unwrap();
        let labels: BTreeSet<&str> = shown.lines().filter(|line| line.starts_with(name)).flat_map(labels).collect();
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels = labels.into_iter().collect::<Vec<_>>().join(", ");
        rows.insert(format!("| `{name}{suffix}` | {kind} | {labels} | {} |", meaning.trim_end_matches('.')));
    }
    for row in rows {
        writeln!(list, "{row}").unwrap();
    }
    list
}

fn labels(line: &str) -> Vec<&str> {
    let Some((_, rest)) = line.split_once('{') else { return vec![] };
    let labels = rest.rsplit_once('}').unwrap().0;
    let names = labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(name, _)| name);
    names.filter(|name| *name != "le").collect()
}
