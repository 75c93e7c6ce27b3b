//! SQL of the app's own: any shape of answer, none but the caller's rows, and nothing that writes.

use super::resources::{
    Article, NewNote, Note, Sample, all, article, clerk, everything, marked, may, note, person, sample, store,
};
use std::sync::Arc;
use tollgate::{Decimal, Filter, Nested, ObjectId, Store, StoreError as Error, Timestamp, Uuid, output, params};
use tollgate_store::{Database, sql::Param};

/// How much somebody wrote.
#[output(row)]
#[derive(Debug, PartialEq)]
struct Written {
    owner: String,
    notes: i64,
    topic: Option<i32>,
}

type Shown = (bool, i32, i64, f64, Uuid, Timestamp);
type Rich = (Decimal<5, 2>, ObjectId, Vec<String>, Nested<Vec<i32>>);
type Empty = (Option<bool>, Option<i32>, Option<String>, Option<f64>, Option<Uuid>, Option<Timestamp>);

/// Three notes of Ann's and two of Bob's.
async fn notes(database: &Arc<dyn Database>) -> Store<Note> {
    let notes = store::<Note>(database).await;
    for (owner, topics) in [("ann", &[Some(1), Some(2), None][..]), ("bob", &[Some(2), Some(3)])] {
        for topic in topics {
            let new = NewNote { topic: *topic, ..note(owner) };
            notes.insert(&may(&person(owner)), new).await.unwrap();
        }
    }
    notes
}

/// What the log reads about an error that is nobody's but the app's.
fn why<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Internal(cause) | Error::Unscoped(cause)) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

pub async fn rows_of_the_resource_are_found_by_name(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    let all_of_them = everything(&notes).await;
    let same = notes.sql(&all(), "SELECT 1 AS more, x.* FROM {notes} AS x", params![]).find(Filter::every());
    assert_eq!(same.sort(Note::NOTE_ID.asc()).all().await.unwrap(), all_of_them);
    let turned = "SELECT updated, created, version, rank, secret, topic, mark, body || $1 AS body, owner, note_id \
                  FROM {notes} WHERE topic = $2 ORDER BY note_id DESC";
    let turned = notes.sql(&all(), turned, params!["!", 2]).all().await.unwrap();
    let said: Vec<_> = turned.iter().map(|note| (note.note_id, note.body.as_str(), note.created)).collect();
    let (hers, his) = (&all_of_them[1], &all_of_them[3]);
    assert_eq!(said, [(his.note_id, "bob!", his.created), (hers.note_id, "ann!", hers.created)], "in the text's order");
}

pub async fn rows_of_the_resource_are_filtered_sorted_and_paged(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    let sql = || notes.sql(&all(), "SELECT * FROM {notes} WHERE topic >= $1", params![2]);
    let found = sql().find(Note::OWNER.eq("bob")).sort(Note::TOPIC.desc()).all().await.unwrap();
    assert_eq!(found.iter().map(|note| note.topic).collect::<Vec<_>>(), [Some(3), Some(2)]);
    let first = sql().find(Filter::every()).sort(Note::OWNER.desc()).sort(Note::TOPIC.asc()).first().await.unwrap();
    assert_eq!(first.unwrap().topic, Some(2));
    let page = sql().find(Filter::every()).page(2, None).await.unwrap();
    let rest = sql().find(Filter::every()).page(2, page.next.as_ref()).await.unwrap();
    assert_eq!((page.items.len(), rest.items.len(), rest.next.is_none()), (2, 1, true));
}

pub async fn rows_of_another_shape_are_read(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    let text =
        "SELECT count(*) AS notes, 1 AS more, max(topic) AS topic, owner FROM {notes} GROUP BY owner ORDER BY owner";
    let written: Vec<Written> = notes.sql(&all(), text, params![]).all_as().await.unwrap();
    let one = |owner: &str, notes, topic| Written { owner: owner.into(), notes, topic: Some(topic) };
    assert_eq!(written, [one("ann", 3, 2), one("bob", 2, 3)]);
    let text = "SELECT topic, count(*) FROM {notes} GROUP BY topic HAVING count(*) < $1 ORDER BY coalesce(topic, 0)";
    let topics: Vec<(Option<i32>, i64)> = notes.sql(&all(), text, params![2]).all_as().await.unwrap();
    assert_eq!(topics, [(None, 1), (Some(1), 1), (Some(3), 1)]);
    let count = notes.sql(&all(), "SELECT count(*) FROM {notes}", params![]).all_as::<i64>().await.unwrap();
    assert_eq!(count, [5]);
}

pub async fn parameters_of_every_kind_are_bound(database: Arc<dyn Database>) {
    let samples = store::<Sample>(&database).await;
    let moment: Timestamp = "2024-02-29T12:34:56.789012Z".parse().unwrap();
    let mut new = sample(7);
    (new.flag, new.small, new.big, new.ratio, new.text) = (true, i32::MIN, i64::MAX, 0.5, "Ünï".into());
    (new.code, new.moment) = (Uuid::from_u128(7), moment);
    let stored = samples.insert(&all(), new).await.unwrap();
    let text = "SELECT * FROM {samples} WHERE text = $5 AND flag = $1 AND small = $2 AND big = $3 AND ratio = $4 \
                AND code = $6 AND moment = $7 AND $1 = flag";
    let values = params![true, i32::MIN, i64::MAX, 0.5, "Ünï", Uuid::from_u128(7), moment];
    assert_eq!(samples.sql(&all(), text, values).all().await.unwrap(), [stored]);

    let shown = "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f";
    let values = params![false, -1, -2_i64, 1.5, Uuid::nil(), moment];
    let back: Vec<Shown> = samples.sql(&all(), shown, values).all_as().await.unwrap();
    assert_eq!(back, [(false, -1, -2, 1.5, Uuid::nil(), moment)]);
    let values = params![None::<bool>, None::<i32>, None::<String>, None::<f64>, None::<Uuid>, None::<Timestamp>];
    let back: Vec<Empty> = samples.sql(&all(), shown, values).all_as().await.unwrap();
    assert_eq!(back, [(None, None, None, None, None, None)]);

    let (price, id): (Decimal<5, 2>, ObjectId) = ("-1.50".parse().unwrap(), ObjectId::from_bytes([7; 12]));
    let list = vec![String::from("a\"b"), "{}".into(), String::new()];
    let values = params![price, id, list.clone(), Nested(vec![1, 2])];
    let back = samples.sql(&all(), "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d", values);
    let back: Vec<Rich> = back.all_as().await.unwrap();
    assert_eq!(back, [(price, id, list, Nested(vec![1, 2]))]);
}

pub async fn nothing_in_a_parameter_is_sql(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    for evil in ["'", "' OR '1'='1", "'; DROP TABLE notes; --", "\\'", "$1", "{notes}", "\")) UNION SELECT 1 --", "$$"]
    {
        let none = notes.sql(&all(), "SELECT * FROM {notes} WHERE body = $1", params![evil]).all().await.unwrap();
        assert_eq!(none, [], "{evil}");
        let back: Vec<String> = notes.sql(&all(), "SELECT $1 AS said", params![evil]).all_as().await.unwrap();
        assert_eq!(back, [evil]);
    }
    let nul = notes.sql(&all(), "SELECT * FROM {notes} WHERE body = $1", params!["\0"]).all().await;
    assert!(matches!(nul, Err(Error::Invalid(_))), "{nul:?}");
    assert_eq!(everything(&notes).await.len(), 5);
}

pub async fn no_text_shows_a_foreign_row(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    let bob = person("bob");
    for text in [
        "SELECT * FROM {notes}",
        "SELECT * FROM {notes} -- all of them",
        "SELECT * FROM {notes} /* all of them */ WHERE TRUE OR owner = 'ann'",
        "SELECT * FROM {notes} UNION SELECT * FROM {notes} WHERE owner = 'ann'",
        "SELECT * FROM (SELECT * FROM {notes}) AS x UNION SELECT * FROM notes",
        "WITH x AS (SELECT * FROM {notes}) SELECT DISTINCT x.* FROM x, {notes} AS y",
    ] {
        let rows = notes.sql(&may(&bob), text, params![]).all().await.unwrap();
        assert_eq!(rows.iter().map(|note| note.owner.as_str()).collect::<Vec<_>>(), ["bob", "bob"], "{text}");
        let count = notes.sql(&may(&clerk("eve")), text, params![]).all().await.unwrap().len();
        assert_eq!(count, 5, "{text}");
    }
    let without_braces =
        "SELECT note_id, owner, (SELECT max(secret) FROM notes WHERE owner = 'ann') AS mark, body, topic,
                          secret, rank, version, created, updated FROM notes";
    let rows = notes.sql(&may(&bob), without_braces, params![]).all().await.unwrap();
    assert_eq!(rows.iter().map(|note| (&*note.owner, note.mark.as_deref())).collect::<Vec<_>>(), [("bob", None); 2]);
    let told =
        "SELECT (SELECT count(*) FROM {notes}), (SELECT count(*) FROM notes), max(owner), min(owner) FROM {notes}";
    let told: Vec<(i64, i64, String, String)> = notes.sql(&may(&bob), told, params![]).all_as().await.unwrap();
    assert_eq!(told, [(2, 2, "bob".into(), "bob".into())]);
    let pretends =
        "SELECT note_id, $1 AS owner, body, mark, topic, secret, rank, version, created, updated FROM {notes}";
    let pretends = notes.sql(&may(&bob), pretends, params!["ann"]).all().await.unwrap();
    assert_eq!(pretends, [], "a row is whose it says it is");
}

pub async fn a_text_that_could_tell_of_foreign_rows_is_refused(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    let count = |actor| {
        let sql = notes.sql(&may(&actor), "SELECT 1 AS one /* {notes} */", params![]);
        async { sql.all_as::<i32>().await }
    };
    let said = why(count(person("bob")).await);
    assert!(said.contains("`{notes}`") && said.contains("read:notes:any"), "{said}");
    assert_eq!(count(clerk("eve")).await.unwrap(), [1]);
}

pub async fn who_has_no_rows_counts_none(database: Arc<dyn Database>) {
    let articles = store::<Article>(&database).await;
    articles.insert(&may(&person("red")), article(1, "red")).await.unwrap();
    let nobody = person("blue");
    let count = "SELECT count(*) FROM {articles}";
    assert_eq!(articles.sql(&may(&nobody), count, params![]).all_as::<i64>().await.unwrap(), [0]);
    let rows = articles.sql(&may(&nobody), "SELECT * FROM {articles}", params![]);
    assert_eq!(rows.find(Article::TITLE.in_([])).all().await.unwrap(), []);
}

pub async fn another_resource_takes_part_with_its_own_permission(database: Arc<dyn Database>) {
    let (notes, articles) = (notes(&database).await, store::<Article>(&database).await);
    for (id, team) in [(1, "ann"), (2, "ann"), (3, "bob")] {
        articles.insert(&may(&clerk("eve")), article(id, team)).await.unwrap();
    }
    let text = "SELECT n.owner, a.team FROM {notes} AS n CROSS JOIN {articles} AS a WHERE n.topic = $1";
    let (bob, eve) = (person("bob"), clerk("eve"));
    let both = |notes_of, articles_of| {
        let sql = notes.sql(&may(notes_of), text, params![2]).with::<Article>(&may(articles_of));
        async { sql.all_as::<(String, String)>().await.unwrap().len() }
    };
    assert_eq!(both(&bob, &bob).await, 1);
    assert_eq!(both(&bob, &eve).await, 3);
    assert_eq!(both(&eve, &eve).await, 6);
    let said = why(notes.sql(&may(&bob), text, params![2]).all_as::<(String, String)>().await);
    assert!(said.contains("`{articles}` needs a permission"), "{said}");
    let hidden = notes.sql(&may(&bob), "SELECT * FROM {notes}", params![]).with::<Article>(&may(&bob));
    assert!(why(hidden.all().await).contains("`{articles}`"), "what is permitted in part is named");
}

pub async fn a_text_is_one_statement_that_reads(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    let before = everything(&notes).await;
    for text in [
        "DELETE FROM {notes}",
        "DELETE FROM {notes} RETURNING *",
        "UPDATE {notes} SET body = '' RETURNING *",
        "WITH gone AS (DELETE FROM {notes} RETURNING *) SELECT * FROM gone",
        "SELECT * FROM {notes}; DELETE FROM {notes}",
        "SELECT * FROM {notes}) AS notes; DELETE FROM notes; SELECT * FROM (SELECT 1",
        "SELECT * FROM {notes}) AS notes --",
        "COMMIT",
        "",
    ] {
        why(notes.sql(&all(), text, params![]).all().await);
        why(notes.sql(&all(), text, params![]).all_as::<(i64, i64)>().await);
        let inside = notes.transaction(async |tx| notes.on(&tx)?.sql(&all(), text, params![]).all().await).await;
        why(inside);
    }
    assert_eq!(everything(&notes).await, before);
}

pub async fn mistakes_are_told_to_the_log(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    let bob = person("bob");
    let ask = async |text, params: Vec<Param<'static>>| why(notes.sql(&may(&bob), text, params).all().await);
    let said = ask("SELEC * FROM {notes}", params![]).await;
    assert!(said.contains("SELEC"), "{said}");
    let said = ask("SELECT note_id, owner FROM {notes}", params![]).await;
    assert!(said.contains("body"), "{said}");
    let said = ask(
        "SELECT note_id, owner, 1 AS body, mark, topic, secret, rank, version, created, updated FROM {notes}",
        params![],
    );
    let said = said.await;
    assert!(said.contains("`body` is no Text"), "{said}");
    let said = ask("SELECT * FROM {movies}", params![]).await;
    assert!(said.contains("`{movies}` needs a permission"), "{said}");
    for (text, params) in [
        ("SELECT * FROM {notes}", params![1]),
        ("SELECT * FROM {notes} WHERE topic = $1", params![]),
        ("SELECT * FROM {notes} WHERE topic = $2", params![1, 2]),
    ] {
        let said = ask(text, params).await;
        assert!(said.contains("parameters"), "{said}");
    }
    let text = "SELECT owner, count(*) AS notes, topic AS subject FROM {notes} GROUP BY owner, topic";
    let said = why(notes.sql(&may(&bob), text, params![]).all_as::<Written>().await);
    assert!(said.contains("topic"), "{said}");
    let text = "SELECT owner, topic AS notes, topic FROM {notes} WHERE topic IS NULL";
    let said = why(notes.sql(&all(), text, params![]).all_as::<Written>().await);
    assert!(said.contains("`notes` is empty"), "{said}");
    let said = why(notes.sql(&all(), "SELECT 1 AS one", params![]).all_as::<(i32, i32)>().await);
    assert!(said.contains("column 1"), "{said}");
}

pub async fn a_transaction_reads_its_own_writes(database: Arc<dyn Database>) {
    let notes = notes(&database).await;
    let count = async |notes: &Store<Note>| {
        let text = "SELECT count(*) FROM {notes} WHERE body = $1";
        notes.sql(&may(&person("bob")), text, params!["marked"]).all_as::<i64>().await.unwrap()
    };
    let within = async |tx| {
        let inside = notes.on(&tx)?;
        inside.insert(&may(&person("bob")), marked("a")).await?;
        inside.insert(&may(&person("ann")), marked("b")).await?;
        assert_eq!((count(&inside).await, count(&notes).await), (vec![1], vec![0]));
        let rows = inside.sql(&may(&person("bob")), "SELECT * FROM {notes}", params![]).all().await?;
        assert_eq!(rows.len(), 3);
        Ok::<_, Error>(())
    };
    notes.transaction(within).await.unwrap();
    assert_eq!(count(&notes).await, [1]);
}
