//! Lines of the log, as Elasticsearch would get them.

use super::{Watched, command, until, workspace};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::Command,
    thread::spawn,
};
use tempfile::TempDir;

/// Of the issuer that is away, so that nobody can tell whether it is good.
const UNTOLD: &str = "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjkiLCJhdWQiOiJ1cm46YXBpIiwic3ViIjoiYSIsImV4cCI6NDEwMjQ0NDgwMH0.c2lnbmF0dXJl";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What an app says while this and that happens to it.
fn lines() -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let settings = [("LOG__FORMAT", "json"), ("IDENTITY__ISSUERS__PEER__PRESET", "generic"), ("SERVER__PROXIES", "1")];
    let mut start = command(folder.path(), &settings);
    start.env("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__ISSUER", "http://127.0.0.1:9");
    start.env("LOREM_IPSUM_IDENTITY__ISSUERS__PEER__AUDIENCE", "urn:api");
    let app = Watched::start_as(start.stderr(File::create(&log).unwrap()));
    let (admin, reader) = (app.token("admin"), app.token("reader"));
    let request = app.agent.get(app.at("/movies/1?access_token=canary")).header("authorization", &admin);
    request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")).call().unwrap();
    app.get("/movies/1", "Bearer not-a-token");
    let untold = app.agent.get(app.at("/movies/1")).header("authorization", UNTOLD);
    untold.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")).call().unwrap();
    app.get("/a\"b\\c%0Ad/größe", &reader);
    app.agent.delete(app.at("/movies/1")).header("authorization", &reader).call().unwrap();
    app.get("/readyz", "");
    app.agent.post(app.at("/token")).send_form([("username", "no@example.test"), ("password", "wrong")]).unwrap();
    until("the line of the last request", || {
        let text = fs::read_to_string(&log).unwrap();
        let is_last =
            text.contains("\"url.path\":\"/token\",\"labels.route\":\"/token\",\"http.response.status_code\":401");
        if is_last && text.ends_with('\n') { Ok(text.lines().map(str::to_owned).collect()) } else { Err(text) }
    })
}

/// The type of each field in the index template, by its name with dots.
fn template() -> BTreeMap<String, String> {
    fn walk(properties: &Value, before: &str, types: &mut BTreeMap<String, String>) {
        for (name, said) in properties.as_object().unwrap() {
            let name = format!("{before}{name}");
            match &said["properties"] {
                Value::Null => drop(types.insert(name, said["type"].as_str().unwrap().to_owned())),
                inner => walk(inner, &format!("{name}."), types),
            }
        }
    }
    let text = fs::read_to_string(workspace("infra/logging/index-template.json")).unwrap();
    let template: Value = serde_json::from_str(&text).unwrap();
    let mut types = BTreeMap::new();
    walk(&template["template"]["mappings"]["properties"], "", &mut types);
    types
}

/// What the template has of the Elastic Common Schema 9.0, with the types that the schema gives them.
const ECS: [(&str, &str); 25] = [
    ("@timestamp", "date"),
    ("client.address", "keyword"),
    ("client.ip", "ip"),
    ("ecs.version", "keyword"),
    ("error.code", "keyword"),
    ("error.message", "match_only_text"),
    ("error.stack_trace", "wildcard"),
    ("event.action", "keyword"),
    ("event.dataset", "keyword"),
    ("event.duration", "long"),
    ("event.outcome", "keyword"),
    ("event.reason", "keyword"),
    ("http.request.id", "keyword"),
    ("http.request.method", "keyword"),
    ("http.response.status_code", "long"),
    ("labels", "object"),
    ("log.level", "keyword"),
    ("log.logger", "keyword"),
    ("message", "match_only_text"),
    ("service.environment", "keyword"),
    ("service.name", "keyword"),
    ("service.version", "keyword"),
    ("trace.id", "keyword"),
    ("url.path", "wildcard"),
    ("user.id", "keyword"),
];

#[test]
fn names_and_types_of_the_template_are_those_of_the_common_schema() {
    for (name, kind) in template() {
        assert!(
            ECS.contains(&(name.as_str(), kind.as_str())),
            "{name}: {kind} is none of the schema's; make it a label"
        );
    }
}

/// Why Elasticsearch would refuse a document, or keep a field under a name that nobody agreed on.
fn misfit(document: &Value, types: &BTreeMap<String, String>) -> Option<String> {
    let Some(fields) = document.as_object() else { return Some("is no object".into()) };
    fields.iter().find_map(|(name, value)| {
        let kind =
            if name.starts_with("labels.") { "label" } else { types.get(name).map_or("unknown", String::as_str) };
        let fits = match kind {
            "keyword" | "wildcard" | "match_only_text" => value.is_string(),
            "long" => value.is_i64() || value.is_u64(),
            "date" => value.as_str().is_some_and(|time| time.parse::<tollgate::Timestamp>().is_ok()),
            "label" => value.is_string() || value.is_number() || value.is_boolean(),
            _ => false,
        };
        (!fits).then(|| format!("{name}: {value} is not {kind}"))
    })
}

#[test]
fn every_line_fits_the_index_template() {
    let (lines, types) = (lines(), template());
    let documents: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    for (line, document) in lines.iter().zip(&documents) {
        assert_eq!(misfit(document, &types), None, "{line}");
        assert!(line.starts_with("{\"@timestamp\":\"2") && !line.contains("canary"), "{line}");
        let written = serde_json::to_string(document).unwrap();
        assert_eq!(written.len(), line.len(), "a name that comes twice: {line}");
    }
    let of = |path: &str, status: u16| {
        let is_it = |line: &&Value| line["url.path"] == path && line["http.response.status_code"] == status;
        documents.iter().find(is_it).unwrap_or_else(|| panic!("{path} {status}: {documents:#?}")).clone()
    };
    let known = of("/movies/1", 200);
    assert_eq!((&known["trace.id"], &known["labels.route"]), (&json!(TRACE), &json!("/movies/{movie_id}")));
    assert_eq!((&known["client.address"], &known["log.level"]), (&json!("127.0.0.1"), &json!("info")));
    assert_eq!((&known["event.dataset"], &known["http.request.method"]), (&json!("tollgate.request"), &json!("GET")));
    assert!(known["user.id"].is_string() && known["http.request.id"].is_string() && known["event.duration"].is_u64());
    assert_columns_are_filled(&documents);
    assert_eq!(of("/movies/1", 401)["user.id"], Value::Null, "nobody in particular");
    let refused =
        documents.iter().find(|line| line["event.outcome"] == "failure" && line["labels.resource"] == "movies");
    let refused = refused.unwrap_or_else(|| panic!("{documents:#?}"));
    assert_eq!(
        (&refused["event.dataset"], &refused["http.request.id"]),
        (&json!("tollgate.audit"), &of("/movies/1", 403)["http.request.id"])
    );
    let of = |name: &str, value: &str| {
        documents.iter().find(|line| line[name] == value).unwrap_or_else(|| panic!("{value}: {documents:#?}"))
    };
    assert!(of("labels.check", "identity.issuers.peer")["error.stack_trace"].is_string(), "not ready, and why");
    assert!(of("message", "keys were not renewed")["error.message"].is_string());
}

/// Speaks the bulk interface of Elasticsearch, and refuses what the template does not fit. Answers its address.
fn elasticsearch(types: BTreeMap<String, String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    spawn(move || {
        for client in listener.incoming().flatten() {
            let mut client = BufReader::new(client);
            let head: Vec<String> =
                client.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let length =
                head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            client.read_exact(&mut body).unwrap();
            let answer = answer(&head, &String::from_utf8(body).unwrap(), &types).to_string();
            let length = answer.len();
            let said = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
            client.get_mut().write_all(said.as_bytes()).unwrap();
        }
    });
    address
}

/// Each document follows a line that says what to do with it; a data stream takes only those to be created.
fn answer(head: &[String], body: &str, types: &BTreeMap<String, String>) -> Value {
    assert!(head[0].starts_with("POST /tollgate-logs/_bulk "), "{head:?}");
    assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: application/x-ndjson")), "{head:?}");
    assert!(body.ends_with('\n'), "a bulk ends with a line break");
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let items: Vec<Value> = lines.chunks(2).map(|pair| {
        assert_eq!(pair[0], json!({ "create": {} }));
        match misfit(&pair[1], types).or_else(|| pair[1]["@timestamp"].is_null().then(|| "no @timestamp".into())) {
            None => json!({ "create": { "status": 201 } }),
            Some(reason) => json!({ "create": { "status": 400, "error": { "type": "document_parsing_exception", "reason": reason } } }),
        }
    }).collect();
    let errors = items.iter().any(|item| item["create"]["status"] != 201);
    json!({ "took": 1, "errors": errors, "items": items })
}

/// Sends lines as both shippers are told to.
fn ship(address: &str, lines: &[String]) -> Value {
    let body: String = lines.iter().flat_map(|line| ["{\"create\":{}}\n", line, "\n"]).collect();
    let request = ureq::post(format!("{address}/tollgate-logs/_bulk")).header("content-type", "application/x-ndjson");
    request.send(body).unwrap().body_mut().read_json().unwrap()
}

#[test]
fn elasticsearch_takes_every_line_and_would_refuse_others() {
    let address = elasticsearch(template());
    let lines = lines();
    let taken = ship(&address, &lines);
    assert_eq!((&taken["errors"], taken["items"].as_array().unwrap().len()), (&json!(false), lines.len()), "{taken}");
    let good = r#"{"@timestamp":"2026-11-21T12:00:00.123456Z","message":"a"}"#;
    for wrong in [
        r#"{"message":"without a time"}"#,
        r#"{"@timestamp":"2026-11-21T12:00:00Z","http.response.status_code":"200"}"#,
        r#"{"@timestamp":"yesterday"}"#,
        r#"{"@timestamp":"2026-11-21T12:00:00Z","of.nobody":"agreed"}"#,
    ] {
        let answer = ship(&address, &[good.into(), wrong.into()]);
        assert_eq!(answer["items"][0]["create"]["status"], 201);
        assert_eq!(answer["items"][1]["create"]["status"], 400, "{wrong}");
    }
}

#[test]
fn the_shippers_and_kibana_agree_with_the_template() {
    let read = |name: &str| fs::read_to_string(workspace(&format!("infra/logging/{name}"))).unwrap();
    let written: Value = serde_json::from_str(&read("index-template.json")).unwrap();
    assert_eq!(written["index_patterns"], json!(["tollgate-*"]));
    assert!(written["data_stream"].is_object(), "documents are only ever added");
    assert!(
        read("fluent-bit.conf").contains("Index             tollgate-logs")
            && read("fluentd.conf").contains("data_stream_name tollgate-logs")
    );
    for said in ["Write_Operation   create", "Generate_ID       On", "Buffer_Max_Size   1M"] {
        assert!(read("fluent-bit.conf").contains(said), "{said}");
    }
    let mapped = &written["template"];
    assert!(mapped["lifecycle"]["data_retention"].is_string(), "or it grows until the disk is full");
    assert_eq!(mapped["settings"]["index.mapping.ignore_malformed"], true, "or a field too many refuses its line");
    assert_eq!(mapped["mappings"]["properties"]["@timestamp"]["ignore_malformed"], false, "as data streams have it");
    let objects = kibana();
    assert_eq!(objects[0]["attributes"]["title"], "tollgate-*");
    for search in &objects[1..] {
        assert_eq!(search["references"][0]["id"], objects[0]["id"]);
        assert_eq!(source(search)["indexRefName"], search["references"][0]["name"]);
    }
    assert_eq!(objects.len(), 4, "requests, errors, audit, and where they look");
}

/// What is saved for Kibana.
fn kibana() -> Vec<Value> {
    let text = fs::read_to_string(workspace("infra/logging/kibana.ndjson")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn source(search: &Value) -> Value {
    serde_json::from_str(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"].as_str().unwrap()).unwrap()
}

/// Each column of a saved search is in some line that it finds.
fn assert_columns_are_filled(documents: &[Value]) {
    for search in &kibana()[1..] {
        let query = source(search)["query"]["query"].as_str().unwrap().to_owned();
        let finds = |line: &&Value| match &*query {
            "log.level : (\"error\" or \"warn\")" => line["log.level"] == "error" || line["log.level"] == "warn",
            "event.dataset : \"tollgate.audit\"" => line["event.dataset"] == "tollgate.audit",
            "event.dataset : \"tollgate.request\" and http.response.status_code : *" => {
                line["event.dataset"] == "tollgate.request" && !line["http.response.status_code"].is_null()
            }
            other => panic!("teach this test to look for {other}"),
        };
        let found: Vec<_> = documents.iter().filter(finds).collect();
        for column in search["attributes"]["columns"].as_array().unwrap() {
            let column = column.as_str().unwrap();
            assert!(found.iter().any(|line| !line[column].is_null()), "{query}: no {column} in {found:#?}");
        }
    }
}

#[test]
fn outside_dev_lines_are_json_and_in_dev_they_are_for_people() {
    let folder = TempDir::new().unwrap();
    let said = |command: &mut Command| {
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let check = |env: &str| {
        let mut command = crate::process::command(folder.path(), &["check"]);
        command.env("LOREM_IPSUM_ENV", env).env("LOREM_IPSUM_IDENTITY__EMBEDDED", "true").env("RUST_LOG", "debug");
        command.env("LOREM_IPSUM_SERVER__PUBLIC_URL", "https://lorem.example");
        command.env("LOREM_IPSUM_DATABASE__ADDITIVE", "true");
        said(&mut command)
    };
    let (dev, prod) = (check("dev"), check("prod"));
    assert!(dev.lines().any(|line| line.contains("DEBUG") && !line.starts_with('{')), "{dev}");
    let lines: Vec<_> = prod.lines().filter(|line| !line.starts_with("error: ")).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("{\"@timestamp\"")), "{prod}");
}
