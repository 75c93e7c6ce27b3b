//! Who must know that the rows of a table are not what they were? Whoever keeps answers that were made of them.
//!
//! A [`Watch`] is told of each write once it is kept, and before the writer hears of it: who then reads does not get what
//! was there before. What was rolled back is told to nobody; what may have happened is told.

use crate::Table;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::Handle;

/// How long a write may go on that nobody waits for any more: until then it is not known whether it happened.
const LEFT_ALONE: Duration = Duration::from_secs(10);

/// Is told of writes.
pub trait Watch: Send + Sync + 'static {
    /// Rows of that table were written.
    fn changed(&self, table: &'static Table) -> Told<'_>;

    /// Whether it wants to know which rows: then each write is a transaction that adds them to the log of
    /// [changes](crate::changes).
    fn follows_rows(&self) -> bool {
        false
    }
}

/// Told, some time later.
pub type Told<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A write that is to be told of. Whoever writes may leave before it is: then it is told now, and once more when it must
/// have happened.
pub(crate) struct Telling {
    watch: Arc<dyn Watch>,
    table: &'static Table,
    is_told: bool,
}

impl Telling {
    pub(crate) fn new(watch: &Arc<dyn Watch>, table: &'static Table) -> Self {
        Self { watch: Arc::clone(watch), table, is_told: false }
    }

    pub(crate) async fn tell(mut self) {
        self.watch.changed(self.table).await;
        self.is_told = true;
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if let (false, Ok(runtime)) = (self.is_told, Handle::try_current()) {
            let (watch, table) = (Arc::clone(&self.watch), self.table);
            runtime.spawn(async move {
                watch.changed(table).await;
                tokio::time::sleep(LEFT_ALONE).await;
                watch.changed(table).await;
            });
        }
    }
}

/// A table, and who watches it.
type Watched = (Arc<dyn Watch>, &'static Table);

/// What a transaction has written, each table once.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<Watched>>>);

impl Written {
    pub(crate) fn add(&self, watch: Option<&Arc<dyn Watch>>, table: &'static Table) {
        let Some(watch) = watch else { return };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.iter().all(|(_, known)| *known != table) {
            all.push((Arc::clone(watch), table));
        }
    }

    /// What is to be told once that is committed.
    pub(crate) fn tellings(&self) -> Vec<Telling> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(watch, table)| Telling::new(watch, table)).collect()
    }
}
