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
//! What is told has bounds, in rows and in bytes: what is beyond them is logged as a change of everything.
//!
//! Invariant: what lies up to a follower's [`mark`](Follower::mark) was seen by it, or never will be.

mod follower;

pub use crate::store::admits;
pub use follower::Follower;

use crate::{
    Cell, Database, Filter, Resource, Result, Stamp, Store, Value,
    position::{put, read_all},
    store::{by_id, check},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use tollgate_access::{Delete, Read, System};
use tollgate_core::Clock;
use tollgate_macros::resource;

/// How many rows a write has at most that are told one by one, and how many bytes; and one of them.
pub(crate) const MOST: usize = 10_000;
pub(crate) const BYTES: usize = 16 << 20;
const ROW: usize = 1 << 20;
/// How many rows an entry has at most, and how many bytes, unless one row has more.
const ROWS: usize = 50;
const ENTRY: usize = 256 << 10;
/// How many entries are read at once.
const GROUP: u32 = 64;
/// How many bytes of entries are told to somebody who comes back.
const MISSED: usize = 8 << 20;
/// How many entries are removed at once.
const OLD: i64 = 10_000;

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
    /// Takes note of rows that were there, unless they are too many, and of new ones.
    pub(crate) fn add<T: Resource>(&self, before: Option<&[T]>, made: Vec<T::Id>, stamp: &Stamp<'_>) -> Result<()> {
        let told = before.map(|before| {
            let was_there = |id: &T::Id| before.binary_search_by(|row| row.id().cmp(id)).is_ok();
            (before, made.into_iter().filter(|id| !was_there(id)).collect::<Vec<_>>())
        });
        let entries = match told.filter(|(before, new)| before.len() + new.len() <= MOST) {
            Some((before, new)) => {
                in_entries(before.iter().map(changed).chain(new.iter().map(|id| Ok(created::<T>(id)))))?
            }
            None => None,
        };
        // Nothing where it is too much.
        let entries = entries.unwrap_or_else(|| vec![vec![]]);
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

/// The rows, some to an entry; nothing if they are too large to be told.
fn in_entries(rows: impl Iterator<Item = Result<Vec<u8>>>) -> Result<Option<Vec<Vec<u8>>>> {
    let (mut entries, mut room, mut bytes) = (Vec::<Vec<u8>>::new(), 0, 0);
    for row in rows {
        let row = row?;
        bytes += row.len();
        if row.len() > ROW || bytes > BYTES {
            return Ok(None);
        }
        if let Some(entry) = entries.last_mut().filter(|entry| room > 0 && entry.len() + row.len() <= ENTRY) {
            entry.extend(row);
        } else {
            entries.push(row);
            room = ROWS;
        }
        room -= 1;
    }
    Ok(Some(entries))
}

/// How many bytes of text a row has; the rest is small.
pub(crate) fn text_of<T: Resource>(row: &T) -> usize {
    let text = |column| match row.value(column) {
        Ok(Value::Text(text)) => text.len(),
        _ => 0,
    };
    (0..T::TABLE.columns.len()).map(text).sum()
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

tollgate_core::debug_by_name!(ChangeLog);

fn system() -> System {
    System::because("changes are told to those who may see them")
}

impl ChangeLog {
    /// That of this database.
    pub fn of(database: &Arc<dyn Database>, clock: &Arc<dyn Clock>) -> Self {
        Self(Store::new(Arc::clone(database), Arc::clone(clock)))
    }

    /// What was logged behind that number, at most so many entries; nothing if not all of it is there any more, or it is too
    /// much, or the number is not one of this log.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn since(&self, number: i64, resource: &str, most: u32) -> Result<Option<Vec<LoggedChange>>> {
        let (may, id) = (system().may::<Read, _>(), LoggedChange::CHANGE_ID);
        let (mut found, mut last, mut bytes) = (vec![], number, 0);
        loop {
            let behind = id.gt(last) & LoggedChange::RESOURCE.eq(resource);
            let page = self.0.find(&may, behind).sort(id.asc()).limit(GROUP).all().await?;
            bytes += page.iter().map(|entry| entry.rows.len()).sum::<usize>();
            last = page.last().map_or(last, |entry| entry.change_id);
            let is_last = page.len() < GROUP as usize;
            found.extend(page);
            if found.len() > most as usize || bytes > MISSED {
                return Ok(None);
            }
            if is_last {
                break;
            }
        }
        // Asked after what was found: what is removed meanwhile is missing there.
        let oldest = self.0.find(&may, Filter::every()).sort(id.asc()).first().await?;
        let is_whole = oldest.is_none_or(|oldest| oldest.change_id <= number.saturating_add(1));
        let newest = self.newest().await?.map_or(0, |newest| newest.change_id);
        Ok(Some(found).filter(|_| is_whole && number <= newest))
    }

    async fn newest(&self) -> Result<Option<LoggedChange>> {
        let newest = self.0.find(&system().may::<Read, _>(), Filter::every());
        newest.sort(LoggedChange::CHANGE_ID.desc()).first().await
    }

    /// Removes what was logged before then, but for the newest entry, from which numbers go on: of that the rows alone.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn forget(&self, before: Timestamp) -> Result<()> {
        let id = LoggedChange::CHANGE_ID;
        let Some(newest) = self.newest().await? else { return Ok(()) };
        let old = || self.0.find(&system().may(), LoggedChange::AT.lt(before) & id.lt(newest.change_id));
        if let Some(last) = old().sort(id.desc()).first().await? {
            // Some at a time: a statement that takes too long is taken back, and others wait for it.
            while let Some(oldest) = old().sort(id.asc()).first().await?.filter(|it| it.change_id <= last.change_id) {
                let some = last.change_id.min(oldest.change_id.saturating_add(OLD));
                self.0.delete_all(&system().may::<Delete, _>(), id.lte(some)).await?;
            }
        }
        if newest.at < before && !newest.rows.is_empty() {
            self.0.set(&system().may(), newest.change_id, LoggedChange::ROWS.to("")).await?;
        }
        Ok(())
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

/// The rows with these keys, whoever asks for them, for those who are told of their changes.
///
/// # Errors
/// The database cannot be reached, or a row cannot be read.
pub async fn as_they_are<T: Resource>(store: &Store<T>, ids: impl IntoIterator<Item = T::Id>) -> Result<Vec<T>> {
    store.find(&system().may(), by_id::<T>(ids).into()).all().await
}

#[cfg(test)]
mod tests;
