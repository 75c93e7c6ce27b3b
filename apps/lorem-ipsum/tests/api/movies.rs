//! Movies: who may do what, and how a "no" reads.

use insta::assert_snapshot;
use serde_json::{Value, json};
use tollgate_testing::{Client, TestApp};

fn alien() -> Value {
    json!({ "movie_id": 1, "title": "Alien", "released": 1979, "rating": 8.5 })
}

async fn app() -> TestApp {
    TestApp::new(lorem_ipsum::app()).await
}

fn curator(app: &TestApp) -> Client {
    app.actor("cur").may("read:movies create:movies update:movies delete:movies")
}

#[tokio::test]
async fn only_curators_add_movies() {
    let app = app().await;
    let (anyone, reader, curator) = (app.anyone(), app.actor("rea").may("read:movies"), curator(&app));
    assert_snapshot!(anyone.post("/movies", alien()).await, @r#"
    401 Unauthorized
    content-type: application/problem+json
    www-authenticate: Bearer

    {
      "type": "about:blank",
      "title": "Unauthorized",
      "status": 401,
      "detail": "this needs `create:movies`",
      "instance": "/movies",
      "request_id": "…"
    }
    "#);
    assert_snapshot!(reader.post("/movies", alien()).await, @r#"
    403 Forbidden
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Forbidden",
      "status": 403,
      "detail": "this needs `create:movies`",
      "instance": "/movies",
      "request_id": "…"
    }
    "#);
    assert_snapshot!(curator.post("/movies", alien()).await, @r#"
    201 Created
    content-type: application/json
    location: /movies/1

    {
      "movie_id": 1,
      "title": "Alien",
      "released": 1979,
      "rating": 8.5
    }
    "#);
    assert_snapshot!(curator.post("/movies", alien()).await, @r##"
    409 Conflict
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "detail": "another row has this `movie_id` already",
      "instance": "/movies",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#/movie_id",
          "detail": "another row has this `movie_id` already"
        }
      ]
    }
    "##);
}

#[tokio::test]
async fn a_film_is_read_replaced_changed_and_removed() {
    let app = app().await;
    let curator = curator(&app);
    curator.post("/movies", alien()).await;
    assert_snapshot!(curator.get("/movies/1").await, @r#"
    200 OK
    content-type: application/json

    {
      "movie_id": 1,
      "title": "Alien",
      "released": 1979,
      "rating": 8.5
    }
    "#);
    assert_snapshot!(curator.patch("/movies/1", json!({ "rating": 9 })).await, @r#"
    200 OK
    content-type: application/json

    {
      "movie_id": 1,
      "title": "Alien",
      "released": 1979,
      "rating": 9.0
    }
    "#);
    let whole = json!({ "movie_id": 1, "title": "Aliens", "released": 1986, "rating": 8.4 });
    assert_snapshot!(curator.put("/movies/1", whole).await, @r#"
    200 OK
    content-type: application/json

    {
      "movie_id": 1,
      "title": "Aliens",
      "released": 1986,
      "rating": 8.4
    }
    "#);
    assert_snapshot!(curator.delete("/movies/1").await, @"204 No Content");
    assert_snapshot!(curator.get("/movies/1").await, @r#"
    404 Not Found
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Not Found",
      "status": 404,
      "detail": "there is none, or none that you may reach",
      "instance": "/movies/1",
      "request_id": "…"
    }
    "#);
}

#[tokio::test]
async fn older_clients_find_what_they_knew() {
    let app = TestApp::with(lorem_ipsum::app()).seeded().start().await;
    let reader = app.actor("rea").may("read:movies");
    assert_eq!(reader.get("/movies/?movie_id=1").await.json()["title"], "The Land Girls");
    assert_eq!(app.anyone().get("/movies/?movie_id=1").await.status(), 401);
    assert_eq!(app.anyone().get("/movies/new?year=2000&rating=8").await.status(), 401);
    let found = reader.get("/movies/new?year=2000&rating=8").await.json();
    let found = found.as_array().unwrap();
    let ratings: Vec<f64> = found.iter().map(|movie| movie["rating"].as_f64().unwrap()).collect();
    assert!(ratings.len() > 10 && ratings.is_sorted_by(|a, b| a >= b));
    assert!(
        found.iter().all(|movie| movie["released"].as_i64() >= Some(2000) && movie["rating"].as_f64() >= Some(8.0))
    );
}

/// Alien, with one field more or another value in one.
fn with(name: &str, value: Value) -> Value {
    let mut movie = alien();
    movie[name] = value;
    movie
}

#[tokio::test]
async fn bad_input_is_told_with_its_place() {
    let app = app().await;
    let curator = curator(&app);
    assert_snapshot!(curator.post("/movies", with("stars", json!(5))).await, @r##"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "detail": "`errors` says what is wrong, and where",
      "instance": "/movies",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#/stars",
          "detail": "there is no field `stars`, only `movie_id`, `title`, `released`, `rating`"
        }
      ]
    }
    "##);
    assert_snapshot!(curator.post("/movies", with("rating", json!(11))).await, @r##"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "detail": "`errors` says what is wrong, and where",
      "instance": "/movies",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#/rating",
          "detail": "greater than 10"
        }
      ]
    }
    "##);
    assert_eq!(curator.get("/movies").await.json()["items"], json!([]), "nothing of it was stored");
}

#[tokio::test]
async fn a_title_is_a_text_of_a_certain_length() {
    let app = app().await;
    let curator = curator(&app);
    assert_snapshot!(curator.post("/movies", with("title", json!(7))).await, @r##"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "detail": "`errors` says what is wrong, and where",
      "instance": "/movies",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#/title",
          "detail": "expected a string, found 7"
        }
      ]
    }
    "##);
    assert_snapshot!(curator.post("/movies", with("title", json!("x".repeat(201)))).await, @r##"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "detail": "`errors` says what is wrong, and where",
      "instance": "/movies",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#/title",
          "detail": "length is greater than 200"
        }
      ]
    }
    "##);
    assert_eq!(curator.get("/movies").await.json()["items"], json!([]), "nothing of it was stored");
}

#[tokio::test]
async fn a_film_is_a_whole_object() {
    let app = app().await;
    let curator = curator(&app);
    assert_snapshot!(curator.post("/movies", json!({})).await, @r##"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "detail": "`errors` says what is wrong, and where",
      "instance": "/movies",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#/movie_id",
          "detail": "missing field `movie_id`"
        },
        {
          "pointer": "#/title",
          "detail": "missing field `title`"
        },
        {
          "pointer": "#/released",
          "detail": "missing field `released`"
        },
        {
          "pointer": "#/rating",
          "detail": "missing field `rating`"
        }
      ]
    }
    "##);
    assert_snapshot!(curator.post("/movies", json!([1, "Alien", 1979, 8.5])).await, @r##"
    422 Unprocessable Entity
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Unprocessable Entity",
      "status": 422,
      "detail": "`errors` says what is wrong, and where",
      "instance": "/movies",
      "request_id": "…",
      "errors": [
        {
          "pointer": "#",
          "detail": "expected an object, found an array"
        }
      ]
    }
    "##);
    assert_eq!(curator.get("/movies").await.json()["items"], json!([]), "nothing of it was stored");
}

#[tokio::test]
async fn what_cannot_be_read_is_a_400_413_or_415() {
    let app = app().await;
    let curator = curator(&app);
    let post = async |media_type: &'static str, body: Vec<u8>| {
        curator.send_bytes("POST".parse().unwrap(), "/movies", media_type, body).await.status()
    };
    let json = "application/json";
    assert_eq!(post(json, b"{\"movie_id\": 1,".to_vec()).await, 400);
    assert_eq!(post(json, b"".to_vec()).await, 400);
    assert_eq!(post(json, b"{\"title\": \"\xff\"}".to_vec()).await, 400);
    assert_eq!(post(json, br#"{"movie_id":1,"title":"A","title":"B","released":1979,"rating":1}"#.to_vec()).await, 400);
    assert_eq!(post(json, ("[".repeat(65) + &"]".repeat(65)).into()).await, 400);
    assert_eq!(post(json, ("[".repeat(64) + &"]".repeat(64)).into()).await, 422);
    assert_eq!(post(json, vec![b' '; 1024 * 1024 + 1]).await, 413);
    assert_eq!(post("text/plain", alien().to_string().into()).await, 415);
    assert_eq!(post("application/json; charset=utf-8", alien().to_string().into()).await, 201);
}

#[tokio::test]
async fn a_caller_without_permission_is_refused_before_the_body_is_read() {
    let app = app().await;
    let reader = app.actor("rea").may("read:movies");
    let reply = reader.send_bytes("POST".parse().unwrap(), "/movies", "text/plain", "not JSON at all").await;
    assert_eq!(reply.status(), 403);
}

#[tokio::test]
async fn an_id_of_another_type_names_nothing() {
    let app = app().await;
    let curator = curator(&app);
    for id in ["alien", "1.5", "99999999999", "-", "%00", "1%2F2"] {
        let reply = curator.get(&format!("/movies/{id}")).await;
        assert_eq!(reply.status(), 404, "{id}");
    }
    assert_eq!(curator.get("/movies/?movie_id=alien").await.status(), 422);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems_too() {
    let app = app().await;
    assert_snapshot!(app.anyone().get("/nothing").await, @r#"
    404 Not Found
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Not Found",
      "status": 404,
      "detail": "there is no such route; see /docs",
      "instance": "/nothing",
      "request_id": "…"
    }
    "#);
    assert_snapshot!(app.anyone().send("TRACE".parse().unwrap(), "/movies", None).await, @r#"
    405 Method Not Allowed
    allow: GET,HEAD,POST
    content-type: application/problem+json

    {
      "type": "about:blank",
      "title": "Method Not Allowed",
      "status": 405,
      "detail": "the header `Allow` lists the methods",
      "instance": "/movies",
      "request_id": "…"
    }
    "#);
    assert_snapshot!(app.anyone().send("OPTIONS".parse().unwrap(), "/movies", None).await, @"
    204 No Content
    allow: GET,HEAD,POST
    ");
}

#[tokio::test]
async fn the_configured_roles_read_and_curate() {
    let app = app().await;
    let (reader, curator) = (app.actor("rea").role("reader"), app.actor("cur").role("curator"));
    assert_eq!(reader.post("/movies", alien()).await.status(), 403);
    assert_eq!(curator.post("/movies", alien()).await.status(), 201);
    assert_eq!(reader.get("/movies/1").await.status(), 200);
    assert_eq!(reader.role("curator").get("/api/me").await.json()["roles"], json!(["reader", "curator"]));
}
