//! Decimals, lists and nested values as BSON, both ways. JSON is taken as it is: a key such as `$oid` is a key.

use mongodb::bson::{Bson, RawBsonRef};
use serde_json::{Map, Number, Value};

/// So many units as a decimal number.
pub(crate) fn decimal(units: i64, scale: u8) -> Bson {
    format!("{units}E-{scale}").parse().map_or(Bson::Null, Bson::Decimal128)
}

/// The units of a decimal number, whichever way it is written: `8.3`, `83E-1`, `8E+1`.
pub(crate) fn units(text: &str, scale: u8) -> Option<i64> {
    let (digits, exponent) = text.split_once(['E', 'e']).unwrap_or((text, "0"));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent = exponent.parse::<i32>().ok()? + i32::from(scale) - i32::try_from(decimals.len()).ok()?;
    let number = format!("{whole}{decimals}").parse::<i128>().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    let units = match exponent {
        0.. => number.checked_mul(power)?,
        _ if number % power == 0 => number / power,
        _ => return None,
    };
    units.try_into().ok()
}

/// JSON text as BSON.
pub(crate) fn bson(json: &str) -> Bson {
    serde_json::from_str(json).map_or(Bson::Null, from_json)
}

fn from_json(value: Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(it) => Bson::Boolean(it),
        Value::String(it) => Bson::String(it),
        Value::Array(items) => Bson::Array(items.into_iter().map(from_json).collect()),
        Value::Object(fields) => Bson::Document(fields.into_iter().map(|(key, it)| (key, from_json(it))).collect()),
        Value::Number(it) => match (it.as_i64(), it.as_u64()) {
            (Some(small), _) => Bson::Int64(small),
            // Too large for 64 bits with a sign.
            (_, Some(large)) => large.to_string().parse().map_or(Bson::Null, Bson::Decimal128),
            _ => Bson::Double(it.as_f64().unwrap_or_default()),
        },
    }
}

/// BSON as JSON; nothing for what JSON does not have.
pub(crate) fn json(value: RawBsonRef<'_>) -> Option<Value> {
    Some(match value {
        RawBsonRef::Null => Value::Null,
        RawBsonRef::Boolean(it) => it.into(),
        RawBsonRef::String(it) => it.into(),
        RawBsonRef::Int32(it) => it.into(),
        RawBsonRef::Int64(it) => it.into(),
        RawBsonRef::Double(it) => Number::from_f64(it)?.into(),
        RawBsonRef::Decimal128(it) => it.to_string().parse::<u64>().ok()?.into(),
        RawBsonRef::Array(items) => items.into_iter().map(|item| json(item.ok()?)).collect::<Option<Vec<_>>>()?.into(),
        RawBsonRef::Document(fields) => {
            let field = fields.into_iter().map(|field| {
                let (key, value) = field.ok()?;
                Some((key.as_str().to_owned(), json(value)?))
            });
            Value::Object(field.collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_however_it_is_written() {
        for (text, expected) in [
            ("8.3", Some(83)),
            ("83E-1", Some(83)),
            ("8E+1", Some(800)),
            ("-0.10", Some(-1)),
            ("8.35", None),
            ("NaN", None),
        ] {
            assert_eq!(units(text, 1), expected, "{text}");
        }
        for number in [0, 1, -1, 999_999_999_999_999, -999_999_999_999_999] {
            let Bson::Decimal128(it) = decimal(number, 15) else { panic!("{number}") };
            assert_eq!(units(&it.to_string(), 15), Some(number), "{it}");
        }
    }
}
