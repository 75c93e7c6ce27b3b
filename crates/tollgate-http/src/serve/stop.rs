//! How a process ends without anybody noticing.
//!
//! ```text
//! serving → leaving    not ready any more, so that balancers turn away; still serves, and asks clients not to come back
//!         → draining   accepts nothing more; what is under way is finished
//! ```

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
};
use tokio::sync::watch;

/// How far a process is on its way out. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stage: watch::Sender<Stage>,
    /// Whether that is beyond serving. Every request asks, and a channel has a lock that all cores would share.
    is_leaving: AtomicBool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    #[default]
    Serving,
    Leaving,
    Draining,
}

impl Stop {
    /// Whether the process was told to stop: it should not be sent anything new.
    pub(crate) fn is_leaving(&self) -> bool {
        self.0.is_leaving.load(Ordering::Relaxed)
    }

    /// Waits until what is under way has to come to its end.
    pub(crate) fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        self.until(Stage::Draining)
    }

    pub(super) fn advance(&self, stage: Stage) {
        self.0.is_leaving.store(stage > Stage::Serving, Ordering::Relaxed);
        self.0.stage.send_replace(stage);
    }

    /// Waits until it is that far. A connection asks with each of its requests: once it is to be woken, the flag tells.
    pub(super) fn until(&self, stage: Stage) -> impl Future<Output = ()> + Send + use<> {
        let (stop, mut stages, mut waiting) = (self.clone(), self.0.stage.subscribe(), None::<Waker>);
        let mut reached = Box::pin(async move {
            // The sender lives as long as those who wait.
            let _ = stages.wait_for(|now| *now >= stage).await;
        });
        poll_fn(move |context| {
            let is_known = waiting.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
            if is_known && !stop.is_leaving() {
                return Poll::Pending;
            }
            waiting = Some(context.waker().clone());
            reached.as_mut().poll(context)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn whoever_asked_last_is_woken() {
        let stop = Stop::default();
        let mut reached = Box::pin(stop.until(Stage::Draining));
        assert!((0..3).all(|_| reached.as_mut().now_or_never().is_none()));
        let elsewhere = tokio::spawn(reached);
        tokio::task::yield_now().await;
        stop.advance(Stage::Leaving);
        tokio::task::yield_now().await;
        assert!(!elsewhere.is_finished());
        stop.advance(Stage::Draining);
        elsewhere.await.unwrap();
    }
}
