//! Instances whose clocks differ: the database tells what time it is.

use super::{World, config};
use crate::token::world::clock;
use axum::http::StatusCode;
use std::{sync::Arc, time::Duration};
use tollgate_store::{Database, Memory};

#[tokio::test]
async fn an_instance_whose_clock_is_wrong_ends_nobodys_refresh_tokens() {
    let time = clock();
    let database: Arc<dyn Database> = Arc::new(Memory::with_clock(time.clone()));
    let world = World::on(config(), Arc::clone(&database), clock()).await;
    let ahead = clock();
    ahead.advance(Duration::from_mins(10));
    let ahead = World::on(config(), database, ahead).await;
    world.identity.create_user("Rea Oku", "rea@example.test", &super::PASSWORD.into(), &[]).await.unwrap();

    let mut tokens = world.rea().await.tokens("app", "").await;
    for instance in [&ahead, &world, &ahead] {
        let used = tokens["refresh_token"].as_str().unwrap().to_owned();
        let answer = instance.browser().refresh("app", &used).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        tokens = answer.json();
        time.advance(Duration::from_secs(9));
        let again = ahead.browser().refresh("app", &used).await.json();
        assert_eq!(again["refresh_token"], tokens["refresh_token"], "within the grace, by the database's clock");
    }
    time.advance(Duration::from_secs(2));
    let late = tokens["refresh_token"].as_str().unwrap().to_owned();
    let next = world.browser().refresh("app", &late).await.json();
    time.advance(Duration::from_secs(11));
    assert_eq!(world.browser().refresh("app", &late).await.error(), "invalid_grant", "and so is what comes too late");
    let next = next["refresh_token"].as_str().unwrap();
    assert_eq!(ahead.browser().refresh("app", next).await.error(), "invalid_grant");
}
