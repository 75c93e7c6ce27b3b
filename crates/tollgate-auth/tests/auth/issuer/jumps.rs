//! The calendar jumps by an hour or a day, forward and back: limits do not notice, and nothing comes to life again.

use super::{
    PASSWORD, World,
    clients::{SECRET, basic, world},
    revocation::{is_good, text},
    throttle::{EMAIL, WRONG, from},
};
use crate::token::jumps::jumps;
use axum::http::StatusCode;
use jiff::SignedDuration;
use std::time::Duration;

#[tokio::test]
async fn who_guesses_gains_nothing_from_a_calendar_that_jumps() {
    let world = World::new().await;
    let mut browser = world.browser();
    let mut judged = 0;
    for by in jumps().into_iter().cycle().take(24) {
        world.clock.jump(by);
        judged += usize::from(from(&mut browser, "192.0.2.1", EMAIL, WRONG).await.status == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(judged, 10);
    let refused = from(&mut browser, "192.0.2.1", EMAIL, PASSWORD).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "900"));
    world.clock.advance(Duration::from_mins(15));
    assert_eq!(from(&mut browser, "192.0.2.1", EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn wrong_secrets_of_a_client_are_counted_by_the_stopwatch() {
    let world = world().await;
    let form = [("grant_type", "client_credentials")];
    let header = basic("machine", "another secret of enough bytes ..");
    let mut refused_for = 0;
    for by in jumps().into_iter().cycle().take(160) {
        world.clock.jump(by);
        let answer = world.browser().post_as("/oauth/token", &form, Some(&header)).await;
        refused_for += usize::from(!answer.header("retry-after").is_empty());
    }
    assert!(refused_for > 0, "there is a limit");
    let answer = world.browser().post_as("/oauth/token", &form, Some(&basic("machine", SECRET))).await;
    assert_eq!(answer.status, StatusCode::OK, "who knows the secret is not in its way");
}

#[tokio::test]
async fn a_used_refresh_token_is_not_good_again_in_the_past_nor_a_code() {
    for back in [SignedDuration::from_hours(1), SignedDuration::from_hours(24)] {
        let world = World::new().await;
        let mut rea = world.rea().await;
        let first = rea.tokens("app", "").await;
        let code = rea.code("app", "").await;
        let second = rea.refresh("app", text(&first, "refresh_token")).await.json();
        world.clock.jump(-back);
        assert_eq!(rea.redeem("app", &code).await.error(), "invalid_grant");
        assert_eq!(rea.refresh("app", text(&first, "refresh_token")).await.error(), "invalid_grant");
        assert_eq!(
            rea.refresh("app", text(&second, "refresh_token")).await.error(),
            "invalid_grant",
            "stolen, perhaps"
        );
    }
}

/// What has ended is swept out once a minute: a minute passes on the runtime, whatever the calendar says.
#[tokio::test(start_paused = true)]
async fn what_was_revoked_is_not_forgotten_on_a_day_that_has_not_come() {
    let world = World::new().await;
    let mut rea = world.rea().await;
    let tokens = rea.tokens("web", "").await;
    let access = text(&tokens, "access_token");
    assert!(is_good(&world, access).await);
    rea.post("/oauth/revoke", &[("client_id", "web"), ("token", access)]).await;
    // More than clocks may differ.
    world.clock.advance(Duration::from_mins(10));
    for by in jumps() {
        world.clock.jump(by);
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert!(!is_good(&world, access).await);
        let later = world.restarted().await;
        assert!(!is_good(&later, access).await, "nor by who started in the meantime");
    }
}
