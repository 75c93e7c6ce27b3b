//! Values within values: a field that is an object of its own, and a field that is a list of texts.
//!
//! Both travel between store and driver as JSON text. A database keeps them as what it has for that: `jsonb` and
//! `text[]`, a document and an array, or text.

use crate::{Cell, Kind, Value, migrate::ShapeOf};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    ops::{Deref, DerefMut},
};
use tollgate_core::{At, Faults, Input, Misfits, Output, from_a_row};

/// A value of the app's own kept in one column, as JSON: `address: Nested<Address>`.
///
/// The type within is an `#[input]` and an `#[output]`, so a caller who sends an unknown or unfit field of it gets a
/// 422 that points into it. Rows are found by whether it is there, and by nothing in it: what is to be searched
/// deserves a column.
///
/// Rows outlive the type. What the type no longer has is passed over where a row is read, and what a newer instance
/// wrote as well; a field that it did not have before must be an `Option` or `#[serde(default)]`, because rows that lack
/// it could not be read. So could those with a variant of an enum that is gone, or a value that no longer fits. `migrate
/// diff` says which of this has changed, and asks who looks after the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nested<T>(pub T);

impl<T> Deref for Nested<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Nested<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Nested<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: JsonSchema> JsonSchema for Nested<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: Input> Input for Nested<T> {
    fn misfits(body: &serde_json::Value, at: &At<'_>, found: &mut Misfits) {
        found.find::<T>(body, at);
    }

    fn check(&self, at: &At<'_>, faults: &mut Faults) {
        self.0.check(at, faults);
    }
}

impl<T: Output> Output for Nested<T> {}

impl<T: Input + Output + Sync + 'static> Cell for Nested<T> {
    type Plain = Self;
    const KIND: Kind = Kind::Json;
    const SHAPE: Option<ShapeOf> = Some(ShapeOf::of::<T>());

    fn show(&self) -> Value<'_> {
        // What cannot be JSON is refused like text with NUL, which it then is.
        Value::Text(serde_json::to_string(&self.0).map_or(Cow::Borrowed("\0"), Cow::Owned))
    }

    fn read(value: Value<'_>) -> Option<Self> {
        if let Value::Text(json) = value { from_a_row(|| serde_json::from_str(&json).ok()) } else { None }
    }
}

impl Cell for Vec<String> {
    type Plain = Self;
    const KIND: Kind = Kind::Texts;

    fn show(&self) -> Value<'_> {
        Value::Text(json(self).into())
    }

    fn read(value: Value<'_>) -> Option<Self> {
        if let Value::Text(json) = value { serde_json::from_str(&json).ok() } else { None }
    }
}

/// A list of texts as it travels.
pub fn json(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

/// The texts of a list that travels.
///
/// # Errors
/// It is no list of texts.
pub fn texts(json: &str) -> crate::Result<Vec<Cow<'_, str>>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let texts: Vec<Text<'_>> =
        serde_json::from_str(json).map_err(|error| crate::Error::internal(format!("a list of texts: {error}")))?;
    Ok(texts.into_iter().map(|text| text.0).collect())
}

/// Whether JSON text has a NUL in one of its texts, which not every database keeps.
pub(crate) fn has_nul(json: &str) -> bool {
    json.contains('\0')
        || json.match_indices("\\u0000").any(|(at, _)| {
            let before = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
            before.is_multiple_of(2)
        })
}

/// How many levels a nested value has at most. MongoDB promises to keep a hundred, of which the row is one, and JSON of 128
/// is read by nobody.
const LEVELS: usize = 99;

/// Whether JSON text has more levels than can be kept and read.
pub(crate) fn is_too_deep(json: &str) -> bool {
    let (mut levels, mut in_text, mut is_escaped) = (0_usize, false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => levels += 1,
            b']' | b'}' if !in_text => levels = levels.saturating_sub(1),
            _ => (),
        }
        levels > LEVELS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_where_they_are_no_text() {
        let deep = |levels: usize| "[".repeat(levels) + "1" + &"]".repeat(levels);
        assert!(!is_too_deep(&deep(99)) && is_too_deep(&deep(100)));
        let (beside, text) = (format!("[{}1]", "[],".repeat(200)), format!("[\"\\\"{}\"]", "[".repeat(200)));
        for flat in [beside, text] {
            assert!(serde_json::from_str::<serde_json::Value>(&flat).is_ok() && !is_too_deep(&flat), "{flat}");
        }
        let unreadable = Nested::<serde_json::Value>::read(Value::Text(deep(128).into()));
        assert_eq!(unreadable, None, "why it is refused before it is stored");
    }

    #[test]
    fn a_nul_is_found_and_what_looks_like_one_is_not() {
        for (text, is_nul) in
            [("a\0b", true), ("\\u0000", false), ("\\\0", true), ("\\\\u0000", false), ("u0000", false)]
        {
            let json = serde_json::to_string(&[text]).unwrap();
            assert_eq!(has_nul(&json), is_nul, "{json}");
        }
    }

    #[test]
    fn a_list_comes_back() {
        let list = vec![String::new(), "a,b".into(), "\"\\{}".into(), "NULL".into(), "é😀\n".into()];
        assert_eq!(texts(&json(&list)).unwrap(), list);
        assert_eq!(Vec::<String>::read(list.show()), Some(list));
    }
}
