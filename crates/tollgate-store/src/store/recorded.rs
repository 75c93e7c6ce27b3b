//! What a write leaves behind beside its rows: an audit event, and an entry in the log of changes, or neither of the three.
//!
//! For the log, a write first reads how the rows are that it is about to touch, and touches no others: one that comes in
//! between was not read, so nobody would be told of it.
//!
//! Invariant: what was done is recorded in the same transaction.

use super::{Store, by_id};
use crate::{
    Cell, Error, Expr, Op, Order, Resource, Result, Select, Stamp, Transaction, Update as Change,
    audit::{NewAuditEvent, Recorded},
    changes,
    find::into,
    measures::round_trip,
    transaction::{OpenTransaction, Part},
    watch::Telling,
};
use std::{
    borrow::Cow,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tollgate_access::{Actor, May};
use tracing::Instrument;

/// How long a write begins anew where others are in its way.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many of the rows that it touches are read at once.
const SOME: u32 = 256;

/// Which rows a write touches: those that match before, and those that it makes.
pub(crate) struct Touched<'a, T: Resource, R> {
    pub(crate) there: Option<&'a Expr>,
    pub(crate) made: fn(&R) -> Vec<T::Id>,
}

impl<'a, T: Resource, R> Touched<'a, T, R> {
    /// Those that match, and no new ones.
    pub(super) fn there(filter: &'a Expr) -> Self {
        Self { there: Some(filter), made: |_| vec![] }
    }
}

/// The rows that were there when a write began, if that is known.
pub(crate) struct Seen(Option<Expr>);

impl Seen {
    /// Those of them that match.
    pub(super) fn of<'a>(&self, filter: &'a Expr) -> Cow<'a, Expr> {
        match &self.0 {
            Some(seen) => Cow::Owned(filter.clone().and(seen.clone())),
            None => Cow::Borrowed(filter),
        }
    }

    /// The same change of those of them that match.
    pub(super) fn change<'a>(&self, change: &'a Change) -> Cow<'a, Change> {
        match self.of(&change.filter) {
            Cow::Owned(filter) => Cow::Owned(Change { filter, ..change.clone() }),
            Cow::Borrowed(_) => Cow::Borrowed(change),
        }
    }
}

/// What a write is recorded as.
pub(crate) fn event<A, T: Resource>(may: &May<A, T>, action: &str) -> NewAuditEvent {
    NewAuditEvent::new(may.actor(), action, T::PLURAL)
}

impl<T: Resource> Store<T> {
    /// Records an event that says more than which row changed, in the database of these rows: with the transaction that
    /// they are part of, if they are part of one.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn record(&self, actor: &Actor, event: NewAuditEvent) -> Result<()> {
        self.record_all(actor, vec![event]).await
    }

    /// The same for several.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub async fn record_all(&self, actor: &Actor, events: Vec<NewAuditEvent>) -> Result<()> {
        let stamp = Stamp { actor, now: self.0.clock.now() };
        if let Some(part) = &self.0.membership {
            return part.transaction.recorded().add(&*self.0.driver, &stamp, events).await;
        }
        let recorded = Recorded::default();
        recorded.add(&*self.0.driver, &stamp, events).await?;
        recorded.log();
        Ok(())
    }

    /// Whether somebody follows which rows change.
    pub(super) fn is_followed(&self) -> bool {
        self.0.watch.as_ref().is_some_and(|watch| watch.follows_rows())
    }

    /// Does a write and, where the resource is audited or followed, records it: both or neither.
    pub(crate) async fn recorded<R, F: Future<Output = Result<R>>>(
        &self,
        actor: &Actor,
        touched: Touched<'_, T, R>,
        write: impl Fn(Self, Seen) -> F,
        events: impl Fn(&R) -> Vec<NewAuditEvent>,
    ) -> Result<R> {
        if let Some(part) = &self.0.membership {
            return self.within_one(&part.transaction, actor, &touched, &write, &events).await;
        }
        if T::TABLE.audited || self.is_followed() {
            return self.in_turn(actor, &touched, &write, &events).await;
        }
        let telling = self.0.watch.as_ref().map(|watch| Telling::new(watch, T::TABLE));
        let done = write(self.clone(), Seen(None)).await;
        if let Some(telling) = telling {
            telling.tell().await;
        }
        done
    }

    /// A transaction of this write alone. Where another is in its way and the database has it fail at once, it begins anew, as
    /// often as that is, for some time. Who cannot even begin has waited already.
    async fn in_turn<R, F: Future<Output = Result<R>>>(
        &self,
        actor: &Actor,
        touched: &Touched<'_, T, R>,
        write: &impl Fn(Self, Seen) -> F,
        events: &impl Fn(&R) -> Vec<NewAuditEvent>,
    ) -> Result<R> {
        let (start, waits) = (Instant::now(), self.database().lanes().waits);
        loop {
            let open = OpenTransaction::begin(self.database()).await?;
            let here = self.on(open.transaction())?;
            let done = match here.within_one(open.transaction(), actor, touched, write, events).await {
                Ok(done) => open.commit().await.map(|()| done),
                Err(error) => {
                    // Why it failed matters more than whether the transaction was over already.
                    drop(open.rollback().await);
                    Err(error)
                }
            };
            if waits || !matches!(done, Err(Error::Overloaded)) || start.elapsed() >= RETRY_TIMEOUT {
                return done;
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// As part of this transaction.
    async fn within_one<R, F: Future<Output = Result<R>>>(
        &self,
        transaction: &Transaction,
        actor: &Actor,
        touched: &Touched<'_, T, R>,
        write: &impl Fn(Self, Seen) -> F,
        events: &impl Fn(&R) -> Vec<NewAuditEvent>,
    ) -> Result<R> {
        let part = Part::of(Some(transaction));
        transaction.written().add(self.0.watch.as_ref(), T::TABLE);
        let is_followed = self.is_followed();
        let before = if is_followed { self.before(touched.there).await? } else { Some(vec![]) };
        // Those that are too many to be told need not be known.
        let known = before.as_ref().filter(|_| is_followed && touched.there.is_some());
        let seen = known.map(|before| by_id::<T>(before.iter().map(T::id)));
        let done = write(self.clone(), Seen(seen)).await;
        if let Ok(done) = &done {
            let stamp = Stamp { actor, now: self.0.clock.now() };
            if is_followed {
                transaction.changes().add(before.as_deref(), (touched.made)(done), &stamp)?;
            }
            if T::TABLE.audited {
                transaction.recorded().add(&*self.0.driver, &stamp, events(done)).await?;
            }
        }
        part.done();
        done
    }

    /// The rows that a write is about to touch, in the order of their keys; nothing if they are too many to be told, or too
    /// large. Some at a time, so that no more of those are read than that takes.
    async fn before(&self, there: Option<&Expr>) -> Result<Option<Vec<T>>> {
        let Some(filter) = there else { return Ok(Some(vec![])) };
        let (id, mut found, mut bytes) = (T::TABLE.id, Vec::<T>::new(), 0);
        loop {
            let count = found.len();
            let behind = found.last().map(|last| Expr::Compare(id, Op::Gt, last.id().show().into_owned()));
            let filter = behind.into_iter().fold(filter.clone(), Expr::and);
            let order = vec![Order { column: id, descending: false }];
            let select = Select { table: T::TABLE, filter, order, limit: Some(SOME) };
            self.0.driver.select(&select, &mut into(&mut found)).instrument(round_trip("select", T::TABLE)).await?;
            bytes += found[count..].iter().map(changes::text_of).sum::<usize>();
            if found.len() > changes::MOST || bytes > changes::BYTES {
                return Ok(None);
            }
            if found.len() - count < SOME as usize {
                break;
            }
        }
        found.sort_unstable_by_key(T::id);
        Ok(Some(found))
    }
}
