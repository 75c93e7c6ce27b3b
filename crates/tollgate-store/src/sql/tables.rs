//! From a table to the SQL that makes it.

use super::quoted;
use super::{Dialect, Writer};
use crate::{Kind, Table, Value, migrate::index_name, schema::indexed};

/// `CREATE TABLE …`
pub fn create_table<D: Dialect>(dialect: D, table: &'static Table) -> String {
    create_table_as(dialect, table, table.name)
}

/// The same under another name.
pub fn create_table_as<D: Dialect>(dialect: D, table: &'static Table, name: &str) -> String {
    let mut sql = Writer::new(dialect, table);
    sql.push("CREATE TABLE IF NOT EXISTS ");
    sql.dialect.qualify(&mut sql.text);
    sql.name(name).push(" (\n  ");
    sql.list(0..table.columns.len(), ",\n  ", Writer::define).push("\n)");
    sql.text
}

/// `ALTER TABLE … ADD COLUMN …`
pub fn add_column<D: Dialect>(dialect: D, table: &'static Table, index: usize) -> String {
    let mut sql = Writer::new(dialect, table);
    sql.push("ALTER TABLE ").table().push(" ADD COLUMN ").define(index);
    sql.text
}

/// `CREATE INDEX …` on one column. It fails where something else has its name.
pub fn create_index<D: Dialect>(dialect: D, table: &'static Table, index: usize) -> String {
    let column = &table.columns[index];
    let (unique, name) =
        (if column.unique { "UNIQUE " } else { "" }, index_name(table.name, column.name, column.unique));
    let mut sql = Writer::new(dialect, table);
    sql.push(&format!("CREATE {unique}INDEX \"{name}\" ON "));
    sql.table().push(" (").column(index).push(if column.nullable { D::nulls(false) } else { "" }).push(")");
    sql.text
}

/// The same for a script, which may meet the index: it may have been added at a start.
pub fn create_index_if_missing<D: Dialect>(dialect: D, table: &'static Table, index: usize) -> String {
    create_index(dialect, table, index).replacen("INDEX", "INDEX IF NOT EXISTS", 1)
}

/// `CREATE TABLE …` and its indexes, as statements of a script, which must not pass over what is there already.
pub fn create<D: Dialect>(dialect: D, table: &'static Table, ending: &str) -> Vec<String> {
    let indexes = indexed(table);
    let indexes = indexes.map(|index| create_index(dialect, table, index));
    let table = create_table(dialect, table).replacen(" IF NOT EXISTS", "", 1) + ending;
    std::iter::once(table).chain(indexes).collect()
}

/// What is to be known about nested values of another shape, and the beginning of what changes them, as a comment.
pub fn reshape(table: &Table, column: usize, differences: &[String]) -> String {
    let (table, column) = (table.name, table.columns[column].name);
    let differences = differences.join("\n--   ");
    format!(
        "-- {table}.{column} has another shape, and rows that are there the one before:\n--   {differences}\n-- UPDATE \"{table}\" SET \
         \"{column}\" = … WHERE …"
    )
}

/// The condition that a column holds one of its choices, if those are all that it holds.
pub fn is_choice(table: &Table, index: usize) -> Option<String> {
    let column = &table.columns[index];
    let Kind::Choice(names) = column.kind else { return None };
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    Some(format!("\"{}\" IN ({})", column.name, names.join(", ")))
}

/// `UPDATE …`: rows with a text that is no choice get this one. What may be empty stays so.
pub fn fill_choices<D: Dialect>(table: &Table, index: usize, fill: &Value<'_>) -> Option<String> {
    let (name, column, is_choice) = (table.name, &table.columns[index], is_choice(table, index)?);
    let fill = D::literal(column.kind, fill);
    Some(format!("UPDATE \"{name}\" SET \"{}\" = {fill} WHERE NOT ({is_choice})", column.name))
}
