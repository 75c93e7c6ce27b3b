//! The document: what it says of every route, and what it refuses to say.

use crate::ground::{app, start};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tollgate::prelude::*;
use tollgate::{
    Axum, Bytes, Memory, SystemClock,
    backends::Backend,
    http::StatusCode,
    testing::{Ground, assemble},
};
use tollgate_access::Grants;
use tollgate_http::{Api, Scheme};
use tollgate_testing::TestApp;

mod library;

mod shop {
    use tollgate::prelude::*;

    #[output]
    pub(super) struct Item {
        pub(super) price: i32,
    }

    pub(super) async fn item(_: Public) -> Json<Item> {
        Json(Item { price: 1 })
    }
}

mod news {
    use tollgate::prelude::*;

    #[output]
    pub(super) struct Item {
        pub(super) headline: String,
    }

    #[output]
    pub(super) struct Front {
        pub(super) items: Vec<Item>,
    }

    pub(super) async fn front(_: Public) -> Json<Front> {
        Json(Front { items: vec![Item { headline: String::new() }] })
    }

    /// Another thing.
    #[resource(plural = "things")]
    pub(super) struct Other {
        #[id]
        pub(super) id: i32,
    }
}

/// A thing.
///
/// There are many.
#[resource(plural = "things")]
struct Thing {
    /// Its number.
    #[id]
    id: i32,
    /// How large it is.
    #[garde(range(min = -5, max = 5))]
    size: Option<i32>,
    weight: i64,
    #[garde(length(min = 1, max = 3))]
    name: String,
    #[hidden]
    remark: Option<String>,
    #[created_at]
    made: Timestamp,
}

/// Mine alone.
#[resource(plural = "diaries")]
struct Diary {
    #[id(generated)]
    id: i64,
    #[owner]
    author: String,
}

/// How much is wanted.
#[input]
struct Amount {
    /// At least so much.
    #[garde(range(min = 1))]
    least: u32,
    /// What for.
    reason: Option<String>,
    how: How,
}

/// In which way.
#[input]
#[output]
enum How {
    Fast,
    Slow,
}

/// What came of it.
#[output]
struct Outcome {
    /// In words.
    words: String,
    how: How,
}

async fn two(_: Public, _: Path<(i32, i32)>) -> NoContent {
    NoContent
}

async fn order(_: Actor, Query(amount): Query<Amount>) -> Result<Json<Outcome>> {
    Ok(Json(Outcome { words: format!("{} {:?}", amount.least, amount.reason), how: amount.how }))
}

async fn order_by_body(_: Actor, Json(amount): Json<Amount>) -> Json<Outcome> {
    Json(Outcome { words: amount.reason.unwrap_or_default(), how: amount.how })
}

fn build(service: Service, anyone: &str) -> Result<Value, String> {
    let (title, anyone) = ("Test".to_owned(), Grants::of(anyone.split_whitespace()));
    let schemes = vec![Scheme::own("/oauth/authorize", "/oauth/token", "docs")];
    let quotas = tollgate_http::Quotas::default();
    let (version, about, services, extensions) =
        ("1".into(), String::new(), vec![service], tollgate::http::Extensions::default());
    let api = Api { quotas, title, version, about, anyone, schemes, services, extensions };
    api.build().map(|built| (*built.document).clone()).map_err(|mistakes| mistakes.join("\n"))
}

fn mistakes(service: Service) -> String {
    build(service, "").err().unwrap_or_default()
}

fn all() -> Service {
    Service::new("all")
}

#[test]
fn two_types_with_one_name_are_refused() {
    let said = mistakes(all().get("/shop", shop::item).get("/news", news::front));
    let expected = "two types share the schema name `Item`: `claims::document::shop::Item` and \
                    `claims::document::news::Item`; rename one";
    assert_eq!(said, expected);
}

#[test]
fn two_resources_of_one_table_are_refused() {
    let said = mistakes(all().crud::<Thing>("/things").crud::<news::Other>("/others"));
    assert!(
        said.contains(
            "`claims::document::Thing` and `claims::document::news::Other` are both called `things`; rename one"
        ),
        "{said}"
    );
}

#[test]
fn two_operations_with_one_name_are_refused() {
    let said = mistakes(all().get("/shop", shop::item).get("/other", shop::item));
    assert_eq!(said, "the operation `all_item` of service `all` exists already");
}

#[test]
fn a_route_that_exists_is_refused() {
    let said = mistakes(all().crud::<Thing>("/things").get("/things", shop::item).named("other", "Other."));
    assert_eq!(said, "the route `GET /things` of service `all` exists already");
    let said = mistakes(all().get("/a/{b}", number).get("/a/{c}", number).named("other", "Other."));
    assert_eq!(said, "`GET /a/{c}` is the path `/a/{b}`: call its parameters the same");
    assert_eq!(mistakes(all().get("/a/{b}", number).get("/a/b", shop::item).named("other", "Other.")), "");
}

async fn number(_: Public, _: Path<i32>) -> NoContent {
    NoContent
}

#[test]
fn a_path_that_is_none_is_refused() {
    for path in [
        "",
        "things",
        "/a/{",
        "/a/}",
        "/a/{}",
        "/a/{b}{c}",
        "/a/x{b}",
        "/a/{b}/{b}",
        "/a/{*rest}",
        "/:id",
        "/*all",
        "/a?b",
    ] {
        let said = mistakes(all().get(path, shop::item).named("x", "X."));
        assert_eq!(said, format!("`GET {path}` is no path: write it as `/movies/{{movie_id}}`"));
    }
    assert_eq!(mistakes(all().get("/a.b/-/{b_1}/", number)), "");
}

#[test]
fn a_closure_needs_a_name() {
    let closure = async |_: Public| NoContent;
    assert_eq!(mistakes(all().get("/x", closure)), "`GET /x` is a closure: give it a name with `.named(…)`");
    assert_eq!(mistakes(all().get("/x", closure).named("x", "X.")), "");
}

#[test]
fn a_word_about_a_route_stands_after_it() {
    let minute = Duration::from_mins(1);
    let follows = "follows no route: it stands after the route that it is about";
    let said = mistakes(all().cached(minute).get("/x", number));
    assert!(said.contains(&format!("`.cached(…)` of service `all` {follows}")), "{said}");
    let said = mistakes(all().body_limit(9).crud::<Thing>("/things"));
    assert_eq!(said, format!("`.body_limit(…)` of service `all` {follows}"));
    let said = mistakes(all().every(minute, async |_: Now| Ok(())).named("all_job", "Job.").cached(minute));
    assert_eq!(said, format!("`.cached(…)` of service `all` {follows}"));
    let said = mistakes(all().crud::<Thing>("/things").named("x", "X."));
    assert_eq!(
        said,
        "`.named(\"x\", …)` of service `all` follows no single route: it stands after the route that it is about"
    );
}

#[test]
fn what_a_job_asks_for_is_there_or_nothing_starts() {
    async fn job(_: Config<Thing>, _: Backend<Option<Thing>>) -> Result<()> {
        Ok(())
    }
    let said = mistakes(all().every(Duration::from_mins(1), job));
    assert_eq!(
        said,
        "the job `all_job` asks for `Config<Thing>`, which no group of settings is read into: add \
         `.config::<Thing>(\"…\")` to the app\n\
         the job `all_job` asks for `Backend<Option<Thing>>`, which the app does not name: add \
         `.optional_backend::<Thing>(\"…\")` to it"
    );
}

#[test]
fn a_page_that_says_who_asks_is_nobody_elses() {
    async fn page(_: Public, view: View) -> Result<Html> {
        view.render("page.html", ())
    }
    let said = mistakes(all().page("/page", page).cached(Duration::from_mins(1)));
    assert_eq!(said, "`GET /page` is cached, and `View` says on each page who asks: leave out `.cached(…)`");
}

#[test]
fn bytes_go_in_and_what_is_axums_comes_out() {
    async fn keep(_: Public, _: Bytes) -> Axum<(StatusCode, [(&'static str, &'static str); 1])> {
        Axum((StatusCode::ACCEPTED, [("x-kept", "yes")]))
    }
    let document = build(all().post("/pictures", keep), "").unwrap();
    let operation = &document["paths"]["/pictures"]["post"];
    assert_eq!(operation["requestBody"]["content"]["application/octet-stream"]["schema"]["type"], "string");
    assert_eq!(operation["responses"]["2XX"]["description"], "What the document does not say.");
}

#[test]
fn a_path_and_its_handler_must_agree() {
    let said = mistakes(all().get("/one/{id}", two));
    assert_eq!(said, "`GET /one/{id}` names 1 parameters, its handler takes 2");
    let said = mistakes(all().get("/one/{id}", shop::item));
    assert_eq!(said, "`GET /one/{id}` names 1 parameters, its handler takes 0");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let said = mistakes(
        all().get("/shop", shop::item).get("/shop", shop::item).get("/news", news::front).get("/one/{id}", two),
    );
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
fn what_anyone_may_needs_no_token() {
    let service = || all().crud::<Thing>("/things").get("/shop", shop::item).get("/order", order);
    let security = |anyone: &str, path: &str, method: &str| {
        build(service(), anyone).unwrap()["paths"][path][method]["security"].to_string()
    };
    let closed = r#"[{"oauth2":["read:things"]},{"bearer":["read:things"]},{"api_key":["read:things"]}]"#;
    assert_eq!(security("", "/things", "get"), closed);
    for anyone in ["read:things", "read:*", "*:things"] {
        assert_eq!(security(anyone, "/things", "get"), closed.replace("}]", "},{}]"), "{anyone}");
    }
    assert_eq!(security("read:things", "/things", "post"), closed.replace("read", "create"));
    assert_eq!(security("", "/shop", "get"), "[]", "public");
    assert_eq!(
        security("*", "/order", "get"),
        r#"[{"oauth2":[]},{"bearer":[]},{"api_key":[]}]"#,
        "signed in is more than anyone"
    );
}

#[test]
fn nobody_in_particular_owns_nothing() {
    for grant in ["create:diaries", "create:*", "*:diaries", "*", "create:diaries:any"] {
        let said = build(all().crud::<Diary>("/diaries"), grant).err().unwrap_or_default();
        assert!(
            said.starts_with("`access.anyone` grants `create:diaries`, but its rows have an owner"),
            "{grant}: {said}"
        );
    }
    for grant in ["read:diaries", "create:things"] {
        assert!(build(all().crud::<Diary>("/diaries").crud::<Thing>("/things"), grant).is_ok(), "{grant}");
    }
}

#[test]
fn inputs_are_described_as_they_are_written() {
    let document =
        build(all().get("/order", order).post("/order", order_by_body), "").unwrap_or_else(|said| panic!("{said}"));
    let parameters = &document["paths"]["/order"]["get"]["parameters"];
    assert_eq!(parameters[0]["name"], "least");
    assert_eq!(parameters[0]["description"], "At least so much.");
    assert_eq!((&parameters[0]["required"], &parameters[0]["schema"]["minimum"]), (&json!(true), &json!(1)));
    assert_eq!((&parameters[1]["name"], &parameters[1]["required"]), (&json!("reason"), &json!(false)));
    assert_eq!(parameters[2]["schema"], json!({ "$ref": "#/components/schemas/How" }));
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Amount"]["description"], "How much is wanted.");
    assert_eq!(schemas["Amount"]["required"], json!(["least", "how"]));
    assert_eq!(schemas["Amount"]["additionalProperties"], false);
    assert_eq!(schemas["Outcome"]["properties"]["words"]["description"], "In words.");
    assert_eq!(schemas["How"], json!({ "description": "In which way.", "type": "string", "enum": ["Fast", "Slow"] }));
}

#[test]
fn rules_are_in_the_document() {
    let document = build(all().crud::<Thing>("/things"), "").unwrap();
    let schemas = &document["components"]["schemas"];
    for name in ["Thing", "NewThing", "ThingPatch"] {
        let properties = &schemas[name]["properties"];
        assert_eq!((&properties["size"]["minimum"], &properties["size"]["maximum"]), (&json!(-5), &json!(5)), "{name}");
        assert_eq!(
            (&properties["name"]["minLength"], &properties["name"]["maxLength"]),
            (&json!(1), &json!(3)),
            "{name}"
        );
        assert_eq!(properties["size"]["description"], "How large it is.", "{name}");
    }
    assert_eq!(schemas["NewThing"]["description"], "What a caller sends to create a `Thing`.");
    assert_eq!(schemas["NewThing"]["required"], json!(["id", "weight", "name"]));
    assert_eq!(schemas["ThingPatch"]["required"], Value::Null);
    assert_eq!(schemas["ThingPatch"]["properties"]["id"], Value::Null, "a key is not changed");
    assert_eq!(schemas["NewThing"]["properties"]["made"], Value::Null, "the server says when");
    let id = &schemas["Thing"]["properties"]["id"];
    assert_eq!((&id["minimum"], &id["maximum"]), (&json!(i32::MIN), &json!(i32::MAX)), "32 bits have bounds");
}

#[test]
fn a_hidden_field_is_in_what_is_sent_and_nowhere_else() {
    let mut document = build(all().crud::<Thing>("/things"), "").unwrap();
    for input in ["NewThing", "ThingPatch"] {
        let taken = document["components"]["schemas"][input]["properties"].as_object_mut().unwrap().remove("remark");
        assert!(taken.is_some(), "{input}");
    }
    assert!(!document.to_string().contains("remark"));
}

#[test]
fn nothing_of_ours_is_left_in_the_document() {
    let document = build(all().crud::<Thing>("/things").get("/shop", shop::item), "").unwrap().to_string();
    assert!(!document.contains("x-rust-type") && !document.contains("claims::"), "{document}");
}

#[tokio::test]
async fn every_parameter_of_a_list_is_documented_and_works() {
    let app = start().await;
    let reader = app.actor("rea").may("read:notes");
    let parameters = app.document()["paths"]["/notes"]["get"]["parameters"].as_array().unwrap();
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    for expected in [
        "note_id",
        "note_id.gte",
        "text.contains",
        "stars.is_null",
        "due.lt",
        "pinned.ne",
        "sort",
        "limit",
        "cursor",
        "total",
    ] {
        assert!(names.contains(&expected), "{expected}");
    }
    for absent in ["secret", "secret.eq", "pinned.gt", "stars.contains", "text.is_null"] {
        assert!(!names.contains(&absent), "{absent}");
    }
    for parameter in parameters.iter().filter(|parameter| parameter["name"] != "If-None-Match") {
        let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
        assert!(parameter["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        assert_eq!((&parameter["in"], &parameter["required"]), (&json!("query"), &json!(false)));
        let value = match (name, schema["type"].as_str(), schema["format"].as_str()) {
            ("sort", ..) => "-text,note_id",
            ("cursor", ..) => continue,
            (_, Some("boolean"), _) => "true",
            (_, Some("integer"), Some("int32" | "int64")) | (_, Some("number"), _) | ("limit", Some("integer"), _) => {
                "1"
            }
            (_, Some("string"), Some("date-time")) => "2026-11-20T10:40:00Z",
            (_, Some("string"), Some("uuid")) => "67e55044-10b1-426f-9247-bb680e5fe0c8",
            (_, Some("array"), _) => {
                assert_eq!((&parameter["style"], &parameter["explode"]), (&json!("form"), &json!(false)), "{name}");
                match (schema["items"]["type"].as_str(), schema["items"]["format"].as_str()) {
                    (_, Some("date-time")) => "2026-11-20T10:40:00Z,2026-11-20T10:41:00Z",
                    (_, Some("uuid")) => "67e55044-10b1-426f-9247-bb680e5fe0c8",
                    (Some("boolean"), _) => "true,false",
                    _ => "1,2",
                }
            }
            (_, Some("string"), None) => "x",
            other => panic!("{other:?}"),
        };
        let reply = reader.get(&format!("/notes?{name}={value}")).await;
        assert_eq!(reply.status(), 200, "{name}: {}", reply.text());
    }
}

#[tokio::test]
async fn every_operation_documents_its_answers() {
    let app = start().await;
    let statuses = |path: &str, method: &str| -> Vec<String> {
        let answers = app.document()["paths"][path][method]["responses"].as_object().unwrap();
        answers.keys().cloned().collect()
    };
    assert_eq!(statuses("/notes", "get"), ["200", "304", "400", "401", "403", "412", "422", "503", "default"]);
    assert_eq!(statuses("/notes", "post"), ["201", "400", "401", "403", "409", "413", "415", "422", "503", "default"]);
    assert_eq!(statuses("/notes/{note_id}", "get"), ["200", "304", "401", "403", "404", "412", "503", "default"]);
    let expected = ["204", "400", "401", "403", "404", "409", "412", "422", "503", "default"];
    assert_eq!(statuses("/notes/{note_id}", "delete"), expected);
    for method in ["put", "patch"] {
        let expected = ["200", "400", "401", "403", "404", "409", "412", "413", "415", "422", "503", "default"];
        assert_eq!(statuses("/notes/{note_id}", method), expected);
    }
    let created = &app.document()["paths"]["/notes"]["post"]["responses"]["201"];
    assert_eq!(created["headers"]["Location"]["schema"]["type"], "string");
}

#[test]
fn comments_become_summaries_and_descriptions() {
    let document = build(library::service(), "").unwrap();
    let tag = json!([{ "name": "library", "description": "Library: books that are lent.\n\nWhoever returns one late pays." }]);
    assert_eq!(document["tags"], tag);
    let operation = |path: &str, method: &str| document["paths"][path][method].clone();
    let lend = operation("/lend", "post");
    assert_eq!(lend["operationId"], "library_lend");
    assert_eq!(lend["summary"], "Lends a book to somebody.");
    assert_eq!(lend["description"], "Answers 204.\n\n* at most ten\n  * or fewer", "Markdown keeps its shape");
    assert_eq!(operation("/back", "post")["summary"], "Give back in time.", "without a comment, the name");
    assert_eq!(operation("/shelf", "get")["summary"], "Shows a shelf.", "in a file of the module");
    assert_eq!(operation("/count", "get")["summary"], "Says how many are lent.", "in a module of the file");
    let find = operation("/find", "get");
    assert_eq!((&find["operationId"], &find["summary"]), (&json!("find"), &json!("Finds a book.")));
    assert_eq!(find["description"], "By its title.");
}

mod within {
    //! Within: a service in a module of a file.

    use tollgate::prelude::*;

    /// Greets.
    async fn greet(_: Public) -> NoContent {
        NoContent
    }

    pub(super) fn service() -> Service {
        service!("within").get("/greet", greet)
    }
}

#[test]
fn a_service_in_a_module_of_a_file_has_its_comments_too() {
    let document = build(within::service(), "").unwrap();
    assert_eq!(document["paths"]["/greet"]["get"]["summary"], "Greets.");
    assert_eq!(document["tags"][0]["description"], "Within: a service in a module of a file.");
}

#[tokio::test]
async fn the_access_matrix_comes_from_the_signatures() {
    let service = all().crud::<Thing>("/things").get("/shop", shop::item).get("/order", order);
    let app = TestApp::new(App::new("matrix").service(service)).await;
    insta::assert_snapshot!(app.access_matrix(), @"
                                                                    anyone
    GET     /things                              read:things        -
    POST    /things                              create:things      -
    GET     /things/{id}                         read:things        -
    PUT     /things/{id}                         update:things      -
    PATCH   /things/{id}                         update:things      -
    DELETE  /things/{id}                         delete:things      -
    GET     /shop                                public             all
    GET     /order                               signed in          -
    GET     /api/me                              signed in          -
    GET     /audit                               read:audit_events  -
    GET     /audit/{event_id}                    read:audit_events  -
    GET     /api-keys                            read:api_keys      -
    POST    /api-keys                            create:api_keys    -
    GET     /api-keys/{key_id}                   read:api_keys      -
    DELETE  /api-keys/{key_id}                   delete:api_keys    -
    GET     /users                               read:users         -
    POST    /users                               create:users       -
    GET     /users/{user_id}                     read:users         -
    PATCH   /users/{user_id}                     update:users       -
    DELETE  /users/{user_id}                     delete:users       -
    GET     /users/{user_id}/sessions            read:users         -
    DELETE  /users/{user_id}/sessions            update:users       -
    DELETE  /users/{user_id}/sessions/{session}  update:users       -
    POST    /users/{user_id}/reset-link          update:users       -
    DELETE  /users/{user_id}/second-factor       update:users       -
    POST    /api/me/password                     signed in          -
    ");
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let app = TestApp::new(app()).await;
    let served = app.anyone().get("/openapi.json").await;
    assert_eq!((served.status(), served.header("content-type")), (200, "application/json"));
    assert_eq!(served.json(), *app.document());
    for path in ["/openapi.json", "/docs", "/docs/start.js"] {
        let tag = app.anyone().get(path).await.header("etag").to_owned();
        let known = app.anyone().header("if-none-match", &tag).get(path).await;
        assert_eq!((known.status(), &*known.text()), (304, ""), "{path} is known by its tag {tag}");
    }
}

async fn failure(service: Service) -> String {
    refused(App::new("test").service(service)).await
}

/// Why the app does not start.
pub(crate) async fn refused(app: App) -> String {
    let settings = app.built_in_settings("dev").unwrap();
    let ground = Ground {
        databases: (Arc::new(Memory::default()) as Arc<dyn tollgate_store::Database>).into(),
        clock: Arc::new(SystemClock::default()),
        authenticate: None,
        seed: false,
    };
    assemble(app, settings, ground).await.err().map(|failure| failure.to_string()).unwrap_or_default()
}

/// Not those of the embedded issuer.
#[resource(plural = "users")]
struct Guest {
    #[id]
    id: i32,
}

#[tokio::test]
async fn a_resource_may_not_share_a_table_with_the_framework() {
    let said = failure(Service::new("guests").crud::<Guest>("/guests")).await;
    assert!(said.contains("`users`") && said.contains("document::Guest"), "{said}");
}

#[tokio::test]
async fn a_route_may_not_take_the_place_of_the_frameworks_own() {
    for path in ["/", "/docs", "/token", "/auth/login", "/oauth/token", "/.well-known/jwks.json", "/-/assets/x"] {
        let said = failure(Service::new("all").get(path, shop::item)).await;
        assert!(said.contains(&format!("`GET {path}`")), "{path}: {said}");
    }
    assert_eq!(failure(Service::new("all").get("/docs-of-ours", shop::item)).await, "");
}
