//! Who reads a log as it grows?
//!
//! A lower number may be committed after a higher one. So what was passed over is asked for again, with all that is new,
//! until it cannot come any more. However long a gap is, it is one: a single transaction may have taken all its numbers.
//!
//! Invariant: a number is given up only after it was asked for when it could not come any more.

use super::{ChangeLog, GROUP, LoggedChange, system};
use crate::Result;
use std::{
    collections::BTreeMap,
    ops::BitOr,
    time::{Duration, Instant},
};

/// How long a number may be missing. A transaction lives less long between the writing of its entry and its end: a server
/// ends one that is idle, PostgreSQL after five seconds, MongoDB after a minute.
const LATE: Duration = Duration::from_secs(90);
/// How many gaps are asked for at once.
const GAPS: usize = 100;

/// Reads a log as it grows.
pub struct Follower {
    log: ChangeLog,
    last: i64,
    /// Numbers that were passed over, by the first of each gap: its last, and until when they may still come.
    missing: BTreeMap<i64, (i64, Instant)>,
}

tollgate_core::debug_by_name!(Follower);

impl Follower {
    /// Follows from now on. What may still be on its way came after everything that was old when the newest came.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn begin(log: ChangeLog) -> Result<Self> {
        let mut follower = Self { log, last: 0, missing: BTreeMap::new() };
        if let Some(newest) = follower.log.newest().await? {
            let old = follower.log.0.find(&system().may(), LoggedChange::AT.lt(newest.at - LATE));
            let old = old.sort(LoggedChange::CHANGE_ID.desc()).first().await?;
            follower.last = old.map_or(0, |old| old.change_id);
        }
        while !follower.next().await?.is_empty() {}
        Ok(follower)
    }

    /// Up to where everything was seen.
    pub fn mark(&self) -> i64 {
        self.missing.first_key_value().map_or(self.last, |(number, _)| number - 1)
    }

    /// What is new, oldest first; nothing if nothing is.
    ///
    /// # Errors
    /// The database cannot be reached; then the next call answers what this one would have.
    pub async fn next(&mut self) -> Result<Vec<LoggedChange>> {
        let (asked, id) = (Instant::now(), LoggedChange::CHANGE_ID);
        let gaps = self.missing.iter().map(|(first, (last, _))| id.gte(*first) & id.lte(*last));
        let wanted: Vec<_> = gaps.chain([id.gt(self.last)]).collect();
        let mut found = vec![];
        for some in wanted.chunks(GAPS).filter_map(|some| some.iter().cloned().reduce(BitOr::bitor)) {
            // What lies before is not looked at, however a database goes about it.
            let some = self.log.0.find(&system().may(), id.gt(self.mark()) & some);
            found.extend(some.sort(id.asc()).limit(GROUP).all().await?);
            if found.len() >= GROUP as usize {
                break;
            }
        }
        if found.len() < GROUP as usize {
            self.missing.retain(|_, (_, until)| *until > asked);
        }
        for entry in &found {
            self.note(entry.change_id);
        }
        Ok(found)
    }

    fn note(&mut self, number: i64) {
        if number > self.last {
            self.miss(self.last + 1, number - 1, Instant::now() + LATE);
            self.last = number;
        } else if let Some((&first, &(last, until))) = self.missing.range(..=number).next_back()
            && number <= last
        {
            self.missing.remove(&first);
            self.miss(first, number - 1, until);
            self.miss(number + 1, last, until);
        }
    }

    fn miss(&mut self, first: i64, last: i64, until: Instant) {
        if first <= last {
            self.missing.insert(first, (last, until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Memory, changes::NewLoggedChange};
    use std::sync::Arc;
    use tollgate_core::{Clock, ManualClock, SystemClock};

    fn log() -> (ChangeLog, ManualClock) {
        let (database, clock): (Arc<dyn Database>, _) =
            (Arc::new(Memory::default()), ManualClock::at(SystemClock::default().now()));
        (ChangeLog::of(&database, &(Arc::new(clock.clone()) as _)), clock)
    }

    async fn add(log: &ChangeLog) -> i64 {
        let new = NewLoggedChange { resource: "things".into(), columns: String::new(), rows: String::new() };
        log.0.insert(&system().may(), new).await.unwrap().change_id
    }

    async fn found(follower: &mut Follower) -> Vec<i64> {
        follower.next().await.unwrap().iter().map(|entry| entry.change_id).collect()
    }

    #[tokio::test]
    async fn a_number_that_was_passed_over_holds_the_mark_until_it_comes() {
        let mut follower = Follower::begin(log().0).await.unwrap();
        let marks = [1, 4, 3, 5, 2, 2, 9, 7].map(|number| {
            follower.note(number);
            follower.mark()
        });
        assert_eq!(marks, [1, 1, 1, 1, 5, 5, 5, 5]);
        assert_eq!(
            follower.missing.iter().map(|(first, (last, _))| (*first, *last)).collect::<Vec<_>>(),
            [(6, 6), (8, 8)]
        );
    }

    /// As if they were committed after a later one.
    #[tokio::test]
    async fn whatever_one_transaction_took_is_found_when_it_comes_late() {
        let (log, _) = log();
        let mut follower = Follower::begin(log.clone()).await.unwrap();
        follower.note(301);
        for _ in 0..302 {
            add(&log).await;
        }
        let mut seen = vec![];
        while let some @ [_, ..] = &*found(&mut follower).await {
            seen.extend_from_slice(some);
        }
        assert_eq!(seen, (1..=302).filter(|number| *number != 301).collect::<Vec<_>>());
        assert_eq!(follower.mark(), 302);
    }

    #[tokio::test]
    async fn what_is_on_its_way_when_somebody_begins_is_found_behind_any_number_of_entries() {
        let (log, clock) = log();
        add(&log).await;
        clock.advance(LATE * 2);
        let late = add(&log).await;
        for _ in 0..300 {
            add(&log).await;
        }
        log.0.delete(&system().may(), late).await.unwrap();
        let mut follower = Follower::begin(log).await.unwrap();
        assert_eq!((follower.mark(), found(&mut follower).await), (late - 1, vec![]), "the old one is not asked for");
    }

    #[tokio::test]
    async fn a_number_is_not_given_up_before_it_was_asked_for() {
        let (log, _) = log();
        let mut follower = Follower::begin(log.clone()).await.unwrap();
        follower.note(3);
        follower.missing.values_mut().for_each(|(_, until)| *until = Instant::now());
        add(&log).await;
        assert_eq!(found(&mut follower).await, [1], "it came while nobody could ask");
        assert_eq!((found(&mut follower).await, follower.mark()), (vec![], 3), "the other will not come");
    }
}
