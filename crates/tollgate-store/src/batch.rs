//! Travelling together: a few groups are under way; who comes meanwhile waits and forms the next group.
//!
//! Nobody waits for a timer. If a lane is free a job leaves at once, alone; otherwise it leaves with everyone
//! else who waits as soon as one group has landed. So an idle server adds no latency, and a busy one forms
//! groups that grow with the load. A group flies in a task of its own: a caller who goes away takes nobody
//! along. The queue is bounded; who finds it full is told so at once.

use crate::{Answer, Error, Result};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{runtime::Handle, sync::oneshot};

type Run<J> = dyn Fn(Vec<J>) -> Answer<'static, ()> + Send + Sync;

/// Limits of a batcher.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many groups may be under way.
    pub lanes: usize,
    /// How many jobs form the largest group.
    pub group: usize,
    /// How many jobs may wait.
    pub waiting: usize,
}

/// Groups the jobs that come while others are under way.
pub(crate) struct Batcher<J> {
    limits: Limits,
    queue: Mutex<Queue<J>>,
    run: Box<Run<J>>,
}

struct Queue<J> {
    flying: usize,
    waiting: VecDeque<J>,
}

/// What a caller waits for.
pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

impl<J: Send + 'static> Batcher<J> {
    pub(crate) fn new(
        limits: Limits,
        run: impl Fn(Vec<J>) -> Answer<'static, ()> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let queue = Mutex::new(Queue { flying: 0, waiting: VecDeque::new() });
        Arc::new(Self { limits, queue, run: Box::new(run) })
    }

    /// Takes a job along and waits for its reply.
    pub(crate) async fn submit<T>(self: &Arc<Self>, job: impl FnOnce(Reply<T>) -> J) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        if let Some(group) = self.enter(job(reply))? {
            Flight(Arc::clone(self)).depart(group);
        }
        answer.await.unwrap_or_else(|_| Err(Error::Unavailable(Error::source_of("the group was lost"))))
    }

    /// The group to leave with now, if a lane is free.
    fn enter(&self, job: J) -> Result<Option<Vec<J>>> {
        let mut queue = self.queue();
        if queue.flying < self.limits.lanes {
            queue.flying += 1;
            return Ok(Some(vec![job]));
        }
        if queue.waiting.len() >= self.limits.waiting {
            return Err(Error::Overloaded);
        }
        queue.waiting.push_back(job);
        Ok(None)
    }

    /// The group to leave with after a landing; without one, the lane is free.
    fn next_group(&self) -> Option<Vec<J>> {
        let mut queue = self.queue();
        let size = queue.waiting.len().min(self.limits.group);
        queue.flying -= usize::from(size == 0);
        (size > 0).then(|| queue.waiting.drain(..size).collect())
    }

    fn queue(&self) -> MutexGuard<'_, Queue<J>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One lane in use. Landing, even by a panic, sends the next group off.
struct Flight<J: Send + 'static>(Arc<Batcher<J>>);

impl<J: Send + 'static> Flight<J> {
    fn depart(self, group: Vec<J>) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let _ = (self.0.run)(group).await;
            });
        }
    }
}

impl<J: Send + 'static> Drop for Flight<J> {
    fn drop(&mut self) {
        if let Some(group) = self.0.next_group() {
            Flight(Arc::clone(&self.0)).depart(group);
        }
    }
}
