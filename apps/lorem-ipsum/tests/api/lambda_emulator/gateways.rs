//! Each kind of gateway: what it sends is understood, and it gets what it takes.

use super::{adding, asking, body, call, curator, event, film, function, settings, token, with_cookies, with_header};
use crate::process::{command, stdout};
use serde_json::{Value, json};
use tollgate_testing::servers::LambdaEmulator;

const TITLE: &str = "About Tom & Jürgen? Ü";

/// Those that put nothing in front of paths, or what the app sees by itself.
const PLAIN: [&str; 7] = [
    "http_api",
    "http_api_stage",
    "http_api_format_1",
    "function_url",
    "rest_api",
    "load_balancer",
    "load_balancer_many",
];

/// A header of an answer, however the gateway takes it.
fn header<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    answer["headers"][name].as_str().or_else(|| answer["multiValueHeaders"][name][0].as_str())
}

fn with_a_film(settings: &[(&str, &str)]) -> LambdaEmulator {
    let function = function(settings);
    let added = call(&function, &adding(&film(900_001, TITLE), event("http_api", &curator())));
    assert_eq!(added["statusCode"], 201, "{added}\n{}", function.log());
    function
}

#[test]
fn each_gateway_asks_in_its_way_and_gets_the_same_film() {
    let function = with_a_film(&[]);
    for gateway in PLAIN {
        let answer = call(&function, &event(gateway, &curator()));
        assert_eq!(
            (&answer["statusCode"], &answer["isBase64Encoded"]),
            (&json!(200), &json!(false)),
            "{gateway}: {answer}"
        );
        assert_eq!(body(&answer)["items"], json!([film(900_001, TITLE)]), "{gateway}: {answer}");
        assert_eq!(header(&answer, "content-type"), Some("application/json"), "{gateway}: {answer}");
        let is_many = matches!(gateway, "rest_api" | "http_api_format_1" | "load_balancer_many");
        assert_eq!(answer["multiValueHeaders"].is_object(), is_many, "{gateway}: {answer}");
        assert_eq!(answer["headers"].is_object(), !is_many, "{gateway}: {answer}");
        assert_eq!(
            answer["statusDescription"] == "200 OK",
            gateway.starts_with("load_balancer"),
            "{gateway}: {answer}"
        );
    }
}

#[test]
fn what_a_domain_puts_in_front_of_paths_is_taken_away() {
    let function = with_a_film(&[("LAMBDA__BASE_PATH", "/v1")]);
    let answer = call(&function, &event("rest_api_base_path", &curator()));
    assert_eq!(body(&answer)["items"], json!([film(900_001, TITLE)]), "{answer}");
    assert_eq!(call(&function, &event("rest_api", &curator()))["statusCode"], 200, "without it too");
}

#[test]
fn what_is_no_text_travels_as_base64() {
    let function = with_a_film(&[]);
    let mut sent = adding(&film(900_002, "Alien"), event("rest_api", &curator()));
    // {"movie_id":900002,"title":"Alien","released":1979,"rating":8.5}
    sent["body"] = "eyJtb3ZpZV9pZCI6OTAwMDAyLCJ0aXRsZSI6IkFsaWVuIiwicmVsZWFzZWQiOjE5NzksInJhdGluZyI6OC41fQ==".into();
    sent["isBase64Encoded"] = true.into();
    let answer = call(&function, &sent);
    assert_eq!((&answer["statusCode"], &body(&answer)["title"]), (&json!(201), &json!("Alien")), "{answer}");
    sent["body"] = "no Base64!".into();
    assert_eq!(call(&function, &sent)["statusCode"], 400);
}

#[test]
fn cookies_come_and_go_one_by_one() {
    let own = [("IDENTITY__EMBEDDED", "true")];
    let function = function(&own);
    let password = "a long password of four words";
    let new = ["create-user", "--name", "Ann", "--email", "ann@example.test", "--password", password];
    stdout(&command(&function.folder(), &new).envs(settings(&own)).output().unwrap());
    let signing_in = |gateway| {
        let event = asking("POST", "/auth/login", event(gateway, "none"));
        let event = with_header("origin", "https://lorem.example", event);
        let mut event = with_header("content-type", "application/x-www-form-urlencoded", event);
        event["body"] = format!("email=ann@example.test&password={}", password.replace(' ', "+")).into();
        event
    };
    for gateway in PLAIN {
        let answer = call(&function, &signing_in(gateway));
        let cookies = match gateway {
            "http_api" | "http_api_stage" | "function_url" => answer["cookies"].clone(),
            "load_balancer" => json!([answer["headers"]["set-cookie"]]),
            _ => answer["multiValueHeaders"]["set-cookie"].clone(),
        };
        let cookies: Vec<&str> = cookies.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let wanted = if gateway == "load_balancer" { 1 } else { 2 };
        assert!(
            cookies.len() == wanted && cookies.iter().all(|cookie| cookie.contains("HttpOnly")),
            "{gateway}: {answer}"
        );
        let session = cookies[0].split(';').next().unwrap();
        let me = with_cookies("theme=dark", session, asking("GET", "/api/me", event(gateway, "none")));
        assert_eq!(body(&call(&function, &me))["email"], "ann@example.test", "{gateway}");
    }
    assert!(function.log().contains("lambda.multi_value_headers.enabled"), "what is lost is told");
}

#[test]
fn what_the_gateway_says_about_a_caller_lets_nobody_in() {
    let function = with_a_film(&[]);
    for gateway in ["http_api", "rest_api"] {
        let claims = event(gateway, &curator());
        let pointer = if gateway == "http_api" {
            "/requestContext/authorizer/jwt/claims/scope"
        } else {
            "/requestContext/authorizer/claims/scope"
        };
        assert!(claims.pointer(pointer).is_some(), "the gateway's authorizer lets them in");
        for token in ["forged", "", &token("read:movies")] {
            let refused = call(&function, &adding(&film(900_003, "Aliens"), event(gateway, token)));
            let wanted = if token.len() > 20 { 403 } else { 401 };
            assert_eq!(refused["statusCode"], wanted, "{gateway} {token:?}: {refused}");
        }
    }
}

#[test]
fn addresses_are_those_that_gateways_saw() {
    let function = function(&[("LIMITS__ADDRESS", "2 per minute"), ("LOG__FILTER", "info")]);
    let from = |address: &str| {
        let mut event =
            with_header("x-forwarded-for", "198.51.100.1", asking("GET", "/movies", event("http_api", "none")));
        event["requestContext"]["http"]["sourceIp"] = address.into();
        call(&function, &event)["statusCode"].clone()
    };
    assert_eq!([from("203.0.113.1"), from("203.0.113.1"), from("203.0.113.1")], [401, 401, 429]);
    assert_eq!(from("203.0.113.2"), 401, "a header that anybody may write is not looked at");
    let balanced = |claimed: &str| {
        let event = asking("GET", "/movies", event("load_balancer", "none"));
        let event = with_header("x-forwarded-for", &format!("{claimed}, 203.0.113.3"), event);
        call(&function, &event)["statusCode"].clone()
    };
    let forged = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(balanced);
    assert_eq!(forged, [401, 401, 429], "what stands before the balancer's word anybody may have written");
    assert!(function.log().contains(r#""client.address":"203.0.113.2""#), "{}", function.log());
}

#[test]
fn a_path_that_was_decoded_is_no_query_and_no_crash() {
    let function = with_a_film(&[]);
    for path in ["/movies/1?admin=true", "/movies/a b", "/movies/ü#x", "/%", "/movies/%zz\"<>"] {
        let answer = call(&function, &asking("GET", path, event("http_api", &curator())));
        assert_eq!((&answer["statusCode"], &body(&answer)["status"]), (&json!(404), &json!(404)), "{path}: {answer}");
    }
}

#[test]
fn the_largest_file_of_the_docs_fits_through_the_narrowest_gateway() {
    let function = function(&[]);
    let script = asking("GET", "/docs/assets/swagger-ui-bundle.js", event("load_balancer", "none"));
    let answer = call(&function, &script);
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(true)), "{answer}");
    assert_eq!(header(&answer, "content-encoding"), Some("gzip"));
}
