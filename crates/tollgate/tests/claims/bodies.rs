//! Bodies: what can be read, what is in them, and that nobody writes what is not theirs to write.

use crate::ground::{app, curator, encoded, note, start, why, with, writer};
use futures_util::stream;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate::{
    Axum, Bytes, Download,
    http::{HeaderMap, Method, StatusCode},
    prelude::*,
};
use tollgate_sqlite::Sqlite;
use tollgate_testing::{Client, Reply, TestApp};

const JSON: &str = "application/json";

async fn echo(_: Public, Json(any): Json<Value>) -> Json<Value> {
    Json(any)
}

/// A box that may be in a box.
#[input]
#[output]
struct Parcel {
    label: Option<String>,
    #[garde(range(max = 100))]
    grams: Option<i32>,
    #[garde(dive)]
    inside: Option<Vec<Parcel>>,
}

/// How many bytes came, what they said they are, and a header of the caller's.
async fn keep(
    _: Public,
    Axum(headers): Axum<HeaderMap>,
    picture: Bytes,
) -> Axum<(StatusCode, [(&'static str, String); 1])> {
    let told = format!("{} {:?} {:?}", picture.len(), headers["content-type"], headers["x-signature"]);
    Axum((StatusCode::ACCEPTED, [("x-kept", told)]))
}

async fn picture(_: Public) -> Download {
    Download::new("dot.png", "image/png", vec![0x89, 0xff, 0x00])
}

#[tokio::test]
async fn bytes_go_in_and_come_out_as_they_are() {
    let service = Service::new("any").put("/picture", keep).body_limit(2_000_000).get("/picture", picture);
    let any = TestApp::new(app().service(service)).await.anyone().header("X-Signature", "abc");
    let put = async |bytes: usize| any.send_bytes(Method::PUT, "/picture", "image/png", vec![0xff; bytes]).await;
    let reply = put(1_500_000).await;
    assert_eq!((reply.status(), reply.header("x-kept")), (202, "1500000 \"image/png\" \"abc\""));
    assert_eq!(put(2_000_001).await.status(), 413);
    let reply = any.get("/picture").await;
    assert_eq!((reply.header("content-type"), reply.bytes()), ("image/png", &[0x89, 0xff, 0x00][..]));
}

/// A film.
#[resource(plural = "films")]
struct Film {
    #[id]
    film_id: i32,
    title: String,
}

#[tokio::test]
async fn longer_bodies_of_a_resource_are_those_of_all_its_routes() {
    let service = Service::new("films").crud::<Film>("/films").body_limit(3_000_000).post("/pack", pack);
    let ann = TestApp::new(app().service(service)).await.actor("ann").may("*");
    let long = json!({ "film_id": 1, "title": "a".repeat(2_000_000) });
    assert_eq!(ann.post("/films", long.clone()).await.status(), 201);
    assert_eq!(ann.put("/films/1", long.clone()).await.status(), 200);
    assert_eq!(ann.patch("/films/1", json!({ "title": long["title"] })).await.status(), 200);
    assert_eq!(ann.post("/pack", json!({ "label": long["title"] })).await.status(), 413, "the next one is as before");
}

async fn pack(_: Public, Json(parcel): Json<Parcel>) -> Json<Parcel> {
    Json(parcel)
}

/// How much there should be.
#[input]
struct Wanted {
    year: i32,
    #[garde(range(min = 0.0, max = 10.0))]
    rating: Option<f64>,
    exact: Option<bool>,
}

async fn wanted(_: Public, Query(wanted): Query<Wanted>) -> Json<i32> {
    let _ = (wanted.rating, wanted.exact);
    Json(wanted.year)
}

async fn any() -> Client {
    let service = Service::new("any").post("/echo", echo).post("/pack", pack).get("/wanted", wanted);
    TestApp::new(app().service(service)).await.anyone()
}

async fn post(client: &Client, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    client.send_bytes("POST".parse().unwrap(), path, JSON, body.into()).await
}

/// `[%FF]` → five bytes as four.
fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (vec![], text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// Equal, where `1.0` is 1.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| same(a, &b[key])),
        _ => a == b,
    }
}

#[tokio::test]
async fn json_is_what_rfc_8259_says_it_is() {
    let any = any().await;
    let cases: Vec<(&str, Vec<u8>)> = include_str!("data/json-parsing.tsv")
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, text)| (name, decoded(text)))
        .chain([
            ("n_structure_100000_opening_arrays", vec![b'['; 100_000]),
            ("n_structure_open_array_object", b"[{\"\":".repeat(50_000)),
        ])
        .collect();
    assert_eq!(cases.len(), 318);
    for (name, body) in cases {
        let reply = post(&any, "/echo", body.clone()).await;
        let accepted = match reply.status() {
            200 => true,
            400 => false,
            other => panic!("{name}: {other} {}", reply.text()),
        };
        match name.split('_').next() {
            // A key that comes twice is good JSON, and refused all the same: parsers differ on what it means.
            Some("y") => assert_eq!(accepted, !name.starts_with("y_object_duplicated_key"), "{name}: {}", reply.text()),
            Some("n") => assert!(!accepted, "{name}"),
            _ => {}
        }
        if accepted {
            let sent: Value = serde_json::from_slice(&body).unwrap();
            assert!(same(&reply.json(), &sent), "{name}: {} for {sent}", reply.text());
        }
        let typed = post(&any, "/pack", body).await.status();
        assert!([200, 400, 422].contains(&typed), "{name}: {typed}");
        assert!(accepted || typed == 400, "{name}: one of the two read it");
    }
}

#[tokio::test]
async fn a_key_comes_once_at_every_depth() {
    let any = any().await;
    let twice = [
        r#"{"label":"a","label":"b"}"#,
        r#"{"inside":[{"label":"a","grams":1,"label":"a"}]}"#,
        r#"{"label":"a","\u006cabel":"b"}"#,
        r#"{"unknown":{"a":1,"a":2}}"#,
    ];
    for body in twice {
        for path in ["/pack", "/echo"] {
            let said = why(&post(&any, path, body).await);
            assert!(
                said.starts_with("400 the body is not good JSON: the key `") && said.contains("` comes twice"),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn nesting_and_length_end_where_they_are_said_to() {
    let any = any().await;
    let nested = |open: &str, close: &str, levels: usize| open.repeat(levels) + "1" + &close.repeat(levels);
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), (" [ ", "]")] {
        assert_eq!(post(&any, "/echo", nested(open, close, 64)).await.status(), 200);
        let said = why(&post(&any, "/echo", nested(open, close, 65)).await);
        assert!(said.starts_with("400 the body is not good JSON: it is nested more than 64 deep"), "{said}");
    }
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    assert_eq!(post(&any, "/echo", text(1024 * 1024)).await.status(), 200);
    let said = why(&post(&any, "/echo", text(1024 * 1024 + 1)).await);
    assert_eq!(said, "413 a body has at most 1048576 bytes");
}

#[tokio::test]
async fn a_body_that_does_not_come_whole_changes_nothing() {
    let app = start().await;
    let curator = curator(&app);
    let film = br#"{"movie_id":1,"title":"Alien","released":null,"rating":null,"code":null}"#;
    for whole in [&film[..film.len() - 1], film] {
        let chunks = [Ok(whole.to_vec()), Err(std::io::Error::other("the caller went away"))];
        let body = axum::body::Body::from_stream(stream::iter(chunks));
        let reply = curator.send_bytes("POST".parse().unwrap(), "/movies", JSON, body).await;
        assert_eq!(why(&reply), "400 the body did not come whole");
    }
    assert_eq!(curator.get("/movies").await.json()["items"], json!([]));

    let chunks = film.chunks(5).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()));
    let body = axum::body::Body::from_stream(stream::iter(chunks.collect::<Vec<_>>()));
    let reply = curator.send_bytes("POST".parse().unwrap(), "/movies", JSON, body).await;
    assert_eq!(reply.status(), 201, "in pieces is whole too");
}

#[tokio::test]
async fn an_endless_body_is_left_when_it_is_too_long() {
    let any = any().await;
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]));
    let reply = any.send_bytes("POST".parse().unwrap(), "/echo", JSON, axum::body::Body::from_stream(endless)).await;
    assert_eq!(reply.status(), 413);
}

#[tokio::test]
async fn a_body_is_json_by_its_media_type() {
    let any = any().await;
    let media =
        async |media_type: &str| any.send_bytes("POST".parse().unwrap(), "/echo", media_type, "1").await.status();
    for good in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        " application/json ;x=y",
        "application/merge-patch+json",
        "application/vnd.api+json",
    ] {
        assert_eq!(media(good).await, 200, "{good}");
    }
    for bad in [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "json",
        "*/*",
        "application/jsonx",
        "application/xml, application/json",
        "image/svg+json",
    ] {
        assert_eq!(media(bad).await, 415, "{bad}");
    }
    assert_eq!(any.send("POST".parse().unwrap(), "/echo", None).await.status(), 415, "nothing said, nothing sent");
}

#[tokio::test]
async fn what_is_no_text_is_not_json() {
    let any = any().await;
    for body in [
        &b""[..],
        b" ",
        b"\xef\xbb\xbf1",
        b"\"\xff\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xc0\xaf\"",
        b"\"\0\"",
        b"1\0",
        b"\0",
        br#""\ud800""#,
        b"\xff\xfe1\0",
        b"{\"\xff\":1}",
        b"1 2",
        b"{} x",
        b"'a'",
        b"NaN",
        b"[1,]",
        b"0x1",
        b"01",
    ] {
        let reply = post(&any, "/echo", body).await;
        assert!(why(&reply).starts_with("400 the body is not good JSON: "), "{body:?}: {}", why(&reply));
    }
}

#[tokio::test]
async fn each_fault_is_told_with_its_place() {
    let any = any().await;
    let said = async |body: &str| why(&post(&any, "/pack", body).await);
    assert_eq!(said("[]").await, "422 #: expected an object, found an array");
    assert_eq!(said("null").await, "422 #: expected an object, found null");
    assert_eq!(said(r#"{"lable":"a"}"#).await, "422 #/lable: there is no field `lable`; did you mean `label`?");
    assert_eq!(
        said(r#"{"x/y~z":"a"}"#).await,
        "422 #/x~1y~0z: there is no field `x/y~z`, only `label`, `grams`, `inside`"
    );
    assert_eq!(
        said(r#"{"inside":[{},{"gram":1}]}"#).await,
        "422 #/inside/1/gram: there is no field `gram`; did you mean `grams`?"
    );
    assert_eq!(said(r#"{"inside":[{"inside":7}]}"#).await, "422 #/inside/0/inside: expected an array, found 7");
    assert_eq!(said(r#"{"inside":[["a",1,null]]}"#).await, "422 #/inside/0: expected an object, found an array");
    assert_eq!(said(r#"{"grams":1.5}"#).await, "422 #/grams: expected a whole number of 32 bits, found 1.5");
    assert_eq!(said(r#"{"grams":"1"}"#).await, "422 #/grams: expected a whole number of 32 bits, found a string");
    let both = r#"{"grams":101,"inside":[{"inside":[{"grams":102}]}]}"#;
    assert_eq!(
        said(r#"{"zzz":1,"grams":"1","inside":[{"label":1,"grams":{}},{},{"zzz":2}]}"#).await,
        "422 #/zzz: there is no field `zzz`, only `label`, `grams`, `inside` \
         #/grams: expected a whole number of 32 bits, found a string \
         #/inside/0/label: expected a string, found 1 \
         #/inside/0/grams: expected a whole number of 32 bits, found an object \
         #/inside/2/zzz: there is no field `zzz`, only `label`, `grams`, `inside`"
    );
    assert_eq!(said(both).await, "422 #/grams: greater than 100 #/inside/0/inside/0/grams: greater than 100");
    let long = format!("{{\"{}\":1}}", "x".repeat(500_000));
    assert!(post(&any, "/pack", long).await.text().len() < 1000, "what was sent is not sent back");
    let lines = said(r#"{"a\nlevel=ERROR":1}"#).await;
    assert!(!lines.contains('\n'), "{lines:?}");
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_point() {
    let any = any().await;
    for (sent, got) in [("1.0", 1), ("1e1", 10), ("-0.0", 0), ("1.00e2", 100)] {
        assert_eq!(post(&any, "/pack", format!("{{\"grams\":{sent}}}")).await.json()["grams"], got, "{sent}");
    }
    for other in ["1.5", "1e10", "-1e300"] {
        assert_eq!(post(&any, "/pack", format!("{{\"grams\":{other}}}")).await.status(), 422, "{other}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_told_by_its_name() {
    let any = any().await;
    let said = async |query: &str| why(&any.get(&format!("/wanted?{query}")).await);
    assert_eq!(said("year=1990").await, "200");
    assert_eq!(said("year=1990&rating=9.5&exact=true").await, "200");
    assert_eq!(said("").await, "422 year: missing field `year`");
    assert_eq!(said("year=").await, "422 year: expected a whole number");
    assert_eq!(said("year=many").await, "422 year: expected a whole number");
    assert_eq!(said("year=99999999999").await, "422 year: the number is too large");
    assert_eq!(
        said("yaer=1").await,
        "422 yaer: there is no field `yaer`; did you mean `year`? year: missing field `year`"
    );
    assert_eq!(
        said("year=many&exact=1&exakt=1&rating=good").await,
        "422 year: expected a whole number exact: expected `true` or `false` exakt: there is no field `exakt`; did you mean \
         `exact`? rating: expected a number"
    );
    assert_eq!(said("year=1&year=2").await, "422 year: it may come once");
    assert_eq!(said("year=1&rating=10.5").await, "422 rating: greater than 10");
    assert_eq!(said("year=1&exact=1").await, "422 exact: expected `true` or `false`");
    assert_eq!(said("year=1&year[$gt]=2").await.split(':').next(), Some("422 year[$gt]"));
    for odd in ["NaN", "inf", "-inf", "infinity", "1e999"] {
        let said = said(&format!("year=1&rating={odd}")).await;
        assert!(said.starts_with("422 rating: it is not a finite number"), "{odd}: {said}");
    }
}

/// Members that no caller may write, each with a value that would be good.
fn foreign() -> [(&'static str, Value); 8] {
    let time = json!("2000-01-01T00:00:00Z");
    [
        ("note_id", json!(7)),
        ("author", json!("bob")),
        ("made", time.clone()),
        ("changed", time),
        ("version", json!(9)),
        ("is_admin", json!(true)),
        ("__proto__", json!({ "author": "bob" })),
        ("Author", json!("bob")),
    ]
}

#[tokio::test]
async fn nobody_writes_what_the_server_writes() {
    let app = start().await;
    let ann = writer(&app, "ann");
    let stored = ann.post("/notes", note("mine")).await.json();
    let path = format!("/notes/{}", stored["note_id"]);
    for (name, value) in foreign() {
        let replies = [
            ann.post("/notes", with(note("x"), name, value.clone())).await,
            ann.put(&path, with(note("x"), name, value.clone())).await,
            ann.patch(&path, json!({ "text": "x", name: value })).await,
        ];
        for reply in replies {
            let why = why(&reply);
            let words = if stored.get(name).is_some() {
                format!("`{name}` is set by the server")
            } else {
                format!("there is no field `{name}`")
            };
            assert!(why.starts_with(&format!("422 #/{name}: {words}")), "{why}");
        }
    }
    assert_eq!(ann.get(&path).await.json(), stored, "the row is as it was");
    assert_eq!(ann.get("/notes?total=true").await.json()["total"], 1);
}

#[tokio::test]
async fn a_key_in_the_body_must_be_the_one_in_the_path() {
    let app = start().await;
    let curator = curator(&app);
    let film = json!({ "movie_id": 1, "title": "Alien", "released": 1979, "rating": 8.5, "code": null });
    curator.post("/movies", film.clone()).await;
    assert_eq!(curator.put("/movies/1", with(film.clone(), "movie_id", 2)).await.status(), 422);
    assert_eq!(curator.patch("/movies/1", json!({ "movie_id": 2 })).await.status(), 422);
    assert_eq!(curator.patch("/movies/1", json!({ "movie_id": 1 })).await.status(), 422);
    assert_eq!(curator.get("/movies/1").await.json(), film);
    assert_eq!(curator.get("/movies/2").await.status(), 404);
}

#[tokio::test]
async fn a_hidden_field_is_written_and_never_answered() {
    let app = start().await;
    let ann = writer(&app, "ann");
    let made = ann.post("/notes", with(note("a"), "secret", "hush")).await;
    let path = format!("/notes/{}", made.json()["note_id"]);
    let changed = ann.patch(&path, json!({ "secret": "hush hush" })).await;
    let replaced = ann.put(&path, with(note("b"), "secret", "hush")).await;
    for reply in [made, changed, replaced, ann.get(&path).await, ann.get("/notes").await] {
        assert!(reply.status() < 300 && !reply.text().contains("hush") && !reply.text().contains("secret"), "{reply}");
    }
}

#[tokio::test]
async fn absent_and_null_differ_in_a_patch() {
    let app = start().await;
    let ann = writer(&app, "ann");
    let made = ann.post("/notes", with(with(note("a"), "stars", 5), "weight", 0.5)).await.json();
    let path = format!("/notes/{}", made["note_id"]);
    let patched = ann.patch(&path, json!({ "stars": null })).await.json();
    assert_eq!((&patched["stars"], &patched["weight"], &patched["text"]), (&Value::Null, &json!(0.5), &json!("a")));
    assert_eq!(patched["version"], 2);
    assert_eq!(ann.patch(&path, json!({})).await.json(), patched, "nothing to change is no change");
    assert_eq!(why(&ann.patch(&path, json!({ "text": null })).await), "422 #/text: expected a string, found null");
    assert_eq!(why(&ann.patch(&path, json!([])).await), "422 #: expected an object, found an array");
}

/// Texts that broke something somewhere, and some that the list lacks.
fn naughty() -> Vec<String> {
    let mut strings: Vec<String> = serde_json::from_str(include_str!("data/naughty-strings.json")).unwrap();
    assert!(strings.len() > 480);
    strings.extend(
        [
            "\u{feff}",
            "\u{202e}abc",
            "\u{fffd}",
            "\u{10ffff}",
            "é",
            "e\u{301}",
            "\r\n",
            " a ",
            "\u{1}\u{7f}",
            "a\0b",
            "\0",
        ]
        .map(str::to_owned),
    );
    strings
}

#[tokio::test]
async fn every_text_comes_back_as_it_was_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(&folder.path().join("claims.db")).unwrap();
    for app in [start().await, TestApp::with(app()).database(Arc::new(sqlite)).start().await] {
        let ann = writer(&app, "ann");
        for text in naughty() {
            let reply = ann.post("/notes", note(&text)).await;
            if text.contains('\0') {
                assert_eq!(why(&reply), "422 text with a NUL character cannot be stored");
                continue;
            }
            assert_eq!(reply.status(), 201, "{text:?}: {}", reply.text());
            let path = format!("/notes/{}", reply.json()["note_id"]);
            assert_eq!(ann.get(&path).await.json()["text"], text);
            let query = encoded(&text);
            let list = ann.get(&format!("/notes?text={query}&note_id={}", reply.json()["note_id"])).await.json();
            assert_eq!(list["items"][0]["text"], text, "found by itself");
            let named = ann.get(&format!("/notes?{query}=1")).await.status();
            assert!(named == 422 || text.is_empty() || named == 200, "{text:?} as a parameter: {named}");
            let id = ann.get(&format!("/notes/{query}")).await.status();
            assert!([200, 404].contains(&id), "{text:?} as a key: {id}");
        }
    }
}

#[tokio::test]
async fn every_field_that_does_not_fit_is_named() {
    let app = start().await;
    let told = |reply: &Value| -> Vec<(String, String)> {
        let text = |fault: &Value, member: &str| fault[member].as_str().unwrap_or_default().to_owned();
        reply["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| (text(fault, "pointer"), text(fault, "detail")))
            .collect()
    };
    let wrong = json!({ "movie_id": "one", "rating": "good", "titel": "Alien", "a/b": 1 });
    let reply = curator(&app).post("/movies", wrong).await;
    assert_eq!(reply.status(), 422);
    let places: Vec<_> = told(&reply.json()).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(places, ["#/titel", "#/a~1b", "#/movie_id", "#/title", "#/rating"], "but not what may be absent");

    let reply = curator(&app).patch("/movies/1", json!({ "title": 7, "released": "then" })).await;
    let expected = [
        ("#/title", "expected a string, found 7"),
        ("#/released", "expected a whole number of 32 bits, found a string"),
    ];
    assert_eq!(told(&reply.json()), expected.map(|(at, detail)| (at.to_owned(), detail.to_owned())));

    let many: Value =
        (0..1000).map(|number| (format!("f{number}"), json!(0))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(told(&curator(&app).post("/movies", many).await.json()).len(), 50, "an end to it");
}
