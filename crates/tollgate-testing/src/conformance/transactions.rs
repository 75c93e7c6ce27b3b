//! Several writes happen together or not at all, and nobody waits for them forever.

use super::resources::{Article, Note, Word, WordPatch, all, article, everything, may, note, person, store, word};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};
use tollgate::{Change, Filter, Memory, Store, Transaction};
use tollgate_store::{Database, Error, OpenTransaction, Result};

/// Longer than a driver lets an idle transaction hold others up.
const TIMEOUT: Duration = Duration::from_secs(20);

async fn words(database: &Arc<dyn Database>) -> Store<Word> {
    store(database).await
}

pub async fn what_is_committed_is_kept_as_a_whole(database: Arc<dyn Database>) {
    let words = words(&database).await;
    words.insert_many(&all(), vec![word("old", 0), word("older", -1)]).await.unwrap();
    let done = words.transaction(async |tx| {
        let words = words.on(&tx)?;
        words.insert(&all(), word("one", 1)).await?;
        words.insert_many(&all(), vec![word("two", 2), word("three", 3)]).await?;
        words.update(&all(), "old".into(), WordPatch { number: Change::Set(10) }).await?;
        words.delete(&all(), "older".into()).await?;
        Ok::<_, Error>("done")
    });
    assert_eq!(done.await.unwrap(), "done");
    let kept: Vec<_> = everything(&words).await.into_iter().map(|row| (row.word, row.number)).collect();
    let expected = [("old", 10), ("one", 1), ("three", 3), ("two", 2)];
    assert_eq!(kept, expected.map(|(word, number)| (word.to_owned(), number)));
}

/// Some work of every kind, which is not to be kept.
async fn work(words: &Store<Word>, tx: &Transaction) -> Result<()> {
    let words = words.on(tx)?;
    words.insert(&all(), word("new", 1)).await?;
    words.insert_many(&all(), vec![word("newer", 2), word("newest", 3)]).await?;
    words.update(&all(), "old".into(), WordPatch { number: Change::Set(10) }).await?;
    words.delete(&all(), "older".into()).await?;
    words.delete_all(&all(), Word::NUMBER.eq(10)).await?;
    Ok(())
}

/// Two words that every kind of failure must leave as they are.
async fn two_words(database: &Arc<dyn Database>) -> (Store<Word>, Vec<Word>) {
    let words = words(database).await;
    let before = words.insert_many(&all(), vec![word("old", 0), word("older", -1)]).await.unwrap();
    (words, before)
}

pub async fn a_failure_leaves_nothing(database: Arc<dyn Database>) {
    let (words, before) = two_words(&database).await;
    let failed: Result<()> = words
        .transaction(async |tx| {
            work(&words, &tx).await?;
            Err(Error::invalid("changed my mind"))
        })
        .await;
    assert!(matches!(&failed, Err(Error::Invalid(why)) if why.to_string() == "changed my mind"), "{failed:?}");
    assert_eq!(everything(&words).await, before);

    let refused = words
        .transaction(async |tx| {
            work(&words, &tx).await?;
            words.on(&tx)?.insert(&all(), word("new", 9)).await
        })
        .await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    assert_eq!(everything(&words).await, before);
}

pub async fn a_transaction_within_another_is_part_of_it(database: Arc<dyn Database>) {
    let (words, before) = two_words(&database).await;
    for keep in [false, true] {
        let open = OpenTransaction::begin(&database).await.unwrap();
        let joining = words.joining(open.transaction());
        joining.insert(&all(), word("outer", 1)).await.unwrap();
        let inner = joining.transaction(async |tx| joining.on(&tx)?.insert(&all(), word("inner", 2)).await);
        inner.await.unwrap();
        assert_eq!(joining.count(&all(), Filter::every()).await.unwrap(), 4);
        let ended = if keep { open.commit().await } else { open.rollback().await };
        ended.unwrap();
        assert_eq!(everything(&words).await.len(), if keep { 4 } else { 2 });
    }
    words.delete_all(&all(), Word::NUMBER.gt(0)).await.unwrap();

    let open = OpenTransaction::begin(&database).await.unwrap();
    let joining = words.joining(open.transaction());
    joining.insert(&all(), word("outer", 1)).await.unwrap();
    let failing = joining.transaction(async |tx| {
        joining.on(&tx)?.insert(&all(), word("inner", 2)).await?;
        Err::<(), _>(Error::NotFound)
    });
    assert!(matches!(failing.await, Err(Error::NotFound)));
    assert!(open.commit().await.is_err(), "a part that failed takes the whole along");
    assert_eq!(everything(&words).await, before);
}

pub async fn what_is_left_half_way_takes_the_whole_along(database: Arc<dyn Database>) {
    let (words, before) = two_words(&database).await;
    let open = OpenTransaction::begin(&database).await.unwrap();
    let joining = words.joining(open.transaction());
    joining.insert(&all(), word("outer", 1)).await.unwrap();
    let left = joining.transaction(async |tx| {
        joining.on(&tx)?.insert(&all(), word("inner", 2)).await?;
        std::future::pending::<Result<()>>().await
    });
    assert!(timeout(Duration::from_secs(1), left).await.is_err());
    assert!(matches!(open.commit().await, Err(Error::Internal(_))));

    let outcome = words.transaction(async |tx| {
        let words = words.on(&tx)?;
        words.insert(&all(), word("one", 1)).await?;
        let may = all();
        let left = words.insert(&may, word("two", 2));
        // Asked once, so that it is under way.
        let _ = timeout(Duration::ZERO, left).await;
        Ok::<_, Error>(())
    });
    let kept = match outcome.await {
        // It was done by the time it was left.
        Ok(()) => 4,
        Err(_) => 2,
    };
    assert_eq!(everything(&words).await.len(), kept);
    assert_eq!(everything(&words).await[..1], before[..1]);
}

pub async fn after_a_conflict_the_work_goes_on(database: Arc<dyn Database>) {
    let words = words(&database).await;
    words.insert(&all(), word("taken", 0)).await.unwrap();
    let number = |number| WordPatch { number: Change::Set(number) };
    let outcome = words.transaction(async |tx| {
        let words = words.on(&tx)?;
        words.insert(&all(), word("own", 1)).await?;
        let conflicts = [
            words.insert(&all(), word("taken", 9)).await.map(drop),
            words.insert(&all(), word("own", 9)).await.map(drop),
            words.insert(&all(), word("new", 0)).await.map(drop),
            words.insert_many(&all(), vec![word("new", 9), word("newer", 1)]).await.map(drop),
            words.update(&all(), "own".into(), number(0)).await.map(drop),
        ];
        for conflict in conflicts {
            assert!(matches!(conflict, Err(Error::Conflict { column: Some(_) })), "{conflict:?}");
        }
        words.update(&all(), "own".into(), number(1)).await?;
        words.insert(&all(), word("next", words.get(&all(), "taken".into()).await?.number + 2)).await
    });
    outcome.await.unwrap();
    let kept: Vec<_> = everything(&words).await.into_iter().map(|row| (row.word, row.number)).collect();
    assert_eq!(kept, [("next", 2), ("own", 1), ("taken", 0)].map(|(word, number)| (word.to_owned(), number)));
}

pub async fn a_panic_leaves_nothing(database: Arc<dyn Database>) {
    let (words, before) = two_words(&database).await;
    let panicking = words.clone();
    let task = tokio::spawn(async move {
        panicking
            .transaction(async |tx| {
                work(&panicking, &tx).await?;
                std::panic::resume_unwind(Box::new("on purpose"));
                #[expect(unreachable_code, reason = "the type of the work")]
                Ok::<_, Error>(())
            })
            .await
    });
    assert!(task.await.unwrap_err().is_panic());
    words.insert(&all(), word("next", 7)).await.unwrap();
    words.delete(&all(), "next".into()).await.unwrap();
    assert_eq!(everything(&words).await, before);
}

pub async fn who_leaves_half_way_leaves_nothing(database: Arc<dyn Database>) {
    let (words, before) = two_words(&database).await;
    let (leaving, kept) = (words.clone(), Arc::new(Mutex::new(None)));
    let (under_way, reached) = oneshot::channel();
    let keep = Arc::clone(&kept);
    let task = tokio::spawn(async move {
        leaving
            .transaction(async |tx| {
                work(&leaving, &tx).await?;
                // Someone else still holds a part of it.
                *keep.lock().unwrap() = Some(leaving.on(&tx)?);
                let _ = under_way.send(());
                std::future::pending::<Result<()>>().await
            })
            .await
    });
    reached.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let next = timeout(Duration::from_secs(3), words.insert(&all(), word("next", 7))).await;
    next.expect("the next writer does not wait").unwrap();
    words.delete(&all(), "next".into()).await.unwrap();
    assert_eq!(everything(&words).await, before);
    let part = kept.lock().unwrap().take().unwrap();
    assert!(part.insert(&all(), word("late", 8)).await.is_err());
    assert_eq!(everything(&words).await, before);
}

pub async fn it_reads_its_own_writes_and_nobody_else_does(database: Arc<dyn Database>) {
    let (words, before) = two_words(&database).await;
    let result = words.transaction(async |tx| {
        let own = words.on(&tx)?;
        work(&words, &tx).await?;
        assert_eq!(own.get(&all(), "new".into()).await?.number, 1);
        assert_eq!(own.count(&all(), Filter::every()).await?, 3);
        assert_eq!(own.find(&all(), Word::NUMBER.gte(2)).sort(Word::NUMBER.asc()).all().await?.len(), 2);
        assert!(matches!(own.get(&all(), "older".into()).await, Err(Error::NotFound)));
        assert!(matches!(words.get(&all(), "new".into()).await, Err(Error::NotFound)));
        assert_eq!(everything(&words).await, before);
        Ok::<_, Error>(())
    });
    result.await.unwrap();
    assert_eq!(everything(&words).await.len(), 3);
}

pub async fn two_stores_take_part_in_one_transaction(database: Arc<dyn Database>) {
    let (words, notes) = (words(&database).await, store::<Note>(&database).await);
    let both = async |fail: bool| {
        words
            .transaction(async |tx| {
                words.on(&tx)?.insert(&all(), word("one", 1)).await?;
                notes.on(&tx)?.insert(&all(), note("one")).await?;
                if fail { Err(Error::NotFound) } else { Ok(()) }
            })
            .await
    };
    assert!(both(true).await.is_err());
    assert_eq!((everything(&words).await.len(), everything(&notes).await.len()), (0, 0));
    both(false).await.unwrap();
    assert_eq!((everything(&words).await.len(), everything(&notes).await.len()), (1, 1));
}

pub async fn the_scope_holds_in_a_transaction(database: Arc<dyn Database>) {
    let (articles, notes) = (store::<Article>(&database).await, store::<Note>(&database).await);
    let (red, blue) = (person("red"), person("blue"));
    let result = articles.transaction(async |tx| {
        let (articles, notes) = (articles.on(&tx)?, notes.on(&tx)?);
        articles.insert(&may(&red), article(1, "red")).await?;
        assert!(matches!(articles.get(&may(&blue), 1).await, Err(Error::NotFound)));
        assert!(matches!(articles.insert(&may(&red), article(2, "blue")).await, Err(Error::Outside)));
        let hers = notes.insert(&may(&red), note("hers")).await?;
        assert!(matches!(notes.delete(&may(&blue), hers.note_id).await, Err(Error::NotFound)));
        assert_eq!(notes.delete_all(&may(&blue), Filter::every()).await?, 0);
        Ok::<_, Error>(())
    });
    result.await.unwrap();
    assert_eq!((everything(&articles).await.len(), everything(&notes).await.len()), (1, 1));
}

pub async fn one_cannot_start_inside_another(database: Arc<dyn Database>) {
    let words = words(&database).await;
    let outcome: Result<()> = words
        .transaction(async |tx| {
            let inner = words.on(&tx)?;
            inner.insert(&all(), word("one", 1)).await?;
            inner.transaction(async |_| Ok(())).await
        })
        .await;
    assert!(matches!(outcome, Err(Error::Internal(_))), "{outcome:?}");
    assert_eq!(everything(&words).await, []);
}

pub async fn a_store_of_another_database_cannot_take_part(database: Arc<dyn Database>) {
    let words = words(&database).await;
    let elsewhere: Arc<dyn Database> = Arc::new(Memory::default());
    let other = store::<Note>(&elsewhere).await;
    let outcome: Result<()> = words.transaction(async |tx| other.on(&tx).map(drop)).await;
    assert!(matches!(&outcome, Err(Error::Internal(why)) if why.to_string().contains("`notes`")), "{outcome:?}");
}

pub async fn after_its_end_nothing_happens_in_it(database: Arc<dyn Database>) {
    let words = words(&database).await;
    for fail in [false, true] {
        let mut part = None;
        let outcome = words.transaction(async |tx| {
            part = Some(words.on(&tx)?);
            if fail { Err(Error::NotFound) } else { Ok(()) }
        });
        assert_eq!(outcome.await.is_err(), fail);
        let part = part.unwrap();
        assert!(matches!(part.insert(&all(), word("late", 1)).await, Err(Error::Internal(_))));
        assert!(matches!(part.get(&all(), "late".into()).await, Err(Error::Internal(_))));
        assert!(matches!(part.count(&all(), Filter::every()).await, Err(Error::Internal(_))));
        assert!(matches!(part.delete_all(&all(), Filter::every()).await, Err(Error::Internal(_))));
    }
    assert_eq!(everything(&words).await, []);
}

pub async fn an_idle_one_does_not_hold_writers_up_forever(database: Arc<dyn Database>) {
    let words = words(&database).await;
    let (idle, (under_way, reached)) = (words.clone(), oneshot::channel());
    let task = tokio::spawn(async move {
        idle.transaction(async |tx| {
            idle.on(&tx)?.insert(&all(), word("idle", 1)).await?;
            let _ = under_way.send(());
            std::future::pending::<Result<()>>().await
        })
        .await
    });
    reached.await.unwrap();
    let answer = timeout(TIMEOUT, words.insert(&all(), word("waiting", 2))).await;
    let answer = answer.expect("whoever waits is answered");
    assert!(matches!(answer, Ok(_) | Err(Error::Overloaded)), "{answer:?}");
    task.abort();
    let _ = task.await;
    words.insert(&all(), word("next", 3)).await.unwrap();
    assert!(matches!(words.get(&all(), "idle".into()).await, Err(Error::NotFound)));
}

pub async fn a_write_past_its_own_transaction_is_answered(database: Arc<dyn Database>) {
    let words = words(&database).await;
    let mistaken = words.transaction(async |tx| {
        words.on(&tx)?.insert(&all(), word("inside", 1)).await?;
        // Waits for the transaction that waits for it.
        words.insert(&all(), word("inside", 2)).await?;
        words.on(&tx)?.insert(&all(), word("inside too", 3)).await
    });
    let outcome = timeout(TIMEOUT, mistaken).await.expect("nobody waits for themselves forever");
    assert!(outcome.is_err(), "{outcome:?}");
    let kept: Vec<_> = everything(&words).await.into_iter().map(|row| row.number).collect();
    assert!(kept.is_empty() || kept == [2], "nothing of the transaction: {kept:?}");
}

pub async fn they_take_turns(database: Arc<dyn Database>) {
    let words = words(&database).await;
    words.insert(&all(), word("counter", 0)).await.unwrap();
    let count = |_| {
        let words = words.clone();
        tokio::spawn(async move {
            let add_one = async |tx| {
                let words = words.on(&tx)?;
                let counter = words.get(&all(), "counter".into()).await?;
                let next = WordPatch { number: Change::Set(counter.number + 1) };
                words.update(&all(), "counter".into(), next).await
            };
            loop {
                match words.transaction(add_one).await {
                    // A turn that does not come in time may be asked for again.
                    Err(Error::Overloaded) => (),
                    outcome => return outcome,
                }
            }
        })
    };
    for task in (0..20).map(count).collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    assert_eq!(words.get(&all(), "counter".into()).await.unwrap().number, 20, "no increment is lost");
}
