//! What was refused, recorded beside what was done.
//!
//! A refusal changes nothing, so its record needs no transaction: it waits in a short queue and is written with others.
//! Whoever floods the app with refusals fills the queue and not the database; what finds no place is in the log alone.

use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tollgate_access::{Access, Actor, System};
use tollgate_core::{Clock, with_causes};
use tollgate_store::{
    Database, Error, Store, Table,
    audit::{AuditEvent, NewAuditEvent},
    background,
};

/// How many records wait at most, and how many are written at once.
const WAITING: usize = 1024;
const GROUP: usize = 256;
/// How often old events are removed.
const SWEEP: Duration = Duration::from_hours(1);

/// Takes events that belong to no write. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    waiting: mpsc::Sender<Waiting>,
    /// The resources of whose rows also those are recorded that were not there for whoever asked.
    audited: Arc<BTreeSet<&'static str>>,
}

tollgate_core::debug_by_name!(AuditLog);

/// An event on its way to the database.
type Waiting = (NewAuditEvent, background::Token);

impl AuditLog {
    /// Keeps events in the first of these databases, and in all of them removes those that are older than `keep`. Ends
    /// when the last clone is dropped.
    #[must_use]
    pub fn start(databases: &[Arc<dyn Database>], clock: &Arc<dyn Clock>, keep: Option<Duration>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let stores = databases.iter().map(|database| Store::new(Arc::clone(database), Arc::clone(clock)));
        let keeper = Keeper { stores: stores.collect(), clock: Arc::clone(clock), keep };
        tokio::spawn(keeper.run(receiver));
        Self { waiting: sender, audited: Arc::default() }
    }

    /// The same, for an app with these tables: who asks for a row of an audited one that is not there for them, such as
    /// somebody else's, is recorded.
    #[must_use]
    pub fn watching(self, tables: impl IntoIterator<Item = &'static Table>) -> Self {
        let audited = tables.into_iter().filter(|table| table.audited).map(|table| table.name);
        Self { audited: Arc::new(audited.collect()), ..self }
    }

    pub(crate) fn watches(&self, access: &Access) -> bool {
        let resource = |permission: &&str| permission.split(':').nth(1).is_some_and(|name| self.audited.contains(name));
        access.permissions().iter().any(resource)
    }

    /// Records an event soon. It never waits.
    pub fn note(&self, event: NewAuditEvent) {
        event.log();
        if self.waiting.try_send((event, background::token())).is_err() {
            tracing::warn!("too many audit events at once: one is in the log alone");
        }
    }

    /// Records that somebody was not let.
    pub(crate) fn refused(
        &self,
        actor: &Actor,
        access: Option<&Access>,
        (method, path): (&str, &str),
        row: Option<String>,
        why: &str,
    ) {
        let permission = match access {
            Some(Access::Permission(name)) => name.split_once(':'),
            _ => None,
        };
        let (action, resource) = permission.unwrap_or((method, path));
        let event = NewAuditEvent::new(actor, action, resource).refused().because(why);
        self.note(NewAuditEvent { row_id: row, ..event });
    }
}

struct Keeper {
    stores: Vec<Store<AuditEvent>>,
    clock: Arc<dyn Clock>,
    keep: Option<Duration>,
}

impl Keeper {
    async fn run(self, mut events: mpsc::Receiver<Waiting>) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut group = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                count = events.recv_many(&mut group, GROUP) => match count {
                    0 => return,
                    _ => tell(self.record(group.split_off(0)).await),
                },
                _ = sweep.tick() => tell(self.sweep().await),
            }
        }
    }

    async fn record(&self, events: Vec<Waiting>) -> Result<(), Error> {
        let (events, _tokens): (_, Vec<_>) = events.into_iter().unzip();
        let may = System::because("refusals are recorded").may();
        match self.stores.first() {
            Some(store) => store.insert_many(&may, events).await.map(drop),
            None => Ok(()),
        }
    }

    async fn sweep(&self) -> Result<(), Error> {
        let Some(keep) = self.keep else { return Ok(()) };
        let (may, old) = (System::because("old audit events are removed").may(), self.clock.now() - keep);
        for store in &self.stores {
            store.delete_all(&may, AuditEvent::AT.lt(old)).await?;
        }
        Ok(())
    }
}

fn tell(outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        tracing::error!(error = %with_causes(&error), "the audit log cannot be written");
    }
}
