//! Pages: each row once, whatever the order, and whatever happens between two pages.

use super::resources::{NewSample, Sample, all, sample, store};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::task::JoinSet;
use tollgate::{Filter, Find, Slice, Store, Timestamp, Uuid};
use tollgate_store::{Database, Error, Position, Sort};

/// Samples whose values often are equal, and often are not there.
async fn repetitive(database: &Arc<dyn Database>) -> Store<Sample> {
    let samples = store::<Sample>(database).await;
    let new = (0..60).map(|id: i32| {
        let (few, there) = (id * 7 % 5, id % 3 != 0);
        NewSample {
            flag: id % 2 == 0,
            small: few,
            ratio: f64::from(few) / 3.0,
            text: ["", "Z", "a", "é", "😀"][few as usize].into(),
            code: Uuid::from_u128(few as u128),
            moment: Timestamp::from_microsecond(i64::from(few) - 2).unwrap(),
            maybe_flag: there.then_some(id % 2 == 0),
            maybe_small: there.then_some(few),
            maybe_ratio: there.then(|| -f64::from(few)),
            maybe_text: there.then(|| few.to_string()),
            maybe_code: there.then(|| Uuid::from_u128(few as u128)),
            maybe_moment: there.then(|| Timestamp::from_second(few.into()).unwrap()),
            ..sample(id)
        }
    });
    samples.insert_many(&all(), new.collect()).await.unwrap();
    samples
}

/// The orders to walk in.
fn orders() -> Vec<Vec<Sort<Sample>>> {
    vec![
        vec![],
        vec![Sample::SAMPLE_ID.desc()],
        vec![Sample::FLAG.asc()],
        vec![Sample::FLAG.desc(), Sample::SMALL.asc()],
        vec![Sample::RATIO.desc()],
        vec![Sample::TEXT.asc(), Sample::MAYBE_FLAG.desc()],
        vec![Sample::CODE.desc()],
        vec![Sample::MOMENT.desc(), Sample::MAYBE_RATIO.asc()],
        vec![Sample::MAYBE_SMALL.asc()],
        vec![Sample::MAYBE_SMALL.desc()],
        vec![Sample::MAYBE_TEXT.asc(), Sample::SAMPLE_ID.desc()],
        vec![Sample::MAYBE_TEXT.desc(), Sample::MAYBE_CODE.asc(), Sample::SMALL.desc()],
        vec![Sample::MAYBE_MOMENT.desc()],
        vec![Sample::MAYBE_BIG.asc()],
        vec![Sample::MAYBE_BIG.desc()],
    ]
}

fn find(samples: &Store<Sample>, number: usize) -> Find<Sample> {
    let every = samples.find(&all(), Filter::every());
    orders().swap_remove(number).into_iter().fold(every, Find::sort)
}

fn keys(rows: &[Sample]) -> Vec<i32> {
    rows.iter().map(|row| row.sample_id).collect()
}

/// A page, its position carried as bytes, as cursors do.
async fn page(find: Find<Sample>, limit: u32, after: Option<&Position>) -> Slice<Sample> {
    let mut slice = find.page(limit, after).await.unwrap();
    slice.next = slice.next.map(|next| Position::from_bytes(&next.to_bytes()).unwrap());
    slice
}

async fn walk(samples: &Store<Sample>, number: usize, limit: u32) -> Vec<i32> {
    let (mut seen, mut after) = (vec![], None);
    loop {
        let slice = page(find(samples, number), limit, after.as_ref()).await;
        assert!(!slice.items.is_empty() && slice.items.len() <= limit as usize);
        seen.extend(keys(&slice.items));
        after = slice.next;
        if after.is_none() {
            return seen;
        }
    }
}

pub async fn walking_the_pages_visits_each_row_once_in_order(database: Arc<dyn Database>) {
    let samples = &repetitive(&database).await;
    for number in 0..orders().len() {
        let by_key =
            if number == 1 { find(samples, number) } else { find(samples, number).sort(Sample::SAMPLE_ID.asc()) };
        let whole = keys(&by_key.all().await.unwrap());
        assert_eq!(whole.len(), 60);
        for limit in [1, 7, 20, 60, 100] {
            assert_eq!(walk(samples, number, limit).await, whole, "order {number} in pages of {limit}");
        }
    }
}

pub async fn the_last_page_knows_that_it_is(database: Arc<dyn Database>) {
    let samples = store::<Sample>(&database).await;
    let every = || samples.find(&all(), Filter::every());
    let nothing = every().page(10, None).await.unwrap();
    assert!(nothing.items.is_empty() && nothing.next.is_none());
    samples.insert_many(&all(), (0..10).map(sample).collect()).await.unwrap();
    assert!(every().page(10, None).await.unwrap().next.is_none(), "exactly full");
    let first = every().page(9, None).await.unwrap();
    let last = every().page(9, first.next.as_ref()).await.unwrap();
    assert_eq!((keys(&last.items), last.next), (vec![9], None));
}

pub async fn pages_stay_within_the_filter(database: Arc<dyn Database>) {
    let samples = repetitive(&database).await;
    let wanted = || Sample::FLAG.eq(true) & (Sample::SMALL.eq(1) | Sample::MAYBE_TEXT.is_null());
    let (mut seen, mut after) = (vec![], None);
    loop {
        let find = samples.find(&all(), wanted()).sort(Sample::MAYBE_TEXT.desc());
        let slice = page(find, 4, after.as_ref()).await;
        seen.extend(slice.items);
        after = slice.next;
        if after.is_none() {
            break;
        }
    }
    assert!(seen.iter().all(|row| wanted().matches(row).unwrap()));
    assert_eq!(seen.len() as u64, samples.count(&all(), wanted()).await.unwrap());
}

pub async fn pages_are_stable_while_rows_come_and_go(database: Arc<dyn Database>) {
    for number in 0..orders().len() {
        let samples = repetitive(&database).await;
        let (mut seen, mut after, mut round) = (vec![], None, 0);
        let mut removed = HashSet::new();
        loop {
            let slice = page(find(&samples, number), 7, after.as_ref()).await;
            seen.extend(keys(&slice.items));
            // What is removed is the very row the position speaks of, and one that may lie before or behind it.
            for id in [*seen.last().unwrap(), round * 5] {
                let _ = samples.delete(&all(), id).await;
                removed.insert(id);
            }
            let newcomer = NewSample { small: round % 5, maybe_small: Some(round % 5), ..sample(1000 + round) };
            samples.insert(&all(), newcomer).await.unwrap();
            after = slice.next;
            round += 1;
            if after.is_none() {
                break;
            }
        }
        let distinct: HashSet<_> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "order {number}: no row twice");
        for id in (0..60).filter(|id| !removed.contains(id)) {
            assert!(distinct.contains(&id), "order {number}: row {id} was there all the time and was not visited");
        }
        samples.delete_all(&all(), Filter::every()).await.unwrap();
    }
}

pub async fn pages_are_stable_while_others_write(database: Arc<dyn Database>) {
    for number in (0..orders().len()).step_by(3) {
        let samples = repetitive(&database).await;
        let (is_over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let write = |writer: i32| {
            let (samples, is_over, done) = (samples.clone(), Arc::clone(&is_over), Arc::clone(&done));
            async move {
                let mut written = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let (few, id) = (written % 5, 1000 * (writer + 1) + written % 900);
                    let new = NewSample { small: few, maybe_small: Some(few), ..sample(id) };
                    samples.insert(&all(), new).await.unwrap();
                    samples.delete(&all(), id).await.unwrap();
                    written += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let writers: JoinSet<_> = (0..4).map(write).collect();
        let mut walks = 0;
        while walks < 3 || done.load(Ordering::Relaxed) < 8 {
            let (mut seen, mut after) = (vec![], None);
            loop {
                let slice = page(find(&samples, number), 7, after.as_ref()).await;
                seen.extend(keys(&slice.items).into_iter().filter(|id| *id < 1000));
                after = slice.next;
                if after.is_none() {
                    break;
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..60).collect::<Vec<_>>(), "order {number}: each row that was there all the time, once");
            walks += 1;
        }
        is_over.store(true, Ordering::Relaxed);
        writers.join_all().await;
        samples.delete_all(&all(), Filter::every()).await.unwrap();
    }
}

pub async fn a_position_in_another_order_is_refused(database: Arc<dyn Database>) {
    let samples = repetitive(&database).await;
    let position = find(&samples, 5).page(3, None).await.unwrap().next.unwrap();
    for number in [0, 2, 3, 6, 7] {
        let refused = find(&samples, number).page(3, Some(&position)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "order {number}: {refused:?}");
    }
    assert_eq!(find(&samples, 5).page(3, Some(&position)).await.unwrap().items.len(), 3);
}
