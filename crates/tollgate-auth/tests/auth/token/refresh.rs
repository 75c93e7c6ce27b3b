//! Refresh tokens: one successor, repeated to the honest, death to the thief.

use crate::token::world::clock;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tollgate_auth::issuer::refresh::{
    Answer, Death, Families, Family, FamilyId, Grant, Refresh, RefreshToken, Refused, Retired,
};
use tollgate_core::{Clock, ManualClock};

const DAY: Duration = Duration::from_hours(24);

/// A store that is far away: others get their turn before it answers. It may also crash after it has done.
#[derive(Clone)]
struct Remote(Arc<State>);

struct State {
    clock: ManualClock,
    families: Mutex<HashMap<FamilyId, Family>>,
    crashes: AtomicBool,
}

impl Remote {
    fn new(clock: ManualClock) -> Self {
        Self(Arc::new(State { clock, families: Mutex::default(), crashes: AtomicBool::new(false) }))
    }

    fn crash_after_the_next_swap(&self) {
        self.0.crashes.store(true, Ordering::SeqCst);
    }

    fn retired(&self) -> Vec<Retired> {
        self.0.families.lock().unwrap().values().flat_map(|family| family.retired.clone()).collect()
    }

    fn end(&self, death: Death, which: impl Fn(&FamilyId, &Family) -> bool) {
        for (_, family) in self.0.families.lock().unwrap().iter_mut().filter(|(id, family)| which(id, family)) {
            family.dead = family.dead.or(Some(death));
            family.version += 1;
        }
    }

    fn swapped(&self, id: FamilyId, mut next: Family) -> bool {
        let mut families = self.0.families.lock().unwrap();
        let unchanged = families.get(&id).is_some_and(|family| family.version == next.version);
        if unchanged {
            next.version += 1;
            families.insert(id, next);
        }
        unchanged
    }
}

impl Families for Remote {
    fn now(&self) -> Answer<'_, jiff::Timestamp> {
        Box::pin(async { Ok(self.0.clock.now()) })
    }

    fn create(&self, id: FamilyId, family: Family) -> Answer<'_, ()> {
        Box::pin(async move {
            self.0.families.lock().unwrap().insert(id, family);
            Ok(())
        })
    }

    fn load(&self, id: FamilyId) -> Answer<'_, Option<Family>> {
        Box::pin(async move {
            let family = self.0.families.lock().unwrap().get(&id).cloned();
            tokio::task::yield_now().await;
            Ok(family)
        })
    }

    fn swap(&self, id: FamilyId, next: Family) -> Answer<'_, bool> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let swapped = self.swapped(id, next);
            if self.0.crashes.swap(false, Ordering::SeqCst) {
                Err("the connection was lost".into())
            } else {
                Ok(swapped)
            }
        })
    }

    fn kill(&self, id: FamilyId, death: Death) -> Answer<'_, ()> {
        Box::pin(async move {
            self.end(death, |other, _| *other == id);
            Ok(())
        })
    }
}

fn instance(store: &Remote) -> Refresh<Remote> {
    Refresh::new(store.clone(), &[7; 32])
}

fn grant(user: &str, client: &str) -> Grant {
    Grant {
        user: user.into(),
        version: 1,
        under: "a session".into(),
        client: client.into(),
        scope: "read:movies".into(),
    }
}

fn world() -> (Remote, ManualClock, Refresh<Remote>) {
    let clock = clock();
    let store = Remote::new(clock.clone());
    let refresh = instance(&store);
    (store, clock, refresh)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_parallel_uses_over_three_instances_give_one_successor() {
    let (store, _, refresh) = world();
    let token = refresh.begin(grant("ann", "app"), DAY).await.unwrap();
    let instances: Vec<_> = (0..3).map(|_| Arc::new(instance(&store))).collect();
    let uses: Vec<_> = (0..1000)
        .map(|n| {
            let (refresh, token) = (Arc::clone(&instances[n % 3]), token.clone());
            tokio::spawn(async move { refresh.redeem(&token, "app").await.unwrap() })
        })
        .collect();
    let (mut successors, mut first) = (HashSet::new(), 0);
    for answer in uses {
        let refreshed = answer.await.unwrap();
        successors.insert(refreshed.token.reveal());
        first += usize::from(!refreshed.again);
    }
    assert_eq!((successors.len(), first), (1, 1));
    let successor = RefreshToken::parse(successors.iter().next().unwrap()).unwrap();
    assert!(refresh.redeem(&successor, "app").await.is_ok());
}

#[tokio::test]
async fn late_reuse_kills_the_family() {
    let (_, clock, refresh) = world();
    let token = refresh.begin(grant("ann", "app"), DAY).await.unwrap();
    let next = refresh.redeem(&token, "app").await.unwrap().token;
    clock.advance(Duration::from_secs(10));
    assert!(refresh.redeem(&token, "app").await.unwrap().again, "still within the grace");
    clock.advance(Duration::from_secs(1));
    assert!(matches!(refresh.redeem(&token, "app").await, Err(Refused::Reuse(_))));
    assert!(matches!(refresh.redeem(&next, "app").await, Err(Refused::Dead(Death::Reuse))));
}

#[tokio::test]
async fn an_echo_after_the_successor_was_used_is_refused_but_kills_nobody() {
    let (_, clock, refresh) = world();
    let token = refresh.begin(grant("ann", "app"), DAY).await.unwrap();
    let second = refresh.redeem(&token, "app").await.unwrap().token;
    let third = refresh.redeem(&second, "app").await.unwrap().token;
    assert!(matches!(refresh.redeem(&token, "app").await, Err(Refused::Echo)));
    let fourth = refresh.redeem(&third, "app").await.unwrap().token;
    clock.advance(Duration::from_secs(11));
    assert!(matches!(refresh.redeem(&token, "app").await, Err(Refused::Reuse(_))));
    assert!(matches!(refresh.redeem(&fourth, "app").await, Err(Refused::Dead(_))));
}

#[tokio::test]
async fn a_crash_between_rotation_and_answer_locks_nobody_out() {
    let (store, clock, refresh) = world();
    let token = refresh.begin(grant("ann", "app"), DAY).await.unwrap();
    store.crash_after_the_next_swap();
    assert!(matches!(refresh.redeem(&token, "app").await, Err(Refused::Unavailable(Some(_)))));
    clock.advance(Duration::from_secs(9));
    let restarted = instance(&store);
    let again = restarted.redeem(&token, "app").await.unwrap();
    assert!(again.again);
    assert!(!restarted.redeem(&again.token, "app").await.unwrap().again, "and the successor is good");
}

#[tokio::test]
async fn a_family_that_was_ended_stays_ended_and_no_other_ends_with_it() {
    let (_, _, refresh) = world();
    let (phone, laptop) = (
        refresh.begin(grant("ann", "app"), DAY).await.unwrap(),
        refresh.begin(grant("ann", "web"), DAY).await.unwrap(),
    );
    let other = refresh.begin(grant("bob", "app"), DAY).await.unwrap();
    for token in [&phone, &laptop] {
        refresh.revoke_family(token.family()).await.unwrap();
    }
    assert!(matches!(refresh.redeem(&phone, "app").await, Err(Refused::Dead(Death::Revoked))));
    assert!(matches!(refresh.redeem(&laptop, "web").await, Err(Refused::Dead(Death::Revoked))));
    let other = refresh.redeem(&other, "app").await.unwrap().token;
    assert!(matches!(refresh.revoke(&other, "web").await, Err(Refused::Client)));
    refresh.revoke(&other, "app").await.unwrap();
    assert!(matches!(refresh.redeem(&other, "app").await, Err(Refused::Dead(Death::Revoked))));
}

/// Revocation against rotation: once `revoke_family` has answered, nobody holds a token that works.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_cannot_outrun_a_revocation() {
    for _ in 0..200 {
        let (store, _, refresh) = world();
        let token = refresh.begin(grant("ann", "app"), DAY).await.unwrap();
        let racer = instance(&store);
        let race = tokio::spawn({
            let token = token.clone();
            async move { racer.redeem(&token, "app").await }
        });
        refresh.revoke_family(token.family()).await.unwrap();
        let survivor = race.await.unwrap().map_or(token, |refreshed| refreshed.token);
        assert!(matches!(refresh.redeem(&survivor, "app").await, Err(Refused::Dead(Death::Revoked))));
    }
}

#[tokio::test]
async fn a_token_serves_its_client_until_its_family_expires_and_prints_nowhere() {
    let (_, clock, refresh) = world();
    let token = refresh.begin(grant("ann", "app"), DAY).await.unwrap();
    assert!(matches!(refresh.redeem(&token, "web").await, Err(Refused::Client)));
    let next = refresh.redeem(&token, "app").await.unwrap();
    assert!(!format!("{next:?}").contains(&next.token.reveal()) && next.grant == grant("ann", "app"));
    clock.advance(DAY);
    assert!(matches!(refresh.redeem(&next.token, "app").await, Err(Refused::Expired)));
    let mut forged = next.token.reveal();
    forged.truncate(20);
    assert!(RefreshToken::parse(&forged).is_none() && RefreshToken::parse("").is_none());
    assert!(matches!(
        refresh.redeem(&RefreshToken::parse(&"A".repeat(64)).unwrap(), "app").await,
        Err(Refused::Unknown)
    ));
}

#[tokio::test]
async fn a_client_that_refreshes_without_pause_does_not_swell_its_family() {
    let (store, _, refresh) = world();
    let first = refresh.begin(grant("ann", "app"), DAY).await.unwrap();
    let mut token = first.clone();
    for _ in 0..100 {
        token = refresh.redeem(&token, "app").await.unwrap().token;
    }
    assert_eq!(store.retired().len(), 32);
    assert!(matches!(refresh.redeem(&first, "app").await, Err(Refused::Reuse(_))));
}

/// As a database would keep it.
#[tokio::test]
async fn a_family_survives_its_storage() {
    let (store, _, refresh) = world();
    let token = refresh.begin(grant("ann", "app"), DAY).await.unwrap();
    let next = refresh.redeem(&token, "app").await.unwrap().token;
    for family in store.0.families.lock().unwrap().values_mut() {
        let row = serde_json::to_string(family).unwrap();
        assert!(!row.contains(&token.reveal()) && !row.contains(&next.reveal()), "a row holds no token");
        *family = serde_json::from_str(&row).unwrap();
    }
    assert!(refresh.redeem(&token, "app").await.unwrap().again);
    assert!(refresh.redeem(&next, "app").await.is_ok());
}
