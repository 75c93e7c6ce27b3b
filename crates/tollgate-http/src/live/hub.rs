//! One follower of each database's log, for all readers of this process.
//!
//! It begins with the first reader and ends with the last. A write of this process wakes it; those of others it finds by
//! asking four times a second. What it finds it reads once, and puts into a ring of which each reader takes their own.

use super::batch::Batch;
use crate::Stop;
use futures_util::{FutureExt, future::join_all};
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex as Turn, Notify, broadcast},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tollgate_core::{Clock, Problem, with_causes};
use tollgate_store::{
    Database, Error, Resource, Result, Store,
    changes::{ChangeLog, Follower, LoggedChange},
};

/// How often the log is asked for what other processes wrote.
const ASK: Duration = Duration::from_millis(250);
/// How long until what failed is tried again, and how often the reading of rows is.
const AGAIN: Duration = Duration::from_millis(500);
const TRIES: usize = 20;
/// How long nobody looks after something was found: where much is written, batches grow, and not their number.
const PAUSE: Duration = Duration::from_millis(20);
/// How many batches a reader may be behind.
const RING: usize = 64;
/// How often the log is cleared of what is old.
const SWEEP: Duration = Duration::from_mins(1);

/// How many may read, and for how long they may be away.
#[derive(Debug, Clone, Copy)]
pub struct LiveLimits {
    /// Streams of this process at once; with none, nobody is let in.
    pub readers: usize,
    /// Streams of one person, or one address of nobody in particular, in this process at once.
    pub per_person: usize,
    /// For how long changes are kept for those who come back.
    pub keep: Duration,
}

/// The live changes of an app. Clones are the same.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

tollgate_core::debug_by_name!(Live);

struct Inner {
    limits: LiveLimits,
    stop: Stop,
    clock: Arc<dyn Clock>,
    /// By the address of the database in memory, which is the same as long as it is here.
    feeds: Mutex<HashMap<usize, Arc<Feed>>>,
    readers: Mutex<HashMap<String, usize>>,
}

/// One of the streams that may be open.
pub(super) struct Seat {
    live: Live,
    person: String,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// Nobody reads yet. Streams end when the process drains.
    pub fn new(limits: LiveLimits, stop: Stop, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { limits, stop, clock, feeds: Mutex::default(), readers: Mutex::default() }))
    }

    /// Something was written here: there may be something new.
    pub fn wake(&self) {
        lock(&self.0.feeds).values().for_each(|feed| feed.wake.notify_one());
    }

    /// Clears the logs of these databases of what is older than it has to be, as long as the app is there.
    pub fn sweep(&self, databases: impl IntoIterator<Item = Arc<dyn Database>>) {
        let logs: Vec<_> = databases.into_iter().map(|database| ChangeLog::of(&database, &self.0.clock)).collect();
        let (inner, mut turn) = (Arc::downgrade(&self.0), interval(SWEEP));
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::spawn(async move {
            loop {
                turn.tick().await;
                let Some(inner) = inner.upgrade() else { return };
                for log in &logs {
                    if let Err(error) = log.forget(inner.clock.now() - inner.limits.keep).await {
                        tracing::warn!(error = with_causes(&error), "old changes cannot be removed");
                    }
                }
            }
        });
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.0.stop
    }

    /// A seat for somebody.
    ///
    /// # Errors
    /// 503 if all are taken, or there are none; 429 if they have as many as one person may.
    pub(super) fn seat(&self, person: &str) -> Result<Seat, Problem> {
        let LiveLimits { readers: most, per_person, .. } = self.0.limits;
        if most == 0 {
            return Err(Problem::unavailable().because("this process does not stay, so it sends no changes"));
        }
        if self.0.stop.is_leaving() {
            return Err(Problem::unavailable().because("the app is on its way out").retry_after(1));
        }
        let mut readers = lock(&self.0.readers);
        if readers.values().sum::<usize>() >= most {
            return Err(Problem::unavailable().because("as many follow changes as may at once").retry_after(5));
        }
        let own = readers.entry(person.to_owned()).or_default();
        if *own >= per_person {
            let problem = Problem::new(axum::http::StatusCode::TOO_MANY_REQUESTS).retry_after(5);
            return Err(problem.because(format!("you follow changes {per_person} times already: close one of them")));
        }
        *own += 1;
        Ok(Seat { live: self.clone(), person: person.to_owned() })
    }

    pub(super) fn log(&self, database: &Arc<dyn Database>) -> ChangeLog {
        ChangeLog::of(database, &self.0.clock)
    }

    /// What is new from now on.
    pub(super) async fn subscribe<R: Resource>(&self, store: &Store<R>) -> Result<Subscription<R>> {
        let database = tollgate_store::database_of(store);
        let at = Arc::as_ptr(database).cast::<()>() as usize;
        let feed = Arc::clone(lock(&self.0.feeds).entry(at).or_default());
        feed.subscribe(store, self.log(database)).await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut readers = lock(&self.live.0.readers);
        if let Some(own) = readers.get_mut(&self.person) {
            *own -= 1;
            if *own == 0 {
                readers.remove(&self.person);
            }
        }
    }
}

/// Batches as they come; a reader that is too slow misses some, and is told so.
pub(super) struct Subscription<R: Resource> {
    pub(super) batches: broadcast::Receiver<Arc<Batch<R>>>,
    /// Up to where a reader has everything who took what came so far.
    pub(super) mark: i64,
    feed: Weak<Feed>,
}

impl<R: Resource> Subscription<R> {
    /// Goes on to where the log was read to, if nothing of it waits here: what is others' moves it too, and whoever comes
    /// back need not look through that.
    pub(super) fn go_on(&mut self) {
        // What is up to there was put into the ring before: so in this order.
        let mark = self.feed.upgrade().map_or(self.mark, |feed| feed.mark.load(SeqCst));
        if self.batches.is_empty() {
            self.mark = self.mark.max(mark);
        }
    }
}

/// A channel without and with its type.
type Open = (Arc<dyn Sink>, Arc<dyn Any + Send + Sync>);

/// The log of one database.
#[derive(Default)]
struct Feed {
    wake: Notify,
    mark: AtomicI64,
    /// Whether somebody follows it; who holds this begins or ends that.
    is_followed: Turn<bool>,
    channels: Mutex<HashMap<TypeId, Open>>,
}

impl Feed {
    async fn subscribe<R: Resource>(self: &Arc<Self>, store: &Store<R>, log: ChangeLog) -> Result<Subscription<R>> {
        let mut is_followed = self.is_followed.lock().await;
        let batches = self.channel(store)?.ring.subscribe();
        if !*is_followed {
            let follower = Follower::begin(log).await?;
            self.mark.store(follower.mark(), SeqCst);
            tokio::spawn(keep_following(Arc::downgrade(self), follower));
            *is_followed = true;
        }
        Ok(Subscription { batches, feed: Arc::downgrade(self), mark: self.mark.load(SeqCst) })
    }

    fn channel<R: Resource>(&self, store: &Store<R>) -> Result<Arc<Channel<R>>> {
        let mut channels = lock(&self.channels);
        let (_, channel) = channels.entry(TypeId::of::<R>()).or_insert_with(|| {
            let channel = Arc::new(Channel { store: store.clone(), ring: broadcast::channel(RING).0 });
            (Arc::clone(&channel) as _, channel as _)
        });
        Arc::clone(channel).downcast().map_err(|_| Error::internal("a channel of another resource"))
    }

    fn sinks(&self) -> Vec<Arc<dyn Sink>> {
        lock(&self.channels).values().map(|(sink, _)| Arc::clone(sink)).filter(|sink| sink.has_readers()).collect()
    }
}

/// Follows until nobody reads any more. Where that panics, what was being told is lost: readers are to read anew.
async fn keep_following(feed: Weak<Feed>, mut follower: Follower) {
    while AssertUnwindSafe(follow(&feed, &mut follower)).catch_unwind().await.is_err() {
        tracing::error!("following changes panicked; readers are told to read anew");
        let Some(feed) = feed.upgrade() else { return };
        feed.sinks().iter().for_each(|sink| sink.reset(follower.mark()));
        feed.mark.store(follower.mark(), SeqCst);
        sleep(AGAIN).await;
    }
}

async fn follow(feed: &Weak<Feed>, follower: &mut Follower) {
    let mut is_well = true;
    while let Some(feed) = feed.upgrade() {
        if feed.sinks().is_empty() {
            let mut is_followed = feed.is_followed.lock().await;
            if feed.sinks().is_empty() {
                *is_followed = false;
                return;
            }
        }
        match follower.next().await {
            Ok(entries) if entries.is_empty() => {
                feed.mark.store(follower.mark(), SeqCst);
                let _ = timeout(ASK, feed.wake.notified()).await;
                is_well = true;
            }
            Ok(entries) => {
                let marks = (feed.mark.load(SeqCst), follower.mark());
                let sinks = feed.sinks();
                // Side by side: one whose rows cannot be read keeps no other waiting for longer than that.
                join_all(sinks.iter().map(|sink| sink.deliver(&entries, marks))).await;
                feed.mark.store(marks.1, SeqCst);
                sleep(PAUSE).await;
            }
            Err(error) => {
                if is_well {
                    tracing::warn!(error = with_causes(&error), "changes cannot be read; they are sent later");
                }
                is_well = false;
                sleep(AGAIN).await;
            }
        }
    }
}

/// The readers of a resource whose type is not known here.
trait Sink: Send + Sync {
    fn has_readers(&self) -> bool;
    /// Those entries that are of this resource; none of them is left out.
    fn deliver<'a>(&'a self, entries: &'a [LoggedChange], marks: (i64, i64)) -> Delivered<'a>;
    /// Everything is to be read anew.
    fn reset(&self, mark: i64);
}

type Delivered<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

struct Channel<R: Resource> {
    store: Store<R>,
    ring: broadcast::Sender<Arc<Batch<R>>>,
}

impl<R: Resource> Sink for Channel<R> {
    fn has_readers(&self) -> bool {
        self.ring.receiver_count() > 0
    }

    fn deliver<'a>(&'a self, entries: &'a [LoggedChange], marks: (i64, i64)) -> Delivered<'a> {
        Box::pin(async move {
            let own: Vec<_> = entries.iter().filter(|entry| entry.resource == R::TABLE.name).collect();
            if own.is_empty() {
                return;
            }
            for batch in self.batches(&own, marks).await {
                let _ = self.ring.send(Arc::new(batch));
            }
        })
    }

    fn reset(&self, mark: i64) {
        let _ = self.ring.send(Arc::new(Batch::reset(mark)));
    }
}

impl<R: Resource> Channel<R> {
    /// Tries until the rows can be read; where they never can, readers are to read anew what they can.
    async fn batches(&self, entries: &[&LoggedChange], marks: (i64, i64)) -> Vec<Batch<R>> {
        for _ in 0..TRIES {
            match Batch::of(entries, &self.store, marks).await {
                Ok(batches) => return batches,
                Err(error @ (Error::Unavailable(_) | Error::Overloaded)) => {
                    tracing::debug!(error = with_causes(&error), "changed rows cannot be read yet");
                }
                Err(error) => {
                    tracing::warn!(
                        error = with_causes(&error),
                        resource = R::TABLE.name,
                        "changed rows cannot be read"
                    );
                    break;
                }
            }
            sleep(AGAIN).await;
        }
        vec![Batch::reset(marks.1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tollgate_core::SystemClock;
    use tollgate_store::Memory;

    /// Panics when it is first asked for readers; it has some until it was told to read anew.
    #[derive(Default)]
    struct Breaks {
        asked: AtomicUsize,
        resets: AtomicUsize,
    }

    impl Sink for Breaks {
        fn has_readers(&self) -> bool {
            assert!(self.asked.fetch_add(1, SeqCst) > 0, "as asked");
            self.resets.load(SeqCst) == 0
        }

        fn deliver<'a>(&'a self, _: &'a [LoggedChange], _: (i64, i64)) -> Delivered<'a> {
            Box::pin(std::future::ready(()))
        }

        fn reset(&self, _: i64) {
            self.resets.fetch_add(1, SeqCst);
        }
    }

    #[tokio::test]
    async fn a_follower_that_panics_tells_its_readers_and_goes_on() {
        let (feed, sink) = (Arc::new(Feed::default()), Arc::new(Breaks::default()));
        lock(&feed.channels).insert(TypeId::of::<Breaks>(), (Arc::clone(&sink) as _, Arc::clone(&sink) as _));
        *feed.is_followed.lock().await = true;
        let database: Arc<dyn Database> = Arc::new(Memory::default());
        let log = ChangeLog::of(&database, &(Arc::new(SystemClock::default()) as Arc<dyn Clock>));
        keep_following(Arc::downgrade(&feed), Follower::begin(log).await.unwrap()).await;
        assert_eq!(sink.resets.load(SeqCst), 1);
        assert!(
            !*feed.is_followed.lock().await,
            "it ended because nobody reads any more, and the next reader begins anew"
        );
    }
}
