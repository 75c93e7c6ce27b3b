//! Which rows match: one filter, one answer, whoever evaluates it.

use super::resources::{NewSample, Sample, all, sample, store};
use std::{ops::BitOr, sync::Arc};
use tollgate::{Filter, Store, Timestamp, Uuid};
use tollgate_store::Database;

const NONE: [i32; 0] = [];

/// The keys of the samples that match, in order.
async fn matching(samples: &Store<Sample>, filter: Filter<Sample>) -> Vec<i32> {
    let found = samples.find(&all(), filter.clone()).sort(Sample::SAMPLE_ID.asc()).all().await.unwrap();
    assert_eq!(samples.count(&all(), filter).await.unwrap(), found.len() as u64, "counted as found");
    found.into_iter().map(|row| row.sample_id).collect()
}

/// Samples 1 to 3, whose every value is less than that of the next, and sample 4, which has none.
async fn ladder(database: &Arc<dyn Database>) -> Store<Sample> {
    let samples = store::<Sample>(database).await;
    let step = |id: i32| NewSample {
        maybe_flag: Some(id > 1),
        maybe_small: Some(id),
        maybe_big: Some(i64::from(id) << 40),
        maybe_ratio: Some(f64::from(id) / 10.0),
        maybe_text: Some(["", "a", "b", "c"][id as usize].into()),
        maybe_code: Some(Uuid::from_u128(id as u128)),
        maybe_moment: Some(moment(id)),
        ..sample(id)
    };
    let new = vec![step(1), step(2), step(3), sample(4)];
    samples.insert_many(&all(), new).await.unwrap();
    samples
}

fn moment(id: i32) -> Timestamp {
    Timestamp::from_microsecond(i64::from(id)).unwrap()
}

/// Every operator on one field, compared with what sample 2 has in it; sample 4 has nothing.
macro_rules! operators {
    ($samples:expr, $field:ident, $two:expr, less: $less:expr, equal: $equal:expr, greater: $greater:expr) => {
        let (less, equal, greater): (&[i32], &[i32], &[i32]) = (&$less, &$equal, &$greater);
        let name = stringify!($field);
        let sorted = |parts: &[&[i32]]| {
            let mut ids = parts.concat();
            ids.sort_unstable();
            ids
        };
        let field = Sample::$field;
        assert_eq!(matching($samples, field.eq($two)).await, equal, "{name} eq");
        assert_eq!(matching($samples, field.ne($two)).await, sorted(&[less, greater, &[4]]), "{name} ne");
        assert_eq!(matching($samples, field.lt($two)).await, less, "{name} lt");
        assert_eq!(matching($samples, field.lte($two)).await, sorted(&[less, equal]), "{name} lte");
        assert_eq!(matching($samples, field.gt($two)).await, greater, "{name} gt");
        assert_eq!(matching($samples, field.gte($two)).await, sorted(&[equal, greater]), "{name} gte");
        assert_eq!(matching($samples, field.in_([$two.into()])).await, equal, "{name} in");
        assert_eq!(matching($samples, field.in_([])).await, NONE, "{name} in nothing");
        assert_eq!(matching($samples, field.is_null()).await, [4], "{name} is_null");
    };
}

pub async fn each_operator_means_the_same_for_every_kind(database: Arc<dyn Database>) {
    let samples = &ladder(&database).await;
    operators!(samples, MAYBE_FLAG, true, less: [1], equal: [2, 3], greater: []);
    operators!(samples, MAYBE_SMALL, 2, less: [1], equal: [2], greater: [3]);
    operators!(samples, MAYBE_BIG, 2_i64 << 40, less: [1], equal: [2], greater: [3]);
    operators!(samples, MAYBE_RATIO, 0.2, less: [1], equal: [2], greater: [3]);
    operators!(samples, MAYBE_TEXT, "b", less: [1], equal: [2], greater: [3]);
    operators!(samples, MAYBE_CODE, Uuid::from_u128(2), less: [1], equal: [2], greater: [3]);
    operators!(samples, MAYBE_MOMENT, moment(2), less: [1], equal: [2], greater: [3]);
}

pub async fn a_comparison_with_nothing_is_false_and_its_negation_true(database: Arc<dyn Database>) {
    let samples = &ladder(&database).await;
    let small = Sample::MAYBE_SMALL;
    assert_eq!(matching(samples, !small.lt(3)).await, [3, 4]);
    assert_eq!(matching(samples, !small.gte(3)).await, [1, 2, 4]);
    assert_eq!(matching(samples, !small.in_([1, 2])).await, [3, 4]);
    assert_eq!(matching(samples, !small.in_([])).await, [1, 2, 3, 4]);
    assert_eq!(matching(samples, !small.is_null()).await, [1, 2, 3]);
    assert_eq!(matching(samples, !Sample::MAYBE_TEXT.contains("a")).await, [2, 3, 4]);
    assert_eq!(matching(samples, !Sample::MAYBE_TEXT.starts_with("")).await, [4]);
    assert_eq!(matching(samples, !!small.eq(2)).await, [2]);
    assert_eq!(matching(samples, !(small.eq(2) | small.is_null())).await, [1, 3]);
    assert_eq!(matching(samples, !(small.ne(2) & !small.is_null())).await, [2, 4]);
}

pub async fn conditions_combine_as_they_are_nested(database: Arc<dyn Database>) {
    let samples = &ladder(&database).await;
    let is = |id: i32| Sample::SAMPLE_ID.eq(id);
    assert_eq!(matching(samples, Filter::every()).await, [1, 2, 3, 4]);
    assert_eq!(matching(samples, !Filter::every()).await, NONE);
    assert_eq!(matching(samples, is(1) | is(2) & is(3)).await, [1]);
    assert_eq!(matching(samples, (is(1) | is(2)) & is(2)).await, [2]);
    assert_eq!(matching(samples, !(is(1) | is(2)) & !is(3)).await, [4]);
    assert_eq!(matching(samples, !is(1) | is(1)).await, [1, 2, 3, 4]);
    assert_eq!(matching(samples, Filter::every() & is(3) & Filter::every()).await, [3]);
    assert_eq!(matching(samples, !Filter::every() | is(3)).await, [3]);
}

pub async fn text_is_searched_letter_by_letter(database: Arc<dyn Database>) {
    let samples = &store::<Sample>(&database).await;
    let texts = ["100 %", "a_b", "aXb", "Aß\\'", "é", "e\u{301}", "😀😁", "", "İ", "a%b%c"];
    let text = |(id, text): (i32, &str)| NewSample { text: text.into(), ..sample(id) };
    samples.insert_many(&all(), (0..).zip(texts).map(text).collect()).await.unwrap();

    let contains = async |part: &str| matching(samples, Sample::TEXT.contains(part)).await;
    assert_eq!(contains("%").await, [0, 9], "no wildcard");
    assert_eq!(contains("a_b").await, [1], "no wildcard");
    assert_eq!(contains("a").await, [1, 2, 9], "case and all");
    assert_eq!(contains("\\'").await, [3]);
    assert_eq!(contains("é").await, [4], "é and e with an accent are different texts");
    assert_eq!(contains("e").await, [5]);
    assert_eq!(contains("😁").await, [6]);
    assert_eq!(contains("i").await, NONE);
    assert_eq!(contains("").await, (0..10).collect::<Vec<_>>());

    let starts_with = async |start: &str| matching(samples, Sample::TEXT.starts_with(start)).await;
    assert_eq!(starts_with("a").await, [1, 2, 9]);
    assert_eq!(starts_with("a%").await, [9]);
    assert_eq!(starts_with("a_").await, [1]);
    assert_eq!(starts_with("😀").await, [6]);
    assert_eq!(starts_with("😁").await, NONE);
    assert_eq!(starts_with("Aß\\'").await, [3]);
    assert_eq!(starts_with("Aß\\'!").await, NONE);
    assert_eq!(starts_with("").await, (0..10).collect::<Vec<_>>());
}

pub async fn nothing_compares_with_what_cannot_be_stored(database: Arc<dyn Database>) {
    let samples = &ladder(&database).await;
    let ratio = Sample::MAYBE_RATIO;
    for filter in [ratio.eq(f64::NAN), ratio.lt(f64::NAN), ratio.gte(f64::NAN), ratio.in_([f64::NAN])] {
        assert_eq!(matching(samples, filter.clone()).await, NONE);
        assert_eq!(matching(samples, !filter).await, [1, 2, 3, 4]);
    }
    assert_eq!(matching(samples, ratio.lt(f64::INFINITY)).await, [1, 2, 3]);
    assert_eq!(matching(samples, ratio.gt(f64::NEG_INFINITY)).await, [1, 2, 3]);
    let text = Sample::TEXT;
    for filter in [text.eq("a\0"), text.lt("z\0"), text.gte("\0"), text.in_(["\0".into()]), text.contains("\0")] {
        assert_eq!(matching(samples, filter).await, NONE);
    }
    assert_eq!(matching(samples, Sample::MAYBE_TEXT.starts_with("a\0")).await, NONE);
}

pub async fn thousands_of_alternatives_are_searched(database: Arc<dyn Database>) {
    let samples = &ladder(&database).await;
    let any = (2..5_000).map(|small| Sample::MAYBE_SMALL.eq(small)).reduce(BitOr::bitor).unwrap();
    assert_eq!(matching(samples, any).await, [2, 3]);
}

pub async fn long_lists_are_searched(database: Arc<dyn Database>) {
    let samples = &ladder(&database).await;
    assert_eq!(matching(samples, Sample::MAYBE_SMALL.in_(2..40_000)).await, [2, 3]);
    assert_eq!(matching(samples, Sample::SAMPLE_ID.in_([3, 3, 1, 9, 3])).await, [1, 3]);
}
