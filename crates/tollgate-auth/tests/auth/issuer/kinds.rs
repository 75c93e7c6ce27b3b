//! What was given for one thing is good for nothing else: every kind of secret at every door.

use super::{
    Browser, CALLBACK, VERIFIER, World, authorize,
    clients::{SECRET, basic, world},
    revocation::text,
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use tollgate_access::System;

/// A place where something of ours is shown. Looking at a refresh token comes before using it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Api,
    Userinfo,
    Introspection,
    Refresh,
    Code,
    Hint,
    Session,
    ResetLink,
}

const DOORS: [Door; 8] = [
    Door::Api,
    Door::Userinfo,
    Door::Introspection,
    Door::Refresh,
    Door::Code,
    Door::Hint,
    Door::Session,
    Door::ResetLink,
];

async fn bearer(world: &World, path: &str, token: &str) -> bool {
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    world.browser().send(request.body(Body::empty()).unwrap()).await.status == StatusCode::OK
}

async fn redeem(world: &World, form: &[(&str, &str)]) -> (bool, serde_json::Value) {
    let answer = world.browser().post_as("/oauth/token", form, Some(&basic("server", SECRET))).await;
    (answer.status == StatusCode::OK, answer.json())
}

fn redemption(code: &str) -> [(&str, &str); 4] {
    let more = [("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    [("grant_type", "authorization_code"), ("code", code), more[0], more[1]]
}

fn asked(more: &[(&str, &str)]) -> String {
    authorize(&[&[("client_id", "server"), ("scope", "openid offline_access")], more].concat())
}

impl Door {
    /// Whether that lets anybody in.
    async fn opens(self, world: &World, rea: &Browser, shown: &str) -> bool {
        match self {
            Self::Api => bearer(world, "/api/me", shown).await,
            Self::Userinfo => bearer(world, "/oauth/userinfo", shown).await,
            Self::Introspection => {
                let header = basic("server", SECRET);
                let form = [("token", shown)];
                world.browser().post_as("/oauth/introspect", &form, Some(&header)).await.json()["active"] == true
            }
            Self::Refresh => redeem(world, &[("grant_type", "refresh_token"), ("refresh_token", shown)]).await.0,
            Self::Code => redeem(world, &redemption(shown)).await.0,
            Self::Hint => {
                let answer = rea.clone().get(&asked(&[("prompt", "none"), ("id_token_hint", shown)])).await;
                answer.location_parameter("code").is_some()
            }
            Self::Session => {
                let mut browser = world.browser();
                browser.cookie = Some(format!("session={shown}"));
                browser.get("/api/me").await.status == StatusCode::OK
            }
            Self::ResetLink => world.browser().get(&format!("/auth/reset?link={shown}")).await.status == StatusCode::OK,
        }
    }
}

#[tokio::test]
async fn whatever_is_given_opens_its_own_doors_and_no_others() {
    let world = world().await;
    let mut rea = world.rea().await;
    let code = rea.get(&asked(&[])).await.location_parameter("code").unwrap();
    let (_, tokens) = redeem(&world, &redemption(&code)).await;
    let code = rea.get(&asked(&[])).await.location_parameter("code").unwrap();
    let user = world.user("rea@example.test").await.user_id;
    let link = world.identity.accounts().reset_link(&System::because("a test asks").may(), user).await.unwrap();
    let cookies = rea.cookie.clone().unwrap();
    let session = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session=")).unwrap();
    for (kind, shown, doors) in [
        ("an access token", text(&tokens, "access_token"), &[Door::Api, Door::Userinfo, Door::Introspection][..]),
        ("an ID token", text(&tokens, "id_token"), &[Door::Hint]),
        ("a refresh token", text(&tokens, "refresh_token"), &[Door::Introspection, Door::Refresh]),
        ("a code", &code, &[Door::Code]),
        ("a session", session, &[Door::Session]),
        ("a link", link.split_once("link=").unwrap().1, &[Door::ResetLink]),
    ] {
        for door in DOORS {
            assert_eq!(door.opens(&world, &rea, shown).await, doors.contains(&door), "{kind} at {door:?}");
        }
    }
}
