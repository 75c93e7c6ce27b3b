//! Rules whose meaning depends on the type of a field: its length, its range, its items.
//!
//! The macros write calls of these where `#[garde(…)]` stands; what a type has no meaning for does not compile.
use crate::Change;
use garde::rules::{length, range};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt::Display,
};

/// What `length(…)` measures: a text in characters, as JSON Schema's `maxLength` does, a collection in items.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no length",
    label = "`length(…)` measures texts and collections"
)]
pub trait Length {
    /// Whether its length is within these bounds.
    ///
    /// # Errors
    /// It is shorter or longer.
    fn length(&self, bounds: (usize, usize)) -> Result<(), garde::Error>;
}

macro_rules! lengths {
    ($($how:ident: $([$($of:tt)*] $ty:ty),+;)+) => {$($(
        impl<$($of)*> Length for $ty {
            fn length(&self, bounds: (usize, usize)) -> Result<(), garde::Error> {
                length::$how::apply(self, bounds)
            }
        }
    )+)+};
}
lengths! {
    chars: [] String, [] Box<str>, [] Cow<'_, str>;
    simple: [T] Vec<T>, [T] BTreeSet<T>, [T, S] HashSet<T, S>, [K, V] BTreeMap<K, V>, [K, V, S] HashMap<K, V, S>;
}

/// What `range(…)` compares, with bounds of type `B`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no range",
    label = "`range(…)` compares numbers, with bounds of their own type; those of a `Decimal` are written `0` or `0.5`"
)]
pub trait Range<B> {
    /// Whether it is within these bounds.
    ///
    /// # Errors
    /// It is less or greater.
    fn range(&self, bounds: (Option<B>, Option<B>)) -> Result<(), garde::Error>;
}

macro_rules! ranges {
    ($($ty:ty),*) => {$(
        impl Range<$ty> for $ty {
            fn range(&self, bounds: (Option<$ty>, Option<$ty>)) -> Result<(), garde::Error> {
                range::apply(self, bounds)
            }
        }
    )*};
}
ranges!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

/// What has items, for `inner(…)`.
#[diagnostic::on_unimplemented(message = "`{Self}` has no items", label = "`inner(…)` is about those of a collection")]
pub trait Items {
    /// One of them.
    type Item;

    /// Shows each with its key: a number from 0, or the name in a map.
    fn each(&self, look: impl FnMut(&Self::Item, &str));
}

impl<T> Items for Vec<T> {
    type Item = T;

    fn each(&self, look: impl FnMut(&T, &str)) {
        numbered(self, look);
    }
}

impl<T> Items for BTreeSet<T> {
    type Item = T;

    fn each(&self, look: impl FnMut(&T, &str)) {
        numbered(self, look);
    }
}

impl<T, S> Items for HashSet<T, S> {
    type Item = T;

    fn each(&self, look: impl FnMut(&T, &str)) {
        numbered(self, look);
    }
}

impl<K: Display, V> Items for BTreeMap<K, V> {
    type Item = V;

    fn each(&self, mut look: impl FnMut(&V, &str)) {
        for (key, value) in self {
            look(value, &key.to_string());
        }
    }
}

impl<K: Display, V, S> Items for HashMap<K, V, S> {
    type Item = V;

    fn each(&self, mut look: impl FnMut(&V, &str)) {
        for (key, value) in self {
            look(value, &key.to_string());
        }
    }
}

/// What is empty, or stays as it is, keeps every rule.
macro_rules! perhaps {
    ($of:ident, $there:path) => {
        impl<T: Length> Length for $of<T> {
            fn length(&self, bounds: (usize, usize)) -> Result<(), garde::Error> {
                if let $there(value) = self { value.length(bounds) } else { Ok(()) }
            }
        }

        impl<B, T: Range<B>> Range<B> for $of<T> {
            fn range(&self, bounds: (Option<B>, Option<B>)) -> Result<(), garde::Error> {
                if let $there(value) = self { value.range(bounds) } else { Ok(()) }
            }
        }

        impl<T: Items> Items for $of<T> {
            type Item = T::Item;

            fn each(&self, look: impl FnMut(&T::Item, &str)) {
                if let $there(items) = self {
                    items.each(look);
                }
            }
        }
    };
}
perhaps!(Option, Some);
perhaps!(Change, Change::Set);

fn numbered<'a, T: 'a>(items: impl IntoIterator<Item = &'a T>, mut look: impl FnMut(&T, &str)) {
    for (index, item) in items.into_iter().enumerate() {
        look(item, &index.to_string());
    }
}
