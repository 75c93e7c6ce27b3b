//! JSON that means one thing: objects whose keys are all different, at every depth, and not too deep.
//!
//! `serde_json::Value` keeps the last of two equal keys, another reader keeps the first; a token with two `sub`
//! is then two people, and a filter that looked at the first `role` lets the second through. Here it is nobody.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{borrow::Cow, cell::Cell, collections::HashSet, fmt};

/// What a scan noticed in good JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Some number is written as a float and is whole, as `1.0`: an integer to JSON Schema, not to serde.
    pub whole_floats: bool,
}

/// Reads to the end without keeping anything.
///
/// # Errors
/// Not JSON, not UTF-8, a key twice in one object, nested deeper than `levels`, or text after the end.
pub fn scan(bytes: &[u8], levels: usize) -> serde_json::Result<Noticed> {
    let whole_floats = Cell::new(false);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    Scan { levels, most: levels, whole_floats: &whole_floats }.deserialize(&mut json)?;
    json.end()?;
    Ok(Noticed { whole_floats: whole_floats.get() })
}

/// The bytes as one object without duplicate keys.
///
/// # Errors
/// As [`scan`], and what is not an object.
pub fn object(bytes: &[u8], levels: usize) -> serde_json::Result<Map<String, Value>> {
    scan(bytes, levels)?;
    serde_json::from_slice(bytes)
}

/// A whole number that a float holds exactly.
pub fn is_whole(float: f64) -> bool {
    float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0
}

#[derive(Clone, Copy)]
struct Scan<'a> {
    levels: usize,
    most: usize,
    whole_floats: &'a Cell<bool>,
}

impl Scan<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1);
        let levels = levels.ok_or_else(|| E::custom(format!("it is nested more than {} deep", self.most)))?;
        Ok(Self { levels, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Scan<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, float: f64) -> Result<(), E> {
        self.whole_floats.set(self.whole_floats.get() || is_whole(float));
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (inner, mut seen) = (self.deeper()?, HashSet::new());
        while let Some(Key(key)) = entries.next_key::<Key<'de>>()? {
            entries.next_value_seed(inner)?;
            if let Some(twice) = seen.replace(key) {
                return Err(A::Error::custom(format!("the key `{}` comes twice", twice.escape_debug())));
            }
        }
        Ok(())
    }
}

/// A key, borrowed unless it has an escape in it.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_come_once_at_every_depth() {
        assert!(scan(br#"{"a": {"b": 1}, "b": [{"a": 1}, {"a": 2}]}"#, 64).is_ok());
        for twice in [r#"{"a":1,"a":1}"#, r#"[{"x":{"a":1,"b":2,"a":3}}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(scan(twice.as_bytes(), 64).unwrap_err().to_string().contains("comes twice"), "{twice}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(scan(nested(64).as_bytes(), 64).is_ok());
        assert!(scan(nested(65).as_bytes(), 64).unwrap_err().to_string().contains("more than 64 deep"));
        assert!(scan(nested(100_000).as_bytes(), 64).is_err());
    }

    #[test]
    fn whole_floats_are_noticed() {
        let noticed = |text: &str| scan(text.as_bytes(), 8).unwrap().whole_floats;
        assert!(noticed("[1.0]") && noticed("1e3"));
        assert!(!noticed("[1, 1.5, \"1.0\"]"));
    }
}
