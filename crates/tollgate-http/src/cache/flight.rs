//! One computes, others wait: as many requests as there are for an answer that is not kept, its handler runs once.
//!
//! Who waits does so for some seconds and then computes by itself, as does everybody if the answer turns out to be none
//! that is kept. If the one who computes leaves, the next takes over. Who comes after a write does not wait for who began
//! before it: a flight belongs to the generations in which it began.

use super::{AnswerKey, Kept, Stamp};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::timeout};

/// How long a request waits for another's computation.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often somebody who waits may see the one who computes leave.
const TURNS: usize = 3;

/// An answer in certain generations, or after a certain number of writes.
type Name = (AnswerKey, Stamp);

/// What became of a flight: nothing yet, or an answer if that was one to keep.
type Outcome = Option<Option<Arc<Kept>>>;

/// All computations that others may wait for.
#[derive(Default, Clone)]
pub(super) struct Flights(Arc<Mutex<HashMap<Name, watch::Receiver<Outcome>>>>);

/// What a request does about an answer that is not kept.
pub(super) enum Place {
    /// It computes, and others wait for it.
    Leading(Flight),
    /// It computes for itself.
    Alone,
    /// Another has computed it.
    Landed(Arc<Kept>),
}

/// A computation that others wait for. Dropped, one of them takes over.
pub(super) struct Flight {
    flights: Flights,
    name: Name,
    outcome: watch::Sender<Outcome>,
}

impl Flights {
    pub(super) async fn join(&self, name: Name) -> Place {
        for _ in 0..TURNS {
            let mut leader = match self.board(&name) {
                Ok(flight) => return Place::Leading(flight),
                Err(leader) => leader,
            };
            match timeout(TIMEOUT, leader.wait_for(Option::is_some)).await {
                Ok(Ok(outcome)) => return outcome.clone().flatten().map_or(Place::Alone, Place::Landed),
                Ok(Err(_)) => {}
                Err(_) => return Place::Alone,
            }
        }
        Place::Alone
    }

    /// To lead, or whom to wait for.
    fn board(&self, name: &Name) -> Result<Flight, watch::Receiver<Outcome>> {
        let mut all = self.all();
        if let Some(leader) = all.get(name) {
            return Err(leader.clone());
        }
        let (outcome, leader) = watch::channel(None);
        all.insert(name.clone(), leader);
        Ok(Flight { flights: self.clone(), name: name.clone(), outcome })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Name, watch::Receiver<Outcome>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    pub(super) fn stamp(&self) -> Stamp {
        Arc::clone(&self.name.1)
    }

    /// With an answer to share, or none.
    pub(super) fn land(self, kept: Option<Arc<Kept>>) {
        self.outcome.send_replace(Some(kept));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.all().remove(&self.name);
    }
}
