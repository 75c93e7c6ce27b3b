//! What some changes are to a reader.
//!
//! Each row is read once and written as JSON once, for all readers; whether it is theirs is asked in memory, by the same
//! filter that databases are asked with.

use axum::body::Bytes;
use serde_json::json;
use std::collections::BTreeMap;
use tollgate_access::Rows;
use tollgate_store::{
    Error, Resource, Result, Store,
    changes::{self, LoggedChange, Written, admits},
};

/// The most rows of a batch: what waits for readers in memory is 64 of them.
pub(super) const ROWS: usize = 500;
/// The most bytes that are told at once, as JSON.
const BYTES: usize = 8 << 20;

/// Some rows that changed.
pub(super) struct Batch<R: Resource> {
    rows: Vec<Changed<R>>,
    /// Whether more changed than can be told.
    pub(super) is_reset: bool,
    /// Up to where a reader has everything who has this.
    pub(super) mark: i64,
}

struct Changed<R: Resource> {
    id: R::Id,
    /// How it was before each of the writes: who read in between may have what was there for a moment.
    befores: Vec<Option<R>>,
    now: Option<(R, String)>,
}

impl<R: Resource> Batch<R> {
    /// The one after which everything is to be read anew.
    pub(super) fn reset(mark: i64) -> Self {
        Self { rows: vec![], is_reset: true, mark }
    }

    /// What entries of the log come to: each row once, from how it was before them to how it is. Until the last batch of
    /// them, a reader has all up to `before`, then all up to `mark`.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub(super) async fn of(
        entries: &[&LoggedChange],
        store: &Store<R>,
        (before, mark): (i64, i64),
    ) -> Result<Vec<Self>> {
        let mut befores: BTreeMap<R::Id, Vec<Option<R>>> = BTreeMap::new();
        for entry in entries {
            let Some(rows) = entry.rows::<R>() else { return Ok(vec![Self::reset(mark)]) };
            for Written { id, before } in rows {
                befores.entry(id).or_default().push(before);
            }
        }
        let (mut batches, mut bytes, mut rest) = (vec![], 0, befores.into_iter().peekable());
        while rest.peek().is_some() {
            let rows: Vec<_> = rest.by_ref().take(ROWS).collect();
            let rows = as_they_are(rows, store).await?;
            bytes += rows.iter().filter_map(|row| row.now.as_ref()).map(|(_, json)| json.len()).sum::<usize>();
            if bytes > BYTES {
                return Ok(vec![Self::reset(mark)]);
            }
            batches.push(Self { rows, is_reset: false, mark: before });
        }
        if let Some(last) = batches.last_mut() {
            last.mark = mark;
        }
        Ok(batches)
    }

    /// The events of those whose rows these are, and how many.
    ///
    /// # Errors
    /// A row cannot be compared.
    pub(super) fn events(&self, scope: &Rows<R>) -> Result<(String, usize)> {
        let (mut text, mut count) = (String::new(), 0);
        let is_theirs = |row: Option<&R>| row.map_or(Ok(false), |row| admits(scope, row));
        for Changed { id, befores, now } in &self.rows {
            let were = befores.iter().map(|row| is_theirs(row.as_ref())).collect::<Result<Vec<_>>>()?;
            let was = were.first() == Some(&true);
            let (kind, data) = match now {
                Some((row, json)) if admits(scope, row)? => (if was { "changed" } else { "created" }, json.clone()),
                _ if were.contains(&true) => ("deleted", json!({ R::TABLE.columns[R::TABLE.id].name: id }).to_string()),
                _ => continue,
            };
            push(&mut text, kind, &data);
            count += 1;
        }
        Ok((text, count))
    }
}

async fn as_they_are<R: Resource>(rows: Vec<(R::Id, Vec<Option<R>>)>, store: &Store<R>) -> Result<Vec<Changed<R>>> {
    let mut now = BTreeMap::new();
    for row in changes::as_they_are(store, rows.iter().map(|(id, _)| id.clone())).await? {
        let json = serde_json::to_string(&row).map_err(|error| Error::internal(error.to_string()))?;
        now.insert(row.id(), (row, json));
    }
    let changed = |(id, befores)| Changed { now: now.remove(&id), id, befores };
    Ok(rows.into_iter().map(changed).collect())
}

/// Adds an event. JSON has no line breaks of its own.
pub(super) fn push(text: &mut String, kind: &str, data: &str) {
    for part in ["event: ", kind, "\ndata: ", data, "\n\n"] {
        text.push_str(part);
    }
}

/// Events, after which a reader has everything up to that id.
pub(super) fn up_to(mut text: String, id: &str) -> Bytes {
    for part in ["id: ", id, "\n\n"] {
        text.push_str(part);
    }
    text.into()
}
