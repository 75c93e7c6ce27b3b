//! Numbers with so many decimals: prices, ratings, weights.

use crate::{Cell, Kind, Value};
use garde::rules::range::{Bounds, OutOfBounds};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, str::FromStr};
use tollgate_core::{At, Faults, Input, Output, Range};

/// A number of at most `PRECISION` digits, `SCALE` of them decimals: SQL's `numeric(PRECISION, SCALE)`.
///
/// It is exact, in the database, in memory and in JSON, where it is a number: 15 digits, the most there may be, survive
/// every reader of JSON (RFC 8259, 6). A number with more decimals than it has room for is refused, never rounded.
///
/// ```
/// # use tollgate_store::Decimal;
/// let rating: Decimal<2, 1> = "8.5".parse().unwrap();
/// assert_eq!((rating.units(), rating.to_string()), (85, "8.5".into()));
/// assert!("8.55".parse::<Decimal<2, 1>>().is_err() && "10".parse::<Decimal<2, 1>>().is_err());
/// assert_eq!(Decimal::<2, 1>::try_from(8.5), Ok(rating));
/// ```
///
/// ```compile_fail,E0080
/// let too_long = tollgate_store::Decimal::<16, 2>::from_units(1);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal<const PRECISION: u8, const SCALE: u8>(i64);

/// A number with too many digits or decimals, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a number of at most {precision} digits, {scale} of them decimals")]
pub struct NotDecimal {
    precision: u8,
    scale: u8,
}

impl<const PRECISION: u8, const SCALE: u8> Decimal<PRECISION, SCALE> {
    const LEAST_TOO_LARGE: i64 = {
        assert!(PRECISION >= 1 && PRECISION <= 15, "a decimal has 1 to 15 digits");
        assert!(SCALE <= PRECISION, "decimals are digits too");
        10_i64.pow(PRECISION as u32)
    };
    const ERROR: NotDecimal = NotDecimal { precision: PRECISION, scale: SCALE };

    /// So many of its least unit: 85 is 8.5 with one decimal. `None` if that takes too many digits.
    pub fn from_units(units: i64) -> Option<Self> {
        (-Self::LEAST_TOO_LARGE < units && units < Self::LEAST_TOO_LARGE).then_some(Self(units))
    }

    /// How many of its least unit it is.
    pub fn units(self) -> i64 {
        self.0
    }
}

/// Writes so many units as a number.
pub(crate) fn write(units: i64, scale: u8, out: &mut impl fmt::Write) -> fmt::Result {
    let sign = if units < 0 { "-" } else { "" };
    let one = 10_u64.pow(scale.into());
    let (whole, rest) = (units.unsigned_abs() / one, units.unsigned_abs() % one);
    if scale == 0 {
        write!(out, "{sign}{whole}")
    } else {
        write!(out, "{sign}{whole}.{rest:0width$}", width = scale.into())
    }
}

/// The units of a number, if it has no more decimals than that. Zeros at its end decide nothing.
pub(crate) fn parse(text: &str, scale: u8) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, decimals) = digits.split_once('.').map_or((digits, "0"), |parts| parts);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = if is_number(decimals) { decimals.trim_end_matches('0') } else { return None };
    if !is_number(whole) || decimals.len() > scale.into() {
        return None;
    }
    let units = format!("{whole}{decimals:0<width$}", width = scale.into()).parse::<i64>().ok()?;
    Some(if negative { -units } else { units })
}

impl<const PRECISION: u8, const SCALE: u8> fmt::Display for Decimal<PRECISION, SCALE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.0, SCALE, f)
    }
}

impl<const PRECISION: u8, const SCALE: u8> fmt::Debug for Decimal<PRECISION, SCALE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const PRECISION: u8, const SCALE: u8> FromStr for Decimal<PRECISION, SCALE> {
    type Err = NotDecimal;

    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        parse(text, SCALE).and_then(Self::from_units).ok_or(Self::ERROR)
    }
}

/// The decimal that is written as the number is: `0.1` is a tenth.
impl<const PRECISION: u8, const SCALE: u8> TryFrom<f64> for Decimal<PRECISION, SCALE> {
    type Error = NotDecimal;

    fn try_from(number: f64) -> Result<Self, NotDecimal> {
        // The longest that fits has 15 digits, a sign and a point; others would be written at full length.
        if number.abs() < 1e15 { number.to_string().parse() } else { Err(Self::ERROR) }
    }
}

impl<const PRECISION: u8, const SCALE: u8> From<Decimal<PRECISION, SCALE>> for f64 {
    #[expect(clippy::cast_precision_loss, reason = "15 digits fit")]
    fn from(decimal: Decimal<PRECISION, SCALE>) -> Self {
        decimal.0 as Self / 10_f64.powi(SCALE.into())
    }
}

impl<const PRECISION: u8, const SCALE: u8> Serialize for Decimal<PRECISION, SCALE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if SCALE == 0 { serializer.serialize_i64(self.0) } else { serializer.serialize_f64((*self).into()) }
    }
}

impl<'de, const PRECISION: u8, const SCALE: u8> Deserialize<'de> for Decimal<PRECISION, SCALE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number<const PRECISION: u8, const SCALE: u8>;
        impl<const PRECISION: u8, const SCALE: u8> de::Visitor<'_> for Number<PRECISION, SCALE> {
            type Value = Decimal<PRECISION, SCALE>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number of at most {PRECISION} digits, {SCALE} of them decimals")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                number.try_into().map_err(|_| E::invalid_value(de::Unexpected::Float(number), &self))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                number.to_string().parse().map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                number.to_string().parse().map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
        }
        deserializer.deserialize_f64(Number::<PRECISION, SCALE>)
    }
}

impl<const PRECISION: u8, const SCALE: u8> JsonSchema for Decimal<PRECISION, SCALE> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Decimal{PRECISION}_{SCALE}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let most = f64::from(Self(Self::LEAST_TOO_LARGE - 1));
        let unit = f64::from(Self(1));
        json_schema!({ "type": "number", "minimum": -most, "maximum": most, "multipleOf": unit })
    }
}

impl<const PRECISION: u8, const SCALE: u8> Input for Decimal<PRECISION, SCALE> {
    fn check(&self, _: &At<'_>, _: &mut Faults) {}
}

/// `range(min = 0.0)`. Bounds are written as numbers with a point; 15 digits survive that, so this is exact as well.
impl<const PRECISION: u8, const SCALE: u8> Bounds for Decimal<PRECISION, SCALE> {
    type Size = f64;

    const MIN: f64 = f64::MIN;
    const MAX: f64 = f64::MAX;

    fn validate_bounds(&self, lower: f64, upper: f64) -> Result<(), OutOfBounds> {
        f64::from(*self).validate_bounds(lower, upper)
    }
}

impl<const PRECISION: u8, const SCALE: u8> Output for Decimal<PRECISION, SCALE> {}

/// Bounds are written as numbers are: `range(min = 0, max = 99)`, `range(min = 0.5)`.
macro_rules! ranges {
    ($($bound:ty),*) => {$(
        impl<const PRECISION: u8, const SCALE: u8> Range<$bound> for Decimal<PRECISION, SCALE> {
            fn range(&self, (least, most): (Option<$bound>, Option<$bound>)) -> Result<(), garde::Error> {
                // Both sides are the numbers nearest to what is written, so what is equal on paper is equal here.
                f64::from(*self).range((least.map(f64::from), most.map(f64::from)))
            }
        }
    )*};
}
ranges!(i32, f64);

impl<const PRECISION: u8, const SCALE: u8> Cell for Decimal<PRECISION, SCALE> {
    type Plain = Self;
    const KIND: Kind = Kind::Decimal { precision: PRECISION, scale: SCALE };

    fn show(&self) -> Value<'_> {
        Value::Int(self.0)
    }

    fn read(value: Value<'_>) -> Option<Self> {
        if let Value::Int(units) = value { Self::from_units(units) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Price = Decimal<15, 2>;

    #[test]
    fn what_is_written_is_read_back() {
        for units in [0, 1, -1, 10, 99, 100, -12345, 999_999_999_999_999, -999_999_999_999_999] {
            let price = Price::from_units(units).unwrap();
            assert_eq!(price.to_string().parse(), Ok(price));
            assert_eq!(Price::try_from(f64::from(price)), Ok(price));
            let json = serde_json::to_string(&price).unwrap();
            assert_eq!(serde_json::from_str::<Price>(&json).unwrap(), price, "{json}");
        }
        assert_eq!(serde_json::to_string(&Decimal::<2, 1>::from_units(83).unwrap()).unwrap(), "8.3");
        assert_eq!(serde_json::to_string(&Decimal::<3, 0>::from_units(-7).unwrap()).unwrap(), "-7");
    }

    #[test]
    fn a_range_is_said_in_whole_numbers_or_with_decimals() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        assert!(price("0").range((Some(0), None)).is_ok() && price("-0.01").range((Some(0), None)).is_err());
        for tenth in -1000..1000 {
            let (least, decimal) = (f64::from(tenth) / 10.0, Price::from_units(i64::from(tenth) * 10).unwrap());
            assert!(decimal.range((Some(least), Some(least))).is_ok(), "{decimal}");
            assert!(Price::from_units(decimal.units() - 1).unwrap().range((Some(least), None)).is_err(), "{decimal}");
            assert!(Price::from_units(decimal.units() + 1).unwrap().range((None, Some(least))).is_err(), "{decimal}");
        }
        assert!(
            Some(price("0.1")).range((Some(0.1), Some(0.1))).is_ok() && None::<Price>.range((Some(1), None)).is_ok()
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_rounded() {
        for text in
            ["", "-", ".", "1.", ".5", "1e2", "+1", "0.001", "10000000000000", "NaN", "1,5", " 1", "--1", "1.-5"]
        {
            assert!(text.parse::<Price>().is_err(), "{text:?}");
        }
        for number in [0.001, 1e13, 1e300, f64::NAN, f64::INFINITY, 5e-324] {
            assert!(Price::try_from(number).is_err(), "{number}");
        }
        for json in ["0.001", "1e300", "\"1.5\"", "null", "18446744073709551615", "[1]"] {
            assert!(serde_json::from_str::<Price>(json).is_err(), "{json}");
        }
        assert_eq!("1.5000".parse(), Ok(Price::from_units(150).unwrap()), "zeros at the end say nothing");
        assert_eq!("-0".parse(), Ok(Price::default()));
        assert_eq!(Price::from_units(1_000_000_000_000_000), None);
        assert_eq!(Price::from_units(i64::MIN), None);
    }
}
