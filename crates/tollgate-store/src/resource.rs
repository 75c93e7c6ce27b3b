//! What a stored type says about itself. `#[resource]` writes all of it; by hand it is some fifty lines.

use crate::{Cell, Filter, Kind, Result, Row, Value, migrate::ShapeOf};
use jiff::Timestamp;
use std::{fmt::Display, hash::Hash};
use tollgate_access::{Actor, Policy};
use tollgate_core::{Input, Output};
use uuid::Uuid;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one attribute, or the type's `Option`")]
pub struct Column {
    /// Its name, the same in Rust, JSON and the database.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be empty.
    pub nullable: bool,
    /// Who fills it.
    pub filled: Filled,
    /// Whether no two rows may share a value.
    pub unique: bool,
    /// Whether it is searched often.
    pub index: bool,
    /// Whether it is never answered, filtered or sorted by.
    pub hidden: bool,
    /// What is in it, where its kind does not say.
    pub shape: Option<ShapeOf>,
}

/// Who fills a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// The caller.
    ByCaller,
    /// The server, when the row is made: a key nobody chose.
    ByGenerator,
    /// The server: whoever makes the row owns it.
    ByOwner,
    /// The server: when the row was made.
    ByCreation,
    /// The server: when the row last changed.
    ByUpdate,
    /// The server: counts the changes, from 1.
    ByVersion,
    /// The app, with [`Store::set`](crate::Store::set); until then it holds the `Default` of its type.
    ByApp,
}

impl Column {
    /// The column of a field of type `C`.
    pub const fn of<C: Cell>(name: &'static str) -> Self {
        let (kind, nullable, shape) = (C::KIND, C::NULLABLE, C::SHAPE);
        Self { name, kind, nullable, filled: Filled::ByCaller, unique: false, index: false, hidden: false, shape }
    }

    /// The same, filled by the server.
    #[must_use]
    pub const fn filled(self, filled: Filled) -> Self {
        Self { filled, ..self }
    }

    /// The same, with `#[unique]`.
    ///
    /// # Panics
    /// At compile time, if its values have no order.
    #[must_use]
    pub const fn unique(self) -> Self {
        assert!(self.kind.is_ordered(), "a list or a nested value cannot be unique");
        Self { unique: true, ..self }
    }

    /// The same, with `#[index]`.
    ///
    /// # Panics
    /// At compile time, if its values have no order.
    #[must_use]
    pub const fn index(self) -> Self {
        assert!(self.kind.is_ordered(), "a list or a nested value cannot be indexed");
        Self { index: true, ..self }
    }

    /// The same, with `#[hidden]`.
    #[must_use]
    pub const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }
}

/// One table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name: that of the resource in permissions, and of the table in the database.
    pub name: &'static str,
    /// How one row is called, in words.
    pub one: &'static str,
    /// The doc comment of the resource.
    pub about: &'static str,
    /// Its columns, in the order of the fields.
    pub columns: &'static [Column],
    /// Which column is the primary key.
    pub id: usize,
    /// Whether the database makes the key: it counts.
    pub counted: bool,
    /// The database it lives in, where that is not the default one.
    pub database: Option<&'static str>,
    /// Whether each write is recorded, as an [`AuditEvent`](crate::audit::AuditEvent) beside it.
    pub audited: bool,
}

impl Table {
    /// The columns an insert fills, with their indices.
    pub fn written(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(index, _)| !(self.counted && *index == self.id))
    }

    /// The column that the server fills in that way.
    pub fn filled(&self, by: Filled) -> Option<usize> {
        self.columns.iter().position(|column| column.filled == by)
    }

    /// The columns callers may filter and sort by, with their indices.
    pub fn shown(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| !column.hidden)
    }
}

/// What the server, never the caller, puts into a new row.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// Who makes it.
    pub actor: &'a Actor,
    /// When.
    pub now: Timestamp,
}

/// A column and what it becomes.
#[derive(Debug, Clone)]
pub struct Set {
    /// The column's index.
    pub column: usize,
    /// What it becomes.
    pub to: To,
}

/// What a column becomes.
#[derive(Debug, Clone)]
pub enum To {
    /// This value.
    Value(Value<'static>),
    /// One more than it is.
    Next,
}

impl Set {
    /// The column with this index becomes what that field holds.
    pub fn field<C: Cell>(column: usize, field: &C) -> Self {
        Self { column, to: To::Value(field.show().into_owned()) }
    }
}

/// A type whose values are rows of a table.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource",
    note = "put `#[resource(plural = \"…\")]` on the struct"
)]
pub trait Resource: Policy<Scope = Filter<Self>> + Row + Output + Clone {
    /// The table.
    const TABLE: &'static Table;
    /// The type of the primary key.
    type Id: Key;
    /// What a caller sends to create one.
    type New: Input + Clone + Sync;
    /// What a caller sends to change part of one.
    type Patch: Input;

    /// The primary key.
    fn id(&self) -> Self::Id;

    /// Fills in the key the database made.
    fn set_id(&mut self, id: Self::Id);

    /// Reads the cells of a row, in the order of the columns.
    ///
    /// # Errors
    /// As [`Row::value`].
    fn read(row: &dyn Row) -> Result<Self>;

    /// The row to insert: what was sent, and what only the server may say (key, owner, times, version).
    fn create(new: Self::New, stamp: &Stamp<'_>) -> Self;

    /// Everything a caller may write, as sent, and the key if the caller says it.
    fn replace(new: Self::New) -> (Option<Self::Id>, Vec<Set>);

    /// The columns a patch changes.
    fn patch(patch: Self::Patch) -> Vec<Set>;
}

/// Types that can identify a row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot identify a row",
    note = "use `i32`, `i64`, `Uuid`, `ObjectId` or `String`"
)]
pub trait Key: Cell<Plain = Self> + Input + Output + Display + Clone + Ord + Hash {}
impl Key for i32 {}
impl Key for i64 {}
impl Key for Uuid {}
impl Key for String {}

/// Keys that nobody chooses.
#[diagnostic::on_unimplemented(
    message = "an id of type `{Self}` cannot be generated",
    note = "use `i32` or `i64` (the database counts), `Uuid` or `ObjectId` (in the order of creation)"
)]
pub trait GeneratedId: Key {
    /// Whether the database counts; else the key is made here.
    const COUNTED: bool;
    /// The key of a new row; where the database counts, what stands there until it did.
    fn generate() -> Self;
}

impl GeneratedId for i32 {
    const COUNTED: bool = true;
    fn generate() -> Self {
        0
    }
}

impl GeneratedId for i64 {
    const COUNTED: bool = true;
    fn generate() -> Self {
        0
    }
}

/// Version 7: in the order of creation, so that indexes grow at their end (RFC 9562, 5.7).
impl GeneratedId for Uuid {
    const COUNTED: bool = false;
    fn generate() -> Self {
        Self::now_v7()
    }
}

/// Types that can say whose a row is.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot name an owner", note = "use `String`: the id of an `Actor`")]
pub trait OwnerId: Cell<Plain = Self> {
    /// The owner with this id.
    fn of(actor: &Actor) -> Self;
}

impl OwnerId for String {
    fn of(actor: &Actor) -> Self {
        actor.id().to_owned()
    }
}
