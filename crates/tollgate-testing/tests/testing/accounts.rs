//! Accounts, where two instances do something at the same moment, on each store.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Barrier;
use tollgate::{Change, System, SystemClock, Uuid};
use tollgate_access::Roles;
use tollgate_auth::{AccountChange, Accounts, Identity, IdentityConfig, NewAccount, User, UserError};
use tollgate_core::Clock;
use tollgate_postgres::Postgres;
use tollgate_store::{Database, Filter, Memory, Resource, audit::AuditEvent};

/// How an admin gets rid of another.
#[derive(Debug, Clone, Copy)]
enum How {
    Disables,
    Demotes,
    Removes,
}

/// Those at once; each has a victim of their own.
const AT_ONCE: [[How; 3]; 4] = [
    [How::Disables, How::Disables, How::Disables],
    [How::Demotes, How::Demotes, How::Demotes],
    [How::Removes, How::Removes, How::Removes],
    [How::Disables, How::Removes, How::Demotes],
];

fn accounts(database: &Arc<dyn Database>) -> Accounts {
    let roles = BTreeMap::from([("admin".to_owned(), vec!["*".to_owned()])]);
    let config = IdentityConfig::new("http://127.0.0.1:8000", Arc::new(Roles::new(&roles, &[]).unwrap()));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    Accounts::new(&config, database, &clock).unwrap()
}

fn system() -> System {
    System::because("a test")
}

async fn admin(accounts: &Accounts, name: &str) -> Uuid {
    let new = NewAccount {
        name: name.to_owned(),
        email: format!("{name}-{}@example.test", Uuid::now_v7().simple()),
        roles: vec!["admin".to_owned()],
        ..NewAccount::default()
    };
    accounts.create(&system().may(), new).await.unwrap().user_id
}

async fn get_rid(accounts: &Accounts, of: Uuid, how: How) -> Result<(), UserError> {
    let change = match how {
        How::Removes => return accounts.remove(&system().may(), of).await,
        How::Disables => AccountChange { disabled: Change::Set(true), ..AccountChange::default() },
        How::Demotes => AccountChange { roles: Change::Set(vec![]), ..AccountChange::default() },
    };
    accounts.change(&system().may(), of, change).await.map(drop)
}

async fn admins(accounts: &Accounts) -> Vec<User> {
    let admins = User::ROLES.has("admin") & User::DISABLED.eq(false);
    accounts.users().find(&system().may(), admins).all().await.unwrap()
}

/// Three admins, each of whom gets rid of the next at the same moment: two may, and the third has nobody left beside.
async fn of_admins_who_get_rid_of_each_other_at_once_one_stays(database: Arc<dyn Database>) {
    database.prepare(&[&Identity::tables()[..], &[AuditEvent::TABLE]].concat(), true).await.unwrap();
    let instances = [accounts(&database), accounts(&database), accounts(&database)];
    let start = Arc::new(Barrier::new(3));
    for round in AT_ONCE.iter().cycle().take(12) {
        let all = instances[0].users();
        all.delete_all(&system().may(), Filter::every()).await.unwrap();
        let victims =
            [admin(&instances[0], "ada").await, admin(&instances[0], "bob").await, admin(&instances[0], "cyd").await];
        let each = instances.iter().cloned().zip(victims).zip(*round).map(|((accounts, of), how)| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                get_rid(&accounts, of, how).await
            })
        });
        let (mut done, mut refused) = (0, 0);
        for outcome in each.collect::<Vec<_>>() {
            match outcome.await.unwrap() {
                Ok(()) => done += 1,
                Err(UserError::LastAdmin) => refused += 1,
                Err(error) => panic!("{round:?}: {error}"),
            }
        }
        assert_eq!((done, refused, admins(&instances[0]).await.len()), (2, 1, 1), "{round:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_stays_on_sqlite() {
    let (database, _guard) = crate::sqlite::empty().await;
    of_admins_who_get_rid_of_each_other_at_once_one_stays(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_stays_on_postgres() {
    let (database, _guard) = crate::postgres::empty().await;
    of_admins_who_get_rid_of_each_other_at_once_one_stays(database).await;
}

/// The database lets nobody wait for longer than two seconds at a time.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_turn_for_longer_than_postgres_bears_gets_it_all_the_same() {
    let (url, schema) = crate::postgres::fresh();
    let database: Arc<dyn Database> = Arc::new(Postgres::open(&url).await.unwrap());
    database.prepare(&[&Identity::tables()[..], &[AuditEvent::TABLE]].concat(), true).await.unwrap();
    let accounts = accounts(&database);
    let of = [admin(&accounts, "ada").await, admin(&accounts, "bob").await, admin(&accounts, "cyd").await];
    get_rid(&accounts, of[0], How::Disables).await.unwrap();
    let takes_long = "BEGIN; UPDATE auth_turns SET version = version + 1; SELECT pg_sleep(5); COMMIT";
    let slow = (schema.clone(), takes_long);
    let slow = tokio::task::spawn_blocking(move || crate::postgres::on(&slow.0, slow.1));
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%auth_turns%'";
    while !crate::postgres::on(&schema, sleeping).ends_with('1') {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let start = Instant::now();
    get_rid(&accounts, of[1], How::Disables).await.unwrap();
    assert!(start.elapsed() > Duration::from_secs(2), "it waited for its turn");
    slow.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_stays_on_mongodb() {
    let (database, _guard) = crate::mongodb::empty().await;
    of_admins_who_get_rid_of_each_other_at_once_one_stays(database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_stays_in_memory() {
    of_admins_who_get_rid_of_each_other_at_once_one_stays(Arc::new(Memory::default())).await;
}
