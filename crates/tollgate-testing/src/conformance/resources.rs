//! The resources that the suite stores: together they use every kind of column and every attribute.

use std::sync::Arc;
use tollgate::{
    Act, Action, Actor, Date, Decimal, Delete, Filter, May, Nested, ObjectId, Policy, Resource, Rows, Store, System,
    Timestamp, Uuid, choice, input, resource,
};
use tollgate_access::Identity;
use tollgate_core::{Clock, SystemClock};
use tollgate_store::{Column, Database, Table};

/// What there is to choose from: names in an order of their own, with what databases treat differently.
#[choice]
#[serde(rename_all = "kebab-case")]
#[derive(Default)]
pub(crate) enum Grade {
    #[default]
    Good,
    InDoubt,
    Bad,
    #[serde(rename = "A")]
    Top,
    #[serde(rename = "50 %; é")]
    Half,
}

pub(crate) const GRADES: [Grade; 5] = [Grade::Good, Grade::InDoubt, Grade::Bad, Grade::Top, Grade::Half];

/// A column of every kind, full and perhaps empty, under a key that the caller chooses.
#[resource(plural = "samples")]
pub(crate) struct Sample {
    #[id]
    pub sample_id: i32,
    pub flag: bool,
    pub small: i32,
    pub big: i64,
    pub ratio: f64,
    pub text: String,
    pub code: Uuid,
    pub moment: Timestamp,
    pub price: Decimal<15, 2>,
    pub maker: ObjectId,
    pub labels: Vec<String>,
    pub day: Date,
    pub grade: Grade,
    pub maybe_flag: Option<bool>,
    pub maybe_small: Option<i32>,
    pub maybe_big: Option<i64>,
    pub maybe_ratio: Option<f64>,
    pub maybe_text: Option<String>,
    pub maybe_code: Option<Uuid>,
    pub maybe_moment: Option<Timestamp>,
    pub maybe_price: Option<Decimal<2, 1>>,
    pub maybe_maker: Option<ObjectId>,
    pub maybe_labels: Option<Vec<String>>,
    pub maybe_content: Option<Nested<serde_json::Value>>,
    pub maybe_day: Option<Date>,
    pub maybe_grade: Option<Grade>,
}

/// What is in a parcel: a value within a row.
#[input]
#[output]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    pub what: String,
    pub pieces: u64,
    pub weight: Option<f64>,
    pub fragile: bool,
    pub more: Vec<Content>,
}

/// Lists and values within, under a key as MongoDB makes them.
#[resource(plural = "parcels")]
pub(crate) struct Parcel {
    #[id(generated)]
    pub parcel_id: ObjectId,
    pub labels: Vec<String>,
    pub maybe_labels: Option<Vec<String>>,
    pub content: Nested<Content>,
    pub maybe_content: Option<Nested<Content>>,
    pub anything: Option<Nested<serde_json::Value>>,
    pub sent_from: Option<ObjectId>,
}

/// What someone noted: everything that the server fills, under a key that the database counts.
#[resource(plural = "notes")]
pub(crate) struct Note {
    #[id(generated)]
    pub note_id: i64,
    #[owner]
    pub owner: String,
    pub body: String,
    #[unique]
    pub mark: Option<String>,
    #[index]
    pub topic: Option<i32>,
    #[hidden]
    pub secret: String,
    #[read_only]
    pub rank: Option<i32>,
    #[version]
    pub version: i64,
    #[created_at]
    pub created: Timestamp,
    #[updated_at]
    pub updated: Timestamp,
}

/// A word, which is its own key, and its number.
#[resource(plural = "words")]
pub(crate) struct Word {
    #[id]
    pub word: String,
    #[unique]
    pub number: i32,
}

/// How often a word was seen: what is upserted.
#[resource(plural = "tallies")]
pub(crate) struct Tally {
    #[id]
    pub word: String,
    pub count: i64,
    pub last: Option<String>,
    pub share: f64,
    pub pieces: i32,
    #[version]
    pub version: i64,
    #[updated_at]
    pub seen: Timestamp,
}

/// What a patient got: each write is recorded.
#[resource(plural = "doses", audited)]
pub(crate) struct Dose {
    #[id(generated)]
    pub dose_id: i64,
    #[owner]
    pub patient: String,
    #[unique]
    pub milligrams: i32,
}

/// A key of 32 bits that the database counts.
#[resource(plural = "tickets")]
pub(crate) struct Ticket {
    #[id(generated)]
    pub ticket_id: i32,
    pub title: String,
}

/// A mountain, as this model knows it.
#[resource(plural = "peaks")]
pub(crate) struct Peak {
    #[id]
    pub peak_id: i32,
    pub meters: i32,
}

/// The same table as another model knows it, which keeps what ours cannot read.
pub(crate) static WIDE_PEAKS: Table = Table {
    name: "peaks",
    one: "peak",
    about: "",
    columns: &[Column::of::<i32>("peak_id"), Column::of::<i64>("meters")],
    id: 0,
    counted: false,
    database: None,
    audited: false,
};

/// A key that is made in the order of creation.
#[resource(plural = "visits")]
pub(crate) struct Visit {
    #[id(generated)]
    pub visit_id: Uuid,
    pub place: String,
}

/// A text that belongs to a team, which may open it to others and may not delete it.
#[resource(plural = "articles", policy)]
pub(crate) struct Article {
    #[id]
    pub article_id: i32,
    pub team: Option<String>,
    pub title: String,
}

impl Policy for Article {
    fn rows(actor: &Actor, act: Act) -> Rows<Self> {
        if act.is::<Delete>() { Rows::None } else { Rows::Where(Self::TEAM.eq(actor.id())) }
    }
}

/// A sample with ordinary values and nothing where nothing may be.
pub(crate) fn sample(sample_id: i32) -> NewSample {
    NewSample {
        sample_id,
        flag: false,
        small: 0,
        big: 0,
        ratio: 0.0,
        text: String::new(),
        code: Uuid::nil(),
        moment: Timestamp::UNIX_EPOCH,
        price: Decimal::default(),
        maker: ObjectId::from_bytes([0; 12]),
        labels: vec![],
        day: Date::default(),
        grade: Grade::Good,
        maybe_flag: None,
        maybe_small: None,
        maybe_big: None,
        maybe_ratio: None,
        maybe_text: None,
        maybe_code: None,
        maybe_moment: None,
        maybe_price: None,
        maybe_maker: None,
        maybe_labels: None,
        maybe_content: None,
        maybe_day: None,
        maybe_grade: None,
    }
}

pub(crate) fn content(what: &str, pieces: u64) -> Content {
    Content { what: what.into(), pieces, weight: None, fragile: false, more: vec![] }
}

pub(crate) fn parcel(labels: &[&str]) -> NewParcel {
    NewParcel {
        labels: labels.iter().map(ToString::to_string).collect(),
        maybe_labels: None,
        content: content("nothing", 0).into(),
        maybe_content: None,
        anything: None,
        sent_from: None,
    }
}

pub(crate) fn note(body: &str) -> NewNote {
    NewNote { body: body.into(), mark: None, topic: None, secret: String::new() }
}

pub(crate) fn marked(mark: &str) -> NewNote {
    NewNote { mark: Some(mark.into()), ..note("marked") }
}

pub(crate) fn word(word: &str, number: i32) -> NewWord {
    NewWord { word: word.into(), number }
}

pub(crate) fn article(article_id: i32, team: &str) -> NewArticle {
    NewArticle { article_id, team: Some(team.into()), title: "Draft".into() }
}

/// The store of a resource, its table prepared.
pub(crate) async fn store<T: Resource>(database: &Arc<dyn Database>) -> Store<T> {
    store_at(database, Arc::new(SystemClock::default())).await
}

/// The same, with a clock of the claim's own.
pub(crate) async fn store_at<T: Resource>(database: &Arc<dyn Database>, clock: Arc<dyn Clock>) -> Store<T> {
    database.prepare(&[T::TABLE], true).await.unwrap();
    Store::new(Arc::clone(database), clock)
}

/// The permission for all rows.
pub(crate) fn all<A: Action, T: Resource>() -> May<A, T> {
    System::because("the suite looks at every row").may()
}

/// Someone with every permission that their policy gives.
pub(crate) fn person(id: &str) -> Actor {
    Identity::new(id).granted(["read:*", "create:*", "update:*", "delete:*"]).into()
}

/// Someone with every permission for all rows.
pub(crate) fn clerk(id: &str) -> Actor {
    Identity::new(id).granted(["read:*:any", "create:*:any", "update:*:any", "delete:*:any"]).into()
}

/// What a person may, of the resource at hand.
pub(crate) fn may<A: Action, T: Resource>(actor: &Actor) -> May<A, T> {
    actor.may().unwrap()
}

/// Every row there is, in the order of the keys.
pub(crate) async fn everything<T: Resource>(store: &Store<T>) -> Vec<T> {
    let mut rows = store.find(&all(), Filter::every()).all().await.unwrap();
    rows.sort_by_key(T::id);
    rows
}
