//! The database fails half way: what was to end ends whole, or not at all, and then at the second try.

use super::{
    Answer, Browser, PASSWORD, World,
    accounts::events,
    consent::{allowed, third_parties},
    revocation::{ends_on, is_good},
};
use crate::token::world::clock;
use axum::http::StatusCode;
use serde_json::Value;
use std::{pin::Pin, sync::Arc};
use tollgate_access::System;
use tollgate_auth::{AccountChange, UserError};
use tollgate_core::Change;
use tollgate_testing::{Failed, Fault, Faulty};
use uuid::Uuid;

const NEW: &str = "the lorry sleeps at noon";

/// Somebody with a browser, and what clients were given for them.
struct Victim {
    user: Uuid,
    browser: Browser,
    elsewhere: Browser,
    link: String,
    ours: Value,
    theirs: Value,
    codes: Vec<String>,
}

/// All that is left to them at first, by name.
const ALL: &[&str] = &["session", "session elsewhere", "ours", "refresh", "theirs", "code", "link"];

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

impl Victim {
    async fn new(world: &World, name: usize) -> Self {
        let email = format!("v{name}@example.test");
        let user = world.identity.create_user("V", &email, &PASSWORD.into(), &["reader".to_owned()]).await.unwrap();
        let (mut browser, mut elsewhere) = (world.browser(), world.browser());
        browser.sign_in(&email, PASSWORD).await;
        elsewhere.sign_in(&email, PASSWORD).await;
        let may = System::because("a test asks").may();
        let link = world.identity.accounts().reset_link(&may, user.user_id).await.unwrap();
        let link = link.split_once("link=").unwrap().1.to_owned();
        let (ours, theirs) = (browser.tokens("app", "").await, allowed(&mut browser, "read:movies").await);
        let codes = vec![browser.code("web", "").await, browser.code("web", "").await];
        Self { user: user.user_id, browser, elsewhere, link, ours, theirs, codes }
    }

    /// Of a commit whose answer was lost this instance learns as all others do, within a second.
    async fn heard_of(&self, world: &World, rest: &[&str]) {
        for (name, tokens) in [("ours", &self.ours), ("theirs", &self.theirs)] {
            if !rest.contains(&name) {
                ends_on(world, access(tokens)).await;
            }
        }
    }

    /// How often something that was done to them was recorded.
    async fn recorded(&self, world: &World, action: &str) -> usize {
        let id = Some(self.user.to_string());
        events(world).await.iter().filter(|event| event.action == action && event.row_id == id).count()
    }

    /// What is left; of what is good only once, one is used.
    async fn left(&mut self, world: &World) -> Vec<&'static str> {
        let mut anyone = world.browser();
        let (code, refresh) = (self.codes.pop().unwrap(), self.ours["refresh_token"].as_str().unwrap());
        let answers = [
            self.browser.get("/api/me").await.status == StatusCode::OK,
            self.elsewhere.get("/api/me").await.status == StatusCode::OK,
            is_good(world, access(&self.ours)).await,
            anyone.refresh("app", refresh).await.status == StatusCode::OK,
            is_good(world, access(&self.theirs)).await,
            anyone.redeem("web", &code).await.status == StatusCode::OK,
            anyone.get(&format!("/auth/reset?link={}", self.link)).await.status == StatusCode::OK,
        ];
        ALL.iter().zip(answers).filter(|(_, is_left)| *is_left).map(|(name, _)| *name).collect()
    }
}

/// Something that ends things; whether it said that it was done.
type Act = for<'a> fn(&'a World, &'a mut Victim) -> Pin<Box<dyn Future<Output = bool> + 'a>>;

async fn change(world: &World, user: Uuid, change: AccountChange) -> Result<(), UserError> {
    world.identity.accounts().change(&System::because("a test").may(), user, change).await.map(drop)
}

fn is_done(answer: &Answer) -> bool {
    answer.status.is_success() || answer.status.is_redirection()
}

/// What is done, as what it is recorded, and what it leaves to whom it is done.
const ACTS: [(&str, &str, Act, &[&str]); 7] = [
    (
        "disable",
        "disable",
        |world, victim| {
            let off = AccountChange { disabled: Change::Set(true), ..AccountChange::default() };
            Box::pin(async { change(world, victim.user, off).await.is_ok() })
        },
        &[],
    ),
    (
        "remove",
        "delete",
        |world, victim| {
            Box::pin(async {
                let removed = world.identity.accounts().remove(&System::because("a test").may(), victim.user).await;
                matches!(removed, Ok(()) | Err(UserError::NotFound))
            })
        },
        &[],
    ),
    (
        "sign out everywhere",
        "end_sessions",
        |world, victim| {
            Box::pin(async {
                let may = System::because("a test").may();
                world.identity.accounts().end_sessions(&may, victim.user).await.is_ok()
            })
        },
        &[],
    ),
    (
        "another password",
        "change_password",
        |_, victim| {
            Box::pin(async {
                let answer = victim.browser.post("/auth/password", &[("current", PASSWORD), ("new", NEW)]).await;
                // The answer was lost, and the password is another one by now.
                is_done(&answer) || answer.status == StatusCode::UNPROCESSABLE_ENTITY
            })
        },
        &["session"],
    ),
    (
        "a link",
        "reset_password",
        |world, victim| {
            Box::pin(async {
                let answer = world.browser().post("/auth/reset", &[("link", &victim.link), ("new", NEW)]).await;
                is_done(&answer) || answer.status == StatusCode::NOT_FOUND
            })
        },
        &[],
    ),
    (
        "sign out",
        "sign_out",
        |_, victim| Box::pin(async { is_done(&victim.browser.post("/auth/logout", &[]).await) }),
        &["session elsewhere", "theirs", "link"],
    ),
    (
        "withdraw",
        "withdraw_client",
        |_, victim| Box::pin(async { is_done(&victim.browser.post("/auth/apps", &[("client", "recorder")]).await) }),
        &["session", "session elsewhere", "ours", "refresh", "code", "link"],
    ),
];

/// Who gives up after a failure has lost nothing, or everything; who tries again has ended all of it.
#[tokio::test]
async fn whatever_write_fails_nothing_ends_by_half_and_all_with_the_second_try() {
    let database = Arc::new(Faulty::default());
    let world = World::on(third_parties(), Arc::clone(&database) as _, clock()).await;
    let mut number = 0;
    for (what, action, act, rest) in ACTS {
        for how in [Fault::Refused, Fault::AnswerLost] {
            for nth in 1.. {
                let (name, mut victim) = (format!("{what}, {how:?} {nth}"), Victim::new(&world, number).await);
                number += 1;
                database.fail(nth, how);
                let said_done = act(&world, &mut victim).await;
                let Some(failed) = database.mend() else {
                    assert!(said_done && nth > 2, "{name}: so few writes");
                    break;
                };
                assert!(!said_done, "{name}: a failure was kept back");
                if (failed, how) == (Failed::Commit, Fault::AnswerLost) {
                    victim.heard_of(&world, rest).await;
                }
                let left = victim.left(&world).await;
                assert!(left == ALL || left == rest, "{name}: {left:?}");
                let is_done = left == rest;
                assert_eq!(victim.recorded(&world, action).await, usize::from(is_done), "{name}: what is recorded");
                assert!(act(&world, &mut victim).await, "{name}: the second try");
                assert_eq!(victim.left(&world).await, rest, "{name}");
                assert!(victim.recorded(&world, action).await >= 1, "{name}: what is recorded at last");
            }
        }
    }
}

#[tokio::test]
async fn an_outage_is_not_a_link_that_has_expired() {
    let database = Arc::new(Faulty::default());
    let world = World::on(third_parties(), Arc::clone(&database) as _, clock()).await;
    let victim = Victim::new(&world, 0).await;
    let path = format!("/auth/reset?link={}", victim.link);
    database.unreadable(true);
    assert_eq!(world.browser().get(&path).await.status, StatusCode::SERVICE_UNAVAILABLE);
    database.unreadable(false);
    assert_eq!(world.browser().get(&path).await.status, StatusCode::OK);
}
