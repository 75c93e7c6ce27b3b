//! From a question to SQL: values are always bound, so the text depends on the shape of the question alone
//! and a prepared statement serves all that share it.

use crate::{Expr, Kind, Op, Order, Select, Table, To, Update, Value};
use std::marker::PhantomData;

/// Where SQL dialects differ.
pub trait Dialect: Sized {
    /// What makes text compare by its bytes.
    const BYTEWISE: &'static str;
    /// The function that finds text in text.
    const POSITION: &'static str;

    /// Writes the placeholder of a value.
    fn placeholder(number: usize, kind: Kind, sql: &mut String);

    /// Writes the condition that a column's value is in a list.
    fn in_list<'a>(sql: &mut Writer<'a, Self>, column: usize, values: &'a [Value<'static>]);

    /// Writes the condition that a column starts with a text.
    fn starts_with<'a>(sql: &mut Writer<'a, Self>, column: usize, start: &'a str);

    /// Where empty cells go; null sorts first.
    fn nulls(descending: bool) -> &'static str;
}

/// A value to bind.
#[derive(Debug, Clone)]
pub enum Param<'a> {
    /// One value.
    One(Value<'a>),
    /// An array of them.
    Many(&'a [Value<'static>]),
}

/// A statement on one table, in the making.
pub struct Writer<'a, D> {
    /// The table.
    pub table: &'static Table,
    /// The text so far.
    pub text: String,
    /// The values it binds.
    pub params: Vec<Param<'a>>,
    dialect: PhantomData<D>,
}

impl<'a, D: Dialect> Writer<'a, D> {
    /// An empty statement.
    pub fn new(table: &'static Table) -> Self {
        Self { table, text: String::with_capacity(160), params: Vec::with_capacity(4), dialect: PhantomData }
    }

    /// Adds text as it is.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a quoted name.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.push("\"").push(name).push("\"")
    }

    /// Adds the name of a column.
    pub fn column(&mut self, column: usize) -> &mut Self {
        self.name(self.table.columns[column].name)
    }

    /// Binds a value.
    pub fn bind(&mut self, kind: Kind, param: Param<'a>) -> &mut Self {
        self.params.push(param);
        D::placeholder(self.params.len(), kind, &mut self.text);
        self
    }

    /// Adds parts with a separator between them.
    pub fn list<I>(
        &mut self,
        parts: impl IntoIterator<Item = I>,
        separator: &str,
        mut add: impl FnMut(&mut Self, I),
    ) -> &mut Self {
        for (index, part) in parts.into_iter().enumerate() {
            self.push(if index == 0 { "" } else { separator });
            add(self, part);
        }
        self
    }

    /// Adds all columns.
    pub fn columns(&mut self) -> &mut Self {
        self.list(0..self.table.columns.len(), ", ", |sql, column| {
            sql.column(column);
        })
    }

    /// Adds a condition.
    pub fn condition(&mut self, expr: &'a Expr) {
        match expr {
            Expr::All(parts) => self.joined(parts, " AND ", "TRUE"),
            Expr::Any(parts) => self.joined(parts, " OR ", "FALSE"),
            Expr::Not(part) => {
                self.push("NOT ").condition(part);
            }
            Expr::IsNull(column) => {
                self.push("(").column(*column).push(" IS NULL)");
            }
            Expr::Compare(column, op, value) => self.leaf(*column, |sql| sql.compare(*column, *op, value)),
            Expr::In(_, values) if values.is_empty() => {
                self.push("FALSE");
            }
            Expr::In(column, values) => self.leaf(*column, |sql| D::in_list(sql, *column, values)),
            Expr::Contains(column, part) => self.leaf(*column, |sql| sql.contains(*column, part)),
            Expr::StartsWith(column, start) => self.leaf(*column, |sql| D::starts_with(sql, *column, start)),
        }
    }

    fn joined(&mut self, parts: &'a [Expr], separator: &str, empty: &str) {
        if parts.is_empty() {
            self.push(empty);
        } else {
            self.push("(").list(parts, separator, Self::condition).push(")");
        }
    }

    /// A comparison that is false, not unknown, for an empty cell.
    fn leaf(&mut self, column: usize, condition: impl FnOnce(&mut Self)) {
        self.push("(");
        if self.table.columns[column].nullable {
            self.column(column).push(" IS NOT NULL AND ");
        }
        condition(self);
        self.push(")");
    }

    fn compare(&mut self, column: usize, op: Op, value: &'a Value<'static>) {
        let kind = self.table.columns[column].kind;
        let sign = match op {
            Op::Eq => " = ",
            Op::Lt => " < ",
            Op::Lte => " <= ",
            Op::Gt => " > ",
            Op::Gte => " >= ",
        };
        self.column(column).push(if kind == Kind::Text && op != Op::Eq { D::BYTEWISE } else { "" });
        self.push(sign).bind(kind, Param::One(value.borrow()));
    }

    fn contains(&mut self, column: usize, part: &'a str) {
        self.push(D::POSITION).push("(").column(column).push(", ");
        self.bind(Kind::Text, Param::One(Value::Text(part.into()))).push(") > 0");
    }

    fn order(&mut self, order: &[Order]) {
        if order.is_empty() {
            return;
        }
        self.push(" ORDER BY ").list(order, ", ", |sql, by| {
            let column = &sql.table.columns[by.column];
            sql.name(column.name).push(if column.kind == Kind::Text { D::BYTEWISE } else { "" });
            sql.push(if by.descending { " DESC" } else { "" });
            sql.push(if column.nullable { D::nulls(by.descending) } else { "" });
        });
    }

    fn filtered(mut self, filter: &'a Expr) -> Self {
        self.push(" WHERE ").condition(filter);
        self
    }
}

/// `SELECT … FROM … WHERE … ORDER BY … LIMIT …`
pub fn select<D: Dialect>(select: &Select) -> Writer<'_, D> {
    let mut sql = Writer::new(select.table);
    sql.push("SELECT ").columns().push(" FROM ").name(select.table.name);
    let mut sql = sql.filtered(&select.filter);
    sql.order(&select.order);
    if let Some(limit) = select.limit {
        sql.push(" LIMIT ").bind(Kind::Int64, Param::One(Value::Int(limit.into())));
    }
    sql
}

/// `SELECT count(*) FROM … WHERE …`
pub fn count<'a, D: Dialect>(table: &'static Table, filter: &'a Expr) -> Writer<'a, D> {
    let mut sql = Writer::new(table);
    sql.push("SELECT count(*) FROM ").name(table.name);
    sql.filtered(filter)
}

/// `UPDATE … SET … WHERE … RETURNING …`
pub fn update<D: Dialect>(update: &Update) -> Writer<'_, D> {
    let mut sql = Writer::new(update.table);
    sql.push("UPDATE ").name(update.table.name).push(" SET ");
    sql.list(&update.set, ", ", |sql, set| {
        sql.column(set.column).push(" = ");
        match &set.to {
            To::Value(value) => sql.bind(update.table.columns[set.column].kind, Param::One(value.borrow())),
            To::Next => sql.column(set.column).push(" + 1"),
        };
    });
    let mut sql = sql.filtered(&update.filter);
    sql.push(" RETURNING ").columns();
    sql
}

/// `DELETE FROM … WHERE …`
pub fn delete<'a, D: Dialect>(table: &'static Table, filter: &'a Expr) -> Writer<'a, D> {
    let mut sql = Writer::new(table);
    sql.push("DELETE FROM ").name(table.name);
    sql.filtered(filter)
}

/// `CREATE TABLE …`, given how the dialect calls a kind and a key it counts itself.
pub fn create_table(table: &Table, kind: fn(Kind) -> &'static str, counted: &str) -> String {
    let columns: Vec<_> = (0..table.columns.len()).map(|column| define(table, column, kind, counted)).collect();
    format!("CREATE TABLE IF NOT EXISTS \"{}\" (\n  {}\n)", table.name, columns.join(",\n  "))
}

/// The definition of one column, as in `CREATE TABLE` and `ALTER TABLE … ADD COLUMN`.
pub fn define(table: &Table, index: usize, kind: fn(Kind) -> &'static str, counted: &str) -> String {
    let (column, is_id) = (&table.columns[index], index == table.id);
    let null = if column.nullable { "" } else { " NOT NULL" };
    let key = if is_id { " PRIMARY KEY" } else { "" };
    let made = if is_id && table.counted { counted } else { "" };
    format!("\"{}\" {}{null}{key}{made}", column.name, kind(column.kind))
}

/// `CREATE INDEX …` on one column.
pub fn create_index(table: &Table, index: usize) -> String {
    let (table, column) = (table.name, &table.columns[index]);
    let (unique, kind) = if column.unique { ("UNIQUE ", "key") } else { ("", "idx") };
    let column = column.name;
    format!("CREATE {unique}INDEX IF NOT EXISTS \"{table}_{column}_{kind}\" ON \"{table}\" (\"{column}\")")
}
