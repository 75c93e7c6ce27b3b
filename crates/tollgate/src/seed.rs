//! Rows that new tables start with: added once, by one of the instances that start at the same time.
//!
//! A mark in the database of the table says that it is done, and is written in one transaction with the rows. So a table
//! that was filled once stays as it is, also when it was emptied.

use crate::{app::Failure, databases::Databases, kept::Values};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;
use tollgate_core::{Clock, with_causes};
use tollgate_http::{AnyResource, Built, LoadError, Stores};
use tollgate_store::Error;

/// How often another instance is waited for that adds the same rows, where its transaction ends ours.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// Adds them, and says what was added.
pub(crate) async fn add(
    built: &Built,
    stores: &Stores,
    databases: &Databases,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<String>, Failure> {
    let mut done = vec![];
    for (plural, json) in &built.seeds {
        let resource = built.resources.iter().find(|resource| resource.table().name == *plural);
        let Some(resource) = resource else { continue };
        let values = Values::new(databases.of(resource.table()), Arc::clone(clock));
        let count = add_to(&**resource, json, stores, &values).await;
        let count = count.map_err(|Failure(why)| Failure(format!("the first rows of `{plural}`: {why}")))?;
        done.extend((count > 0).then(|| format!("added {count} {plural}")));
    }
    Ok(done)
}

async fn add_to(resource: &dyn AnyResource, json: &str, stores: &Stores, values: &Values) -> Result<usize, Failure> {
    let mark = format!("first rows of {}", resource.table().name);
    for _ in 0..TRIES {
        if values.get(&mark).await?.is_some() {
            return Ok(0);
        }
        let rows = serde_json::from_str(json).map_err(|error| Failure(error.to_string()))?;
        let claim = |transaction| {
            let mark = &mark;
            Box::pin(async move { values.mark(mark, &transaction).await }) as _
        };
        match resource.seed(stores, rows, &claim).await {
            Err(LoadError::Store(Error::Overloaded)) => sleep(PAUSE).await,
            Err(LoadError::Rows(bad, count)) => {
                let first = bad.first().map(|bad| format!("row {}: {}", bad.row, bad.problem)).unwrap_or_default();
                return Err(Failure(format!("{count} are not good; {first}")));
            }
            loaded => return loaded.map_err(|error| Failure(with_causes(&error))),
        }
    }
    Err(Failure("another instance is adding them and does not come to an end; start again".into()))
}
