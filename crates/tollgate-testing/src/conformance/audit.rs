//! A change of an audited resource and its record are kept together, or neither is.

use super::resources::{Dose, DosePatch, NewDose, all, everything, may, person, store};
use std::sync::Arc;
use tollgate::{Change, Filter, Store, Timestamp};
use tollgate_access::Identity;
use tollgate_store::{Database, Error, Resource, audit::AuditEvent};

struct Records {
    doses: Store<Dose>,
    events: Store<AuditEvent>,
}

impl Records {
    async fn of(database: &Arc<dyn Database>) -> Self {
        Self { doses: store(database).await, events: store(database).await }
    }

    /// Who did what to which row, in the order in which it happened.
    async fn told(&self) -> Vec<String> {
        let mut events = everything(&self.events).await;
        events.sort_by_key(Resource::id);
        let told = events.iter().map(|event| {
            assert!(event.allowed && event.resource == "doses" && event.at > Timestamp::UNIX_EPOCH);
            let row = event.row_id.as_ref().or(event.detail.as_ref()).unwrap();
            format!("{} {} {row}", event.actor, event.action)
        });
        told.collect()
    }
}

fn dose(milligrams: i32) -> NewDose {
    NewDose { milligrams }
}

fn set(milligrams: i32) -> DosePatch {
    DosePatch { milligrams: Change::Set(milligrams) }
}

pub async fn each_write_of_an_audited_resource_is_recorded(database: Arc<dyn Database>) {
    let records = Records::of(&database).await;
    let (doses, ann) = (&records.doses, person("ann"));
    let one = doses.insert(&may(&ann), dose(1)).await.unwrap().dose_id;
    let more = doses.insert_many(&may(&ann), vec![dose(2), dose(3)]).await.unwrap();
    doses.update(&may(&ann), one, set(10)).await.unwrap();
    doses.replace(&may(&ann), one, dose(11)).await.unwrap();
    doses.delete(&may(&ann), one).await.unwrap();
    doses.delete_all(&all(), Filter::every()).await.unwrap();
    let [two, three] = [more[0].dose_id, more[1].dose_id];
    let expected = [
        format!("ann create {one}"),
        format!("ann create {two}"),
        format!("ann create {three}"),
        format!("ann update {one}"),
        format!("ann update {one}"),
        format!("ann delete {one}"),
        "system delete 2 rows, by a filter".into(),
    ];
    assert_eq!(records.told().await, expected);
    let last = everything(&records.events).await.pop().unwrap();
    assert_eq!(last.via.as_deref(), Some("the suite looks at every row"));
}

pub async fn what_did_not_happen_is_not_recorded(database: Arc<dyn Database>) {
    let records = Records::of(&database).await;
    let (doses, ann, bob) = (&records.doses, person("ann"), person("bob"));
    let hers = doses.insert(&may(&ann), dose(1)).await.unwrap().dose_id;
    assert!(matches!(doses.update(&may(&bob), hers, set(9)).await, Err(Error::NotFound)));
    assert!(matches!(doses.delete(&may(&bob), hers).await, Err(Error::NotFound)));
    assert!(matches!(doses.insert(&may(&ann), dose(1)).await, Err(Error::Conflict { .. })));
    let many = vec![dose(2), dose(1)];
    assert!(matches!(doses.insert_many(&may(&ann), many).await, Err(Error::Conflict { .. })));
    let taken_back = doses.transaction(async |tx| {
        doses.on(&tx)?.insert(&may(&ann), dose(3)).await?;
        Err::<(), _>(Error::Stale)
    });
    assert!(matches!(taken_back.await, Err(Error::Stale)));
    assert_eq!(records.told().await, [format!("ann create {hers}")]);

    let kept = doses.transaction(async |tx| doses.on(&tx)?.update(&may(&ann), hers, set(4)).await);
    kept.await.unwrap();
    assert_eq!(records.told().await.len(), 2);
}

pub async fn a_change_that_cannot_be_recorded_does_not_happen(database: Arc<dyn Database>) {
    let records = Records::of(&database).await;
    let ann = person("ann");
    let kept = records.doses.insert(&may(&ann), dose(1)).await.unwrap();
    // No database keeps it.
    let mallory = Identity::new("mallory").provider("no\0body").granted(["create:doses"]).into();
    assert!(records.doses.insert(&may(&mallory), dose(2)).await.is_err());
    assert_eq!(everything(&records.doses).await, [kept]);
    assert_eq!(records.told().await.len(), 1);
}
