//! From a question to SQL: values are always bound, so the text depends on the shape of the question alone
//! and a prepared statement serves all that share it.

mod tables;

pub use tables::{
    add_column, create, create_index, create_index_if_missing, create_table, create_table_as, fill_choices, is_choice,
    reshape,
};

use crate::{Expr, Kind, Op, Order, Piece, Resolution, Select, Shape, SqlQuery, Table, To, Update, Upsert, Value};
use std::borrow::Cow;

/// How many conditions are joined in a row.
const MOST_IN_A_ROW: usize = 128;

/// Where SQL dialects differ. The value itself is what is known only at run time: where the tables are.
pub trait Dialect: Copy {
    /// What makes text compare by its bytes.
    const BYTEWISE: &'static str;
    /// The function that finds text in text.
    const POSITION: &'static str;
    /// What comes before a table that is also the name of a part of the statement.
    const STORED: &'static str = "";
    /// What follows the definition of a key that the database counts.
    const COUNTED: &'static str;

    /// What a kind of column is called.
    fn kind(kind: Kind) -> Cow<'static, str>;

    /// What follows a kind in the definition of a column.
    fn collation(_: Kind) -> &'static str {
        ""
    }

    /// What follows the definition of a column that holds certain values alone, where the database sees to it.
    fn rule(_: &Table, _: usize) -> String {
        String::new()
    }

    /// Writes what comes before the quoted name of a table.
    fn qualify(self, _: &mut String) {}

    /// Writes the placeholder of a value.
    fn placeholder(number: usize, kind: Kind, sql: &mut String);

    /// Writes the sum of what a column holds and what comes, which is refused where it is too large.
    fn sum<'s, 'a>(sql: &'s mut Writer<'a, Self>, column: usize) -> &'s mut Writer<'a, Self> {
        sql.added(column)
    }

    /// Writes the condition that a column's value is in a list.
    fn in_list<'a>(sql: &mut Writer<'a, Self>, column: usize, values: &'a [Value<'static>]);

    /// Writes the condition that a column starts with a text.
    fn starts_with<'a>(sql: &mut Writer<'a, Self>, column: usize, start: &'a str);

    /// Writes the condition that a column, a list, has a text.
    fn has<'a>(sql: &mut Writer<'a, Self>, column: usize, text: &'a str);

    /// A value as it stands in a script.
    fn literal(kind: Kind, value: &Value<'_>) -> String;

    /// Where empty cells go; null sorts first.
    fn nulls(descending: bool) -> &'static str;
}

/// A value to bind, with the kind of the column it is meant for.
#[derive(Debug, Clone)]
pub enum Param<'a> {
    /// One value.
    One(Kind, Value<'a>),
    /// An array of them.
    Many(Kind, &'a [Value<'static>]),
}

impl Param<'_> {
    fn borrow(&self) -> Param<'_> {
        match self {
            Self::One(kind, value) => Param::One(*kind, value.borrow()),
            Self::Many(kind, values) => Param::Many(*kind, values),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::One(kind, _) | Self::Many(kind, _) => *kind,
        }
    }
}

/// A statement on one table, in the making.
pub struct Writer<'a, D> {
    /// The table.
    pub table: &'static Table,
    /// The text so far.
    pub text: String,
    /// The values it binds.
    pub params: Vec<Param<'a>>,
    dialect: D,
}

impl<D> std::fmt::Debug for Writer<'_, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("text", &self.text).finish_non_exhaustive()
    }
}

impl<'a, D: Dialect> Writer<'a, D> {
    /// An empty statement.
    pub fn new(dialect: D, table: &'static Table) -> Self {
        Self { table, text: String::with_capacity(160), params: Vec::with_capacity(4), dialect }
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

    /// Adds the name of the table.
    pub fn table(&mut self) -> &mut Self {
        self.dialect.qualify(&mut self.text);
        self.name(self.table.name)
    }

    /// Adds the name of a column.
    pub fn column(&mut self, column: usize) -> &mut Self {
        self.name(self.table.columns[column].name)
    }

    /// Adds the sum of what is there and what comes.
    pub fn added(&mut self, column: usize) -> &mut Self {
        self.stored(column).push(" + excluded.").column(column)
    }

    /// Adds the name of a column with that of its table.
    fn stored(&mut self, column: usize) -> &mut Self {
        self.name(self.table.name).push(".").column(column)
    }

    /// Binds a value.
    pub fn bind(&mut self, param: Param<'a>) -> &mut Self {
        D::placeholder(self.params.len() + 1, param.kind(), &mut self.text);
        self.params.push(param);
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
            Expr::Has(column, text) => self.leaf(*column, |sql| D::has(sql, *column, text)),
        }
    }

    /// Many are joined as halves, for databases limit how deep an expression is: a row of a thousand is as deep.
    fn joined(&mut self, parts: &'a [Expr], separator: &str, empty: &str) {
        match parts.len() {
            0 => {
                self.push(empty);
            }
            1..=MOST_IN_A_ROW => {
                self.push("(").list(parts, separator, Self::condition).push(")");
            }
            count => {
                let (first, last) = parts.split_at(count / 2);
                self.push("(").joined(first, separator, empty);
                self.push(separator).joined(last, separator, empty);
                self.push(")");
            }
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
        self.column(column).push(if kind.is_text() && op != Op::Eq { D::BYTEWISE } else { "" });
        self.push(sign).bind(Param::One(kind, value.borrow()));
    }

    fn contains(&mut self, column: usize, part: &'a str) {
        self.push(D::POSITION).push("(").column(column).push(", ");
        self.bind(Param::One(Kind::Text, Value::Text(part.into()))).push(") > 0");
    }

    fn order(&mut self, order: &[Order]) {
        if order.is_empty() {
            return;
        }
        self.push(" ORDER BY ").list(order, ", ", |sql, by| {
            let column = &sql.table.columns[by.column];
            sql.name(column.name).push(if column.kind.is_text() { D::BYTEWISE } else { "" });
            sql.push(if by.descending { " DESC" } else { "" });
            sql.push(if column.nullable { D::nulls(by.descending) } else { "" });
        });
    }

    fn define(&mut self, index: usize) {
        let (column, is_key) = (&self.table.columns[index], index == self.table.id);
        self.column(index).push(" ").push(&D::kind(column.kind)).push(D::collation(column.kind));
        self.push(if column.nullable { "" } else { " NOT NULL" }).push(if is_key { " PRIMARY KEY" } else { "" });
        self.push(if is_key && self.table.counted { D::COUNTED } else { "" });
        self.push(&D::rule(self.table, index));
    }

    fn filtered(mut self, filter: &'a Expr) -> Self {
        self.push(" WHERE ").condition(filter);
        self
    }

    /// Adds which rows are selected, in which order.
    fn selected(self, select: &'a Select) -> Self {
        let mut sql = self.filtered(&select.filter);
        sql.order(&select.order);
        if let Some(limit) = select.limit {
            sql.push(" LIMIT ").bind(Param::One(Kind::Int64, Value::Int(limit.into())));
        }
        sql
    }

    /// Has the names of tables mean some of their rows.
    fn with(&mut self, tables: &'a [(&'static Table, Expr)]) {
        let own = self.table;
        self.push(if tables.is_empty() { "" } else { "WITH " }).list(tables, ", ", |sql, (table, rows)| {
            sql.table = table;
            sql.name(table.name).push(" AS NOT MATERIALIZED (SELECT ").columns();
            sql.push(" FROM ").push(D::STORED).table().push(" WHERE ").condition(rows);
            sql.push(") ");
        });
        self.table = own;
    }

    /// Adds SQL of the app's own as a table. Its last line may end in a comment.
    fn text(&mut self, text: &[Piece], params: &[Param<'_>]) {
        self.push(" FROM (");
        for piece in text {
            match piece {
                Piece::Sql(written) => self.push(written),
                Piece::Table(name) => self.name(name),
                Piece::Param(index) => {
                    self.push("(");
                    D::placeholder(index + 1, params[*index].kind(), &mut self.text);
                    self.push(")")
                }
            };
        }
        self.push("\n) AS ");
    }
}

/// `SELECT … FROM … WHERE … ORDER BY … LIMIT …`
pub fn select<D: Dialect>(dialect: D, select: &Select) -> Writer<'_, D> {
    let mut sql = Writer::new(dialect, select.table);
    sql.push("SELECT ").columns().push(" FROM ").table();
    sql.selected(select)
}

/// `WITH … SELECT … FROM (…)`: SQL of the app's own as a table, with nothing but the caller's rows in the tables that
/// it names. What is in a subquery can only read.
pub fn query<D: Dialect>(dialect: D, query: &SqlQuery) -> Writer<'_, D> {
    let mut sql = Writer::new(dialect, query.table);
    // The numbers in the text are theirs; ours come after them.
    sql.params.extend(query.params.iter().map(Param::borrow));
    sql.with(&query.tables);
    sql.push("SELECT ");
    match &query.shape {
        Shape::Resource(select) => {
            sql.columns().text(&query.text, &query.params);
            sql.name(query.table.name);
            sql.selected(select)
        }
        Shape::Columns(names, _) => {
            sql.push(if names.is_empty() { "*" } else { "" }).list(*names, ", ", |sql, name| {
                sql.name(name);
            });
            sql.text(&query.text, &query.params);
            sql.name("answer");
            sql
        }
    }
}

/// `SELECT count(*) FROM … WHERE …`
pub fn count<'a, D: Dialect>(dialect: D, table: &'static Table, filter: &'a Expr) -> Writer<'a, D> {
    let mut sql = Writer::new(dialect, table);
    sql.push("SELECT count(*) FROM ").table();
    sql.filtered(filter)
}

/// `UPDATE … SET … WHERE … RETURNING …`
pub fn update<D: Dialect>(dialect: D, update: &Update) -> Writer<'_, D> {
    let mut sql = Writer::new(dialect, update.table);
    sql.push("UPDATE ").table().push(" SET ");
    sql.list(&update.set, ", ", |sql, set| {
        sql.column(set.column).push(" = ");
        match &set.to {
            To::Value(value) => sql.bind(Param::One(update.table.columns[set.column].kind, value.borrow())),
            To::Next => sql.column(set.column).push(" + 1"),
        };
    });
    let mut sql = sql.filtered(&update.filter);
    sql.push(" RETURNING ").columns();
    sql
}

/// ` ON CONFLICT (…) DO UPDATE SET …`: what follows an insert that changes rows that are there.
pub fn on_conflict<D: Dialect>(dialect: D, upsert: &Upsert) -> String {
    let mut sql = Writer::new(dialect, upsert.table);
    sql.push(" ON CONFLICT (").column(upsert.table.id).push(") DO ");
    sql.push(if upsert.columns.is_empty() { "NOTHING" } else { "UPDATE SET " });
    sql.list(&upsert.columns, ", ", |sql, (column, how)| {
        sql.column(*column).push(" = ");
        match how {
            Resolution::Taken => sql.push("excluded.").column(*column),
            Resolution::Added => D::sum(sql, *column),
            Resolution::Next => sql.stored(*column).push(" + 1"),
        };
    });
    sql.text
}

/// `DELETE FROM … WHERE …`
pub fn delete<'a, D: Dialect>(dialect: D, table: &'static Table, filter: &'a Expr) -> Writer<'a, D> {
    let mut sql = Writer::new(dialect, table);
    sql.push("DELETE FROM ").table();
    sql.filtered(filter)
}

/// Text in quotes.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
