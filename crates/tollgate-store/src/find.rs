//! A query in the making: `movies.find(&may, wanted).sort(Movie::RATING.desc()).limit(20).all().await?`.

use crate::{Driver, Error, Expr, Order, Position, Resource, Result, Row, Select, Sort, query::Text};
use std::sync::Arc;

/// A query in the making.
#[must_use]
pub struct Find<T: Resource> {
    driver: Arc<dyn Driver>,
    select: Select,
    /// What the rows come from, where that is not the table.
    text: Option<Text>,
    of: std::marker::PhantomData<fn() -> T>,
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
        let mut rows = Vec::new();
        match self.text {
            _ if self.select.filter == Expr::NONE => (),
            Some(text) => return text.select(&*self.driver, self.select).await,
            None => self.driver.select(&self.select, &mut into(&mut rows)).await?,
        }
        Ok(rows)
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

/// Reads each row to the end of a list.
pub(crate) fn into<T: Resource>(rows: &mut Vec<T>) -> impl FnMut(&dyn Row) -> Result<()> + Send {
    |row| {
        rows.push(T::read(row)?);
        Ok(())
    }
}
