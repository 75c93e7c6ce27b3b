//! What a group does: callers share the way, not the misfortune.
//!
//! Rows are read together, and each caller is handed their own, or why it cannot be read. Rows are inserted together;
//! where one of them is refused, or waits for another's transaction, the group is split until it stands alone.

use crate::{
    Answer, Batch, Driver, Error, Resource, Result, Row, Select, Table, Value, Watch,
    batch::{Job, Reply},
    store::{by_id, keyed},
};
use std::{mem::take, ops::Range, sync::Arc, time::Duration, vec};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

/// Into how many pieces a group is split, which are then tried at once. The culprit among 256 rows is found, and the
/// others kept, in two steps of 16 statements; 256 culprits take 17 such steps, none of which ends in a commit.
const PIECES: usize = 16;

/// How long a group looks for those in it who wait for another's transaction, and how long it waits for some of them, or
/// the next group for one that is alone from the start.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(2);
pub(crate) const ALONE_TIMEOUT: Duration = Duration::from_millis(250);

/// Asks once for all keys and hands each caller their row. The scope is applied later, by each caller's own.
pub(crate) fn fetch<T: Resource>(driver: Arc<dyn Driver>, mut group: Vec<Job<T::Id, T>>) -> Answer<'static, ()> {
    Box::pin(async move {
        group.sort_unstable_by(|a, b| a.asked.cmp(&b.asked));
        let mut ids: Vec<_> = group.iter().map(|job| job.asked.clone()).collect();
        ids.dedup();
        let select = Select { table: T::TABLE, filter: by_id::<T>(ids), order: Vec::new(), limit: None };
        let (mut found, mut unreadable) = (Vec::with_capacity(group.len()), Vec::new());
        let mut each = |row: &dyn Row| {
            match T::read(row) {
                Ok(row) => found.push(row),
                // One whose very key cannot be read is nobody's.
                Err(error) => unreadable.extend(row.read::<T::Id>(T::TABLE.id).ok().map(|id| (id, error))),
            }
            Ok(())
        };
        let outcome = driver.select(&select, &mut each).await;
        found.sort_unstable_by_key(T::id);
        let (mut found, mut group) = (found.into_iter().peekable(), group.into_iter().peekable());
        while let Some(Job { asked, reply, .. }) = group.next() {
            let is_it = |row: &T| row.id() == asked;
            while found.next_if(|row| row.id() < asked).is_some() {}
            let row = match group.peek() {
                Some(next) if next.asked == asked => found.peek().filter(|row| is_it(row)).cloned(),
                _ => found.next_if(is_it),
            };
            let _ = reply.send(outcome.clone().and(row.ok_or_else(|| why_not(&unreadable, &asked))));
        }
        Ok(())
    })
}

/// Why there is no row to hand out.
fn why_not<I: PartialEq>(unreadable: &[(I, Error)], asked: &I) -> Error {
    let why = unreadable.iter().find(|(id, _)| id == asked);
    why.map_or(Error::NotFound, |(_, error)| error.clone())
}

/// The keys that the database counted, or nothing where another's transaction was in the way.
type Inserted = Result<Option<Vec<Value<'static>>>>;

/// Inserts the group in one transaction; where that cannot be, in as many as it takes.
pub(crate) fn commit<T: Resource>(
    driver: Arc<dyn Driver>,
    watch: Option<Arc<dyn Watch>>,
    group: Vec<Job<T, T>>,
) -> Answer<'static, ()> {
    let (rows, replies): (Vec<T>, Vec<_>) = group.into_iter().map(|job| (job.asked, Some(job.reply))).unzip();
    let (way, count) = (Way { driver, watch, table: T::TABLE }, rows.len());
    Box::pin(way.all(count, Box::new(Group { rows: Arc::new(rows), replies })))
}

/// How rows are inserted. Not generic: tasks are a lot of code, and so are there once, not for each resource.
#[derive(Clone)]
struct Way {
    driver: Arc<dyn Driver>,
    watch: Option<Arc<dyn Watch>>,
    table: &'static Table,
}

/// A part that is to be split: one of its rows is refused, or has to wait.
struct Failing {
    part: Range<usize>,
    waits: bool,
}

impl Way {
    async fn all(self, count: usize, mut group: Box<dyn Callers>) -> Result<()> {
        let start = Instant::now();
        let (all, outcome) = self.clone().together(group.rows(), 0..count).await;
        let mut failing: Vec<_> = group.settle(all, outcome).into_iter().collect();
        while let Some(Failing { part, waits }) = failing.pop() {
            if waits && start.elapsed() >= SEARCH_TIMEOUT {
                group.settle(part, Err(Error::Overloaded));
                continue;
            }
            if part.len() <= PIECES {
                self.each_alone(&mut *group, part, waits).await;
                continue;
            }
            let mut tries: JoinSet<_> = pieces(part).map(|piece| self.clone().together(group.rows(), piece)).collect();
            while let Some(tried) = tries.join_next().await {
                // The callers of one that panicked are told so at the end.
                if let Ok((piece, outcome)) = tried {
                    failing.extend(group.settle(piece, outcome));
                }
            }
        }
        Ok(())
    }

    /// Tries to insert a part.
    async fn together(self, rows: Arc<dyn Batch>, part: Range<usize>) -> (Range<usize>, Inserted) {
        let inserted = self.driver.insert_group(self.table, rows, part.clone()).await;
        self.told().await;
        (part, inserted)
    }

    /// Each row of a part on its own. Who has to wait for another's transaction goes on waiting, and nobody with them.
    async fn each_alone(&self, group: &mut dyn Callers, part: Range<usize>, waits: bool) {
        let alone = |index| self.clone().alone(group.rows(), index, waits, group.caller(index));
        let mut rows: JoinSet<()> = part.map(alone).collect();
        if timeout(ALONE_TIMEOUT, async { while rows.join_next().await.is_some() {} }).await.is_err() {
            rows.detach_all();
        }
    }

    /// A row that perhaps has to wait is not tried again where others wait with it.
    async fn alone(self, rows: Arc<dyn Batch>, index: usize, waits: bool, caller: Caller) {
        let (row, again) = (index..index + 1, Arc::clone(&rows));
        let tried = if waits { Ok(None) } else { self.clone().together(rows, row.clone()).await.1 };
        let keys = match tried {
            Ok(None) => {
                let inserted = self.driver.insert(self.table, again, row).await;
                self.told().await;
                inserted
            }
            keys => keys.map(Option::unwrap_or_default),
        };
        caller(keys);
    }

    /// Tells who watches, before the callers hear of it.
    async fn told(&self) {
        if let Some(watch) = &self.watch {
            watch.changed(self.table).await;
        }
    }
}

/// What is done with the key of a row that was inserted by itself.
type Caller = Box<dyn FnOnce(Result<Vec<Value<'static>>>) + Send>;

/// Those who wait until their rows are durable.
trait Callers: Send {
    /// All of them.
    fn rows(&self) -> Arc<dyn Batch>;
    /// Tells the callers of a part what became of it, unless it is to be split.
    fn settle(&mut self, part: Range<usize>, outcome: Inserted) -> Option<Failing>;
    /// Takes one out.
    fn caller(&mut self, index: usize) -> Caller;
}

struct Group<T> {
    rows: Arc<Vec<T>>,
    replies: Vec<Option<Reply<T>>>,
}

impl<T: Resource> Callers for Group<T> {
    fn rows(&self) -> Arc<dyn Batch> {
        Arc::clone(&self.rows) as _
    }

    fn settle(&mut self, part: Range<usize>, outcome: Inserted) -> Option<Failing> {
        let outcome = match outcome {
            Ok(None) => return Some(Failing { part, waits: true }),
            Err(error) if error.blames_a_row() && part.len() > 1 => return Some(Failing { part, waits: false }),
            Ok(Some(keys)) => Ok(keys),
            Err(error) => Err(error),
        };
        let mut whole = if outcome.is_ok() { self.whole(&part) } else { None };
        for (place, index) in part.enumerate() {
            let row = outcome.as_ref().map_err(Clone::clone).and_then(|keys| {
                let row = whole.as_mut().and_then(Iterator::next).unwrap_or_else(|| self.rows[index].clone());
                keyed(row, keys.get(place).cloned())
            });
            let _ = self.replies[index].take().map(|reply| reply.send(row));
        }
        None
    }

    fn caller(&mut self, index: usize) -> Caller {
        let (rows, reply) = (Arc::clone(&self.rows), self.replies[index].take());
        Box::new(move |keys| {
            let row = keys.and_then(|keys| keyed(rows[index].clone(), keys.into_iter().next()));
            let _ = reply.map(|reply| reply.send(row));
        })
    }
}

impl<T: Resource> Group<T> {
    /// The rows themselves, if this is all of them and nobody else has them: most groups are answered without copies.
    fn whole(&mut self, part: &Range<usize>) -> Option<vec::IntoIter<T>> {
        let rows = Arc::get_mut(&mut self.rows).filter(|rows| rows.len() == part.len())?;
        Some(take(rows).into_iter())
    }
}

fn pieces(part: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let size = part.len().div_ceil(PIECES);
    part.clone().step_by(size).map(move |start| start..part.end.min(start + size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Each, Expr, Lanes, Update, Upsert};
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };
    use tokio::{sync::oneshot, time::sleep};

    /// A number.
    #[tollgate_macros::resource(plural = "numbers")]
    struct Number {
        #[id]
        number_id: i64,
    }

    /// Refuses odd numbers; another's transaction is in the way of those from a thousand on.
    #[derive(Default)]
    struct Picky {
        under_way: AtomicUsize,
        most: AtomicUsize,
        waiting: AtomicUsize,
        tried: Mutex<Vec<usize>>,
    }

    fn numbers(rows: &dyn Batch, range: Range<usize>) -> Vec<i64> {
        range.map(|index| rows.row(index).read(0).unwrap()).collect()
    }

    impl Driver for Picky {
        fn lanes(&self) -> Lanes {
            unreachable!()
        }
        fn select<'a>(&'a self, _: &'a Select, _: Each<'a>) -> Answer<'a, ()> {
            unreachable!()
        }
        fn count<'a>(&'a self, _: &'static Table, _: &'a Expr) -> Answer<'a, u64> {
            unreachable!()
        }
        fn update<'a>(&'a self, _: &'a Update, _: Each<'a>) -> Answer<'a, ()> {
            unreachable!()
        }
        fn delete<'a>(&'a self, _: &'static Table, _: &'a Expr) -> Answer<'a, u64> {
            unreachable!()
        }
        fn upsert<'a>(&'a self, _: &'a Upsert, _: Arc<dyn Batch>, _: Range<usize>) -> Answer<'a, ()> {
            unreachable!()
        }

        fn insert<'a>(
            &'a self,
            _: &'static Table,
            rows: Arc<dyn Batch>,
            range: Range<usize>,
        ) -> Answer<'a, Vec<Value<'static>>> {
            Box::pin(async move {
                let numbers = numbers(&*rows, range);
                assert_eq!(numbers.len(), 1, "each on its own");
                if numbers[0] >= 1000 {
                    self.waiting.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(700)).await;
                }
                Ok(vec![])
            })
        }

        fn insert_group<'a>(
            &'a self,
            _: &'static Table,
            rows: Arc<dyn Batch>,
            range: Range<usize>,
        ) -> Answer<'a, Option<Vec<Value<'static>>>> {
            Box::pin(async move {
                self.tried.lock().unwrap().push(range.len());
                let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(now, Ordering::SeqCst);
                sleep(Duration::from_millis(1)).await;
                self.under_way.fetch_sub(1, Ordering::SeqCst);
                match numbers(&*rows, range) {
                    numbers if numbers.iter().any(|number| number % 2 == 1) => Err(Error::Conflict { column: None }),
                    numbers if numbers.iter().any(|number| *number >= 1000) => Ok(None),
                    _ => Ok(Some(vec![])),
                }
            })
        }
    }

    type Answers = Vec<oneshot::Receiver<Result<Number>>>;

    async fn insert(driver: &Arc<Picky>, numbers: impl Iterator<Item = i64>) -> Answers {
        let (jobs, answers) = numbers
            .map(|number_id| {
                let (reply, answer) = oneshot::channel();
                (Job { asked: Number { number_id }, reply, span: tracing::Span::none() }, answer)
            })
            .unzip();
        commit(Arc::clone(driver) as _, None, jobs).await.unwrap();
        answers
    }

    #[tokio::test]
    async fn one_refused_row_costs_two_steps_more() {
        let driver = Arc::new(Picky::default());
        for (number, answer) in
            insert(&driver, (0..256).map(|it| if it == 99 { 99 } else { it * 2 })).await.into_iter().enumerate()
        {
            assert_eq!(answer.await.unwrap().is_ok(), number != 99);
        }
        let tried = driver.tried.lock().unwrap();
        assert_eq!((tried.len(), tried[1], tried[17]), (1 + 16 + 16, 16, 1));
    }

    #[tokio::test]
    async fn a_storm_of_refused_rows_takes_few_steps_and_no_crowd() {
        let driver = Arc::new(Picky::default());
        for answer in insert(&driver, (0..256).map(|it| it * 2 + 1)).await {
            assert!(matches!(answer.await.unwrap(), Err(Error::Conflict { .. })));
        }
        assert_eq!(driver.tried.lock().unwrap().len(), 1 + 16 + 256);
        assert_eq!(driver.most.load(Ordering::SeqCst), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_transaction_waits_on_their_own() {
        let driver = Arc::new(Picky::default());
        let start = Instant::now();
        let answers = insert(&driver, (0..256).map(|it| if it % 100 == 50 { 1000 + it } else { it * 2 })).await;
        assert!(start.elapsed() < Duration::from_millis(1200), "the next group sets off: {:?}", start.elapsed());
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_waits_is_tried_in_pieces_and_holds_the_next_group_up_for_no_longer_than_is_looked() {
        let driver = Arc::new(Picky::default());
        let start = Instant::now();
        let answers = insert(&driver, (0..256).map(|it| 1000 + it * 2)).await;
        assert!(start.elapsed() < SEARCH_TIMEOUT + ALONE_TIMEOUT * 2, "{:?}", start.elapsed());
        assert_eq!(driver.tried.lock().unwrap().len(), 1 + 16, "no row by itself where others wait with it");
        let (mut kept, mut refused) = (0, 0);
        for answer in answers {
            match answer.await.unwrap() {
                Ok(_) => kept += 1,
                Err(Error::Overloaded) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((kept, kept + refused), (driver.waiting.load(Ordering::SeqCst), 256));
        assert!(refused > 0, "there was time for all");
    }
}
