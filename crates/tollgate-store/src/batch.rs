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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };
    use tokio::{sync::Semaphore, task::JoinHandle, time::sleep};

    /// A number, and whoever wants it doubled.
    type Job = (u32, Reply<u32>);

    /// A batcher with one lane, whose groups wait at a gate; and how many set off.
    struct Gated {
        batcher: Arc<Batcher<Job>>,
        gate: Arc<Semaphore>,
        groups: Arc<AtomicUsize>,
    }

    impl Gated {
        fn new(group: usize, waiting: usize) -> Self {
            let (gate, groups) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
            let (pass, count) = (Arc::clone(&gate), Arc::clone(&groups));
            let run = move |jobs: Vec<Job>| -> Answer<'static, ()> {
                count.fetch_add(1, Ordering::SeqCst);
                let pass = Arc::clone(&pass);
                Box::pin(async move {
                    pass.acquire().await.unwrap().forget();
                    assert!(jobs.iter().all(|(number, _)| *number != 666), "a driver that panics");
                    for (number, reply) in jobs {
                        let _ = reply.send(Ok(number * 2));
                    }
                    Ok(())
                })
            };
            Self { batcher: Batcher::new(Limits { lanes: 1, group, waiting }, run), gate, groups }
        }

        /// Somebody asks, and by the time this returns they are under way or wait.
        async fn ask(&self, number: u32) -> JoinHandle<Result<u32>> {
            let batcher = Arc::clone(&self.batcher);
            let task = tokio::spawn(async move { batcher.submit(|reply| (number, reply)).await });
            tokio::task::yield_now().await;
            task
        }

        fn groups(&self) -> usize {
            self.groups.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn who_comes_meanwhile_travels_together() {
        let gated = Gated::new(100, 1000);
        let mut asked = vec![];
        for number in 0..=250 {
            asked.push((number, gated.ask(number).await));
        }
        sleep(Duration::from_millis(5)).await;
        assert_eq!(gated.groups(), 1, "the first left at once, alone; the others wait for it");
        gated.gate.add_permits(100);
        for (number, task) in asked {
            assert_eq!(task.await.unwrap().unwrap(), number * 2);
        }
        assert_eq!(gated.groups(), 4, "two hundred and fifty travelled in groups of a hundred");
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once() {
        let gated = Gated::new(100, 3);
        let (first, mut waiting) = (gated.ask(0).await, vec![]);
        for number in 1..=3 {
            waiting.push(gated.ask(number).await);
        }
        assert!(matches!(gated.ask(4).await.await.unwrap(), Err(Error::Overloaded)));
        gated.gate.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), 0);
        for (number, task) in (1..).zip(waiting) {
            assert_eq!(task.await.unwrap().unwrap(), number * 2);
        }
        gated.gate.add_permits(1);
        assert_eq!(gated.ask(5).await.await.unwrap().unwrap(), 10, "there is room again");
    }

    #[tokio::test]
    async fn who_goes_away_takes_nobody_along() {
        let gated = Gated::new(100, 100);
        let (first, gone, stays) = (gated.ask(1).await, gated.ask(2).await, gated.ask(3).await);
        first.abort();
        gone.abort();
        gated.gate.add_permits(2);
        assert_eq!(stays.await.unwrap().unwrap(), 6);
    }

    #[tokio::test]
    async fn a_panic_loses_one_group_and_no_lane() {
        let gated = Gated::new(100, 100);
        let (unlucky, lucky) = (gated.ask(666).await, gated.ask(3).await);
        gated.gate.add_permits(2);
        assert!(matches!(unlucky.await.unwrap(), Err(Error::Unavailable(_))));
        assert_eq!(lucky.await.unwrap().unwrap(), 6);
    }
}
