//! Keys as MongoDB makes them, for every database.

use crate::{Cell, GeneratedId, Key, Kind, Value};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{
    borrow::Cow,
    fmt,
    str::FromStr,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};
use tollgate_core::{At, Faults, Input, Output};
use uuid::Uuid;

/// Twelve bytes that no other row has, in the order of creation: seconds, what tells processes apart, a counter.
///
/// In JSON and URLs it is 24 hexadecimal digits. MongoDB keeps it as its own `ObjectId`, the others as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 12]);

/// Not 24 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not 24 hexadecimal digits")]
pub struct NotObjectId;

impl ObjectId {
    /// The key of these bytes.
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 12] {
        self.0
    }
}

impl GeneratedId for ObjectId {
    const COUNTED: bool = false;

    fn generate() -> Self {
        static PROCESS: LazyLock<[u8; 16]> = LazyLock::new(|| Uuid::new_v4().into_bytes());
        static COUNTER: LazyLock<AtomicU32> =
            LazyLock::new(|| AtomicU32::new(u32::from_be_bytes([0, PROCESS[13], PROCESS[14], PROCESS[15]])));
        // The seconds wrap around in the year 2106, as MongoDB's do.
        let (seconds, count) = (Timestamp::now().as_second().to_be_bytes(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&seconds[4..]);
        bytes[4..9].copy_from_slice(&PROCESS[..5]);
        bytes[9..].copy_from_slice(&count.to_be_bytes()[1..]);
        Self(bytes)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = NotObjectId;

    fn from_str(text: &str) -> Result<Self, NotObjectId> {
        if text.len() != 24 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotObjectId);
        }
        let mut bytes = [0; 12];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| NotObjectId)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for ObjectId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ObjectId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F]{24}$" })
    }
}

impl Input for ObjectId {
    fn check(&self, _: &At<'_>, _: &mut Faults) {}
}

impl Output for ObjectId {}

impl Key for ObjectId {}

impl Cell for ObjectId {
    type Plain = Self;
    const KIND: Kind = Kind::ObjectId;

    fn show(&self) -> Value<'_> {
        Value::Text(self.to_string().into())
    }

    fn read(value: Value<'_>) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        let key = ObjectId::generate();
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!("507F1F77BCF86CD799439011".parse::<ObjectId>().unwrap().to_string(), "507f1f77bcf86cd799439011");
        for text in
            ["", "507f1f77bcf86cd79943901", "507f1f77bcf86cd79943901g", "507f1f77bcf86cd7994390111", "ééééééééérs"]
        {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_is_another() {
        let keys: std::collections::BTreeSet<_> = (0..10_000).map(|_| ObjectId::generate()).collect();
        assert_eq!(keys.len(), 10_000);
    }
}
