//! What `#[input]` and `#[resource]` make of types: each rule that the document shows holds, wherever it stands, and is
//! told under the name that was sent.

use crate::{document::refused, ground::why};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tollgate::prelude::*;
use tollgate_sqlite::Sqlite;
use tollgate_testing::{Client, TestApp};

/// A heading.
#[input]
struct Heading(#[garde(length(min = 1, max = 5))] String);

/// From where to where.
#[input]
struct Span(#[garde(range(min = 0))] i32, i32);

type Name = String;
type Names = Option<Vec<Name>>;

/// One line of an order.
#[input]
struct Line {
    #[garde(range(min = 1))]
    count: i32,
}

/// How somebody pays.
#[input]
#[serde(rename_all = "camelCase")]
enum Pay {
    CreditCard {
        #[garde(pattern("^[0-9]{4}$"))]
        number: String,
    },
    Voucher(#[garde(length(max = 3))] String),
    Both(#[garde(length(max = 3))] String, Line),
    Cash,
}

/// The same, told by a field.
#[input]
#[serde(tag = "how", rename_all_fields = "camelCase")]
enum Tagged {
    Card {
        #[garde(length(max = 4))]
        card_number: String,
    },
}

/// The same, beside its name.
#[input]
#[serde(tag = "how", content = "with")]
enum Beside {
    Card {
        #[garde(length(max = 4))]
        number: String,
    },
}

/// Everything that has rules.
#[input]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Order {
    main_heading: Option<Heading>,
    #[serde(rename = "from-to")]
    span: Option<Span>,
    order_lines: Vec<Line>,
    by_name: BTreeMap<String, Line>,
    first: Option<Box<Line>>,
    pay: Option<Pay>,
    tagged: Option<Tagged>,
    beside: Option<Beside>,
    #[garde(length(max = 3))]
    short: Option<Name>,
    #[garde(length(max = 2), inner(length(max = 3)))]
    all: Names,
    #[garde(range(min = 0))]
    price: Decimal<5, 2>,
    #[garde(skip)]
    from: Option<std::net::IpAddr>,
    #[cfg(any())]
    nowhere: Line,
}

async fn order(_: Public, Json(order): Json<Order>) -> NoContent {
    let _ = (order.main_heading.map(|it| it.0), order.span.map(|it| it.1), order.from);
    NoContent
}

/// What is asked for.
#[input]
#[serde(rename_all = "camelCase")]
struct Wanted {
    first_ids: Option<Vec<i32>>,
    #[serde(default)]
    #[garde(inner(length(max = 3)))]
    words: Vec<String>,
    #[garde(range(min = 0.0, max = 1.0))]
    share: Option<f32>,
}

async fn query(_: Public, Query(wanted): Query<Wanted>) -> Json<Value> {
    Json(json!([wanted.first_ids, wanted.words, wanted.share]))
}

async fn form(_: Public, tollgate::Form(wanted): tollgate::Form<Wanted>) -> Json<Value> {
    Json(json!([wanted.first_ids, wanted.words, wanted.share]))
}

/// What somebody else answers, of which this is read.
#[input(open)]
#[output]
struct Forecast {
    #[garde(range(min = -100.0))]
    celsius: f64,
}

async fn open(_: Public, Json(forecast): Json<Forecast>) -> Json<Forecast> {
    Json(forecast)
}

async fn any() -> Client {
    let service =
        Service::new("all").post("/orders", order).get("/wanted", query).post("/form", form).post("/open", open);
    TestApp::new(App::new("claims").service(service)).await.anyone()
}

async fn said(of: Value) -> String {
    why(&any().await.post("/orders", of).await)
}

#[tokio::test]
async fn a_rule_holds_wherever_it_stands() {
    let good = json!({
        "mainHeading": "Hello", "from-to": [0, -1], "orderLines": [{ "count": 1 }], "byName": { "a": { "count": 1 } },
        "first": { "count": 1 }, "pay": { "creditCard": { "number": "1234" } }, "short": "äöü", "all": ["äöü"],
        "tagged": { "how": "Card", "cardNumber": "1234" }, "beside": { "how": "Card", "with": { "number": "1234" } },
        "price": 0, "from": "::1",
    });
    assert_eq!(said(good).await, "204");
    assert_eq!(said(json!({ "pay": "cash" })).await, "204");
    for (bad, told) in [
        (json!({ "mainHeading": "Hello!" }), "#/mainHeading: length is greater than 5"),
        (json!({ "from-to": [-1, 0] }), "#/from-to/0: lower than 0"),
        (json!({ "orderLines": [{ "count": 1 }, { "count": -5 }] }), "#/orderLines/1/count: lower than 1"),
        (json!({ "byName": { "a/b": { "count": 0 } } }), "#/byName/a~1b/count: lower than 1"),
        (json!({ "first": { "count": 0 } }), "#/first/count: lower than 1"),
        (
            json!({ "pay": { "creditCard": { "number": "1" } } }),
            "#/pay/creditCard/number: does not match pattern /^[0-9]{4}$/",
        ),
        (json!({ "pay": { "voucher": "1234" } }), "#/pay/voucher: length is greater than 3"),
        (
            json!({ "pay": { "both": ["1234", { "count": 0 }] } }),
            "#/pay/both/0: length is greater than 3 #/pay/both/1/count: lower than 1",
        ),
        (
            json!({ "tagged": { "how": "Card", "cardNumber": "12345" } }),
            "#/tagged/cardNumber: length is greater than 4",
        ),
        (
            json!({ "beside": { "how": "Card", "with": { "number": "12345" } } }),
            "#/beside/with/number: length is greater than 4",
        ),
        (json!({ "short": "äöüß" }), "#/short: length is greater than 3"),
        (json!({ "all": ["äöüß"] }), "#/all/0: length is greater than 3"),
        (json!({ "all": ["a", "b", "c"] }), "#/all: length is greater than 2"),
        (json!({ "price": -0.01 }), "#/price: lower than 0"),
    ] {
        assert_eq!(said(bad.clone()).await, format!("422 {told}"), "{bad}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_told_by_the_name_that_was_sent() {
    let bad = json!({ "orderLines": [{ "count": "1" }, { "cont": 1 }], "byName": { "a": {} }, "price": "1" });
    assert_eq!(
        said(bad).await,
        "422 #/orderLines/0/count: expected a whole number of 32 bits, found a string \
         #/orderLines/1/cont: there is no field `cont`; did you mean `count`? \
         #/orderLines/1/count: missing field `count` \
         #/byName/a/count: missing field `count` \
         #/price: expected a number of at most 5 digits, 2 of them decimals, found a string"
    );
    let bad = json!({ "order_lines": [], "pay": { "creditCard": { "number": 7 } } });
    assert_eq!(
        said(bad).await,
        "422 #/order_lines: there is no field `order_lines`; did you mean `orderLines`? \
         #/pay/creditCard/number: expected a string, found 7"
    );
}

#[tokio::test]
async fn a_list_in_a_query_is_written_with_commas() {
    let any = any().await;
    let wanted = async |query: &str| any.get(&format!("/wanted?{query}")).await;
    for (query, read) in [
        ("firstIds=1,2&words=a,b", json!([[1, 2], ["a", "b"], null])),
        ("firstIds=7&share=0.5", json!([[7], [], 0.5])),
        ("words=", json!([null, [], null])),
        ("words=a%2Cb,", json!([null, ["a", "b", ""], null])),
    ] {
        assert_eq!(wanted(query).await.json(), read, "{query}");
    }
    for (query, told) in [
        ("firstIds=1,x", "firstIds: expected a whole number"),
        ("firstIds=1&firstIds=2", "firstIds: it may come once"),
        ("words=abc,abcd", "words: length is greater than 3"),
        ("share=nan", "share: it is not a finite number"),
        ("share=1.5", "share: greater than 1"),
    ] {
        assert_eq!(why(&wanted(query).await), format!("422 {told}"), "{query}");
    }
    let document = any.get("/openapi.json").await.json();
    let ids = document["paths"]["/wanted"]["get"]["parameters"].as_array().unwrap()[0].clone();
    assert_eq!((&ids["name"], &ids["style"], &ids["explode"]), (&json!("firstIds"), &json!("form"), &json!(false)));
}

#[tokio::test]
async fn a_list_in_a_form_is_what_comes_several_times() {
    let any = any().await;
    let send = async |body: &'static str| {
        any.send_bytes("POST".parse().unwrap(), "/form", "application/x-www-form-urlencoded", body).await
    };
    assert_eq!(send("words=a,b&firstIds=1&words=c&firstIds=2").await.json(), json!([[1, 2], ["a,b", "c"], null]));
    assert_eq!(why(&send("share=0.1&share=0.2").await), "422 share: it may come once");
}

#[tokio::test]
async fn an_open_input_passes_over_what_it_does_not_know_and_keeps_its_rules() {
    let any = any().await;
    let reply = any.post("/open", json!({ "celsius": 3.5, "fahrenheit": 38.3 })).await;
    assert_eq!((reply.status(), reply.json()), (200, json!({ "celsius": 3.5 })));
    assert_eq!(why(&any.post("/open", json!({ "celsius": -101, "more": 1 })).await), "422 #/celsius: lower than -100");
    assert_eq!(why(&any.post("/open", json!({ "more": 1 })).await), "422 #/celsius: missing field `celsius`");
    let document = any.get("/openapi.json").await.json();
    assert_eq!(document["components"]["schemas"]["Forecast"]["additionalProperties"], Value::Null);
}

/// The studio before.
mod before {
    use super::*;

    #[input]
    #[output]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Place {
        pub(super) town: String,
        pub(super) street: Street,
    }

    #[input]
    #[output]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) enum Street {
        Known { name: String, number: i32 },
    }

    /// Where films are made.
    #[resource(plural = "studios")]
    pub(super) struct Studio {
        #[id]
        pub(super) studio_id: i32,
        pub(super) place: Nested<Place>,
    }
}

/// The studio after a field came, one went and one went deeper within.
mod after {
    use super::*;

    #[input]
    #[output]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Place {
        pub(super) street: Option<Street>,
        pub(super) floor: Option<i32>,
        #[serde(default)]
        pub(super) stairs: bool,
    }

    #[input]
    #[output]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) enum Street {
        Known { name: String },
    }

    /// Where films are made.
    #[resource(plural = "studios")]
    pub(super) struct Studio {
        #[id]
        pub(super) studio_id: i32,
        pub(super) place: Nested<Place>,
    }
}

#[tokio::test]
async fn a_row_of_the_type_before_is_read_by_the_type_after() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Arc::new(Sqlite::open(&folder.path().join("claims.db")).unwrap());
    let app = |service: Service| TestApp::with(App::new("claims").service(service)).database(sqlite.clone());
    let before = app(Service::new("before").crud::<before::Studio>("/studios")).start().await.actor("ann").may("*");
    let after = app(Service::new("after").crud::<after::Studio>("/studios")).start().await.actor("ann").may("*");
    let street = json!({ "Known": { "name": "Main", "number": 1 } });
    let old = json!({ "studio_id": 1, "place": { "town": "Ulm", "street": street } });
    assert_eq!(before.post("/studios", old.clone()).await.status(), 201);
    let read = json!({ "street": { "Known": { "name": "Main" } }, "floor": null, "stairs": false });
    assert_eq!(after.get("/studios").await.json()["items"][0]["place"], read);
    assert_eq!(
        why(&after.put("/studios/1", old).await),
        "422 #/place/town: there is no field `town`, only `street`, `floor`, `stairs` \
         #/place/street/Known/number: there is no field `number`; did you mean `name`?",
        "callers are held to the letter"
    );
}

/// Something that was ordered, with fields that are called as the parameters of a list are.
#[resource(plural = "sales")]
struct Sale {
    #[id]
    sale_id: i32,
    #[garde(range(min = 0))]
    total: Decimal<10, 2>,
    #[schemars(example = 7)]
    #[allow(dead_code, clippy::allow_attributes, reason = "attributes for lints go through")]
    limit: i32,
    sort: String,
    cursor: bool,
}

#[tokio::test]
async fn a_field_may_be_called_as_a_parameter_of_a_list() {
    let app = TestApp::new(App::new("claims").service(Service::new("sales").crud::<Sale>("/sales"))).await;
    let ann = app.actor("ann").may("*");
    for (id, total) in [(1, json!(9.5)), (2, json!(12))] {
        let sale = json!({ "sale_id": id, "total": total, "limit": id, "sort": "x", "cursor": false });
        assert_eq!(ann.post("/sales", sale).await.status(), 201);
    }
    for (query, count) in [("total.eq=9.50", 1), ("limit.eq=2&limit=5", 1), ("sort.eq=x&sort=-total&total=true", 2)] {
        let list = ann.get(&format!("/sales?{query}")).await;
        assert_eq!(list.json()["items"].as_array().map(Vec::len), Some(count), "{query}: {list}");
    }
    let document = app.anyone().get("/openapi.json").await.json();
    let parameters = document["paths"]["/sales"]["get"]["parameters"].as_array().unwrap().clone();
    let mut names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].to_string()).collect();
    let all = names.len();
    assert_eq!(document["components"]["schemas"]["NewSale"]["properties"]["limit"]["examples"], json!([7]));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "each name is there once");
}

/// Where somebody is.
#[input]
struct Near {
    town: String,
}

/// Asks for what an address cannot say.
#[input]
struct Around {
    near: Option<Near>,
    also: Vec<Near>,
    by_name: BTreeMap<String, i32>,
    level: Vec<Level>,
}

/// How much.
#[choice]
enum Level {
    Low,
    High,
}

async fn around(_: Public, Query(around): Query<Around>) -> NoContent {
    let towns = around.near.iter().chain(&around.also).map(|near| near.town.len());
    drop((towns.sum::<usize>(), around.by_name, around.level));
    NoContent
}

async fn around_by_form(_: Public, _: tollgate::Form<Around>) -> NoContent {
    NoContent
}

#[tokio::test]
async fn an_object_in_an_address_or_a_form_is_refused_at_the_start() {
    let service = Service::new("all").get("/around", around).post("/form", around_by_form);
    let said = refused(App::new("claims").service(service)).await;
    for route in ["GET /around", "POST /form"] {
        for name in ["near", "also", "by_name"] {
            let wanted =
                format!("`{route}` asks for `{name}` as an object, which neither a query nor a form can carry");
            assert!(said.contains(&wanted), "{said}");
        }
    }
    assert!(!said.contains("`level`"), "{said}");
}
