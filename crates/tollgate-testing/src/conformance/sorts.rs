//! In which order: null first, text by code point, the same everywhere.

use super::resources::{NewSample, Sample, all, sample, store};
use std::sync::Arc;
use tollgate::{Filter, Find, Store, Timestamp, Uuid};
use tollgate_store::{Database, Sort};

async fn sorted(samples: &Store<Sample>, sorts: impl IntoIterator<Item = Sort<Sample>>) -> Vec<i32> {
    let every = samples.find(&all(), Filter::every());
    let find = sorts.into_iter().fold(every, Find::sort);
    find.all().await.unwrap().into_iter().map(|row| row.sample_id).collect()
}

pub async fn null_comes_first_and_last_when_descending(database: Arc<dyn Database>) {
    let samples = &store::<Sample>(&database).await;
    let rising = |id: i32| NewSample {
        maybe_flag: Some(id == 2),
        maybe_small: Some(id - 2),
        maybe_big: Some(i64::from(id) - 2),
        maybe_ratio: Some(f64::from(id) - 1.5),
        maybe_text: Some(["", "B", "a"][id as usize].into()),
        maybe_code: Some(Uuid::from_u128((id as u128) << 120)),
        maybe_moment: Some(Timestamp::from_second(i64::from(id) - 2).unwrap()),
        ..sample(id)
    };
    samples.insert_many(&all(), vec![rising(2), sample(0), rising(1)]).await.unwrap();
    let ways = [
        (Sample::MAYBE_FLAG.asc(), Sample::MAYBE_FLAG.desc()),
        (Sample::MAYBE_SMALL.asc(), Sample::MAYBE_SMALL.desc()),
        (Sample::MAYBE_BIG.asc(), Sample::MAYBE_BIG.desc()),
        (Sample::MAYBE_RATIO.asc(), Sample::MAYBE_RATIO.desc()),
        (Sample::MAYBE_TEXT.asc(), Sample::MAYBE_TEXT.desc()),
        (Sample::MAYBE_CODE.asc(), Sample::MAYBE_CODE.desc()),
        (Sample::MAYBE_MOMENT.asc(), Sample::MAYBE_MOMENT.desc()),
    ];
    for (column, (up, down)) in ways.into_iter().enumerate() {
        assert_eq!(sorted(samples, [up]).await, [0, 1, 2], "nullable column {column}, ascending");
        assert_eq!(sorted(samples, [down]).await, [2, 1, 0], "nullable column {column}, descending");
    }
}

pub async fn text_sorts_by_code_point(database: Arc<dyn Database>) {
    let samples = &store::<Sample>(&database).await;
    let rising = ["", " ", "10", "9", "Z", "Za", "_", "a", "a b", "aa", "z", "é", "ü", "Ω", "中", "\u{ffff}", "😀"];
    let text = |(id, text): (i32, &str)| NewSample { text: text.into(), ..sample(id) };
    let mut new: Vec<_> = (0..).zip(rising).map(text).collect();
    new.rotate_left(5);
    new.swap(0, 3);
    samples.insert_many(&all(), new).await.unwrap();
    let count = i32::try_from(rising.len()).unwrap();
    assert_eq!(sorted(samples, [Sample::TEXT.asc()]).await, (0..count).collect::<Vec<_>>());
    assert_eq!(sorted(samples, [Sample::TEXT.desc()]).await, (0..count).rev().collect::<Vec<_>>());
    let before = samples.count(&all(), Sample::TEXT.lt("é")).await.unwrap();
    assert_eq!(before, 11, "comparisons follow the same order");
}

pub async fn columns_decide_in_the_order_they_are_given(database: Arc<dyn Database>) {
    let samples = &store::<Sample>(&database).await;
    let pair = |id: i32, small: i32, text: &str| NewSample { small, text: text.into(), ..sample(id) };
    let new = vec![pair(1, 2, "b"), pair(2, 1, "b"), pair(3, 2, "a"), pair(4, 1, "a")];
    samples.insert_many(&all(), new).await.unwrap();
    assert_eq!(sorted(samples, [Sample::SMALL.asc(), Sample::TEXT.asc()]).await, [4, 2, 3, 1]);
    assert_eq!(sorted(samples, [Sample::SMALL.desc(), Sample::TEXT.asc()]).await, [3, 1, 4, 2]);
    assert_eq!(sorted(samples, [Sample::TEXT.desc(), Sample::SMALL.asc()]).await, [2, 1, 4, 3]);
    assert_eq!(sorted(samples, [Sample::SMALL.asc(), Sample::SMALL.desc(), Sample::TEXT.desc()]).await, [2, 4, 1, 3]);
}

pub async fn a_limit_takes_the_first_of_the_order(database: Arc<dyn Database>) {
    let samples = &store::<Sample>(&database).await;
    samples.insert_many(&all(), (0..10).map(sample).collect()).await.unwrap();
    let down = || samples.find(&all(), Sample::SAMPLE_ID.gt(2)).sort(Sample::SAMPLE_ID.desc());
    let ids = |rows: Vec<Sample>| rows.into_iter().map(|row| row.sample_id).collect::<Vec<_>>();
    assert_eq!(ids(down().limit(2).all().await.unwrap()), [9, 8]);
    assert!(ids(down().limit(0).all().await.unwrap()).is_empty());
    assert_eq!(ids(down().limit(u32::MAX).all().await.unwrap()).len(), 7);
    assert_eq!(down().first().await.unwrap().unwrap().sample_id, 9);
    assert_eq!(samples.find(&all(), Sample::SAMPLE_ID.gt(99)).first().await.unwrap(), None);
}
