//! Turns: one instance at a time migrates, and the others wait until it is done.
//!
//! The turn is a document with an owner, who says every few seconds that it is still there; by the clock of the server, so
//! that those of the instances need not agree. One that was killed is waited for no longer than [`LEASE`], one that takes
//! long as long as it takes. Who has lost its turn stops, and nobody ends the turn of another.

use super::migrations;
use crate::error::{DUPLICATE_KEY, code, tell};
use mongodb::{
    Database,
    bson::{Bson, Document, doc},
    options::ReturnDocument,
};
use std::{convert::Infallible, time::Duration};
use tokio::time::sleep;
use tollgate_store::{Error, Result, migrate::Queue};
use uuid::Uuid;

/// How long nothing may be heard of an owner.
const LEASE: Duration = Duration::from_secs(30);
const RENEWED: Duration = Duration::from_secs(5);

/// Does the work once it is our turn.
pub(super) async fn take<R>(database: &Database, work: impl Future<Output = Result<R>>) -> Result<R> {
    let turn = Turn { database, owner: Uuid::new_v4().to_string() };
    turn.wait().await?;
    let done = tokio::select! {
        done = work => done,
        Err(lost) = turn.keep() => Err(lost),
    };
    let ended = turn.end().await;
    done.and_then(|done| ended.map(|()| done))
}

struct Turn<'a> {
    database: &'a Database,
    owner: String,
}

impl Turn<'_> {
    async fn wait(&self) -> Result<()> {
        let mut queue = Queue::default();
        while !self.try_take().await? {
            queue.wait(self.database.name()).await;
        }
        Ok(())
    }

    /// Takes it if it is nobody's or its end is past, and says whether it is ours. An end that is no date is of an older
    /// version.
    async fn try_take(&self) -> Result<bool> {
        let is_taken = doc! { "$gt": ["$until", "$$NOW"] };
        let or = |taken: &str, ours: Bson| doc! { "$cond": [&is_taken, taken, ours] };
        let take = doc! { "owner": or("$owner", self.owner.as_str().into()), "until": or("$until", end().into()) };
        let migrations = migrations(self.database);
        let turn = migrations.find_one_and_update(doc! { "_id": "turn" }, vec![doc! { "$set": take }]);
        match turn.upsert(true).return_document(ReturnDocument::After).await {
            Ok(turn) => Ok(turn.is_some_and(|turn| turn.get_str("owner").is_ok_and(|owner| owner == self.owner))),
            Err(error) if code(&error) == Some(DUPLICATE_KEY) => Ok(false),
            Err(error) => Err(tell(None, &error)),
        }
    }

    /// Says again and again that we are there; comes back only when the turn is lost.
    async fn keep(&self) -> Result<Infallible> {
        loop {
            sleep(RENEWED).await;
            let kept =
                migrations(self.database).update_one(self.own(), vec![doc! { "$set": { "until": end() } }]).await;
            if kept.map_err(|error| tell(None, &error))?.matched_count == 0 {
                return Err(Error::Schema(Error::source_of(
                    "another instance has taken over the migrations, because this one was not heard of for long",
                )));
            }
        }
    }

    async fn end(&self) -> Result<()> {
        let ended = migrations(self.database).delete_one(self.own()).await;
        ended.map(drop).map_err(|error| tell(None, &error))
    }

    fn own(&self) -> Document {
        doc! { "_id": "turn", "owner": &self.owner }
    }
}

/// A moment from now, as the server reckons it.
fn end() -> Document {
    doc! { "$add": ["$$NOW", i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)] }
}
