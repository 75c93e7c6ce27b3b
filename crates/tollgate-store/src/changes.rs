//! What changed, in an order that all instances agree on?
//!
//! Each write of a table whose changes are followed adds to a log in the same database and the same transaction: which rows,
//! and how they were before. So nothing that was kept is missing there, nothing that was taken back is in it, and every
//! instance reads the same. Whoever follows reads the rows as they are now, and tells each reader what that means to
//! them: a row that was theirs and is not any more is gone, whatever it is to others.
//!
//! The database counts the entries when they are written, which is right before they are committed, so a lower number may
//! appear after a higher one. A [`Follower`] asks for numbers that are missing until they cannot come any more.
//!
//! Invariant: what lies up to a follower's [`mark`](Follower::mark) was seen by it, or never will be.

use crate::{
    Cell, Database, Error, Filter, Resource, Result, Stamp, Store,
    position::{put, read_all},
    store::{by_id, check},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tollgate_access::{Delete, Read, System};
use tollgate_core::Clock;
use tollgate_macros::resource;

/// How many rows an entry has at most, and how many a write has that are told one by one.
const ROWS: usize = 50;
pub(crate) const MOST: usize = 10_000;
/// How many entries are read at once.
const GROUP: u32 = 200;
/// How long a number may be missing. A transaction lives less long between the writing of its entry and its end: a server
/// ends one that is idle, PostgreSQL after five seconds, MongoDB after a minute.
const LATE: Duration = Duration::from_secs(90);

/// Rows of one table that one write changed.
#[resource(plural = "tollgate_changes")]
pub struct LoggedChange {
    /// Counted by the database; a later transaction may have a lower number.
    #[id(generated)]
    pub change_id: i64,
    /// When.
    #[created_at]
    #[index]
    pub at: Timestamp,
    /// The plural of the resource.
    pub resource: String,
    /// Which columns the rows had, so that another version of the app does not misread them.
    #[hidden]
    pub columns: String,
    /// The rows; nothing where they are too many to be told.
    #[hidden]
    pub rows: String,
}

/// A row that was written.
#[derive(Debug, Clone)]
pub struct Written<T: Resource> {
    /// Its key.
    pub id: T::Id,
    /// How it was before; nothing if it was not there.
    pub before: Option<T>,
}

/// What a transaction has written, to be logged with its commit.
#[derive(Clone, Default)]
pub(crate) struct Pending(Arc<Mutex<Vec<LoggedChange>>>);

impl Pending {
    /// Takes note of rows that were there, and of new ones.
    pub(crate) fn add<T: Resource>(&self, before: &[T], made: Vec<T::Id>, stamp: &Stamp<'_>) -> Result<()> {
        let was_there = |id: &T::Id| before.binary_search_by(|row| row.id().cmp(id)).is_ok();
        let new: Vec<_> = made.into_iter().filter(|id| !was_there(id)).collect();
        let count = before.len() + new.len();
        let mut entries = vec![];
        if count > MOST {
            entries.push(vec![]);
        } else {
            let rows = before.iter().map(changed).chain(new.iter().map(|id| Ok(created::<T>(id))));
            let rows = rows.collect::<Result<Vec<_>>>()?;
            entries.extend(rows.chunks(ROWS).map(<[_]>::concat));
        }
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.extend(entries.into_iter().map(|rows| {
            let (resource, columns) = (T::TABLE.name.to_owned(), columns::<T>());
            LoggedChange::create(NewLoggedChange { resource, columns, rows: STANDARD.encode(rows) }, stamp)
        }));
        Ok(())
    }

    /// What is to be logged; once.
    pub(crate) fn take(&self) -> Vec<LoggedChange> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn columns<T: Resource>() -> String {
    let names: Vec<_> = T::TABLE.columns.iter().map(|column| column.name).collect();
    names.join(",")
}

/// Begins a row as it was, and the key of one that was not there.
const CHANGED: u8 = 0;
const CREATED: u8 = 1;

fn changed<T: Resource>(row: &T) -> Result<Vec<u8>> {
    let mut bytes = vec![CHANGED];
    for column in 0..T::TABLE.columns.len() {
        put(&row.value(column)?, &mut bytes);
    }
    Ok(framed(&bytes))
}

fn created<T: Resource>(id: &T::Id) -> Vec<u8> {
    let mut bytes = vec![CREATED];
    put(&id.show(), &mut bytes);
    framed(&bytes)
}

/// The length goes first.
fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_be_bytes()[..], bytes].concat()
}

impl LoggedChange {
    /// The rows; nothing if they are too many, or another version of the app has other columns.
    pub fn rows<T: Resource>(&self) -> Option<Vec<Written<T>>> {
        let bytes = STANDARD.decode(&self.rows).ok().filter(|bytes| !bytes.is_empty())?;
        let (mut rest, mut rows) = (&bytes[..], vec![]);
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let (row, after) = after.split_at_checked(u64::from_be_bytes(*length).try_into().ok()?)?;
            rows.push(written(row)?);
            rest = after;
        }
        Some(rows).filter(|_| self.columns == columns::<T>())
    }
}

fn written<T: Resource>(row: &[u8]) -> Option<Written<T>> {
    let (kind, values) = row.split_first()?;
    let mut values = read_all(values)?;
    if *kind == CREATED {
        return Some(Written { id: T::Id::read(values.pop()?)?, before: None });
    }
    let before = T::read(&values).ok()?;
    Some(Written { id: before.id(), before: Some(before) })
}

/// The log of one database.
#[derive(Clone)]
pub struct ChangeLog(Store<LoggedChange>);

fn system() -> System {
    System::because("changes are told to those who may see them")
}

impl ChangeLog {
    /// That of this database.
    pub fn of(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        Self(Store::new(Arc::clone(database), Arc::clone(clock)))
    }

    /// What was logged behind that number, at most so many entries; nothing if not all of it is there any more, or the
    /// number is not one of this log.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn since(&self, number: i64, resource: &str, most: u32) -> Result<Option<Vec<LoggedChange>>> {
        let may = system().may::<Read, _>();
        let id = LoggedChange::CHANGE_ID;
        let oldest = self.0.find(&may, Filter::every()).sort(id.asc()).first().await?;
        let is_whole = oldest.is_none_or(|oldest| oldest.change_id <= number.saturating_add(1));
        if !is_whole || number > self.newest().await? {
            return Ok(None);
        }
        let behind = id.gt(number) & LoggedChange::RESOURCE.eq(resource);
        let found = self.0.find(&may, behind).sort(id.asc()).limit(most.saturating_add(1)).all().await?;
        Ok(Some(found).filter(|found| found.len() <= most as usize))
    }

    async fn newest(&self) -> Result<i64> {
        let newest = self.0.find(&system().may::<Read, _>(), Filter::every()).sort(LoggedChange::CHANGE_ID.desc());
        Ok(newest.first().await?.map_or(0, |newest| newest.change_id))
    }

    /// Removes what was logged before then, but for the newest entry, from which numbers go on.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn forget(&self, before: Timestamp) -> Result<()> {
        let old = LoggedChange::AT.lt(before) & LoggedChange::CHANGE_ID.lt(self.newest().await?);
        let last = self.0.find(&system().may(), old).sort(LoggedChange::CHANGE_ID.desc()).first().await?;
        if let Some(last) = last {
            self.0.delete_all(&system().may::<Delete, _>(), LoggedChange::CHANGE_ID.lte(last.change_id)).await?;
        }
        Ok(())
    }
}

/// Reads a log as it grows.
pub struct Follower {
    log: ChangeLog,
    last: i64,
    /// Numbers that were passed over, and until when they may still come.
    missing: BTreeMap<i64, Instant>,
}

impl Follower {
    /// Follows from now on.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn begin(log: ChangeLog) -> Result<Self> {
        let newest = log.0.find(&system().may(), Filter::every()).sort(LoggedChange::CHANGE_ID.desc());
        let newest = newest.limit(GROUP).all().await?;
        let first = newest.last().map_or(0, |oldest| oldest.change_id - 1);
        let mut follower = Self { log, last: first, missing: BTreeMap::new() };
        for entry in newest.iter().rev() {
            follower.note(entry.change_id);
        }
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
        let now = Instant::now();
        self.missing.retain(|_, until| *until > now);
        let (id, missing) = (LoggedChange::CHANGE_ID, self.missing.keys().copied());
        let wanted = if self.missing.is_empty() { id.gt(self.last) } else { id.gt(self.last) | id.in_(missing) };
        let found = self.log.0.find(&system().may(), wanted).sort(id.asc()).limit(GROUP).all().await?;
        for entry in &found {
            self.note(entry.change_id);
        }
        Ok(found)
    }

    fn note(&mut self, number: i64) {
        if self.missing.remove(&number).is_some() || number <= self.last {
            return;
        }
        // A server that crashed may leave out some; no more than these can be on their way.
        let first = (self.last + 1).max(number - i64::from(GROUP));
        let until = Instant::now() + LATE;
        self.missing.extend((first..number).map(|missing| (missing, until)));
        self.last = number;
    }
}

/// Adds entries to the transaction of this driver.
pub(crate) async fn log(driver: &dyn crate::Driver, entries: Vec<LoggedChange>) -> Result<()> {
    entries.iter().try_for_each(check)?;
    for (index, _) in entries.iter().enumerate().step_by(GROUP as usize) {
        let group: Vec<_> = entries.iter().skip(index).take(GROUP as usize).cloned().collect();
        let count = group.len();
        driver.insert(<LoggedChange as Resource>::TABLE, Arc::new(group), 0..count).await?;
    }
    Ok(())
}

impl<T: Resource> Store<T> {
    /// The rows with these keys, whoever asks for them, for those who are told of their changes.
    ///
    /// # Errors
    /// The database cannot be reached, or a row cannot be read.
    pub async fn as_they_are(&self, ids: impl IntoIterator<Item = T::Id>) -> Result<Vec<T>> {
        self.find(&system().may(), by_id::<T>(ids).into()).all().await
    }
}

/// Whether a scope has that row.
///
/// # Errors
/// The row has no such column.
pub fn admits<T: Resource>(rows: &tollgate_access::Rows<T>, row: &T) -> Result<bool, Error> {
    crate::store::admits(rows, row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use tollgate_access::{Actor, Identity};
    use tollgate_core::{ManualClock, SystemClock};

    /// A thing.
    #[resource(plural = "things")]
    struct Thing {
        #[id]
        thing_id: i64,
        name: Option<String>,
    }

    /// The same in the next version of the app.
    #[resource(plural = "others")]
    struct Other {
        #[id]
        thing_id: i64,
        title: Option<String>,
    }

    fn entries(before: &[Thing], made: Vec<i64>) -> Vec<LoggedChange> {
        let (pending, actor) = (Pending::default(), Actor::from(Identity::anyone()));
        let stamp = Stamp { actor: &actor, now: SystemClock::default().now() };
        pending.add(before, made, &stamp).unwrap();
        pending.take()
    }

    fn thing(thing_id: i64) -> Thing {
        Thing { thing_id, name: (thing_id % 2 == 0).then(|| "a name".into()) }
    }

    #[test]
    fn rows_come_back_as_they_were_and_those_that_were_there_are_not_new() {
        let before: Vec<_> = (1..=70).map(thing).collect();
        let found = entries(&before, (60..=120).collect());
        assert_eq!(found.len(), 3, "120 rows, 50 each");
        let rows: Vec<_> = found.iter().flat_map(|entry| entry.rows::<Thing>().unwrap()).collect();
        let names = |row: &Written<Thing>| (row.id, row.before.as_ref().map(|thing| thing.name.clone()));
        let wanted = (1..=120).map(|id| (id, (id <= 70).then(|| thing(id).name)));
        assert_eq!(rows.iter().map(names).collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
    }

    #[test]
    fn what_cannot_be_told_is_no_rows() {
        let [entry] = &entries(&[], (0..=10_000).collect())[..] else { panic!("one for all") };
        assert!(entry.rows::<Thing>().is_none());
        assert!(entries(&[thing(1)], vec![])[0].rows::<Other>().is_none(), "with other columns it is another row");
        assert!(entries(&[], vec![]).is_empty());
    }

    fn log(clock: &ManualClock) -> ChangeLog {
        let database: Arc<dyn Database> = Arc::new(Memory::default());
        ChangeLog::of(&database, &(Arc::new(clock.clone()) as _))
    }

    #[tokio::test]
    async fn a_number_that_was_passed_over_holds_the_mark_until_it_comes() {
        let log = log(&ManualClock::at(SystemClock::default().now()));
        let mut follower = Follower::begin(log).await.unwrap();
        let marks = [1, 4, 3, 5, 2, 2].map(|number| {
            follower.note(number);
            follower.mark()
        });
        assert_eq!(marks, [1, 1, 1, 1, 5, 5]);
        follower.note(1000);
        assert_eq!((follower.mark(), follower.missing.len()), (799, 200), "no more than can be on their way");
    }

    #[tokio::test]
    async fn whoever_was_away_gets_all_of_it_or_is_told_that_it_is_not_there() {
        let clock = ManualClock::at(SystemClock::default().now());
        let log = log(&clock);
        let known = async |number| log.since(number, "things", 10).await.unwrap().map(|found| found.len());
        assert_eq!((known(0).await, known(1).await), (Some(0), None), "nothing is missed of an empty log");
        let add = async || {
            let new = NewLoggedChange { resource: "things".into(), columns: String::new(), rows: String::new() };
            log.0.insert(&system().may(), new).await.unwrap();
        };
        for _ in 0..4 {
            add().await;
            clock.advance(Duration::from_mins(1));
        }
        assert_eq!([known(0).await, known(3).await, known(4).await, known(5).await], [Some(4), Some(1), Some(0), None]);
        log.forget(clock.now() - Duration::from_mins(2)).await.unwrap();
        assert_eq!([known(0).await, known(1).await, known(2).await], [None, None, Some(2)]);
        log.forget(clock.now()).await.unwrap();
        assert_eq!([known(2).await, known(3).await, known(4).await], [None, Some(1), Some(0)], "the newest stays");
        for _ in 0..11 {
            add().await;
        }
        assert_eq!(known(4).await, None, "more than are asked for");
    }
}
