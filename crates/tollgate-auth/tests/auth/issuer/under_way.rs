//! What is under way while everything ends has ended as well: sign-ins, codes, tokens that were asked for before and are
//! there after.

use super::{
    Browser, PASSWORD, World, config,
    consent::{allowed, ask, redeem, third_parties},
    revocation::is_good,
    roles,
    second_factor::enrol,
};
use crate::token::world::clock;
use axum::http::StatusCode;
use std::{pin::Pin, sync::Arc};
use tollgate_access::{Actor, Identity, System};
use tollgate_auth::{AccountChange, IdentityConfig, UserError};
use tollgate_core::Change;
use tollgate_testing::{Faulty, Held};

const EMAIL: &str = "rea@example.test";

async fn world(config: IdentityConfig) -> (World, Arc<Faulty>) {
    let database = Arc::new(Faulty::default());
    let world = World::on(config, Arc::clone(&database) as _, clock()).await;
    let reader = ["reader".to_owned()];
    world.identity.create_user("Rea Oku", EMAIL, &PASSWORD.into(), &reader).await.unwrap();
    (world, database)
}

/// Does something that waits, in the middle of it, with an insert into a table; what happens meanwhile happens there.
async fn meanwhile<T: Send + 'static>(
    held: Arc<Held>,
    under_way: impl Future<Output = T> + Send + 'static,
    happens: impl Future<Output = ()>,
) -> T {
    let under_way = tokio::spawn(under_way);
    held.reached().await;
    happens.await;
    held.release();
    under_way.await.unwrap()
}

/// What ends everything that Rea was given, done from a browser of hers.
type End = for<'a> fn(&'a World, &'a mut Browser) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

const ENDS: [(&str, End); 4] = [
    ("another password", |_, rea| {
        Box::pin(async {
            let form = [("current", PASSWORD), ("new", "the lorry sleeps at noon")];
            assert_eq!(rea.post("/auth/password", &form).await.status, StatusCode::OK);
        })
    }),
    ("signed out everywhere", |world, _| Box::pin(world.end_sessions())),
    ("a second factor", |world, rea| Box::pin(async { drop(enrol(world, rea).await) })),
    ("kept out and let in again", |world, _| {
        Box::pin(async {
            let (may, user) = (System::because("a test").may(), world.user(EMAIL).await.user_id);
            for disabled in [true, false] {
                let change = AccountChange { disabled: Change::Set(disabled), ..AccountChange::default() };
                world.identity.accounts().change(&may, user, change).await.unwrap();
            }
        })
    }),
];

#[tokio::test]
async fn a_sign_in_that_was_checked_before_everything_ended_is_none() {
    for (why, end) in ENDS {
        let (world, database) = world(config()).await;
        let (mut rea, mut thief) = (world.rea().await, world.browser());
        let mut late = thief.clone();
        let held = database.hold("auth_sessions");
        let sign_in = async move { late.sign_in(EMAIL, PASSWORD).await };
        let answer = meanwhile(held, sign_in, end(&world, &mut rea)).await;
        for set in answer.headers.get_all("set-cookie") {
            thief.keep(set.to_str().unwrap().split(';').next().unwrap());
        }
        assert_eq!(thief.get("/api/me").await.status, StatusCode::UNAUTHORIZED, "{why}: {answer:?}");
        let listed = world.identity.accounts().sessions(world.user(EMAIL).await.user_id).await.unwrap();
        assert!(listed.len() <= 1, "{why}: only the one that asked is left: {listed:?}");
    }
}

#[tokio::test]
async fn a_code_that_was_asked_for_before_everything_ended_gives_nothing() {
    let sign_out: (&str, End) =
        ("signed out here", |_, rea| Box::pin(async { drop(rea.post("/auth/logout", &[]).await) }));
    for (why, end) in ENDS.into_iter().chain([sign_out]) {
        let (world, database) = world(config()).await;
        let mut rea = world.rea().await;
        let mut asks = rea.clone();
        let held = database.hold("auth_codes");
        let asked = async move { asks.get(&super::authorize(&[("client_id", "web")])).await };
        let answer = meanwhile(held, asked, end(&world, &mut rea)).await;
        let code = answer.location_parameter("code").unwrap();
        assert_eq!(world.browser().redeem("web", &code).await.error(), "invalid_grant", "{why}");
    }
}

/// The code was looked at, and its refresh token is about to be written down.
#[tokio::test]
async fn tokens_that_were_asked_for_before_everything_ended_are_good_for_nothing() {
    let sign_out: (&str, End) =
        ("signed out here", |_, rea| Box::pin(async { drop(rea.post("/auth/logout", &[]).await) }));
    for (why, end) in ENDS.into_iter().chain([sign_out]) {
        let (world, database) = world(config()).await;
        let mut rea = world.rea().await;
        let (code, mut app) = (rea.code("app", "").await, world.browser());
        let held = database.hold("auth_refreshes");
        let redeemed = async move { app.redeem("app", &code).await };
        let answer = meanwhile(held, redeemed, end(&world, &mut rea)).await;
        if answer.status == StatusCode::OK {
            let tokens = answer.json();
            assert!(!is_good(&world, tokens["access_token"].as_str().unwrap()).await, "{why}");
            let refreshed = world.browser().refresh("app", tokens["refresh_token"].as_str().unwrap()).await;
            assert_eq!(refreshed.error(), "invalid_grant", "{why}");
        }
    }
}

#[tokio::test]
async fn what_is_asked_for_under_what_was_just_withdrawn_is_good_for_nothing() {
    let (world, database) = world(third_parties()).await;
    let mut rea = world.rea().await;
    let scope = "read:movies offline_access";
    allowed(&mut rea, scope).await;
    let code = rea.get(&ask(scope, &[])).await.location_parameter("code").unwrap();
    let held = database.hold("auth_refreshes");
    let mut app = world.browser();
    let redeemed = async move { redeem(&mut app, &code).await };
    let withdraw = async { drop(rea.post("/auth/apps", &[("client", "recorder")]).await) };
    let tokens = meanwhile(held, redeemed, withdraw).await.json();
    assert!(!is_good(&world, tokens["access_token"].as_str().unwrap()).await);
    let refreshed = world.browser().refresh("recorder", tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.error(), "invalid_grant");
}

#[tokio::test]
async fn a_token_that_was_made_from_the_roles_before_does_not_outlive_them() {
    let (world, database) = world(config()).await;
    world.change(EMAIL, roles("reader curator")).await;
    let mut rea = world.rea().await;
    let (code, mut app) = (rea.code("app", "").await, world.browser());
    let held = database.hold("auth_refreshes");
    let redeemed = async move { app.redeem("app", &code).await };
    let demoted = async {
        let change = AccountChange { roles: Change::Set(vec!["reader".into()]), ..AccountChange::default() };
        let user = world.user(EMAIL).await.user_id;
        world.identity.accounts().change(&System::because("a test").may(), user, change).await.unwrap();
    };
    let tokens = meanwhile(held, redeemed, demoted).await.json();
    assert!(tokens["scope"].as_str().unwrap().contains("create:movies"), "{tokens}");
    assert!(!is_good(&world, tokens["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn who_can_do_more_by_now_is_out_of_reach_by_now() {
    let (world, database) = world(config()).await;
    let user = world.user(EMAIL).await.user_id;
    let helpdesk = Actor::from(Identity::new("eve").granted(["update:users", "delete:users", "read:movies"]));
    let (update, delete, accounts) = (helpdesk.may().unwrap(), helpdesk.may().unwrap(), world.identity.accounts());
    let renamed = AccountChange { name: Change::Set("R".into()), ..AccountChange::default() };
    let others = accounts.clone();
    let changed = async move { others.change(&update, user, renamed).await.map(drop) };
    let removed = async move { accounts.remove(&delete, user).await };
    let promoted = async || world.change(EMAIL, roles("curator")).await;

    let outcome = meanwhile(database.hold_transaction(), changed, promoted()).await;
    assert!(matches!(outcome, Err(UserError::Beyond(_))), "{outcome:?}");
    world.change(EMAIL, roles("reader")).await;
    let outcome = meanwhile(database.hold_transaction(), removed, promoted()).await;
    assert!(matches!(outcome, Err(UserError::Beyond(_))), "{outcome:?}");
}
