//! What `find` cannot ask: SQL of the app's own, and the database itself.
//!
//! ```
//! # use tollgate_store::{Cell, Error, Field, Filter, Resource, Result, Store, params};
//! # use tollgate_access::{May, Read};
//! # async fn best<Movie: Resource>(movies: Store<Movie>, may: May<Read, Movie>) -> Result<()> {
//! // Rows of the resource: here those of a function in the database.
//! let best: Vec<Movie> = movies.sql(&may, "SELECT * FROM top_movies($1)", params![10]).all().await?;
//! // Rows of another shape: `{movies}` stands for the rows that the caller may read.
//! let count = "SELECT released, count(*) FROM {movies} WHERE rating > $1 GROUP BY released ORDER BY released";
//! let per_year: Vec<(i32, i64)> = movies.sql(&may, count, params![8.0]).all_as().await?;
//! # Ok(()) }
//! ```
//!
//! A driver makes the text a subquery, so it is one that reads, and it makes `{movies}` a table of the caller's rows
//! alone. Values are bound, never written into the text: it is `'static`, so that nobody puts it together from what a
//! caller sent. It names functions, and tables that are not resources, as the database knows them.
//!
//! Invariant: no row of the resource is answered that is not the caller's. A text from which other rows could be told
//! is refused ([`Error::Unscoped`]) to those who may not read all of them. What a text reads from other tables under
//! their own names, or through functions, is the app's to answer for.

use crate::{
    Cell, Database, Driver, Error, Expr, Filter, Find, Kind, Resource, Result, Row, Select, Store, Table, Value,
    filter::is_foreign,
    find::in_task,
    measures::round_trip,
    sql::Param,
    store::scope,
    text::{Piece, pieces, refused},
};
use std::{any::Any, borrow::Cow, marker::PhantomData, sync::Arc};
use tollgate_access::{Action, May, Read, Rows};
use tollgate_core::with_causes;
use tracing::Instrument;

/// Values to bind in [`Store::sql`]: `params![10, "Alien", since, None::<i32>]`.
///
/// A value is of a type that a field can have, or a `&str`; `$1` is the first one. Its type is told to the database, so
/// `$1` is an `int4` where `10_i64` would be an `int8`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::sql::Param::from($value)),*] };
}

impl<C: Cell> From<C> for Param<'static> {
    fn from(value: C) -> Self {
        Self::One(C::KIND, value.show().into_owned())
    }
}

impl From<&str> for Param<'static> {
    fn from(value: &str) -> Self {
        Self::from(value.to_owned())
    }
}

/// A type that a row of an answer can become: a cell, several of them `(i32, i64)` in the order of the answer, or a
/// struct with `#[output(row)]`, whose fields are found by name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a row",
    note = "put `#[output(row)]` on the struct, or use a tuple of types that a field of a resource can have"
)]
pub trait FromRow: Sized + Send + 'static {
    /// The columns it is made of; none to take all of them in their order.
    const COLUMNS: &'static [&'static str];
    /// What they hold.
    const KINDS: &'static [Kind];

    /// Reads the cells of a row, in the order of the columns.
    ///
    /// # Errors
    /// As [`Row::value`], or a cell is of another type.
    fn read(row: &dyn Row) -> Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<C: Cell> FromRow for C {
    const COLUMNS: &'static [&'static str] = &[];
    const KINDS: &'static [Kind] = &[C::KIND];

    fn read(row: &dyn Row) -> Result<Self> {
        row.read(0)
    }
}

macro_rules! tuples {
    ($($($cell:ident $index:literal)+;)+) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($cell: Cell),+> FromRow for ($($cell,)+) {
            const COLUMNS: &'static [&'static str] = &[];
            const KINDS: &'static [Kind] = &[$($cell::KIND),+];

            fn read(row: &dyn Row) -> Result<Self> {
                Ok(($(row.read::<$cell>($index)?,)+))
            }
        }
    )+};
}

tuples! {
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
}

/// SQL of an app's own, as a driver is asked it.
#[derive(Debug, Clone)]
pub struct SqlQuery {
    /// The resource that is asked.
    pub table: &'static Table,
    /// The text.
    pub text: Vec<Piece>,
    /// What it binds.
    pub params: Vec<Param<'static>>,
    /// The tables that it names, each with the rows that it is to see.
    pub tables: Vec<(&'static Table, Expr)>,
    /// What is asked of its rows.
    pub shape: Shape,
}

/// What is asked of the rows of a text.
#[derive(Debug, Clone)]
pub enum Shape {
    /// They are rows of the resource: which, and in which order.
    Resource(Select),
    /// These columns, none to take all, which hold this.
    Columns(&'static [&'static str], &'static [Kind]),
}

impl Shape {
    /// What a column of the answer is to hold.
    pub fn kind(&self, column: usize) -> Option<Kind> {
        match self {
            Self::Resource(select) => select.table.columns.get(column).map(|column| column.kind),
            Self::Columns(_, kinds) => kinds.get(column).copied(),
        }
    }
}

/// SQL of an app's own, in the making.
#[must_use]
pub struct Sql<T: Resource> {
    driver: Arc<dyn Driver>,
    text: Text,
    of: PhantomData<fn() -> T>,
}

impl<T: Resource> std::fmt::Debug for Sql<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sql").field("table", &T::PLURAL).finish_non_exhaustive()
    }
}

/// What was said so far.
pub(crate) struct Text {
    text: &'static str,
    params: Vec<Param<'static>>,
    /// The first one is that of the resource.
    tables: Vec<(&'static Table, Expr)>,
}

impl<T: Resource> Store<T> {
    /// Asks in SQL of the app's own, on databases that speak it.
    ///
    /// `$1` in the text is the first of the `params`, on every database. `{movies}`, with the name of the resource's
    /// table, is the table with the rows that the caller may read. Where the text sorts, the answer keeps its order.
    /// PostgreSQL runs it in a read-only transaction; within a [transaction](Self::transaction), a function that writes
    /// may write.
    ///
    /// To a text, `#[hidden]` fields are columns like others. A column of a type that no field has is an error that
    /// says so: cast it in the text, as in `avg(rating)::float8`. SQLite keeps a [`Decimal`](crate::Decimal) as units
    /// of its last decimal, and so the text meets it.
    pub fn sql(&self, may: &May<Read, T>, text: &'static str, params: Vec<Param<'static>>) -> Sql<T> {
        let tables = vec![(T::TABLE, scope(may.rows()))];
        Sql { driver: self.driver(), text: Text { text, params, tables }, of: PhantomData }
    }

    /// The database itself, for what the framework does not cover: `movies.raw::<Postgres, _>(&may)?.client().await?`.
    ///
    /// From here on, which rows are touched is the app's to answer for: no scope, no permission and no rule of the
    /// model holds behind it, and it reaches every table. So it is given only to those whose permission covers every
    /// row. Take the one that says what is done with it, or a [`System`](tollgate_access::System)'s.
    ///
    /// # Errors
    /// [`Error::Unscoped`] if the permission is for some rows; [`Error::Internal`] if the database is of another type,
    /// or this store is part of a transaction, which the client would not be; [`Error::Invalid`] if it is
    /// [joining](Self::joining) one.
    pub fn raw<D: Database, A: Action>(&self, may: &May<A, T>) -> Result<&D> {
        if !matches!(may.rows(), Rows::All) {
            let why = format!("`raw` reaches every row of `{}`: let only those call it who may do so", T::TABLE.name);
            return Err(Error::Unscoped(Error::source_of(why)));
        }
        if self.joined().is_some() {
            return Err(Error::invalid(
                "this request cannot be made with an `Idempotency-Key`: its work is not one transaction; send it without",
            ));
        }
        if self.is_in_transaction() {
            return Err(Error::internal("the client of a database takes no part in a transaction"));
        }
        let database: &dyn Any = &**self.database();
        let other =
            || format!("`{}` is not in that kind of database but in {}", T::TABLE.name, self.database().describe());
        database.downcast_ref().ok_or_else(|| Error::internal(other()))
    }
}

impl<T: Resource> Sql<T> {
    /// Lets the text name another resource of the same database too, `{words}`, with the rows that this permits.
    pub fn with<O: Resource>(mut self, may: &May<Read, O>) -> Self {
        self.text.tables.push((O::TABLE, scope(may.rows())));
        self
    }

    /// Those rows that match, as rows of the resource: all its columns, found by name, in any order.
    ///
    /// A row is the caller's or not by what it says in those columns.
    pub fn find(self, filter: Filter<T>) -> Find<T> {
        let own = self.text.tables.first().map_or(Expr::NONE, |(_, rows)| rows.clone());
        Find::new(self.driver, own.and(filter.expr)).within(self.text)
    }

    /// All rows, as rows of the resource.
    ///
    /// # Errors
    /// [`Error::Internal`], whose cause is for the log alone: the text is no SQL, lacks a column or has one of another
    /// type, its parameters are not those that were given, or the database speaks no SQL. [`Error::Invalid`] if a
    /// parameter cannot be in a database.
    pub async fn all(self) -> Result<Vec<T>> {
        self.find(Filter::every()).all().await
    }

    /// All rows, as another type: aggregates, joins.
    ///
    /// # Errors
    /// [`Error::Unscoped`] if the text names no `{movies}` and the caller may not read all of them; and as
    /// [`all`](Self::all).
    pub async fn all_as<R: FromRow>(self) -> Result<Vec<R>> {
        let name = |column: usize| R::COLUMNS.get(column).copied();
        self.text.ask(self.driver, T::TABLE, Shape::Columns(R::COLUMNS, R::KINDS), name, R::read).await
    }
}

impl Text {
    /// Asks for the rows that match, as rows of the resource.
    pub(crate) async fn select<T: Resource>(self, driver: Arc<dyn Driver>, select: Select) -> Result<Vec<T>> {
        let name = |column: usize| T::TABLE.columns.get(column).map(|column| column.name);
        self.ask(driver, T::TABLE, Shape::Resource(select), name, T::read).await
    }

    async fn ask<R: Send + 'static>(
        self,
        driver: Arc<dyn Driver>,
        table: &'static Table,
        shape: Shape,
        name: fn(usize) -> Option<&'static str>,
        read: fn(&dyn Row) -> Result<R>,
    ) -> Result<Vec<R>> {
        let (written, query) = (self.text, self.query(table, shape)?);
        let asked = in_task(Arc::clone(&driver), async move {
            let mut rows = Vec::new();
            let mut each = |row: &dyn Row| {
                rows.push(read(&Named { row, name })?);
                Ok(())
            };
            driver.query(&query, &mut each).await?;
            Ok(rows)
        });
        match asked.instrument(round_trip("sql", table)).await {
            // Values that cannot be are a mistake in the text: a caller who reads writes none.
            Err(Error::Internal(cause) | Error::Rejected(cause)) => Err(refused(written, &with_causes(&*cause))),
            outcome => outcome,
        }
    }

    /// What a driver is asked.
    fn query(self, table: &'static Table, shape: Shape) -> Result<SqlQuery> {
        let Self { text: written, params, mut tables } = self;
        let text = pieces(written)?;
        check_params(written, &text, &params)?;
        check_names(written, &text, &tables)?;
        let is_named = |table: &Table| text.contains(&Piece::Table(table.name));
        // Rows of the resource are looked at when they come out.
        let guarded = usize::from(matches!(shape, Shape::Resource(_)));
        let hidden = tables[guarded..].iter().find(|(table, rows)| *rows != Expr::EVERY && !is_named(table));
        if let Some((Table { name, .. }, _)) = hidden {
            let why = format!(
                "the caller may not read every row of `{name}`: write `{{{name}}}` where the SQL reads them, or let \
                 only those call it who hold `read:{name}:any`: {written}"
            );
            return Err(Error::Unscoped(Error::source_of(why)));
        }
        // Named or not, so that a name without braces means no more: `SELECT (SELECT max(secret) FROM notes) …`.
        tables.retain(|(table, rows)| is_named(table) || *rows != Expr::EVERY);
        Ok(SqlQuery { table, text, params, tables, shape })
    }
}

fn check_params(written: &str, text: &[Piece], params: &[Param<'_>]) -> Result<()> {
    let unknown = text.iter().any(|piece| matches!(piece, Piece::Param(index) if *index >= params.len()));
    if unknown || !(0..params.len()).all(|index| text.contains(&Piece::Param(index))) {
        let why = format!("the SQL does not use each of its {} parameters, and no other", params.len());
        return Err(refused(written, &why));
    }
    let foreign = |param: &Param<'_>| matches!(param, Param::One(_, value) if is_foreign(value));
    match params.iter().position(foreign) {
        None => Ok(()),
        Some(_) => Err(Error::invalid("text with a NUL character, and what is no number, is in no database")),
    }
}

fn check_names(written: &str, text: &[Piece], tables: &[(&'static Table, Expr)]) -> Result<()> {
    let unknown = text.iter().find_map(|piece| match piece {
        Piece::Table(name) if tables.iter().all(|(table, _)| table.name != *name) => Some(name),
        _ => None,
    });
    match unknown {
        None => Ok(()),
        Some(name) => Err(refused(written, &format!("`{{{name}}}` needs a permission: add it `.with(&may)`"))),
    }
}

/// A row that knows what its columns are called.
struct Named<'a> {
    row: &'a dyn Row,
    name: fn(usize) -> Option<&'static str>,
}

impl Row for Named<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        self.row.value(column)
    }

    fn name(&self, column: usize) -> Cow<'static, str> {
        (self.name)(column).map_or_else(|| self.row.name(column), |name| format!("`{name}`").into())
    }
}
