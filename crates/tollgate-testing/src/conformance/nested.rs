//! Lists, values within values, and keys as MongoDB makes them.

use super::resources::{Content, NewParcel, Parcel, ParcelPatch, all, content, everything, parcel, store};
use serde_json::json;
use std::sync::Arc;
use tollgate::{Change, Filter, Nested, ObjectId, Store};
use tollgate_store::{Database, Error};

/// Stores a parcel and demands that it comes back as it was answered, alone and among others.
async fn stored(parcels: &Store<Parcel>, new: NewParcel) -> Parcel {
    let answered = parcels.insert(&all(), new).await.unwrap();
    assert_eq!(parcels.get(&all(), answered.parcel_id).await.unwrap(), answered, "the answer is what is stored");
    answered
}

pub async fn lists_come_back_as_they_were(database: Arc<dyn Database>) {
    let parcels = store::<Parcel>(&database).await;
    let odd = ["", "NULL", "null", "a,b", "{}", "\"", "\\", "\\\"", "'", " ", "\n", "é😀", "\\u0000", "a", "a"];
    for labels in [&[][..], &["one"], &odd] {
        let kept = stored(&parcels, NewParcel { maybe_labels: Some(parcel(labels).labels), ..parcel(labels) }).await;
        assert_eq!((kept.labels.clone(), kept.maybe_labels), (parcel(labels).labels, Some(kept.labels)));
    }
    let without = stored(&parcels, parcel(&["one"])).await;
    assert_eq!(without.maybe_labels, None, "no list is not an empty one");
    let long: Vec<_> = (0..20_000).map(|number| format!("label {number}")).collect();
    assert_eq!(stored(&parcels, NewParcel { labels: long.clone(), ..parcel(&[]) }).await.labels, long);
    let many = vec![parcel(&["a", "b"]), parcel(&[]), parcel(&["c"])];
    let many = parcels.insert_many(&all(), many).await.unwrap();
    assert_eq!(many.iter().map(|row| row.labels.len()).collect::<Vec<_>>(), [2, 0, 1], "each row has its own");
}

pub async fn a_list_is_asked_what_it_has(database: Arc<dyn Database>) {
    let parcels = store::<Parcel>(&database).await;
    for labels in [&["red", "big"][..], &["Red"], &["redder"], &[], &["%", "\"", "\\"]] {
        parcels
            .insert(&all(), NewParcel { maybe_labels: Some(parcel(labels).labels), ..parcel(labels) })
            .await
            .unwrap();
    }
    parcels.insert(&all(), parcel(&["red"])).await.unwrap();
    let count = async |filter: Filter<Parcel>| parcels.count(&all(), filter).await.unwrap();
    for (label, there, perhaps) in
        [("red", 2, 1), ("Red", 1, 1), ("re", 0, 0), ("", 0, 0), ("%", 1, 1), ("\"", 1, 1), ("\\", 1, 1), ("a\0", 0, 0)]
    {
        assert_eq!(count(Parcel::LABELS.has(label)).await, there, "{label}");
        assert_eq!(count(Parcel::MAYBE_LABELS.has(label)).await, perhaps, "{label}");
        assert_eq!(count(!Parcel::MAYBE_LABELS.has(label)).await, 6 - perhaps, "{label}: no list has it not");
    }
    assert_eq!(count(Parcel::MAYBE_LABELS.is_null()).await, 1);
    assert_eq!(count(Parcel::LABELS.has("red") & Parcel::LABELS.has("big")).await, 1);
}

pub async fn values_within_come_back_as_they_were(database: Arc<dyn Database>) {
    let parcels = store::<Parcel>(&database).await;
    let within = Content { more: vec![content("é😀\"\\\n", 3), content("", u64::MAX)], ..content("box", 1) };
    let full = Content { weight: Some(0.1), fragile: true, more: vec![within.clone()], ..content("case", 7) };
    let new = NewParcel {
        content: full.clone().into(),
        maybe_content: Some(within.into()),
        anything: Some(Nested(json!({
            "$gt": "", "a.b": [1, -1.5, null, true, [], {}], "$oid": "507f1f77bcf86cd799439011", "": { "$numberLong": "5" },
            "number": 9_007_199_254_740_993_i64, "small": 5e-324,
        }))),
        ..parcel(&[])
    };
    let kept = stored(&parcels, new).await;
    assert_eq!(kept.content.0, full);
    assert_eq!(everything(&parcels).await, std::slice::from_ref(&kept));
    let text = json!("just text");
    let patch = ParcelPatch {
        content: Change::Set(content("less", 1).into()),
        maybe_content: Change::Set(None),
        anything: Change::Set(Some(Nested(text.clone()))),
        labels: Change::Set(vec!["new".into()]),
        ..ParcelPatch::default()
    };
    let changed = parcels.update(&all(), kept.parcel_id, patch).await.unwrap();
    assert_eq!((changed.content.what.as_str(), &changed.maybe_content), ("less", &None));
    assert_eq!((&changed.anything, &changed.labels), (&Some(Nested(text)), &vec!["new".to_owned()]));
    assert_eq!(parcels.get(&all(), kept.parcel_id).await.unwrap(), changed);
    assert_eq!(parcels.count(&all(), Parcel::MAYBE_CONTENT.is_null()).await.unwrap(), 1);
}

pub async fn a_megabyte_within_is_kept(database: Arc<dyn Database>) {
    let parcels = store::<Parcel>(&database).await;
    let long = Content { more: vec![content(&"Grüße ".repeat(1 << 17), 1)], ..content("long", 1) };
    assert_eq!(stored(&parcels, NewParcel { content: long.clone().into(), ..parcel(&[]) }).await.content.0, long);
}

pub async fn nul_is_refused_wherever_it_hides(database: Arc<dyn Database>) {
    let parcels = store::<Parcel>(&database).await;
    let kept = parcels.insert(&all(), parcel(&["\\u0000"])).await.unwrap();
    let bad = [
        parcel(&["a\0b"]),
        NewParcel { content: content("\0", 1).into(), ..parcel(&[]) },
        NewParcel { anything: Some(Nested(json!({ "a\0": 1 }))), ..parcel(&[]) },
    ];
    for bad in bad {
        let refused = parcels.insert(&all(), bad.clone()).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let refused = parcels.replace(&all(), kept.parcel_id, bad).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    assert_eq!(everything(&parcels).await, [kept]);
}

pub async fn what_has_too_many_levels_is_refused_and_harms_nobody(database: Arc<dyn Database>) {
    let parcels = store::<Parcel>(&database).await;
    for (levels, fits) in [(1, true), (99, true), (100, false), (200, false), (500, false)] {
        let deep = (1..levels).fold(json!([]), |within, _| json!([within]));
        let new = NewParcel { anything: Some(Nested(deep)), ..parcel(&[]) };
        match parcels.insert(&all(), new).await {
            Ok(kept) if fits => assert_eq!(parcels.get(&all(), kept.parcel_id).await.unwrap(), kept),
            Err(Error::Invalid(_)) if !fits => (),
            other => panic!("{levels}: {other:?}"),
        }
    }
    assert_eq!(everything(&parcels).await.len(), 2);
}

pub async fn null_is_an_empty_cell_and_nothing_else(database: Arc<dyn Database>) {
    let parcels = store::<Parcel>(&database).await;
    let anything = |value| NewParcel { anything: Some(Nested(value)), ..parcel(&[]) };
    let refused = parcels.insert(&all(), anything(json!(null))).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let empty = stored(&parcels, parcel(&[])).await;
    for within in [json!([1, null]), json!([[null]]), json!({ "a": null }), json!("null"), json!([])] {
        stored(&parcels, anything(within)).await;
    }
    let found = parcels.find(&all(), Parcel::ANYTHING.is_null()).all().await.unwrap();
    assert_eq!(found, std::slice::from_ref(&empty));
    let set = |value| ParcelPatch { anything: Change::Set(value), ..ParcelPatch::default() };
    let refused = parcels.update(&all(), empty.parcel_id, set(Some(Nested(json!(null))))).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

pub async fn object_ids_are_found_compared_and_sorted(database: Arc<dyn Database>) {
    let parcels = store::<Parcel>(&database).await;
    let (low, high) = (ObjectId::from_bytes([0; 12]), ObjectId::from_bytes([0xFF; 12]));
    let mut rows = vec![];
    for sent_from in [Some(high), None, Some(low)] {
        rows.push(stored(&parcels, NewParcel { sent_from, ..parcel(&[]) }).await);
    }
    assert!(rows.is_sorted_by_key(|row| row.parcel_id), "in the order of creation");
    let sorted = parcels.find(&all(), Filter::every()).sort(Parcel::SENT_FROM.asc()).all().await.unwrap();
    assert_eq!(sorted.iter().map(|row| row.sent_from).collect::<Vec<_>>(), [None, Some(low), Some(high)]);
    assert_eq!(parcels.count(&all(), Parcel::SENT_FROM.gt(low)).await.unwrap(), 1);
    assert_eq!(parcels.count(&all(), Parcel::PARCEL_ID.in_([rows[0].parcel_id, rows[2].parcel_id])).await.unwrap(), 2);
    parcels.delete(&all(), rows[1].parcel_id).await.unwrap();
    assert!(matches!(parcels.get(&all(), rows[1].parcel_id).await, Err(Error::NotFound)));
}
