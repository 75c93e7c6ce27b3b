//! Lists over HTTP: filters, order, cursors, totals; and that nobody's rows leak through any of them.

use crate::ground::{Note, curator, encoded, note, start, why, with, writer};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use tollgate::prelude::*;
use tollgate_sqlite::Sqlite;
use tollgate_testing::{Client, TestApp};

/// Rows with equal, missing and odd values: the first note of each is numbered 1.
const ROWS: [(&str, Option<i32>, Option<f64>); 8] = [
    ("alien", Some(3), Some(0.1)),
    ("Aliens", Some(3), None),
    ("alien³", None, Some(-0.1)),
    ("50% off_", Some(1), Some(1e300)),
    ("", None, None),
    ("Amélie", Some(-2_147_483_648), Some(0.1)),
    ("a,b", Some(2_147_483_647), Some(0.300_000_000_000_000_04)),
    ("𝄞 clef", Some(1), None),
];

/// Ann's notes, between which lie as many of Bob's.
async fn notes(app: &TestApp) -> Client {
    let (ann, bob) = (writer(app, "ann"), writer(app, "bob"));
    for (index, (text, stars, weight)) in ROWS.into_iter().enumerate() {
        let row = with(with(note(text), "stars", stars), "weight", weight);
        let row = with(with(row, "pinned", index % 2 == 0), "secret", "hush");
        let row = if index == 0 { with(row, "due", "2026-11-20T10:40:00Z") } else { row };
        assert_eq!(ann.post("/notes", row.clone()).await.status(), 201);
        assert_eq!(bob.post("/notes", with(row, "text", "Bob's")).await.status(), 201);
    }
    ann
}

fn texts(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    items.iter().map(|note| note["text"].as_str().unwrap().to_owned()).collect()
}

/// The texts that a question finds, in the order of the answer.
async fn found(client: &Client, query: &str) -> String {
    texts(&client.get(&format!("/notes?{query}")).await.json()).join("|")
}

#[tokio::test]
async fn each_operator_finds_what_it_says() {
    let app = start().await;
    let ann = notes(&app).await;
    let cases = [
        ("stars=3", "alien|Aliens"),
        ("stars.eq=3", "alien|Aliens"),
        ("stars.ne=3", "alien³|50% off_||Amélie|a,b|𝄞 clef"),
        ("stars.lt=1", "Amélie"),
        ("stars.lte=1", "50% off_|Amélie|𝄞 clef"),
        ("stars.gt=3", "a,b"),
        ("stars.gte=3", "alien|Aliens|a,b"),
        ("stars.in=1,3", "alien|Aliens|50% off_|𝄞 clef"),
        ("stars.is_null=true", "alien³|"),
        ("stars.is_null=false&weight.is_null=true", "Aliens|𝄞 clef"),
        ("weight=0.1", "alien|Amélie"),
        ("weight.gt=0.3", "50% off_|a,b"),
        ("text.contains=lien", "alien|Aliens|alien³"),
        ("text.starts_with=A", "Aliens|Amélie"),
        ("text.contains=%25", "50% off_"),
        ("text.contains=_", "50% off_"),
        ("text.gt=b", "𝄞 clef"),
        ("text=", ""),
        ("text=Am%C3%A9lie", "Amélie"),
        ("text=50%25+off_", "50% off_"),
        ("text=50%25%20off_", "50% off_"),
        ("text.in=a,b,alien", "alien"),
        ("pinned=true&stars.gte=1", "alien|a,b"),
        ("pinned=false&pinned=true", ""),
        ("stars.gte=1&stars.lt=3", "50% off_|𝄞 clef"),
        ("due=2026-11-20T10:40:00Z", "alien"),
        ("due=2026-11-20T11:40:00%2B01:00", "alien"),
        ("due.lt=2026-11-20T10:40:00.000001Z", "alien"),
        ("author=bob", ""),
        ("version=1&note_id.lt=4", "alien|Aliens"),
    ];
    for (query, expected) in cases {
        assert_eq!(found(&ann, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn rows_come_in_the_order_that_was_asked_for() {
    let app = start().await;
    let ann = notes(&app).await;
    let cases = [
        ("", "alien|Aliens|alien³|50% off_||Amélie|a,b|𝄞 clef"),
        ("sort=-note_id", "𝄞 clef|a,b|Amélie||50% off_|alien³|Aliens|alien"),
        ("sort=text", "|50% off_|Aliens|Amélie|a,b|alien|alien³|𝄞 clef"),
        ("sort=stars,-text", "alien³||Amélie|𝄞 clef|50% off_|alien|Aliens|a,b"),
        ("sort=-stars,text", "a,b|Aliens|alien|50% off_|𝄞 clef|Amélie||alien³"),
        ("sort=weight,text", "|Aliens|𝄞 clef|alien³|Amélie|alien|a,b|50% off_"),
        ("sort=text,-text,text", "|50% off_|Aliens|Amélie|a,b|alien|alien³|𝄞 clef"),
        ("sort=pinned,-note_id", "𝄞 clef|Amélie|50% off_|Aliens|a,b||alien³|alien"),
    ];
    for (query, expected) in cases {
        assert_eq!(found(&ann, query).await, expected, "{query}");
    }
}

/// Follows `Link` from page to page, checking that it says what `next` says.
async fn walk(client: &Client, query: &str) -> Vec<String> {
    let (mut path, mut all) = (format!("/notes?{query}"), vec![]);
    for _ in 0..20 {
        let reply = client.get(&path).await;
        let page = reply.json();
        assert_eq!(reply.status(), 200, "{path}: {page}");
        all.extend(texts(&page));
        match (page["next"].as_str(), reply.header("link")) {
            (None, "") => return all,
            (Some(next), link) => {
                let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
                path = target.unwrap_or_else(|| panic!("no link: {link}")).to_owned();
                assert!(path.ends_with(&format!("cursor={next}")), "{path}");
            }
            (None, link) => panic!("a link on the last page: {link}"),
        }
    }
    panic!("the pages do not end");
}

#[tokio::test]
async fn all_pages_together_are_all_rows_once() {
    let app = start().await;
    let ann = notes(&app).await;
    for sort in
        ["note_id", "-note_id", "text", "stars", "-stars", "weight,-stars", "-weight,text", "-pinned,due", "made"]
    {
        let whole = found(&ann, &format!("sort={sort}")).await;
        for limit in [1, 2, 3, 7, 8, 100] {
            assert_eq!(walk(&ann, &format!("sort={sort}&limit={limit}")).await.join("|"), whole, "{sort} by {limit}");
        }
    }
    assert_eq!(walk(&ann, "text.contains=%25&limit=1").await, ["50% off_"]);
    assert_eq!(walk(&ann, "limit=1&text.contains=lien&sort=-text").await, ["alien³", "alien", "Aliens"]);
}

#[tokio::test]
async fn a_page_ends_where_it_ended_whatever_is_written_meanwhile() {
    let app = start().await;
    let ann = notes(&app).await;
    let first = ann.get("/notes?sort=text&limit=3").await.json();
    assert_eq!(texts(&first), ["", "50% off_", "Aliens"]);
    assert_eq!(ann.delete(&format!("/notes/{}", first["items"][2]["note_id"])).await.status(), 204);
    ann.post("/notes", note("0")).await;
    ann.post("/notes", note("B")).await;
    let next = first["next"].as_str().unwrap();
    let second = ann.get(&format!("/notes?sort=text&limit=2&cursor={next}")).await.json();
    assert_eq!(texts(&second), ["Amélie", "B"]);
}

#[tokio::test]
async fn a_total_is_counted_when_asked_and_only_among_ones_own() {
    let app = start().await;
    let ann = notes(&app).await;
    let total = async |query: &str| ann.get(&format!("/notes?{query}")).await.json()["total"].clone();
    assert_eq!(total("limit=2").await, Value::Null);
    assert_eq!(total("total=false").await, Value::Null);
    assert_eq!(total("limit=2&total=true").await, 8);
    assert_eq!(total("limit=2&total=true&stars=3").await, 2);
    assert_eq!(total("total=true&text=Bob's").await, 0);
    let next = ann.get("/notes?limit=2").await.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(total(&format!("limit=2&total=true&cursor={next}")).await, 8, "of all pages, not of the rest");
    let everyone = app.actor("aud").may("read:notes:any");
    assert_eq!(everyone.get("/notes?total=true").await.json()["total"], 16);
}

#[tokio::test]
async fn anothers_rows_appear_nowhere() {
    let app = start().await;
    let ann = notes(&app).await;
    for query in
        ["", "author=bob", "author.ne=ann", "text=Bob's", "note_id=2", "sort=-text&limit=1", "author.in=ann,bob"]
    {
        let list = ann.get(&format!("/notes?total=true&{query}")).await.json();
        let expected = if query.contains("limit") { 1 } else { list["total"].as_u64().unwrap() };
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len() as u64, expected, "{query}");
        assert!(items.iter().all(|note| note["author"] == "ann"), "{query}: {list}");
    }
    let carl = writer(&app, "carl");
    let next = ann.get("/notes?limit=2").await.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(carl.get(&format!("/notes?cursor={next}")).await.json()["items"], json!([]), "a cursor carries no rows");
}

#[tokio::test]
async fn a_cursor_goes_with_its_question_and_no_other() {
    let app = start().await;
    let ann = notes(&app).await;
    let page = async |query: &str| ann.get(&format!("/notes?{query}")).await;
    let next = page("sort=-stars&stars.gte=0&limit=2").await.json()["next"].as_str().unwrap().to_owned();
    for same in ["limit=2", "limit=5", "", "limit=2&total=true"] {
        let reply = page(&format!("sort=-stars&stars.gte=0&{same}&cursor={next}")).await;
        assert_eq!(texts(&reply.json())[0], "Aliens", "{same}");
    }
    let reordered = page(&format!("stars.gte=0&cursor={next}&limit=2&s%6Frt=-stars")).await;
    assert_eq!(texts(&reordered.json())[0], "Aliens", "the order of parameters means nothing");
    let others = [
        "",
        "sort=stars&stars.gte=0",
        "sort=-stars",
        "sort=-stars&stars.gte=1",
        "sort=-stars&stars.gt=0",
        "sort=-stars&stars.gte=0&pinned=true",
        "sort=-stars,text&stars.gte=0",
    ];
    for other in others {
        let said = why(&page(&format!("{other}&cursor={next}")).await);
        assert!(said.starts_with("400 the cursor is not one of this list: repeat"), "{other}: {said}");
    }
    let movies = ann.get(&format!("/movies?cursor={next}")).await;
    assert_eq!(movies.status(), 400, "nor with another resource");
}

#[tokio::test]
async fn a_cursor_that_was_touched_is_refused() {
    let app = start().await;
    let ann = notes(&app).await;
    let next = ann.get("/notes?sort=text&limit=3").await.json()["next"].as_str().unwrap().to_owned();
    let mut forged: BTreeSet<String> =
        ["", "=", "AAAA", "null", "1", "%00", "%FF", "..%2F", "🜁"].map(str::to_owned).into();
    for at in 0..next.len() {
        for letter in ["A", "b", "9", "-", "_", "", "%25", "%20"] {
            forged.insert(format!("{}{letter}{}", &next[..at], &next[at + 1..]));
        }
    }
    forged.extend([format!("{next}A"), format!("A{next}"), format!("{next}="), next.repeat(2), next.to_lowercase()]);
    forged.remove(&next);
    assert!(forged.len() > 300);
    for cursor in forged {
        let path = format!("/notes?sort=text&limit=3&cursor={cursor}");
        if let Ok(path) = path.parse::<tollgate::http::Uri>() {
            assert_eq!(ann.get(&path.to_string()).await.status(), 400, "{cursor}");
        }
    }
}

#[tokio::test]
async fn no_cursor_is_given_out_that_is_too_long_to_be_sent_back() {
    let app = start().await;
    let ann = writer(&app, "ann");
    for (text, pinned) in [("a".repeat(4_000), true), ("b".repeat(5_000), false)] {
        for text in [format!("{text}1"), format!("{text}2")] {
            assert_eq!(ann.post("/notes", with(note(&text), "pinned", pinned)).await.status(), 201);
        }
    }
    let page = async |more: &str| ann.get(&format!("/notes?sort=text&limit=1&pinned={more}")).await;
    let next = page("true").await.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(page(&format!("true&cursor={next}")).await.status(), 200);
    let refused = why(&page("false").await);
    assert!(refused.starts_with("422") && refused.contains("sort by another field"), "{refused}");
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_with_the_nearest_one() {
    let app = start().await;
    let ann = writer(&app, "ann");
    let said = async |query: &str| why(&ann.get(&format!("/notes?{query}")).await);
    assert_eq!(said("txet=a").await, "422 txet: there is no parameter `txet`; did you mean `text`?");
    assert_eq!(
        said("stars.gtee=1").await,
        "422 stars.gtee: there is no parameter `stars.gtee`; did you mean `stars.gte`?"
    );
    assert_eq!(
        said("text.is_null=true").await,
        "422 text.is_null: there is no parameter `text.is_null`; did you mean `text.in`?"
    );
    assert_eq!(said("Limit=1").await, "422 Limit: there is no parameter `Limit`; did you mean `limit`?");
    assert_eq!(said("offset=1").await, "422 offset: there is no parameter `offset`");
    assert_eq!(said("sort=-strs").await, "422 sort: there is no field `strs`; did you mean `stars`?");
    assert!(said("sort=").await.starts_with("422 sort: there is no field ``, only `note_id`, `author`, "));
    assert_eq!(said("=1").await, "422 : there is no parameter ``");
    assert_eq!(said("text").await, "200");
}

#[tokio::test]
async fn a_wrong_value_is_refused_in_words() {
    let app = start().await;
    let ann = writer(&app, "ann");
    let cases = [
        ("stars=many", "`many` is not a whole number of 32 bits"),
        ("stars=1.0", "`1.0` is not a whole number of 32 bits"),
        ("stars=", "`` is not a whole number of 32 bits"),
        ("stars=2147483648", "`2147483648` is not a whole number of 32 bits"),
        ("stars=%00", "`\\u{0}` is not a whole number of 32 bits"),
        ("stars.in=1,,2", "`` is not a whole number of 32 bits"),
        ("note_id=9223372036854775808", "`9223372036854775808` is not a whole number of 64 bits"),
        ("weight=NaN", "`NaN` is not a number"),
        ("weight=inf", "`inf` is not a number"),
        ("weight=1e400", "`1e400` is not a number"),
        ("pinned=1", "`1` is not `true` or `false`"),
        ("pinned=TRUE", "`TRUE` is not `true` or `false`"),
        ("stars.is_null=yes", "`yes` is not `true` or `false`"),
        ("due=tomorrow", "`tomorrow` is not a moment such as `2026-11-20T10:40:00Z`"),
        ("due=2026-11-20", "`2026-11-20` is not a moment such as `2026-11-20T10:40:00Z`"),
        ("reference=1", "`1` is not a UUID"),
        ("text=a%00b", "`a\\u{0}b` is not a text without NUL"),
        ("text.contains=%00", "`\\u{0}` is not a text without NUL"),
        ("limit=0", "it is a number from 1 to 100"),
        ("limit=101", "it is a number from 1 to 100"),
        ("limit=-1", "it is a number from 1 to 100"),
        ("limit=1.0", "it is a number from 1 to 100"),
        ("limit=99999999999999999999", "it is a number from 1 to 100"),
        ("limit=", "it is a number from 1 to 100"),
        ("total=1", "it is `true` or `false`"),
        ("total=true&total=true", "it may come once"),
        ("limit=1&limit=2", "it may come once"),
        ("sort=text&sort=stars", "it may come once"),
        ("cursor=a&cursor=b", "it may come once"),
    ];
    for (query, expected) in cases {
        let name = query.split('=').next().unwrap();
        assert_eq!(why(&ann.get(&format!("/notes?{query}")).await), format!("422 {name}: {expected}"), "{query}");
    }
}

#[tokio::test]
async fn every_parameter_that_is_wrong_is_told() {
    let app = start().await;
    let ann = writer(&app, "ann");
    let query = "stars=many&txet=a&sort=strs,-text,txt&limit=0&total=1&due=tomorrow";
    let refused = ann.get(&format!("/notes?{query}")).await;
    let errors = refused.json()["errors"].clone();
    let named: Vec<_> = errors.as_array().unwrap().iter().map(|error| error["parameter"].as_str().unwrap()).collect();
    assert_eq!((refused.status(), named), (422, vec!["limit", "total", "sort", "sort", "stars", "txet", "due"]));
}

#[tokio::test]
async fn a_hidden_field_is_not_there() {
    let app = start().await;
    let ann = notes(&app).await;
    for query in [
        "secret=hush",
        "secret.starts_with=h",
        "secret.is_null=false",
        "sort=secret",
        "sort=-secret",
        "sort=text,secret",
    ] {
        let said = why(&ann.get(&format!("/notes?{query}")).await);
        assert!(said.starts_with("422 ") && said.contains("there is no"), "{said}");
        assert!(!said.contains("did you mean `secret"), "{said}");
    }
    let list = ann.get("/notes?limit=1").await;
    assert!(!list.text().contains("hush") && !list.text().contains("secret"));
}

#[tokio::test]
async fn operators_of_other_systems_are_unknown_parameters() {
    let app = start().await;
    let ann = notes(&app).await;
    let foreign = [
        "text[$gt]=",
        "text%5B$gt%5D=",
        "text.$gt=",
        "text[]=a",
        "text[0]=a",
        "text;--=a",
        "text'--=a",
        "$where=1",
        "text.gte.lt=a",
        "text..eq=a",
        ".eq=a",
        "text.=a",
        "text%00=a",
        "text.eq%00=a",
        "text%20=a",
        "%20text=a",
        "TEXT=a",
        "filter[text]=a",
        "text__gt=a",
        "text%2Eeq%2E=a",
        "te%78t.=a",
        "q=a",
        "fields=text",
        "include=author",
        "page=2",
        "stars%20or%201=1",
        "__proto__=1",
        "constructor=1",
        "note_id)=1",
    ];
    for query in foreign {
        let path = format!("/notes?{query}");
        let Ok(path) = path.parse::<tollgate::http::Uri>() else { continue };
        let reply = ann.get(&path.to_string()).await;
        assert_eq!(reply.status(), 422, "{query}: {}", reply.text());
    }
}

#[tokio::test]
async fn code_of_other_systems_is_text() {
    let app = start().await;
    let ann = notes(&app).await;
    let values = [
        "' OR 1=1 --",
        "\" OR \"\"=\"",
        "1; DROP TABLE notes",
        "{\"$gt\":\"\"}",
        "%",
        "_",
        "\\",
        "../../etc/passwd",
        "${7*7}",
    ];
    for value in values {
        for operator in ["", ".contains", ".starts_with", ".in", ".gt"] {
            let reply = ann.get(&format!("/notes?total=true&text{operator}={}", encoded(value))).await;
            assert_eq!(reply.status(), 200, "{value}");
            let expected = ROWS.iter().filter(|(text, ..)| match operator {
                ".contains" => text.contains(value),
                ".starts_with" => text.starts_with(value),
                ".in" => value.split(',').any(|one| one == *text),
                ".gt" => text.as_bytes() > value.as_bytes(),
                _ => *text == value,
            });
            assert_eq!(reply.json()["total"], expected.count(), "text{operator}={value}");
        }
    }
}

#[tokio::test]
async fn the_encoding_of_a_parameter_does_not_matter() {
    let app = start().await;
    let ann = notes(&app).await;
    for query in ["te%78t%2Econtains=lien", "%74ext.contains=%6Cien", "&&text.contains=lien&"] {
        assert_eq!(found(&ann, query).await, "alien|Aliens|alien³", "{query}");
    }
    assert_eq!(found(&ann, "text.contains=%").await, "50% off_", "a lone percent sign is one");
}

/// What would stand in the place of such bytes is the same for all of them.
#[tokio::test]
async fn a_query_or_a_form_that_is_not_utf_8_is_refused() {
    let app = start().await;
    let ann = notes(&app).await;
    for query in ["text.contains=%E9", "text.contains=%C3", "%FF=1", "limit=1&cursor=%ED%A0%80"] {
        let reply = ann.get(&format!("/notes?{query}")).await;
        assert_eq!((reply.status(), &reply.json()["detail"]), (400, &json!("a parameter is not UTF-8")), "{query}");
    }
}

#[tokio::test]
async fn long_questions_are_answered_or_refused_on_every_database() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(&folder.path().join("claims.db")).unwrap();
    for app in [start().await, TestApp::with(crate::ground::app()).database(Arc::new(sqlite)).start().await] {
        let ann = notes(&app).await;
        let long = "x".repeat(60_000);
        assert_eq!(found(&ann, &format!("text={long}")).await, "");
        assert_eq!(found(&ann, &format!("text.contains={long}")).await, "");
        for (query, status) in [
            (format!("{long}=1"), 422),
            (format!("sort={long}"), 422),
            (format!("stars={long}"), 422),
            (format!("cursor={long}"), 400),
            (format!("limit={}", "1".repeat(60_000)), 422),
        ] {
            let reply = ann.get(&format!("/notes?{query}")).await;
            assert_eq!(reply.status(), status);
            assert!(reply.text().len() < 1000, "what was sent is not sent back: {}", reply.text().len());
        }
        assert_eq!(found(&ann, &["stars=3"; 100].join("&")).await, "alien|Aliens");
        assert_eq!(
            why(&ann.get(&format!("/notes?{}", ["stars=3"; 101].join("&"))).await),
            "422 at most 100 conditions"
        );
        let ids = |count: usize| (1..=count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(ann.get(&format!("/notes?total=true&note_id.in={}", ids(1000))).await.json()["total"], 8);
        let said = why(&ann.get(&format!("/notes?note_id.in={}", ids(1001))).await);
        assert_eq!(said, "422 note_id.in: at most 1000 values");
        assert_eq!(walk(&ann, &format!("limit=3&sort={}", vec!["text"; 5000].join(","))).await.len(), 8);
        let all = "text,stars,-weight,due,reference,made,-changed,version,pinned,author";
        assert_eq!(walk(&ann, &format!("sort={all}&limit=3")).await.len(), 8);
    }
}

#[tokio::test]
async fn who_may_not_read_learns_nothing_about_parameters() {
    let app = start().await;
    assert_eq!(app.anyone().get("/notes?nonsense=1").await.status(), 401);
    assert_eq!(curator(&app).get("/notes?nonsense=1").await.status(), 403);
    assert_eq!(app.anyone().get("/movies?nonsense=1").await.status(), 422);
}

/// The notes that are pinned, whatever else is asked.
async fn pinned(may: May<Read, Note>, notes: Store<Note>, list: List<Note>) -> Result<Page<Note>> {
    list.only(Note::PINNED.eq(true)).page(&notes, &may).await
}

#[tokio::test]
async fn a_handler_adds_conditions_of_its_own_to_a_list() {
    let service = Service::new("pinned").get("/pinned", pinned);
    let app = TestApp::new(crate::ground::app().service(service)).await;
    let ann = notes(&app).await;
    let first = ann.get("/pinned?limit=3&total=true").await.json();
    assert_eq!((texts(&first).join("|"), &first["total"]), ("alien|alien³|".into(), &json!(4)));
    let rest = ann.get(&format!("/pinned?limit=3&cursor={}", first["next"].as_str().unwrap())).await.json();
    assert_eq!((texts(&rest).join("|"), &rest["next"]), ("a,b".into(), &Value::Null));
    assert_eq!(texts(&ann.get("/pinned?text.starts_with=a&pinned=false").await.json()).join("|"), "");
}
