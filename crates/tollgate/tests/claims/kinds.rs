//! Decimals, lists, values within values and object ids, as callers send, find and read about them.

use serde_json::{Value, json};
use tollgate::prelude::*;
use tollgate_testing::{Client, Reply, TestApp};

/// Where something is.
#[input]
#[output]
#[derive(Clone, Debug, PartialEq)]
struct Place {
    #[garde(length(min = 1))]
    town: String,
    floor: Option<i32>,
}

/// Something for sale.
#[resource(plural = "offers")]
struct Offer {
    #[id(generated)]
    offer_id: ObjectId,
    price: Decimal<5, 2>,
    /// Off the price.
    #[garde(range(min = 0.1, max = 50.0))]
    rebate: Option<Decimal<4, 2>>,
    #[garde(length(max = 3), inner(length(min = 1, max = 8)))]
    tags: Vec<String>,
    place: Nested<Place>,
    second_place: Option<Nested<Place>>,
}

async fn client() -> Client {
    let service = Service::new("offers").crud::<Offer>("/offers");
    TestApp::new(App::new("shop").service(service)).await.actor("ann").may("*")
}

fn offer(price: impl Into<Value>) -> Value {
    json!({ "price": price.into(), "tags": ["new", "red"], "place": { "town": "Ulm" } })
}

/// Where the faults of an answer are.
fn pointers(reply: &Reply) -> Vec<String> {
    let errors = reply.json()["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_measured_in_items_and_an_item_in_characters() {
    let client = client().await;
    for (tags, at) in [
        (json!([]), vec![]),
        (json!(["éééééééé", "b", "c"]), vec![]),
        (json!(["a", "b", "c", "d"]), vec!["#/tags"]),
        (json!(["a", "ééééééééé"]), vec!["#/tags/1"]),
        (json!([""]), vec!["#/tags/0"]),
    ] {
        let sent = json!({ "price": 1, "tags": tags, "place": { "town": "Ulm" } });
        assert_eq!(pointers(&client.post("/offers", sent).await), at, "{tags}");
    }
}

#[tokio::test]
async fn what_is_sent_is_answered_and_found() {
    let client = client().await;
    let created = client.post("/offers", offer(12.3)).await;
    assert_eq!(created.status(), 201, "{created}");
    let stored = created.json();
    assert_eq!((&stored["price"], &stored["tags"]), (&json!(12.3), &json!(["new", "red"])));
    assert_eq!(stored["place"], json!({ "town": "Ulm", "floor": null }));
    let at = created.header("location").to_owned();
    assert_eq!(client.get(&at).await.json(), stored);
    assert_eq!(client.get(&at.to_uppercase().replace("/OFFERS", "/offers")).await.json(), stored);
    for (query, count) in [
        ("price=12.30", 1),
        ("price.gt=12.29&price.lt=12.31", 1),
        ("price.in=1,12.3", 1),
        ("tags.has=red", 1),
        ("tags.has=re", 0),
        ("second_place.is_null=true", 1),
        ("sort=-price", 1),
    ] {
        let list = client.get(&format!("/offers?{query}")).await;
        assert_eq!(list.json()["items"].as_array().map(Vec::len), Some(count), "{query}: {list}");
    }
    let patched = client.patch(&at, json!({ "price": 999, "second_place": { "town": "Rom", "floor": 2 } })).await;
    assert_eq!((&patched.json()["price"], &patched.json()["second_place"]["floor"]), (&json!(999.0), &json!(2)));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_place() {
    let client = client().await;
    for price in [json!(1.234), json!(1000), json!("1"), json!(null), json!(1e300)] {
        let reply = client.post("/offers", offer(price)).await;
        assert_eq!((reply.status(), pointers(&reply)), (422, vec!["#/price".to_owned()]), "{reply}");
    }
    for (place, pointer) in [
        (json!({ "town": "Ulm", "street": "Main" }), "#/place"),
        (json!({ "town": 1 }), "#/place"),
        (json!(["Ulm", 1]), "#/place"),
        (json!({ "town": "" }), "#/place/town"),
    ] {
        let mut body = offer(1);
        body["place"] = place;
        let reply = client.post("/offers", body).await;
        assert_eq!(reply.status(), 422, "{reply}");
        assert!(pointers(&reply)[0].starts_with(pointer), "{reply}");
    }
    for query in
        ["price=1.234", "price=x", "tags=red", "tags.contains=red", "place=x", "sort=tags", "sort=place", "offer_id=1"]
    {
        assert_eq!(client.get(&format!("/offers?{query}")).await.status(), 422, "{query}");
    }
    assert_eq!(client.get("/offers/no-object-id").await.status(), 404);
}

#[tokio::test]
async fn a_decimal_lies_within_its_range_to_the_last_digit() {
    let client = client().await;
    for (rebate, status) in [(0.09, 422), (0.1, 201), (50.0, 201), (50.01, 422), (-1.0, 422)] {
        let mut body = offer(1);
        body["rebate"] = rebate.into();
        let reply = client.post("/offers", body).await;
        assert_eq!(reply.status(), status, "{rebate}: {reply}");
        assert!(status == 201 || pointers(&reply) == ["#/rebate"], "{reply}");
    }
    let refused = client.get("/offers?rebate=50.01").await;
    assert_eq!(refused.status(), 200, "a filter asks, and keeps nothing: {refused}");
}

#[tokio::test]
async fn the_document_tells_of_them() {
    let document = TestApp::new(App::new("shop").service(Service::new("offers").crud::<Offer>("/offers"))).await;
    let document = document.anyone().get("/openapi.json").await.json();
    let fields = &document["components"]["schemas"]["Offer"]["properties"];
    assert_eq!(fields["price"], json!({ "type": "number", "minimum": -999.99, "maximum": 999.99, "multipleOf": 0.01 }));
    let rebate = &document["components"]["schemas"]["NewOffer"]["properties"]["rebate"];
    assert_eq!((&rebate["minimum"], &rebate["maximum"]), (&json!(0.1), &json!(50.0)), "{rebate}");
    assert_eq!(fields["offer_id"]["pattern"], "^[0-9a-fA-F]{24}$");
    assert_eq!(fields["tags"]["items"]["type"], "string");
    assert!(fields["place"].to_string().contains("/Place"), "{}", fields["place"]);
    let parameters = document["paths"]["/offers"]["get"]["parameters"].to_string();
    assert!(parameters.contains("tags.has") && !parameters.contains("\"place\"") && !parameters.contains("\"tags\""));
}
