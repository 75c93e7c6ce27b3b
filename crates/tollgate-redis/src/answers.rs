//! Kept answers, and which are still good.
//!
//! A table's generation is a random number under a key of its own. A write takes it away, and who reads next puts another
//! there, so none ever comes back: not after a restart, nor after Redis had to make room. With an answer stands in which
//! generations it was computed. A write that Redis does not hear of is remembered here until it does: this instance finds
//! nothing that is made of the table until then, and others find what is not older than its route allows.

use crate::{Inner, Redis};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::{join, join_all};
use redis::cmd;
use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::sleep;
use tollgate_http::{AnswerKey, AnswerStore, Found, Kept, Later, Stamp};
use tollgate_store::Table;
use uuid::Uuid;

/// How long until Redis is told again of a write that it has not heard of.
const AGAIN: Duration = Duration::from_millis(500);

impl AnswerStore for Redis {
    fn find<'a>(&'a self, key: &'a AnswerKey, tables: &'a [&'static Table]) -> Later<'a, Found> {
        Box::pin(self.0.find(key, tables))
    }

    fn keep<'a>(&'a self, key: &'a AnswerKey, stamp: Stamp, kept: Arc<Kept>, lifetime: Duration) -> Later<'a, ()> {
        Box::pin(async move {
            let value = [bytes_of(&stamp), kept.to_bytes()].concat();
            let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).max(1);
            let mut set = cmd("SET");
            set.arg(self.0.answer(key)).arg(value).arg("PX").arg(lifetime);
            let _ = self.0.link.ask::<String>(&set).await;
        })
    }

    fn changed(&self, table: &'static Table) -> Later<'_, ()> {
        Box::pin(async move {
            let is_unheard = self.0.unheard().contains_key(table.name);
            if is_unheard || !self.0.end_generation(table.name).await {
                self.0.tell_later(Arc::clone(&self.0), table.name);
            }
        })
    }
}

fn bytes_of(stamp: &[u64]) -> Vec<u8> {
    stamp.iter().flat_map(|generation| generation.to_be_bytes()).collect()
}

impl Inner {
    fn generation(&self, table: &str) -> String {
        format!("{}:generation:{table}", self.app)
    }

    fn answer(&self, key: &AnswerKey) -> String {
        format!("{}:{}:answer:{}", self.app, self.version, URL_SAFE_NO_PAD.encode(key))
    }

    /// All at once: it takes one trip.
    async fn find(&self, key: &AnswerKey, tables: &[&'static Table]) -> Found {
        if tables.iter().any(|table| self.unheard().contains_key(table.name)) {
            return Found::default();
        }
        let generations = join_all(tables.iter().map(|table| self.read_generation(table.name)));
        let mut get = cmd("GET");
        get.arg(self.answer(key));
        let (generations, value) = join(generations, self.link.ask::<Option<Vec<u8>>>(&get)).await;
        // A write that was not heard of meanwhile makes what was read too old.
        let Some(stamp) = generations.into_iter().collect::<Option<Stamp>>() else { return Found::default() };
        if tables.iter().any(|table| self.unheard().contains_key(table.name)) {
            return Found::default();
        }
        let kept = value.flatten().and_then(|value| Kept::from_bytes(value.strip_prefix(&bytes_of(&stamp)[..])?));
        Found { stamp: Some(stamp), kept: kept.map(Arc::new) }
    }

    /// That of a table; where there is none, one is made for whoever comes next.
    async fn read_generation(&self, table: &str) -> Option<u64> {
        let key = self.generation(table);
        let mut get = cmd("GET");
        get.arg(&key);
        if let Some(generation) = self.link.ask::<Option<u64>>(&get).await? {
            return Some(generation);
        }
        let mut set = cmd("SET");
        set.arg(&key).arg(Uuid::new_v4().as_u64_pair().0).arg("NX");
        self.link.ask::<Option<String>>(&set).await?;
        self.link.ask::<Option<u64>>(&get).await?
    }

    /// Whether Redis has heard of it. A key is removed even where there is no room for another. It is asked also while
    /// nothing else is: what it did not answer may have been one slow call, or another node of a cluster, and other
    /// instances go on finding what was there before this write.
    async fn end_generation(&self, table: &str) -> bool {
        let mut remove = cmd("DEL");
        remove.arg(self.generation(table));
        self.link.ask_now::<u64>(&remove).await.is_ok()
    }

    /// Remembers that Redis has not heard of a write, and tells it as soon as it listens.
    fn tell_later(&self, inner: Arc<Self>, table: &'static str) {
        let mut unheard = self.unheard();
        let times = unheard.entry(table).or_default();
        *times += 1;
        if *times > 1 {
            return;
        }
        tokio::spawn(async move {
            loop {
                sleep(AGAIN).await;
                let before = inner.unheard().get(table).copied();
                if inner.end_generation(table).await {
                    let mut unheard = inner.unheard();
                    if unheard.get(table).copied() == before {
                        unheard.remove(table);
                        return;
                    }
                }
            }
        });
    }

    fn unheard(&self) -> MutexGuard<'_, HashMap<&'static str, u64>> {
        self.unheard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
