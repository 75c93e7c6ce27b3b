//! Kinds by name, as migrations, databases and errors say them: `text`, `decimal(5,2)`.

use crate::Kind;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};

/// Those whose name says all.
const PLAIN: [Kind; 11] = [
    Kind::Bool,
    Kind::Int32,
    Kind::Int64,
    Kind::Float,
    Kind::Text,
    Kind::Uuid,
    Kind::Time,
    Kind::Date,
    Kind::ObjectId,
    Kind::Texts,
    Kind::Json,
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::Choice(names) => return write!(f, "choice({})", names.join(",")),
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float => "float",
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Time => "time",
            Self::Date => "date",
            Self::ObjectId => "object id",
            Self::Texts => "texts",
            Self::Json => "json",
        })
    }
}

impl Kind {
    /// Whether every value of the other is one of this kind too, so that a script converts it and nothing is lost.
    pub(crate) fn holds(self, other: Self) -> bool {
        /// Digits before and behind the point.
        fn digits(kind: Kind) -> Option<(u8, u8)> {
            match kind {
                Kind::Int32 => Some((10, 0)),
                Kind::Decimal { precision, scale } => Some((precision - scale, scale)),
                _ => None,
            }
        }
        match (other, self) {
            (Self::Int32, Self::Int64 | Self::Float) | (Self::ObjectId | Self::Choice(_) | Self::Date, Self::Text) => {
                true
            }
            (Self::Choice(before), Self::Choice(now)) => before.iter().all(|name| now.contains(name)),
            (_, Self::Decimal { .. }) => {
                digits(other).zip(digits(self)).is_some_and(|(from, to)| from.0 <= to.0 && from.1 <= to.1)
            }
            _ => other == self,
        }
    }
}

/// A text that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of column")]
pub struct NotKind(String);

impl FromStr for Kind {
    type Err = NotKind;

    fn from_str(text: &str) -> Result<Self, NotKind> {
        if let Some(names) = text.strip_prefix("choice(").and_then(|rest| rest.strip_suffix(')')) {
            // Never given back: a model is read once, by a command.
            let names: Vec<&'static str> = names.split(',').map(|name| &*name.to_owned().leak()).collect();
            return Ok(Self::Choice(names.leak()));
        }
        let digits = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')?.split_once(','));
        let found = match digits.map(|(precision, scale)| (precision.parse(), scale.parse())) {
            Some((Ok(precision), Ok(scale))) if scale <= precision => Some(Self::Decimal { precision, scale }),
            _ => PLAIN.into_iter().find(|kind| kind.to_string() == text),
        };
        found.ok_or_else(|| NotKind(text.into()))
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in PLAIN.into_iter().chain([Kind::Decimal { precision: 15, scale: 2 }, Kind::Choice(&["a", "b"])]) {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for text in
            ["", "Text", "decimal", "decimal(5)", "decimal(2,5)", "decimal(5,2", "decimal(a,b)", "decimal(5,2,1)"]
        {
            assert_eq!(text.parse::<Kind>(), Err(NotKind(text.into())));
        }
    }

    #[test]
    fn only_a_kind_that_has_every_value_of_the_other_takes_its_place() {
        let kind = |name: &str| name.parse::<Kind>().unwrap();
        for (from, to) in [
            ("int32", "int64"),
            ("int32", "float"),
            ("int32", "decimal(10,0)"),
            ("object id", "text"),
            ("choice(a,b)", "text"),
            ("choice(a,b)", "choice(b,c,a)"),
            ("date", "text"),
            ("decimal(5,2)", "decimal(7,3)"),
            ("decimal(5,2)", "decimal(5,2)"),
        ] {
            assert!(kind(to).holds(kind(from)), "{from} to {to}");
        }
        for (from, to) in [
            ("decimal(5,2)", "decimal(5,1)"),
            ("decimal(5,2)", "decimal(5,3)"),
            ("float", "decimal(5,1)"),
            ("int32", "decimal(10,1)"),
            ("int64", "int32"),
            ("int64", "decimal(15,0)"),
            ("int64", "time"),
            ("int64", "float"),
            ("text", "time"),
            ("text", "uuid"),
            ("text", "date"),
            ("time", "date"),
            ("choice(a,b)", "choice(a)"),
            ("text", "choice(a)"),
            ("text", "json"),
            ("texts", "json"),
            ("bool", "int32"),
        ] {
            assert!(!kind(to).holds(kind(from)), "{from} to {to}");
        }
    }
}
