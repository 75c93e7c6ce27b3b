//! What rows that are there get, where that cannot be guessed.

use super::{KeptColumn, Said};
use crate::{Error, Kind, Result, Table, Value, nested};

/// What rows get that hold what is no choice of a column, or no longer.
pub(super) fn instead(table: &Table, index: usize, old: &KeptColumn, said: &Said) -> Result<Option<Value<'static>>> {
    let (column, new) = (table.columns[index].name, table.columns[index].kind);
    let said = fill(table, index, false, said)?;
    if said.is_some() || new.holds(old.kind) {
        return Ok(said);
    }
    Err(Error::invalid(format!(
        "`{0}.{column}` is {new} now and was {1}: say what rows get that hold something else, as in --fill \
         {0}.{column}=…",
        table.name, old.kind
    )))
}

/// What rows that are there get in a column.
pub(super) fn fill(table: &Table, index: usize, is_needed: bool, said: &Said) -> Result<Option<Value<'static>>> {
    let column = &table.columns[index];
    let place = format!("{}.{}", table.name, column.name);
    let json = |text: String| Value::Text(text.into());
    let parse = |text: &String| {
        let parsed = match column.kind {
            Kind::Texts => serde_json::from_str(text).ok().map(|texts: Vec<String>| nested::json(&texts)).map(json),
            Kind::Json => serde_json::from_str(text).ok().map(|value: serde_json::Value| value.to_string()).map(json),
            kind => kind.parse(text),
        };
        let fits = parsed.filter(|value| value.check(column.kind).is_ok());
        let example = if column.kind == Kind::Time { ", such as `2026-11-20T10:40:00Z`" } else { "" };
        fits.ok_or_else(|| Error::invalid(format!("--fill {place}: `{text}` is no {}{example}", column.kind)))
    };
    match said.fills.get(&place) {
        Some(text) => parse(text).map(Some),
        None if is_needed => Err(Error::invalid(format!(
            "`{place}` may not be empty, and there may be rows: say what they get, as in --fill {place}=…, or make the \
             field an `Option`"
        ))),
        None => Ok(None),
    }
}
