//! Upserts: what is not there comes, what is there changes as was said, and no addition is lost.

use super::resources::{Article, Note, Tally, Visit, Word, all, everything, may, person, store};
use std::sync::Arc;
use tokio::task::JoinSet;
use tollgate::{Create, May, Store, Timestamp, Update};
use tollgate_store::{Database, Error};

pub(super) type Both<T> = (May<Create, T>, May<Update, T>);

pub(super) fn both<T: tollgate::Resource>() -> Both<T> {
    (all(), all())
}

fn tally(word: &str, count: i64) -> Tally {
    Tally { word: word.into(), count, last: None, share: 0.5, pieces: 0, version: 1, seen: Timestamp::UNIX_EPOCH }
}

pub async fn an_upsert_adds_what_is_not_there_and_changes_what_is(database: Arc<dyn Database>) {
    let tallies = store::<Tally>(&database).await;
    tallies.upsert(&both(), vec![tally("b", 2), tally("a", 1)], [Tally::COUNT.added()]).await.unwrap();
    assert_eq!(everything(&tallies).await, [tally("a", 1), tally("b", 2)]);
    let again = Tally { last: Some("here".into()), share: 9.0, seen: Timestamp::constant(5, 0), ..tally("b", 40) };
    let how = [Tally::COUNT.added(), Tally::LAST.taken()];
    tallies.upsert(&both(), vec![again.clone(), tally("c", 3)], how.clone()).await.unwrap();
    let b = Tally { count: 42, share: 0.5, version: 2, ..again };
    assert_eq!(everything(&tallies).await, [tally("a", 1), b.clone(), tally("c", 3)]);
    let emptied = vec![Tally { last: None, share: 0.25, ..tally("b", -42) }];
    tallies.upsert(&both(), emptied, how.into_iter().chain([Tally::SHARE.added()])).await.unwrap();
    let b = Tally { count: 0, last: None, share: 0.75, version: 3, seen: Timestamp::UNIX_EPOCH, ..b };
    assert_eq!(tallies.get(&all(), "b".into()).await.unwrap(), b);
    for version in [1, 2] {
        tallies.upsert(&both(), vec![Tally { version: 7, ..tally("d", 1) }], [Tally::COUNT.added()]).await.unwrap();
        assert_eq!(tallies.get(&all(), "d".into()).await.unwrap().version, version, "nobody chooses one");
    }
}

pub async fn an_upsert_that_changes_nothing_leaves_what_is_there(database: Arc<dyn Database>) {
    let tallies = store::<Tally>(&database).await;
    tallies.upsert(&both(), vec![tally("a", 1)], []).await.unwrap();
    tallies.upsert(&both(), vec![tally("a", 7), tally("b", 2)], []).await.unwrap();
    assert_eq!(everything(&tallies).await, [tally("a", 1), tally("b", 2)]);
    tallies.upsert(&both(), vec![], [Tally::COUNT.added()]).await.unwrap();
    assert_eq!(everything(&tallies).await.len(), 2);
}

pub async fn parallel_upserts_lose_no_addition(database: Arc<dyn Database>) {
    let tallies = store::<Tally>(&database).await;
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let tallies = tallies.clone();
        tasks.spawn(async move {
            for round in 0..5 {
                // Each in another order.
                let mut rows: Vec<_> = (0..20).map(|word| tally(&format!("w{word:02}"), 1)).collect();
                rows.rotate_left((task * 5 + round) % 20);
                tallies.upsert(&both(), rows, [Tally::COUNT.added()]).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let counts: Vec<_> = everything(&tallies).await.into_iter().map(|row| (row.count, row.version)).collect();
    assert_eq!(counts, [(40, 40); 20]);
}

pub async fn an_upsert_is_part_of_its_transaction(database: Arc<dyn Database>) {
    let tallies = store::<Tally>(&database).await;
    let work = async |keep: bool| {
        let done = tallies.transaction(async |tx| {
            tallies.on(&tx)?.upsert(&both(), vec![tally("a", 1)], [Tally::COUNT.added()]).await?;
            let mine = tallies.on(&tx)?.get(&all(), "a".into()).await?;
            if keep { Ok(mine.count) } else { Err(Error::NotFound) }
        });
        done.await.ok()
    };
    assert_eq!((work(false).await, everything(&tallies).await), (None, vec![]));
    assert_eq!((work(true).await, work(true).await, work(false).await), (Some(1), Some(2), None));
    assert_eq!(everything(&tallies).await, [Tally { version: 2, ..tally("a", 2) }]);
}

pub async fn only_who_may_write_every_row_upserts(database: Arc<dyn Database>) {
    let articles = store::<Article>(&database).await;
    let mine: Both<Article> = (may(&person("blue")), may(&person("blue")));
    let row = Article { article_id: 1, team: Some("blue".into()), title: "Mine".into() };
    let refused = articles.upsert(&mine, vec![row.clone()], []).await;
    assert!(matches!(refused, Err(Error::Unscoped(_))), "{refused:?}");
    assert_eq!(everything(&articles).await, []);
    articles.upsert(&both(), vec![row.clone()], []).await.unwrap();
    assert_eq!(everything(&articles).await, [row]);
}

pub async fn what_has_no_key_of_its_own_is_not_upserted(database: Arc<dyn Database>) {
    let (notes, words): (Store<Note>, Store<Word>) = (store(&database).await, store(&database).await);
    let refused = notes.upsert(&both(), vec![], []).await;
    assert!(matches!(refused, Err(Error::Internal(_))), "the database counts: {refused:?}");
    let refused = words.upsert(&both(), vec![Word { word: "a".into(), number: 1 }], []).await;
    assert!(matches!(refused, Err(Error::Internal(_))), "another field is unique: {refused:?}");
    let visits = store::<Visit>(&database).await;
    let visit = Visit { visit_id: tollgate::Uuid::now_v7(), place: "here".into() };
    let twice = visits.upsert(&both(), vec![visit.clone(), visit.clone()], []).await;
    assert!(matches!(twice, Err(Error::Internal(_))), "two with one key: {twice:?}");
    let foreign = visits.upsert(&both(), vec![Visit { place: "\0".into(), ..visit.clone() }], []).await;
    assert!(matches!(foreign, Err(Error::Invalid(_))), "{foreign:?}");
    let key = visits.upsert(&both(), vec![visit], [Visit::VISIT_ID.taken()]).await;
    assert!(matches!(key, Err(Error::Internal(_))), "a key stays: {key:?}");
    assert_eq!(everything(&visits).await, []);
}

pub async fn a_sum_that_is_too_large_is_refused_and_changes_nothing(database: Arc<dyn Database>) {
    let tallies = store::<Tally>(&database).await;
    let least = Tally { pieces: i32::MIN, share: f64::MIN, ..tally("c", i64::MIN) };
    let rows = [tally("a", 1), Tally { pieces: i32::MAX, share: f64::MAX, ..tally("b", i64::MAX) }, least];
    tallies.upsert(&both(), rows.to_vec(), []).await.unwrap();
    for (word, sign) in [("b", 1), ("c", -1)] {
        let share = f64::MAX * f64::from(sign);
        let more = Tally { pieces: sign, share, ..tally(word, sign.into()) };
        for field in [Tally::COUNT.added(), Tally::PIECES.added(), Tally::SHARE.added()] {
            let said = format!("{field:?} of {word}");
            let both_rows = vec![Tally { share: 0.0, ..tally("a", 1) }, more.clone()];
            let refused = tallies.upsert(&both(), both_rows, [field.clone()]).await;
            assert!(matches!(refused, Err(Error::Rejected(_))), "{said}: {refused:?}");
            let inside = tallies
                .transaction(async |tx| tallies.on(&tx)?.upsert(&both(), vec![more.clone()], [field.clone()]).await);
            let refused = inside.await;
            assert!(matches!(refused, Err(Error::Rejected(_))), "{said}: {refused:?}");
        }
    }
    assert_eq!(everything(&tallies).await, rows);
}
