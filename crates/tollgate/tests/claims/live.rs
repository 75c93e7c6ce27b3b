//! Whoever follows changes is told of those of their rows, once they are kept, and of no others.

use super::ground::{Movie, NewNote, Note, curator, note, why, with, writer};
use axum::http::request::Parts;
use serde_json::{Value, json};
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tollgate::{
    prelude::*,
    testing::{Authenticate, Identified},
};
use tollgate_access::Identity;
use tollgate_store::{Database, Memory};
use tollgate_testing::{Client, Event, Events, TestApp};

/// Within which nothing comes that does not come.
const SILENCE: Duration = Duration::from_millis(700);

/// A note, handed over.
#[input]
struct Heir {
    author: String,
}

/// Gives a note to somebody else.
async fn give(_: Actor, notes: Store<Note>, Path(id): Path<i64>, Json(heir): Json<Heir>) -> Result<NoContent> {
    let system = System::because("a note is handed over");
    notes.set(&system.may(), id, Note::AUTHOR.to(heir.author)).await?;
    Ok(NoContent)
}

fn plain(text: &str) -> NewNote {
    let text = text.into();
    NewNote { text, pinned: false, stars: None, weight: None, due: None, reference: None, secret: None }
}

/// How many notes to add, and whether that is to fail.
#[input]
struct Many {
    count: i32,
    fails: bool,
}

/// Adds many notes at once, or none.
async fn add_many(may: May<Create, Note>, notes: Store<Note>, Json(wanted): Json<Many>) -> Result<NoContent> {
    notes
        .transaction(async |tx| {
            let notes = notes.on(&tx)?;
            notes.insert_many(&may, (0..wanted.count).map(|number| plain(&number.to_string())).collect()).await?;
            if wanted.fails { Err(Problem::conflict().because("as asked")) } else { Ok(NoContent) }
        })
        .await
}

/// Writes a note that was never there, and lends one to somebody, all before anybody looks.
async fn flicker(
    may: May<Create, Note>,
    notes: Store<Note>,
    Path(id): Path<i64>,
    Json(heir): Json<Heir>,
) -> Result<NoContent> {
    let (system, owner) = (System::because("a note is lent"), may.actor().id().to_owned());
    notes
        .transaction(async |tx| {
            let notes = notes.on(&tx)?;
            let made = notes.insert(&may, plain("for a moment")).await?;
            notes.delete(&system.may(), made.note_id).await?;
            for author in [heir.author, owner] {
                notes.set(&system.may(), id, Note::AUTHOR.to(author)).await?;
            }
            Ok(NoContent)
        })
        .await
}

fn app() -> App {
    let service = Service::new("all")
        .crud::<Movie>("/movies")
        .live::<Movie>("/live/movies")
        .crud::<Note>("/notes")
        .live::<Note>("/live/notes")
        .post("/notes/{note_id}/give", give)
        .post("/notes/{note_id}/flicker", flicker)
        .post("/many-notes", add_many);
    let settings = "[access]\nanyone = [\"read:movies\"]\n[live]\nreaders_per_person = 3";
    App::new("claims").settings(settings).service(service)
}

pub(crate) async fn follow(client: &Client, path: &str) -> Events {
    let mut events = client.events(path).await;
    assert_eq!(events.status(), 200);
    assert_eq!(events.next().await.map(|event| event.kind).as_deref(), Some("ready"));
    events
}

async fn next(events: &mut Events) -> (String, Value) {
    let Event { kind, data } = events.next().await.unwrap();
    (kind, data)
}

async fn add(client: &Client, text: &str) -> i64 {
    client.post("/notes", note(text)).await.json()["note_id"].as_i64().unwrap()
}

/// Whoever has one address of a network of IPv6 has all of them.
#[tokio::test]
async fn a_network_has_as_many_streams_as_a_person() {
    let service = Service::new("all").crud::<Movie>("/movies").live::<Movie>("/live/movies");
    let settings = "[server]\nproxies = 1\n[access]\nanyone = [\"read:movies\"]\n[live]\nreaders_per_person = 1";
    let app = TestApp::new(App::new("claims").settings(settings).service(service)).await;
    let at = |address: &str| app.anyone().header("x-forwarded-for", address);
    let _first = follow(&at("2001:db8::1"), "/live/movies").await;
    assert_eq!(at("2001:db8::2").get("/live/movies").await.status(), 429);
    let _other = follow(&at("2001:db8:0:1::1"), "/live/movies").await;
}

#[tokio::test]
async fn each_is_told_of_their_own_rows_and_of_no_others() {
    let app = TestApp::new(app()).await;
    let (ann, bob) = (writer(&app, "ann"), writer(&app, "bob"));
    let mut of_ann = follow(&ann, "/live/notes").await;
    let mut of_bob = follow(&bob, "/live/notes").await;
    let mut of_all = follow(&app.actor("ada").may("read:notes:any"), "/live/notes").await;
    let id = add(&ann, "mine").await;
    ann.patch(&format!("/notes/{id}"), json!({ "text": "changed" })).await;
    ann.delete(&format!("/notes/{id}")).await;
    for events in [&mut of_ann, &mut of_all] {
        let (mut kinds, mut last) = (vec![], Value::Null);
        while kinds.last().is_none_or(|kind| kind != "deleted") {
            let (kind, data) = next(events).await;
            kinds.push(kind);
            last = data;
        }
        assert_eq!(last, json!({ "note_id": id }), "{kinds:?}");
    }
    assert_eq!(of_bob.within(SILENCE).await, None);
}

#[tokio::test]
async fn a_row_is_told_as_it_is_read() {
    let app = TestApp::new(app()).await;
    let ann = writer(&app, "ann");
    let mut events = follow(&ann, "/live/notes").await;
    let id = ann.post("/notes", with(note("mine"), "secret", "hidden")).await.json()["note_id"].as_i64().unwrap();
    let (kind, data) = next(&mut events).await;
    assert_eq!((&*kind, &data), ("created", &ann.get(&format!("/notes/{id}")).await.json()));
    assert_eq!((data["text"].as_str(), data.get("secret")), (Some("mine"), None));
    ann.patch(&format!("/notes/{id}"), json!({ "pinned": true })).await;
    let (kind, data) = next(&mut events).await;
    assert_eq!((&*kind, &data["pinned"]), ("changed", &json!(true)));
}

#[tokio::test]
async fn a_row_that_leaves_a_scope_is_gone_and_one_that_enters_it_is_new() {
    let app = TestApp::new(app()).await;
    let (ann, bob) = (writer(&app, "ann"), writer(&app, "bob"));
    let id = add(&ann, "an heirloom").await;
    let mut of_ann = follow(&ann, "/live/notes").await;
    let mut of_bob = follow(&bob, "/live/notes").await;
    let mut of_all = follow(&app.actor("ada").may("read:notes:any"), "/live/notes").await;
    ann.post(&format!("/notes/{id}/give"), json!({ "author": "bob" })).await;
    assert_eq!(next(&mut of_ann).await, ("deleted".into(), json!({ "note_id": id })));
    let (kind, data) = next(&mut of_bob).await;
    assert_eq!((&*kind, &data["text"]), ("created", &json!("an heirloom")));
    assert_eq!(next(&mut of_all).await.0, "changed");
}

#[tokio::test]
async fn what_was_a_readers_for_a_moment_is_gone() {
    let app = TestApp::new(app()).await;
    let (ann, bob) = (writer(&app, "ann"), writer(&app, "bob"));
    let id = add(&ann, "lent").await;
    let (mut of_ann, mut of_bob) = (follow(&ann, "/live/notes").await, follow(&bob, "/live/notes").await);
    ann.post(&format!("/notes/{id}/flicker"), json!({ "author": "bob" })).await;
    assert_eq!(
        next(&mut of_bob).await,
        ("deleted".into(), json!({ "note_id": id })),
        "it was in the list for a moment"
    );
    let of_ann = [next(&mut of_ann).await, next(&mut of_ann).await];
    let is = |kind: &str, key: i64| of_ann.iter().any(|(of, data)| of == kind && data["note_id"] == json!(key));
    assert!(is("changed", id) && is("deleted", id + 1), "{of_ann:?}");
}

#[tokio::test]
async fn who_comes_back_with_another_scope_reads_anew() {
    let app = TestApp::new(app()).await;
    let events = follow(&app.actor("ann").may("read:notes:any"), "/live/notes").await;
    let last = events.last_id().to_owned();
    for (who, rights) in [("ann", "read:notes"), ("bob", "read:notes:any")] {
        let back = app.actor(who).may(rights).header("last-event-id", &last);
        let wanted = if rights == "read:notes" { "reset" } else { "ready" };
        assert_eq!(next(&mut back.events("/live/notes").await).await.0, wanted, "{who}");
    }
    let of_ann = follow(&writer(&app, "ann"), "/live/notes").await.last_id().to_owned();
    let bob = writer(&app, "bob").header("last-event-id", &of_ann);
    assert_eq!(next(&mut bob.events("/live/notes").await).await.0, "reset", "the rows of another");
}

#[tokio::test]
async fn what_was_taken_back_is_told_to_nobody_and_what_was_kept_together_is_told_whole() {
    let app = TestApp::new(app()).await;
    let ann = writer(&app, "ann");
    let mut events = follow(&ann, "/live/notes").await;
    assert_eq!(ann.post("/many-notes", json!({ "count": 2, "fails": true })).await.status(), 409);
    assert_eq!(events.within(SILENCE).await, None);
    assert_eq!(ann.post("/many-notes", json!({ "count": 1200, "fails": false })).await.status(), 204);
    for number in 0..1200 {
        assert_eq!(next(&mut events).await.1["text"], json!(number.to_string()));
    }
}

#[tokio::test]
async fn more_than_can_be_told_is_to_be_read_anew() {
    let app = TestApp::new(app()).await;
    let ann = writer(&app, "ann");
    let mut events = follow(&ann, "/live/notes").await;
    ann.post("/many-notes", json!({ "count": 10_001, "fails": false })).await;
    assert_eq!(next(&mut events).await.0, "reset");
    let id = add(&ann, "after it").await;
    assert_eq!(next(&mut events).await.1["note_id"], json!(id), "and it goes on");
}

#[tokio::test]
async fn who_comes_back_gets_what_they_missed() {
    let database: Arc<dyn Database> = Arc::new(Memory::default());
    let there = async || TestApp::with(app()).database(Arc::clone(&database)).start().await;
    let (one, other) = (there().await, there().await);
    let ann = writer(&one, "ann");
    let mut events = follow(&ann, "/live/notes").await;
    add(&ann, "seen").await;
    assert_eq!(next(&mut events).await.1["text"], json!("seen"));
    let last = events.last_id().to_owned();
    drop(events);
    let missed = add(&ann, "missed").await;
    add(&writer(&one, "bob"), "another's").await;
    let again = writer(&other, "ann").header("last-event-id", &last);
    let mut events = again.events("/live/notes").await;
    let (kind, data) = next(&mut events).await;
    assert_eq!((&*kind, &data["note_id"]), ("created", &json!(missed)), "of another instance as well");
    assert_eq!(next(&mut events).await.0, "ready");
    let forged: String = last.chars().rev().collect();
    for unknown in [&*forged, "7", "\u{e9}"] {
        let stranger = writer(&other, "ann").header("last-event-id", unknown);
        assert_eq!(next(&mut stranger.events("/live/notes").await).await.0, "reset", "{unknown}");
    }
    let of_movies = follow(&one.anyone(), "/live/movies").await.last_id().to_owned();
    let elsewhere = writer(&one, "ann").header("last-event-id", &of_movies);
    assert_eq!(next(&mut elsewhere.events("/live/notes").await).await.0, "reset", "an id is of one resource");
}

#[tokio::test]
async fn instances_that_share_a_database_tell_of_each_others_writes() {
    let database: Arc<dyn Database> = Arc::new(Memory::default());
    let there = async || TestApp::with(app()).database(Arc::clone(&database)).start().await;
    let (one, other) = (there().await, there().await);
    let mut events = follow(&writer(&one, "ann"), "/live/notes").await;
    for text in ["first", "second"] {
        add(&writer(&other, "ann"), text).await;
        assert_eq!(next(&mut events).await.1["text"], json!(text));
    }
}

#[tokio::test]
async fn who_may_not_read_may_not_follow() {
    let app = TestApp::new(app()).await;
    assert_eq!(app.anyone().events("/live/notes").await.status(), 401);
    assert_eq!(app.actor("eve").events("/live/notes").await.status(), 403);
    assert_eq!(app.actor("eve").may("create:notes").events("/live/notes").await.status(), 403);
    let mut events = follow(&app.anyone(), "/live/movies").await;
    let alien = json!({ "movie_id": 1, "title": "Alien", "released": 1979, "rating": 8.5, "code": null });
    curator(&app).post("/movies", alien).await;
    assert_eq!(next(&mut events).await.0, "created", "what anyone may read anyone may follow");
}

#[tokio::test]
async fn a_reader_who_is_too_slow_is_sent_away_and_comes_back() {
    let app = TestApp::new(app()).await;
    let ann = writer(&app, "ann");
    let (mut slow, mut quick) = (follow(&ann, "/live/notes").await, follow(&ann, "/live/notes").await);
    for number in 0..70 {
        add(&ann, &number.to_string()).await;
        assert_eq!(next(&mut quick).await.1["text"], json!(number.to_string()), "one is not slowed by another");
    }
    assert_eq!(next(&mut slow).await.0, "slow");
    assert_eq!(slow.next().await, None);
    let mut again = ann.header("last-event-id", slow.last_id()).events("/live/notes").await;
    for number in 0..70 {
        assert_eq!(next(&mut again).await.1["text"], json!(number.to_string()));
    }
}

/// Recognises one caller, or cannot, or refuses them.
#[derive(Default)]
struct Doorman {
    says: AtomicU16,
    asked: AtomicUsize,
}

impl Authenticate for Doorman {
    fn identify<'a>(&'a self, _: &'a Parts) -> Identified<'a> {
        self.asked.fetch_add(1, SeqCst);
        let said = match self.says.load(SeqCst) {
            503 => Err(Problem::unavailable()),
            401 => Err(Problem::unauthorized()),
            _ => Ok(Identity::new("ann").provider("test").granted(["read:notes:any"]).into()),
        };
        Box::pin(ready(said))
    }
}

impl Doorman {
    /// Until the stream has asked; it does so while it is read.
    async fn says(&self, status: u16, events: &mut Events) {
        self.says.store(status, SeqCst);
        let asked = self.asked.load(SeqCst);
        while self.asked.load(SeqCst) == asked {
            assert_eq!(events.within(Duration::from_millis(100)).await, None);
        }
    }
}

#[tokio::test]
async fn who_cannot_be_recognised_for_a_while_is_told_later_and_who_is_refused_nothing_more() {
    let (database, doorman): (Arc<dyn Database>, _) = (Arc::new(Memory::default()), Arc::<Doorman>::default());
    let guarded = TestApp::with(app()).database(Arc::clone(&database)).authenticate(doorman.clone()).start().await;
    let other = TestApp::with(app()).database(database).start().await;
    let mut events = follow(&guarded.anyone(), "/live/notes").await;
    doorman.says(503, &mut events).await;
    let id = add(&writer(&other, "bob"), "meanwhile").await;
    assert_eq!(events.within(SILENCE).await, None, "nobody knows who would be told");
    doorman.says.store(200, SeqCst);
    let (kind, data) = next(&mut events).await;
    assert_eq!((&*kind, &data["note_id"]), ("created", &json!(id)));
    doorman.says.store(401, SeqCst);
    assert_eq!(next(&mut events).await.0, "refused");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn who_missed_too_many_bytes_reads_anew() {
    let app = TestApp::new(app()).await;
    let ann = writer(&app, "ann");
    let last = follow(&ann, "/live/notes").await.last_id().to_owned();
    for number in 0..10 {
        let text = "x".repeat(900 << 10);
        assert_eq!(ann.post("/notes", note(&text)).await.status(), 201, "{number}");
        let wanted = if number < 9 { "created" } else { "reset" };
        let again = writer(&app, "ann").header("last-event-id", &last);
        assert_eq!(next(&mut again.events("/live/notes").await).await.0, wanted, "{number}");
    }
}

/// The same table in another version of the app, which this one cannot read.
mod newer {
    use tollgate::prelude::*;

    /// A parcel.
    #[resource(plural = "parcels")]
    pub(super) struct Parcel {
        #[id]
        pub parcel_id: i64,
        pub weight: String,
    }
}

/// A parcel.
#[resource(plural = "parcels")]
struct Parcel {
    #[id]
    parcel_id: i64,
    weight: i64,
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_not_waited_for() {
    let database: Arc<dyn Database> = Arc::new(Memory::default());
    let old = App::new("claims").service(Service::new("all").live::<Parcel>("/live/parcels"));
    let old = TestApp::with(old).database(Arc::clone(&database)).start().await;
    let mut events = follow(&old.actor("ann").may("read:parcels:any"), "/live/parcels").await;
    let service = Service::new("all").crud::<newer::Parcel>("/parcels").live::<newer::Parcel>("/live/parcels");
    let new = TestApp::with(App::new("claims").service(service)).database(database).start().await;
    let ann = new.actor("ann").may("create:parcels:any");
    assert_eq!(ann.post("/parcels", json!({ "parcel_id": 1, "weight": "heavy" })).await.status(), 201);
    let told = events.within(Duration::from_secs(7)).await;
    assert_eq!(told.map(|event| event.kind).as_deref(), Some("reset"), "and not after ten seconds of trying");
}

/// The place is told with the sign of life that a quiet stream gives every 15 s.
#[tokio::test]
async fn readers_of_a_quiet_table_move_on() {
    let app = TestApp::new(app()).await;
    let mut events = follow(&writer(&app, "ann"), "/live/notes").await;
    let first = events.last_id().to_owned();
    let alien = json!({ "movie_id": 1, "title": "Alien", "released": 1979, "rating": 8.5, "code": null });
    curator(&app).post("/movies", alien).await;
    for second in 0.. {
        assert_eq!(events.within(Duration::from_secs(1)).await, None);
        if events.last_id() != first {
            break;
        }
        assert!(second < 60, "what others wrote is to be looked through by who comes back");
    }
    let id = add(&writer(&app, "ann"), "at last").await;
    assert_eq!(next(&mut events).await.1["note_id"], json!(id));
}

#[tokio::test]
async fn nobody_takes_all_the_streams() {
    let app = TestApp::new(app()).await;
    let ann = writer(&app, "ann");
    let mut open = vec![];
    for _ in 0..3 {
        open.push(follow(&ann, "/live/notes").await);
    }
    let refused = ann.get("/live/notes").await;
    assert_eq!(why(&refused), "429 you follow changes 3 times already: close one of them");
    follow(&writer(&app, "bob"), "/live/notes").await;
    open.pop();
    follow(&ann, "/live/notes").await;
}

#[tokio::test]
async fn the_document_says_what_is_sent() {
    let app = TestApp::new(app()).await;
    let operation = &app.document()["paths"]["/live/notes"]["get"];
    let sent = &operation["responses"]["200"]["content"]["text/event-stream"]["schema"];
    assert_eq!(sent["x-events"]["created"], json!({ "$ref": "#/components/schemas/Note" }));
    assert_eq!(sent["x-events"]["deleted"]["required"], json!(["note_id"]));
    assert!(operation["parameters"].to_string().contains("Last-Event-ID"));
    assert!(app.access_matrix().contains("/live/notes"), "{}", app.access_matrix());
}
