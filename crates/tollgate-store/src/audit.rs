//! Who did what to which row? A record that is kept with what was done, or not at all.
//!
//! Each write of a resource that is `#[resource(…, audited)]` adds an [`AuditEvent`] to the same database, in the same
//! transaction: there is no change without its record, and no record of a change that was taken back. What is not a write,
//! such as a refusal, is recorded by whoever saw it. Once it is kept, each event is also a line of the log, under the
//! target `tollgate::audit`.
//!
//! The app has no route that changes or removes events; the framework only adds them, and removes those that are old.

use crate::{Driver, Resource, Result, Stamp, store::check};
use jiff::Timestamp;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};
use tollgate_access::Actor;
use tollgate_core::TraceId;
use tollgate_macros::resource;

/// Who did what to which row, from where, and whether they were let.
#[resource(plural = "audit_events")]
pub struct AuditEvent {
    /// Its key; later events have greater ones.
    #[id(generated)]
    pub event_id: i64,
    /// When.
    #[created_at]
    #[index]
    pub at: Timestamp,
    /// Who: the stable identifier; `system` for work without a caller, `anyone` for nobody in particular.
    #[index]
    pub actor: String,
    /// Who vouches for them, or `key` and the id of an API key, or `client` and that of an application of others that acts in
    /// their stead; of the system, the reason why it acted.
    pub via: Option<String>,
    /// What: `create`, `update`, `delete`, or another word for what happened.
    pub action: String,
    /// To what: the plural of a resource, or another word.
    #[index]
    pub resource: String,
    /// To which row, if it was one.
    #[index]
    pub row_id: Option<String>,
    /// Whether they were let.
    pub allowed: bool,
    /// What else there is to say; never a value of a row, nor a secret.
    pub detail: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
}

/// Where the work of this task comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The request.
    pub request_id: Arc<str>,
    /// From where it was sent.
    pub address: Option<IpAddr>,
    /// The trace that it is part of.
    pub trace: Option<TraceId>,
    /// Who sent it, once that is known.
    actor: OnceLock<Actor>,
}

impl Origin {
    /// A request whose sender is not known yet.
    pub fn new(request_id: Arc<str>, address: Option<IpAddr>, trace: Option<TraceId>) -> Self {
        Self { request_id, address, trace, actor: OnceLock::new() }
    }

    /// Who sent it, once that is known.
    pub fn actor(&self) -> Option<&Actor> {
        self.actor.get()
    }
}

/// What the work at hand comes from, if it is that of a request.
pub fn with_origin<R>(see: impl FnOnce(&Origin) -> R) -> Option<R> {
    ORIGIN.try_with(see).ok()
}

/// The request at hand was sent by that one.
pub fn sent_by(actor: &Actor) {
    let _ = ORIGIN.try_with(|origin| origin.actor.set(actor.clone()));
}

tokio::task_local! {
    static ORIGIN: Origin;
    static HELD: Recorded;
}

/// Lines of the log that wait while something else is said first. Dropped, it says them.
#[derive(Debug, Default)]
pub struct Held(Recorded);

impl Held {
    /// Does work whose events are kept at once, and their lines held back.
    pub async fn within<F: Future>(&self, work: F) -> F::Output {
        HELD.scope(self.0.clone(), work).await
    }

    /// Says none of them: what happened is gone, with the memory that it happened in.
    pub fn forget(self) {
        self.0.events().clear();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.log();
    }
}

/// Does work whose events name this origin.
pub fn within<F: Future>(origin: Origin, work: F) -> impl Future<Output = F::Output> {
    ORIGIN.scope(origin, work)
}

impl NewAuditEvent {
    /// Something that somebody did, or was not let do, in the work at hand.
    pub fn new(actor: &Actor, action: &str, resource: &str) -> Self {
        let origin = ORIGIN.try_with(Clone::clone).ok();
        let address = origin.as_ref().and_then(|origin| origin.address);
        Self {
            actor: actor.id().to_owned(),
            via: actor
                .key()
                .map(|key| format!("key {key}"))
                .or_else(|| actor.client().map(|client| format!("client {client}")))
                .or_else(|| said(actor.reason().or(actor.provider()))),
            action: action.to_owned(),
            resource: resource.to_owned(),
            row_id: None,
            allowed: true,
            detail: None,
            address: address.map(|address| address.to_string()),
            request_id: origin.map(|origin| origin.request_id.as_ref().to_owned()),
        }
    }

    /// The same, to a row.
    #[must_use]
    pub fn of_row(mut self, row_id: &impl ToString) -> Self {
        self.row_id = Some(row_id.to_string());
        self
    }

    /// The same, and they were not let.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.allowed = false;
        self
    }

    /// The same, with more to say: never a value of a row, nor a secret.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says it in the log.
    pub fn log(&self) {
        let Self { actor, action, resource, allowed, .. } = self;
        let [via, row, detail, address, request_id] =
            [&self.via, &self.row_id, &self.detail, &self.address, &self.request_id].map(Option::as_deref);
        tracing::info!(
            target: "tollgate::audit", actor, via, action, resource, row, allowed, detail, address, request_id, "audit"
        );
    }
}

fn said(text: Option<&str>) -> Option<String> {
    text.map(ToOwned::to_owned)
}

/// What was recorded in a transaction, to be said in the log once it is committed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded(Arc<Mutex<Vec<NewAuditEvent>>>);

impl Recorded {
    /// Adds events to the transaction of this driver.
    pub(crate) async fn add(&self, driver: &dyn Driver, stamp: &Stamp<'_>, events: Vec<NewAuditEvent>) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = events.iter().map(|event| AuditEvent::create(event.clone(), stamp)).collect();
        rows.iter().try_for_each(check)?;
        let count = rows.len();
        driver.insert(AuditEvent::TABLE, Arc::new(rows), 0..count).await?;
        self.events().extend(events);
        Ok(())
    }

    /// Says them, or leaves them to whoever [holds](Held) lines.
    pub(crate) fn log(&self) {
        let events = std::mem::take(&mut *self.events());
        match HELD.try_with(Self::clone) {
            Ok(held) => held.events().extend(events),
            Err(_) => events.iter().for_each(NewAuditEvent::log),
        }
    }

    fn events(&self) -> MutexGuard<'_, Vec<NewAuditEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Memory, Store};
    use tollgate_access::{Identity, System};
    use tollgate_core::SystemClock;

    /// A thing.
    #[resource(plural = "things", audited)]
    struct Thing {
        #[id]
        thing_id: i64,
    }

    /// Whoever asks for it may hang up: the task goes on, and its rows say who it was and in which request.
    #[tokio::test]
    async fn what_a_task_of_its_own_does_is_recorded_with_who_asked_for_it_and_in_which_request() {
        let database: Arc<dyn Database> = Arc::new(Memory::default());
        let clock = Arc::new(SystemClock::default());
        let things = Store::<Thing>::new(Arc::clone(&database), clock.clone());
        let ann = Actor::from(Identity::new("ann").granted(["create:things"]));
        let asks = async move {
            sent_by(&ann);
            things.insert(&ann.may().unwrap(), NewThing { thing_id: 1 }).await
        };
        let address = "192.0.2.7".parse().unwrap();
        tokio::spawn(within(Origin::new("request 7".into(), Some(address), None), asks)).await.unwrap().unwrap();
        let events = Store::<AuditEvent>::new(database, clock);
        let events = events.find(&System::because("a test looks").may(), crate::Filter::every()).all().await.unwrap();
        let [AuditEvent { actor, action, request_id, address, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((&**actor, &**action), ("ann", "create"));
        assert_eq!((request_id.as_deref(), address.as_deref()), (Some("request 7"), Some("192.0.2.7")));
    }
}
