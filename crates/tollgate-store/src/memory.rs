//! A database for tests: rows in a map, filters evaluated on them, the same answers as the others.
//!
//! Writers take turns; a transaction works on a copy and is one writer's turn. Readers see what was committed.

use crate::{
    Answer, Batch, Database, Driver, Each, Error, Expr, Lanes, Order, Result, Row, Select, Session, Table, To, Update,
    Upsert, Value,
};
use jiff::Timestamp;
use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, btree_map::Entry},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as Turn, OwnedMutexGuard},
    time::timeout,
};
use tollgate_core::Clock;

/// How long a writer waits for its turn. Whoever writes past their own transaction waits for themselves.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

type Cells = Vec<Value<'static>>;

/// Rows in memory.
#[derive(Debug, Default)]
pub struct Memory {
    tables: Arc<Mutex<Tables>>,
    turn: Arc<Turn<()>>,
    clock: Option<Arc<dyn Clock>>,
}

#[derive(Debug, Clone, Default)]
struct Tables(HashMap<&'static str, Rows>);

#[derive(Debug, Clone, Default)]
struct Rows {
    rows: BTreeMap<Key, Cells>,
    /// The last key that was counted; keys are not used again.
    last: i64,
}

/// A key, in the order of [`Value::order`].
#[derive(Debug, Clone)]
struct Key(Value<'static>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.order(&other.0)
    }
}

impl Rows {
    fn matching<'a>(&'a self, table: &Table, filter: &'a Expr) -> Result<Vec<(&'a Key, &'a Cells)>> {
        let mut found = vec![];
        for (key, row) in self.candidates(table, filter) {
            if filter.matches(row)? {
                found.push((key, row));
            }
        }
        Ok(found)
    }

    /// The rows named by their keys, where the filter names them; else all.
    fn candidates<'a>(&'a self, table: &Table, filter: &'a Expr) -> Vec<(&'a Key, &'a Cells)> {
        match filter.keys(table) {
            Some(keys) => {
                let mut keys: Vec<_> = keys.iter().map(|key| Key(key.clone())).collect();
                keys.sort();
                keys.dedup();
                keys.iter().filter_map(|key| self.rows.get_key_value(key)).collect()
            }
            None => self.rows.iter().collect(),
        }
    }

    fn insert(&mut self, table: &Table, row: &dyn Row) -> Result<Value<'static>> {
        let value = |column| row.value(column).map(Value::into_owned);
        let mut cells = (0..table.columns.len()).map(value).collect::<Result<Cells>>()?;
        if table.counted {
            self.last += 1;
            cells[table.id] = Value::Int(self.last);
        }
        self.check_unique(table, &cells, None)?;
        let key = cells[table.id].clone();
        match self.rows.entry(Key(key.clone())) {
            Entry::Occupied(_) => Err(conflict(table, table.id)),
            Entry::Vacant(vacant) => {
                vacant.insert(cells);
                Ok(key)
            }
        }
    }

    /// No other row may have a value of this one where values are unique. Empty cells equal nothing.
    fn check_unique(&self, table: &Table, row: &Cells, except: Option<&Key>) -> Result<()> {
        let unique = table.columns.iter().enumerate().filter(|(_, column)| column.unique).map(|(column, _)| column);
        for column in unique.filter(|column| row[*column] != Value::Null) {
            let mut others = self.rows.iter().filter(|(key, _)| Some(*key) != except);
            if others.any(|(_, other)| other[column].order(&row[column]).is_eq()) {
                return Err(conflict(table, column));
            }
        }
        Ok(())
    }

    fn upsert(&mut self, upsert: &Upsert, row: &dyn Row) -> Result<()> {
        let key = Key(row.value(upsert.table.id)?.into_owned());
        let Some(there) = self.rows.get_mut(&key) else { return self.insert(upsert.table, row).map(drop) };
        for (column, how) in &upsert.columns {
            there[*column] =
                how.of(upsert.table.columns[*column].kind, &there[*column], row.value(*column)?.into_owned())?;
        }
        Ok(())
    }

    fn update(&mut self, update: &Update) -> Result<Vec<Cells>> {
        let found = self.matching(update.table, &update.filter)?;
        let mut changed: Vec<(Key, Cells)> = found.into_iter().map(|(key, row)| (key.clone(), row.clone())).collect();
        for (key, row) in &mut changed {
            for set in &update.set {
                row[set.column] = match (&set.to, &row[set.column]) {
                    (To::Value(value), _) => value.clone(),
                    (To::Next, Value::Int(number)) => Value::Int(number + 1),
                    (To::Next, other) => other.clone(),
                };
            }
            self.check_unique(update.table, row, Some(key))?;
            self.rows.insert(key.clone(), row.clone());
        }
        Ok(changed.into_iter().map(|(_, row)| row).collect())
    }
}

fn conflict(table: &Table, column: usize) -> Error {
    Error::Conflict { column: Some(table.columns[column].name.to_owned()) }
}

fn sort(rows: &mut [&Cells], order: &[Order]) {
    rows.sort_by(|a, b| {
        let by = |by: &Order| {
            let order = a[by.column].order(&b[by.column]);
            if by.descending { order.reverse() } else { order }
        };
        order.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
}

impl Tables {
    fn of(&mut self, table: &Table) -> &mut Rows {
        self.0.entry(table.name).or_default()
    }

    fn select(&mut self, select: &Select) -> Result<Vec<Cells>> {
        let found = self.of(select.table).matching(select.table, &select.filter)?;
        let mut rows: Vec<_> = found.into_iter().map(|(_, row)| row).collect();
        sort(&mut rows, &select.order);
        let limit = select.limit.map_or(usize::MAX, |limit| limit as usize);
        Ok(rows.into_iter().take(limit).cloned().collect())
    }

    fn count(&mut self, table: &Table, filter: &Expr) -> Result<u64> {
        Ok(self.of(table).matching(table, filter)?.len() as u64)
    }

    /// All rows or none: the rows are added to a copy of the table's.
    fn insert(&mut self, table: &Table, rows: &dyn Batch, range: Range<usize>) -> Result<Vec<Value<'static>>> {
        let own = self.of(table);
        if range.len() == 1 {
            return Ok(vec![own.insert(table, rows.row(range.start))?]);
        }
        let mut all = own.clone();
        let keys = range.map(|index| all.insert(table, rows.row(index))).collect::<Result<_>>()?;
        *own = all;
        Ok(keys)
    }

    fn update(&mut self, update: &Update) -> Result<Vec<Cells>> {
        let own = self.of(update.table);
        let mut all = own.clone();
        let changed = all.update(update)?;
        *own = all;
        Ok(changed)
    }

    fn upsert(&mut self, upsert: &Upsert, rows: &dyn Batch, range: Range<usize>) -> Result<()> {
        let own = self.of(upsert.table);
        let mut all = own.clone();
        range.into_iter().try_for_each(|index| all.upsert(upsert, rows.row(index)))?;
        *own = all;
        Ok(())
    }

    fn delete(&mut self, table: &Table, filter: &Expr) -> Result<u64> {
        let own = self.of(table);
        let gone: Vec<Key> = own.matching(table, filter)?.into_iter().map(|(key, _)| key.clone()).collect();
        for key in &gone {
            own.rows.remove(key);
        }
        Ok(gone.len() as u64)
    }
}

fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// A database on a machine whose clock is not the app's, as servers are.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self { clock: Some(Arc::new(clock)), ..Self::default() }
    }

    /// Waits for this writer's turn.
    async fn turn(&self) -> Result<OwnedMutexGuard<()>> {
        timeout(QUEUE_TIMEOUT, Arc::clone(&self.turn).lock_owned()).await.map_err(|_| Error::Overloaded)
    }
}

/// One transaction: a copy of all tables, and the writers' turn until its end.
struct Copied {
    own: Mutex<Tables>,
    shared: Arc<Mutex<Tables>>,
    turn: Mutex<Option<OwnedMutexGuard<()>>>,
}

impl Copied {
    fn take_turn(&self) -> Result<OwnedMutexGuard<()>> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
        turn.ok_or_else(|| Error::internal("the transaction has ended"))
    }

    fn tables(&self) -> Result<MutexGuard<'_, Tables>> {
        let over = self.turn.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        if over { Err(Error::internal("the transaction has ended")) } else { Ok(lock(&self.own)) }
    }
}

impl Session for Copied {
    fn commit(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let _turn = self.take_turn()?;
            *lock(&self.shared) = std::mem::take(&mut *lock(&self.own));
            Ok(())
        })
    }

    fn rollback(&self) -> Answer<'_, ()> {
        Box::pin(async move { self.take_turn().map(drop) })
    }
}

impl Database for Memory {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn begin(&self) -> Answer<'_, Arc<dyn Session>> {
        Box::pin(async move {
            let turn = Mutex::new(Some(self.turn().await?));
            let own = Mutex::new(lock(&self.tables).clone());
            Ok(Arc::new(Copied { own, shared: Arc::clone(&self.tables), turn }) as _)
        })
    }

    fn prepare<'a>(&'a self, _: &'a [&'static Table], _: bool) -> Answer<'a, Vec<String>> {
        Box::pin(async { Ok(vec![]) })
    }

    fn time(&self) -> Answer<'_, Option<Timestamp>> {
        Box::pin(async { Ok(self.clock.as_ref().map(|clock| clock.now())) })
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// The methods of both, given how to wait for a turn and how to reach the tables.
macro_rules! driver {
    ($type:ty, |$it:ident| $turn:expr, $tables:expr) => {
        impl Driver for $type {
            fn lanes(&self) -> Lanes {
                Lanes { reads: Some(2), writes: Some(1), waits: true }
            }

            fn select<'a>(&'a self, select: &'a Select, each: Each<'a>) -> Answer<'a, ()> {
                let $it = self;
                Box::pin(async move {
                    let rows = $tables?.select(select)?;
                    rows.iter().try_for_each(|row| each(row))
                })
            }

            fn count<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
                let $it = self;
                Box::pin(async move { $tables?.count(table, filter) })
            }

            fn insert<'a>(
                &'a self,
                table: &'static Table,
                rows: Arc<dyn Batch>,
                range: Range<usize>,
            ) -> Answer<'a, Vec<Value<'static>>> {
                let $it = self;
                Box::pin(async move {
                    let _turn = $turn.await?;
                    $tables?.insert(table, &*rows, range)
                })
            }

            fn upsert<'a>(&'a self, upsert: &'a Upsert, rows: Arc<dyn Batch>, range: Range<usize>) -> Answer<'a, ()> {
                let $it = self;
                Box::pin(async move {
                    let _turn = $turn.await?;
                    $tables?.upsert(upsert, &*rows, range)
                })
            }

            fn update<'a>(&'a self, update: &'a Update, each: Each<'a>) -> Answer<'a, ()> {
                let $it = self;
                Box::pin(async move {
                    let _turn = $turn.await?;
                    let rows = $tables?.update(update)?;
                    rows.iter().try_for_each(|row| each(row))
                })
            }

            fn delete<'a>(&'a self, table: &'static Table, filter: &'a Expr) -> Answer<'a, u64> {
                let $it = self;
                Box::pin(async move {
                    let _turn = $turn.await?;
                    $tables?.delete(table, filter)
                })
            }
        }
    };
}

driver!(Memory, |memory| memory.turn(), Ok::<_, Error>(lock(&memory.tables)));
driver!(Copied, |session| std::future::ready(Ok::<_, Error>(())), session.tables());
