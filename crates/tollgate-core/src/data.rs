//! Data that requests bring and answers carry.
//!
//! `#[input]` and `#[output]` implement these traits; `#[resource]` does both for the types it makes.
//! Rules are garde's, called by the macros; what breaks one becomes a [`Fault`] with its JSON Pointer.
use crate::{Fault, Items, Misfits};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};
use serde_json::Value;
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt::Display,
    hash::{BuildHasher, Hash},
};

/// What a request can bring.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a request",
    label = "not an input",
    note = "put `#[input]` on it; for a resource `Movie`, read `NewMovie` or `MoviePatch`; a field of a type that is not \
            yours, and has no rules, takes `#[garde(skip)]`"
)]
pub trait Input: DeserializeOwned + JsonSchema + Send {
    /// Finds what keeps `body` from being one: each part that does not fit where the parts are known, otherwise the
    /// first that serde meets.
    fn misfits(body: &Value, at: &At<'_>, found: &mut Misfits) {
        found.first::<Self>(body, at);
    }

    /// Adds what is wrong with it, beyond what its type says.
    fn check(&self, at: &At<'_>, faults: &mut Faults);
}

/// What an answer can carry.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent in an answer",
    label = "not an output",
    note = "put `#[output]` on it (a resource is one already)"
)]
pub trait Output: Serialize + JsonSchema + Send {}

macro_rules! plain {
    ($($ty:ty),*) => {$(
        impl Input for $ty { fn check(&self, _: &At<'_>, _: &mut Faults) {} }
        impl Output for $ty {}
    )*};
}
plain!(bool, char, i8, i16, i32, i64, u8, u16, u32, u64, String, jiff::Timestamp, uuid::Uuid, serde_json::Value);
plain!(jiff::civil::Date, jiff::civil::Time, jiff::civil::DateTime);

/// JSON has neither NaN nor infinity, yet a query string may say `nan`, which no range excludes.
macro_rules! floats {
    ($($ty:ty),*) => {$(
        impl Input for $ty {
            fn check(&self, at: &At<'_>, faults: &mut Faults) {
                let error = || garde::Error::new("it is not a finite number");
                faults.add(at, if self.is_finite() { Ok(()) } else { Err(error()) });
            }
        }
        impl Output for $ty {}
    )*};
}
floats!(f32, f64);

/// A text that is kept from logs; there is nothing to check about it but what the field says.
impl Input for crate::Secret {
    fn check(&self, _: &At<'_>, _: &mut Faults) {}
}

impl<T: Output> Output for Vec<T> {}
impl<T: Output> Output for Option<T> {}
impl<T: Output> Output for Box<T> {}

/// What is made of others is checked item by item.
macro_rules! collections {
    ($([$($of:tt)*] $ty:ty, $item:ident, $parts:ident;)+) => {$(
        impl<$($of)*> Input for $ty {
            fn misfits(body: &Value, at: &At<'_>, found: &mut Misfits) {
                found.$parts::<Self, $item>(body, at);
            }

            fn check(&self, at: &At<'_>, faults: &mut Faults) {
                self.each(|item, key| item.check(&at.inside(key), faults));
            }
        }
    )+};
}
collections! {
    [T: Input] Vec<T>, T, items;
    [T: Input + Ord] BTreeSet<T>, T, items;
    [T: Input + Eq + Hash, S: BuildHasher + Default + Send] HashSet<T, S>, T, items;
    [K: Name + Ord, V: Input] BTreeMap<K, V>, V, members;
    [K: Name + Eq + Hash, V: Input, S: BuildHasher + Default + Send] HashMap<K, V, S>, V, members;
}

/// What a member of a map is called by.
pub trait Name: DeserializeOwned + JsonSchema + Display + Send {}
impl<T: DeserializeOwned + JsonSchema + Display + Send> Name for T {}

impl<T: Input> Input for Box<T> {
    fn misfits(body: &Value, at: &At<'_>, found: &mut Misfits) {
        T::misfits(body, at, found);
    }

    fn check(&self, at: &At<'_>, faults: &mut Faults) {
        (**self).check(at, faults);
    }
}

impl<T: Input> Input for Option<T> {
    fn misfits(body: &Value, at: &At<'_>, found: &mut Misfits) {
        found.find::<T>(body, at);
    }

    fn check(&self, at: &At<'_>, faults: &mut Faults) {
        if let Some(item) = self {
            item.check(at, faults);
        }
    }
}

/// The parameters of a path, in order.
macro_rules! tuples {
    ($($part:ident $index:tt),*) => {
        impl<$($part: Input),*> Input for ($($part,)*) {
            fn check(&self, at: &At<'_>, faults: &mut Faults) {
                $(self.$index.check(at, faults);)*
            }
        }
    };
}
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);

/// A place in an input; costs nothing until it is shown.
#[derive(Clone, Copy, Debug)]
pub struct At<'a>(Option<(&'a At<'a>, &'a str)>);

impl At<'_> {
    /// The whole input.
    pub const ROOT: At<'static> = At(None);

    /// The place of a field or an item in it.
    #[must_use]
    pub fn inside<'a>(&'a self, key: &'a str) -> At<'a> {
        At(Some((self, key)))
    }
}

/// As a JSON Pointer (RFC 6901).
impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => Ok(()),
            Some((outside, "")) => outside.fmt(f),
            Some((outside, key)) => write!(f, "{outside}/{}", key.replace('~', "~0").replace('/', "~1")),
        }
    }
}

/// What is wrong with an input.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// All that is wrong with an input.
    pub fn of<T: Input>(input: &T) -> Vec<Fault> {
        let mut faults = Self::default();
        input.check(&At::ROOT, &mut faults);
        faults.0
    }

    /// Notes the outcome of one rule.
    pub fn add(&mut self, at: &At<'_>, outcome: Result<(), garde::Error>) {
        if let Err(error) = outcome {
            self.0.push(Fault::at(format!("#{at}"), error.message()));
        }
    }
}

/// Reads a struct from an object only; serde would read one from an array too.
#[derive(Debug)]
pub struct ObjectOnly<D>(pub D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

thread_local! {
    static FROM_A_ROW: Cell<bool> = const { Cell::new(false) };
}

/// Reads something that was stored, perhaps by another version of the app: members that inputs no longer or not yet
/// know are passed over. Only callers are held to the letter.
pub fn from_a_row<T>(read: impl FnOnce() -> T) -> T {
    /// Puts back what was, also when reading panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            FROM_A_ROW.set(self.0);
        }
    }
    let _before = Before(FROM_A_ROW.replace(true));
    read()
}

/// Whether what is read now was stored.
pub fn is_from_a_row() -> bool {
    FROM_A_ROW.get()
}

/// A field of a patch: absent, or set (perhaps to null).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes this.
    Set(T),
}

impl<T> Change<T> {
    /// The same, made into something else.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Set(value) => Change::Set(make(value)),
        }
    }

    /// Carries it out.
    pub fn apply(self, field: &mut T) {
        if let Self::Set(value) = self {
            *field = value;
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Set)
    }
}

impl<T: Input> Input for Change<T> {
    fn misfits(body: &Value, at: &At<'_>, found: &mut Misfits) {
        found.find::<T>(body, at);
    }

    fn check(&self, at: &At<'_>, faults: &mut Faults) {
        if let Self::Set(value) = self {
            value.check(at, faults);
        }
    }
}

impl<T: JsonSchema> JsonSchema for Change<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        format!("Change<{}>", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}
