//! `load RESOURCE FILE`: rows from a JSON array or a CSV file, all of them or none.

use super::{opened, print};
use crate::app::{Design, Failure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use std::{fmt::Write as _, fs, path::Path};
use tollgate_auth::{ApiKey, ProviderPerson, User};
use tollgate_core::strict;
use tollgate_http::{BadRow, LoadError};
use tollgate_store::{Kind, Resource, Table, audit::AuditEvent};

/// The deepest nesting of a file's JSON.
const DEEPEST: usize = 64;

/// What the framework itself adds to, and nobody else: the record of what was done, what opens doors, who is kept out.
fn check_is_no_record(resource: &str) -> Result<(), Failure> {
    let own = [AuditEvent::TABLE.name, ApiKey::TABLE.name, ProviderPerson::TABLE.name];
    if own.contains(&resource) {
        return Err(Failure(format!("`{resource}` are not loaded from files: the app itself writes them")));
    }
    Ok(())
}

pub(super) async fn load(design: Design, resource: &str, file: &Path, by: Option<&str>) -> Result<(), Failure> {
    check_is_no_record(resource)?;
    let names = || design.built.resources.iter().map(|resource| resource.table().name).collect::<Vec<_>>().join(", ");
    let found = design.built.resources.iter().find(|known| known.table().name == resource).cloned();
    let found = found.ok_or_else(|| Failure(format!("there is no resource `{resource}`; there are: {}", names())))?;
    let rows = read(file, found.table())?;
    let running = opened(design).await?;
    let by = match by {
        Some(email) => Some(running.identity()?.stand_in(email).await?),
        None => None,
    };

    let bar = ProgressBar::new(rows.len() as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows  {per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let done = |count| bar.inc(count as u64);
    let loaded = if resource == User::TABLE.name {
        running.identity()?.accounts().load(rows, by.as_ref(), &done).await
    } else {
        found.load(&running.context.stores, rows, by.as_ref(), &done).await
    };
    bar.finish_and_clear();
    match loaded {
        Ok(count) => print(&format!("loaded {count} {resource} from {}", file.display())),
        Err(LoadError::Rows(bad, count)) => Err(Failure(explain(file, &bad, count))),
        Err(LoadError::Denied(denied)) => Err(Failure(format!("{denied}; nothing was loaded"))),
        Err(LoadError::Store(error)) => {
            Err(Failure(format!("{}: {}; nothing was loaded", file.display(), Failure::from(error))))
        }
    }
}

/// Row and field of each fault.
fn explain(file: &Path, bad: &[BadRow], count: usize) -> String {
    let rows = if count == 1 { "1 row is".into() } else { format!("{count} rows are") };
    let mut text = format!("{}: {rows} not good; nothing was loaded", file.display());
    for BadRow { row, problem } in bad {
        for fault in problem.errors() {
            let field = fault.pointer.as_deref().unwrap_or_default().trim_start_matches("#/");
            let _ = write!(text, "\n  row {row}, {field}: {}", fault.detail);
        }
        if problem.errors().is_empty() {
            let _ = write!(text, "\n  row {row}: {problem}");
        }
    }
    if bad.len() < count {
        let _ = write!(text, "\n  and {} more", count - bad.len());
    }
    text
}

fn read(file: &Path, table: &Table) -> Result<Vec<Value>, Failure> {
    let failure = |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", file.display()));
    let extension = file.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    match extension.as_ref().and_then(|extension| extension.to_str()) {
        Some("json") => {
            let text = fs::read(file).map_err(|error| failure(&error))?;
            let rows = strict::scan(&text, DEEPEST).and_then(|_| serde_json::from_slice(&text));
            rows.map_err(|error| failure(&format!("not a JSON array of rows: {error}")))
        }
        Some("csv") => {
            let mut reader = csv::Reader::from_path(file).map_err(|error| failure(&error))?;
            let names = reader.headers().map_err(|error| failure(&error))?.clone();
            let is_again = |(index, name): &(usize, &str)| names.iter().take(*index).any(|before| before == *name);
            if let Some((_, twice)) = names.iter().enumerate().find(is_again) {
                return Err(failure(&format!("the column `{}` comes twice", twice.escape_debug())));
            }
            let row = |record: csv::Result<csv::StringRecord>| record.map(|record| object(&names, &record, table));
            reader.records().map(row).collect::<Result<_, _>>().map_err(|error| failure(&error))
        }
        _ => Err(failure(&"a file of rows ends in .json or .csv")),
    }
}

/// A CSV row as JSON: each cell as its column's kind wants it. What does not fit stays text, for the row's check to
/// tell of.
fn object(names: &csv::StringRecord, record: &csv::StringRecord, table: &Table) -> Value {
    let cell = |(name, text): (&str, &str)| {
        let column = table.columns.iter().find(|column| column.name == name);
        let nullable = column.is_some_and(|column| column.nullable);
        let value = match column.map(|column| column.kind) {
            _ if text.is_empty() && nullable => Some(Value::Null),
            Some(Kind::Bool) => text.parse().ok().map(Value::Bool),
            Some(Kind::Int32 | Kind::Int64) => text.parse::<i64>().ok().map(Value::from),
            Some(Kind::Float | Kind::Decimal { .. }) => {
                text.parse().ok().filter(|float: &f64| float.is_finite()).map(Value::from)
            }
            Some(Kind::Texts | Kind::Json) => serde_json::from_str(text).ok(),
            Some(Kind::Text | Kind::Choice(_) | Kind::Uuid | Kind::ObjectId | Kind::Time | Kind::Date) | None => None,
        };
        (name.to_owned(), value.unwrap_or_else(|| Value::from(text)))
    };
    Value::Object(names.iter().zip(record).map(cell).collect::<Map<_, _>>())
}
