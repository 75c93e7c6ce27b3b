//! A client asks for a code: who gets one, and where is nobody ever sent?

use super::{CALLBACK, ISSUER, PASSWORD, World, authorize, claims, consent::press};
use axum::http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_person_who_signs_in_is_sent_back_with_a_code_that_becomes_tokens() {
    let world = World::new().await;
    let mut browser = world.browser();
    let asked = authorize(&[("scope", "openid profile email read:movies"), ("nonce", "n-1")]);
    let answer = browser.get(&asked).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let page = browser.get(answer.location()).await;
    assert!(page.body.contains("<h1>Sign in</h1>"), "{}", page.body);
    let return_to = answer.location_parameter("return_to").unwrap();
    let form = [("email", "rea@example.test"), ("password", PASSWORD), ("return_to", &return_to)];
    let answer = browser.post("/auth/login", &form).await;
    let answer = browser.get(answer.location()).await;
    assert!(answer.location().starts_with(&format!("{CALLBACK}?code=")), "{answer:?}");
    assert_eq!(answer.location_parameter("state").unwrap(), "a state & more");
    assert_eq!(answer.location_parameter("iss").unwrap(), ISSUER);
    assert_eq!(answer.header("cache-control"), "no-store");

    let answer = browser.redeem("web", &answer.location_parameter("code").unwrap()).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"), "{}", answer.body);
    let tokens = answer.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(tokens["scope"], "openid profile email read:movies");
    assert_eq!(tokens.get("refresh_token"), None);
    let access = tokens["access_token"].as_str().unwrap();
    let verified = world.identity.gate().check(access.as_bytes()).await.unwrap();
    assert_eq!(verified.subject(), world.user("rea@example.test").await.user_id.to_string());
    let (access, id) = (claims(access), claims(tokens["id_token"].as_str().unwrap()));
    assert_eq!(
        (&access["aud"], &access["client_id"], &access["scope"]),
        (&json!("api"), &json!("web"), &tokens["scope"])
    );
    assert_eq!((&id["aud"], &id["nonce"], &id["sub"]), (&json!("web"), &json!("n-1"), &access["sub"]));
    assert_eq!((&id["amr"], &id["at_hash"].is_string()), (&json!(["pwd"]), &true));
    assert_eq!((&id["name"], &id["email"]), (&json!("Rea Oku"), &json!("rea@example.test")));
}

/// jsonwebtoken, given nothing but the published keys.
fn decode(token: &str, keys: &Value, audience: &str) -> Value {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let jwk = serde_json::from_value(keys["keys"][0].clone()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.validate_exp = false;
    validation.set_audience(&[audience]);
    validation.set_issuer(&[ISSUER]);
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    jsonwebtoken::decode(token, &key, &validation).unwrap().claims
}

#[tokio::test]
async fn the_usual_library_accepts_both_tokens_and_our_gate_only_the_one_for_the_api() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let world = World::new().await;
    let mut rea = world.rea().await;
    let keys = rea.get("/oauth/jwks").await.json();
    let tokens = rea.tokens("web", "openid").await;
    let (access, id) = (tokens["access_token"].as_str().unwrap(), tokens["id_token"].as_str().unwrap());
    assert_eq!(decode(access, &keys, "api"), claims(access));
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access.as_bytes());
    assert_eq!(decode(id, &keys, "web")["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
    assert!(claims(id).get("email").is_none(), "nobody asked for it");
    assert!(world.identity.gate().check(access.as_bytes()).await.is_ok());
    assert!(world.identity.gate().check(id.as_bytes()).await.is_err());
}

/// Of section 2: the header, and every claim that it requires; `scope`, `name`, `email` and `roles` are those of 2.2.
#[tokio::test]
async fn access_tokens_are_those_of_rfc_9068() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let world = World::new().await;
    let tokens = world.rea().await.tokens("web", "openid read:movies").await;
    let access = tokens["access_token"].as_str().unwrap();
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(access.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("RS256")));
    let said = claims(access);
    let names: Vec<_> = said.as_object().unwrap().keys().collect();
    let known = ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope", "name", "email", "roles"];
    assert_eq!(names, [&known[..], &["given_under", "user_version", "auth_time"]].concat());
    assert_eq!((&said["iss"], &said["aud"], &said["client_id"]), (&json!(ISSUER), &json!("api"), &json!("web")));
    assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 3600);
    assert_eq!(said["auth_time"], said["iat"], "who signed in at that moment");
    let other = world.rea().await.tokens("web", "openid").await;
    assert_ne!(claims(other["access_token"].as_str().unwrap())["jti"], said["jti"]);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered_to_the_byte() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    for other in [
        "",
        "https://client.example/callback/",
        "https://client.example/callback?",
        "https://client.example/callback?x=1",
        "https://client.example/callback#",
        "https://client.example/callback#x",
        "https://client.example/Callback",
        "https://client.example/callbac",
        "https://client.example/callback/../evil",
        "https://client.example/./callback",
        "https://client.example//callback",
        "https://client.example/%63allback",
        "https://client.example/callback%00",
        "https://client.example/callback ",
        " https://client.example/callback",
        "https://client.example:443/callback",
        "https://CLIENT.example/callback",
        "HTTPS://client.example/callback",
        "http://client.example/callback",
        "https://client.example./callback",
        "https://user@client.example/callback",
        "https://client.example@evil.example/callback",
        "https://evil.example/callback",
        "https://evil.example\\@client.example/callback",
        "https://client.example.evil.example/callback",
        "https://client.example/callback\\",
        "https://client.example/callback\r\nLocation: https://evil.example",
        "//client.example/callback",
        "/callback",
        "javascript:alert(1)//https://client.example/callback",
        "com.example.app:/back?from=issuer",
        "https:client.example/callback",
        "https:/client.example/callback",
        "https:///client.example/callback",
        "https://client.example/callback/..;/evil",
        "https://client.example/callback%2f..%2fevil",
        "https://client.example%2f@evil.example/callback",
        "https://client.example%23.evil.example/callback",
        "https://client\u{3002}example/callback",
        "https://[::1]/callback",
        "data:text/html,https://client.example/callback",
        "*",
    ] {
        let answer = rea.get(&authorize(&[("redirect_uri", other)])).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{other:?}");
    }
    for client in ["", "WEB", "web ", "app", "unknown"] {
        let answer = rea.get(&authorize(&[("client_id", client)])).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{client:?}");
    }
    assert!(rea.get(&authorize(&[])).await.location().starts_with(CALLBACK));
}

#[tokio::test]
async fn a_parameter_that_comes_twice_is_refused_before_anybody_is_sent_anywhere() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    for twice in ["&client_id=web", "&redirect_uri=https%3A%2F%2Fevil.example", "&state=other", "&scope=a&scope=b"] {
        let answer = rea.get(&(authorize(&[]) + twice)).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{twice}");
    }
}

#[tokio::test]
async fn more_parameters_than_any_request_has_are_refused() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let parameters = |count: usize| (0..count).fold(String::new(), |all, number| format!("{all}&p{number}="));
    assert!(rea.get(&(authorize(&[]) + &parameters(40))).await.location().starts_with(CALLBACK));
    let answer = rea.get(&(authorize(&[]) + &parameters(64))).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_its_client_is_told_with_state_and_issuer() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let long = "n".repeat(513);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "s256")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=")], "invalid_request"),
        (&[("response_type", "")], "unsupported_response_type"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("nonce", "a\0b")], "invalid_request"),
        (&[("nonce", &long)], "invalid_request"),
        (&[("request", "ey…")], "request_not_supported"),
        (&[("request_uri", "https://client.example/request")], "request_uri_not_supported"),
    ];
    for (changes, error) in cases {
        let answer = rea.get(&authorize(changes)).await;
        assert_eq!((answer.status, answer.error()), (StatusCode::SEE_OTHER, (*error).to_owned()), "{changes:?}");
        assert!(answer.location().starts_with(&format!("{CALLBACK}?error=")), "{changes:?}");
        assert_eq!(answer.location_parameter("state").unwrap(), "a state & more");
        assert_eq!(answer.location_parameter("iss").unwrap(), ISSUER);
        assert_eq!(answer.location_parameter("code"), None);
    }
    let answer = rea.get(&authorize(&[("state", "")])).await;
    assert_eq!(answer.location_parameter("state"), None, "no state was sent, so none comes back");
}

#[tokio::test]
async fn a_client_may_ask_that_nobody_is_asked_or_that_somebody_is_asked_again() {
    let world = World::new().await;
    let (mut stranger, mut rea) = (world.browser(), world.rea().await);
    assert_eq!(stranger.get(&authorize(&[("prompt", "none")])).await.error(), "login_required");
    assert!(rea.get(&authorize(&[("prompt", "none")])).await.location_parameter("code").is_some());
    let answer = rea.get(&authorize(&[("prompt", "login")])).await;
    assert!(answer.location().starts_with("/auth/login?"), "{answer:?}");
    let again = answer.location_parameter("return_to").unwrap();
    assert!(rea.get(&again).await.location_parameter("code").is_some(), "and then asks no more: {again}");
}

#[tokio::test]
async fn a_client_that_says_whom_it_means_gets_nobody_elses_code() {
    let world = World::new().await;
    world.identity.create_user("Bo", "bo@example.test", &PASSWORD.into(), &[]).await.unwrap();
    let (mut rea, mut bo) = (world.rea().await, world.browser());
    bo.sign_in("bo@example.test", PASSWORD).await;
    let tokens = rea.tokens("web", "openid").await;
    let hint = tokens["id_token"].as_str().unwrap();
    let forged = format!("{}AAAA", &hint[..hint.len() - 4]);
    let ask = |hint: &str| authorize(&[("id_token_hint", hint), ("prompt", "none")]);
    assert!(rea.get(&ask(hint)).await.location_parameter("code").is_some());
    for (browser, hint) in [(&bo, hint), (&rea, &forged), (&bo, "x")] {
        assert_eq!(browser.clone().get(&ask(hint)).await.error(), "login_required", "{hint}");
    }
    let answer = bo.get(&authorize(&[("id_token_hint", hint)])).await;
    assert!(answer.location().starts_with("/auth/login?"), "{answer:?}");
    let again = answer.location_parameter("return_to").unwrap();
    assert!(bo.get(&again).await.location_parameter("code").is_some(), "who signs in nevertheless is not asked again");
}

#[tokio::test]
async fn a_code_may_be_asked_for_by_a_form() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let query = authorize(&[("scope", "openid")]);
    let form: Vec<_> = form_urlencoded::parse(query.split_once('?').unwrap().1.as_bytes()).collect();
    let form: Vec<_> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
    rea.origin = Some("https://client.example".into());
    let answer = rea.post("/oauth/authorize", &form).await;
    let code = answer.location_parameter("code").unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(rea.redeem("web", &code).await.status, StatusCode::OK);
    let answer = world.browser().post("/oauth/authorize", &form).await;
    let again = answer.location_parameter("return_to").unwrap();
    assert_eq!((answer.status, &*again), (StatusCode::SEE_OTHER, &*query), "{answer:?}");
}

#[tokio::test]
async fn who_signed_in_too_long_ago_signs_in_again() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    world.clock.advance(std::time::Duration::from_secs(59));
    assert!(rea.get(&authorize(&[("max_age", "60")])).await.location_parameter("code").is_some());
    world.clock.advance(std::time::Duration::from_secs(1));
    for age in ["60", "0"] {
        let silent = rea.get(&authorize(&[("max_age", age), ("prompt", "none")])).await;
        assert_eq!(silent.error(), "login_required");
        let answer =
            rea.get(&authorize(&[("max_age", age), ("prompt", "consent login"), ("login_hint", "a@b.c")])).await;
        let page = rea.get(answer.location()).await;
        assert!(page.body.contains("value=\"a@b.c\""), "the page knows whom the client expects: {}", page.body);
        let again = answer.location_parameter("return_to").unwrap();
        assert!(again.contains("&prompt=consent") && !again.contains("max_age"), "{again}");
    }
}

#[tokio::test]
async fn a_prompt_that_says_two_things_or_nothing_known_is_refused() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    for (name, bad) in
        [("prompt", "none login"), ("prompt", "None"), ("prompt", "create"), ("max_age", "-1"), ("max_age", "1h")]
    {
        assert_eq!(rea.get(&authorize(&[(name, bad)])).await.error(), "invalid_request", "{name}={bad}");
    }
    let answer = rea.get(&authorize(&[("prompt", "select_account")])).await;
    assert!(answer.location().starts_with("/auth/login?"), "{answer:?}");
}

#[tokio::test]
async fn an_address_with_a_query_keeps_it() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let page =
        rea.get(&authorize(&[("client_id", "app"), ("redirect_uri", "com.example.app:/back?from=issuer")])).await;
    let answer = press(&mut rea, &page, "allow").await;
    assert!(answer.location().starts_with("com.example.app:/back?from=issuer&code="), "{answer:?}");
}

#[tokio::test]
async fn a_token_grants_what_was_asked_for_and_the_user_has() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    for (asked, granted) in [
        ("read:movies", "read:movies"),
        ("read:movies delete:movies * nonsense", "read:movies"),
        ("create:movies", ""),
        ("", "read:movies read:news"),
        ("openid", "openid read:movies read:news"),
    ] {
        assert_eq!(rea.tokens("web", asked).await["scope"], granted, "{asked:?}");
    }
}

#[tokio::test]
async fn the_docs_page_is_a_client_under_both_names_of_this_machine() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    for origin in ["http://127.0.0.1:8000", "http://localhost:8000"] {
        let callback = format!("{origin}/docs/assets/oauth2-redirect.html");
        let answer = rea.get(&authorize(&[("client_id", "docs"), ("redirect_uri", &callback)])).await;
        assert!(answer.location().starts_with(&callback), "{answer:?}");
    }
}
