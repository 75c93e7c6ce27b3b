//! A query in the making: `movies.find(&may, wanted).sort(Movie::RATING.desc()).limit(20).all().await?`.

use crate::{
    Driver, Error, Expr, Order, Position, Resource, Result, Row, Select, Sort, measures::round_trip, query::Text,
};
use std::{panic::resume_unwind, pin::Pin, sync::Arc};
use tokio::{sync::oneshot, task::JoinSet};
use tracing::Instrument;

/// A query in the making.
#[must_use]
pub struct Find<T: Resource> {
    driver: Arc<dyn Driver>,
    select: Select,
    /// What the rows come from, where that is not the table.
    text: Option<Text>,
    of: std::marker::PhantomData<fn() -> T>,
}

impl<T: Resource> std::fmt::Debug for Find<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Find").field("table", &T::PLURAL).field("filter", &self.select.filter).finish_non_exhaustive()
    }
}

/// Some rows, and where the next ones start.
#[derive(Debug)]
pub struct Slice<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next rows start; nothing after the last ones.
    pub next: Option<Position>,
}

impl<T: Resource> Find<T> {
    pub(crate) fn new(driver: Arc<dyn Driver>, filter: Expr) -> Self {
        let select = Select { table: T::TABLE, filter, order: Vec::new(), limit: None };
        Self { driver, select, text: None, of: std::marker::PhantomData }
    }

    pub(crate) fn within(self, text: Text) -> Self {
        Self { text: Some(text), ..self }
    }

    /// Sorts by this, after what was said before.
    pub fn sort(mut self, by: impl Into<Sort<T>>) -> Self {
        self.select.order.push(by.into().order);
        self
    }

    /// At most so many.
    pub fn limit(mut self, limit: u32) -> Self {
        self.select.limit = Some(limit);
        self
    }

    /// All of them.
    ///
    /// # Errors
    /// The database cannot be reached, or answered something unexpected.
    pub async fn all(self) -> Result<Vec<T>> {
        let Self { driver, select, text, .. } = self;
        match text {
            _ if select.filter == Expr::NONE => Ok(Vec::new()),
            Some(text) => text.select(driver, select).await,
            None => {
                in_task(Arc::clone(&driver), async move {
                    let mut rows = Vec::new();
                    driver.select(&select, &mut into(&mut rows)).await?;
                    Ok(rows)
                })
                .instrument(round_trip("select", T::TABLE))
                .await
            }
        }
    }

    /// The first of them.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn first(self) -> Result<Option<T>> {
        Ok(self.limit(1).all().await?.pop())
    }

    /// At most `limit` of those behind a position, from the first without one, and where the next page starts.
    ///
    /// The key becomes the last column of the order, so that no two rows are equal in it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the position is one in another order, and as [`all`](Self::all).
    pub async fn page(mut self, limit: u32, after: Option<&Position>) -> Result<Slice<T>> {
        let order = with_key(T::TABLE.id, std::mem::take(&mut self.select.order));
        if let Some(position) = after {
            if !position.fits(T::TABLE, &order) {
                return Err(Error::invalid("the page before was in another order"));
            }
            let behind = position.behind(T::TABLE, &order);
            self.select.filter = self.select.filter.and(behind);
        }
        self.select.order.clone_from(&order);
        let mut items = self.limit(limit.saturating_add(1)).all().await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more);
        let next = last.map(|row| Position::of(row, &order)).transpose()?;
        Ok(Slice { items, next })
    }
}

/// The order, down to the key: what comes after the key decides nothing.
pub(crate) fn with_key(id: usize, mut order: Vec<Order>) -> Vec<Order> {
    match order.iter().position(|by| by.column == id) {
        Some(at) => order.truncate(at + 1),
        None => order.push(Order { column: id, descending: false }),
    }
    order
}

/// Reads in a task of its own where callers share connections: until an answer is taken in, those behind it wait, and a
/// caller may do something else before asking for it again. It ends with the caller.
pub(crate) async fn in_task<R: Send + 'static>(
    driver: Arc<dyn Driver>,
    read: impl Future<Output = Result<R>> + Send + 'static,
) -> Result<R> {
    if driver.lanes().reads.is_none() {
        return Box::pin(read).await;
    }
    let (sender, answer) = oneshot::channel();
    // Boxed, and without an answer: a task is a lot of code, and so is there once, not for each read.
    let read: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        let _ = sender.send(read.await);
    });
    let mut task = JoinSet::new();
    task.spawn(read.in_current_span());
    match task.join_next().await {
        Some(Ok(())) => answer.await.unwrap_or_else(|_| Err(ending())),
        Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
        _ => Err(ending()),
    }
}

fn ending() -> Error {
    Error::Unavailable(Error::source_of("the app is ending"))
}

/// Reads each row to the end of a list.
pub(crate) fn into<T: Resource>(rows: &mut Vec<T>) -> impl FnMut(&dyn Row) -> Result<()> + Send {
    |row| {
        rows.push(T::read(row)?);
        Ok(())
    }
}
