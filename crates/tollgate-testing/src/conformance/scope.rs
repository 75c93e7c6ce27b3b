//! Another's row is as absent as one that never was, and nobody writes a row out of their own sight.

use super::{
    resources::{
        Article, ArticlePatch, Note, NotePatch, all, article, clerk, everything, marked, may, note, person, store,
    },
    updates::{untouched, with_body},
};
use std::{slice, sync::Arc};
use tollgate::{Actor, Change, Filter, Problem, Update};
use tollgate_access::Identity;
use tollgate_store::{Database, Error};

pub async fn a_row_belongs_to_whoever_made_it(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let (ann, bob) = (person("ann"), person("bob"));
    let hers = notes.insert(&may(&ann), note("hers")).await.unwrap();
    let his = notes.insert_many(&may(&bob), vec![note("his"), note("his too")]).await.unwrap();
    assert_eq!((hers.owner.as_str(), his[0].owner.as_str(), his[1].owner.as_str()), ("ann", "bob", "bob"));
    assert_eq!(notes.replace(&may(&ann), hers.note_id, note("still hers")).await.unwrap().owner, "ann");
    let by_clerk = notes.update(&may(&clerk("eve")), hers.note_id, with_body("corrected")).await.unwrap();
    assert_eq!(by_clerk.owner, "ann", "whoever changes a row does not become its owner");
}

pub async fn a_foreign_row_is_absent(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let (ann, bob) = (person("ann"), person("bob"));
    let hers = notes.insert(&may(&ann), marked("hers")).await.unwrap();
    let his = notes.insert(&may(&bob), marked("his")).await.unwrap();
    let id = hers.note_id;

    assert_eq!(notes.get(&may(&ann), id).await.unwrap(), hers);
    assert!(matches!(notes.get(&may(&bob), id).await, Err(Error::NotFound)));
    let own = slice::from_ref(&his);
    for filter in
        [Filter::every(), Note::NOTE_ID.in_([id, his.note_id]), Note::BODY.eq("marked") | Note::NOTE_ID.eq(id)]
    {
        assert_eq!(notes.find(&may(&bob), filter.clone()).all().await.unwrap(), own);
        assert_eq!(notes.find(&may(&bob), filter.clone()).page(9, None).await.unwrap().items, own);
        assert_eq!(notes.count(&may(&bob), filter).await.unwrap(), 1);
    }
    assert_eq!(notes.find(&may(&bob), Note::NOTE_ID.eq(id)).first().await.unwrap(), None);
    assert_eq!(notes.count(&may(&bob), !Note::OWNER.eq("bob")).await.unwrap(), 0);

    assert!(matches!(notes.update(&may(&bob), id, with_body("mine")).await, Err(Error::NotFound)));
    assert!(matches!(notes.update(&may(&bob), id, untouched()).await, Err(Error::NotFound)));
    assert!(matches!(
        notes.update_if(&may(&bob), id, Note::VERSION.eq(1), with_body("mine")).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(notes.replace(&may(&bob), id, note("mine")).await, Err(Error::NotFound)));
    // Whether it matches or not.
    for only in [Note::VERSION.eq(1), Note::VERSION.eq(2)] {
        let replaced = notes.replace_if(&may(&bob), id, only.clone(), note("mine")).await;
        assert!(matches!(replaced, Err(Error::NotFound)), "{replaced:?}");
        let deleted = notes.delete_if(&may(&bob), id, only.clone()).await;
        assert!(matches!(deleted, Err(Error::NotFound)), "{deleted:?}");
        let set = notes.set_if(&may(&bob), id, only, [Note::RANK.to(1)]).await;
        assert!(matches!(set, Err(Error::NotFound)), "{set:?}");
    }
    let looked = may::<Update, Note>(&bob);
    let looked = notes.when(&looked, &id, |_| panic!("it was shown"), async |_| Ok(())).await;
    assert!(matches!(looked, Err(Error::NotFound)), "{looked:?}");
    assert!(matches!(notes.delete(&may(&bob), id).await, Err(Error::NotFound)));
    assert_eq!(notes.delete_all(&may(&bob), Note::NOTE_ID.eq(id)).await.unwrap(), 0);
    assert_eq!(notes.get(&may(&ann), id).await.unwrap(), hers, "untouched");
    assert_eq!(notes.delete_all(&may(&bob), Filter::every()).await.unwrap(), 1);
    assert_eq!(everything(&notes).await, [hers]);
}

/// The one thing that a unique column cannot hide.
pub async fn anothers_value_is_told_as_taken_and_no_more(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let (ann, bob) = (person("ann"), person("bob"));
    let hers = notes.insert(&may(&ann), marked("hers")).await.unwrap();
    let his = notes.insert(&may(&bob), marked("his")).await.unwrap();
    let another = notes.insert(&may(&bob), note("another")).await.unwrap();
    let told = |error: Error| serde_json::to_string(&Problem::from(error)).unwrap();
    let taken = async |mark: Option<String>| {
        let mark = || mark.clone().unwrap();
        let inserted = told(notes.insert(&may(&bob), marked(&mark())).await.unwrap_err());
        let patch = NotePatch { mark: Change::Set(Some(mark())), ..untouched() };
        let changed = told(notes.update(&may(&bob), another.note_id, patch).await.unwrap_err());
        (inserted, changed)
    };
    let (of_hers, of_his) = (taken(hers.mark.clone()).await, taken(his.mark).await);
    assert_eq!(of_hers, of_his, "whosever it is");
    assert!(!format!("{of_hers:?}").contains("hers"), "{of_hers:?}");
    assert_eq!(notes.get(&may(&ann), hers.note_id).await.unwrap(), hers);
}

pub async fn any_lifts_the_scope(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let (ann, eve) = (person("ann"), clerk("eve"));
    let hers = notes.insert(&may(&ann), note("hers")).await.unwrap();
    let id = hers.note_id;
    assert_eq!(notes.get(&may(&eve), id).await.unwrap(), hers);
    assert_eq!(notes.count(&may(&eve), Filter::every()).await.unwrap(), 1);
    assert_eq!(notes.update(&may(&eve), id, with_body("x")).await.unwrap().version, 2);
    assert_eq!(notes.replace(&may(&eve), id, note("y")).await.unwrap().version, 3);
    notes.delete(&may(&eve), id).await.unwrap();
    let mixed: Actor = Identity::new("mix").granted(["read:notes:any", "update:notes"]).into();
    let hers = notes.insert(&may(&ann), note("hers")).await.unwrap();
    assert_eq!(notes.get(&may(&mixed), hers.note_id).await.unwrap(), hers);
    let refused = notes.update(&may(&mixed), hers.note_id, with_body("x")).await;
    assert!(matches!(refused, Err(Error::NotFound)), "each action has its own reach: {refused:?}");
}

pub async fn no_row_is_made_outside_the_rows_of_its_writer(database: Arc<dyn Database>) {
    let articles = store::<Article>(&database).await;
    let red = person("red");
    let made = articles.insert(&may(&red), article(1, "red")).await.unwrap();
    let refused = articles.insert(&may(&red), article(2, "blue")).await;
    assert!(matches!(refused, Err(Error::Outside)), "{refused:?}");
    let refused = articles.insert_many(&may(&red), vec![article(2, "red"), article(3, "blue")]).await;
    assert!(matches!(refused, Err(Error::Outside)), "{refused:?}");
    let mut nobodys = article(2, "red");
    nobodys.team = None;
    let refused = articles.insert(&may(&red), nobodys).await;
    assert!(matches!(refused, Err(Error::Outside)), "{refused:?}");
    assert_eq!(everything(&articles).await, [made]);
    articles.insert(&may(&clerk("eve")), article(2, "blue")).await.unwrap();
}

pub async fn nobody_gives_a_row_away(database: Arc<dyn Database>) {
    let articles = store::<Article>(&database).await;
    let (red, blue) = (person("red"), person("blue"));
    let before = articles.insert(&may(&red), article(1, "red")).await.unwrap();
    let to =
        |team: Option<&str>| ArticlePatch { team: Change::Set(team.map(Into::into)), title: Change::Set("T".into()) };
    for team in [Some("blue"), None] {
        let refused = articles.update(&may(&red), 1, to(team)).await;
        assert!(matches!(refused, Err(Error::Outside)), "{refused:?}");
        let refused = articles.update_if(&may(&red), 1, Article::TITLE.eq("Draft"), to(team)).await;
        assert!(matches!(refused, Err(Error::Outside)), "{refused:?}");
    }
    let refused = articles.replace(&may(&red), 1, article(1, "blue")).await;
    assert!(matches!(refused, Err(Error::Outside)), "{refused:?}");
    let refused = articles.update_if(&may(&red), 1, Article::TITLE.eq("Other"), to(Some("blue"))).await;
    assert!(matches!(refused, Err(Error::Stale)), "{refused:?}");
    let refused = articles.update(&may(&blue), 1, to(Some("blue"))).await;
    assert!(matches!(refused, Err(Error::NotFound)), "nor takes one: {refused:?}");
    assert_eq!(everything(&articles).await, [before]);
    assert_eq!(articles.update(&may(&red), 1, to(Some("red"))).await.unwrap().title, "T");
    let given = articles.update(&may(&clerk("eve")), 1, to(Some("blue"))).await.unwrap();
    assert_eq!(articles.get(&may(&blue), 1).await.unwrap(), given);
}

pub async fn who_has_no_rows_finds_none(database: Arc<dyn Database>) {
    let articles = store::<Article>(&database).await;
    let red = person("red");
    articles.insert(&may(&red), article(1, "red")).await.unwrap();
    assert!(matches!(articles.delete(&may(&red), 1).await, Err(Error::NotFound)), "the policy gives no row to delete");
    assert_eq!(articles.delete_all(&may(&red), Filter::every()).await.unwrap(), 0);
    assert_eq!(articles.delete_all(&may(&red), !Article::TEAM.is_null()).await.unwrap(), 0);
    assert_eq!(everything(&articles).await.len(), 1);
    articles.delete(&may(&clerk("eve")), 1).await.unwrap();
    assert_eq!(articles.count(&all(), Filter::every()).await.unwrap(), 0);
}

pub async fn what_the_app_sets_stays_within_the_rows_of_the_caller(database: Arc<dyn Database>) {
    let notes = store::<Note>(&database).await;
    let (ann, bob) = (person("ann"), person("bob"));
    let hers = notes.insert(&may(&ann), note("hers")).await.unwrap();
    let refused = notes.set(&may(&bob), hers.note_id, [Note::RANK.to(1)]).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let refused = notes.set(&may(&ann), hers.note_id, [Note::OWNER.to("bob")]).await;
    assert!(matches!(refused, Err(Error::Outside)), "{refused:?}");
    assert_eq!(notes.get(&may(&ann), hers.note_id).await.unwrap(), hers);
    let given = notes.set(&may(&clerk("eve")), hers.note_id, [Note::OWNER.to("bob")]).await.unwrap();
    assert_eq!(notes.get(&may(&bob), hers.note_id).await.unwrap(), given);
}
