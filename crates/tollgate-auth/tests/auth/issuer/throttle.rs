//! Guessing: how often, from where, and who is not in its way.

use super::{Answer, Browser, PASSWORD, World, accounts::recorded, config};
use axum::http::{Request, StatusCode, header};
use std::time::Duration;
use tollgate_auth::{IdentityConfig, UserPatch};
use tollgate_core::Change;
use tollgate_http::ClientAddress;

pub(super) const EMAIL: &str = "rea@example.test";
pub(super) const WRONG: &str = "another password altogether";

/// A sign-in from an address.
pub(super) async fn from(browser: &mut Browser, address: &str, email: &str, password: &str) -> Answer {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("email", email), ("password", password)])
        .finish();
    let mut request = Request::post("/auth/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, super::ISSUER)
        .body(form.into())
        .unwrap();
    request.extensions_mut().insert(ClientAddress(address.parse().unwrap()));
    browser.send(request).await
}

async fn guess(world: &World, address: &str, email: &str) -> StatusCode {
    from(&mut world.browser(), address, email, WRONG).await.status
}

#[tokio::test]
async fn the_eleventh_guess_from_an_address_is_not_made_until_time_has_passed() {
    let world = World::new().await;
    let mut browser = world.browser();
    for tried in 1..=10 {
        let answer = from(&mut browser, "192.0.2.1", EMAIL, WRONG).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{tried}");
        let announced = answer.body.contains("wait 15 minutes") || answer.body.contains("last try");
        assert_eq!(announced, tried >= 6, "{tried}: {}", answer.body);
    }
    let refused = from(&mut browser, "192.0.2.1", EMAIL, PASSWORD).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "900"));
    assert!(refused.body.contains("Too many tries. Wait 15 minutes"), "{}", refused.body);
    world.clock.advance(Duration::from_mins(15));
    assert_eq!(from(&mut browser, "192.0.2.1", EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn parallel_guesses_do_not_beat_the_counter() {
    let world = World::new().await;
    let tries: Vec<_> = (0..60)
        .map(|_| {
            let mut browser = world.browser();
            tokio::spawn(async move { from(&mut browser, "192.0.2.1", EMAIL, WRONG).await.status })
        })
        .collect();
    let mut judged = 0;
    for answer in tries {
        judged += usize::from(answer.await.unwrap() == StatusCode::UNAUTHORIZED);
    }
    assert!(judged <= 10, "{judged} passwords were looked at");
    assert_eq!(guess(&world, "192.0.2.1", EMAIL).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn who_is_elsewhere_is_not_locked_out_by_others_who_guess() {
    let world = World::new().await;
    let mut known = world.browser();
    assert_eq!(from(&mut known, "198.51.100.7", EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);
    for _ in 0..11 {
        guess(&world, "192.0.2.1", EMAIL).await;
    }
    assert_eq!(guess(&world, "192.0.2.1", EMAIL).await, StatusCode::TOO_MANY_REQUESTS);
    let mut elsewhere = world.browser();
    assert_eq!(from(&mut elsewhere, "203.0.113.9", EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);

    // From a hundred addresses: browsers that nobody knows have to wait, the owner's own does not.
    for host in 1..=12 {
        for _ in 0..10 {
            guess(&world, &format!("192.0.2.{}", 100 + host), EMAIL).await;
        }
    }
    let mut stranger = world.browser();
    let refused = from(&mut stranger, "203.0.113.77", EMAIL, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from(&mut known, "192.0.2.101", EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);
    for _ in 0..10 {
        assert_eq!(from(&mut known, "198.51.100.7", EMAIL, WRONG).await.status, StatusCode::UNAUTHORIZED);
    }
    let stolen = from(&mut known, "198.51.100.8", EMAIL, WRONG).await;
    assert_eq!(stolen.status, StatusCode::TOO_MANY_REQUESTS, "a stolen mark has ten tries, wherever it is");
}

/// Whether that browser has tries of its own: from an address with which others have used theirs up.
async fn is_known(world: &World, browser: &Browser, address: &str) -> bool {
    for _ in 0..10 {
        guess(world, address, EMAIL).await;
    }
    assert_eq!(guess(world, address, EMAIL).await, StatusCode::TOO_MANY_REQUESTS);
    from(&mut browser.clone(), address, EMAIL, WRONG).await.status == StatusCode::UNAUTHORIZED
}

#[tokio::test]
async fn a_browser_is_known_for_a_year_and_until_the_password_changes() {
    let world = World::new().await;
    let known = world.rea().await;
    assert!(is_known(&world, &known, "192.0.2.1").await);
    world.clock.advance(Duration::from_hours(365 * 24) - Duration::from_secs(1));
    assert!(is_known(&world, &known, "192.0.2.2").await);
    world.clock.advance(Duration::from_secs(1));
    assert!(!is_known(&world, &known, "192.0.2.3").await);

    let mut rea = world.rea().await;
    assert!(is_known(&world, &rea, "192.0.2.4").await);
    rea.post("/auth/password", &[("current", PASSWORD), ("new", "the lorry sleeps at noon")]).await;
    assert!(!is_known(&world, &rea, "192.0.2.5").await, "who knew only the old one has no marks any more");
}

#[tokio::test]
async fn a_browser_is_known_from_the_first_sign_in_also_where_that_replaced_an_old_hash() {
    let world = World::new().await;
    let password_hash = Change::Set(bcrypt::hash(PASSWORD, 4).unwrap());
    world.change(EMAIL, UserPatch { password_hash, ..UserPatch::default() }).await;
    let first = world.rea().await;
    assert!(is_known(&world, &first, "192.0.2.1").await);
}

#[tokio::test]
async fn the_last_guess_that_is_looked_at_is_recorded_as_that() {
    let world = World::new().await;
    let before = recorded(&world).await.len();
    for _ in 0..12 {
        guess(&world, "192.0.2.1", EMAIL).await;
    }
    let said: Vec<_> = recorded(&world).await.split_off(before).into_iter().filter_map(|(.., said)| said).collect();
    let mut expected = vec!["wrong password"; 9];
    expected.push("wrong password: no more are looked at for now");
    assert_eq!(said, expected);
}

#[tokio::test]
async fn many_known_browsers_have_a_hundred_tries_together() {
    let world = World::new().await;
    let mut judged = 0;
    for _ in 0..11 {
        let mut known = world.rea().await;
        for _ in 0..10 {
            judged += usize::from(known.sign_in(EMAIL, WRONG).await.status == StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!(judged, 100);
}

#[tokio::test]
async fn one_address_does_not_go_through_all_accounts() {
    let world = World::new().await;
    let mut judged = 0;
    for account in 0..110 {
        let status = guess(&world, "2001:db8::1", &format!("user{account}@example.test")).await;
        judged += usize::from(status == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(judged, 100);
    assert_eq!(guess(&world, "2001:db8::ffff:1", EMAIL).await, StatusCode::TOO_MANY_REQUESTS, "the same network");
    assert_eq!(guess(&world, "2001:db8:0:1::1", EMAIL).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_knows_the_password_is_not_counted() {
    let world = World::new().await;
    for _ in 0..25 {
        let mut browser = world.browser();
        assert_eq!(from(&mut browser, "192.0.2.1", EMAIL, WRONG).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(from(&mut browser, "192.0.2.1", EMAIL, PASSWORD).await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn an_account_that_is_not_there_is_throttled_with_the_same_words() {
    let world = World::new().await;
    let mut answers = vec![];
    for email in [EMAIL, "sam@example.test"] {
        let mut browser = world.browser();
        let mut said = vec![];
        for _ in 0..12 {
            let mut answer = from(&mut browser, "192.0.2.1", email, WRONG).await;
            answer.headers.remove("x-request-id");
            said.push((answer.status, answer.headers, answer.body.replace(email, "who")));
        }
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn the_password_grant_is_throttled_too() {
    let world = World::with(IdentityConfig { password_grant: true, ..config() }).await;
    let mut script = world.browser();
    for _ in 0..10 {
        let form = [("username", EMAIL), ("password", WRONG)];
        assert_eq!(script.post("/token", &form).await.status, StatusCode::UNAUTHORIZED);
    }
    let refused = script.post("/token", &[("username", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "900"));
}
