//! The matrix finds what a route lets through that its signature does not.

use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};
use tollgate::{Actor, System, SystemClock, prelude::*};
use tollgate_access::Roles;
use tollgate_auth::{IssuerSettings, Issuers, ProviderPeople, ProviderSignIn};
use tollgate_core::Clock;
use tollgate_store::{Database, Memory, audit::AuditEvent};
use tollgate_testing::Matrix;

/// A note.
#[resource(plural = "notes")]
struct Note {
    #[id(generated)]
    note_id: Uuid,
    #[owner]
    author: String,
    text: String,
}

fn system() -> System {
    System::because("a hole")
}

async fn leak(_: May<Read, Note>, notes: Store<Note>) -> Result<Json<Vec<Note>>> {
    Ok(Json(notes.find(&system().may(), Filter::every()).all().await?))
}

async fn read(_: May<Read, Note>, notes: Store<Note>, Path(id): Path<Uuid>) -> Result<Json<Note>> {
    Ok(Json(notes.get(&system().may(), id).await?))
}

async fn empty(_: May<Delete, Note>, notes: Store<Note>, Path(id): Path<Uuid>) -> Result<NoContent> {
    notes.update(&system().may(), id, NotePatch { text: Change::Set(String::new()) }).await?;
    Err(tollgate::StoreError::NotFound.into())
}

async fn tell(_: May<Update, Note>, notes: Store<Note>, Path(id): Path<Uuid>) -> Result<NoContent> {
    let there = notes.get(&system().may(), id).await.is_ok();
    Err(Problem::not_found().because(if there { "it is another's" } else { "there is none" }))
}

async fn closed(_: Actor) -> Result<NoContent> {
    Err(Problem::forbidden())
}

fn sound() -> App {
    App::new("notes").service(Service::new("notes").crud::<Note>("/notes"))
}

async fn found(app: fn() -> App) -> String {
    let matrix = Matrix::of(app).row("/notes", |n| json!({ "text": format!("note {n}") }));
    let walked = tokio::spawn(matrix.check()).await;
    match walked {
        Ok(count) => format!("{count} are right"),
        Err(panic) => panic.into_panic().downcast_ref::<String>().unwrap().clone(),
    }
}

#[tokio::test]
async fn the_matrix_finds_every_hole() {
    assert!(found(sound).await.ends_with("are right"));
    let leaking = found(|| sound().service(Service::new("holes").get("/notes/all", leak))).await;
    assert!(leaking.contains("GET /notes/all (read:notes) by OtherOwner: another's"), "{leaking}");
    let reading = found(|| sound().service(Service::new("holes").get("/notes/{note_id}/text", read))).await;
    assert!(reading.contains("by OtherOwner: AsIfAbsent is expected, and not 200"), "{reading}");
    let telling = found(|| sound().service(Service::new("holes").post("/notes/{note_id}/pin", tell))).await;
    assert!(telling.contains("another's row is told from none"), "{telling}");
    let emptying = found(|| {
        sound().service(Service::new("holes").delete("/notes/{note_id}/text", empty).get("/notes/{note_id}/text", read))
    })
    .await;
    assert!(
        emptying.contains("DELETE /notes/{note_id}/text (delete:notes) by OtherOwner: the row changed"),
        "{emptying}"
    );
    let closing = found(|| sound().service(Service::new("holes").get("/closed", closed))).await;
    assert!(closing.contains("GET /closed (signed in) by Admin: LetIn is expected, and not 403"), "{closing}");
}

const PROVIDER: &str = "http://127.0.0.1:1";

fn with_a_provider() -> App {
    let settings = "[identity.issuers.sso]\npreset = \"generic\"\nissuer = \"http://127.0.0.1:1\"\naudience = \"api\"";
    sound().settings(settings)
}

/// Their routes are there where the settings name a provider.
#[tokio::test]
async fn routes_about_people_of_providers_let_in_whom_their_signatures_say() {
    let (database, clock): (Arc<dyn Database>, Arc<dyn Clock>) =
        (Arc::new(Memory::default()), Arc::new(SystemClock::default()));
    database.prepare(&[&ProviderSignIn::tables()[..], &[AuditEvent::TABLE]].concat(), true).await.unwrap();
    let settings = json!({ "preset": "generic", "issuer": PROVIDER, "audience": "api" });
    let provider = serde_json::from_value::<IssuerSettings>(settings).unwrap().provider("sso").unwrap();
    let roles = Arc::new(Roles::new(&BTreeMap::new(), &[]).unwrap());
    let issuers = Issuers::start(vec![provider], &roles, &clock).unwrap();
    let people = ProviderPeople::start(&issuers, &database, &clock, &Arc::default()).await.unwrap();
    people.keep_out(&System::because("there is somebody").may(), "sso|ann", true).await.unwrap();
    let walked = Matrix::of(with_a_provider).row("/notes", |n| json!({ "text": format!("note {n}") })).on(database);
    let others = Matrix::of(sound).row("/notes", |n| json!({ "text": format!("note {n}") }));
    assert_eq!(walked.check().await, others.check().await + 7 * 6);
}
