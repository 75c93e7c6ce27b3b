//! Random filters, orders and pages over random rows: the database answers what Rust computes.

use super::resources::{GRADES, Grade, NewSample, Sample, all, sample, store};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value as Json, json};
use std::{borrow::Cow, cmp::Ordering, env, sync::Arc};
use tokio::{runtime::Handle, task::block_in_place};
use tollgate::{Date, Decimal, Filter, Find, Nested, ObjectId, Resource, Store, Timestamp, Uuid};
use tollgate_store::{Cell, Database, Expr, Kind, Op, Order, Position, Row, Value};

const ROWS: usize = 150;
const CASES: u32 = 200;

/// The variable that asks the questions of a failure once more.
const SEED: &str = "TOLLGATE_SEED";

/// Text with everything that databases treat differently: case, accents, wildcards, quotes, escapes, planes.
fn text() -> impl Strategy<Value = String> {
    const LETTERS: &[&str] = &["a", "A", "b", "Z", "é", "ß", "%", "_", "\\", "'", " ", "😀", "\u{ffff}"];
    vec(prop::sample::select(LETTERS), 0..4).prop_map(|letters| letters.concat())
}

fn ratio() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(-0.0), Just(0.1), Just(1e300), Just(-5e-324), -2.0..2.0]
}

fn small() -> impl Strategy<Value = i32> {
    prop_oneof![-2..3, Just(i32::MAX), Just(i32::MIN)]
}

fn big() -> impl Strategy<Value = i64> {
    prop_oneof![-2_i64..3, Just(i64::MAX), Just(i64::MIN), Just((1 << 53) + 1)]
}

fn code() -> impl Strategy<Value = Uuid> {
    (0_u128..4).prop_map(|it| Uuid::from_u128(it << 120))
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (-2_i64..3).prop_map(|it| Timestamp::from_microsecond(it).unwrap())
}

fn price() -> impl Strategy<Value = Decimal<15, 2>> {
    (-2_i64..3).prop_map(|units| Decimal::from_units(units * 5).unwrap())
}

fn maker() -> impl Strategy<Value = ObjectId> {
    (0_u8..4).prop_map(|it| ObjectId::from_bytes([it << 6; 12]))
}

/// Days on both sides of where databases count from, and the first and the last that are kept.
fn day() -> impl Strategy<Value = Date> {
    const DAYS: [&str; 7] =
        ["0000-01-01", "1582-10-10", "1969-12-31", "1999-12-31", "2000-01-01", "2000-02-29", "9999-12-31"];
    prop::sample::select(&DAYS[..]).prop_map(|day| day.parse().unwrap())
}

fn grade() -> impl Strategy<Value = Grade> {
    prop::sample::select(&GRADES[..])
}

/// A text of a list, few enough that lists share them.
fn label() -> impl Strategy<Value = String> {
    const LABELS: &[&str] = &["", "a", "A", "é", "a,b", "NULL", "\"", "\\", "{}", "$a.b", "😀"];
    prop::sample::select(LABELS).prop_map(str::to_owned)
}

fn labels() -> impl Strategy<Value = Vec<String>> {
    vec(label(), 0..4)
}

/// What is within a value is asked for by nothing but whether it is there.
fn content() -> impl Strategy<Value = Nested<Json>> {
    let within = [json!({}), json!([]), json!(""), json!("null"), json!(0), json!(false), json!({ "$gt": [null] })];
    prop::sample::select(within.to_vec()).prop_map(Nested)
}

fn row() -> impl Strategy<Value = NewSample> {
    let there = (any::<bool>(), small(), big(), ratio(), text(), code(), moment(), price(), maker(), labels());
    let kinds = (day(), grade(), option::of(day()), option::of(grade()));
    let perhaps = (
        option::of(any::<bool>()),
        option::of(small()),
        option::of(big()),
        option::of(ratio()),
        option::of(text()),
        option::of(code()),
        option::of(moment()),
        option::of((-99_i64..100).prop_map(|units| Decimal::from_units(units).unwrap())),
    );
    let within = (option::of(maker()), option::of(labels()), option::of(content()));
    (there, perhaps, within, kinds).prop_map(|(there, perhaps, (maybe_maker, maybe_labels, maybe_content), kinds)| {
        let (day, grade, maybe_day, maybe_grade) = kinds;
        let (flag, small, big, ratio, text, code, moment, price, maker, labels) = there;
        let (maybe_flag, maybe_small, maybe_big, maybe_ratio, maybe_text, maybe_code, maybe_moment, maybe_price) =
            perhaps;
        let there = NewSample { flag, small, big, ratio, text, code, moment, price, maker, labels, ..sample(0) };
        let there = NewSample { day, grade, maybe_day, maybe_grade, ..there };
        NewSample {
            maybe_flag,
            maybe_small,
            maybe_big,
            maybe_ratio,
            maybe_text,
            maybe_code,
            maybe_moment,
            maybe_price,
            maybe_maker,
            maybe_labels,
            maybe_content,
            ..there
        }
    })
}

fn value(kind: Kind) -> BoxedStrategy<Value<'static>> {
    match kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int32 => prop_oneof![small(), 0..ROWS as i32].prop_map(|it| Value::Int(it.into())).boxed(),
        Kind::Int64 => big().prop_map(Value::Int).boxed(),
        Kind::Float => ratio().prop_map(Value::Float).boxed(),
        Kind::Text => text().prop_map(|it| Value::Text(Cow::Owned(it))).boxed(),
        Kind::Uuid => code().prop_map(Value::Uuid).boxed(),
        Kind::Time => moment().prop_map(Value::Time).boxed(),
        Kind::Decimal { .. } => (-15_i64..15).prop_map(Value::Int).boxed(),
        Kind::ObjectId => maker().prop_map(|it| Value::Text(it.to_string().into())).boxed(),
        Kind::Date => {
            prop_oneof![9 => day(), 1 => Just(Date::MIN)].prop_map(|it| Value::Text(it.to_string().into())).boxed()
        }
        Kind::Choice(_) => grade().prop_map(|it| it.show().into_owned()).boxed(),
        Kind::Texts | Kind::Json => unreachable!("they have no order"),
    }
}

/// Every question that the kind of a column allows.
fn leaf() -> impl Strategy<Value = Expr> {
    (0..Sample::TABLE.columns.len()).prop_flat_map(|column| {
        let kind = Sample::TABLE.columns[column].kind;
        let is_null = Just(Expr::IsNull(column));
        match kind {
            Kind::Json => is_null.boxed(),
            Kind::Texts => {
                let has = prop_oneof![4 => label(), 1 => text()].prop_map(move |label| Expr::Has(column, label));
                prop_oneof![4 => has, 1 => is_null].boxed()
            }
            Kind::Text => {
                let contains = text().prop_map(move |part| Expr::Contains(column, part));
                let starts = text().prop_map(move |start| Expr::StartsWith(column, start));
                prop_oneof![4 => compared(column, kind), 1 => is_null, 2 => contains, 2 => starts].boxed()
            }
            _ => prop_oneof![6 => compared(column, kind), 1 => is_null].boxed(),
        }
    })
}

/// What can be asked of values that have an order.
fn compared(column: usize, kind: Kind) -> impl Strategy<Value = Expr> {
    let op = prop::sample::select(&[Op::Eq, Op::Lt, Op::Lte, Op::Gt, Op::Gte][..]);
    let compare = (op, value(kind)).prop_map(move |(op, value)| Expr::Compare(column, op, value));
    let one_of = vec(value(kind), 0..4).prop_map(move |values| Expr::In(column, values));
    prop_oneof![2 => compare, 1 => one_of]
}

fn filter() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Expr::All),
            vec(inner.clone(), 0..3).prop_map(Expr::Any),
            inner.prop_map(|it| Expr::Not(Box::new(it))),
        ]
    })
}

fn order() -> impl Strategy<Value = Vec<Order>> {
    let ordered: Vec<usize> =
        (0..Sample::TABLE.columns.len()).filter(|column| Sample::TABLE.columns[*column].kind.is_ordered()).collect();
    let by = (prop::sample::select(ordered), any::<bool>());
    vec(by.prop_map(|(column, descending)| Order { column, descending }), 0..4)
}

/// What Rust says: the rows that match, sorted, down to the key.
fn expected(rows: &[Sample], filter: &Expr, order: &[Order]) -> Vec<i32> {
    let key = Order { column: Sample::TABLE.id, descending: false };
    let compare = |a: &&Sample, b: &&Sample| {
        let by = |by: &Order| {
            let least = a.value(by.column).unwrap().order(&b.value(by.column).unwrap());
            if by.descending { least.reverse() } else { least }
        };
        order.iter().chain([&key]).map(by).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
    };
    let filter = Filter::<Sample>::from(filter.clone());
    let mut found: Vec<_> = rows.iter().filter(|row| filter.matches(*row).unwrap()).collect();
    found.sort_by(compare);
    found.into_iter().map(|row| row.sample_id).collect()
}

fn find(samples: &Store<Sample>, filter: &Expr, order: &[Order]) -> Find<Sample> {
    let find = samples.find(&all(), filter.clone().into());
    order.iter().fold(find, |find, by| find.sort(*by))
}

/// What the database says, in one piece and in pages.
async fn answered(samples: &Store<Sample>, filter: &Expr, order: &[Order], size: u32) -> (Vec<i32>, Vec<i32>, u64) {
    let keys = |rows: Vec<Sample>| rows.into_iter().map(|row| row.sample_id);
    let whole = find(samples, filter, order).sort(Sample::SAMPLE_ID.asc()).all().await.unwrap();
    let (mut paged, mut after) = (vec![], None::<Position>);
    loop {
        let slice = find(samples, filter, order).page(size, after.as_ref()).await.unwrap();
        paged.extend(keys(slice.items));
        after = slice.next.map(|next| Position::from_bytes(&next.to_bytes()).unwrap());
        if after.is_none() {
            break;
        }
    }
    (keys(whole).collect(), paged, samples.count(&all(), filter.clone().into()).await.unwrap())
}

pub async fn the_database_answers_random_questions_as_rust_does(database: Arc<dyn Database>) {
    agree(database, 1).await;
}

pub async fn the_database_answers_questions_that_nobody_asked_before_as_rust_does(database: Arc<dyn Database>) {
    agree(database, seed()).await;
}

/// That of a failure, or one that nobody knows.
pub(crate) fn seed() -> u64 {
    let said = env::var(SEED).ok().map(|seed| seed.parse().expect("TOLLGATE_SEED is a number"));
    said.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0)
}

/// So many cases that follow from a seed.
pub(crate) fn chance(seed: u64, cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed.to_le_bytes(); 4].concat()))
}

/// Asks the questions that follow from a seed, of rows that do.
async fn agree(database: Arc<dyn Database>, seed: u64) {
    let samples = store::<Sample>(&database).await;
    let mut runner = chance(seed, CASES);
    let rows = vec(row(), ROWS).new_tree(&mut runner).unwrap().current();
    let rows = (0..).zip(rows).map(|(sample_id, row)| NewSample { sample_id, ..row }).collect();
    let rows = samples.insert_many(&all(), rows).await.unwrap();
    let runtime = Handle::current();
    let outcome = block_in_place(|| {
        runner.run(&(filter(), order(), 5_u32..60), |(filter, order, size)| {
            let expected = expected(&rows, &filter, &order);
            let (whole, paged, count) = runtime.block_on(answered(&samples, &filter, &order, size));
            prop_assert_eq!(&whole, &expected);
            prop_assert_eq!(paged, whole, "in pages of {}", size);
            prop_assert_eq!(count, expected.len() as u64);
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{SEED}={seed}: {failure}");
    }
}
