//! Who is kept out here, whatever their provider says: bearer tokens on several instances.

use super::{provider, roles};
use crate::token::world::{NOW, Signer, clock};
use http::StatusCode;
use serde_json::{Value, json};
use std::{io::Write, sync::Arc, time::Duration};
use tempfile::NamedTempFile;
use tollgate_access::{Actor, Identity, May, System, Update};
use tollgate_auth::{Gate, Issuers, ProviderPeople, ProviderSignIn, User, UserError, token::Algorithm};
use tollgate_core::{Clock, ManualClock, Problem};
use tollgate_store::{Database, Filter, Memory, Resource, Store, audit::AuditEvent};

const ISSUER: &str = "https://sso.example";

/// Instances that share a database, and trust one provider.
struct World {
    signer: Signer,
    file: NamedTempFile,
    database: Arc<dyn Database>,
    clock: ManualClock,
}

struct Instance {
    gate: Gate,
    people: ProviderPeople,
}

impl World {
    async fn new() -> Self {
        let signer = Signer::new(ISSUER, Algorithm::RS256);
        let mut file = NamedTempFile::with_suffix(".json").unwrap();
        file.write_all(json!({ "keys": [signer.pair.jwk("k1")] }).to_string().as_bytes()).unwrap();
        let database: Arc<dyn Database> = Arc::new(Memory::default());
        database.prepare(&[&ProviderSignIn::tables()[..], &[AuditEvent::TABLE]].concat(), true).await.unwrap();
        Self { signer, file, database, clock: clock() }
    }

    async fn instance(&self) -> Instance {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let settings = json!({ "preset": "keys", "issuer": ISSUER, "audience": "api", "file": self.file.path() });
        let issuers = Issuers::start(vec![provider("sso", settings)], &roles(), &clock).unwrap();
        let gate = issuers.gate(Arc::clone(&clock), 100).unwrap();
        let people = ProviderPeople::start(&issuers, &self.database, &clock, gate.revocations()).await.unwrap();
        Instance { gate, people }
    }

    /// A token of that subject that was issued so many seconds after the start.
    fn token(&self, subject: &str, later: u64, more: &Value) -> Vec<u8> {
        let mut claims = self.signer.claims(1);
        let fields = json!({ "sub": subject, "iat": NOW + later, "nbf": NOW, "exp": NOW + 3600 });
        for (name, value) in [&fields, more].into_iter().flat_map(|more| more.as_object().unwrap()) {
            claims[name] = value.clone();
        }
        self.signer.token(&self.signer.header(), &claims)
    }

    async fn recorded(&self) -> Vec<(String, String)> {
        let store: Store<AuditEvent> = Store::new(Arc::clone(&self.database), Arc::new(self.clock.clone()));
        let events = store.find(&System::because("a test looks").may(), Filter::every()).all().await.unwrap();
        events.into_iter().map(|event| (event.action, event.row_id.unwrap_or_default())).collect()
    }
}

impl Instance {
    async fn lets_in(&self, token: &[u8]) -> bool {
        self.gate.actor(token).await.is_ok()
    }

    /// Waits until an instance has heard it from the database: a second at most, on a clock that stands still while anything
    /// is done.
    async fn hears(&self, token: &[u8], lets_in: bool) {
        tokio::time::pause();
        let start = tokio::time::Instant::now();
        while self.lets_in(token).await != lets_in {
            assert!(start.elapsed() < Duration::from_secs(1), "not heard after {:?}", start.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::resume();
    }
}

fn operator() -> May<Update, User> {
    System::because("a test").may()
}

#[tokio::test]
async fn bearer_tokens_of_who_is_kept_out_pass_on_no_instance() {
    let world = World::new().await;
    let (here, there) = (world.instance().await, world.instance().await);
    let (ann, bob) = (world.token("ann", 0, &json!({})), world.token("bob", 0, &json!({})));
    for instance in [&here, &there] {
        assert!(instance.lets_in(&ann).await && instance.lets_in(&bob).await);
    }
    let row = here.people.keep_out(&operator(), "sso|ann", true).await.unwrap();
    assert!(row.disabled && row.issuer == "sso", "also somebody who never signed in with a browser");
    assert!(!here.lets_in(&ann).await, "at once where it was said");
    there.hears(&ann, false).await;
    let later = world.token("ann", 60, &json!({}));
    world.clock.advance(Duration::from_secs(61));
    let started_later = world.instance().await;
    for instance in [&here, &there, &started_later] {
        assert!(!instance.lets_in(&later).await, "nor one that the provider gives later");
        assert!(instance.lets_in(&bob).await, "nobody else is meant");
    }
    assert_eq!(world.recorded().await, [("disable".to_owned(), "sso|ann".to_owned())]);
}

#[tokio::test]
async fn who_is_let_in_again_or_signed_out_needs_a_newer_token() {
    let world = World::new().await;
    let (here, there) = (world.instance().await, world.instance().await);
    let (old, while_out) = (world.token("ann", 0, &json!({})), world.token("ann", 10, &json!({})));
    here.people.keep_out(&operator(), "sso|ann", true).await.unwrap();
    there.hears(&old, false).await;
    world.clock.advance(Duration::from_secs(20));
    here.people.keep_out(&operator(), "sso|ann", false).await.unwrap();
    let new = world.token("ann", 21, &json!({}));
    there.hears(&new, true).await;
    for instance in [&here, &there] {
        assert!(!instance.lets_in(&old).await && !instance.lets_in(&while_out).await && instance.lets_in(&new).await);
    }
    world.clock.advance(Duration::from_secs(20));
    there.people.sign_out(&operator(), "sso|ann").await.unwrap();
    here.hears(&new, false).await;
    assert!(!there.lets_in(&new).await && there.lets_in(&world.token("ann", 41, &json!({}))).await);
    assert!(!there.lets_in(&world.token("ann", 41, &json!({ "iat": null }))).await, "it may be as old as any");
    let actions: Vec<_> = world.recorded().await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["disable", "enable", "end_sessions"]);
}

#[tokio::test]
async fn what_was_said_last_counts_whatever_the_clocks_of_instances_show() {
    let world = World::new().await;
    let ahead = world.instance().await;
    world.clock.advance(Duration::from_secs(100));
    ahead.people.keep_out(&operator(), "sso|ann", true).await.unwrap();
    let token = world.token("ann", 120, &json!({}));
    assert!(!ahead.lets_in(&token).await);
    let behind = World { clock: clock(), ..world };
    behind.instance().await.people.keep_out(&operator(), "sso|ann", false).await.unwrap();
    ahead.hears(&token, true).await;
}

#[tokio::test]
async fn nothing_is_said_twice_nor_of_nobody() {
    let world = World::new().await;
    let here = world.instance().await;
    for nobody in ["sso|", "other|ann", "ann", "|ann", "sso|a\nb"] {
        let refused = here.people.keep_out(&operator(), nobody, true).await;
        assert!(matches!(refused, Err(UserError::NotFound)), "{nobody}: {refused:?}");
    }
    assert!(matches!(here.people.keep_out(&operator(), "sso|ann", false).await, Err(UserError::NotFound)));
    assert!(matches!(here.people.get("sso|ann").await, Err(UserError::NotFound)));
    let first = here.people.keep_out(&operator(), "sso|ann", true).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(here.people.keep_out(&operator(), "sso|ann", true).await.unwrap(), first);
    assert_eq!(world.recorded().await.len(), 1);
}

#[tokio::test]
async fn nobody_keeps_out_who_may_more_than_they_may_themselves() {
    let world = World::new().await;
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let settings = json!({ "preset": "keys", "issuer": ISSUER, "audience": "api", "file": world.file.path(),
        "roles": ["curator"] });
    let issuers = Issuers::start(vec![provider("sso", settings)], &roles(), &clock).unwrap();
    let people = ProviderPeople::start(&issuers, &world.database, &clock, &Arc::default()).await.unwrap();
    let may = |permissions: &[&str]| {
        let actor: Actor = Identity::new("ed").granted(permissions.iter().copied()).granted(["read:news"]).into();
        actor.may::<Update, User>().map_err(|_| ())
    };
    assert!(may(&["read:users"]).is_err());
    let editor = may(&["update:users", "create:movies"]).unwrap();
    let refused = people.keep_out(&editor, "sso|ann", true).await.unwrap_err();
    assert!(refused.to_string().contains("`update:movies`"), "{refused}");
    assert_eq!(Problem::from(refused).status(), StatusCode::FORBIDDEN);
    let curator = may(&["update:users", "create:movies", "update:movies"]).unwrap();
    assert!(people.keep_out(&curator, "sso|ann", true).await.unwrap().disabled);
    assert!(people.sign_out(&editor, "sso|ann").await.is_err());
}
