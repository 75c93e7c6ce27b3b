//! What is stored comes back: every kind of value, from its least to its greatest.

use super::resources::{
    GRADES, Grade, NewSample, NewTicket, NewVisit, Note, Sample, SamplePatch, Ticket, Visit, Word, all, everything,
    note, sample, store, word,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tollgate::{Change, Date, Filter, Nested, ObjectId, Timestamp, Uuid};
use tollgate_store::{Database, Error, FIRST_MOMENT};

/// Stores a sample and demands that it comes back as it was answered.
async fn stored(database: &Arc<dyn Database>, new: NewSample) -> Sample {
    let samples = store::<Sample>(database).await;
    let answered = samples.insert(&all(), new).await.unwrap();
    let kept = samples.get(&all(), answered.sample_id).await.unwrap();
    assert_eq!(answered, kept, "the answer is what is stored");
    kept
}

/// A sample with the greatest value of every kind.
fn greatest() -> NewSample {
    NewSample {
        flag: true,
        small: i32::MAX,
        big: i64::MAX,
        ratio: f64::MAX,
        text: "\u{10ffff}".into(),
        code: Uuid::max(),
        moment: "9999-12-30T00:00:00.999999Z".parse().unwrap(),
        price: "9999999999999.99".parse().unwrap(),
        maybe_flag: Some(true),
        maybe_small: Some(i32::MAX),
        maybe_big: Some(i64::MAX),
        maybe_ratio: Some(5e-324),
        maybe_text: Some("\u{10ffff}".into()),
        maybe_code: Some(Uuid::max()),
        maybe_moment: Some(Timestamp::UNIX_EPOCH),
        maybe_price: Some("0.1".parse().unwrap()),
        maker: ObjectId::from_bytes([0xFF; 12]),
        labels: vec!["\u{10ffff}".into()],
        maybe_maker: Some(ObjectId::from_bytes([0xFF; 12])),
        maybe_labels: Some(vec![String::new()]),
        maybe_content: Some(Nested(json!({ "": [i64::MAX, 5e-324, null] }))),
        day: Date::MAX,
        grade: Grade::Half,
        maybe_day: Some(Date::MAX),
        maybe_grade: Some(Grade::Half),
        ..sample(i32::MAX)
    }
}

pub async fn the_least_and_the_greatest_values_are_kept(database: Arc<dyn Database>) {
    let least = NewSample {
        small: i32::MIN,
        big: i64::MIN,
        ratio: f64::MIN,
        code: Uuid::nil(),
        moment: "0001-01-01T00:00:00Z".parse().unwrap(),
        price: "-9999999999999.99".parse().unwrap(),
        maybe_flag: Some(false),
        maybe_small: Some(i32::MIN),
        maybe_big: Some(i64::MIN),
        maybe_ratio: Some(f64::MIN_POSITIVE),
        maybe_text: Some(String::new()),
        maybe_code: Some(Uuid::nil()),
        maybe_moment: Some("1969-12-31T23:59:59.999999Z".parse().unwrap()),
        maybe_price: Some("-9.9".parse().unwrap()),
        maybe_maker: Some(ObjectId::from_bytes([0; 12])),
        maybe_labels: Some(vec![]),
        maybe_content: Some(Nested(json!({}))),
        day: "0000-01-01".parse().unwrap(),
        maybe_day: Some("1969-12-31".parse().unwrap()),
        maybe_grade: Some(Grade::Top),
        ..sample(i32::MIN)
    };
    for new in [least, greatest()] {
        let kept = stored(&database, new.clone()).await;
        let again = NewSample {
            sample_id: kept.sample_id,
            flag: kept.flag,
            small: kept.small,
            big: kept.big,
            ratio: kept.ratio,
            text: kept.text,
            code: kept.code,
            moment: kept.moment,
            price: kept.price,
            maker: kept.maker,
            labels: kept.labels,
            maybe_flag: kept.maybe_flag,
            maybe_small: kept.maybe_small,
            maybe_big: kept.maybe_big,
            maybe_ratio: kept.maybe_ratio,
            maybe_text: kept.maybe_text,
            maybe_code: kept.maybe_code,
            maybe_moment: kept.maybe_moment,
            maybe_price: kept.maybe_price,
            maybe_maker: kept.maybe_maker,
            maybe_labels: kept.maybe_labels,
            maybe_content: kept.maybe_content,
            day: kept.day,
            grade: kept.grade,
            maybe_day: kept.maybe_day,
            maybe_grade: kept.maybe_grade,
        };
        assert_eq!(again, new);
    }
}

pub async fn null_is_kept_in_every_kind(database: Arc<dyn Database>) {
    let kept = stored(&database, sample(1)).await;
    let empty = (kept.maybe_flag, kept.maybe_small, kept.maybe_big, kept.maybe_ratio);
    assert_eq!(empty, (None, None, None, None));
    assert_eq!((kept.maybe_text, kept.maybe_code, kept.maybe_moment, kept.maybe_price), (None, None, None, None));
    assert_eq!((kept.maybe_maker, kept.maybe_labels, kept.maybe_content), (None, None, None));
    assert_eq!((kept.maybe_day, kept.maybe_grade), (None, None));
}

pub async fn empty_text_is_not_null(database: Arc<dyn Database>) {
    let kept = stored(&database, NewSample { maybe_text: Some(String::new()), ..sample(1) }).await;
    assert_eq!((kept.text.as_str(), kept.maybe_text.as_deref()), ("", Some("")));
    let samples = store::<Sample>(&database).await;
    assert_eq!(samples.count(&all(), Sample::MAYBE_TEXT.is_null()).await.unwrap(), 0);
    assert_eq!(samples.count(&all(), Sample::MAYBE_TEXT.eq("")).await.unwrap(), 1);
}

pub async fn any_unicode_text_is_kept(database: Arc<dyn Database>) {
    let texts = [
        "Amélie",
        "Ame\u{301}lie",
        "千と千尋の神隠し",
        "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "שלום",
        "\u{1}\u{7f}\t\r\n",
        "'; DROP TABLE samples; --",
        "\\ % _ \" ` $1 ?1 :a",
        "\u{feff}\u{fffe}\u{ffff}",
        "  spaces  ",
    ];
    for (id, text) in (1..).zip(texts) {
        let kept =
            stored(&database, NewSample { text: text.into(), maybe_text: Some(text.into()), ..sample(id) }).await;
        assert_eq!((kept.text.as_str(), kept.maybe_text.as_deref()), (text, Some(text)));
    }
}

pub async fn a_megabyte_of_text_is_kept(database: Arc<dyn Database>) {
    let long = "Grüße ".repeat(1 << 17);
    let kept = stored(&database, NewSample { text: long.clone(), ..sample(1) }).await;
    assert!(long.len() > 1_000_000 && kept.text == long, "{} bytes came back", kept.text.len());
}

pub async fn nul_nan_and_infinity_are_refused(database: Arc<dyn Database>) {
    let samples = store::<Sample>(&database).await;
    let kept = samples.insert(&all(), sample(0)).await.unwrap();
    let bad = [
        NewSample { text: "before\0after".into(), ..sample(1) },
        NewSample { maybe_text: Some("\0".into()), ..sample(1) },
        NewSample { ratio: f64::NAN, ..sample(1) },
        NewSample { maybe_ratio: Some(f64::INFINITY), ..sample(1) },
        NewSample { ratio: f64::NEG_INFINITY, ..sample(1) },
    ];
    for bad in bad {
        let refused = samples.insert(&all(), bad.clone()).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let refused = samples.insert_many(&all(), vec![sample(2), bad.clone()]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let refused = samples.replace(&all(), 0, NewSample { sample_id: 0, ..bad.clone() }).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let patch = SamplePatch {
            ratio: Change::Set(bad.ratio),
            text: Change::Set(bad.text),
            maybe_ratio: Change::Set(bad.maybe_ratio),
            maybe_text: Change::Set(bad.maybe_text),
            ..untouched()
        };
        let refused = samples.update(&all(), 0, patch).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    assert_eq!(everything(&samples).await, [kept]);
    let refused = store::<Word>(&database).await.insert(&all(), word("\0", 1)).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

/// A patch that says nothing.
pub(super) fn untouched() -> SamplePatch {
    SamplePatch::default()
}

pub async fn moments_are_kept_to_the_microsecond(database: Arc<dyn Database>) {
    let fine: Timestamp = "2024-02-29T12:34:56.123456789+02:00".parse().unwrap();
    let kept = stored(&database, NewSample { moment: fine, maybe_moment: Some(fine), ..sample(1) }).await;
    let coarse: Timestamp = "2024-02-29T10:34:56.123456Z".parse().unwrap();
    assert_eq!((kept.moment, kept.maybe_moment), (coarse, Some(coarse)));
    let samples = store::<Sample>(&database).await;
    let patch = SamplePatch { moment: Change::Set(Timestamp::UNIX_EPOCH + Duration::from_nanos(1999)), ..untouched() };
    let changed = samples.update(&all(), 1, patch).await.unwrap();
    assert_eq!(changed.moment, Timestamp::from_microsecond(1).unwrap());
    assert_eq!(samples.get(&all(), 1).await.unwrap(), changed);
    assert_eq!(samples.count(&all(), Sample::MAYBE_MOMENT.eq(fine)).await.unwrap(), 1);
}

pub async fn moments_that_are_too_early_are_asked_for_and_not_stored(database: Arc<dyn Database>) {
    let samples = store::<Sample>(&database).await;
    let at = |moment| NewSample { moment, ..sample(1) };
    let refused = samples.insert(&all(), at(FIRST_MOMENT - Duration::from_secs(1))).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let patch = SamplePatch { moment: Change::Set(Timestamp::MIN), ..untouched() };
    samples.insert(&all(), at(FIRST_MOMENT)).await.unwrap();
    let refused = samples.update(&all(), 1, patch).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let count = async |filter| samples.count(&all(), filter).await.unwrap();
    assert_eq!(count(Sample::MOMENT.eq(FIRST_MOMENT)).await, 1);
    assert_eq!(count(Sample::MOMENT.gt(Timestamp::MIN)).await, 1);
    assert_eq!(count(Sample::MOMENT.lte(Timestamp::MIN)).await, 0);
    assert_eq!(count(Sample::MOMENT.in_([Timestamp::MIN, Timestamp::MAX])).await, 0);
}

pub async fn days_before_the_year_0_are_asked_for_and_not_stored(database: Arc<dyn Database>) {
    let samples = store::<Sample>(&database).await;
    let on = |day| NewSample { day, ..sample(1) };
    let refused = samples.insert(&all(), on("-000001-12-31".parse().unwrap())).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    samples.insert(&all(), on("0000-01-01".parse().unwrap())).await.unwrap();
    let count = async |filter| samples.count(&all(), filter).await.unwrap();
    assert_eq!(count(Sample::DAY.gt(Date::MIN)).await, 1);
    assert_eq!(count(Sample::DAY.lte(Date::MIN)).await, 0);
    assert_eq!(count(Sample::DAY.in_([Date::MIN, Date::MAX])).await, 0);
}

pub async fn a_choice_is_found_by_its_name_and_sorted_by_it(database: Arc<dyn Database>) {
    let samples = store::<Sample>(&database).await;
    let graded = (0..).zip(GRADES).map(|(id, grade)| NewSample { grade, maybe_grade: Some(grade), ..sample(id) });
    samples.insert_many(&all(), graded.chain([sample(9)]).collect()).await.unwrap();
    let ids = async |filter| -> Vec<i32> {
        let found = samples.find(&all(), filter).sort(Sample::MAYBE_GRADE.asc()).all().await.unwrap();
        found.iter().map(|row| row.sample_id).collect()
    };
    assert_eq!(ids(Filter::every()).await, [9, 4, 3, 2, 0, 1], "`50 %; é`, `A`, `bad`, `good`, `in-doubt`");
    assert_eq!(ids(Sample::GRADE.eq(Grade::Good)).await, [9, 0]);
    assert_eq!(ids(Sample::MAYBE_GRADE.in_([Grade::InDoubt, Grade::Half])).await, [4, 1]);
    assert_eq!(ids(Sample::MAYBE_GRADE.ne(Grade::Top)).await, [9, 4, 2, 0, 1]);
    let patch = SamplePatch { maybe_grade: Change::Set(None), grade: Change::Set(Grade::Bad), ..untouched() };
    let changed = samples.update(&all(), 0, patch).await.unwrap();
    assert_eq!((changed.grade, changed.maybe_grade), (Grade::Bad, None));
    assert_eq!(samples.get(&all(), 0).await.unwrap(), changed);
}

pub async fn zero_has_no_sign(database: Arc<dyn Database>) {
    let kept = stored(&database, NewSample { ratio: -0.0, maybe_ratio: Some(-0.0), ..sample(1) }).await;
    assert!(kept.ratio.is_sign_positive() && kept.maybe_ratio.unwrap().is_sign_positive());
    let answered =
        store::<Sample>(&database).await.insert(&all(), NewSample { ratio: -0.0, ..sample(2) }).await.unwrap();
    assert!(answered.ratio.is_sign_positive());
}

pub async fn chosen_keys_are_kept(database: Arc<dyn Database>) {
    let words = store::<Word>(&database).await;
    for (number, text) in (0..).zip(["", "a", "A", "å", "👋", "a b/c?d"]) {
        let stored = words.insert(&all(), word(text, number)).await.unwrap();
        assert_eq!(words.get(&all(), text.into()).await.unwrap(), stored);
        assert_eq!((stored.word.as_str(), stored.number), (text, number));
    }
}

pub async fn generated_keys_are_never_used_again(database: Arc<dyn Database>) {
    let (tickets, visits) = (store::<Ticket>(&database).await, store::<Visit>(&database).await);
    let (mut last, mut latest) = (0, Uuid::nil());
    for round in 0..5 {
        let ticket = tickets.insert(&all(), NewTicket { title: format!("round {round}") }).await.unwrap();
        assert!(ticket.ticket_id > last, "{} after {last}", ticket.ticket_id);
        assert_eq!(tickets.get(&all(), ticket.ticket_id).await.unwrap(), ticket);
        let visit = visits.insert(&all(), NewVisit { place: "home".into() }).await.unwrap();
        assert!(visit.visit_id > latest, "{} after {latest}", visit.visit_id);
        assert_eq!(visits.get(&all(), visit.visit_id).await.unwrap(), visit);
        tickets.delete(&all(), ticket.ticket_id).await.unwrap();
        (last, latest) = (ticket.ticket_id, visit.visit_id);
    }
    let many = (0..3).map(|number| NewTicket { title: number.to_string() }).collect();
    let many = tickets.insert_many(&all(), many).await.unwrap();
    let titles: Vec<_> = many.iter().map(|ticket| ticket.title.as_str()).collect();
    assert_eq!(titles, ["0", "1", "2"], "each with its own key, in the order they were given");
    assert_eq!(everything(&tickets).await, many);
}

pub async fn hidden_values_are_stored(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let mut new = note("with a secret");
    new.secret = "sesame".into();
    let id = notes.insert(&all(), new).await.unwrap().note_id;
    let kept = notes.get(&all(), id).await.unwrap();
    assert_eq!(kept.secret, "sesame");
    assert!(!format!("{kept:?}").contains("sesame"));
    assert_eq!(notes.count(&all(), Filter::every()).await.unwrap(), 1);
}
