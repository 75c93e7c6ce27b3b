//! Instances whose clocks differ: the database tells what time it is.

use super::{World, config};
use crate::token::world::clock;
use axum::http::StatusCode;
use jiff::Timestamp;
use std::{ops::Range, sync::Arc, time::Duration};
use tollgate_core::{Clock, ManualClock};
use tollgate_store::{
    Answer, Batch, Database, Driver, Each, Expr, Lanes, Memory, Select, Session, Table, Update, Value,
};

/// A database on a machine of its own.
struct Elsewhere(Memory, ManualClock);

impl Database for Elsewhere {
    fn time(&self) -> Answer<'_, Option<Timestamp>> {
        Box::pin(async { Ok(Some(self.1.now())) })
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn begin(&self) -> Answer<'_, Arc<dyn Session>> {
        self.0.begin()
    }

    fn prepare<'a>(&'a self, tables: &'a [&'static Table], additive: bool) -> Answer<'a, Vec<String>> {
        self.0.prepare(tables, additive)
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.0.ping()
    }
}

impl Driver for Elsewhere {
    fn lanes(&self) -> Lanes {
        self.0.lanes()
    }

    fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
        self.0.select(select, each)
    }

    fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        self.0.count(table, filter)
    }

    fn insert<'a>(
        &'a self,
        table: &'static Table,
        rows: Arc<dyn Batch>,
        range: Range<usize>,
    ) -> Answer<'a, Vec<Value<'static>>> {
        self.0.insert(table, rows, range)
    }

    fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
        self.0.update(update, each)
    }

    fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
        self.0.delete(table, filter)
    }
}

#[tokio::test]
async fn an_instance_whose_clock_is_wrong_ends_nobodys_refresh_tokens() {
    let time = clock();
    let database: Arc<dyn Database> = Arc::new(Elsewhere(Memory::default(), time.clone()));
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
