//! Travelling together: a few groups are under way; who comes meanwhile waits and forms the next group.
//!
//! Nobody waits for a timer. If a lane is free a job leaves at once, alone; otherwise it leaves with everyone
//! else who waits as soon as one group has landed. So an idle server adds no latency, and a busy one forms
//! groups that grow with the load. Where groups take [long](LONG), because the database is far or late, there are more
//! lanes, and they set off evenly: nobody waits for most of a group that just left. A group flies in a task of its own: a
//! caller who goes away takes nobody along. A job that flies alone, and perhaps waits for another's transaction, keeps its
//! lane for a moment only.
//! The queue is bounded, in number and in time; who finds it full is told so at once, who waits too long when
//! the next group is formed, and who has left by then does not travel.

use crate::{Answer, Error, Result, measures::Measures};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::oneshot, time::timeout};
use tracing::{Instrument, Span};

/// What takes longer than a disk to write is on its way for most of it, and larger groups do not make it shorter.
const LONG: Duration = Duration::from_millis(20);
/// So many times as many lanes are there then.
const MORE: usize = 4;

type Run<Q, A> = dyn Fn(Vec<Job<Q, A>>) -> Answer<'static, ()> + Send + Sync;

/// Limits of a batcher.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many groups may be under way, unless they take long.
    pub lanes: usize,
    /// How many jobs form the largest group.
    pub group: usize,
    /// How many jobs may wait.
    pub waiting: usize,
    /// How long a job may wait.
    pub patience: Duration,
    /// How long a job that flies alone keeps its lane.
    pub alone: Duration,
}

/// Groups the jobs that come while others are under way.
pub(crate) struct Batcher<Q, A> {
    limits: Limits,
    queue: Mutex<Queue<Q, A>>,
    measures: Measures,
    run: Box<Run<Q, A>>,
}

struct Queue<Q, A> {
    flying: usize,
    /// When the last group set off, and how long the one took that landed last.
    departed: Instant,
    took: Duration,
    /// Each with the moment it came.
    waiting: VecDeque<(Instant, Job<Q, A>)>,
}

/// What a caller asks, and where the answer is waited for.
pub(crate) struct Job<Q, A> {
    pub asked: Q,
    pub reply: Reply<A>,
    /// The round trip in the caller's trace.
    pub span: Span,
}

/// Where a caller waits.
pub(crate) type Reply<A> = oneshot::Sender<Result<A>>;

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    pub(crate) fn new(
        limits: Limits,
        measures: Measures,
        run: impl Fn(Vec<Job<Q, A>>) -> Answer<'static, ()> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (departed, took, waiting) = (Instant::now(), Duration::ZERO, VecDeque::new());
        let queue = Mutex::new(Queue { flying: 0, departed, took, waiting });
        Arc::new(Self { limits, queue, measures, run: Box::new(run) })
    }

    /// Takes a job along and waits for its answer.
    pub(crate) async fn submit(self: &Arc<Self>, asked: Q) -> Result<A> {
        let (reply, answer) = oneshot::channel();
        let span = self.measures.span();
        if let Some(group) = self.enter(Job { asked, reply, span: span.clone() })? {
            Flight::of(&group, self).depart(group);
        }
        answer
            .instrument(span)
            .await
            .unwrap_or_else(|_| Err(Error::Unavailable(Error::source_of("the group was lost"))))
    }

    /// The group to leave with now, if a lane is free.
    fn enter(&self, job: Job<Q, A>) -> Result<Option<Vec<Job<Q, A>>>> {
        let (mut queue, now) = (self.queue(), Instant::now());
        if queue.flying < self.limits.lanes {
            queue.leave(now);
            return Ok(Some(vec![job]));
        }
        while queue.waiting.front().is_some_and(|waiting| self.is_over(now, waiting)) {
            queue.waiting.pop_front().into_iter().for_each(|waiting| self.refuse(waiting));
        }
        if queue.waiting.len() >= self.limits.waiting {
            self.measures.refused.inc();
            return Err(Error::Overloaded);
        }
        queue.waiting.push_back((now, job));
        if queue.has_lane_for_long(now, self.limits.lanes) {
            return Ok(self.next_group(&mut queue, now));
        }
        self.measures.waiting.set(count(queue.waiting.len()));
        Ok(None)
    }

    /// The group to leave with after a landing; without one, the lane is free.
    fn land(&self, flight: &Flight<Q, A>) -> Option<Vec<Job<Q, A>>> {
        let (mut queue, now) = (self.queue(), Instant::now());
        queue.flying -= 1;
        let took = now.duration_since(flight.departed);
        // Who waits for another's transaction says nothing of how long groups take.
        if took < flight.keeps {
            queue.took = took;
        }
        self.next_group(&mut queue, now)
    }

    fn next_group(&self, queue: &mut Queue<Q, A>, now: Instant) -> Option<Vec<Job<Q, A>>> {
        let mut group = Vec::with_capacity(queue.waiting.len().min(self.limits.group));
        while group.len() < self.limits.group
            && let Some(waiting) = queue.waiting.pop_front()
        {
            if self.is_over(now, &waiting) { self.refuse(waiting) } else { group.push(waiting.1) }
        }
        self.measures.waiting.set(count(queue.waiting.len()));
        if group.is_empty() {
            return None;
        }
        queue.leave(now);
        Some(group)
    }

    /// Whether nobody waits for it any more, or for too long.
    fn is_over(&self, now: Instant, (since, job): &(Instant, Job<Q, A>)) -> bool {
        job.reply.is_closed() || now.duration_since(*since) > self.limits.patience
    }

    /// Tells whoever still waits that it took too long.
    fn refuse(&self, (_, job): (Instant, Job<Q, A>)) {
        if job.reply.send(Err(Error::Overloaded)).is_ok() {
            self.measures.refused.inc();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Q, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(waiting: usize) -> i64 {
    i64::try_from(waiting).unwrap_or(i64::MAX)
}

impl<Q, A> Queue<Q, A> {
    fn leave(&mut self, now: Instant) {
        (self.flying, self.departed) = (self.flying + 1, now);
    }

    /// Whether groups take long, and it is time for one more since the last.
    fn has_lane_for_long(&self, now: Instant, lanes: usize) -> bool {
        let lanes = lanes * MORE;
        let since = now.duration_since(self.departed).as_nanos() * lanes as u128;
        self.took >= LONG && self.flying < lanes && since >= self.took.as_nanos()
    }
}

/// One lane in use. Landing, even by a panic, sends the next group off.
struct Flight<Q: Send + 'static, A: Send + 'static> {
    batcher: Arc<Batcher<Q, A>>,
    departed: Instant,
    /// How long it keeps its lane.
    keeps: Duration,
}

impl<Q: Send + 'static, A: Send + 'static> Flight<Q, A> {
    fn of(group: &[Job<Q, A>], batcher: &Arc<Batcher<Q, A>>) -> Self {
        let keeps = if group.len() == 1 { batcher.limits.alone } else { Duration::MAX };
        Self { batcher: Arc::clone(batcher), departed: Instant::now(), keeps }
    }

    fn depart(self, group: Vec<Job<Q, A>>) {
        self.batcher.measures.sizes.depart(group.iter().map(|job| &job.span));
        if let Ok(runtime) = Handle::try_current() {
            let run = (self.batcher.run)(group);
            runtime.spawn(fly(run, self.keeps, Box::new(self)));
        }
    }
}

/// Not generic: a task is a lot of code, and so is there once.
async fn fly(mut run: Answer<'static, ()>, keeps: Duration, lands: Box<dyn Send>) {
    let is_over = timeout(keeps, run.as_mut()).await.is_ok();
    drop(lands);
    if !is_over {
        let _ = run.await;
    }
}

impl<Q: Send + 'static, A: Send + 'static> Drop for Flight<Q, A> {
    fn drop(&mut self) {
        if let Some(group) = self.batcher.land(self) {
            Flight::of(&group, &self.batcher).depart(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::{sync::Semaphore, task::JoinHandle, time::sleep};

    const TIMEOUT: Duration = Duration::from_secs(9);

    /// A batcher with one lane that doubles numbers, whose groups wait at a gate; and how many set off.
    struct Gated {
        batcher: Arc<Batcher<u32, u32>>,
        gate: Arc<Semaphore>,
        groups: Arc<AtomicUsize>,
    }

    impl Gated {
        fn new(group: usize, waiting: usize, patience: Duration) -> Self {
            Self::with(Limits { lanes: 1, group, waiting, patience, alone: TIMEOUT })
        }

        fn with(limits: Limits) -> Self {
            let (gate, groups) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
            let (pass, count) = (Arc::clone(&gate), Arc::clone(&groups));
            let run = move |jobs: Vec<Job<u32, u32>>| -> Answer<'static, ()> {
                count.fetch_add(1, Ordering::SeqCst);
                let pass = Arc::clone(&pass);
                Box::pin(async move {
                    pass.acquire().await.unwrap().forget();
                    assert!(jobs.iter().all(|job| job.asked != 666), "a driver that panics");
                    for Job { asked, reply, .. } in jobs {
                        let _ = reply.send(Ok(asked * 2));
                    }
                    Ok(())
                })
            };
            Self { batcher: Batcher::new(limits, Measures::of("numbers", "read"), run), gate, groups }
        }

        /// Somebody asks, and by the time this returns they are under way or wait.
        async fn ask(&self, number: u32) -> JoinHandle<Result<u32>> {
            let batcher = Arc::clone(&self.batcher);
            let task = tokio::spawn(async move { batcher.submit(number).await });
            tokio::task::yield_now().await;
            task
        }

        fn groups(&self) -> usize {
            self.groups.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn who_comes_meanwhile_travels_together() {
        let gated = Gated::new(100, 1000, TIMEOUT);
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
    async fn where_groups_take_long_more_of_them_set_off_evenly() {
        let gated = Gated::new(100, 100, TIMEOUT);
        let first = gated.ask(0).await;
        sleep(LONG * 4).await;
        gated.gate.add_permits(1);
        first.await.unwrap().unwrap();
        let (one, two) = (gated.ask(1).await, gated.ask(2).await);
        assert_eq!(gated.groups(), 2, "a group has just left");
        sleep(LONG * 3).await;
        let three = gated.ask(3).await;
        assert_eq!(gated.groups(), 3, "with whoever waited");
        gated.gate.add_permits(2);
        let answers = [one.await, two.await, three.await].map(|answer| answer.unwrap().unwrap());
        assert_eq!((answers, gated.groups()), ([2, 4, 6], 3));
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once() {
        let gated = Gated::new(100, 3, TIMEOUT);
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
        let gated = Gated::new(100, 100, TIMEOUT);
        let (first, gone, stays) = (gated.ask(1).await, gated.ask(2).await, gated.ask(3).await);
        first.abort();
        gone.abort();
        gated.gate.add_permits(2);
        assert_eq!(stays.await.unwrap().unwrap(), 6);
    }

    #[tokio::test]
    async fn a_panic_loses_one_group_and_no_lane() {
        let gated = Gated::new(100, 100, TIMEOUT);
        let (unlucky, lucky) = (gated.ask(666).await, gated.ask(3).await);
        gated.gate.add_permits(2);
        assert!(matches!(unlucky.await.unwrap(), Err(Error::Unavailable(_))));
        assert_eq!(lucky.await.unwrap().unwrap(), 6);
    }

    #[tokio::test]
    async fn who_has_left_does_not_travel_and_keeps_no_place() {
        let gated = Gated::new(2, 4, TIMEOUT);
        let first = gated.ask(0).await;
        for number in 1..=4 {
            let gone = gated.ask(number).await;
            gone.abort();
            let _ = gone.await;
        }
        let (one, two) = (gated.ask(5).await, gated.ask(6).await);
        gated.gate.add_permits(2);
        let answers = [first.await, one.await, two.await].map(|answer| answer.unwrap().unwrap());
        assert_eq!((answers, gated.groups()), ([0, 10, 12], 2), "nobody travelled who had left");
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_and_does_not_travel() {
        let gated = Gated::new(100, 100, Duration::from_millis(50));
        let (first, late) = (gated.ask(0).await, gated.ask(1).await);
        sleep(Duration::from_millis(60)).await;
        let next = gated.ask(2).await;
        assert!(matches!(late.await.unwrap(), Err(Error::Overloaded)), "whoever comes finds it out");
        sleep(Duration::from_millis(60)).await;
        gated.gate.add_permits(1);
        assert_eq!(first.await.unwrap().unwrap(), 0);
        assert!(matches!(next.await.unwrap(), Err(Error::Overloaded)), "or the group that lands");
        assert_eq!(gated.groups(), 1);
    }

    #[tokio::test]
    async fn who_flies_alone_keeps_the_lane_for_a_moment_and_a_group_until_it_lands() {
        let moment = Duration::from_millis(50);
        let gated = Gated::with(Limits { lanes: 1, group: 100, waiting: 100, patience: TIMEOUT, alone: moment });
        let (alone, one, two) = (gated.ask(0).await, gated.ask(1).await, gated.ask(2).await);
        assert_eq!(gated.groups(), 1);
        sleep(moment * 3).await;
        let last = gated.ask(3).await;
        sleep(moment * 3).await;
        assert_eq!(gated.groups(), 2, "those who waited for it, and nobody after them");
        gated.gate.add_permits(3);
        let answers = [alone.await, one.await, two.await, last.await].map(|answer| answer.unwrap().unwrap());
        assert_eq!(answers, [0, 2, 4, 6]);
    }
}
